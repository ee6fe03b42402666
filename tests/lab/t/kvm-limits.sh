# shellcheck shell=sh disable=SC2154
# KVM at its limits: a failing KVM_RUN, the most CPUs, CPU features switched off.
# timeout: 120

# A reason, the registers and a status, not a hang. The file behind guest RAM is cut to nothing, so
# the next access of a vCPU has no memory to reach.
start_vm --flat -k "$PAYLOADS/psci.flat" -c 2 -m 64M --mem-backing "file=$WORK/ram" --timeout 40s \
	-p 'test=E07 soak=30'
wait_for '^# seed=' 1 30
sleep 1
: >"$WORK/ram"
finish_vm
status_is 'RAM taken away' 3
has 'the reason' "$ERR" 'CPU [01]: KVM_RUN failed: '
has 'the registers' "$ERR" 'pc +[0-9a-f]{16}'

# The largest machine this host's KVM allows starts and ends; one CPU more is refused.
most=$(rasvm doctor | sed -n 's/^vCPUs in one guest *up to //p')
run_vm --flat -k "$PAYLOADS/psci.flat" -c "$most" -m 512M --timeout 50s -p 'test=C01' </dev/null
status_is "$most CPUs" 0
run_vm --flat -k "$PAYLOADS/psci.flat" -c $((most + 1)) -m 512M --timeout 50s -p 'test=C01' </dev/null
status_is "$((most + 1)) CPUs" 2
has 'the limit is named' "$ERR" "$most"

# Vector lengths: a limit below the host's, and one that cannot be.
if grep -qw sve /proc/cpuinfo; then
	run_vm --flat -k "$PAYLOADS/psci.flat" -c 1 -m 64M --sve-max-vl 256 --timeout 50s -p 'test=C01' </dev/null
	status_is '--sve-max-vl 256' 0
fi
for feature in sve pauth pmu pvtime; do
	run_vm --flat -k "$PAYLOADS/psci.flat" -c 1 -m 64M "--no-$feature" --timeout 50s -p 'test=C01' </dev/null
	status_is "--no-$feature" 0
done
run_vm --flat -k "$PAYLOADS/psci.flat" -c 1 -m 64M --mem-backing memfd --timeout 50s -p 'test=C01' </dev/null
status_is '--mem-backing memfd' 0
rasvm doctor >capabilities
is 'rasvm doctor: status' "$?" 0
has 'rasvm doctor: the filter' capabilities '^yes +SMCCC filter'
