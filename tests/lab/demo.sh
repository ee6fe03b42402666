#!/bin/sh
# `make demo`: a Debian arm64 guest under rasvm, on this machine's KVM or in the emulated host:
# boots with two CPUs, shows what its kernel found out about the firmware, plugs a CPU out and in
# and powers off. Needs build/rasvm.
set -eu
. "$(dirname "$0")/common.sh"

overlay=
cleanup() {
	if [ -n "$overlay" ]; then rm -rf "$overlay"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

[ -e "$BUILD/rasvm" ] || die "$BUILD/rasvm is not there; run make first"
begin=$(date +%s)
sh "$LAB_SRC/deps.sh" lab
sh "$LAB_SRC/images.sh"
sh "$LAB_SRC/tools.sh"
overlay=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-overlay.XXXXXX")
sh "$LAB_SRC/overlay.sh" "$overlay"
cp "$LAB_SRC/demo-run.sh" "$overlay/lab/run.sh"

status=0
if lab_is_direct; then
	sh "$LAB_SRC/direct.sh" demo "$overlay" || status=$?
else
	note "this machine is no arm64 host with /dev/kvm: an emulated one stands in for it"
	sh "$LAB_SRC/boot.sh" demo "$overlay" 240 || status=$?
fi
if [ "$status" = 0 ]; then
	note "demo: done in $(($(date +%s) - begin)) s; logs are in $LAB_LOGS"
else
	note "demo: FAILED (status $status); logs are in $LAB_LOGS"
fi
exit "$status"
