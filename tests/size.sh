#!/bin/sh
# The program stays small and stands alone: static, stripped below 2 MiB, half of which is the C
# library, devices and the guest's init of `rasvm exec`. Also prints what the
# sources measure: functions, their median and how many are long (not judged here).
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
limit=$((2048 * 1024))
stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip_tool='strip'
[ "$(uname -m)" = aarch64 ] || strip_tool=aarch64-linux-gnu-strip
"$strip_tool" -o "$stripped" "$BUILD/rasvm"
size=$(stat -c %s "$stripped")
echo "stripped: $size bytes, limit $limit"
[ "$size" -lt "$limit" ]
if readelf -d "$BUILD/rasvm" | grep NEEDED; then
	echo "the program needs shared libraries"
	exit 1
fi
awk '
	/^[a-z].*\)$/ || /^[a-z].*,$/ { start = 0 }
	/^\{$/ { start = FNR }
	/^\}$/ && start { n = FNR - start - 1; start = 0; count[n]++; total++; if (n > 60) long++ }
	END {
		for (i = 0; seen < total / 2; i++) seen += count[i]
		printf "functions: %d, median %d lines, over 60 lines: %d (%.1f %%)\n", total, i - 1, long, 100 * long / total
	}' main.c cli/*.c arm64/*.c arm64/dev/*.c virtio/*.c hypercall/*.c sdei/*.c ras/*.c lib/*.c
