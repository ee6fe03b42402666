# shellcheck shell=sh disable=SC2154
# SDEI where the number of CPUs matters: 1, 2, 8 and 17 (the last has Aff1 = 1).
# timeout: 900
for cpus in 1 2 8 17; do
	if [ "$cpus" -gt 8 ] && ! grep -q GICv3 /proc/interrupts; then
		skip "$cpus CPUs" 'a GICv2 has 8 at most'
		continue
	fi
	case $cpus in
	1 | 2) select=group=OPQRS ;;
	# Many CPUs on few: what takes long is not lost.
	8) select=timescale=10${SOAK:+ group=HIJKLMNOPQRS}
		if [ -z "$SOAK" ]; then select="$select test=O01,O02,O04,Q07,S07,Z01,Z02,Z03"; fi ;;
	*) select='timescale=10 test=O01,S07,Z01' ;;
	esac
	sdei "$select soak=1 cpus=$cpus" 0 -c "$cpus" --timeout 600s
done
