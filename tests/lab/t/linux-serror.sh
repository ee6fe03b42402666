# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# What a Linux guest makes of SErrors, by the severity (AET) that the syndrome gives: it lives or panics.
# timeout: 400
# needs: linux
after='when=console:devtmpfs: initialized'

fatal() { # fatal WHAT KEYS ESR: of the rule; the syndrome the guest sees
	PARAMS='console=ttyS0 earlycon'
	run_linux poweroff -c 1 --trace trace.json --inject "serror,$2,$after"
	status_is "$1" 5
	has "$1: the kernel's words" "$OUT" "SError Interrupt on CPU0, code 0x0*$3 -- SError"
	has "$1: and end" "$OUT" 'Kernel panic - not syncing: Asynchronous SError Interrupt'
	is "$1: steps" "$(ras_life trace.json 1)" 'injected taken'
}

refused() { # refused KEYS
	run_vm -k "$KERNEL" -i "$INITRD" --inject "serror,$1,$after" </dev/null
	status_is "$1 on CPUs without RAS" 2
	has "$1: says why" "$ERR" 'inject.*RAS extension'
}

if ! grep -q 'detected: RAS Extension' "$LAB/tmp/dmesg"; then
	fatal 'no syndrome' no-esr '[0-9a-f]+'
	refused aet=ueo
	refused esr=0x411
	exit "$FAILURES"
fi

many='count=8,every=200ms,when=console:^guest: ready for SErrors$'
run_linux survive:10,poweroff -c 2 --trace trace.json \
	--inject "serror,aet=ce,$many" --inject "serror,aet=ueo,cpu=1,at=100ms,$many"
status_is 'restartable and corrected' 0
# One that comes while the one before is still pending is merged with it.
corrected=$(ras_count trace.json 'taken".*"esr":"0xbe001811"')
restartable=$(ras_count trace.json 'taken".*"esr":"0xbe000811"')
merged=$(ras_count trace.json 'known".*"why":"merged: another SError')
at_least 'corrected, taken' "$corrected" 1
at_least 'restartable, taken' "$restartable" 1
is 'each was taken, or merged with one that was pending' $((corrected + restartable + merged)) 16
grep '"ras_' trace.json

fatal 'uncontainable' aet=uc be000011
fatal 'unrecoverable' aet=ueu be000411
fatal 'recoverable' aet=uer be000c11
fatal 'reserved 4' esr=0x1011 be001011
fatal 'no syndrome' no-esr bf000000
