#!/bin/sh
# The measuring itself, in the host (busybox ash): runs the VMMs in turn, BENCH_ROUNDS times over,
# and prints a line a value, "bench: VMM MEASURE VALUE"; bench/run.sh makes the table of them.
# $LAB/bench holds the programs of tools.sh and the settings (env).
export LAB="${LAB:-/lab}"
cd "$LAB" || exit 1
# shellcheck source=/dev/null
. "$LAB/bench/env"
tools=$LAB/bench
kernel=$LAB/boot/Image
first_kernel=$LAB/tmp/first.Image
initrd=$LAB/boot/bench.cpio
rasvm_options=
qemu_options=
mkdir -p "$LAB/tmp"

# launch TOOL-WORDS VMM KERNEL CPUS MEM INITRD PARAMS: the VMM with its guest, under the tool.
# The serial port is standard input and output for each of them.
launch() {
	tool=$1
	vmm=$2
	set -- "$3" "$4" "$5" "$6" "$7"
	# shellcheck disable=SC2086 # tool and options are words
	case $vmm in
	rasvm)
		$tool rasvm run $rasvm_options -k "$1" -c "$2" -m "$3" ${4:+-i "$4"} -p "console=ttyS0 $5"
		;;
	qemu)
		$tool "$LAB/peer/lib/ld-linux-aarch64.so.1" --library-path "$LAB/peer/lib" \
			"$LAB/peer/qemu-system-aarch64" -M virt,gic-version="$BENCH_QEMU_GIC" -enable-kvm \
			-cpu host -nodefaults -nographic -serial stdio $qemu_options \
			-kernel "$1" -smp "$2" -m "$3" ${4:+-initrd "$4"} -append "console=ttyAMA0 $5"
		;;
	lkvm)
		$tool $lkvm run -k "$1" -c "$2" -m "$3" ${4:+-i "$4"} -p "console=ttyS0 $5"
		;;
	esac
}

# report VMM MEASURE [FROM]...: values out of what the tool said (FROM: its name for the value).
report() {
	vmm=$1
	shift
	while [ "$#" -gt 1 ]; do
		sed -n "s/^$2 \(.*\)/bench: $vmm $1 \1/p" "$LAB/tmp/values"
		shift 2
	done
}

# watch VMM KERNEL CPUS MEM INITRD PARAMS [STOPWATCH-OPTION...]: into $LAB/tmp/values
watch() {
	w_vmm=$1
	w_kernel=$2
	w_cpus=$3
	w_mem=$4
	w_initrd=$5
	w_params=$6
	shift 6
	launch "$tools/stopwatch -t $BENCH_LIMIT $*" "$w_vmm" "$w_kernel" "$w_cpus" "$w_mem" \
		"$w_initrd" "$w_params" >"$LAB/tmp/values" 2>"$LAB/tmp/err" ||
		echo "bench: note $w_vmm ended with status $?: $(tail -n 1 "$LAB/tmp/err")"
}

# The Linux kernel's file with a probe in place of its first page: as much to load.
make_first_kernel() { # make_first_kernel IMAGE
	cp "$kernel" "$first_kernel"
	dd if="$tools/$1" of="$first_kernel" conv=notrunc 2>/dev/null
}

measure_start() {
	watch "$1" "$first_kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" ''
	report "$1" first first_us psci psci_ns
}

measure_bare() {
	"$tools/stopwatch" -t "$BENCH_LIMIT" "$tools/bare_loop" "$tools/probe.img" >"$LAB/tmp/values"
	report bare psci psci_ns first first_us
}

measure_boot() {
	watch "$1" "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" quiet
	report "$1" init init_us exit exit_us
}

measure_memfd() {
	rasvm_options='--mem-backing memfd'
	watch rasvm "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" quiet
	rasvm_options=
	report rasvm init_memfd init_us
}

# The VMM's own time: a guest that needs none, on more and more vCPUs.
measure_cpus() {
	for n in 1 2 4 8 16 1 2 4 8 16 1 2 4 8 16; do
		watch "$1" "$tools/start.img" "$n" "$BENCH_MEM" '' ''
		report "$1" "cpus$n" first_us
	done
}

# A boot that prints 1000 characters.
talk='quiet -- 4 20'

measure_calls() {
	launch "timeout -s KILL $((BENCH_LIMIT * 2)) $tools/syscount -o $LAB/tmp/values" "$1" "$kernel" \
		"$BENCH_CPUS" "$BENCH_MEM" "$initrd" "$talk" </dev/null 2>"$LAB/tmp/err" | cat >/dev/null
	report "$1" calls total calls_before before_first_KVM_RUN ioctls ioctl kvm_run KVM_RUN
	sed "s/^/bench: calls of $1: /" "$LAB/tmp/values"
}

measure_process() {
	watch "$1" "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" "$talk" -m
	report "$1" own_rss own_kb linux_ram guest_kb writes writes
	watch "$1" "$tools/stay.img" "$BENCH_CPUS" 256 '' '' -m
	report "$1" idle_ram_256m guest_kb
	watch "$1" "$tools/stay.img" "$BENCH_CPUS" 1024 '' '' -m
	report "$1" idle_ram_1g guest_kb
}

# All that is timed, but SDEI: the VMMs in $order.
measure_round() {
	for _ in 1 2; do
		for vmm in $order; do measure_start "$vmm"; done
		measure_bare
	done
	for vmm in $order; do measure_boot "$vmm"; done
	if [ "$with_rasvm" = 1 ]; then
		measure_memfd
		measure_cpus rasvm
	fi
}

# The first run finds files and (emulated) code cold; it is told apart.
measure_first() {
	make_first_kernel probe.img
	for vmm in $vmms; do measure_start "$vmm" | sed -n 's/ first / first_cold /p'; done
}

measure_untimed() {
	for vmm in $vmms; do
		measure_process "$vmm"
		measure_calls "$vmm"
	done
	[ "$BENCH_PROFILE" = 1 ] || return 0
	# Where the time up to the first KVM_RUN goes, under ptrace.
	make_first_kernel start.img
	launch "$tools/syscount -t -o $LAB/tmp/profile" rasvm "$first_kernel" "$BENCH_CPUS" \
		"$BENCH_MEM" "$initrd" '' </dev/null >/dev/null 2>&1
	sed -n 's/^#/bench: profile/p' "$LAB/tmp/profile"
}

# ---- SDEI; sdei_guest.c says what its values are ----

# sdei_guest PARAMS [OPTION]...: into $LAB/tmp/values and, with --stats, $LAB/tmp/err
sdei_guest() {
	params=$1
	shift
	rasvm_options=$*
	launch "timeout -s KILL $BENCH_LIMIT" rasvm "$tools/sdei_guest.flat" 2 64 '' "$params" \
		</dev/null >"$LAB/tmp/out" 2>"$LAB/tmp/err" ||
		echo "bench: note the SDEI guest ended with status $?: $(tail -n 1 "$LAB/tmp/err")"
	rasvm_options=
	tr -d '\r' <"$LAB/tmp/out" >"$LAB/tmp/values"
	sed -n 's/^bench: /bench: note the SDEI guest: /p' "$LAB/tmp/values"
}

report_sdei() {
	sed -n '/sdei_signals/d; s/^value \([a-z0-9_]* [0-9]*\)$/bench: rasvm \1/p' "$LAB/tmp/values"
}

# measure_floor KIND MEASURE CALLS: what bare_loop needs for the same, times the calls in one
measure_floor() {
	"$tools/stopwatch" -t "$BENCH_LIMIT" "$tools/bare_loop" "$1" "$tools/floor.img" >"$LAB/tmp/values"
	awk -v measure="$2" -v calls="$3" \
		'$1 == "psci_ns" { print "bench: bare", measure, calls * $2 }' "$LAB/tmp/values"
}

measure_sdei() {
	for _ in 1 2; do
		sdei_guest 'samples=0'
		report_sdei
		measure_floor entry sdei_self 1
		measure_floor round_trip sdei_trip 2
	done
	if [ "$BENCH_SAMPLES" != 0 ]; then
		sdei_guest "batches=0 samples=$BENCH_SAMPLES"
		report_sdei
	fi
}

# Registers that KVM is asked for, for one SIGNAL to self and its COMPLETE.
measure_sdei_registers() {
	sdei_guest 'samples=0' --stats
	signals=$(sed -n 's/^value sdei_signals //p' "$LAB/tmp/values")
	for what in reads writes; do
		n=$(sed -n "s/^cpu 0: .*reg-$what \([0-9]*\).*/\1/p" "$LAB/tmp/err")
		if [ "${signals:-0}" -gt 0 ] && [ -n "$n" ]; then
			echo "bench: rasvm sdei_$what $(((n + signals / 2) / signals))"
			echo "bench: note reg-$what: $n for $signals signals"
		fi
	done
}

# measure_steps SUFFIX IMAGE PARAMS [OPTION]...: instructions for one exit
measure_steps() {
	suffix=$1
	image=$2
	params=$3
	shift 3
	rasvm_options=$*
	launch "timeout -s KILL $BENCH_LIMIT $tools/stepcount -o $LAB/tmp/values" rasvm "$tools/$image" \
		1 64 '' "$params" </dev/null >/dev/null 2>"$LAB/tmp/err" ||
		echo "bench: note stepcount ended with status $?: $(tail -n 1 "$LAB/tmp/err")"
	rasvm_options=
	sed -n "s/^\(steps_[a-z_]*\) \([0-9]*\)$/bench: rasvm \1$suffix \2/p
		s/^# /bench: note${*:+ $*} /p" "$LAB/tmp/values"
}

measure_sdei_untimed() {
	measure_sdei_registers
	measure_steps '' sdei_guest.flat 'samples=0 batches=1' | grep -v steps_mmio
	measure_steps _no_sdei steps.img '' --no-sdei
	measure_steps '' steps.img ''
}

# ---- hardware errors; ras_guest.c and ras_stages.awk say what is measured ----

ras_trace=/sys/kernel/tracing/instances/rasvm-bench
ras_range=range=0x81000000-0x81400000
ready='when=console:^bench:.ready'

# The host kernel's own trace, in an instance apart from whoever else traces. rasvm writes its --trace
# there as markers, so that there is one clock. CLOCK_MONOTONIC is not disturbed by a change of date.
open_ras_trace() {
	if [ ! -d /sys/kernel/tracing/instances ]; then
		mount -t tracefs none /sys/kernel/tracing 2>/dev/null
	fi
	mkdir "$ras_trace" 2>/dev/null
	if [ ! -w "$ras_trace/trace_marker" ]; then
		echo 'bench: note the stages of errors are left out: no tracefs here, or not root'
		return 1
	fi
	echo mono >"$ras_trace/trace_clock"
	echo 8192 >"$ras_trace/buffer_size_kb"
	echo 'sig == 7' >"$ras_trace/events/signal/signal_generate/filter"
	for event in signal/signal_generate kvm/kvm_userspace_exit kvm/kvm_entry; do
		echo 1 >"$ras_trace/events/$event/enable"
	done
}

# ras_guest PARAMS TOOL [OPTION]...: into $LAB/tmp/values and $LAB/tmp/err
ras_guest() {
	params=$1
	tool_words=$2
	shift 2
	rasvm_options="--firmware-tables dt --ras limit=10000 $*"
	launch "$tool_words" rasvm "$tools/ras_guest.flat" 1 64 '' "$params" </dev/null \
		>"$LAB/tmp/out" 2>"$LAB/tmp/err" ||
		echo "bench: note the guest of errors ended with status $?: $(tail -n 1 "$LAB/tmp/err")"
	rasvm_options=
	tr -d '\r' <"$LAB/tmp/out" >"$LAB/tmp/values"
	sed -n '/bench: ready/d; /bench: sample/d; s/^bench: /bench: note the guest of errors: /p' "$LAB/tmp/values"
}

# measure_ras_stages SERIES MODE RULE EVERY COUNT: a line a stage and error into $LAB/tmp/stages
measure_ras_stages() {
	echo >"$ras_trace/trace"
	ras_guest "mode=$2 errors=$5" "timeout -s KILL $BENCH_LIMIT" --trace "$ras_trace/trace_marker" \
		--inject "$3,$ras_range,$ready,every=$4,count=$5"
	awk -f "$tools/ras_stages.awk" -v series="$1" "$ras_trace/trace" >"$LAB/tmp/series"
	sed -n "s/^ras_\(followed\|spoilt\) /bench: rasvm ras_$1_\1 /p" "$LAB/tmp/series"
	grep -vE '^ras_(followed|spoilt) ' "$LAB/tmp/series" >>"$LAB/tmp/stages"
}

# Each stage's median and what one in a hundred exceeds. With few samples that is the worst of them.
report_ras_stages() {
	sort -k1,1 -k2,2n "$LAB/tmp/stages" | awk '
		function out(name, p,    at) {
			at = int(n * p / 100) + 1
			print "bench: rasvm " name "_p" p, v[at > n ? n : at]
		}
		function flush() {
			if (n) {
				out(was, 50)
				out(was, 99)
			}
			n = 0
		}
		$1 != was { flush(); was = $1 }
		{ v[++n] = $2 }
		END { flush() }' | sed 's/ ras_[a-z]*_line_/ ras_line_/'
}

# What one KVM_RUN round trip takes now, for all that is compared with it.
measure_ras_floor() {
	"$tools/stopwatch" -t "$BENCH_LIMIT" "$tools/bare_loop" "$tools/probe.img" >"$LAB/tmp/values"
	for series in model ao ar; do
		for p in 50 99; do report bare "ras_${series}_own_p$p" psci_ns; done
	done
}

measure_ras() {
	many=$((BENCH_SAMPLES < 500 ? BENCH_SAMPLES : 500))
	few=$((BENCH_SAMPLES < 200 ? BENCH_SAMPLES : 200))
	: >"$LAB/tmp/stages"
	if [ "$BENCH_SAMPLES" != 0 ] && open_ras_trace; then
		measure_ras_stages model ao mem-ao,level=model 30ms "$many"
		# A frame each is lost until the host reboots: in the emulated host only.
		if [ -z "${LAB_DIRECT:-}" ] && [ -w /sys/devices/system/memory/hard_offline_page ]; then
			dmesg -n 1 # the host's kernel is not to wait for its console
			measure_ras_stages ao ao mem-ao,level=real 50ms "$few"
		fi
		measure_ras_stages ar ar mem-ar,level=uffd 50ms "$few"
		rmdir "$ras_trace"
		report_ras_stages
		measure_ras_floor
	fi
	for tables in dt acpi; do measure_tables "$tables"; done
	for tables in acpi dt; do measure_tables "$tables"; done
}

# Neither console= nor anything else differs; only what the machine is described by.
measure_tables() {
	rasvm_options="--firmware-tables $1"
	watch rasvm "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" quiet
	rasvm_options=
	report rasvm "init_$1" init_us
}

# Resident memory before, early in and after 10^4 errors, half of them corrected. 1024 pages, again and
# again: more than the map of lost pages has room for stop the machine.
measure_ras_growth() {
	each="$ras_range,$ready,every=1ms,count=5000"
	ras_guest 'mode=growth errors=10000' "$tools/stopwatch -t $BENCH_LIMIT" --stats \
		--inject "mem-ao,level=model,$each" --inject "mem-ce,$each"
	report rasvm ras_rss_begin own_begin_kb ras_rss_early own_early_kb ras_rss_end own_end_kb
	sed -n 's/^hardware errors:.* reported \([0-9]*\).*/bench: rasvm ras_errors \1/p' "$LAB/tmp/err" | tail -n 1
	awk '{ kb[$1] = $2 }
		END {
			if ("own_begin_kb" in kb && "own_end_kb" in kb) {
				print "bench: rasvm ras_growth_all", kb["own_end_kb"] - kb["own_begin_kb"]
				print "bench: rasvm ras_growth", kb["own_end_kb"] - kb["own_early_kb"]
			}
		}' "$LAB/tmp/values"
}

# shellcheck source=/dev/null
. "$tools/devices.sh"

vmms=
for name in $BENCH_VMMS; do
	case $name in
	rasvm) vmms="$vmms rasvm" ;;
	qemu) [ -e "$LAB/peer/qemu-system-aarch64" ] && vmms="$vmms qemu" ;;
	lkvm)
		lkvm=$LAB/bench/lkvm
		[ -e "$LAB/bench/lkvm-is-dynamic" ] &&
			lkvm="$LAB/peer/lib/ld-linux-aarch64.so.1 --library-path $LAB/peer/lib $lkvm"
		[ -e "$LAB/bench/lkvm" ] && vmms="$vmms lkvm"
		;;
	esac
done

echo "bench: host $(uname -r), $(nproc) CPUs"
echo "bench: vmms$vmms"
cat "$LAB/boot/guest.cpio" "$tools/guest.cpio" >"$initrd"
reversed=
for vmm in $vmms; do reversed="$vmm $reversed"; done

with_boot=1
with_rasvm=0
with_sdei=0
with_ras=0
with_devices=0
case $vmms in *rasvm*) with_rasvm=1 ;; esac
case $BENCH_ONLY in
'') with_sdei=$with_rasvm with_ras=$with_rasvm with_devices=1 ;;
sdei) with_boot=0 with_sdei=$with_rasvm ;;
ras) with_boot=0 with_ras=$with_rasvm ;;
devices) with_boot=0 with_devices=1 ;;
esac

if [ "$with_boot" = 1 ]; then measure_first; fi
if [ "$with_devices" = 1 ]; then open_devices; fi
round=1
while [ "$round" -le "$BENCH_ROUNDS" ]; do
	echo "bench: round $round of $BENCH_ROUNDS"
	order=$vmms
	if [ $((round % 2)) = 0 ]; then order=$reversed; fi
	if [ "$with_boot" = 1 ]; then measure_round; fi
	if [ "$with_sdei" = 1 ]; then measure_sdei; fi
	if [ "$with_ras" = 1 ]; then measure_ras; fi
	if [ "$with_devices" = 1 ]; then measure_devices_round; fi
	round=$((round + 1))
done
echo 'bench: memory, system calls, registers and instructions, untimed'
if [ "$with_boot" = 1 ]; then measure_untimed; fi
if [ "$with_sdei" = 1 ]; then measure_sdei_untimed; fi
if [ "$with_ras" = 1 ]; then measure_ras_growth; fi
if [ "$with_devices" = 1 ]; then
	measure_console_calls
	close_devices
fi
echo 'lab: end 0 0 0 0'
