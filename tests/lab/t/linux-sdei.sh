# shellcheck shell=sh disable=SC2154
# Linux with a device tree as SDEI client: it finds the interface, resets it, unmasks each CPU; masks
# a CPU before it goes off, unmasks it when it is back; and kexec hands it on clean.
# timeout: 400
# needs: linux

# The calls of a kind as "CPU RESULT", or "CPU action", in the order in which they were made.
calls() { # calls TRACE NAME-REGEX
	sed -n 's/^{"t_ns":\([0-9]*\),"cpu":\([0-9]*\),.*"name":"\('"$2"'\)".*\("ret":\|"action":"\)\([-a-z_0-9]*\).*/\1 \2 \3 \5/p' "$1" |
		sort -n | cut -d ' ' -f 2-
}

# probed TRACE CPUS WHAT: as the driver does when it starts (or starts again after a kexec).
probed() {
	is "$3: the first call" "$(calls "$1" 'SDEI_[A-Z_]*' | head -n 1 | cut -d ' ' -f 2)" SDEI_VERSION
	calls "$1" 'SDEI_[A-Z_]*' | awk -v cpus="$2" '
		$2 == "SDEI_VERSION" { stage = 1 }
		$2 == "SDEI_PRIVATE_RESET" && stage == 1 && $3 == 0 { resets++ }
		$2 == "SDEI_SHARED_RESET" && resets == cpus && $3 == 0 { stage = 2 }
		$2 == "SDEI_PE_UNMASK" && stage == 2 && $3 == 0 && !seen[$1]++ { unmasked++ }
		END { print stage + 0, resets + 0, unmasked + 0 }' >order
	is "$3: VERSION, PRIVATE_RESET on each CPU, SHARED_RESET, PE_UNMASK on each CPU" \
		"$(cat order)" "2 $2 $2"
	has_not "$3: no SDEI call failed" "$1" '"name":"SDEI_.*"ret":-'
}

loops=10
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:4,hotplug:$loops,freeze,mem,poweroff" -c 4 --trace trace.json
status_is 'power-off' 0
has 'the kernel finds SDEI 1.1' "$OUT" 'SDEIv1\.1 .* detected in firmware'
has_not 'the kernel keeps it' "$OUT" 'disabling SDEI'
# Up to the first CPU that goes off.
sed '/"name":"CPU_OFF"/,$d' trace.json >boot.json
probed boot.json 4 boot

# Each CPU_OFF is made by a CPU that masked itself since it last unmasked; each CPU that comes on
# unmasks itself.
calls trace.json 'SDEI_PE_MASK\|SDEI_PE_UNMASK\|CPU_OFF' | awk '
	$2 == "SDEI_PE_MASK" { masked[$1] = 1 }
	$2 == "SDEI_PE_UNMASK" { masked[$1] = 0; unmasks[$1]++ }
	$2 == "CPU_OFF" { offs++; if (!masked[$1]) bad++ }
	END { print offs + 0, bad + 0 }' >offs
at_least 'CPUs that went off' "$(cut -d ' ' -f 1 offs)" "$loops"
is 'CPUs that went off unmasked' "$(cut -d ' ' -f 2 offs)" 0
at_least 'CPUs that came on and unmasked' "$(calls trace.json SDEI_PE_UNMASK | wc -l)" $((loops + 4))

# Debian 12's 6.12 kernel faults in kexec_load on CPUs with 52-bit addresses; not what is tested.
mkdir -p root/boot
cp "$KERNEL" root/boot/Image
cp "$INITRD" root/boot/initrd
(cd root && find . | cpio -o -H newc 2>/dev/null) >root.cpio
cat "$INITRD" root.cpio >initrd
rm -rf root root.cpio
run_vm -k "$KERNEL" -i initrd -c 2 -m 768M --timeout 200s --trace kexec.json \
	-p "$PARAMS arm64.nolva rasvm.steps=online:2,kexec:log;online:2;poweroff" </dev/null
guest_results
status_is 'power-off of the second kernel' 0
has 'the second kernel finds SDEI' "$OUT" 'SDEIv1\.1 .* detected in firmware'
has_not 'both kernels kept it' "$OUT" 'disabling SDEI'
sed '1,/"name":"CPU_OFF"/d' kexec.json >second.json
sed -n '/"name":"SDEI_VERSION"/,$p' second.json >second-boot.json
probed second-boot.json 2 'second kernel'

run_linux log,poweroff -c 1 --no-sdei --dump-dtb off.dtb
status_is '--no-sdei' 0
has_not '--no-sdei: no SDEI' "$OUT" 'SDEIv'
