#!/bin/sh
# Runs a lab overlay on this machine itself, an arm64 one with /dev/kvm: nothing is emulated, the
# same scripts run in a temporary directory with the lab's busybox. Usage: direct.sh NAME OVERLAY
set -eu
. "$(dirname "$0")/common.sh"

name=$1
LAB=$2/lab
mkdir -p "$LAB_LOGS" "$LAB/applets"
cp "$LAB_IMAGES/busybox" "$LAB/applets/busybox"
cp "$LAB_IMAGES/Image" "$LAB_IMAGES/modules.cpio" "$LAB/boot/"
"$LAB/applets/busybox" --install -s "$LAB/applets"
export LAB LAB_DIRECT=1 PATH="$LAB/bin:$LAB/applets:$PATH"
note "running directly on this machine's /dev/kvm"
"$LAB/applets/busybox" sh "$LAB/run.sh" </dev/null 2>&1 |
	tee "$LAB_LOGS/$name.log" | sed -u '/^lab: end /d'
exit "$(sed -n 's/^lab: end \([0-9]*\).*/\1/p' "$LAB_LOGS/$name.log" | tail -n 1)"
