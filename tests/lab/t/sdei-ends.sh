# shellcheck shell=sh disable=SC2154
# Calls that end the machine, made in an event handler; and SDEI's state after a reset.
# timeout: 120
for conduit in hvc smc; do
	sdei "test=R07-off conduit=$conduit" 0 -c 4
	sdei "test=R07-reset conduit=$conduit" 4 -c 4 --on-reset exit
	sdei "test=R07-warm conduit=$conduit" 0 -c 4 --on-reset reboot
done
