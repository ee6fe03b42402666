# shellcheck shell=sh disable=SC2154
# The same kernel described by a device tree, by ACPI, and by both: console without console=, hotplug, reboot
# in place, clock, power button.
# timeout: 700
# needs: linux gicv3
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd

# start_tables TABLES CPUS PARAMS [OPTION...]: a guest without console=. Without watchdog: an emulated host
# may not let its guest run for longer than one allows.
start_tables() {
	tables=$1
	cpus=$2
	params=$3
	shift 3
	note "firmware tables: $tables, $cpus CPUs, $params"
	start_vm -k "$KERNEL" -i initrd -c "$cpus" -m 512M --firmware-tables "$tables" --timeout 250s \
		-p "quiet $PATIENT $params" "$@"
}

finish_tables() {
	finish_vm
	guest_results
	status_is "$tables, $cpus CPUs: power-off" 0
}

# When the guest says that it waits for its button.
press_button() {
	if wait_for 'guest: press the power button' 1 200; then
		kill -PWR "$VM"
	else
		not_ok "$tables: the guest did not wait for its power button"
	fi
}

answer() { # answer BOOT STEPS: when it asks for what to do
	if wait_for 'guest: next\?' "$1" 200; then
		send "$2"
	else
		not_ok "$tables: boot $1 did not reach its init"
		kill -9 "$VM"
	fi
}

start_tables acpi 2 rasvm.steps=ask --irqchip gicv3-its --on-reset reboot
answer 1 'step_acpi; step_its; step_online 2; step_hotplug 4; step_reboot'
answer 2 "step_tables acpi; step_its; step_online 2; step_complaints; step_rtc efi+$(date +%s); step_button Power_Button; step_poweroff"
press_button
finish_tables

start_tables dt 2 "rasvm.steps=log,dt,online:2,rtc:pl031+$(date +%s),button:gpio-keys,poweroff"
press_button
finish_tables

# With both, the kernel takes the tree; told to, it takes ACPI.
start_tables both 1 "rasvm.steps=log,dt,button:gpio-keys,poweroff"
press_button
finish_tables
start_tables both 1 "acpi=force rasvm.steps=tables:acpi,rtc:efi+$(date +%s),button:Power_Button,poweroff"
press_button
finish_tables
