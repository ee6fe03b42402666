# shellcheck shell=sh disable=SC2154
# Older PSCI versions are presented truthfully; the strict CPU_ON model; PSCI done by KVM itself.
# timeout: 240
for version in 0.2 1.0 1.1 1.2 1.3; do
	psci 'group=C' 0 -c 2 --psci-version "$version"
done
run_payload psci 'group=DE soak=1' 0 -c 4 --psci-on-pending
