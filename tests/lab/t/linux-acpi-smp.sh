# shellcheck shell=sh disable=SC2154
# ACPI on many CPUs, the last with an MPIDR of its own kind; and into a second kernel by kexec, which finds
# the tables where the first did.
# timeout: 700
# needs: linux gicv3
cat "$INITRD" "$LAB/boot/modules.cpio" >modules
run_vm -k "$KERNEL" -i modules -c 17 -m 512M --firmware-tables acpi --irqchip gicv3 --timeout 400s \
	-p "quiet $PATIENT rasvm.steps=acpi,its:no,online:17,hotplug:4,poweroff" </dev/null
guest_results
status_is '17 CPUs: power-off' 0

mkdir -p root/boot
cp "$KERNEL" root/boot/Image
cp "$INITRD" root/boot/initrd
(cd root && find . | cpio -o -H newc 2>/dev/null) >root.cpio
cat modules root.cpio >initrd
rm -rf root root.cpio
# Debian 12's 6.12 kernel faults in kexec_load on CPUs with 52-bit addresses; not what is tested.
run_vm -k "$KERNEL" -i initrd -c 4 -m 768M --firmware-tables acpi --irqchip gicv3-its --timeout 250s \
	-p "quiet $PATIENT arm64.nolva rasvm.steps=acpi,online:4,kexec:tables:acpi;its;online:4;complaints;poweroff" </dev/null
guest_results
status_is 'power-off of the second kernel' 0
is 'kernels booted' "$(grep -c 'guest: booted' "$OUT")" 2
is 'kernels that saw 4 CPUs' "$(grep -c 'guest: ok - 4 CPUs online' "$OUT")" 2
