#!/bin/sh
# Fetches Debian's git for arm64 with the libraries it needs, for the lab host: as much of it as `git bisect`
# takes, unpacked below build/lab/git as it lies in a root file system. Nothing is installed on this machine.
# Prints the directory.
set -eu
. "$(dirname "$0")/common.sh"

tree=$LAB_DIR/git
cache=$LAB_CACHE/git
packages='git:arm64 libc6:arm64 libpcre2-8-0:arm64 zlib1g:arm64'
version=$(candidate git:arm64)
if [ "$(cat "$tree/version" 2>/dev/null)" = "$version" ]; then
	echo "$tree"
	exit 0
fi

mkdir -p "$cache"
note "downloading git $version for arm64"
# shellcheck disable=SC2086 # one argument a package
(cd "$cache" && download $packages)

rm -rf "$tree" "$tree.tmp"
mkdir -p "$tree.tmp/all" "$tree.tmp/bin" "$tree.tmp/usr/lib/git-core" "$tree.tmp/lib/aarch64-linux-gnu"
for deb in "$cache"/*.deb; do dpkg-deb -x "$deb" "$tree.tmp/all"; done
cp "$tree.tmp/all/usr/bin/git" "$tree.tmp/bin/"
# In git's own directory, git-bisect is a script (until 2.39) that reads the other two.
for script in git-bisect git-sh-setup git-sh-i18n; do
	if [ -f "$tree.tmp/all/usr/lib/git-core/$script" ]; then
		cp "$tree.tmp/all/usr/lib/git-core/$script" "$tree.tmp/usr/lib/git-core/"
	fi
done
for library in libc.so.6 libpcre2-8.so.0 libz.so.1; do
	cp -L "$(find "$tree.tmp/all" -name "$library" | head -n 1)" "$tree.tmp/lib/aarch64-linux-gnu/"
done
cp -L "$(find "$tree.tmp/all" -name ld-linux-aarch64.so.1 | head -n 1)" "$tree.tmp/lib/"
rm -rf "$tree.tmp/all"
mv "$tree.tmp" "$tree"
echo "$version" >"$tree/version"
echo "$tree"
