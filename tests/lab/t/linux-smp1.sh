# shellcheck shell=sh disable=SC2154
# Debian on one CPU: discovery, suspend to idle, suspend to memory (SYSTEM_SUSPEND), power-off.
# timeout: 400
# needs: linux
run_linux log,online:1,hotplug:1,dt,freeze:8,mem:8,poweroff -c 1 --stats
status_is 'power-off' 0
has '--stats reports SMCCC calls' "$ERR" 'PSCI_VERSION|VERSION'
has '--stats counts SYSTEM_SUSPEND' "$ERR" 'SYSTEM_SUSPEND'
