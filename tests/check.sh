#!/bin/bash
# All tests: check.sh fast|all [NAME...]. With names, only the unit tests, static checks and lab
# tests so called. Prints TAP lines as they come and closes with "N passed, N failed".
#
# fast: static checks and unit tests on this machine, under sanitizers; no emulator.
# SAN=thread (or another) in the environment: all unit tests under that sanitizer instead.
# all:  fast, then what is built (size, man page), a minute of fuzzing, then the lab (tests/lab/check.sh),
#       and beside it the models and clang-tidy.
set -u
cd "$(dirname "$0")/.." || exit 1
mode=${1:-all}
shift
names=("$@")
BUILD=${BUILD:-build}
LOGS=$BUILD/logs
JOBS=$(nproc)
passed=0
failed=0
skipped=0
declare -A later_pid=() # of checks that run beside others, by name
trap '[ ${#later_pid[@]} -eq 0 ] || kill "${later_pid[@]}" 2>/dev/null' EXIT
mkdir -p "$LOGS"
export LOGS
export CI=${CI-true} # a warning of the compiler fails here as it does in CI; CI= make check: it does not

wanted() {
	[ ${#names[@]} -eq 0 ] && return 0
	local n
	for n in "${names[@]}"; do
		[ "$n" = "$1" ] && return 0
	done
	return 1
}

# report NAME STATUS LOG: one result; the log is shown if it failed.
report() {
	if [ "$2" -eq 0 ]; then
		echo "ok - $1"
		passed=$((passed + 1))
	else
		echo "not ok - $1 (status $2), $3:"
		tail -n 60 "$3" | sed 's/^/#   /'
		failed=$((failed + 1))
	fi
}

# step NAME COMMAND...: a check that is one command.
step() {
	local name=$1 log=$LOGS/$1.log start=$SECONDS
	shift
	wanted "$name" || return 0
	timeout 900 "$@" >"$log" 2>&1 </dev/null
	report "$name" $? "$log"
	echo "# $name: $((SECONDS - start)) s"
}

# The same beside what comes next, in what the processors have left: later NAME COMMAND..., then at its end
# finish_later NAME.
later() {
	wanted "$1" || return 0
	nice -n 19 timeout 3h "${@:2}" >"$LOGS/$1.log" 2>&1 </dev/null &
	later_pid[$1]=$!
}

finish_later() {
	wanted "$1" || return 0
	wait "${later_pid[$1]}"
	report "$1" $? "$LOGS/$1.log"
	unset "later_pid[$1]"
}

unit_log() { # unit_log SAN BINARY
	echo "$LOGS/$(basename "$2").${1//,/-}.log"
}

run_unit() { # run_unit SAN BINARY: into its log, with the status beside it
	local log
	log=$(unit_log "$1" "$2")
	CMOCKA_MESSAGE_OUTPUT=TAP timeout 300 "$2" >"$log" 2>&1 </dev/null
	echo $? >"$log.status"
}

export -f unit_log run_unit

# A unit test program speaks TAP; each of its tests is counted.
count_unit() { # count_unit SAN BINARY
	local name log status ok bad skips
	name=$(basename "$2")
	log=$(unit_log "$1" "$2")
	status=$(cat "$log.status")
	ok=$(grep -c '^ok' "$log")
	# cmocka has "not ok" before a test that skips itself.
	skips=$(grep -c '^not ok [0-9]* # SKIP' "$log")
	bad=$(($(grep -c '^not ok' "$log") - skips))
	skipped=$((skipped + skips))
	if [ "$status" -eq 0 ] && [ "$bad" -eq 0 ] && [ $((ok + skips)) -gt 0 ]; then
		echo "ok - $name [$1]: $ok tests"
		sed -n 's/^not ok [0-9]* # SKIP \(.*\)/ok - '"$name"': \1 # SKIP it cannot be run here/p' "$log"
		passed=$((passed + ok))
		return
	fi
	echo "not ok - $name [$1]: $ok passed, $bad failed, status $status; $log:"
	tail -n 60 "$log" | sed 's/^/#   /'
	passed=$((passed + ok))
	failed=$((failed + (bad > 0 ? bad : 1)))
}

unit_tests() { # unit_tests SAN [PATTERN]
	local dir=$BUILD/host-${1//,/-} src targets=() t start=$SECONDS
	for src in tests/unit/test_*"${2:-}".c; do
		t=$(basename "$src" .c)
		wanted "$t" && targets+=("$dir/unit/$t")
	done
	[ ${#targets[@]} -gt 0 ] || return 0
	if ! make -j"$JOBS" --no-print-directory SAN="$1" "${targets[@]}" >/dev/null 2>"$LOGS/unit-build.log"; then
		report "unit tests build [$1]" 1 "$LOGS/unit-build.log"
		return
	fi
	# Several at once: some of them mostly wait.
	printf '%s\n' "${targets[@]}" | xargs -P $((JOBS + 1)) -I{} bash -c 'run_unit "$@"' _ "$1" {}
	for t in "${targets[@]}"; do
		count_unit "$1" "$t"
	done
	echo "# unit tests [$1]: $((SECONDS - start)) s"
}

# A name that no test has would otherwise pass by running nothing.
lab_names() {
	local n
	for n in "${names[@]}"; do
		[ -r "tests/lab/t/$n.sh" ] && echo "$n"
	done
}

lab() {
	local chosen
	mapfile -t chosen < <(lab_names)
	[ ${#names[@]} -gt 0 ] && [ ${#chosen[@]} -eq 0 ] && return 0
	rm -f "$BUILD/lab/summary"
	if [ -n "${SOAK:-}" ] && [ ${#chosen[@]} -eq 0 ]; then
		LAB_BOOTS=soak tests/lab/check.sh
	else
		tests/lab/check.sh "${chosen[@]}"
	fi
	if [ ! -s "$BUILD/lab/summary" ]; then
		echo "not ok - the lab ended without a summary"
		failed=$((failed + 1))
		return
	fi
	local p f s
	read -r p f s <"$BUILD/lab/summary"
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
}

begin=$SECONDS
step layers tests/layers.sh
step shell make --no-print-directory tidy-shell
step format make --no-print-directory format-check
if [ -n "${SAN:-}" ]; then
	unit_tests "$SAN"
else
	unit_tests address,undefined
	unit_tests thread _threads
fi
if [ "$mode" = all ]; then
	step build make -j"$JOBS" --no-print-directory all guest
	step size tests/size.sh
	step fuzz make -j"$JOBS" --no-print-directory fuzz
	step man tests/man.sh
	step install tests/install.sh
	step hosts tests/lab/hosts.sh
	later model tests/model/run.sh
	later tidy make --no-print-directory tidy
	lab
	finish_later model
	finish_later tidy
fi
if [ $((passed + failed + skipped)) -eq 0 ]; then
	echo "not ok - no test is called: ${names[*]}"
	failed=1
fi
echo "# $((SECONDS - begin)) s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
