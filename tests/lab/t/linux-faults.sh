# shellcheck shell=sh disable=SC2154
# Injected firmware failures reach Linux: a CPU that does not start at boot starts later.
# timeout: 160
# needs: linux
run_linux online:1,plug:1,online:2,poweroff -c 2 --psci-fail CPU_ON,count=1=-6 --trace trace.json
status_is 'power-off' 0
has 'trace: the failed call' trace.json 'CPU_ON.*-6'
