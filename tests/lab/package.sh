#!/bin/sh
# Unpacks from the kernel's Debian package what a user who unpacks it finds of the modules that 9p over virtio
# needs: compressed, and without the index that depmod makes. Prints the directory; an empty one if the kernel is
# not from a package.
set -eu
. "$(dirname "$0")/common.sh"

tree=$LAB_DIR/package
deb=$(grep '/linux-image-' "$LAB_CACHE/packages" 2>/dev/null || :)
if [ -n "$LAB_KERNEL" ]; then deb=; fi
if [ "$(cat "$tree.from" 2>/dev/null)" = "from $deb" ]; then
	echo "$tree"
	exit 0
fi
rm -rf "$tree" "$tree.from"
mkdir -p "$tree"
if [ -n "$deb" ]; then
	dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" --wildcards \
		'*/modules.order' '*/modules.builtin' '*/9pnet.ko*' '*/9pnet_virtio.ko*' '*/9p.ko*' \
		'*/netfs.ko*' '*/virtio_mmio.ko*'
fi
echo "from $deb" >"$tree.from"
echo "$tree"
