# shellcheck shell=sh disable=SC2154
# The console: input is not lost, however fast; output to files, pipes, a pseudo-terminal, nowhere.
# timeout: 400
# needs: linux

# 16 KiB as fast as the pipe takes them, once the guest reads.
start_vm -k "$KERNEL" -i "$INITRD" -c 1 -m 256M --timeout 200s \
	-p "$PARAMS rasvm.steps=input:16384,output:500,poweroff"
head -c 12288 /dev/urandom | base64 | tr -d '\n' | head -c 16384 >input
wait_for 'guest: ready for input' 1 120 || not_ok 'the guest never asked for input'
cat input >&9
finish_vm
status_is 'input from a pipe' 0
is '16 KiB of input arrive whole' "$(guest_value 'input md5')" "$(md5sum <input | cut -d' ' -f1)"
tr -d '\r' <"$OUT" | grep '^line ' >lines
is '500 lines of output arrive whole' "$(md5sum <lines)" "$(seq 1 500 | sed 's/^/line /' | md5sum)"

# Typed before anybody listens: a file as standard input, there from the first instruction.
echo 'step_poweroff' >commands
run_vm -k "$KERNEL" -i "$INITRD" -c 1 -m 256M --timeout 200s -p "$PARAMS rasvm.steps=ask" <commands
status_is 'a command typed before the guest was up' 0
is 'the command as the guest read it' "$(guest_value command)" step_poweroff

# A payload that says a line and powers off is enough for the rest.
run_vm --flat -k "$PAYLOADS/psci.flat" -c 1 -m 64M --timeout 60s -p 'test=C01' \
	--console "$WORK/console.log" </dev/null
status_is '--console FILE' 0
has '--console FILE: the console is in the file' console.log '^ok .*C01'
has_not '--console FILE: and not on standard output' "$OUT" 'C01'

run_vm --flat -k "$PAYLOADS/psci.flat" -c 1 -m 64M --timeout 60s -p 'test=C01' --console none </dev/null
status_is '--console none' 0
is '--console none: bytes on standard output' "$(wc -c <"$OUT")" 0
