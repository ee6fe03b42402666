#!/bin/sh
# Fills a directory with what one lab run needs: the program, the payloads, the tests and the
# guest's scripted initramfs; with LAB_PEER=1 also another VMM (peer.sh). Usage: overlay.sh DIR TEST...
set -eu
. "$(dirname "$0")/common.sh"

dir=$1
shift
mkdir -p "$dir/lab/bin" "$dir/lab/boot" "$dir/lab/payload" "$dir/lab/t"
cp "$LAB_SRC/host-init" "$dir/init"
chmod 755 "$dir/init"
cp "$LAB_SRC/run.sh" "$LAB_SRC/lead.sh" "$dir/lab/"
cp "$LAB_SRC"/t/* "$dir/lab/t/"
if [ "$#" -gt 0 ]; then printf '%s\n' "$@"; fi >"$dir/lab/list"
printf "export SOAK='%s' LAB_SLOW='%s' LAB_VERBOSE='%s' LAB_NAME='%s'\n" \
	"${SOAK:-}" "${LAB_SLOW:-1}" "${LAB_VERBOSE:-}" "${LAB_NAME:-lab}" >"$dir/lab/env"

if [ -e "$BUILD/rasvm" ]; then
	cp "$BUILD/rasvm" "$dir/lab/bin/"
	# What is left of the debugging information only costs unpacking time.
	prefix=aarch64-linux-gnu-
	if [ "$(uname -m)" = aarch64 ]; then prefix=; fi
	"${prefix}strip" -g "$dir/lab/bin/rasvm" 2>/dev/null || :
else
	note "no $BUILD/rasvm: the lab will run without it"
fi
for file in "$BUILD"/guest/*.flat "$ROOT/guest/list"; do
	if [ -f "$file" ]; then cp "$file" "$dir/lab/payload/"; fi
done
if [ -d "$LAB_IMAGES/passt" ]; then
	cp "$LAB_IMAGES/passt/bin/"* "$dir/lab/bin/"
	mkdir -p "$dir/lib/aarch64-linux-gnu"
	cp "$LAB_IMAGES/passt/lib/ld-linux-aarch64.so.1" "$dir/lib/"
	cp "$LAB_IMAGES/passt/lib/libc.so.6" "$dir/lib/aarch64-linux-gnu/"
fi
# Part of the kernel's package as it is, and git, each for the one test that uses it. (A name on a line of its
# own: a script that fails there ends this one.)
if [ "${LAB_PEER:-0}" = 1 ]; then
	tree=$(sh "$LAB_SRC/peer.sh")
	cp -r "$tree" "$dir/lab/peer"
fi
if grep -qx exec-host "$dir/lab/list"; then
	tree=$(sh "$LAB_SRC/package.sh")
	cp -r "$tree" "$dir/lab/package"
fi
if grep -qx bisect "$dir/lab/list"; then
	tree=$(sh "$LAB_SRC/git.sh")
	cp -r "$tree"/* "$dir/"
	rm "$dir/version"
	mkdir -p "$dir/lab/bisect"
	cp "$ROOT/tests/bisect/repository.sh" "$dir/lab/bisect/"
fi

cp "$LAB_DIR/filter_test" "$LAB_DIR/default_signals" "$LAB_DIR/on_tty" "$LAB_DIR/offline" \
	"$dir/lab/bin/"

# Every command that the documents show, for the test that runs them.
{
	sed -n 's/^    \(rasvm .*\)/\1/p' "$ROOT/README.md" "$ROOT"/docs/*.md "$ROOT/guest/README.md"
	sed ':join
		/\\e$/ { N; s/ *\\e\n */ /; b join
		}' "$ROOT/docs/rasvm.1.in" | sed -n 's/^\(\.Dl \)\{0,1\}\$ \(rasvm .*\)/\2/p'
} >"$dir/lab/examples"

# Every script that they show: a block that begins with "# NAME.script".
mkdir -p "$dir/lab/scripts"
awk -v dir="$dir/lab/scripts" '
	/^```/ { file = ""; first = 1; next }
	first && /^# [a-z]+\.script$/ { file = dir "/" $2 }
	{ first = 0 }
	file { print >file }' "$ROOT"/docs/*.md

# The guest's initramfs: busybox, then its scripted init, kexec and memory on top.
guest=$dir/guest
mkdir -p "$guest/bin"
cp "$LAB_SRC/guest-init" "$guest/init"
cp "$LAB_SRC/guest-devices" "$guest/"
chmod 755 "$guest/init"
cp "$LAB_DIR/kexec" "$LAB_DIR/memory" "$guest/bin/"
pack_cpio "$guest" "$dir/guest.cpio"
cat "$LAB_IMAGES/guest.cpio" "$dir/guest.cpio" >"$dir/lab/boot/guest.cpio"
rm -rf "$guest" "$dir/guest.cpio"
