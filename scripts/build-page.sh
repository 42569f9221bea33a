#!/bin/sh
# build-page.sh [types]: builds web/dist if something in web/ is newer; with `types`, checks the types instead.
# Without Node.js 18 or the package registry there is no page, which is said; the daemon serves all the rest.
set -eu
cd "$(dirname "$0")/../web"

say() { echo "screamrouter-sip: $*" >&2; }

is_built() { [ -e dist/index.html ] && [ -z "$(find src build.mjs package-lock.json -newer dist/index.html)" ]; }

bring_packages() {
    [ -e node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ] && return
    say "installing the packages of web/package-lock.json into web/node_modules"
    npm ci --silent --no-audit --no-fund
    touch node_modules/.package-lock.json
}

has_node() {
    command -v npm >/dev/null 2>&1 && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null
}

if [ "${1:-}" = types ]; then
    bring_packages
    exec npm run --silent types
fi
is_built && exit 0
if ! has_node; then
    say "there is no Node.js 18 or newer with npm: the page is not built, all else is."
elif ! { bring_packages && npm run --silent build; }; then
    say "the page was not built (npm's own message is above); all else is. Run make again to try once more."
fi
