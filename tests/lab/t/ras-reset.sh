# shellcheck shell=sh disable=SC2154
# SErrors that are pending on both CPUs when the guest resets the machine: the next boot, which lets SErrors
# in, takes none. The payload asks for them at each boot and is given them at the first.
# timeout: 60

across() { # across CHECK EVENT: which resets the machine, by which event in the trace
	run_payload ras "test=$1" 0 -c 2 --on-reset reboot --trace trace.json --stats \
		--inject 'serror,no-esr,cpu=0,when=console:^inject serror-once$' \
		--inject 'serror,no-esr,cpu=1,when=console:^inject serror-once-cpu1$' \
		--inject 'sea,cpu=0,count=2,when=console:^inject sea$'
	is "$1: boots" "$(grep -c '^TAP version' "$OUT")" 2
	sed '/"event":"'"$2"'"/q' trace.json >before.json
	sed '1,/"event":"'"$2"'"/d' trace.json >after.json
	is "$1: SErrors of the CPUs before the reset" \
		"$(sed -n 's/.*"cpu":\([0-9]*\),.*"event":"ras_taken".*"way":"serror".*/\1/p' before.json | sort | tr '\n' ' ')" '0 1 '
	is "$1: and after it" "$(ras_count after.json 'taken".*"way":"serror"')" 0
}

across E10-reset reset
across E10-warm warm_reset
