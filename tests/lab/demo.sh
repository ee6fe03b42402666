#!/bin/sh
# `make demo`: hardware memory errors and a Debian arm64 guest, on this machine's KVM or in the
# emulated host (demo-run.sh has the story). Needs build/rasvm. With --html FILE the timeline is
# written as a page besides. Usage: demo.sh [--html FILE]
set -eu
. "$(dirname "$0")/common.sh"

overlay=
html=
cleanup() {
	if [ -n "$overlay" ]; then rm -rf "$overlay"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

case $# in
0) ;;
2) if [ "$1" = --html ] && [ -n "$2" ]; then html=$2; fi ;;
esac
[ "$#" = 0 ] || [ -n "$html" ] || die 'usage: demo.sh [--html FILE]'
[ -e "$BUILD/rasvm" ] || die "$BUILD/rasvm is not there; run make first"
begin=$(date +%s)
sh "$LAB_SRC/deps.sh" lab
sh "$LAB_SRC/images.sh"
sh "$LAB_SRC/tools.sh"
overlay=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-overlay.XXXXXX")
sh "$LAB_SRC/overlay.sh" "$overlay"
cp "$LAB_SRC/demo-run.sh" "$overlay/lab/run.sh"

# The page comes on the same stream as the rest, between two lines; it is not for the terminal.
run() {
	if lab_is_direct; then
		sh "$LAB_SRC/direct.sh" demo "$overlay"
	else
		note "this machine is no arm64 host with /dev/kvm: an emulated one stands in for it"
		sh "$LAB_SRC/boot.sh" demo "$overlay" 700
	fi
}
{
	status=0
	run || status=$?
	echo "$status" >"$overlay/status"
} | sed -u '/^lab: page begins$/,/^lab: page ends$/d'
status=$(cat "$overlay/status")

if [ -n "$html" ]; then
	sed -n '/^lab: page begins$/,/^lab: page ends$/p' "$LAB_LOGS/demo.log" |
		sed '/^lab: page /d' >"$html"
	[ -s "$html" ] || die "the run left no page for $html"
	note "the timeline as a page: $html"
fi
if [ "$status" = 0 ]; then
	note "demo: done in $(($(date +%s) - begin)) s; logs are in $LAB_LOGS"
else
	note "demo: FAILED (status $status); logs are in $LAB_LOGS"
fi
exit "$status"
