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
			-cpu host -nodefaults -nographic -serial stdio \
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
make_first_kernel probe.img
reversed=
for vmm in $vmms; do
	reversed="$vmm $reversed"
	# The first run finds files and (emulated) code cold; it is told apart.
	measure_start "$vmm" | sed -n 's/ first / first_cold /p'
done
round=1
while [ "$round" -le "$BENCH_ROUNDS" ]; do
	echo "bench: round $round of $BENCH_ROUNDS"
	order=$vmms
	if [ $((round % 2)) = 0 ]; then order=$reversed; fi
	for _ in 1 2; do
		for vmm in $order; do measure_start "$vmm"; done
		measure_bare
	done
	for vmm in $order; do measure_boot "$vmm"; done
	case $vmms in
	*rasvm*)
		measure_memfd
		measure_cpus rasvm
		;;
	esac
	round=$((round + 1))
done
echo 'bench: memory and system calls, untimed'
for vmm in $vmms; do
	measure_process "$vmm"
	measure_calls "$vmm"
done
if [ "$BENCH_PROFILE" = 1 ]; then
	# Where the time up to the first KVM_RUN goes, under ptrace.
	make_first_kernel start.img
	launch "$tools/syscount -t -o $LAB/tmp/profile" rasvm "$first_kernel" "$BENCH_CPUS" \
		"$BENCH_MEM" "$initrd" '' </dev/null >/dev/null 2>&1
	sed -n 's/^#/bench: profile/p' "$LAB/tmp/profile"
fi
echo 'lab: end 0 0 0 0'
