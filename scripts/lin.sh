#!/bin/sh
# lin.sh ARGUMENT…: builds tests/lin, runs the tests of its own, and then `lin run ARGUMENT…` against the built program.
#
# BUILD is the build folder; histories that fail are kept in $BUILD/lin.
set -eu

cd "$(dirname "$0")/.."
build=${BUILD:-build}
case $build in
/*) ;;
*) build=$PWD/$build ;;
esac

# Debian's own, whose version the module is chosen for; no other one is fetched.
go=/usr/lib/go-1.19/bin/go
[ -x "$go" ] || go=go
export GOTOOLCHAIN=local

(cd tests/lin && "$go" vet . && "$go" test -count=1 -v . && "$go" build -buildvcs=false -o "$build/lin/lin" .)
exec "$build/lin/lin" run -dibs "${DIBS_BIN:-$build/src/cli/dibs}" -out "$build/lin" "$@"
