# shellcheck shell=sh disable=SC2034,SC2154,SC2016
# `rasvm exec`: the statuses that it exits with, for the ends of a command and of its guest.
# timeout: 1200
# needs: linux
. "$LAB/t/exec.inc"

ex -- true </dev/null
status_is 'true' 0
# A status of 125 is the command's, too.
ex -- sh -c 'exit 125' </dev/null
status_is 'cannot be tested, says the command' 125
is 'and nothing else says so' "$(wc -c <"$ERR")" 0
ex -- ./nowhere </dev/null
status_is 'no such command' 127
has 'no such command: why' "$ERR" '^rasvm exec: \./nowhere: No such file or directory$'
: >plain
ex -- ./plain </dev/null
status_is 'not executable' 126
ex -- sh -c 'kill -SEGV $$' </dev/null
status_is 'killed by a signal' 120
has 'killed: which' "$ERR" '^rasvm exec: the command was killed by signal 11 '
rasvm exec -k "$KERNEL" -c 1 -m 256M -p "$PATIENT" --modules "$MODULES" -- echo words </dev/null >/dev/full 2>"$ERR"
STATUS=$?
: >"$OUT"
show_vm
status_is 'output to a full disk' 255
has 'output to a full disk: said' "$ERR" '^rasvm exec: the command succeeded, but not all'

# Ends of the guest. Output is relayed by the guest's init, which needs its time before a panic.
ex -- sh -c 'echo before; sleep 2; echo c >/proc/sysrq-trigger; sleep 100' </dev/null
status_is 'a panic' 122
has 'a panic: the console is shown' "$ERR" 'Kernel panic - not syncing'
is 'a panic: what was written before' "$(cat "$OUT")" before
ex -- sh -c 'echo b >/proc/sysrq-trigger; sleep 100' </dev/null
status_is 'a reset' 121
ex --timeout 120s -- sleep 1000 </dev/null
status_is '--timeout' 123
has '--timeout: said' "$ERR" '^rasvm: .*--timeout'
rasvm exec -k "$KERNEL" -c 1 -m 256M -p "$PATIENT" -- true </dev/null >"$OUT" 2>"$ERR"
STATUS=$?
show_vm
status_is 'a kernel without drivers' 125
has 'without drivers: what to do' "$ERR" 'by --modules'
ex -p rdinit=/nowhere -- true </dev/null
status_is 'a panic before the command' 125
has 'a panic before the command: the console is shown' "$ERR" 'Kernel panic - not syncing'
ex --boot-timeout 1ms -- true </dev/null
status_is '--boot-timeout' 125
has '--boot-timeout: said' "$ERR" 'did not start the command within --boot-timeout'

# What is refused.
for bad in '-- ' '--initrd x -- true' '--modules /proc -- true' '-k nowhere -- true' 'true'; do
	# shellcheck disable=SC2086 # one argument a word
	ex $bad </dev/null
	status_is "exec $bad" 255
done
