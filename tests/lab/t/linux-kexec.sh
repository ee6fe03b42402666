# shellcheck shell=sh disable=SC2154
# kexec into a second kernel: all CPUs go off by CPU_OFF and come up again by CPU_ON.
# timeout: 300
# needs: linux
mkdir -p root/boot
cp "$KERNEL" root/boot/Image
cp "$INITRD" root/boot/initrd
(cd root && find . | cpio -o -H newc 2>/dev/null) >root.cpio
cat "$INITRD" root.cpio >initrd
rm -rf root root.cpio
# Debian 12's 6.12 kernel faults in kexec_load on CPUs with 52-bit addresses; not what is tested.
run_vm -k "$KERNEL" -i initrd -c 4 -m 768M --timeout 280s --trace trace.json \
	-p "$PARAMS arm64.nolva rasvm.steps=online:4,kexec:log;online:4;poweroff" </dev/null
guest_results
status_is 'power-off of the second kernel' 0
is 'kernels booted' "$(grep -c 'guest: booted' "$OUT")" 2
is 'kernels that saw 4 CPUs' "$(grep -c 'guest: ok - 4 CPUs online' "$OUT")" 2
has_not 'no reset in between' trace.json 'SYSTEM_RESET'
at_least 'CPU_ON calls' "$(grep -c '"\(PSCI_\)\?CPU_ON"' trace.json)" 6

# The first kernel gives SDEI back, the second finds it as after a reset.
has 'the second kernel finds SDEI' "$OUT" 'SDEIv1\.1 .* detected in firmware'
has_not 'both kernels kept it' "$OUT" 'disabling SDEI'
sed '1,/"name":"CPU_OFF"/d' trace.json | sed -n '/"name":"SDEI_VERSION"/,$p' >second.json
sdei_probed second.json 4 'second kernel'
