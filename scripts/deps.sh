#!/bin/sh
# deps.sh GROUP…: what a verb of the Makefile needs, installed with apt-get when it is missing.
#
# Groups: build, test, coverage, lint, bench, fuzz; each is a list of Debian 12 package names below. Nothing is asked.
# When nothing is missing this is one dpkg-query. Without the right to install, it prints the one line to run and exits 1.
set -eu

build="gcc libc6-dev meson ninja-build pkgconf libuv1-dev libsodium-dev libjansson-dev libssl-dev libsqlite3-dev
	libinih-dev libcurl4-openssl-dev libcmocka-dev node-llhttp"
test="python3 python3-venv python3-pytest python3-pytest-xdist python3-httpx binutils clang-format-14 cppcheck gcovr
	golang-go ca-certificates mount e2fsprogs"
coverage="python3 gcovr"
lint="clang-format-14 clang-tidy-14 cppcheck shellcheck python3"
bench="python3 wrk golang-go redis-server ca-certificates"
fuzz="clang-14 libclang-rt-14-dev python3"

say() {
	printf 'deps: %s\n' "$*" >&2
}

# Debian 13 has llhttp as a library of its own.
llhttp_by_release() {
	if [ -r /etc/debian_version ] && [ "$(cut -d. -f1 /etc/debian_version)" = 13 ]; then
		build=$(printf '%s' "$build" | sed 's/node-llhttp/libllhttp-dev/')
	fi
}

wanted() {
	for group in "$@"; do
		case $group in
		build) echo "$build" ;;
		test) echo "$test" ;;
		coverage) echo "$coverage" ;;
		lint) echo "$lint" ;;
		bench) echo "$bench" ;;
		fuzz) echo "$fuzz" ;;
		*)
			say "no group '$group'; there are: build test coverage lint bench fuzz"
			exit 2
			;;
		esac
	done
}

# One name a line, each once: those of the arguments that are not installed.
missing_of() {
	have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
	for package in "$@"; do
		printf '%s\n' "$have" | grep -qxF "$package" || echo "$package"
	done | sort -u
}

# How apt-get may be called here: "" for root, "sudo -n" or "sudo"; returns 1 when it may not.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		echo ""
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		echo "sudo -n"
	elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
		echo "sudo"
	else
		return 1
	fi
}

# apt ARGUMENTS…: quiet; what it said is shown only when it failed. Waits for another apt-get to finish.
apt() {
	out=$(mktemp)
	# shellcheck disable=SC2086 # $root is one command of several words, or none
	if ! $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 "$@" >"$out" 2>&1 </dev/null; then
		cat "$out" >&2
		rm -f "$out"
		say "apt-get $1 failed (above)"
		exit 1
	fi
	rm -f "$out"
}

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
	say "not a Debian; going on, but the build needs what these packages of Debian 12 hold:" \
		"$(wanted "$@" | tr -s '\n\t ' ' ')"
	exit 0
fi
llhttp_by_release
# shellcheck disable=SC2046 # a list of words
missing=$(missing_of $(wanted "$@"))
[ -n "$missing" ] || exit 0
missing=$(printf '%s' "$missing" | tr '\n' ' ')
if ! root=$(as_root); then
	say "packages are missing, and here is neither root nor sudo to install them. As root, run:"
	echo "apt-get update && apt-get install -y --no-install-recommends $missing" >&2
	exit 1
fi
say "installing $(printf '%s' "$missing" | wc -w) packages: $missing"
apt update
# shellcheck disable=SC2086
apt install --no-install-recommends $missing
