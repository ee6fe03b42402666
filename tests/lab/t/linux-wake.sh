# shellcheck shell=sh disable=SC2154
# What ends a sleep of the guest's kernel, shallow (suspend to idle) and deep (SYSTEM_SUSPEND): the clock's
# alarm, set by a UEFI runtime service where there is ACPI, and the power button.
# timeout: 500
# needs: linux gicv3
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd

# A press before the guest sleeps is no mistake, but does not wake it: press until something comes of it.
press_until_awake() { # press_until_awake COUNT: of sleeps that have ended
	tries=30
	until wait_for 'guest: awake again' "$1" 5; do
		tries=$((tries - 1))
		if [ "$tries" -le 0 ] || ! kill -PWR "$VM"; then
			not_ok "$tables: sleep $1 was not ended by the power button"
			kill -9 "$VM"
			return
		fi
	done
}

sleeps() { # sleeps TABLES STEPS
	tables=$1
	note "firmware tables: $tables"
	start_vm -k "$KERNEL" -i initrd -c 2 -m 512M --firmware-tables "$tables" --timeout 240s \
		-p "quiet $PATIENT rasvm.steps=$2"
	for n in 1 2; do
		if wait_for 'guest: asleep until its power button is pressed' "$n" 150; then
			press_until_awake "$n"
		else
			not_ok "$tables: the guest did not come to its sleep $n"
			kill -9 "$VM"
		fi
	done
	finish_vm
	guest_results
	status_is "$tables: power-off" 0
}

sleeps acpi freeze,mem,wake:freeze+ACPI:Event,wake:mem+ACPI:Event,poweroff
sleeps dt wake:freeze+power,wake:mem+power,poweroff
