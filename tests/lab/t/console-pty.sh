# shellcheck shell=sh disable=SC2154
# The console on a pseudo-terminal: its name is told, a terminal program can use it both ways.
# timeout: 320
# needs: linux
start_vm -k "$KERNEL" -i "$INITRD" -c 1 -m 256M --timeout 300s -p "$PARAMS rasvm.steps=ask" --console pty
pty=
tries=300
while [ -z "$pty" ] && [ "$tries" -gt 0 ]; do
	pty=$(cat "$ERR" "$OUT" | grep -o '/dev/pts/[0-9]*' | head -n 1)
	tries=$((tries - 1))
	sleep 0.1
done
if [ -z "$pty" ]; then
	not_ok 'no /dev/pts/N was named'
	kill "$VM"
	kill "$VM"
else
	ok "the terminal's name was told: $pty"
	cat "$pty" >terminal &
	reader=$!
	tries=2400
	while ! grep -q 'guest: next?' terminal && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
	has 'the guest is heard on the terminal' terminal 'guest: next\?'
	echo step_poweroff >"$pty"
fi
finish_vm
kill "$reader" 2>/dev/null
status_is 'a command on the terminal' 0
