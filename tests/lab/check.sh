#!/bin/sh
# Runs the lab's tests: check.sh [TEST...]. Without names, the lists of lists/ named in LAB_BOOTS,
# one host boot each. On arm64 with a usable /dev/kvm there is one run, directly.
# LAB_CPU, LAB_GIC, LAB_SMP or LAB_KERNEL in the environment select one boot of that host.
# Needs build/rasvm; the payloads under build/guest are used if they are there.
set -eu
chosen=${LAB_CPU:-}${LAB_GIC:-}${LAB_SMP:-}${LAB_KERNEL:-}
. "$(dirname "$0")/common.sh"

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

run_in_host() { # run_in_host NAME TEST...
	name=$1
	shift
	overlay=$(mktemp -d "${TMPDIR:-/tmp}/rasvm-overlay.XXXXXX")
	LAB_NAME=$name sh "$LAB_SRC/overlay.sh" "$overlay" "$@"
	result=0
	if lab_is_direct; then
		sh "$LAB_SRC/direct.sh" "$name" "$overlay" || result=$?
	else
		sh "$LAB_SRC/boot.sh" "$name" "$overlay" "${LAB_TIMEOUT:-$(limit_of "$@")}" || result=$?
	fi
	rm -rf "$overlay"
	overlay=
	add_counts "$name" "$result"
}

# Counts come from the log; a host that did not get to its end is one more failure.
add_counts() { # add_counts NAME RESULT
	log=$LAB_LOGS/$1.log
	counts=$(sed -n 's/^lab: end [0-9]* //p' "$log" 2>/dev/null | tail -n 1)
	if [ -z "$counts" ]; then
		seen=$(grep -c '^ok' "$log" 2>/dev/null || :)
		bad=$(grep -c '^not ok' "$log" 2>/dev/null || :)
		counts="${seen:-0} $((${bad:-0} + 1)) 0"
		echo "not ok - $1: the host did not finish its list (status $2)"
	fi
	# shellcheck disable=SC2086 # three numbers
	set -- $counts
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

one_boot() { # one_boot NAME: the hosts that have a list of their own
	# shellcheck disable=SC2046 # one argument a test
	case $1 in
	check) run_in_host check $(list check) ;;
	cortex-a57) LAB_CPU=cortex-a57 run_in_host cortex-a57 $(list cortex-a57) ;;
	gicv2) LAB_GIC=2 run_in_host gicv2 $(list gicv2) ;;
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
	one_boot check
else
	for boot in ${LAB_BOOTS:-check cortex-a57 gicv2}; do
		one_boot "$boot"
	done
fi

echo "# lab: $(($(date +%s) - begin)) s in all"
echo "$passed $failed $skipped" >"$LAB_DIR/summary"
echo "lab: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
