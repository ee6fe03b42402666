# shellcheck shell=sh disable=SC2154
# Debian on 17 CPUs: the last one has an MPIDR with Aff1 = 1, Aff0 = 0.
# timeout: 400
# needs: linux gicv3
loops=34
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:17,hotplug:$loops,freeze,mem,poweroff" -c 17 -m 512M
status_is 'power-off' 0
