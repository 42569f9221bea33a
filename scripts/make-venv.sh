#!/bin/sh
# make-venv.sh PYTHON DIRECTORY: makes the virtual environment, or says in a sentence why it cannot.
set -eu
python=$1
directory=$2
here=$(dirname "$0")

refuse() {
    echo "screamrouter-sip: $*" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || refuse "There is no $python; name a CPython 3.11 or 3.12 with PYTHON=..."
"$here/check-host.sh" "$python"
echo "screamrouter-sip: making a virtual environment in $directory with $("$python" --version)"
"$python" -m venv --clear "$directory" >/dev/null 2>&1 ||
    refuse "$python cannot make virtual environments; install its venv module (Debian: python3-venv)."
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
[ -e "$include/Python.h" ] || refuse "$python has no headers in $include; install them (Debian: python3-dev)."
