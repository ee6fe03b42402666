# shellcheck shell=sh disable=SC2154
# Debian on two CPUs: discovery, hotplug, suspend, and the firmware trace of it all.
# timeout: 400
# needs: linux
loops=20
if [ -n "$SOAK" ]; then loops=200; fi
run_linux "log,online:2,hotplug:$loops,freeze:8,mem:8,poweroff" -c 2 --trace trace.json
status_is 'power-off' 0

head -n 40 trace.json
# A line is one JSON object of numbers, strings, booleans and arrays of numbers or strings.
scalar='(-?[0-9]+(\.[0-9]+)?|"([^"\\]|\\.)*"|true|false|null)'
val="($scalar|\[($scalar(, ?$scalar)*)?\])"
is 'trace: lines that are not JSON' "$(grep -vcE "^\{\"[a-z_0-9]+\": ?$val(, ?\"[a-z_0-9]+\": ?$val)*\}\$" trace.json)" 0
at_least 'trace: lines' "$(wc -l <trace.json)" 60
for name in VERSION FEATURES MIGRATE_INFO_TYPE CPU_ON CPU_OFF AFFINITY_INFO SYSTEM_SUSPEND SYSTEM_OFF; do
	has "trace: $name" trace.json "\"(PSCI_)?$name\""
done
# The last call is the power-off, but that of another CPU which masks itself meanwhile.
has 'trace: SYSTEM_OFF' trace.json '"name":"SYSTEM_OFF"'
is 'trace: calls after SYSTEM_OFF, but of CPUs that mask themselves' \
	"$(sed '1,/"name":"SYSTEM_OFF"/d' trace.json | grep -c -v '"name":"SDEI_PE_MASK"')" 0
at_least 'trace: CPU_ON calls' "$(grep -c '"\(PSCI_\)\?CPU_ON"' trace.json)" "$loops"
