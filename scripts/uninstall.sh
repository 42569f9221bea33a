#!/bin/sh
# uninstall.sh: removes what install.sh has put, except the owner's own: configuration, state, and the user they belong to.
set -eu
NAME=screamrouter-sip

if [ "$(id -u)" != 0 ]; then
    echo "$NAME: make uninstall removes from /opt and /etc: run it as root, for example with sudo make uninstall." >&2
    exit 1
fi

if [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now "$NAME.service" 2>/dev/null || true
fi
rm -f "/etc/systemd/system/$NAME.service" "/etc/sysctl.d/60-$NAME.conf"
rm -rf "/opt/$NAME"
[ "$(readlink "/usr/local/bin/$NAME" || true)" = "/opt/$NAME/.venv/bin/$NAME" ] && rm -f "/usr/local/bin/$NAME"
[ -d /run/systemd/system ] && systemctl daemon-reload

echo "$NAME: removed the program, its service and its kernel setting."
echo "$NAME: kept /etc/$NAME and /var/lib/$NAME, and the user $NAME who owns them. To remove these too:"
echo "    rm -rf /etc/$NAME /var/lib/$NAME; userdel $NAME"
