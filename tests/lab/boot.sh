#!/bin/sh
# Boots the emulated arm64 host on an overlay directory and streams what its /lab/run.sh prints.
# Usage: boot.sh NAME OVERLAY TIMEOUT_S
# NAME.log (results) and NAME.console (the host's kernel) are kept under build/lab/logs. Exit
# status: the one run.sh gave, 124 if the host had to be stopped, 3 if it died. It is stopped when it
# takes longer than TIMEOUT_S, or is silent for longer than its present test may take.
set -eu
. "$(dirname "$0")/common.sh"

name=$1
overlay=$2
timeout_s=$3
work=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-lab.XXXXXX")
emulator=
watcher=
SILENT_S=${LAB_SILENT_S:-120} # beyond the limit of a test, which the host itself sees to

cleanup() {
	if [ -n "$watcher" ]; then kill "$watcher" 2>/dev/null || :; fi
	if [ -n "$emulator" ]; then kill "$emulator" 2>/dev/null || :; fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# A kernel that hangs does not kill its test.
watch_silence() { # watch_silence LOG PID
	while sleep 10 >/dev/null 2>&1; do # may outlive us: holds nothing open
		limit=$(sed -n 's/^# [^ ]* (limit \([0-9]*\) s)$/\1/p' "$1" 2>/dev/null | tail -n 1)
		heard=$(stat -c %Y "$1" 2>/dev/null || date +%s)
		if [ $(($(date +%s) - heard)) -gt $((${limit:-60} + SILENT_S)) ]; then
			note "the host says nothing any more: stopping it"
			kill "$2"
			return
		fi
	done
}

mkdir -p "$LAB_LOGS"
: >"$LAB_LOGS/$name.log"
pack_cpio "$overlay" "$work/overlay.cpio"
cat "$LAB_IMAGES/host.cpio" "$LAB_IMAGES/modules.cpio" "$LAB_IMAGES/boot.cpio" "$work/overlay.cpio" \
	>"$work/initrd"
mkfifo "$work/results"

# The Debian disk, for tests that boot guests from it: what they write is forgotten.
debian=
if [ -e "$LAB_IMAGES/debian.ext4" ]; then
	debian="-drive if=none,id=debian,format=raw,snapshot=on,file=$LAB_IMAGES/debian.ext4
		-device virtio-blk-pci,drive=debian,serial=debian"
fi

note "booting the emulated host: -cpu $LAB_CPU, GICv$LAB_GIC, $LAB_SMP CPUs (limit ${timeout_s} s)"
# shellcheck disable=SC2046,SC2086 # one argument a word
timeout -k 5 "$timeout_s" qemu-system-aarch64 $(lab_machine) \
	-kernel "$LAB_IMAGES/Image" -initrd "$work/initrd" \
	-append "console=ttyAMA0 loglevel=5 panic=-1 oops=panic rdinit=/init" \
	-chardev "file,id=console,path=$LAB_LOGS/$name.console" -serial chardev:console \
	-chardev "file,id=results,path=$work/results" \
	-device virtio-serial-pci -device virtserialport,chardev=results,name=lab.results $debian \
	</dev/null &
emulator=$!
watch_silence "$LAB_LOGS/$name.log" "$emulator" &
watcher=$!
tee "$LAB_LOGS/$name.log" <"$work/results" | sed -u '/^lab: end /d'

status=0
wait "$emulator" || status=$?
emulator=
kill "$watcher" 2>/dev/null || :
watcher=
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
	note "the host was stopped after $timeout_s s; its console ends:"
	tail -n 20 "$LAB_LOGS/$name.console" >&2
	exit 124
fi
end=$(sed -n 's/^lab: end \([0-9]*\).*/\1/p' "$LAB_LOGS/$name.log" | tail -n 1)
if [ -z "$end" ]; then
	note "the host died (emulator status $status); its console ends:"
	tail -n 40 "$LAB_LOGS/$name.console" >&2
	exit 3
fi
exit "$end"
