# shellcheck shell=sh disable=SC2154
# What the guest's kernel concludes about the firmware is the same whether rasvm or KVM answers
# PSCI: vulnerabilities (SMCCC workarounds), and PSCI features apart from what rasvm adds.
# timeout: 240
# needs: linux
run_linux firmware,poweroff -c 1 --psci kernel
status_is '--psci kernel' 0
tr -d '\r' <"$OUT" | grep '^guest: \(vuln\|psci\)' | sort >kernel.txt

run_linux firmware,poweroff -c 1 --psci user
status_is '--psci user' 0
tr -d '\r' <"$OUT" | grep '^guest: \(vuln\|psci\)' | sort >user.txt

at_least 'vulnerability lines' "$(grep -c vulnerability user.txt)" 5
sed -n 's/^guest: vulnerability \([^ ]*\) .*/\1/p' kernel.txt >names
while read -r name; do
	is "vulnerability $name as with PSCI in the kernel" \
		"$(grep "vulnerability $name " user.txt)" "$(grep "vulnerability $name " kernel.txt)"
done <names
has 'PSCI 1.3' user.txt 'PSCIv1\.3'
has 'SYSTEM_RESET2' user.txt 'SYSTEM_RESET2 is supported'
has 'SYSTEM_SUSPEND' user.txt 'SYSTEM_SUSPEND is supported'
sed -n 's/^guest: psci: \([A-Z_0-9]*\) is supported/\1/p' kernel.txt >features
while read -r feature; do
	has "rasvm has $feature, as KVM has" user.txt "$feature is supported"
done <features
