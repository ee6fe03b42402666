# shellcheck shell=sh disable=SC2154,SC2016
# Lost pages that are used (AR), in a Linux guest: by a process, as data and as code, and by the kernel;
# with ACPI, where a record says which page it is, and with a device tree, where none does.
# timeout: 400
# needs: linux
lose='mem-ar,level=uffd,count=0,when=console:^memory: page .* pa=(0x[0-9a-f]+) (touch|exec|read)$,gpa=$1'

life() { # life N WHAT EXPECTED: of the Nth page
	id=$(ras_ids trace.json mem-ar | sed -n "$1p")
	is "$2: steps of error $id" "$(ras_life trace.json "$id")" "$3"
}

# The kernel does not read the record of an abort that it took itself: rasvm notices, tells of the page
# in the way of pages that nobody used, and all goes on.
run_linux 'ar:touch,ar:exec,kernel_use:0,told_again,ar:touch+write,kernel_use:1' -c 2 --firmware-tables acpi \
	--trace trace.json --stats --inject "$lose"
grep '"ras_' trace.json
status_is 'ACPI: the kernel uses a page, panic_on_oops' 5
is 'ACPI: SIGBUS with the size of a page' "$(grep -c '^memory: SIGBUS code=4 addr=0x[0-9a-f]* lsb=12' "$OUT")" 3
has 'ACPI: the kernel dies of it' "$OUT" 'Internal error: synchronous external abort: 0*96000.10'
life 1 'ACPI: data' 'injected signal decided notified taken acked'
life 2 'ACPI: code' 'injected signal decided notified taken acked'
life 3 'ACPI: by the kernel' 'injected signal decided notified taken unacked fallback decided notified acked'
life 4 'ACPI: a store' 'injected signal decided notified taken acked'
has 'ACPI: a data abort from EL0' trace.json '"ras_taken".*"esr":"0x92000.10","way":"sea"'
has 'ACPI: an instruction abort from EL0' trace.json '"ras_taken".*"esr":"0x82000.10","way":"sea"'
has 'ACPI: a data abort from EL1' trace.json '"ras_taken".*"esr":"0x96000.10","way":"sea"'

# The process ends, its page goes to somebody else: replaced by then.
run_linux 'untold,objerr:touch,objerr:exec,use_memory:100,kernel_use:1' -c 2 --firmware-tables dt \
	--ras heal=after-kill --trace trace.json --stats --inject "$lose" \
	--inject 'mem-ao,when=console:^guest: page for nobody at (0x[0-9a-f]+)$,gpa=$1'
grep '"ras_' trace.json
status_is 'device tree: the kernel uses a page, panic_on_oops' 5
has 'device tree: nobody is told of an unused page' trace.json '"ras_decided","ras":1,.*"way":"none"'
is 'device tree: steps of the unused page' "$(ras_life trace.json 1)" 'injected signal decided queued'
has 'device tree: data: BUS_OBJERR, no address' "$OUT" '^memory: SIGBUS code=3 addr=0x0 '
has 'device tree: code: BUS_OBJERR, the address' "$OUT" '^memory: SIGBUS code=3 addr=0x[0-9a-f]+000 '
life 1 'device tree: data' 'injected signal decided taken healed'
life 2 'device tree: code' 'injected signal decided taken healed'
has 'device tree: the kernel dies of its own use' "$OUT" 'Internal error: synchronous external abort: 0*96000.10'
