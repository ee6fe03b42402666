# shellcheck shell=sh disable=SC2154
# Linux with a device tree as SDEI client: it finds the interface, resets it, unmasks each CPU; masks
# a CPU before it goes off, unmasks it when it is back. (linux-kexec: and hands it on clean.)
# timeout: 500
# needs: linux

loops=10
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:4,hotplug:$loops,freeze:8,mem:8,poweroff" -c 4 --trace trace.json
status_is 'power-off' 0
has 'the kernel finds SDEI 1.1' "$OUT" 'SDEIv1\.1 .* detected in firmware'
has_not 'the kernel keeps it' "$OUT" 'disabling SDEI'
# Up to the first CPU that goes off.
sed '/"name":"CPU_OFF"/,$d' trace.json >boot.json
sdei_probed boot.json 4 boot

# Each CPU_OFF is made by a CPU that masked itself since it last unmasked; each CPU that comes on
# unmasks itself.
sdei_calls trace.json 'SDEI_PE_MASK\|SDEI_PE_UNMASK\|CPU_OFF' | awk '
	$2 == "SDEI_PE_MASK" { masked[$1] = 1 }
	$2 == "SDEI_PE_UNMASK" { masked[$1] = 0; unmasks[$1]++ }
	$2 == "CPU_OFF" { offs++; if (!masked[$1]) bad++ }
	END { print offs + 0, bad + 0 }' >offs
at_least 'CPUs that went off' "$(cut -d ' ' -f 1 offs)" "$loops"
is 'CPUs that went off unmasked' "$(cut -d ' ' -f 2 offs)" 0
at_least 'CPUs that came on and unmasked' "$(sdei_calls trace.json SDEI_PE_UNMASK | wc -l)" $((loops + 4))

run_linux log,poweroff -c 1 --no-sdei --dump-dtb off.dtb
status_is '--no-sdei' 0
has_not '--no-sdei: no SDEI' "$OUT" 'SDEIv'
