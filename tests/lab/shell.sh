#!/bin/sh
# `make shell-lab`: an interactive shell on the arm64 host, emulated or this machine, with rasvm, a
# guest kernel and an initramfs in place. Needs build/rasvm for rasvm to be there.
set -eu
. "$(dirname "$0")/common.sh"

work=
cleanup() {
	if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' TERM HUP

sh "$LAB_SRC/deps.sh" lab
sh "$LAB_SRC/images.sh"
sh "$LAB_SRC/tools.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-lab.XXXXXX")
sh "$LAB_SRC/overlay.sh" "$work/overlay"
cp "$LAB_SRC/motd" "$work/overlay/lab/motd"

if lab_is_direct; then
	cp "$LAB_IMAGES/Image" "$LAB_IMAGES/modules.cpio" "$work/overlay/lab/boot/"
	cat "$LAB_SRC/motd"
	cd "$work/overlay/lab"
	PATH="$PWD/bin:$PATH" LAB="$PWD" "${SHELL:-/bin/sh}" || :
	exit 0
fi

pack_cpio "$work/overlay" "$work/overlay.cpio"
rm -rf "$work/overlay"
cat "$LAB_IMAGES/host.cpio" "$LAB_IMAGES/modules.cpio" "$LAB_IMAGES/boot.cpio" "$work/overlay.cpio" \
	>"$work/initrd"
note "booting the emulated host: -cpu $LAB_CPU, GICv$LAB_GIC, $LAB_SMP CPUs; Ctrl-a x leaves it"
# shellcheck disable=SC2046 # one argument a word
qemu-system-aarch64 $(lab_machine) \
	-kernel "$LAB_IMAGES/Image" -initrd "$work/initrd" \
	-append "console=ttyAMA0 quiet panic=-1 rdinit=/init lab.shell" -serial mon:stdio
