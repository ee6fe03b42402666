# shellcheck shell=sh disable=SC2154
# Kernels and initrds in the forms people have: a compressed kernel, an initrd beyond 256 MiB, paths with spaces.
# timeout: 300
# needs: linux
mkdir -p 'a directory'
gzip -1 -c "$KERNEL" >'a directory/Image gz'
run_vm -k 'a directory/Image gz' -i "$INITRD" -m 256M -p "$PARAMS rasvm.steps=online:1,poweroff" -c 1 \
	--timeout 200s </dev/null
guest_results
status_is 'compressed kernel' 0
rm 'a directory/Image gz'

# Zeroes behind an initramfs are skipped by the kernel, and so the test of its end is the archive that follows them.
dd if=/dev/zero bs=1M count=260 2>/dev/null | cat - "$INITRD" >'a directory/big initrd'
at_least 'bytes of the initrd' "$(stat -c %s 'a directory/big initrd')" $((257 << 20))
run_vm -k "$KERNEL" -i 'a directory/big initrd' -m 1G -p "$PARAMS rasvm.steps=online:1,poweroff" -c 1 \
	--timeout 200s </dev/null
guest_results
status_is 'initrd beyond 256 MiB' 0
