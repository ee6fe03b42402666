#!/bin/sh
# Runs the tests named in $LAB/list, one after the other, in the lab host (or directly, in a
# directory on an arm64 machine). A test that hangs is killed by its own timeout; the rest still
# run. What a test says by ok/not ok/skip is streamed; its whole transcript is shown if it failed.
# Last line: "lab: end STATUS", 0 if nothing failed.

export LAB="${LAB:-/lab}"
cd "$LAB" || exit 1
[ -r "$LAB/env" ] && . "$LAB/env"
mkdir -p "$LAB/tmp"

header() { # header FILE KEY: value of a "# KEY: value" line at the head of a test
	sed -n "s/^# $2: *//p" "$1" | head -n 1
}

uptime_cs() { # hundredths of a second since boot
	sed 's/\([0-9]*\)\.\([0-9][0-9]\).*/\1\2/' /proc/uptime
}

# What this host has, in the words tests use in "# needs:".
host_features() {
	dmesg 2>/dev/null >"$LAB/tmp/dmesg"
	grep -q 'GICv3' /proc/interrupts && echo gicv3
	grep -qE 'GIC-0|GICv2' /proc/interrupts && echo gicv2
	grep -q 'VHE mode initialized' "$LAB/tmp/dmesg" && echo vhe
	grep -q 'detected: RAS Extension' "$LAB/tmp/dmesg" && echo ras
	grep -qw sve /proc/cpuinfo && echo sve
	grep -qw paca /proc/cpuinfo && echo pauth
	[ -c /dev/kvm ] && echo kvm
	[ "${LAB_DIRECT:-0}" = 1 ] && echo direct
	[ -n "$SOAK" ] && echo soak
	[ -s "$LAB/boot/Image" ] && echo linux
	grep -qs debian /sys/block/vda/serial && echo debian
	[ -c /dev/net/tun ] && echo tun
	command -v passt >/dev/null && echo passt
}

lacks() { # lacks NEEDS: the first of them this host does not have
	for need in $1; do
		case " $features " in
		*" $need "*) ;;
		*)
			echo "$need"
			return
			;;
		esac
	done
}

say() { # a result of the runner's own, live and counted
	echo "$*"
	echo "$*" >>"$LAB/tmp/stream"
}

count() { # count PATTERN: lines of the last test's stream that match
	grep -c "$1" "$LAB/tmp/stream"
}

# A test that was killed did not come to show what its last guest and rasvm said.
show_transcript() {
	cat "$LAB/tmp/transcript"
	if [ "$status" -ge 128 ]; then
		echo '--- console so far'
		tail -n 40 "$LAB/tmp/test/out"
		echo '--- rasvm said'
		tail -n 20 "$LAB/tmp/test/err"
	fi 2>/dev/null
}

run_test() {
	file=$LAB/t/$1.sh
	if [ ! -r "$file" ]; then
		echo "not ok - $1: no such test"
		failed=$((failed + 1))
		return
	fi
	absent=$(lacks "$(header "$file" needs)")
	if [ -n "$absent" ]; then
		echo "ok - $1 # SKIP this host has no $absent"
		skipped=$((skipped + 1))
		return
	fi
	limit=$(header "$file" timeout)
	limit=$((${limit:-60} * ${LAB_SLOW:-1}))
	echo "# $1 (limit $limit s)"
	: >"$LAB/tmp/stream"
	start=$(uptime_cs)
	# This shell runs it in the background, which would leave SIGINT ignored in all of it.
	TEST=$1 setsid "$LAB/bin/default_signals" sh "$LAB/lead.sh" "$file" </dev/null 3>&1 >"$LAB/tmp/transcript" 2>&1 &
	leader=$!
	(
		sleep "$limit"
		say "not ok - $1: killed after its limit of $limit s"
		kill -9 "-$leader"
	) &
	watchdog=$!
	wait "$leader" 2>/dev/null
	status=$?
	kill "$watchdog" 2>/dev/null
	wait "$watchdog" 2>/dev/null
	kill -9 "-$leader" 2>/dev/null
	took=$(($(uptime_cs) - start))
	if [ "$status" != 0 ] && [ "$(count '^not ok')" = 0 ]; then
		say "not ok - $1: ended with status $status"
	elif [ "$(count '^\(not \)\?ok')" = 0 ]; then
		say "not ok - $1: reported nothing"
	fi
	failures=$(count '^not ok')
	skips=$(count '^ok.*# SKIP')
	failed=$((failed + failures))
	skipped=$((skipped + skips))
	passed=$((passed + $(count '^ok') - skips))
	if [ "$failures" != 0 ] || [ -n "$LAB_VERBOSE" ]; then
		echo "# transcript of $1:"
		show_transcript | tr -d '\r' | sed 's/^/#   /' | tail -n 300
	fi
	echo "# $1: $failures failed, $((took / 100)).$((took / 10 % 10)) s"
}

passed=0
failed=0
skipped=0
features=$(host_features | tr '\n' ' ')
echo "# host: $(uname -r), $(nproc) CPUs, $features"
begin=$(uptime_cs)
sed 's/#.*//' "$LAB/list" >"$LAB/tmp/list"
while read -r name; do
	[ -z "$name" ] || run_test "$name"
done <"$LAB/tmp/list"
total=$(($(uptime_cs) - begin))
echo "# ${LAB_NAME:-lab}: $passed passed, $failed failed, $skipped skipped in $((total / 100)) s"
if [ "$failed" = 0 ]; then
	echo "lab: end 0 $passed $failed $skipped"
else
	echo "lab: end 1 $passed $failed $skipped"
fi
