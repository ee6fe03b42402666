#!/bin/sh
# What check.sh makes of emulated hosts that die, with a stand-in for boot.sh: each test reports one result
# and is over, but for those in $DEATHS/TEST, in which that many hosts die first, and
# $DEATHS/failure-TEST, which fail that many times.
# `hosts.sh` is the test; as LAB_BOOT it is the stand-in: hosts.sh NAME OVERLAY TIMEOUT_S.
set -eu
. "$(dirname "$0")/common.sh"

say() {
	echo "$*" >>"$LAB_LOGS/$name.log"
}

dies_in() { # dies_in TEST: and once less the next time
	left=$(cat "$DEATHS/$1" 2>/dev/null || echo 0)
	[ "$left" -gt 0 ] && echo $((left - 1)) >"$DEATHS/$1"
}

boot() {
	name=$1
	mkdir -p "$LAB_LOGS"
	: >"$LAB_LOGS/$name.log"
	if dies_in boot; then exit 3; fi
	while read -r test; do
		say "# $test (limit 5 s)"
		say "ok - $test: begins"
		if dies_in "failure-$test"; then say "not ok - $test: fails"; fi
		if dies_in "$test"; then exit 3; fi
		say "# $test: 0 failed, 0.0 s"
	done <"$2/lab/list"
	say "lab: end 0 $(grep -c '^ok' "$LAB_LOGS/$name.log") 0 0"
	exit 0
}

# is WHAT DEATHS SUMMARY: three tests, of which hosts die in "TEST=N ..."
is() {
	DEATHS=$(mktemp -d)
	export DEATHS
	for death in $2; do
		echo "${death#*=}" >"$DEATHS/${death%=*}"
	done
	LAB_RUN=hosts LAB_BOOT=$LAB_SRC/hosts.sh LAB_EMULATE=1 sh "$LAB_SRC/check.sh" selftest usage plan \
		>"$DEATHS/out" 2>&1 || :
	found="$(cat "$LAB_DIR/summary"), $(grep -c 'another one goes on' "$DEATHS/out" || :) hosts more"
	if [ "$found" = "$3" ]; then
		echo "ok - $1"
	else
		echo "not ok - $1: expected '$3', found '$found'"
		sed 's/^/#   /' "$DEATHS/out"
		status=1
	fi
	rm -rf "$DEATHS"
}

if [ "$#" -gt 0 ]; then boot "$@"; fi
status=0
is 'a host that lives' '' '3 0 0, 0 hosts more'
is 'one that dies in a test: that one and the rest in another' 'usage=1' '3 0 0, 1 hosts more'
is 'one that dies in a test that had failed: that counts' 'usage=1 failure-usage=1' '3 1 0, 1 hosts more'
is 'two that die in different tests' 'selftest=1 plan=1' '3 0 0, 2 hosts more'
is 'two that die in the same: it has failed, the rest runs' 'usage=2' '2 1 0, 1 hosts more'
is 'two that die in the last' 'plan=2' '2 1 0, 1 hosts more'
is 'one that does not get to its tests' 'boot=1' '3 0 0, 1 hosts more'
is 'none that does' 'boot=9' '0 1 0, 1 hosts more'
rm -f "$LAB_DIR/summary" "$LAB_LOGS"/hosts*
exit $status
