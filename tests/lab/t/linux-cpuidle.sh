# shellcheck shell=sh disable=SC2154
# The guest's cpuidle uses PSCI power states (CPU_SUSPEND); timers stay right.
# timeout: 160
# needs: linux
run_linux cpuidle,poweroff -c 2 --cpuidle --stats
status_is 'power-off' 0
has '--stats counts CPU_SUSPEND' "$ERR" 'CPU_SUSPEND'
