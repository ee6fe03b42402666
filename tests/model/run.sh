#!/bin/bash
# The models: run.sh [NAME...]. Explores every state of the machines in configs.c, then sees that each
# bug in seeded/ is found, then lets Spin search kick.pml, right and with its bugs. Prints TAP; fails
# if a line is "not ok". Names choose machines, bugs (without .patch) or "spin". README.md says more.
#
# Environment: BUILD (build), HOSTCC (cc), MAX_STATES of a machine. Logs are in build/model.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROOT=$PWD
BUILD=${BUILD:-build}
[[ $BUILD = /* ]] || BUILD=$ROOT/$BUILD
OUT=$BUILD/model
CC=${HOSTCC:-cc}
CFLAGS=(-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -pthread)
EXPLORE_LIMIT_S=900 # of CPU time; a machine takes seconds
SPIN_LIMIT_S=300    # the same, of each run of kick.pml
FIRMWARE=(sdei/{bind,calls,dispatch,entry,event,reset,state}.c
	hypercall/{fault,psci,psci_power,psci_suspend,psci_system}.c lib/{err,exception,parse,smccc}.c)
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

limited() { # limited COMMAND...: no longer than it should take, however busy the machine is
	(ulimit -t "$EXPLORE_LIMIT_S" && exec "$@")
}

explore_clean() {
	local name line log=$OUT/explore.log
	while read -r name line; do
		is_wanted "$name" || continue
		if limited "$WORK/explore" ${MAX_STATES:+--max-states "$MAX_STATES"} "$name" >"$log"; then
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
	limited "$WORK/explore-seeded" "$by" >"$log" 2>&1
	status=$?
	if [ "$status" = 1 ] && grep -q '^not ok' "$log"; then
		say ok "seeded $name: found after $(grep -c '^# *[1-9][0-9]*  ' "$log") moves ($(sed -n 's/^not ok - //p' "$log"))"
	else
		say 'not ok' "seeded $name: not found in $by (status $status)"
		show "$log" 10
	fi
}

# ---- the thread protocol ----

# Each line a search: its name, the size of the machine, how pan.c is compiled and run. Safety: it
# does not stop where it should not and breaks no assertion. Liveness: it does not go on for ever
# without what must happen.
searches=(
	"calls|-DNCALLS=2 -DNTRIGGERS=2 -DNOTHERS=0|-DSAFETY -DNOCLAIM|-m200000"
	"others|-DNCALLS=1 -DNTRIGGERS=1 -DNOTHERS=1|-DSAFETY -DNOCLAIM|-m200000"
	"liveness|-DNCALLS=1 -DNTRIGGERS=2 -DNOTHERS=0|-DNFAIR=3|-a -f -m500000"
)

# shellcheck disable=SC2086 # options are words
spin_search() { # spin_search SEARCH LOG FLAG...: 0 right, and searched completely; 1 wrong; 2 no answer
	local dir name size compile run log=$2
	IFS='|' read -r name size compile run <<<"$1"
	shift 2
	dir=$(mktemp -d "$WORK/spin.XXXXXX") || return 2
	(cd "$dir" && spin "$@" $size -a "$ROOT/tests/model/kick.pml" &&
		"$CC" -O2 -w -DVECTORSZ=2048 -DCOLLAPSE $compile -o pan pan.c &&
		ulimit -t "$SPIN_LIMIT_S" && ./pan $run) >"$log" 2>&1 || return 2
	! grep -q 'errors: [1-9]' "$log" || return 1
	grep -q 'errors: 0' "$log" && ! grep -q 'max search depth too small\|out of memory' "$log" || return 2
}

spin_numbers() {
	awk '/states, stored/ { states = $1 } /transitions \(=/ { transitions = $1 } /elapsed time/ { s = $4 }
		END { print states " states, " transitions " transitions, " s " s" }' "$1"
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
	local search log
	for search in "${searches[@]}"; do
		log=$OUT/spin-${search%%|*}.log
		if spin_search "$search" "$log"; then
			say ok "spin kick, ${search%%|*}: $(spin_numbers "$log")"
		else
			say 'not ok' "spin kick, ${search%%|*}"
			show "$log" 40
		fi
	done
}

spin_wrong() { # spin_wrong BUG
	local search log=$OUT/spin-$1.log
	for search in "${searches[@]}"; do
		spin_search "$search" "$log" "-D$1"
		case $? in
		1)
			say ok "spin $1: found in ${search%%|*} ($(spin_error "$log"))"
			return
			;;
		2) break ;;
		esac
	done
	say 'not ok' "spin $1: not found"
	show "$log" 10
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
		mapfile -t bugs < <(grep -o 'BUG_[A-Z][A-Z_]*' tests/model/kick.pml | sort -u)
		for bug in "${bugs[@]}"; do
			spin_wrong "$bug"
		done
	else
		say 'not ok' 'spin is not installed; on Debian: apt install spin'
	fi
fi
echo "1..$number"
echo "# $((SECONDS - begin)) s, $failed failed"
[ "$failed" -eq 0 ] && [ "$number" -gt 0 ]
