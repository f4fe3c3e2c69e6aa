#!/bin/sh
# lint.sh fmt | quick [BUILD] | all [BUILD]: what can be said about the code without running it.
#
#   fmt    formats our C in place
#   quick  format and cppcheck: under a minute, a part of `make test`
#   all    and clang-tidy over every file, and shellcheck over the scripts
#
# The last line is `N passed, N failed`; the exit status says the same.
set -u
cd "$(dirname "$0")/.." || exit 1
verb=${1:-all}
build=${2:-build}
passed=0
failed=0

# Our C: what git knows and what is new and not ignored.
sources() {
	git -c safe.directory='*' ls-files --cached --others --exclude-standard -- '*.c' '*.h' | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# check NAME COMMAND…: runs it; what it said is shown only when it failed.
check() {
	name=$1
	shift
	if out=$("$@" 2>&1); then
		passed=$((passed + 1))
		printf '%-12s fine\n' "$name"
	else
		failed=$((failed + 1))
		printf '%s\n%-12s FAILED\n' "$out" "$name"
	fi
}

# Debian names the tool with its version; elsewhere the plain name has to do.
tool() {
	command -v "$1-14" || command -v "$1" || echo "$1-14"
}

# One line a file, not one a place: `make fmt` is the remedy for all of them.
format() {
	wrong=$(sources | xargs "$(tool clang-format)" --dry-run --style=file 2>&1 |
		sed -n 's/^\([^ :]*\):[0-9].*clang-format-violations.*/\1/p' | sort -u)
	[ -z "$wrong" ] || { echo "not formatted (make fmt): $wrong" | tr '\n' ' ' && echo && false; }
}

# Off: what needs the whole program in one run (unusedFunction), what only concerns style that .clang-format and
# docs/HACKING.md settle otherwise, and system headers that cppcheck does not need.
cpp_check() {
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 -j 2 \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=missingInclude --suppressions-list=scripts/cppcheck.suppress \
		-D_GNU_SOURCE -D__x86_64__ -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234 '-DDIBS_VERSION="lint"' \
		--library=posix,gnu,scripts/cppcheck.cfg -I src src bench
}

# Only files that the build knows; the flags come from its compile_commands.json.
tidy() {
	sources | grep '^src/.*\.c$' | grep -F -f "$build/lint-known" |
		xargs -P 2 -n 4 "$(tool clang-tidy)" --quiet -p "$build/lint-tidy"
}

# clang does not know some of gcc's flags; it gets the same list without them.
prepare_tidy() {
	mkdir -p "$build/lint-tidy"
	sed -e 's/-fno-strict-overflow//g; s/-fstack-clash-protection//g; s/-Werror//g; s/-U_FORTIFY_SOURCE//g' \
		-e 's/-D_FORTIFY_SOURCE=2//g' "$build/compile_commands.json" >"$build/lint-tidy/compile_commands.json"
	sed -n 's/.*"file": "\.\.\/\(.*\)".*/\1/p' "$build/compile_commands.json" | sort -u >"$build/lint-known"
}

# No file to look at is no success.
if [ -z "$(sources)" ]; then
	echo "lint.sh: git names no C file here" >&2
	exit 1
fi
case $verb in
fmt)
	sources | xargs "$(tool clang-format)" -i --style=file
	exit
	;;
quick | all)
	check clang-format format
	check cppcheck cpp_check
	;;
*)
	echo "lint.sh: no verb '$verb'; there are: fmt quick all" >&2
	exit 2
	;;
esac
if [ "$verb" = all ]; then
	prepare_tidy
	check clang-tidy tidy
	check shellcheck shellcheck scripts/deps.sh scripts/lint.sh .ci/run
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
