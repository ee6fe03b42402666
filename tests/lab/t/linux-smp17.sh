# shellcheck shell=sh disable=SC2154
# Debian on 17 CPUs: the last one has an MPIDR with Aff1 = 1, Aff0 = 0. Taking 16 out takes seconds in
# an emulated host, and an alarm before that ends the suspend to memory before it began.
# timeout: 800
# needs: linux gicv3
loops=34
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:17,hotplug:$loops,freeze:20,mem:30,poweroff" -c 17 -m 512M
status_is 'power-off' 0
