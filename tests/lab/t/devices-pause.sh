# shellcheck shell=sh disable=SC2154
# Pause and resume, twenty times, while the guest writes to a disk and reads it back: nothing is lost, and with
# --pause-clock stop its clock does not see the pauses, with run it does. The guest compares two clocks that tell whole
# seconds: what it says may be one too many or too few, so -1 for nothing.
# timeout: 400
# needs: linux
dd if=/dev/zero of=disk.img bs=1M count=12 2>/dev/null
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
echo 'timeout 150s' >pause.script
echo 'expect /guest: begins/' >>pause.script
i=0
while [ $i -lt 20 ]; do
	printf 'pause\nsleep 700ms\nresume\nsleep 50ms\n' >>pause.script
	i=$((i + 1))
done
cat >>pause.script <<'END'
send "end\n"
expect /guest: paused for (-?[0-9]+) s/
mark "the guest saw $1 s of pauses"
expect-exit poweroff
check "the guest went on to the end"
END
for clock in stop run; do
	run_vm -k "$KERNEL" -i initrd -m 192M -c 2 --timeout 180s --pause-clock "$clock" \
		-p "$PARAMS rasvm.steps=disk_under_way:vda,poweroff" \
		-d disk.img --script pause.script --tap results.tap --transcript transcript </dev/null
	status_is "$clock: the script" 0
	has "$clock: each pass read back what it wrote" transcript 'guest: ok - passes that did not read back what they wrote'
	hidden=$(sed -n 's/.*guest: paused for \(-*[0-9]*\) s.*/\1/p' transcript | head -n 1)
	case $clock in
	stop) at_least 'stop: seconds the guest did not see, of 14' "$hidden" 12 ;;
	run) at_most 'run: seconds the guest did not see' "$hidden" 2 ;;
	esac
done
