# shellcheck shell=sh disable=SC2154
# No event changes a register of the code it interrupts: at EL1, at EL0, in device loads, in WFI.
# Each number is for each of seven ways to be interrupted.
# timeout: 3900
events=300
if [ -n "$SOAK" ]; then events=15000; fi
sdei "group=X events=$events" 0 -c 2 --timeout 3600s
sdei 'group=X conduit=smc events=50' 0 -c 4
