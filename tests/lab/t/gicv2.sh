# shellcheck shell=sh disable=SC2154
# A host with a GICv2 only: the machine is built for it by itself, GICv3 is refused with a reason.
# timeout: 300
# needs: linux gicv2
run_linux log,online:2,hotplug:4,poweroff -c 2
status_is 'default interrupt controller' 0

run_linux online:2,poweroff -c 2 --irqchip gicv2m
status_is '--irqchip gicv2m' 0

run_vm -k "$KERNEL" -i "$INITRD" --irqchip gicv3 --timeout 20s </dev/null
if [ "$STATUS" = 2 ] || [ "$STATUS" = 3 ]; then
	ok "--irqchip gicv3 is refused (status $STATUS)"
else
	not_ok "--irqchip gicv3: expected status 2 or 3, found $STATUS"
fi
has '--irqchip gicv3: the reason' "$ERR" '[Gg][Ii][Cc]v3'

run_vm -k "$KERNEL" -i "$INITRD" -c 9 --timeout 20s </dev/null
status_is 'more than 8 CPUs on a GICv2' 2
has 'more than 8 CPUs: the limit is named' "$ERR" '8'
