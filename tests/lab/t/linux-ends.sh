# shellcheck shell=sh disable=SC2154
# How a guest can end, seen from outside: reset with the exit policy, panic, halt and time-out,
# signals.
# timeout: 300
# needs: linux
run_linux reboot -c 1 --on-reset exit
status_is 'reset with --on-reset exit' 4

run_linux panic:0 -c 1 --timeout 150s
status_is 'panic' 5

run_linux sleep:100 -c 2 --timeout 3s
status_is '--timeout' 6

# A halted guest stays: its CPUs wait, nothing ends the machine.
start_vm -k "$KERNEL" -i "$INITRD" -c 2 -m 256M -p "$PARAMS rasvm.steps=halt" --timeout 150s
if wait_for 'System halted' 1 140; then ok 'the guest halted'; else not_ok 'the guest did not halt'; fi
sleep 2
if kill -0 "$VM"; then ok 'a halted guest stays'; else not_ok 'rasvm ended with a halted guest'; fi
kill "$VM"
finish_vm
status_is 'a halted guest can be stopped' 9

# A shell's background command ignores SIGINT, and rasvm leaves what it was told to ignore alone;
# hence two ways to send a signal.
for signal in TERM HUP; do
	start_vm -k "$KERNEL" -i "$INITRD" -c 2 -m 256M -p "$PARAMS rasvm.steps=sleep:100" --timeout 120s
	wait_for . 1 30
	begin=$(cut -d. -f1 /proc/uptime)
	kill "-$signal" "$VM"
	finish_vm
	status_is "SIG$signal" 9
	at_most "SIG$signal: seconds to stop" "$(($(cut -d. -f1 /proc/uptime) - begin))" 8
done

echo '$ timeout -s INT 5 rasvm run ...'
timeout -s INT -k 10 5 rasvm run -k "$KERNEL" -i "$INITRD" -c 2 -m 256M --timeout 120s \
	-p "$PARAMS rasvm.steps=sleep:100" >"$OUT" 2>"$ERR" </dev/null
# shellcheck disable=SC2034 # read by status_is
STATUS=$?
show_vm
status_is 'SIGINT' 9
