# shellcheck shell=sh disable=SC2154
# Calls that end the machine, one run each: what rasvm makes of them.
# timeout: 200
for conduit in hvc smc; do
	for name in G01-boot G01-secondary G01-alone; do
		psci "test=$name conduit=$conduit" 0 -c 4
	done
	psci "test=G02-reset conduit=$conduit" 4 -c 4 --on-reset exit
	psci "test=G02-reset-secondary conduit=$conduit" 4 -c 4 --on-reset exit
	psci "test=G02-warm conduit=$conduit" 0 -c 4 --on-reset reboot
	psci "test=G08-off0 conduit=$conduit" 7 -c 4
	psci "test=G08-off1 conduit=$conduit" 7 -c 4
	psci "test=D18 conduit=$conduit" 8 -c 4
done
psci 'test=D18' 6 -c 2 --all-off wait --timeout 5s
