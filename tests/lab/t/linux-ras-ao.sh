# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# Lost pages that nobody has used (AO), by every way of telling a Linux guest with ACPI: what its kernel
# does with the page of a living process, and each step in rasvm's trace.
# timeout: 300
# needs: linux

for_source() { # for_source N: the keys of a rule for the page that is meant for it
	echo "when=console:^guest: page for source $1 at (0x[0-9a-f]+)\$,gpa=\$1"
}

life() { # life N WHAT EXPECTED: of the Nth injection
	id=$(ras_ids trace.json mem-ao | sed -n "$1p")
	is "$2: steps of error $id" "$(ras_life trace.json "$id")" "$3"
}

told='injected signal decided notified acked'

# By the SDEI event: once from before the kernel is up; once for real, by the host's kernel; and when the
# driver has gone, by the next way.
run_linux "preloaded:0x88f00,ao:1,unbind:1,ao:3,poweroff" -c 2 --firmware-tables acpi \
	--trace trace.json --stats --inject "mem-ao,gpa=0x88f00000,at=0" \
	--inject "mem-ao,level=real,$(for_source 1)" --inject "mem-ao,level=model,$(for_source 3)"
status_is 'ao=auto' 0
grep '"ras_' trace.json
life 2 'real, by SDEI' "$told"
is 'from before the kernel: acknowledged once' "$(ras_count trace.json 'acked","ras":1,')" 1
life 3 'driver gone' "$told"

# As the policy says.
run_linux ao:3,poweroff -c 1 --ras ao=ged --trace trace.json --inject "mem-ao,level=model,$(for_source 3)"
status_is 'ao=ged' 0
life 1 'ao=ged' "$told"
has 'ao=ged: the way' trace.json '"ras_notified".*"way":"ged","source":"ged"'

run_linux ao:4,poweroff -c 1 --ras ao=polled --trace trace.json --inject "mem-ao,level=uffd,$(for_source 4)"
status_is 'ao=polled' 0
life 1 'ao=polled' "$told"
has 'ao=polled: the way' trace.json '"ras_notified".*"way":"polled","source":"polled"'

run_linux untold,poweroff -c 1 --firmware-tables acpi --ras ao=none --trace trace.json --stats \
	--inject "mem-ao,level=model,when=console:^guest: page for nobody at (0x[0-9a-f]+)\$,gpa=\$1"
status_is 'ao=none' 0
life 1 'ao=none' 'injected signal decided'
has 'ao=none: the page is remembered' "$ERR" 'pages=1 state=seen class=ao id=1'

# These end the run, so it need not go far.
PARAMS='console=ttyS0 earlycon'
run_linux poweroff -c 1 --ras ao=stop --trace trace.json --inject 'mem-ao,gpa=0x88f00000,at=500ms'
status_is 'ao=stop' 10
has 'ao=stop: says why' "$ERR" 'a page of guest memory is lost.*ao=stop'
life 1 'ao=stop' 'injected signal decided stopped'

run_linux poweroff -c 1 --ras ao=serror --trace trace.json \
	--inject 'mem-ao,gpa=0x88f00000,when=console:Dentry cache hash table'
status_is 'ao=serror' 5
has 'ao=serror: the kernel panics' "$OUT" 'Kernel panic - not syncing: Asynchronous SError Interrupt'
life 1 'ao=serror' 'injected signal decided notified taken'
