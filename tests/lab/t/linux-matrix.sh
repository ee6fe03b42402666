# shellcheck shell=sh disable=SC2154
# Every way to end or restart Debian, on 1, 2, 4 and 17 CPUs: cold and warm reboot, kexec, suspend to
# idle and to memory, halt, power-off.
# timeout: 2400
# needs: linux gicv3 soak
mkdir -p root/boot
cp "$KERNEL" root/boot/Image
cp "$INITRD" root/boot/initrd
(cd root && find . | cpio -o -H newc 2>/dev/null) >root.cpio
cat "$INITRD" root.cpio >initrd
rm -rf root root.cpio

for cpus in 1 2 4 17; do
	start_vm -k "$KERNEL" -i "$INITRD" -c "$cpus" -m 512M -p "$PARAMS rasvm.steps=ask" --timeout 600s
	boots=0
	for commands in "step_online $cpus; step_freeze; step_mem $((cpus + 3)); step_reboot" step_warm \
		"step_online $cpus; step_poweroff"; do
		boots=$((boots + 1))
		if ! wait_for 'guest: next\?' "$boots" 200; then
			not_ok "$cpus CPUs: boot $boots did not reach its init"
			kill -9 "$VM"
			break
		fi
		send "$commands"
	done
	finish_vm
	guest_results
	status_is "$cpus CPUs: cold reboot, warm reboot, power-off" 0

	run_vm -k "$KERNEL" -i initrd -c "$cpus" -m 768M --timeout 280s \
		-p "$PARAMS arm64.nolva rasvm.steps=online:$cpus,kexec:log;online:$cpus;poweroff" </dev/null
	guest_results
	status_is "$cpus CPUs: kexec, power-off of the second kernel" 0

	run_vm -k "$KERNEL" -i "$INITRD" -c "$cpus" -m 512M --timeout 100s \
		-p "$PARAMS rasvm.steps=online:$cpus,halt" </dev/null
	guest_results
	status_is "$cpus CPUs: a halted guest stays until the time is over" 6
done
