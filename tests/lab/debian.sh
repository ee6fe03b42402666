#!/bin/sh
# Makes the lab's Debian disk, once, from Debian's arm64 packages: in $LAB_IMAGES
#   debian.ext4  a root file system with systemd, no kernel; root's password is "lab"; fio is there
#   passt        a directory with the user-mode network program and the libraries it needs
# The disk's packages are configured by their own scripts, which an emulator of arm64 programs runs
# (qemu-user); that takes two or three minutes. Needs root.
set -eu
. "$(dirname "$0")/common.sh"

# What a login on a console needs, and what the tests use.
packages=systemd,systemd-sysv,dbus,login,iproute2,kmod,udev,attr
suite=bookworm
mirror=${LAB_MIRROR:-http://deb.debian.org/debian}
work=$LAB_DIR/debian

stamp="$(cksum <"$0") $mirror"
[ "$(cat "$LAB_IMAGES/debian.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
[ "$(id -u)" = 0 ] || die "the Debian disk can be made by root only; sudo sh tests/lab/debian.sh"

# The kernel hands arm64 programs to the emulator once it has been told.
use_emulator() {
	if [ "$(uname -m)" = aarch64 ]; then return; fi
	binfmt=/proc/sys/fs/binfmt_misc
	if [ ! -e $binfmt/register ]; then mount -t binfmt_misc none $binfmt; fi
	if [ ! -e $binfmt/qemu-aarch64 ]; then cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register; fi
}

bootstrap_once() { # bootstrap_once VARIANT PACKAGES DIR
	rm -rf "$3"
	mmdebstrap --quiet --arch=arm64 --variant="$1" --include="$2" \
		--aptopt='Acquire::Languages "none"' \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$suite" "$3" "$mirror" >"$LAB_LOGS/debian.log" 2>&1
}

bootstrap() { # bootstrap VARIANT PACKAGES DIR
	again bootstrap_once "$@" || {
		tail -n 20 "$LAB_LOGS/debian.log" >&2
		die "mmdebstrap failed; all it said is in $LAB_LOGS/debian.log"
	}
}

# fio needs the libraries of every storage system it knows; their packages need no set-up.
add_fio() {
	cp "$work/tools/usr/bin/fio" "$work/root/usr/bin/"
	cp -an "$work"/tools/usr/lib/aarch64-linux-gnu/*.so* "$work/root/usr/lib/aarch64-linux-gnu/"
	cp -an "$work"/tools/usr/lib/aarch64-linux-gnu/ceph "$work/root/usr/lib/aarch64-linux-gnu/" 2>/dev/null || :
	if [ -d "$work/tools/lib/aarch64-linux-gnu" ]; then
		cp -an "$work"/tools/lib/aarch64-linux-gnu/*.so* "$work/root/usr/lib/aarch64-linux-gnu/"
	fi
	chroot "$work/root" ldconfig
}

keep_passt() {
	rm -rf "$LAB_IMAGES/passt"
	mkdir -p "$LAB_IMAGES/passt/bin" "$LAB_IMAGES/passt/lib"
	cp "$work"/tools/usr/bin/passt* "$LAB_IMAGES/passt/bin/"
	cp -L "$work/root/lib/ld-linux-aarch64.so.1" "$work/root/lib/aarch64-linux-gnu/libc.so.6" "$LAB_IMAGES/passt/lib/"
}

# A boot with nothing to wait for.
set_up() {
	echo root:lab | chroot "$work/root" chpasswd
	echo lab-debian >"$work/root/etc/hostname"
	echo '/dev/root / ext4 defaults 0 0' >"$work/root/etc/fstab"
	echo 0123456789abcdef0123456789abcdef >"$work/root/etc/machine-id"
	chroot "$work/root" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
		fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service e2scrub_reap.service \
		systemd-pstore.service systemd-update-utmp.service >/dev/null 2>&1
	rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
}

note "making the Debian disk: two or three minutes"
mkdir -p "$LAB_IMAGES" "$LAB_LOGS"
rm -rf "$work" "$LAB_IMAGES/debian.stamp"
mkdir -p "$work"
use_emulator
bootstrap minbase "$packages" "$work/root"
bootstrap extract fio,passt "$work/tools"
add_fio
keep_passt
set_up
rm -f "$LAB_IMAGES/debian.ext4"
mke2fs -q -t ext4 -O ^has_journal -d "$work/root" "$LAB_IMAGES/debian.ext4" 900M
rm -rf "$work"
echo "$stamp" >"$LAB_IMAGES/debian.stamp"
