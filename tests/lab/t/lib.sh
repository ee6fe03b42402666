# shellcheck shell=sh disable=SC2034
# Helpers of the lab's tests, read before each of them (busybox ash). What a test prints goes into
# its transcript; what it proves is said by ok, not_ok, skip, is, matches and friends.

WORK=$LAB/tmp/test
KERNEL=$LAB/boot/Image
INITRD=$LAB/boot/guest.cpio
PAYLOADS=$LAB/payload
FAILURES=0
STATUS=
rm -rf "$WORK"
mkdir -p "$WORK"
cd "$WORK" || exit 1
OUT=$WORK/out # the guest's console of the last run
ERR=$WORK/err # what rasvm itself said

say() { # a result line: into the transcript and the stream
	echo "$*"
	echo "$*" >&3
	echo "$*" >>"$LAB/tmp/stream"
}

ok() {
	say "ok - $TEST: $*"
}

not_ok() {
	FAILURES=$((FAILURES + 1))
	say "not ok - $TEST: $*"
}

skip() { # skip WHAT REASON
	say "ok - $TEST: $1 # SKIP $2"
}

note() {
	echo "# $*"
}

is() { # is WHAT FOUND EXPECTED
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1: expected '$3', found '$2'"
	fi
}

at_most() { # at_most WHAT FOUND LIMIT
	if [ "$2" -le "$3" ] 2>/dev/null; then
		ok "$1 ($2, limit $3)"
	else
		not_ok "$1: expected at most $3, found '$2'"
	fi
}

at_least() { # at_least WHAT FOUND LIMIT
	if [ "$2" -ge "$3" ] 2>/dev/null; then
		ok "$1 ($2, at least $3)"
	else
		not_ok "$1: expected at least $3, found '$2'"
	fi
}

has() { # has WHAT FILE PATTERN: an extended regular expression matches a line
	if grep -qE -e "$3" "$2"; then
		ok "$1"
	else
		not_ok "$1: nothing in $(basename "$2") matches '$3'; it ends: $(tail -n 1 "$2" | cut -c 1-200)"
	fi
}

has_not() { # has_not WHAT FILE PATTERN
	if grep -qE -e "$3" "$2"; then
		not_ok "$1: unexpected '$(grep -E -e "$3" "$2" | head -n 1)'"
	else
		ok "$1"
	fi
}

# rasvm run with its output kept: $STATUS, $OUT, $ERR. Standard input is the caller's.
run_vm() {
	echo "\$ rasvm run $*"
	STATUS=0
	rasvm run "$@" >"$OUT" 2>"$ERR" || STATUS=$?
	show_vm
}

show_vm() {
	echo "--- console"
	tail -n "${CONSOLE_LINES:-200}" "$OUT"
	echo "--- rasvm said"
	tail -n 60 "$ERR"
	echo "--- status $STATUS"
}

# A Linux guest whose init takes STEPS (see guest-init), with any further options of rasvm run.
# Where an emulated host shares its two CPUs among many vCPUs, one may wait for tens of seconds: the
# kernel's watchdogs would call that a lockup of the guest. A guest that does hang runs into --timeout.
PATIENT="nowatchdog rcupdate.rcu_cpu_stall_suppress=1"
PARAMS="console=ttyS0 quiet $PATIENT"
run_linux() { # run_linux STEPS [OPTION...]
	steps=$1
	shift
	run_vm -k "$KERNEL" -i "$INITRD" -m 256M -p "$PARAMS rasvm.steps=$steps" --timeout 240s "$@" </dev/null
	guest_results
}

# Results the guest reported on its console count as this test's. A guest that never reported
# its plan is not silently fine.
guest_results() {
	tr -d '\r' <"$OUT" | sed -n 's/^.*guest: \(\(not \)\?ok - .*\)$/\1/p' >"$WORK/guest.tap"
	while read -r line; do
		case $line in
		"ok - "*) ok "guest: ${line#ok - }" ;;
		"not ok - "*) not_ok "guest: ${line#not ok - }" ;;
		esac
	done <"$WORK/guest.tap"
}

guest_value() { # guest_value KEY: what the guest printed as "guest: KEY = value"
	tr -d '\r' <"$OUT" | sed -n "s/^.*guest: $1 = //p" | tail -n 1
}

status_is() { # status_is WHAT EXPECTED
	if [ "$STATUS" = "$2" ]; then
		ok "$1: exit status $2"
	else
		not_ok "$1: exit status: expected $2, found $STATUS; rasvm said: $(tail -n 1 "$ERR" | cut -c 1-300)"
	fi
}

# A background rasvm run with its console input on file descriptor 9.
start_vm() { # start_vm OPTION...
	echo "\$ rasvm run $* &"
	rm -f "$WORK/in"
	mkfifo "$WORK/in"
	: >"$OUT"
	rasvm run "$@" <"$WORK/in" >"$OUT" 2>"$ERR" 3>&- 9>&- &
	VM=$!
	exec 9>"$WORK/in"
}

finish_vm() { # wait for it; $STATUS
	STATUS=0
	wait "$VM" || STATUS=$?
	exec 9>&-
	show_vm
}

# wait_in FILE PATTERN COUNT SECONDS: until that many lines match, rasvm ended, or the time is over.
wait_in() {
	tenths=$(($4 * 10))
	while [ "$(grep -cE -e "$2" "$1")" -lt "$3" ]; do
		tenths=$((tenths - 1))
		if [ "$tenths" -le 0 ] || ! kill -0 "$VM" 2>/dev/null; then
			note "no $3 lines matching '$2' (rasvm running: $(kill -0 "$VM" 2>/dev/null && echo yes || echo no))"
			return 1
		fi
		sleep 0.1
	done
}

wait_for() { # wait_for PATTERN COUNT SECONDS: on the console
	wait_in "$OUT" "$@"
}

send() { # a line of console input
	echo "$*" >&9
}

# A freestanding payload; its console is TAP. run_payload NAME BOOTARGS EXPECTED_STATUS [OPTION...]
run_payload() {
	payload=$1
	arguments=$2
	expected=$3
	shift 3
	if [ ! -r "$PAYLOADS/$payload.flat" ]; then
		not_ok "$payload: not built ($PAYLOADS/$payload.flat)"
		return
	fi
	run_vm -k "$PAYLOADS/$payload.flat" --flat -m 256M -p "$arguments" --timeout 200s "$@" </dev/null
	payload_results "$payload${arguments:+ $arguments}"
	status_is "$payload${arguments:+ $arguments}" "$expected"
}

# TAP on the console: each point counts; the plan must be there and kept. Comments before a point
# say why it failed.
payload_results() { # payload_results LABEL
	tr -d '\r' <"$OUT" | grep -E '^(not )?ok( |$)|^[0-9]+\.\.[0-9]+|^Bail out|^#' >"$WORK/tap"
	plan=
	points=0
	why=
	while read -r line; do
		text=$(echo "$line" | sed -E 's/^(not )?ok *[0-9]* *-? *//')
		case $line in
		ok*"# SKIP"*) skip "$1: ${text%% # SKIP*}" "${text##*# SKIP }" ;;
		ok*) ok "$1: $text" ;;
		"not ok"*) not_ok "$1: $text ($why)" ;;
		Bail*) not_ok "$1: $line" ;;
		[0-9]*) plan=${line##*..} ;;
		esac
		case $line in
		ok* | "not ok"*) points=$((points + 1)) why= ;;
		"#"*) why="$why${why:+; }${line#\# }" ;;
		*) why= ;;
		esac
	done <"$WORK/tap"
	if [ -z "$plan" ]; then
		not_ok "$1: the payload printed no plan (1..N); $points points"
	elif [ "$plan" != "$points" ]; then
		not_ok "$1: plan: expected $plan points, found $points"
	fi
}

# The PSCI conformance suite with rasvm's documented choices. psci BOOTARGS STATUS [OPTION...]
psci() {
	suite_arguments=$1
	suite_status=$2
	shift 2
	run_payload psci "$suite_arguments strict=rasvm" "$suite_status" "$@"
}

# The SDEI conformance suite likewise, with the calls and lines it needs. sdei BOOTARGS STATUS [OPTION...]
sdei() {
	suite_arguments=$1
	suite_status=$2
	shift 2
	run_payload sdei "$suite_arguments strict=rasvm" "$suite_status" --vendor-calls --test-timer "$@"
}

# The calls of a kind as "CPU RESULT", or "CPU action", in the order in which they were made.
sdei_calls() { # sdei_calls TRACE NAME-REGEX
	sed -n 's/^{"t_ns":\([0-9]*\),"cpu":\([0-9]*\),.*"name":"\('"$2"'\)".*\("ret":\|"action":"\)\([-a-z_0-9]*\).*/\1 \2 \3 \5/p' "$1" |
		sort -n | cut -d ' ' -f 2-
}

# sdei_probed TRACE CPUS WHAT: as the driver does when it starts (or starts again after a kexec).
sdei_probed() {
	is "$3: the first call" "$(sdei_calls "$1" 'SDEI_[A-Z_]*' | head -n 1 | cut -d ' ' -f 2)" SDEI_VERSION
	sdei_calls "$1" 'SDEI_[A-Z_]*' | awk -v cpus="$2" '
		$2 == "SDEI_VERSION" { stage = 1 }
		$2 == "SDEI_PRIVATE_RESET" && stage == 1 && $3 == 0 { resets++ }
		$2 == "SDEI_SHARED_RESET" && resets == cpus && $3 == 0 { stage = 2 }
		$2 == "SDEI_PE_UNMASK" && stage == 2 && $3 == 0 && !seen[$1]++ { unmasked++ }
		END { print stage + 0, resets + 0, unmasked + 0 }' >order
	is "$3: VERSION, PRIVATE_RESET on each CPU, SHARED_RESET, PE_UNMASK on each CPU" \
		"$(cat order)" "2 $2 $2"
	has_not "$3: no SDEI call failed" "$1" '"name":"SDEI_.*"ret":-'
}

# The steps of an error's life, in order and without "ras_". ras_life TRACE ID
ras_life() {
	sed -n 's/^{"t_ns":\([0-9]*\),.*"event":"ras_\([a-z]*\)","ras":'"$2"',.*/\1 \2/p' "$1" |
		sort -n | cut -d ' ' -f 2 | tr '\n' ' ' | sed 's/ $//'
}

# The numbers of the errors that an injection of a kind made, in order. ras_ids TRACE KIND
ras_ids() {
	sed -n 's/^.*"event":"ras_injected","ras":\([0-9]*\),"kind":"'"$2"'".*/\1/p' "$1"
}

ras_count() { # ras_count TRACE PATTERN: lines of steps that match
	grep -cE '"event":"ras_'"$2" "$1"
}

# ras_stat NAME: the number after a word in the line "hardware errors:" of --stats
ras_stat() {
	sed -n 's/^hardware errors:.* '"$1"' \([0-9]*\).*/\1/p' "$ERR" | tail -n 1
}
