#!/bin/bash
# Tests of the tests: run.sh [NAME...]. Each NAME.patch here is a deliberate bug and names the test
# that has to find it. The bug is put into a copy of the tree; the test, which passes without it,
# must fail. Prints TAP. README.md says how to write one.
#
# LAB=1 also runs those that only the emulated host can find, one boot each. SAN= chooses the
# sanitizers of the unit tests. Logs are in build/mutants/logs.
set -u
cd "$(dirname "$0")/../.." || exit 1
ROOT=$PWD
BUILD=${BUILD:-build}
[[ $BUILD = /* ]] || BUILD=$ROOT/$BUILD
SAN=${SAN-address,undefined}
HOST=host${SAN:+-${SAN//,/-}}
MUTANTS=$BUILD/mutants
LOGS=$MUTANTS/logs
LIMIT_S=120 # of a unit test; its mutant may run in circles
unset CI    # a mutant may leave something unused: warnings are not errors here
caught=0
failed=0
skipped=0
group= # process group of the lab run under way
declare -A clean # test -> what it does without any bug: "passes" or "fails"

mkdir -p "$LOGS"
TREE=$(mktemp -d "$MUTANTS/tree.XXXXXX") || exit 1

stop_lab() {
	[ -z "$group" ] || kill -- "-$group" 2>/dev/null
	group=
}
cleanup() {
	stop_lab
	rm -rf "$TREE"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

header() { # header PATCH KEY: value of the line "KEY: value" at its head
	sed -n -e '/^--- /q' -e "s/^$2: *//p" "$1"
}

say() { # say ok|not ok, TEXT
	echo "$1 - mutant $2"
	case $1 in
	ok) caught=$((caught + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
}

show() { # show LOG: its end, as comments
	tail -n 15 "$1" | sed 's/^/#   /'
}

# The sources with their times, so that the objects that come along are up to date.
make_tree() {
	mkdir "$TREE/build"
	tar -C "$ROOT" -c --exclude=./.git --exclude=./build --exclude="./${BUILD#"$ROOT"/}" . |
		tar -C "$TREE" -x
	for part in "$HOST" arm64 guest; do
		[ ! -d "$BUILD/$part" ] || cp -a "$BUILD/$part" "$TREE/build/"
	done
}

build() { # build LOG TARGET...
	local log=$1
	shift
	make -C "$TREE" -j"$(nproc)" --no-print-directory BUILD=build SAN="$SAN" "$@" >"$log" 2>&1
}

put_in() { # put_in PATCH LOG
	patch -d "$TREE" -p1 -f --dry-run <"$1" >"$2" 2>&1 &&
		patch -d "$TREE" -p1 -f -s --no-backup-if-mismatch <"$1" >>"$2" 2>&1
}

take_out() {
	patch -d "$TREE" -p1 -f -s -R --no-backup-if-mismatch <"$1"
}

# ---- unit tests ----

unit_test() { # unit_test TEST LOG: its exit status, 0 if it passes
	(cd "$TREE" && CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 5 "$LIMIT_S" "build/$HOST/unit/$1") >"$2" 2>&1 </dev/null
}

unit_is_clean() { # unit_is_clean TEST
	local log=$LOGS/$1.clean.log
	if [ -z "${clean[$1]:-}" ]; then
		clean[$1]=fails
		build "$log" "build/$HOST/unit/$1" && unit_test "$1" "$log" && clean[$1]=passes
	fi
	[ "${clean[$1]}" = passes ]
}

# The first test function that failed; a program that died named none.
unit_witness() { # unit_witness LOG STATUS
	local names
	mapfile -t names < <(sed -n 's/^not ok [0-9]* - //p' "$1")
	case ${#names[@]} in
	0) echo "status $2" ;;
	1) echo "${names[0]}" ;;
	*) echo "${names[0]} and $((${#names[@]} - 1)) more" ;;
	esac
}

judge_unit() { # judge_unit NAME TEST LOG: with the bug in the tree
	local status
	if ! build "$3" "build/$HOST/unit/$2"; then
		say 'not ok' "$1 does not build:"
		show "$3"
		return
	fi
	unit_test "$2" "$3"
	status=$?
	if [ "$status" = 0 ]; then
		say 'not ok' "$1 survives $2"
	else
		say ok "$1 caught by $2 ($(unit_witness "$3" "$status"))"
	fi
}

# ---- lab tests ----

# The lab's cache and images are shared; its logs are not.
lab() { # lab LOG STOP TEST...: STOP=stop ends the run at the first failure of a test
	local log=$1 stop=$2 cache=${LAB_CACHE:-$BUILD/lab/cache} name
	name=$(basename "$1" .log)
	shift 2
	mkdir -p "$BUILD/lab/images" "$MUTANTS/lab"
	ln -sfn "$BUILD/lab/images" "$MUTANTS/lab/images"
	env -u LAB LAB_DIR="$MUTANTS/lab" LAB_CACHE="$cache" LAB_RUN="$name" BUILD="$TREE/build" \
		setsid "$TREE/tests/lab/check.sh" "$@" >"$log" 2>&1 </dev/null &
	group=$!
	while kill -0 "$group" 2>/dev/null; do
		sleep 2 # also the time for a failed test's transcript to follow
		[ "$stop" != stop ] || ! lab_found "$log" "$1" || stop_lab
	done
	group=
	wait
}

# A host that died is a failure too, but not one that a test found.
lab_found() { # lab_found LOG TEST
	grep -qs "^not ok - $2:" "$1"
}

# One boot shows which of the tests wanted pass.
lab_is_clean() { # lab_is_clean TEST
	local log=$LOGS/lab.clean.log
	if [ -z "${clean[lab]:-}" ]; then
		clean[lab]=known
		lab_tests
		! build "$log" build/rasvm guest || lab "$log" go-on "${wanted[@]}"
	fi
	grep -q "^# $1: 0 failed" "$log"
}

lab_tests() { # wanted: the lab tests of all chosen mutants, each once
	mapfile -t wanted < <(for patch in "${patches[@]}"; do
		header "$patch" caught-by | sed -n 's/^lab //p'
	done | sort -u)
}

judge_lab() { # judge_lab NAME TEST LOG
	if ! build "$3" build/rasvm; then
		say 'not ok' "$1 does not build:"
		show "$3"
		return
	fi
	lab "$3" stop "$2"
	if lab_found "$3" "$2"; then
		say ok "$1 caught by lab test $2 ($(sed -n "s/^not ok - $2: //p" "$3" | head -n 1 | cut -c 1-150))"
	elif grep -q "^# $2: 0 failed" "$3"; then
		say 'not ok' "$1 survives lab test $2"
	else
		say 'not ok' "$1: the lab run came to no result:"
		show "$3"
	fi
}

# ---- one mutant ----

# Where to look if a test fails by itself.
clean_log() { # clean_log KIND TEST
	if [ "$1" = lab ]; then echo "$LOGS/lab.clean.log"; else echo "$LOGS/$2.clean.log"; fi
}

is_clean() { # is_clean KIND TEST
	if [ "$1" = lab ]; then
		lab_is_clean "$2"
	else
		unit_is_clean "$2"
	fi
}

mutant() { # mutant PATCH
	local name by kind=unit log
	name=$(basename "$1" .patch)
	by=$(header "$1" caught-by)
	log=$LOGS/$name.log
	if [[ $by = lab\ * ]]; then
		kind=lab
		by=${by#lab }
		if [ "${LAB:-0}" != 1 ]; then
			echo "ok - mutant $name # SKIP lab test $by has to find it; LAB=1 runs it"
			skipped=$((skipped + 1))
			return
		fi
	fi
	if [ -z "$by" ]; then
		say 'not ok' "$name: no line \"caught-by: TEST\" in $1"
	elif ! is_clean "$kind" "$by"; then
		say 'not ok' "$name: $by fails, or does not build, without it too:"
		show "$(clean_log "$kind" "$by")" | grep -v ' ok - '
	elif ! put_in "$1" "$log"; then
		say 'not ok' "$name: the patch does not apply:"
		show "$log"
	else
		"judge_$kind" "$name" "$by" "$log"
		take_out "$1"
	fi
}

patches=()
for name in "$@"; do
	patches+=("tests/mutations/${name%.patch}.patch")
	if [ ! -r "${patches[-1]}" ]; then
		echo "not ok - no mutant is called $name; there are: $(cd tests/mutations && echo *.patch | sed 's/\.patch//g')"
		exit 1
	fi
done
[ $# -gt 0 ] || patches=(tests/mutations/*.patch)

begin=$SECONDS
make_tree
for patch in "${patches[@]}"; do
	mutant "$patch"
done
echo "1..${#patches[@]}"
echo "# $((SECONDS - begin)) s: $caught caught, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
