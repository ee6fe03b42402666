# shellcheck shell=sh disable=SC2154
# Conformance where the number of CPUs matters: 1, 2, 8 and 17 (the last has Aff1 = 1).
# timeout: 300
for cpus in 1 2 8 17; do
	if [ "$cpus" -gt 8 ] && ! grep -q GICv3 /proc/interrupts; then
		skip "$cpus CPUs" 'a GICv2 has 8 at most'
		continue
	fi
	select=group=DESU
	# Many CPUs on few: what takes long is not lost.
	if [ "$cpus" -gt 4 ]; then select='timescale=10 test=E01,E06,S07,U01'; fi
	psci "$select soak=1" 0 -c "$cpus"
done
