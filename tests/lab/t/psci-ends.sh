# shellcheck shell=sh disable=SC2154
# Calls that end the machine, one run each: what rasvm makes of them.
# timeout: 260
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

# The reader of the console takes nothing: a pipe that is full, and stays so.
mkfifo full
(exec 9<full && exec sleep 100) &
reader=$!
dd if=/dev/zero of=full bs=64k count=1 2>/dev/null
begin=$(date +%s)
timeout -k 5 60 rasvm run -k "$PAYLOADS/psci.flat" --flat -c 2 -m 256M -p 'test=D18' --all-off wait --timeout 5s \
	</dev/null >full 2>"$ERR"
is '--timeout, and nobody reads the console: exit status' $? 6
at_most '... seconds' $(($(date +%s) - begin)) 30
kill "$reader"
