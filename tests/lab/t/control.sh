# shellcheck shell=sh disable=SC2154
# A guest with a name, controlled from outside: each command on a Linux guest that runs (docs/control.md).
# timeout: 700
# needs: linux

export XDG_RUNTIME_DIR="$WORK/a runtime directory"
mkdir -m 700 "$XDG_RUNTIME_DIR"
SOCKET=$XDG_RUNTIME_DIR/rasvm/guest.sock
GUEST=$INITRD

control() { # control COMMAND...: rasvm COMMAND, with $STATUS, control.out and control.err
	echo "\$ rasvm $*"
	STATUS=0
	timeout 60 rasvm "$@" >control.out 2>control.err </dev/null || STATUS=$?
	head -n 20 control.out
	cat control.err
}

control_is() { # control_is EXPECTED COMMAND...
	wanted=$1
	shift
	control "$@"
	is "rasvm $*: status" "$STATUS" "$wanted"
}

start_named() { # start_named STEPS [OPTION...]
	steps=$1
	shift
	start_vm -k "$KERNEL" -i "$GUEST" -c 2 -m 256M -p "$PARAMS rasvm.steps=$steps" --timeout 300s \
		--name guest "$@"
}

lines() { # lines PATTERN: of the guest's console
	grep -cE -e "$1" "$OUT"
}

# A client that was started shows nothing until it is attached: do COMMANDS until FILE has PATTERN.
until_it_says() { # until_it_says PATTERN FILE COMMANDS
	tries=60
	until grep -q "$1" "$2"; do
		tries=$((tries - 1))
		if [ "$tries" -le 0 ]; then
			not_ok "$2: attached (no '$1')"
			return
		fi
		eval "$3" >>control.out 2>&1
		sleep 0.5
	done
}

# ---- nobody there ----

control_is 0 list
is 'no guest: nothing is listed' "$(cat control.out)" ''
control_is 1 pause guest
has 'no guest: said so' control.err 'no guest called "guest" runs'

# ---- a guest with a shell ----

start_named shell
wait_for 'A shell in the guest' 1 120 || not_ok 'the guest came to its shell'
control_is 0 list
has 'list' control.out "^guest +running +$VM +2 +256M"
control_is 0 list --json
has 'list --json' control.out '"name":"guest".*"state":"running","cpus":2'
is 'the directory is private' "$(stat -c %a "$XDG_RUNTIME_DIR/rasvm")" 700

echo '$ rasvm run --name guest: a second one'
SECOND=0
rasvm run -k "$KERNEL" -m 256M --name guest --trace second.json \
	--transcript second.log >second.out 2>second.err </dev/null || SECOND=$?
is 'a name in use: exit status' "$SECOND" 2
is 'a name in use: nothing was made' "$(ls second.json second.log 2>/dev/null)" ''
has 'a name in use: said so' second.err "a guest of that name runs already \(process $VM"

# Two attached consoles: what one types both see.
mkfifo typed
timeout 400 rasvm console guest <typed >console.one 2>console.err 9>&- &
ONE=$!
exec 8>typed
timeout 400 rasvm console guest </dev/null >console.two 2>>console.err 8>&- 9>&- &
TWO=$!
until_it_says attached console.one 'echo "echo attached" >&8'
until_it_says attached console.two 'echo "echo attached" >&8'
# shellcheck disable=SC2016 # the guest's shell is to expand it
echo 'echo answer $((40 + 2))' >&8
wait_for 'answer 42' 1 20
has 'console: input reaches the guest' "$OUT" '^answer 42'
wait_in console.one 'answer 42' 1 20
has 'console: output comes back' console.one 'answer 42'
wait_in console.two 'answer 42' 1 20
has 'console: to all that are attached' console.two 'answer 42'

control_is 0 stat guest
has 'stat: CPUs' control.out '^cpu cpu=1 runs=[1-9]'
has 'stat: exits' control.out '^exit cpu=0 reason=mmio count=[1-9]'
has 'stat: calls' control.out '^call cpu=0 call=CPU_ON '
has 'stat: errors' control.out '^errors step=injected count=0'
control_is 0 stat --prometheus guest
has 'stat --prometheus' control.out '^rasvm_smccc_calls_total\{guest="guest",cpu="0",call="CPU_ON",fid="0xc4000003"\} 1$'
is 'stat --prometheus: each metric has one type' "$(grep '^# TYPE' control.out | sort | uniq -d)" ''

control_is 0 debug guest
has 'debug: registers' control.out 'x0 +[0-9a-f]{16} +x1 +[0-9a-f]{16}'
has 'debug: power' control.out '^CPU 1: on, last exits'
at_least 'debug: frames of the idle CPUs' "$(grep -c '^  #' control.out)" 4
has 'debug: return addresses in the kernel' control.out '^  #1 +0xffff'
control_is 1 debug --cpu 7 guest
has 'debug: no such CPU' control.err 'there is no CPU 7'

# Pause: the console stands still, and goes on.
echo 'while :; do echo tick; sleep 0.1; done &' >&8
wait_for '^tick' 5 20
control_is 0 pause guest
control_is 1 pause guest
has 'pause twice' control.err 'paused already'
sleep 1
before=$(lines '^tick')
sleep 3
is 'pause: the guest prints nothing' "$(lines '^tick')" "$before"
control_is 0 list
has 'pause: listed so' control.out '^guest +paused'
control_is 0 debug --cpu 0 guest
has 'debug: of a paused guest' control.out 'x0 +[0-9a-f]{16}'
control_is 1 stop guest
has 'stop: not of a paused guest' control.err 'is paused'
control_is 0 resume guest
wait_for '^tick' $((before + 5)) 20
at_least 'resume: the guest goes on' "$(lines '^tick')" $((before + 5))

# Events: a CPU goes off.
timeout 400 rasvm events guest trace,state >events.json 2>events.err 9>&- 8>&- &
FOLLOWER=$!
until_it_says '"event":"resumed"' events.json 'rasvm pause guest; rasvm resume guest'
echo 'echo 0 >/sys/devices/system/cpu/cpu1/online; echo cpu1 is off' >&8
wait_for 'cpu1 is off' 2 20
wait_in events.json 'CPU_OFF' 1 20
has 'events: calls' events.json '^\{"event":"trace","trace":\{"t_ns":.*"name":"CPU_OFF"'
control_is 0 debug --cpu 1 guest
has 'debug: of a CPU that is off' control.out '^CPU 1: off'

control_is 0 sdei guest
has 'sdei: events' control.out '^event event=0x40000001 name=private-normal type=private'
has 'sdei: CPUs' control.out '^pe cpu=0 power=on masked=[01]'
control_is 1 sdei guest trigger 0x40000001,cpu=0
has 'sdei trigger: of an event that nobody registered' control.err 'registered'
control_is 1 inject guest nonsense
has 'inject: a rule that is none' control.err 'nonsense'
control_is 0 inject guest mem-ce,gpa=0x88000000
wait_in events.json 'ras_injected' 1 20
has 'inject: reaches the guest' events.json '"event":"ras_injected".*"from":"control"'

# Reset: another life, the same name, the same clients; also of a guest that is paused.
control_is 0 pause guest
control_is 0 reset guest
wait_for 'A shell in the guest' 2 120 || not_ok 'reset: the guest came up again'
has 'reset: told to clients' events.json '^\{"event":"reset"\}'
control_is 0 list
has 'reset: still listed' control.out '^guest +running'

# A guest that ignores its power button.
control_is 1 stop --timeout 2s guest
has 'stop: without force it goes on' control.err 'not powered off within 2s'
control_is 0 stop --timeout 1s --force guest
finish_vm
status_is 'stop --force' 9
wait "$FOLLOWER"
is 'events: end with the guest' $? 0
has 'events: its end' events.json '^\{"event":"ended","status":9,'
wait "$ONE"
is 'console: ends with the guest' $? 0
wait "$TWO"
is 'the other console, too' $? 0
exec 8>&-
control_is 0 list
is 'afterwards nothing is listed' "$(cat control.out)" ''
is 'and nothing stays behind' "$(ls "$XDG_RUNTIME_DIR/rasvm")" ''

# ---- a guest that is killed ----

start_named sleep:100
wait_for 'guest: booted' 1 120
kill -9 "$VM"
wait "$VM" 2>/dev/null
exec 9>&-
is 'killed: its socket is left' "$([ -S "$SOCKET" ] && echo yes)" yes
control_is 0 list
is 'killed: list removes it' "$(ls "$XDG_RUNTIME_DIR/rasvm")" ''

# ---- the power button ----

cat "$INITRD" "$LAB/boot/modules.cpio" >with-modules
GUEST=with-modules
start_named button:gpio-keys,poweroff
wait_for 'guest: press the power button' 1 120
control_is 0 stop guest
finish_vm
guest_results
status_is 'stop: the guest powers off' 0

# ---- no home ----

for command in list 'pause guest'; do
	STATUS=0
	# shellcheck disable=SC2086 # words of the command
	env -u HOME -u XDG_RUNTIME_DIR rasvm $command >control.out 2>control.err </dev/null || STATUS=$?
	cat control.err
	at_most "HOME unset: rasvm $command does not crash: status" "$STATUS" 1
done
run_home() { # run_home ENV...: a guest with a name there
	STATUS=0
	env "$@" rasvm run -k "$PAYLOADS/psci.flat" --flat -m 64M -p 'test=none' --name homeless --timeout 20s \
		>"$OUT" 2>"$ERR" </dev/null || STATUS=$?
	cat "$ERR"
}
run_home -u XDG_RUNTIME_DIR HOME=/nonexistent
status_is 'a home that is not there' 2
has 'a home that is not there: said so' "$ERR" '/nonexistent'
run_home -u XDG_RUNTIME_DIR -u HOME
if [ "$STATUS" = 2 ]; then
	has 'HOME unset: what to set' "$ERR" 'set HOME or XDG_RUNTIME_DIR'
else
	at_most 'HOME unset: the user database has it: status' "$STATUS" 0
fi
