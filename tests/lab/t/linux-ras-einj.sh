# shellcheck shell=sh disable=SC2154,SC2016
# A Linux guest injects errors into itself with its einj module; there is no SDEI, so it hears of them by
# the generic event device.
# timeout: 120
# needs: linux
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
INITRD=$WORK/initrd
run_linux einj -c 2 --firmware-tables acpi --no-sdei --trace trace.json --stats
grep '"ras_' trace.json
status_is 'an unrecoverable SError at last' 5
has 'the kernel panics' "$OUT" 'Kernel panic - not syncing: Asynchronous SError Interrupt'
is 'asked for by the guest' "$(ras_count trace.json 'injected".*"from":"einj"')" 5
life() { # life KIND N EXPECTED: the Nth of a kind
	id=$(ras_ids trace.json "$1" | sed -n "$2p")
	is "$1: steps of error $id" "$(ras_life trace.json "$id")" "$3"
}
life mem-ce 1 'injected signal decided notified acked'
life mem-ao 1 'injected signal decided notified acked'
life arm-proc 1 'injected notified acked'
life arm-proc 2 'injected notified acked'
life serror 1 'injected taken'
has_not 'no way but the event device' trace.json '"ras_notified".*"way":"(sdei|polled)"'
