#!/bin/sh
# `make bench`: rasvm's speed and size against QEMU's, and lkvm's if PEER_LKVM names one, in one
# boot of the lab's host (or directly, on an arm64 machine with /dev/kvm). Prints a table of
# medians beside the targets and appends it to build/bench.csv. Judges nothing by its exit status:
# that only says whether there was something to measure. Needs build/rasvm.
#   BENCH_ROUNDS=3     times that everything timed is measured, the VMMs in turn
#   BENCH_CPUS=1 BENCH_MEM=256   the guest: vCPUs, MiB
#   BENCH_VMMS="rasvm qemu lkvm"   a selection of them
#   BENCH_ONLY=sdei    nothing but SDEI's part; ras: that of hardware errors; devices: that of devices;
#                      boot: all but these
#   BENCH_SECONDS=3    that each measurement of a device takes
#   BENCH_TRANSPORTS="mmio pci"   what the devices are behind
#   BENCH_DISKS="cache disk tmpfs null"   a disk in the page cache; past it; a file in tmpfs; nothing but a timer
#   BENCH_SERIAL_KB    KiB of output on the serial port: 10240, in the emulated host 16
#   BENCH_SAMPLES=1000 SDEI events and interrupts of each kind between CPUs, and errors, at most 1000;
#                      0: none
#   BENCH_LIMIT=120    seconds that one guest may take
#   BENCH_PROFILE=1    also list rasvm's system calls up to the first KVM_RUN, with times
#   PEER_LKVM=path     kvmtool's lkvm for arm64
# LAB_CPU and the lab's other variables choose the host.
set -eu
BENCH_SRC=$(cd "$(dirname "$0")" && pwd)
cd "$BENCH_SRC/../tests/lab"
LAB_SRC=$(pwd)
ROOT=$(cd ../.. && pwd)
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$ROOT/$BUILD ;;
esac
export BUILD
LAB_DIR=${LAB_DIR:-$BUILD/lab}
BENCH_ROUNDS=${BENCH_ROUNDS:-3}
BENCH_CPUS=${BENCH_CPUS:-1}
BENCH_MEM=${BENCH_MEM:-256}
BENCH_VMMS=${BENCH_VMMS:-rasvm qemu lkvm}
BENCH_ONLY=${BENCH_ONLY:-}
BENCH_SAMPLES=${BENCH_SAMPLES:-1000}
BENCH_LIMIT=${BENCH_LIMIT:-120}
BENCH_SECONDS=${BENCH_SECONDS:-3}
BENCH_TRANSPORTS=${BENCH_TRANSPORTS:-mmio pci}
BENCH_DISKS=${BENCH_DISKS:-cache disk tmpfs null}
BENCH_SERIAL_KB=${BENCH_SERIAL_KB:-}
BENCH_PROFILE=${BENCH_PROFILE:-0}
PEER_LKVM=${PEER_LKVM:-}
out=$BUILD/bench
csv=$BUILD/bench.csv
overlay=

note() {
	printf 'bench: %s\n' "$*" >&2
}

# shellcheck disable=SC2317 # run by the trap
cleanup() {
	if [ -n "$overlay" ]; then rm -rf "$overlay"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

is_direct() { # as lab_is_direct in tests/lab/common.sh
	[ "${LAB_EMULATE:-0}" != 1 ] && [ "$(uname -m)" = aarch64 ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]
}

is_dynamic() {
	{ aarch64-linux-gnu-readelf -l "$1" 2>/dev/null || readelf -l "$1"; } | grep -q INTERP
}

add_lkvm() {
	[ -n "$PEER_LKVM" ] || return 0
	cp "$PEER_LKVM" "$overlay/lab/bench/lkvm"
	chmod 755 "$overlay/lab/bench/lkvm"
	if is_dynamic "$PEER_LKVM"; then : >"$overlay/lab/bench/lkvm-is-dynamic"; fi
}

make_overlay() {
	overlay=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-bench.XXXXXX")
	peer=1
	case $BENCH_ONLY in sdei | ras) peer=0 ;; esac
	LAB_PEER=$peer LAB_NAME=bench sh "$LAB_SRC/overlay.sh" "$overlay"
	mkdir -p "$overlay/lab/bench"
	for file in stopwatch syscount stepcount bare_loop stream probe.img start.img stay.img floor.img \
		steps.img sdei_guest.flat ras_guest.flat guest.cpio devices.cpio; do
		cp "$out/$file" "$overlay/lab/bench/"
	done
	cp "$BENCH_SRC/ras_stages.awk" "$BENCH_SRC/devices.sh" "$overlay/lab/bench/"
	add_lkvm
	cp "$BENCH_SRC/host.sh" "$overlay/lab/run.sh"
	cat >"$overlay/lab/bench/env" <<-END
		BENCH_ROUNDS=$BENCH_ROUNDS BENCH_CPUS=$BENCH_CPUS BENCH_MEM=$BENCH_MEM
		BENCH_LIMIT=$BENCH_LIMIT BENCH_SAMPLES=$BENCH_SAMPLES BENCH_PROFILE=$BENCH_PROFILE
		BENCH_VMMS='$BENCH_VMMS' BENCH_ONLY=$BENCH_ONLY BENCH_QEMU_GIC=${LAB_GIC:-3}
		BENCH_SECONDS=$BENCH_SECONDS BENCH_TRANSPORTS='$BENCH_TRANSPORTS'
		BENCH_DISKS='$BENCH_DISKS' BENCH_SERIAL_KB=$serial_kb BENCH_DISK='$disk'
	END
}

# fio and what it is measured on besides: the lab's Debian disk, which the emulated host has as /dev/vda.
choose_devices() {
	disk=
	serial_kb=${BENCH_SERIAL_KB:-16}
	if [ -e "$LAB_DIR/images/debian.ext4" ]; then
		disk=/dev/vda
	else
		note "no $LAB_DIR/images/debian.ext4 (tests/lab/debian.sh makes it, as root): disks are left out"
	fi
	is_direct || return 0
	serial_kb=${BENCH_SERIAL_KB:-10240}
	if [ -n "$disk" ]; then disk=$LAB_DIR/images/debian.ext4; fi
}

machine_name() {
	sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1
}

revision() {
	revision=$(git -C "$ROOT" rev-parse --short HEAD 2>/dev/null || echo unknown)
	if [ -n "$(git -C "$ROOT" status --porcelain 2>/dev/null)" ]; then revision=$revision+; fi
	echo "$revision"
}

[ -e "$BUILD/rasvm" ] || {
	note "$BUILD/rasvm is not there; run make first"
	exit 1
}
case $BENCH_ONLY in
'' | boot | sdei | ras | devices) ;;
*)
	note "BENCH_ONLY=$BENCH_ONLY: it is boot, sdei, ras, devices or empty"
	exit 1
	;;
esac
begin=$(date +%s)
load=$(cut -d' ' -f1 /proc/loadavg)
sh "$LAB_SRC/deps.sh" lab
sh "$LAB_SRC/images.sh"
sh "$LAB_SRC/tools.sh"
sh "$BENCH_SRC/tools.sh" "$out"
choose_devices
make_overlay
status=0
if is_direct; then
	host=direct
	sh "$LAB_SRC/direct.sh" bench "$overlay" || status=$?
else
	host="emulated -cpu ${LAB_CPU:-max,pauth-impdef=on}"
	sh "$LAB_SRC/boot.sh" bench "$overlay" $((300 + BENCH_ROUNDS * 3600)) || status=$?
fi
[ "$status" = 0 ] || note "the host ended with status $status; what it measured follows"

cp "$LAB_DIR/logs/bench.log" "$out/log"
echo
tr -d '\r' <"$out/log" | awk -f "$BENCH_SRC/table.awk" -v csv="$csv" -v date="$(date -u +%Y-%m-%dT%H:%M:%SZ)" \
	-v revision="$(revision)" -v machine="$(machine_name)" -v host="$host" \
	-v cpus="$BENCH_CPUS" -v mem="$BENCH_MEM" || exit 1
echo
echo "Host: $host, on $(machine_name), $(nproc) CPUs, load before: $load. Guest: $BENCH_CPUS vCPU, $BENCH_MEM MiB."
echo "$((($(date +%s) - begin) / 60)) min; the values: $out/log, all runs: $csv"
exit "$status"
