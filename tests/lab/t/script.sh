# shellcheck shell=sh disable=SC2154,SC2016
# Scripts: a Linux guest driven to its end, a payload that reports results of its own, what fails a run, what is
# refused before anything runs.
# timeout: 700
# needs: linux

run_script() { # run_script SCRIPT OPTION...: of a guest that is not asked to do anything
	script=$1
	shift
	run_vm --script "$script" -m 256M --timeout 300s "$@" </dev/null
}

# The flat payload takes a second; Linux some more.
flat() { # flat SCRIPT TESTS OPTION...
	script=$1
	tests=$2
	shift 2
	run_script "$script" -k "$PAYLOADS/psci.flat" --flat -c 1 -p "test=$tests strict=rasvm" "$@"
}

cat >boot.script <<'END'
timeout 200s
expect /^guest: booted = ([^ ,]+), ([0-9]+) CPUs/
set VERSION=$1
set CPUS=$2
check "boot"

expect /# $/
send "echo \"answer-$WORD-$((6 * 7))\"\n"
expect /^answer-$WORD-([0-9][0-9])$/
mark "the answer is $1, of $CPUS CPUs"
check "shell"

inject mem-ao,gpa=$PAGE,level=model
pause
sleep 1s
resume
send "uname -r\n"
expect /^$VERSION$/
check "injected and paused"

send "poweroff -f\n"
expect-exit poweroff
check "off"
END
run_script boot.script -k "$KERNEL" -i "$INITRD" -c 2 -p "$PARAMS rasvm.steps=shell" --ras ao=none \
	--define WORD=one.two --define PAGE=0x88f00000 --tap boot.tap --junit boot.xml --transcript boot.log
cat boot.tap boot.log
status_is 'a script that passes' 0
is 'TAP' "$(grep -vc '^ok [1-4] - ' boot.tap):$(head -n 2 boot.tap | tr '\n' ' ')" '2:TAP version 13 1..4 '
is 'TAP: results' "$(grep -c '^ok ' boot.tap)" 4
has 'JUnit' boot.xml '<testsuite name="boot.script" tests="4" failures="0" errors="0" skipped="0" time="[0-9.]+">'
has 'with --tap the console is on standard output' "$OUT" '^guest: booted'
has 'transcript: output' boot.log '^ *[0-9]+\.[0-9]{6} out   answer-one\.two-42\\?$'
has 'transcript: input' boot.log '^ *[0-9.]+ in    poweroff -f\\n$'
has 'transcript: statements' boot.log '^ *[0-9.]+ note  boot.script:13: inject mem-ao,gpa=\$PAGE,level=model$'
has 'transcript: marks' boot.log '^ *[0-9.]+ note  mark: the answer is 42, of 2 CPUs$'
has 'transcript: injections' boot.log '^ *[0-9.]+ event \{.*"event":"ras_injected",.*"kind":"mem-ao","from":"script"'
has 'transcript: firmware calls' boot.log '^ *[0-9.]+ event \{.*"name":"SYSTEM_OFF"'
has 'transcript: the end' boot.log 'note  the run ended with status 0: the guest powered off$'

cat >button.script <<'END'
timeout 200s
expect /^guest: press the power button/
powerdown
expect-exit poweroff
check "button"
END
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
run_script button.script -k "$KERNEL" -i initrd -c 1 -p "$PARAMS rasvm.steps=button:gpio-keys"
status_is 'power button' 0
has 'without --tap the results are on standard output' "$OUT" '^ok 1 - button$'
has_not 'without --tap the console is not' "$OUT" '^guest: booted'
has 'but on standard error' "$ERR" 'guest: booted'

# A panic fails a run, unless it is what the script is about.
echo 'expect timeout=280s /never/' >never.script
run_never() {
	run_script never.script -k "$KERNEL" -i "$INITRD" -c 1 -p "$PARAMS rasvm.steps=panic:0" --transcript panic.log
}
run_never
# A script ends a second after the guest's last word: also in the middle of a panic if its CPU stood still for one.
grep -q 'out .*end Kernel panic' panic.log || run_never
status_is 'a panic that nobody wanted' 11
has 'a panic: the line is the reason' "$OUT" 'message: "the guest printed a line that fails a run: .*Kernel panic - not syncing'
has 'a panic: what follows it is in the transcript' panic.log 'out .*end Kernel panic'
cat >panic.script <<'END'
fail-on none
expect timeout=200s /Kernel panic - not syncing: (.*)$/
expect-exit panic
END
run_script panic.script -k "$KERNEL" -i "$INITRD" -c 1 -p "$PARAMS rasvm.steps=panic:0"
status_is 'a panic that the script waits for' 0

# What the guest reports by itself.
cat >report.script <<'END'
expect-exit poweroff
check "payload"
END
flat report.script V01,V02 --vendor-calls --transcript report.log --junit report.xml
status_is 'a failure of the guest' 11
has 'the guest: passed' "$OUT" "^    ok 1 - the guest's own check, with \"quotes\" and "
has 'the guest: failed' "$OUT" '^    not ok 2 - a check of the guest that fails$'
has 'the guest: the block' "$OUT" '^not ok 1 - payload$'
has 'the guest: JUnit' report.xml '<testcase classname="guest" name="a check of the guest that fails"'
has 'the guest: a mark' report.log 'event \{.*"event":"guest_mark","text":"a mark"\}$'
has_not 'the guest: its own view' "$ERR" '^not ok'
flat report.script V04
status_is 'without --vendor-calls' 0
has_not 'without --vendor-calls: the guest' "$ERR" '^not ok'

for code in 0:0 1:65 7:71 62:126 63:127 1000:127; do
	run_vm -k "$PAYLOADS/psci.flat" --flat -c 1 -m 256M -p "test=V03 exit=${code%:*}" --vendor-calls --timeout 60s </dev/null
	status_is "the guest ends the run with ${code%:*}" "${code#*:}"
done
echo 'expect-exit 71' >exit.script
flat exit.script 'V03 exit=7' --vendor-calls
status_is 'a script that waits for that' 0

# Failures, and what is not reached.
cat >fail.script <<'END'
expect /^TAP version/
check "begins"
expect timeout=2s /this line never comes/
check "fails"
mark "x"
check "too late"
END
flat fail.script W01 --transcript fail.log --junit fail.xml
cat fail.log
status_is 'a script that fails' 11
is 'failing: TAP' "$(grep -E '^(not )?ok|^[0-9]' "$OUT" | tr '\n' ';')" '1..3;ok 1 - begins;not ok 2 - fails;not ok 3 - too late # not reached;'
has 'failing: where' "$ERR" '^rasvm: fail.script:3: fails: '
has 'failing: JUnit' fail.xml 'tests="3" failures="2"'
has 'failing: transcript' fail.log 'note  not ok: fails: '
flat exit.script W01
status_is 'another status than expected' 11
has 'another status: both are named' "$OUT" 'the run ended with status 0 \(the guest powered off\), not with 71'

# A guest that only listens, for ten minutes: events, a reset, stopping, and a script that ends before its guest.
listen() { # listen SCRIPT [OPTION...]
	script=$1
	shift
	run_script "$script" -k "$PAYLOADS/sdei.flat" --flat -c 1 -p 'test=W01 listen=0x40000003 for=600' "$@"
}
cat >stop.script <<'END'
expect /^# listening/
check "listens"
sdei trigger shared-normal
reset
expect /^# listening/
check "listens again"
stop
expect-exit interrupted
END
listen stop.script --transcript stop.log
cat stop.log
status_is 'a script that resets and stops the guest' 0
has 'transcript: a reset' stop.log 'note  the guest begins anew$'
has 'transcript: events' stop.log 'event \{.*"event":"sdei_triggered","sdei":"0x40000003","by":"script"'
echo 'expect /^# listening/' >early.script
listen early.script
status_is 'a script that ends first' 0
cat >dropped.script <<'END'
expect /^# listening/
sdei trigger shared-critical
END
listen dropped.script
status_is 'an event that nobody registered' 11

# Errors, all of them, before anything runs.
printf 'expext /x/\nsend "$NOBODY"\nsleep 1s\nexpect /(/\n' >bad.script
for option in --script-check --vendor-calls; do
	flat bad.script V01 "$option"
	status_is "a bad script, $option" 2
	is "a bad script, $option: errors" "$(cut -d: -f1-3 "$ERR" | tr '\n' ' ')" 'bad.script:1:1 bad.script:2:7 bad.script:4:8 '
	is "a bad script, $option: bytes of output" "$(wc -c <"$OUT")" 0
done
run_vm --script boot.script --script-check --define WORD=x --define PAGE=0 </dev/null
status_is '--script-check needs no kernel' 0
run_vm --script nowhere.script --script-check </dev/null
status_is 'no such script' 2
run_vm -k "$KERNEL" --tap x.tap </dev/null
status_is '--tap without a script' 2
flat report.script V01 --junit /nowhere/x.xml
status_is 'no such directory' 2
run_vm -k "$LAB/tmp/nowhere" --script early.script --tap none.tap --junit none.xml </dev/null
status_is 'a guest that cannot be started' 2
has 'a guest that cannot be started: TAP' none.tap '^Bail out! the guest was not started'
has 'a guest that cannot be started: JUnit' none.xml 'errors="1"'
