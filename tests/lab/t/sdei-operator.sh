# shellcheck shell=sh disable=SC2154
# The operator's side of SDEI: triggers from the command line, further events, the watchdog, what the
# trace and the statistics say of an event's life; a paused, stopped or single-stepped machine.
# timeout: 600

ran() { # ran EVENT: how often its handler ran, over all CPUs, as the guest counted
	tr -d '\r' <"$OUT" | sed -n "s/^# event $1 ran \([0-9]*\) on cpu.*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

event_line() { # event_line FIELD EVENT: of --stats
	sed -n "s/.*sdei event $2: .*$1 \([0-9]*\).*/\1/p" "$ERR"
}

listen() { # listen BOOTARGS [OPTION...]
	arguments="test=W01 $1"
	shift
	run_payload sdei "$arguments" 0 --stats "$@"
}

# A private event on each CPU, a shared one, one that is nobody's, and one of the operator's own. The
# payload needs a second or so to start listening, some more on a busy host.
listen 'listen=0x40000001+0x40000003+0x40000050 for=20' -c 2 --trace trace.json \
	--sdei-event 0x40000050,type=shared,prio=normal \
	--sdei-trigger 'at=8s,event=private-normal,cpu=0,every=100ms,count=5' \
	--sdei-trigger 'at=8s,event=0x40000001,cpu=1' \
	--sdei-trigger 'at=8s,event=shared-normal,every=200ms,count=3' \
	--sdei-trigger at=8s,event=0x40000050 \
	--sdei-trigger at=8s,event=shared-critical
# An event is a bit: a trigger that comes while the last one waits adds nothing (a slow host).
at_least 'private-normal ran' "$(ran 0x40000001)" 2
at_most 'private-normal ran' "$(ran 0x40000001)" 6
at_least 'shared-normal ran' "$(ran 0x40000003)" 1
at_most 'shared-normal ran' "$(ran 0x40000003)" 3
is 'the event of the command line ran' "$(ran 0x40000050)" 1
is '--stats: private-normal triggered' "$(event_line triggered 0x40000001)" 6
is '--stats: private-normal completed, as the guest counted' "$(event_line completed 0x40000001)" "$(ran 0x40000001)"
is '--stats: shared-critical dropped' "$(event_line dropped 0x40000004)" 1
has 'the operator is told what was dropped' "$ERR" 'sdei-trigger: .*0x40000004.*not registered'

grep '"sdei":' trace.json | tail -n 60
has 'trace: triggered' trace.json '"cpu":1,"event":"sdei_triggered","sdei":"0x40000001","by":"operator"'
has 'trace: routed to a CPU' trace.json '"cpu":[01],"event":"sdei_routed","sdei":"0x40000003"'
has 'trace: entered, with what was interrupted' trace.json '"event":"sdei_entered","sdei":"0x40000003".*"pc":"0x[0-9a-f]+".*"pstate":"0x[0-9a-f]+"'
has 'trace: completed, with its status and duration' trace.json '"event":"sdei_completed","sdei":"0x40000003".*"status":0.*"duration_ns":[1-9]'
has 'trace: dropped, and why' trace.json '"event":"sdei_dropped","sdei":"0x40000004".*"why":"unregistered"'
is 'trace: entered as often as the guest counted' "$(grep -c '"event":"sdei_entered","sdei":"0x40000001"' trace.json)" "$(ran 0x40000001)"

# The watchdog: its own event on every CPU, also on one that has locked up with interrupts masked.
# For longer than the host stands still.
listen 'listen=0x40000008 for=12 masked=yes' -c 2 --sdei-watchdog 200ms
for cpu in 0 1; do
	at_least "watchdog on cpu$cpu" "$(tr -d '\r' <"$OUT" | sed -n "s/^# event 0x40000008 ran \([0-9]*\) on cpu$cpu/\1/p")" 8
done
# As downstream kernels use it: interrupt 29 is bound, and a call sets the period.
listen 'bind=29 period=100 for=12' -c 1 --sdei-watchdog 1h
at_least 'watchdog by interrupt 29, every 100 ms' "$(ran 0x40000100)" 15
at_most 'watchdog by interrupt 29, every 100 ms' "$(ran 0x40000100)" 140
run_vm -k "$PAYLOADS/sdei.flat" --flat -c 1 -m 256M -p 'test=W01 bind=29 for=1' --timeout 60s </dev/null
has 'no watchdog, no interrupt 29' "$OUT" 'INTERRUPT_BIND of 29: found -2'

# Every instruction of the guest is an exit.
run_payload step '' 0 -c 1 --debug-single-step --stats
has 'single steps' "$ERR" 'exits .*single-step [0-9]{3}'

# A stopped process, and what comes due meanwhile.
start_vm -k "$PAYLOADS/sdei.flat" --flat -c 2 -m 256M --timeout 60s -p 'test=W01 listen=0x40000001 for=14' \
	--sdei-trigger 'at=3s,event=0x40000001,cpu=1,every=10ms,count=1000'
wait_for '^# listening' 1 20
kill -STOP "$VM"
sleep 4
kill -CONT "$VM"
finish_vm
payload_results 'stopped by SIGSTOP and continued'
at_least 'events after a stop' "$(ran 0x40000001)" 1
status_is 'stopped and continued' 0

# More triggers than anybody can serve: rasvm still hears of its time limit.
begin=$(cut -d. -f1 /proc/uptime)
run_vm -k "$PAYLOADS/sdei.flat" --flat -c 2 -m 256M --timeout 4s -p 'test=W01 listen=0x40000003 for=20' \
	--sdei-trigger event=shared-normal,every=1us --sdei-trigger event=shared-critical,every=1us </dev/null
status_is 'a trigger every microsecond' 6
at_most 'a trigger every microsecond: seconds until the time limit' "$(($(cut -d. -f1 /proc/uptime) - begin))" 15

# Paused by the operator, which takes a terminal: an event that comes meanwhile is entered when the
# guest goes on.
mkfifo keys
: >"$OUT"
echo '$ rasvm run ... on a terminal'
"$LAB/bin/on_tty" rasvm run -k "$PAYLOADS/sdei.flat" --flat -c 2 -m 256M --timeout 60s \
	-p 'test=W01 listen=0x40000001 for=15' --trace paused.json \
	--sdei-trigger at=10s,event=0x40000001,cpu=1 <keys >"$OUT" 2>"$ERR" 3>&- &
VM=$!
exec 8>keys
wait_for '^# listening' 1 9
printf '\001p' >&8
tries=200
while ! grep -q sdei_routed paused.json && [ "$tries" -gt 0 ]; do
	tries=$((tries - 1))
	sleep 0.1
done
sleep 2
has 'paused: the event is there' paused.json '"event":"sdei_triggered","sdei":"0x40000001"'
has_not 'paused: and not entered' paused.json '"event":"sdei_entered"'
printf '\001p' >&8
STATUS=0
# shellcheck disable=SC2034 # read by status_is
wait "$VM" || STATUS=$?
exec 8>&-
show_vm
status_is 'paused and continued' 0
is 'paused: entered when the guest went on' "$(ran 0x40000001)" 1
