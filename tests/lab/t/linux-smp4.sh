# shellcheck shell=sh disable=SC2154
# Debian on four CPUs, with the hotplug loop over all of them.
# timeout: 400
# needs: linux
loops=20
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:4,hotplug:$loops,freeze:8,mem:8,poweroff" -c 4
status_is 'power-off' 0
