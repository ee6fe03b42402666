#!/bin/sh
# The part of `make demo` that runs on the arm64 host: one guest, its console with times, and a
# summary made from rasvm's firmware trace.
LAB=${LAB:-/lab}
KERNEL=$LAB/boot/Image
INITRD=$LAB/boot/guest.cpio
work=$LAB/tmp
mkdir -p "$work"
cd "$work" || exit 1

now_cs() { # hundredths of a second
	sed 's/\([0-9]*\)\.\([0-9][0-9]\).*/\1\2/' /proc/uptime
}

seconds() { # seconds HUNDREDTHS
	printf '%d.%d' $(($1 / 100)) $(($1 / 10 % 10))
}

step() {
	echo
	echo "== $*"
}

calls() { # calls NAME: how often the guest called it
	grep -cE "\"(PSCI_)?$1\"" trace.json
}

mark() { # mark PATTERN: when the guest's console first showed it, hundredths of a second
	sed -n "s/^\([0-9]*\) .*$1.*/\1/p" console.times | head -n 1
}

step "The host: Linux $(uname -r), $(nproc) CPUs, $(ls /dev/kvm)"
rasvm version
step "A guest: Debian's arm64 kernel, 2 CPUs, 256 MiB"
echo "rasvm run -k Image -i guest.cpio -c 2 -m 256M -p 'console=ttyS0 quiet ...' --trace trace.json"
echo "(its kernel is silent for some seconds while it boots)"
begin=$(now_cs)
{
	rasvm run -k "$KERNEL" -i "$INITRD" -c 2 -m 256M --timeout 180s --trace trace.json \
		-p "console=ttyS0 quiet rasvm.steps=log,demo,poweroff" </dev/null 2>rasvm.err
	echo "$?" >status
} | while read -r line; do
	at=$(($(now_cs) - begin))
	line=$(echo "$line" | tr -d '\r')
	echo "$at $line" >>console.times
	printf '  %6s s  %s\n' "$(seconds "$at")" "$line"
done
took=$(($(now_cs) - begin))
status=$(cat status)
cat rasvm.err

step 'What happened'
init=$(mark 'guest: booted')
echo "  kernel to init:    $(seconds "${init:-0}") s"
echo "  whole run:         $(seconds "$took") s, rasvm's exit status $status (0: the guest powered off)"
echo "  firmware calls answered by rasvm: $(wc -l <trace.json)"
for name in VERSION FEATURES CPU_ON CPU_OFF AFFINITY_INFO SYSTEM_OFF; do
	echo "    PSCI $name: $(calls "$name")"
done
if [ "$status" = 0 ] && ! grep -q 'guest: not ok' console.times && grep -q 'guest: ok - CPU 1 is back' console.times; then
	echo '  The guest booted, lost a CPU, got it back and powered off: all by firmware in user space.'
	echo 'lab: end 0 1 0 0'
else
	echo '  Something went wrong; the console above says what.'
	echo 'lab: end 1 0 1 0'
fi
