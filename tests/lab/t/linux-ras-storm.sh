# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# Many errors in a Linux guest: 48 lost pages at once, three times what its kernel queues; then 1000 errors
# at random, lost pages and corrected errors, while its four CPUs are busy. None is lost on the way: what
# the kernel counts is what was injected.
# timeout: 600
# needs: linux
lost=100
corrected=900
seconds=60
if [ -n "$SOAK" ]; then lost=600 corrected=5400 seconds=240; fi
# Only pages of processes and free ones are there (movablecore=): it is filled from its beginning, 0x90000000,
# the 128 MiB of the process that holds them first. What the shell that runs the steps takes afterwards lies
# behind; a page of it among the lost ones would kill process 1, and that is a panic.
range=range=0x91000000-0x97000000
PARAMS="console=ttyS0 quiet $PATIENT movablecore=256M rootfstype=ramfs"

storm() { # storm WHAT STEP INJECTED OPTION...
	what=$1
	step=$2
	injected=$3
	shift 3
	run_linux "storm:128:$step,poweroff" -m 512M --firmware-tables acpi --trace trace.json --stats "$@"
	status_is "$what" 0
	has_not "$what: rasvm has nothing to complain of" "$ERR" 'rasvm: (error|warning)'
	is "$what: injected" "$(ras_count trace.json injected)" "$injected"
	is "$what: reported" "$(ras_stat reported)" "$injected"
	is "$what: told of, each" "$(($(ras_stat notified) + $(ras_stat known)))" "$injected"
	is "$what: acknowledged" "$(ras_stat acknowledged)" "$(ras_stat notified)"
	is "$what: acknowledged too late" "$(ras_stat overdue)" 0
	sorts=$(($(guest_value recovered) + $(guest_value ignored) + $(guest_value failed) + $(guest_value delayed)))
	is "$what: recovered, ignored, failed and delayed are all" "$sorts" "$(guest_value 'lost pages')"
}

# As fast as a kernel that is emulated can act on them: what its queue does not hold, it drops and says so.
storm '48 at once' 20 48 -c 1 --ras limit=3,ack=2m --inject "storm,pages=48,$range,when=console:^guest: ready for a storm\$"
is '48 at once: pages the kernel knows of' "$(guest_value 'lost pages')" 48
is '48 at once: dropped by the kernel' "$(guest_value 'dropped by the kernel')" 0
at_least '48 at once: given up' "$(guest_value recovered)" 40

# Faster, so that it may drop some; what it drops and what it does not are all there were.
# Corrected errors have pages of their own: one that the guest was not told of yet gives way if its page is lost.
random="when=console:^guest: ready for a storm\$"
storm 'random' "$seconds:busy" $((lost + corrected)) -c 4 --ras limit=1000,ack=2m \
	--inject "mem-ao,level=model,every=300ms,count=$lost,range=0x91000000-0x94000000,$random" \
	--inject "mem-ce,every=30ms,count=$corrected,range=0x94000000-0x97000000,$random"
pages=$((lost - $(ras_count trace.json 'known".*"class":"ao"')))
is 'random: lost pages, taken in or dropped by the kernel' \
	$(($(guest_value 'lost pages') + $(guest_value 'dropped by the kernel'))) "$pages"
at_least 'random: taken in' "$(guest_value 'lost pages')" $((pages / 2))
