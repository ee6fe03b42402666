#!/bin/sh
# Fetches Debian's arm64 QEMU and the libraries it needs, unpacked below build/lab/peer as a small
# tree for the lab host, so that the same guest can be measured under another VMM there. Nothing is
# installed on this machine. Prints the tree's directory. In the host: peer/qemu ARGUMENTS...
# Left out: firmware, option ROMs and devices as modules; use -M virt -kernel with -nodefaults.
set -eu
. "$(dirname "$0")/common.sh"

peer=$LAB_DIR/peer
cache=$LAB_CACHE/peer
version=$(candidate qemu-system-arm:arm64)
if [ "$(cat "$peer/version" 2>/dev/null)" = "$version" ]; then
	echo "$peer"
	exit 0
fi

# The package and every arm64 library package it depends on, directly or not.
closure() {
	echo qemu-system-arm:arm64
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances qemu-system-arm:arm64 |
		sed -n 's/^\(lib[^ ]*:arm64\|zlib1g:arm64\)$/\1/p' | sort -u
}

mkdir -p "$cache"
packages=$(closure)
note "downloading QEMU $version for arm64 and its libraries ($(echo "$packages" | wc -l) packages)"
# shellcheck disable=SC2086 # one argument a package
(cd "$cache" && download $packages)

rm -rf "$peer" "$peer.tmp"
mkdir -p "$peer.tmp/all" "$peer.tmp/lib"
for deb in "$cache"/*.deb; do dpkg-deb -x "$deb" "$peer.tmp/all"; done

# Only what the loader will ask for: follow the NEEDED entries from the program.
needed() {
	aarch64-linux-gnu-readelf -d "$1" 2>/dev/null || readelf -d "$1"
}
find_library() {
	find "$peer.tmp/all" -name "$1" | head -n 1
}
take() { # take FILE NAME: copy it and what it needs
	cp -L "$1" "$peer.tmp/lib/$2"
	needed "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r name; do
		[ -e "$peer.tmp/lib/$name" ] && continue
		library=$(find_library "$name")
		[ -n "$library" ] || die "library $name, which QEMU needs, is in none of the packages"
		take "$library" "$name"
	done
}
take "$peer.tmp/all/usr/bin/qemu-system-aarch64" qemu-system-aarch64
cp -L "$(find_library ld-linux-aarch64.so.1)" "$peer.tmp/lib/ld-linux-aarch64.so.1"
mv "$peer.tmp/lib/qemu-system-aarch64" "$peer.tmp/qemu-system-aarch64"
rm -rf "$peer.tmp/all"
cat >"$peer.tmp/qemu" <<'END'
#!/bin/sh
# QEMU by its own loader and libraries.
here=$(dirname "$0")
exec "$here/lib/ld-linux-aarch64.so.1" --library-path "$here/lib" "$here/qemu-system-aarch64" "$@"
END
chmod 755 "$peer.tmp/qemu"
echo "$version" >"$peer.tmp/version"
mv "$peer.tmp" "$peer"
echo "$peer"
