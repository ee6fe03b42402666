#!/bin/sh
# Makes the lab's images from Debian's arm64 packages, once: in $LAB_IMAGES
#   Image        the kernel, for host and guest
#   host.cpio    the host's initramfs: busybox
#   boot.cpio    what the host boots its guests from: kernel, guest initramfs (/lab/boot)
#   guest.cpio   the guest's initramfs: busybox (its /init comes from guest-init, at each run)
#   modules.cpio kernel modules with modules.dep, for whoever needs them
#   busybox      the static busybox itself
# LAB_KERNEL, LAB_MODULES and LAB_BUSYBOX replace the packages. Nothing is fetched that is in the
# cache; LAB_FRESH=1 asks the archive for newer versions.
set -eu
. "$(dirname "$0")/common.sh"

# Modules of later use in host or guest; what they depend on is added.
modules='virtio_mmio virtio_blk virtio_net virtio-rng virtio_balloon ext4 9p 9pnet_virtio tun vhost_net bridge dummy overlay crc32c_generic null_blk einj hwpoison-inject evdev gpio_keys'

apt_knows() {
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# Package lists may be missing (containers) or lack arm64.
refresh_package_lists() {
	as_root=
	if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
	if [ "$(dpkg --print-architecture)" != arm64 ]; then $as_root dpkg --add-architecture arm64; fi
	again $as_root apt-get update -q >&2
}

# The package that holds the kernel: the one the metapackage depends on.
kernel_package() {
	for meta in linux-image-6.12-arm64:arm64 linux-image-arm64:arm64; do
		apt_knows "$meta" || continue
		package=$(apt-cache depends "$meta" |
			sed -n 's/^ *|\{0,1\}Depends: *\(linux-image-[0-9][^ :]*\).*/\1/p' | head -n 1)
		version=${package#linux-image-}
		if dpkg --compare-versions "${version%%[!0-9.]*}" ge 6.4; then
			echo "$package:arm64"
			return
		fi
	done
	die "no arm64 kernel package >= 6.4 in the package lists; add bookworm-security or newer, or set LAB_KERNEL=path"
}

# fetch PACKAGE: download it into the cache unless there, print the file's name.
fetch() {
	version=$(apt-cache policy "$1" | sed -n 's/^ *Candidate: *//p')
	file=$LAB_CACHE/${1%:*}_$(echo "$version" | sed 's/:/%3a/')_arm64.deb
	if [ ! -s "$file" ]; then
		note "downloading $1 $version"
		(cd "$LAB_CACHE" && download "$1") || die "download of $1 failed"
	fi
	[ -s "$file" ] || die "apt-get download $1 did not leave $file"
	echo "$file"
}

# Write down which files the images are made of, to be asked once and not at each run.
resolve() {
	command -v apt-get >/dev/null 2>&1 ||
		die "no apt here: set LAB_KERNEL=arm64 Image and LAB_BUSYBOX=static arm64 busybox"
	apt_knows busybox-static:arm64 || refresh_package_lists
	package=$(kernel_package)
	kernel_deb=$(fetch "$package")
	busybox_deb=$(fetch busybox-static:arm64)
	printf '%s\n%s\n' "$kernel_deb" "$busybox_deb" >"$LAB_CACHE/packages"
}

unpack() {
	rm -rf "$LAB_DIR/unpacked"
	mkdir -p "$LAB_DIR/unpacked"
	while read -r deb; do
		note "unpacking $(basename "$deb")"
		dpkg-deb -x "$deb" "$LAB_DIR/unpacked"
	done <"$LAB_CACHE/packages"
}

# Copy the wanted modules and what they need, decompressed, and index them.
make_modules() { # make_modules SOURCE: a lib/modules/VERSION directory
	stage=$LAB_DIR/stage-modules
	version=$(basename "$1")
	rm -rf "$stage"
	mkdir -p "$stage/lib/modules/$version"
	depmod -b "$(dirname "$(dirname "$(dirname "$1")")")" "$version"
	for module in $modules; do
		grep -E "(^|/)$module\.ko[.a-z]*:" "$1/modules.dep" | tr -d ':' | tr ' ' '\n'
	done | sort -u | while read -r path; do
		[ -n "$path" ] || continue
		mkdir -p "$stage/lib/modules/$version/$(dirname "$path")"
		case $path in
		*.xz) xz -dc "$1/$path" >"$stage/lib/modules/$version/${path%.xz}" ;;
		*.zst) zstd -qdc "$1/$path" >"$stage/lib/modules/$version/${path%.zst}" ;;
		*) cp "$1/$path" "$stage/lib/modules/$version/$path" ;;
		esac
	done
	cp "$1"/modules.builtin "$1"/modules.order "$stage/lib/modules/$version/" 2>/dev/null || :
	depmod -b "$stage" "$version" 2>/dev/null
	pack_cpio "$stage" "$LAB_IMAGES/modules.cpio"
	rm -rf "$stage"
}

make_busybox_cpio() { # make_busybox_cpio BUSYBOX OUT
	stage=$LAB_DIR/stage-busybox
	rm -rf "$stage"
	mkdir -p "$stage/bin" "$stage/proc" "$stage/sys" "$stage/dev" "$stage/tmp" "$stage/etc" "$stage/root"
	ln -s bin "$stage/sbin"
	cp "$1" "$stage/bin/busybox"
	ln -s busybox "$stage/bin/sh"
	chmod 755 "$stage/bin/busybox"
	pack_cpio "$stage" "$2"
	rm -rf "$stage"
}

make_boot_cpio() {
	stage=$LAB_DIR/stage-boot
	rm -rf "$stage"
	mkdir -p "$stage/lab/boot"
	cp "$LAB_IMAGES/Image" "$LAB_IMAGES/modules.cpio" "$stage/lab/boot/"
	pack_cpio "$stage" "$LAB_IMAGES/boot.cpio"
	rm -rf "$stage"
}

mkdir -p "$LAB_CACHE" "$LAB_IMAGES"
if [ -z "$LAB_KERNEL" ] || [ -z "$LAB_BUSYBOX" ]; then
	if [ "${LAB_FRESH:-0}" = 1 ] || [ ! -s "$LAB_CACHE/packages" ] ||
		! xargs ls <"$LAB_CACHE/packages" >/dev/null 2>&1; then
		resolve
	fi
fi

stamp="$(cat "$LAB_CACHE/packages" 2>/dev/null || :) $LAB_KERNEL $LAB_MODULES $LAB_BUSYBOX $(cksum <"$0")"
if [ -n "$LAB_KERNEL" ]; then stamp="$stamp $(cksum <"$LAB_KERNEL")"; fi
[ "$(cat "$LAB_IMAGES/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

rm -f "$LAB_IMAGES/stamp"
kernel=$LAB_KERNEL
module_dir=$LAB_MODULES
busybox=$LAB_BUSYBOX
if [ -z "$kernel" ] || [ -z "$busybox" ]; then unpack; fi
if [ -z "$busybox" ]; then busybox=$LAB_DIR/unpacked/bin/busybox; fi
if [ ! -e "$busybox" ]; then busybox=$LAB_DIR/unpacked/usr/bin/busybox; fi
if [ -z "$kernel" ]; then
	kernel=$(ls "$LAB_DIR"/unpacked/boot/vmlinuz-*)
	module_dir=$(ls -d "$LAB_DIR"/unpacked/lib/modules/* "$LAB_DIR"/unpacked/usr/lib/modules/* 2>/dev/null || :)
fi

note "making images in $LAB_IMAGES"
cp "$kernel" "$LAB_IMAGES/Image"
cp "$busybox" "$LAB_IMAGES/busybox"
make_busybox_cpio "$busybox" "$LAB_IMAGES/host.cpio"
cp "$LAB_IMAGES/host.cpio" "$LAB_IMAGES/guest.cpio"
if [ -n "$module_dir" ]; then
	make_modules "$module_dir"
else
	: >"$LAB_IMAGES/modules.cpio"
fi
make_boot_cpio
rm -rf "$LAB_DIR/unpacked"
echo "$stamp" >"$LAB_IMAGES/stamp"
