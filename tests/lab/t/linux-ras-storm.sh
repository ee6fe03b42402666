# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# Many errors in a Linux guest: 48 at once, more than its kernel's queue of 16; then 1000 at random, lost
# pages and corrected errors, while its four CPUs are busy. None is lost on the way, and what the kernel
# counts is what it was told of.
# timeout: 300
# needs: linux
lost=500
seconds=25
if [ -n "$SOAK" ]; then lost=3000 seconds=150; fi
# Only pages of processes and free ones are there (movablecore=), and not the first of them to be used.
range=range=0x94000000-0x9e000000
random="every=40ms,count=$lost,$range,when=console:^guest: ready for random errors\$"

PARAMS='console=ttyS0 quiet movablecore=256M rootfstype=ramfs'
CONSOLE_LINES=60 run_linux "storm:128:$seconds,poweroff" -c 4 -m 512M --firmware-tables acpi \
	--ras limit=1000 --trace trace.json --stats \
	--inject "storm,pages=48,$range,when=console:^guest: ready for a storm\$" \
	--inject "mem-ao,level=model,$random" --inject "mem-ce,level=model,$random"
status_is 'after the storm' 0
has_not 'rasvm has nothing to complain of' "$ERR" 'error:'
is 'pages of the storm in the kernel' "$(guest_value 'pages of the storm')" 48
is 'injected' "$(ras_count trace.json injected)" $((48 + 2 * lost))
is 'reported' "$(ras_stat reported)" $((48 + 2 * lost))

# A page that is bad already is not told of again; a CE of it neither.
pages=$((48 + lost - $(ras_count trace.json 'known".*"class":"ao"')))
is 'lost pages the kernel knows of' "$(guest_value 'pages of both')" "$pages"
is 'of these recovered, ignored, failed or delayed' \
	$(($(guest_value recovered) + $(guest_value ignored) + $(guest_value failed) + $(guest_value delayed))) "$pages"
is 'lost in the queue of the kernel' "$(guest_value 'lost in the kernel at last')" 0
is 'records without acknowledgement' "$(ras_stat overdue)" 0
at_least 'told of, and acknowledged' "$(ras_stat acknowledged)" 48
grep -c . trace.json
