#!/bin/bash
# The models: run.sh [NAME...]. Explores every state of the machines in configs.c, then sees that each
# bug in seeded/ is found, then lets Spin search kick.pml, right and with its bugs. Prints TAP; fails
# if a line is "not ok". Names choose machines, bugs (without .patch) or "spin". README.md says more.
#
# Environment: BUILD (build), CC (cc), MAX_STATES of a machine.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROOT=$PWD
BUILD=${BUILD:-build}
[[ $BUILD = /* ]] || BUILD=$ROOT/$BUILD
OUT=$BUILD/model
CC=${HOSTCC:-cc}
CFLAGS=(-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -pthread)
EXPLORE_LIMIT_S=900 # a machine by itself takes seconds
SPIN_LIMIT_S=60     # of CPU time, of each run of kick.pml
FIRMWARE=(sdei/{bind,calls,dispatch,entry,event,reset,state}.c
	hypercall/{fault,psci,psci_power,psci_suspend,psci_system}.c lib/{err,parse,smccc}.c)
wanted=("$@")
number=0
failed=0

mkdir -p "$OUT"
WORK=$(mktemp -d "$OUT/work.XXXXXX") || exit 1
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM HUP

say() { # say ok|not ok, TEXT
	number=$((number + 1))
	echo "$1 $number - $2"
	[ "$1" = ok ] || failed=$((failed + 1))
}

show() { # show LOG LINES: the end of a log, as comments
	tail -n "$2" "$1" | sed 's/^#\? \?/# /'
}

is_wanted() {
	[ ${#wanted[@]} -eq 0 ] && return 0
	local name
	for name in "${wanted[@]}"; do
		[ "$name" = "$1" ] && return 0
	done
	return 1
}

# ---- exploring the C code ----

compile() { # compile SOURCE-TREE OBJECT-DIR FILE...
	local tree=$1 objects=$2 file
	shift 2
	for file in "$@"; do
		(cd "$tree" && "$CC" "${CFLAGS[@]}" -I. -c -o "$objects/${file//\//-}.o" "$file") || return 1
	done
}

build_clean() {
	mkdir -p "$WORK/clean"
	compile "$ROOT" "$WORK/clean" "${FIRMWARE[@]}" tests/model/*.c || return 1
	"$CC" "${CFLAGS[@]}" -o "$WORK/explore" "$WORK"/clean/*.o
}

explore_clean() {
	local name line log=$OUT/explore.log
	while read -r name line; do
		is_wanted "$name" || continue
		if timeout "$EXPLORE_LIMIT_S" "$WORK/explore" ${MAX_STATES:+--max-states "$MAX_STATES"} "$name" >"$log"; then
			say ok "explore $(sed -n 's/^ok - //p' "$log")"
		else
			say 'not ok' "explore $name: $line"
			show "$log" 200
		fi
	done < <("$WORK/explore" --list)
}

header() { # header PATCH KEY: value of the line "KEY: value" at its head
	sed -n -e '/^--- /q' -e "s/^$2: *//p" "$1"
}

# A copy of the firmware with the bug in it; only the files it changes are compiled again.
build_seeded() { # build_seeded PATCH
	local changed
	rm -rf "$WORK/tree" "$WORK/seeded"
	mkdir "$WORK/tree" "$WORK/seeded"
	tar -C "$ROOT" -c sdei hypercall lib | tar -C "$WORK/tree" -x || return 1
	patch -d "$WORK/tree" -p1 -f -s --no-backup-if-mismatch <"$1" || return 1
	cp "$WORK"/clean/*.o "$WORK/seeded/"
	mapfile -t changed < <(sed -n 's/^+++ b\///p' "$1")
	compile "$WORK/tree" "$WORK/seeded" "${changed[@]}" || return 1
	"$CC" "${CFLAGS[@]}" -o "$WORK/explore-seeded" "$WORK"/seeded/*.o
}

explore_seeded() { # explore_seeded PATCH
	local name by status log
	name=$(basename "$1" .patch)
	is_wanted "$name" || return 0
	by=$(header "$1" found-in)
	log=$OUT/$name.log
	if ! build_seeded "$1" >"$log" 2>&1; then
		say 'not ok' "seeded $name: does not apply or build"
		show "$log" 10
		return
	fi
	timeout "$EXPLORE_LIMIT_S" "$WORK/explore-seeded" "$by" >"$log" 2>&1
	status=$?
	if [ "$status" = 1 ] && grep -q '^not ok' "$log"; then
		say ok "seeded $name: found after $(grep -c '^# *[1-9][0-9]*  ' "$log") moves ($(sed -n 's/^not ok - //p' "$log"))"
	else
		say 'not ok' "seeded $name: not found in $by (status $status)"
		show "$log" 10
	fi
}

# ---- the thread protocol ----

# Two questions: can it stop where it should not, or break an assertion; can it go on for ever
# without what must happen. The second costs more and gets a smaller machine.
spin_build() { # spin_build NAME FLAG...: verifiers in $WORK/NAME
	local dir=$WORK/$1 options=(-O2 -w -DVECTORSZ=2048 -DCOLLAPSE)
	shift
	mkdir -p "$dir"
	(cd "$dir" && spin "$@" -a "$ROOT/tests/model/kick.pml" &&
		"$CC" "${options[@]}" -DSAFETY -DNOCLAIM -o safety pan.c &&
		spin "$@" -DNCALLS=1 -DNOTHERS=0 -a "$ROOT/tests/model/kick.pml" &&
		"$CC" "${options[@]}" -DNFAIR=3 -o liveness pan.c)
}

# 0: right, and searched completely; 1: wrong; 2: no answer.
spin_ask() { # spin_ask NAME LOG
	local what
	for what in "safety -m200000" "liveness -a -f -m500000"; do
		# shellcheck disable=SC2086 # the options are words
		(cd "$WORK/$1" && ulimit -t "$SPIN_LIMIT_S" && ./${what%% *} ${what#* }) >>"$2" 2>&1 || return 2
		grep -q 'max search depth too small\|out of memory' "$2" && return 2
		grep -q 'errors: [1-9]' "$2" && return 1
	done
	[ "$(grep -c 'errors: 0' "$2")" = 2 ] || return 2
}

spin_numbers() {
	awk '/states, stored/ { s = s sep $1 } /transitions \(=/ { t = t sep $1; sep = " and " }
		/elapsed time/ { e += $4 }
		END { print s " states, " t " transitions, " e " s" }' "$1"
}

spin_error() { # what it is in words
	if grep -q 'assertion violated.*pending' "$1"; then
		echo 'at rest, an event waits that a PE could take'
	elif grep -q 'assertion violated' "$1"; then
		echo 'entered twice, or without a trigger'
	elif grep -q 'invalid end state' "$1"; then
		echo 'deadlock'
	else
		echo 'an event waits for ever'
	fi
}

spin_right() {
	local log=$OUT/spin.log
	if spin_build right >"$log" 2>&1 && spin_ask right "$log"; then
		say ok "spin kick: $(spin_numbers "$log")"
	else
		say 'not ok' "spin kick"
		show "$log" 40
	fi
}

spin_wrong() { # spin_wrong BUG
	local log=$OUT/spin-$1.log status
	spin_build "$1" "-D$1" >"$log" 2>&1
	spin_ask "$1" "$log"
	status=$?
	if [ "$status" = 1 ]; then
		say ok "spin $1: found ($(spin_error "$log"))"
	else
		say 'not ok' "spin $1: not found (status $status)"
		show "$log" 40
	fi
}

# ---- all of it ----

begin=$SECONDS
if build_clean >"$OUT/build.log" 2>&1; then
	explore_clean
	for patch in tests/model/seeded/*.patch; do
		explore_seeded "$patch"
	done
else
	say 'not ok' 'the explorer does not build'
	show "$OUT/build.log" 20
fi
if is_wanted spin; then
	if command -v spin >/dev/null; then
		spin_right
		for bug in $(grep -o 'BUG_[A-Z][A-Z_]*' tests/model/kick.pml | sort -u); do
			spin_wrong "$bug"
		done
	else
		say 'not ok' 'spin is not installed; on Debian: apt install spin'
	fi
fi
echo "1..$number"
echo "# $((SECONDS - begin)) s, $failed failed"
[ "$failed" -eq 0 ] && [ "$number" -gt 0 ]
