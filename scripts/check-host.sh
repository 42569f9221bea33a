#!/bin/sh
# check-host.sh PYTHON: fails with one sentence when this machine cannot run screamrouter-sip. Changes nothing.
# A PYTHON that is not there yet passes: the package step may bring it, and make-venv.sh asks again.
set -eu
python=$1
here=$(dirname "$0")

refuse() {
    echo "screamrouter-sip: $*" >&2
    exit 1
}

wheel='The pjsua2 library that screamrouter-sip stands on exists for'
[ "$(uname -s)" = Linux ] || refuse "$wheel Linux only, and this is $(uname -s)."
[ "$(uname -m)" = x86_64 ] || refuse "$wheel 64-bit x86 processors only, and this is $(uname -m)."
if command -v "$python" >/dev/null 2>&1; then
    obstacle=$("$python" "$here/supported_host.py" 2>&1) || refuse "$obstacle"
fi
