#!/bin/sh
# The part of `make demo` that runs on the arm64 host. Two guests. The first is told of its memory
# errors: one that nobody has used, one that a process uses, and an SError it can live with. The second
# is told nothing, and then gets an SError that it cannot live with. Their consoles with times, then
# the timelines that rasvm makes of its traces; last the page, for demo.sh to cut out.
LAB=${LAB:-/lab}
KERNEL=$LAB/boot/Image
INITRD=$LAB/boot/guest.cpio
work=$LAB/tmp
mkdir -p "$work"
cd "$work" || exit 1
failed=0
passed=0

now_cs() { # hundredths of a second
	sed 's/\([0-9]*\)\.\([0-9][0-9]\).*/\1\2/' /proc/uptime
}

seconds() { # seconds HUNDREDTHS
	printf '%d.%d' $(($1 / 100)) $(($1 / 10 % 10))
}

step() {
	echo
	echo "== $*"
}

proves() { # proves WHAT FILE PATTERN: some line of the file matches
	if grep -qE -e "$3" "$2"; then
		passed=$((passed + 1))
		echo "  yes  $1"
	else
		failed=$((failed + 1))
		echo "  NO   $1 (nothing in $2 matches '$3')"
	fi
}

disproves() { # disproves WHAT FILE PATTERN: no line of the file matches
	if grep -qE -e "$3" "$2"; then
		failed=$((failed + 1))
		echo "  NO   $1 (in $2: $(grep -E -e "$3" "$2" | head -n 1))"
	else
		passed=$((passed + 1))
		echo "  yes  $1"
	fi
}

# run_guest NAME STEPS OPTION...: its console into NAME.console, its trace into NAME.json, the status of
# rasvm into NAME.status. The console is shown with the seconds since the start.
run_guest() {
	name=$1
	steps=$2
	shift 2
	begin=$(now_cs)
	: >"$name.console"
	{
		rasvm run -k "$KERNEL" -i "$INITRD" -c 2 -m 256M --timeout 300s \
			--trace "$name.json" "$@" \
			-p "console=ttyS0 quiet rasvm.steps=$steps" </dev/null 2>"$name.err"
		echo "status $?" >"$name.status"
	} | while IFS= read -r line; do
		at=$(($(now_cs) - begin))
		line=$(printf '%s' "$line" | tr -d '\r')
		printf '%s\n' "$line" >>"$name.console"
		printf '  %5s s  %s\n' "$(seconds "$at")" "$line"
	done
	sed 's/^/  rasvm said: /' "$name.err"
	echo "  rasvm: exit $(cat "$name.status"), after $(seconds $(($(now_cs) - begin))) s"
}

# When the guest says where a page of a process is, that page goes bad.
page_of() { # page_of SUBCOMMAND
	echo "when=console:memory: page .* pa=0x([0-9a-f]+) $1,gpa=\$1"
}

step "The host: Linux $(uname -r), $(nproc) CPUs, $(ls /dev/kvm)"
rasvm version

step 'A guest with ACPI and SDEI, whose memory goes bad in front of it'
echo "rasvm run -k Image -i guest.cpio -c 2 -m 256M --firmware-tables acpi --trace told.json \\"
echo "  --inject 'mem-ao,level=real,$(page_of hold)' \\"
echo "  --inject 'mem-ar,level=uffd,$(page_of touch)' \\"
echo "  --inject 'serror,aet=ueo,when=console:ready for an SError'"
echo '(its kernel is silent for some seconds while it boots)'
run_guest told demo --firmware-tables acpi \
	--inject "mem-ao,level=real,$(page_of hold)" \
	--inject "mem-ar,level=uffd,$(page_of touch)" \
	--inject 'serror,aet=ueo,when=console:ready for an SError'
echo "  The host's kernel, of the first page:"
dmesg | sed -n 's/.*\(Memory failure: .*\)/    \1/p' | head -n 4

step 'Another guest: the same error, but rasvm is not to tell; then an SError it cannot survive'
echo "rasvm run ... --ras ao=none --trace untold.json \\"
echo "  --inject 'mem-ao,level=real,$(page_of hold)' \\"
echo "  --inject 'serror,aet=uc,when=console:ready for the last SError'"
run_guest untold demo_untold --firmware-tables acpi --ras ao=none \
	--inject "mem-ao,level=real,$(page_of hold)" \
	--inject 'serror,aet=uc,when=console:ready for the last SError'

step 'What happened'
proves 'the first guest found SDEI' told.console 'guest: log: sdei: SDEIv1\.1'
proves 'the host itself reported the first error' told.json '"ras_signal".*"class":"ao".*"from":"host"'
proves 'it reached the guest by an SDEI event' told.json '"sdei_entered","sdei":"0x40000010"'
proves 'Linux read the record' told.console 'Hardware error from APEI Generic Hardware Error Source'
proves 'Linux gave the page up' told.console 'Memory failure: .*Recovered'
proves 'the kernel counts the page' told.console 'HardwareCorrupted = [1-9]'
proves 'the process kept the rest of its memory' told.console 'check: 16383 intact, 1 lost, 0 wrong'
proves 'the second process used a bad page' told.json '"ras_taken".*"way":"sea"'
proves 'and got SIGBUS for it' told.console 'ok - it got SIGBUS with the address'
proves 'an SError was taken' told.json '"ras_taken".*"way":"serror"'
proves 'the guest powered off by itself' told.status '^status 0$'
disproves 'and nothing it checked was wrong' told.console 'guest: not ok'
proves 'the second error was the same' untold.json '"ras_signal".*"class":"ao".*"from":"host"'
proves 'rasvm decided to tell nobody' untold.json '"ras_decided".*"way":"none"'
disproves 'no event, no record' untold.json '"ras_notified"'
disproves 'the guest noticed nothing' untold.console 'Memory failure|guest: not ok'
proves 'the last SError was fatal' untold.console 'Kernel panic - not syncing: Asynchronous SError'
proves "rasvm's status says so" untold.status '^status 5$'

step 'The timelines: rasvm timeline --html demo.html told.json untold.json'
rasvm timeline --html demo.html told.json untold.json || failed=$((failed + 1))
echo
echo "  $passed of $((passed + failed)) as they should be"
echo 'lab: page begins'
cat demo.html
echo 'lab: page ends'
if [ "$failed" = 0 ]; then
	echo "lab: end 0 $passed 0 0"
else
	echo "lab: end 1 $passed $failed 0"
fi
