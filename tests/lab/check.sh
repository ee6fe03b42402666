#!/bin/sh
# Runs the lab's tests: check.sh [TEST...]. Without names, the lists of lists/ named in LAB_BOOTS,
# one host boot each. On arm64 with a usable /dev/kvm there is one run, directly.
# LAB_CPU, LAB_GIC, LAB_SMP or LAB_KERNEL in the environment select one boot of that host, with the tests of the
# two lists that ask for nothing special.
# Needs build/rasvm; the payloads under build/guest are used if they are there.
set -eu
chosen=${LAB_CPU:-}${LAB_GIC:-}${LAB_SMP:-}${LAB_KERNEL:-}
. "$(dirname "$0")/common.sh"

LAB_BOOT=${LAB_BOOT:-$LAB_SRC/boot.sh} # what boots a host
overlay=
cleanup() {
	if [ -n "$overlay" ]; then rm -rf "$overlay"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

list() { # list NAME: the tests in a list
	sed 's/#.*//' "$LAB_SRC/lists/$1" | tr -s ' \t\n' '\n'
}

# How long the host may run these tests: the sum of their limits, and its boot.
limit_of() {
	sum=90
	for test in "$@"; do
		seconds=$(sed -n 's/^# timeout: *//p' "$LAB_SRC/t/$test.sh" | head -n 1)
		sum=$((sum + ${seconds:-60} * ${LAB_SLOW:-1} + 2))
	done
	echo "$sum"
}

# The Debian disk takes minutes to make: only for tests that want it.
make_debian() { # make_debian TEST...
	for test in "$@"; do
		if grep -q '^# needs:.*debian' "$LAB_SRC/t/$test.sh" && ! lab_is_direct; then
			sh "$LAB_SRC/debian.sh" || note "without the Debian disk: tests that need it are skipped"
			return
		fi
	done
}

boot_host() { # boot_host NAME TEST...: one host; its log says how far it came
	name=$1
	shift
	make_debian "$@"
	overlay=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-overlay.XXXXXX")
	LAB_NAME=$name sh "$LAB_SRC/overlay.sh" "$overlay" "$@"
	result=0
	if lab_is_direct; then
		sh "$LAB_SRC/direct.sh" "$name" "$overlay" || result=$?
	else
		sh "$LAB_BOOT" "$name" "$overlay" "${LAB_TIMEOUT:-$(limit_of "$@")}" || result=$?
	fi
	rm -rf "$overlay"
	overlay=
}

# Counts of a host that came to its end, or died: what its tests had said until the one it died in, and
# every failure.
add_counts() { # add_counts LOG
	counts=$(sed -n 's/^lab: end [0-9]* //p' "$1" | tail -n 1)
	[ -n "$counts" ] || counts=$(awk '
		/^# [^ ]* \(limit / { passed = ok; skipped = skips }
		/^ok/ { if (/# SKIP/) skips++; else ok++ }
		/^not ok/ { failed++ }
		END { print passed + 0, failed + 0, skipped + 0 }' "$1")
	# shellcheck disable=SC2086 # three numbers
	set -- $counts
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# The test a host died in, or "boot" if it had not begun any.
died_in() { # died_in LOG
	died=$(sed -n 's/^# \([^ ]*\) (limit .*/\1/p' "$1" | tail -n 1)
	echo "${died:-boot}"
}

from() { # from TEST LIST...: the list from there on
	first=$1
	shift
	while [ "$#" -gt 0 ] && [ "$1" != "$first" ]; do
		shift
	done
	echo "$@"
}

# A kernel of an emulated host may die without a fault of the tests'. The test it died in is begun anew in
# another host, and the rest follows; one that two hosts died in has failed.
run_in_host() { # run_in_host NAME TEST...
	host=$1
	shift
	log=$LAB_LOGS/$host.log
	last=
	while [ "$#" -gt 0 ]; do
		boot_host "$host" "$@"
		[ -e "$log" ] || die "nothing could be booted (status $result)"
		add_counts "$log"
		if grep -q '^lab: end' "$log"; then return; fi
		died=$(died_in "$log")
		cp "$log" "$LAB_LOGS/$host-died.log"
		cp "$LAB_LOGS/$host.console" "$LAB_LOGS/$host-died.console" 2>/dev/null || :
		if [ "$died" = boot ]; then rest=$*; else rest=$(from "$died" "$@"); fi
		if [ "$died" = "$last" ] || lab_is_direct; then
			echo "not ok - $died: the host did not survive it (status $result)"
			failed=$((failed + 1))
			if [ "$died" = boot ]; then return; fi
			rest=${rest#"$died"}
		else
			echo "# $host: the host died in $died (status $result): another one goes on from there"
		fi
		last=$died
		# shellcheck disable=SC2086 # one argument a test
		set -- $rest
	done
}

one_boot() { # one_boot NAME: the hosts that have a list of their own
	# shellcheck disable=SC2046 # one argument a test
	case $1 in
	check) run_in_host check $(list check) ;;
	cortex-a57) LAB_CPU=cortex-a57 run_in_host cortex-a57 $(list cortex-a57) ;;
	gicv2) LAB_GIC=2 run_in_host gicv2 $(list gicv2) ;;
	neoverse-n1) LAB_CPU=neoverse-n1 run_in_host neoverse-n1 $(list neoverse-n1) ;;
	soak) SOAK=1 run_in_host soak $(list soak) ;;
	*) die "LAB_BOOTS: no list '$1'; there are: $(cd "$LAB_SRC/lists" && echo *)" ;;
	esac
}

begin=$(date +%s)
passed=0
failed=0
skipped=0
sh "$LAB_SRC/deps.sh" lab
sh "$LAB_SRC/images.sh"
sh "$LAB_SRC/tools.sh"
[ -e "$BUILD/rasvm" ] || note "$BUILD/rasvm is not built; run make first"
export LAB_CPU LAB_GIC LAB_SMP LAB_MEM LAB_KERNEL SOAK="${SOAK:-}"

if [ "$#" -gt 0 ]; then
	for test in "$@"; do
		[ -r "$LAB_SRC/t/$test.sh" ] ||
			die "no lab test '$test'; there are: $(cd "$LAB_SRC/t" && echo *.sh | sed 's/\.sh//g; s/lib //')"
	done
	run_in_host "${LAB_RUN:-one}" "$@"
elif [ -n "$chosen" ] || lab_is_direct; then
	# shellcheck disable=SC2046 # one argument a test
	run_in_host check $(list check) $(list neoverse-n1 | grep -v '^selftest$')
else
	for boot in ${LAB_BOOTS:-check neoverse-n1 cortex-a57 gicv2}; do
		one_boot "$boot"
	done
fi

echo "# lab: $(($(date +%s) - begin)) s in all"
echo "$passed $failed $skipped" >"$LAB_DIR/summary"
echo "lab: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
