#!/bin/sh
# install.sh PYTHON: puts screamrouter-sip on this machine as a service. Run again, it updates; config.yaml is never touched.
set -eu
umask 022
cd "$(dirname "$0")/.."
python=$1

NAME=screamrouter-sip
PREFIX=/opt/$NAME
VENV=$PREFIX/.venv
CONFIG=/etc/$NAME/config.yaml

refuse() {
    echo "$NAME: $*" >&2
    exit 1
}

say() { echo "$NAME: $*"; }

[ "$(id -u)" = 0 ] || refuse "make install writes to /opt and /etc: run it as root, for example with sudo make install."

# The service cannot look into home directories (ProtectHome), so neither may its interpreter live there.
choose_python() {
    if command -v "$python" >/dev/null 2>&1; then
        case $("$python" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))') in
        /root/* | /home/*) python=/usr/bin/python3 ;;
        esac
    fi
    scripts/check-host.sh "$python"
}

# Builds the wheel from a copy: nothing that belongs to root is left behind in the clone.
build_wheel() {
    cp -R setup.py pyproject.toml MANIFEST.in LICENSE CMakeLists.txt cpp src requirements scripts "$work"
    rm -f "$work"/src/engine/_engine*.so
    mkdir "$work/web"
    cp -R web/package.json web/package-lock.json web/.npmrc web/tsconfig.json web/build.mjs web/src "$work/web"
    "$work/scripts/build-page.sh"
    scripts/make-venv.sh "$python" "$work/venv"
    say "building the program"
    "$work/venv/bin/python" -m pip --disable-pip-version-check --quiet install -r requirements/build.txt
    "$work/venv/bin/python" -m pip --disable-pip-version-check --quiet wheel --no-deps --no-build-isolation \
        --wheel-dir "$work/wheel" "$work"
}

install_program() {
    mkdir -p "$PREFIX"
    "$VENV/bin/python" -c '' 2>/dev/null || scripts/make-venv.sh "$python" "$VENV"
    say "installing into $PREFIX"
    "$VENV/bin/python" -m pip --disable-pip-version-check --quiet install -r requirements/run.txt
    "$VENV/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall "$work"/wheel/*.whl
    install -m 644 LICENSE "$PREFIX/LICENSE"
    ln -sf "$VENV/bin/$NAME" "/usr/local/bin/$NAME"
}

install_user_and_config() {
    if ! getent passwd "$NAME" >/dev/null; then
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$NAME"
        say "made the user $NAME, who runs the service"
    fi
    install -d -o "$NAME" -g "$NAME" -m 750 "/etc/$NAME"
    if [ -e "$CONFIG" ]; then
        say "left $CONFIG as it was"
    else
        # The state directory is named, so that the command line finds the service's control socket there.
        sed "s|^  state_dir:.*|  state_dir: /var/lib/$NAME|" config.yaml >"$work/config.yaml"
        install -o "$NAME" -g "$NAME" -m 640 "$work/config.yaml" "$CONFIG"
        say "put the default configuration into $CONFIG"
    fi
}

install_service() {
    install -m 644 "systemd/$NAME.service" "/etc/systemd/system/$NAME.service"
    install -d /etc/sysctl.d
    install -m 644 "systemd/60-$NAME.conf" "/etc/sysctl.d/60-$NAME.conf"
    sysctl -q -p "/etc/sysctl.d/60-$NAME.conf" 2>/dev/null ||
        say "could not raise net.core.rmem_max now; it takes effect at the next boot"
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl --quiet enable "$NAME.service"
        systemctl restart "$NAME.service" ||
            refuse "installed, but the service does not start; the reason is in: journalctl -u $NAME -n 20"
        say "the service runs, now and after each boot; watch it with: journalctl -fu $NAME"
    else
        say "systemd does not run here; where it does: systemctl enable --now $NAME"
    fi
}

choose_python
scripts/install-packages.sh build
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
build_wheel
install_program
install_user_and_config
install_service
say "installed; the command is $NAME, the configuration $CONFIG"
