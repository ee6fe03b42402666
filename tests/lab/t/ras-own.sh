# shellcheck shell=sh disable=SC2154
# Memory that is not the guest's, lost by the host's kernel (tests/lab/offline.c): rasvm's own, and the
# stolen time of CPUs.
# timeout: 90

if [ ! -w /sys/devices/system/memory/hard_offline_page ]; then
	skip 'errors of the host' 'no hard_offline_page here'
	exit 0
fi

lose() { # lose WHAT ADDRESS|holding=VALUE: of $VM
	if "$LAB/bin/offline" "$VM" "$2" 2>&1; then
		ok "the host loses $1"
	else
		not_ok "the host loses $1: refused"
		kill "$VM"
	fi
}

# Whatever happens, it does not hang.
ends_within() { # ends_within WHAT SECONDS
	tenths=$(($2 * 10))
	while kill -0 "$VM" 2>/dev/null && [ "$tenths" -gt 0 ]; do
		tenths=$((tenths - 1))
		sleep 0.1
	done
	if kill -0 "$VM" 2>/dev/null; then
		not_ok "$1: still there after $2 s"
		kill -9 "$VM"
	else
		ok "$1: ends"
	fi
	finish_vm
}

quiet_vm() { # a guest that only waits
	start_vm -k "$PAYLOADS/sdei.flat" --flat -c 1 -m 256M --timeout 60s -p 'test=W01 listen=0x40000001 for=50'
	wait_for '^# listening' 1 20
}

# A page that is rasvm's and that nobody uses again: in the middle of a variable of the environment, at the top
# of its first stack. Anything else might be met while rasvm ends, or by the kernel.
page=$(($(sed -n 's/^KernelPageSize: *\([0-9]*\) kB$/\1/p' /proc/self/smaps | head -n 1) * 1024))
PADDING=$(head -c $((24 * page)) /dev/zero | tr '\0' p)
export PADDING
quiet_vm
unset PADDING
top=$(sed -n 's/^[0-9a-f]*-\([0-9a-f]*\) .*\[stack\]$/\1/p' "/proc/$VM/maps")
lose "memory of rasvm's own" $((0x$top - 12 * page))
ends_within "memory of rasvm's own" 20
status_is "memory of rasvm's own" 10
has 'where it was' "$ERR" 'hardware memory error at host address 0x[0-9a-f]+, in memory of rasvm itself'
has 'why rasvm ends' "$ERR" "hardware memory error in rasvm's own memory"
has_not 'not by a signal' "$ERR" '; ending$'

# One that is needed for going on, and for a signal handler: where the main thread waits on its stack. There is no
# order left then, but an end: 128 + SIGBUS or SIGSEGV, or 10 if it got that far.
quiet_vm
sp=
until [ -n "$sp" ] || ! kill -0 "$VM"; do # it is running for a moment
	sp=$(awk 'NF > 2 { print $(NF - 1) }' "/proc/$VM/syscall")
done
lose 'a stack in use' "$sp"
ends_within 'a stack in use' 20
case $STATUS in
10 | 135 | 139) ok "a stack in use: status $STATUS" ;;
*) status_is 'a stack in use' 139 ;;
esac

# The guest writes a word into the page and reads it all the time; it wants to see a fresh page in which time
# counts. There is stolen time if somebody else wants its CPU.
start_stolen_time() {
	start_vm -k "$PAYLOADS/ras.flat" --flat -c 1 -m 256M --timeout 60s --vcpu-affinity 0-0 -p 'test=H01'
	wait_for '^inject stolen-time|# SKIP' 1 20
	word=$(tr -d '\r' <"$OUT" | sed -n 's/^inject stolen-time //p')
}

finish_stolen_time() { # finish_stolen_time LABEL
	taskset 1 sh -c 'while :; do :; done' &
	thief=$!
	ends_within "$1" 40
	kill "$thief"
	has_not "$1: it is not taken for rasvm's own" "$ERR" 'in memory of rasvm itself'
	payload_results "$1"
	status_is "$1" 0
}

# By the thread for memory errors, or by the CPU, whoever is first.
LOST='hardware memory error in the stolen time of CPUs'
start_stolen_time
if [ -n "$word" ]; then lose 'stolen time' "holding=$word"; fi
finish_stolen_time 'stolen time'
if [ -z "$word" ]; then exit 0; fi
has 'stolen time: the operator is told' "$ERR" "$LOST"

# While that thread cannot run it is the CPU, as it is after an error of hardware that the guest met.
mkdir cgroup
if ! mount -t cgroup2 none cgroup; then
	skip 'stolen time, met by the CPU' 'no cgroups of version 2'
	exit 0
fi
start_stolen_time
frozen=cgroup$(sed -n 's/^0:://p' "/proc/$VM/cgroup")/frozen
thread=$(grep -lx ras "/proc/$VM"/task/*/comm | sed 's|.*/task/\([0-9]*\)/.*|\1|')
if mkdir "$frozen" && echo threaded >"$frozen/cgroup.type" && echo "$thread" >"$frozen/cgroup.threads"; then
	echo 1 >"$frozen/cgroup.freeze"
	wait_in "$frozen/cgroup.events" 'frozen 1' 1 20
	lose 'stolen time again' "holding=$word"
	wait_in "$ERR" "$LOST" 1 20
	has 'stolen time, met by the CPU: the operator is told' "$ERR" "$LOST"
	echo 0 >"$frozen/cgroup.freeze"
	finish_stolen_time 'stolen time, met by the CPU'
else
	skip 'stolen time, met by the CPU' 'no cgroup that can stop one thread'
	kill "$VM"
	finish_vm
fi
rmdir "$frozen"
umount cgroup
