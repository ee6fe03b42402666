#!/bin/sh
# Builds the benchmark's own programs for arm64 into build/bench: what runs in the host (stopwatch,
# syscount, stepcount, bare_loop, stream) and what runs in its guests (*.img, *.flat, *.cpio).
# Usage: tools.sh OUT
set -eu
bench=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$bench/.." && pwd)
out=$1
prefix=aarch64-linux-gnu-
if [ "$(uname -m)" = aarch64 ]; then prefix=; fi

compile() { # compile NAME: a static program
	"${prefix}gcc" -std=gnu11 -D_GNU_SOURCE -I"$root" -Wall -Wextra -O2 -static -s \
		-o "$out/$1" "$bench/$1.c"
}

payload() { # payload NAME [FLAG...]: bench/probe.S as a file of nothing but its code
	name=$1
	shift
	"${prefix}gcc" -c -march=armv8-a "$@" -o "$out/$name.o" "$bench/probe.S"
	"${prefix}objcopy" -O binary -j .text "$out/$name.o" "$out/$name.img"
}

mkdir -p "$out/root"
compile stopwatch
compile syscount
compile stepcount
compile bare_loop
compile guest_init
compile stream
payload probe -DCALLS=100 -DBATCHES=50
payload floor -DCALLS=20 -DBATCHES=100
payload steps -DCALLS=100 -DBATCHES=1
payload start -DCALLS=1 -DBATCHES=1
payload stay -DCALLS=1 -DBATCHES=1 -DSTAY_S=3
make --no-print-directory -C "$root" -f bench/guest.mk BUILD="$(dirname "$out")"
cp "$out/guest/sdei_guest.flat" "$out/guest/ras_guest.flat" "$out/"
cp "$out/guest_init" "$out/root/init"
(cd "$out/root" && echo init | cpio --quiet -o -H newc -R 0:0) >"$out/guest.cpio"
mkdir -p "$out/devices"
cp "$bench/devices_guest" "$out/devices/init"
cp "$out/stream" "$out/devices/stream"
chmod 755 "$out/devices/init"
(cd "$out/devices" && printf '%s\n' init stream | cpio --quiet -o -H newc -R 0:0) >"$out/devices.cpio"
