# shellcheck shell=sh disable=SC2154,SC2016
# A Linux guest injects errors into itself with its einj module: without SDEI, so that it hears of them by
# the generic event device, all that it can live with, and an SError at last; with SDEI, a fatal one.
# timeout: 400
# needs: linux
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
INITRD=$WORK/initrd
run_linux einj -c 2 --firmware-tables acpi --no-sdei --trace trace.json --stats
grep '"ras_' trace.json
status_is 'an unrecoverable SError at last' 5
has 'the kernel panics' "$OUT" 'Kernel panic - not syncing: Asynchronous SError Interrupt'
is 'asked for by the guest' "$(ras_count trace.json 'injected".*"from":"einj"')" 5
life() { # life KIND EXPECTED: the first of a kind
	id=$(ras_ids trace.json "$1" | sed -n 1p)
	is "$1: steps of error $id" "$(ras_life trace.json "$id")" "$2"
}
life mem-ce 'injected signal decided notified acked'
life mem-ao 'injected signal decided notified acked'
life arm-proc 'injected notified acked'
id=$(ras_ids trace.json arm-proc | sed -n 2p)
# It waits if the one before was printed and is not acknowledged yet.
is "arm-proc: steps of error $id" "$(ras_life trace.json "$id" | sed 's/ queued//')" 'injected notified acked'
life serror 'injected taken'
has_not 'no way but the event device' trace.json '"ras_notified".*"way":"(sdei|polled)"'

# A kernel that panics at a fatal record restarts the machine by itself, after 30 s unless told otherwise.
start_vm -k "$KERNEL" -i "$INITRD" -m 256M -c 2 -p "$PARAMS rasvm.steps=ask,ask" --firmware-tables acpi \
	--on-reset reboot --timeout 240s --trace trace.json --stats
wait_for 'guest: next\?' 1 120 || not_ok 'the guest did not reach its init'
send 'modprobe -q einj; put 1 /proc/sys/kernel/panic; hold_page einj'
wait_for 'guest: next\?' 2 120 || not_ok 'the guest did not get ready' # all it said is here now
send 'inject 0x20 "${pfn}000"; sleep 30; report 1 "it lives after a fatal error"'
finish_vm
guest_results
grep '"ras_' trace.json
status_is 'a fatal error' 5
page=$(sed -n 's/.*guest: page for einj at \(0x[0-9a-f]*\).*/\1/p' "$OUT" | head -n 1)
page=${page:-none}
has 'a fatal error: the kernel panics' "$OUT" 'Kernel panic - not syncing: (GHES: )?Fatal hardware error'
has 'for the record of the critical source' "$OUT" 'Hardware error from APEI Generic Hardware Error Source: 2'
has 'which says fatal' "$OUT" 'event severity: fatal'
has 'and which page' "$OUT" "physical_address: 0x0*${page#0x}"
is 'asked for by the guest, once' "$(ras_count trace.json 'injected".*"kind":"mem-ao".*"from":"einj"')" 1
has 'told by the critical event' trace.json '"ras_notified".*"way":"sdei","source":"sdei-critical"'
is 'steps' "$(ras_life trace.json 1)" 'injected signal decided notified acked'
is 'the panic ends the run, and is no reset' "$(grep -c 'guest: booted' "$OUT")" 1
