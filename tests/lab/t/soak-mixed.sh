# shellcheck shell=sh disable=SC2154
# Half an hour of everything at once: guests that use all devices, behind mmio and PCI in turns, are paused, told
# of errors and events, and reboot in place, under dt and ACPI.
# timeout: 2600
# needs: linux tun soak
mkdir -p share
echo 'from the host' >'share/a file with spaces'
dd if=/dev/zero of=disk.img bs=1M count=12 2>/dev/null
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
echo 'timeout 300s' >life.script
for life in 1 2 3 4 5; do
	cat >>life.script <<END
expect /guest: ok - vda: serial number/
pause
sleep 300ms
resume
inject mem-ce
expect /guest: ok - mounted one/
pause
sleep 100ms
resume
expect /guest: all devices work/
check "life $life"
END
done
printf 'stop\nexpect-exit interrupted\n' >>life.script

now_s() {
	cut -d. -f1 /proc/uptime
}

end=$(($(now_s) + 1800))
runs=0
bad=0
while [ "$(now_s)" -lt $end ]; do
	for how in mmio+dt pci+acpi pci+dt mmio+acpi; do
		transport=${how%+*}
		run_vm -k "$KERNEL" -i initrd -m 192M -c 2 --timeout 600s --rng \
			--virtio-transport "$transport" --firmware-tables "${how#*+}" \
			-p "$PARAMS rasvm.steps=found:1+1+$transport,disk:vda+blk0,rng,share_rw:one,link_up:eth0,all_work,reboot" \
			-d disk.img --9p share,one -n mode=tap,host_ip=192.168.79.1 \
			--script life.script --tap results.tap </dev/null
		runs=$((runs + 1))
		if [ "$STATUS" != 0 ] || grep -q 'guest: not ok' "$OUT" "$ERR"; then
			bad=$((bad + 1))
			not_ok "run $runs ($how): status $STATUS: $(grep -m 1 'not ok' results.tap)"
		fi
	done
done
at_least 'runs of five lives each' "$runs" 4
is 'runs in which something was wrong' "$bad" 0
