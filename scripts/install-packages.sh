#!/bin/sh
# install-packages.sh LIST...: brings the Debian packages of requirements/apt-LIST.txt that are not there yet.
# Says what it installs and why, before it does. No service that a package brings is started or enabled.
set -eu
cd "$(dirname "$0")/.."

refuse() {
    echo "screamrouter-sip: $*" >&2
    exit 1
}

# Whether a package's program is there from elsewhere: many have a Node.js of their own, beside which Debian's cannot stand.
is_brought() {
    case $1 in
    nodejs) command -v node >/dev/null 2>&1 ;;
    npm) command -v npm >/dev/null 2>&1 ;;
    *) false ;;
    esac
}

# Prints "name  why" for each package of the lists that is not installed.
print_missing() {
    for list in "$@"; do
        grep -v -e '^#' -e '^$' "requirements/apt-$list.txt"
    done | sort -u | while read -r name why; do
        is_brought "$name" && continue
        status=$(dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null || true)
        [ "$status" = installed ] || printf '  %-16s %s\n' "$name" "$why"
    done
}

# Debian's way to say "start nothing": a policy that forbids it, for the time of the installation (invoke-rc.d(8)).
POLICY=/usr/sbin/policy-rc.d
forbid_services='[ -e "$1" ] || { trap "rm -f $1" EXIT; trap "exit 130" INT TERM; printf "#!/bin/sh\nexit 101\n" >"$1"; chmod 755 "$1"; }'

install_as_root() {
    # A foreign package source that does not answer must not stop us: what is missing shows in the next step.
    $root apt-get update -qq || echo "screamrouter-sip: apt-get update failed; trying with the package lists that are there."
    $root sh -c "$forbid_services"'
        shift
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends \
            -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"' sh "$POLICY" "$@" </dev/null
}

[ "${SKIP_APT:-}" = 1 ] && exit 0
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    refuse "This is neither Debian nor Ubuntu: install what requirements/apt-*.txt lists by your system's own means," \
        "then run make again with SKIP_APT=1."
fi

missing=$(print_missing "$@")
[ -n "$missing" ] || exit 0
names=$(echo "$missing" | awk '{print $1}')

if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root=sudo
else
    refuse "These Debian packages are missing, and neither root nor sudo is at hand; ask your administrator for:" $names
fi

echo "screamrouter-sip: installing these Debian packages${root:+ with sudo}:"
echo "$missing"
# shellcheck disable=SC2086  # names without spaces, one word each
install_as_root $names ||
    refuse "apt-get could not install all of:" $names "- its own message is above; mend that and run make again."

# A service that came with a package must not take a port at the next boot either.
for package in $names; do
    case $package in
    avahi-daemon) units='avahi-daemon.socket avahi-daemon.service' ;;
    kamailio) units=kamailio.service ;;
    *) continue ;;
    esac
    # shellcheck disable=SC2086  # unit names without spaces
    if command -v systemctl >/dev/null 2>&1 && $root systemctl --quiet disable $units 2>/dev/null; then
        echo "screamrouter-sip: the service of $package stays off; only its programs are wanted."
    fi
done
