# shellcheck shell=sh disable=SC2034,SC2153,SC2154
# Devices, read by host.sh: disks by fio, network by stream.c, console output, and `rasvm exec`.
# bench/devices_guest says what it prints. The two VMMs get the same tap, files and disk, and the same guest.

tap=bench0
file_disk=$LAB/tmp/file.img
hvc_out=$LAB/tmp/hvc
devices_initrd=$LAB/tmp/devices.cpio
modules_initrd=$LAB/tmp/modules.cpio
null_disk=
disks=$(echo "$BENCH_DISKS" | tr ' ' ',')

# A tap as `ip tuntap add` makes it, with the server of streams behind it.
open_tap() {
	modprobe -q tun
	if ! tunctl -t $tap >/dev/null 2>&1; then
		echo "bench: note the network is left out: tunctl -t $tap: not root, or no /dev/net/tun"
		return 1
	fi
	ip addr add 192.168.99.1/24 dev $tap
	ip link set $tap up
	"$tools/stream" serve 192.168.99.1 7777 2>"$LAB/tmp/stream.err" &
	server=$!
}

close_tap() {
	kill "$server" 2>/dev/null
	tunctl -d $tap >/dev/null 2>&1
}

# rasvm_devices TRANSPORT VHOST: options for the devices in $with
rasvm_devices() {
	echo "--virtio-transport $1"
	case $with in
	*blk*)
		echo "-d $BENCH_DISK,ro,direct,id=disk -d $BENCH_DISK,ro,id=cache -d $file_disk,ro,id=tmpfs"
		if [ -n "$null_disk" ]; then echo "-d $null_disk,ro,direct,id=null"; fi
		;;
	esac
	case $with in *net*) echo "-n mode=tap,tapif=$tap,vhost=$2" ;; esac
	case $with in *hvc*) echo "--port bench,out=$hvc_out,console" ;; esac
}

# qemu_devices TRANSPORT VHOST AIO: the same
qemu_devices() {
	case $1 in
	mmio) echo '-global virtio-mmio.force-legacy=false' ;;
	esac
	case $1 in
	mmio) is=device rom= ;;
	pci) is=pci rom=,romfile= ;;
	esac
	case $with in
	*blk*)
		echo "-drive if=none,id=disk,format=raw,readonly=on,aio=$3,cache=none,file=$BENCH_DISK"
		echo "-drive if=none,id=cache,format=raw,readonly=on,aio=$3,file=$BENCH_DISK"
		echo "-drive if=none,id=tmpfs,format=raw,readonly=on,aio=$3,file=$file_disk"
		if [ -n "$null_disk" ]; then
			echo "-drive if=none,id=null,format=raw,readonly=on,aio=$3,cache=none,file=$null_disk"
		fi
		for disk in disk cache tmpfs ${null_disk:+null}; do
			echo "-device virtio-blk-$is,drive=$disk,serial=$disk"
		done
		;;
	esac
	case $with in
	*net*)
		if [ "$2" = 1 ]; then vhost=on; else vhost=off; fi
		echo "-netdev tap,id=net,ifname=$tap,script=no,downscript=no,vhost=$vhost"
		echo "-device virtio-net-$is,netdev=net$rom"
		;;
	esac
	case $with in
	*hvc*)
		echo "-device virtio-serial-$is -chardev file,id=hvc,path=$hvc_out"
		echo '-device virtconsole,chardev=hvc'
		;;
	esac
}

# devices_guest VMM TRANSPORT VHOST AIO DO: into $LAB/tmp/values
devices_guest() {
	with=$5
	echo "# devices-of-$1 (limit $BENCH_LIMIT s)"
	rasvm_options=$(rasvm_devices "$2" "$3")
	qemu_options=$(qemu_devices "$2" "$3" "$4")
	watch "$1" "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$devices_initrd" \
		"quiet rdinit=/init bench.do=$5 bench.disks=$disks bench.seconds=$BENCH_SECONDS bench.kb=$BENCH_SERIAL_KB"
	rasvm_options=
	qemu_options=
}

# The values of a device (exits a request: hundredths) under names that say behind what it was: "mmio_file_rand1_iops".
report_devices() { # report_devices VMM PREFIX SUFFIX
	awk -v vmm="$1" -v prefix="$2" -v suffix="$3" '
		$1 ~ /_us$/ { print "bench: note", vmm, prefix $1 suffix, $2; next }
		$1 ~ /_begin$/ { before[substr($1, 1, length($1) - 6)] = $2; next }
		$1 ~ /_end$/ { name = substr($1, 1, length($1) - 4); requests[name] = $2 - before[name]; next }
		$1 ~ /_exits$/ { exits[substr($1, 1, length($1) - 6)] = $2; next }
		$1 ~ /_(kbs|iops)$/ || $1 ~ /^net_(sent_kbs|taken_kbs|asked)$/ { print "bench:", vmm, prefix $1 suffix, $2 }
		END {
			for (name in requests)
				if (requests[name] > 0 && name in exits)
					printf "bench: %s %s_exits%s %.0f\n", vmm, prefix name, suffix,
						100 * exits[name] / requests[name]
		}' "$LAB/tmp/values"
}

# QEMU with threads and then with io_uring, or without and with vhost; rasvm beside it each time.
measure_transport() { # measure_transport TRANSPORT
	do=
	if [ -n "$BENCH_DISK" ]; then do=blk; fi
	if [ "$with_tap" = 1 ]; then do=${do:+$do,}net; fi
	[ -n "$do" ] || return 0
	for vmm in $pair; do
		devices_guest "$vmm" "$1" 0 threads "$do"
		report_devices "$vmm" "$1_" ''
	done
	for vmm in $pair; do
		devices_guest "$vmm" "$1" 1 io_uring "$do"
		report_devices "$vmm" "$1_" _2
	done
}

# What `rasvm exec` has to load into the lab's kernel, for a boot that loads it too.
pack_modules() {
	mkdir -p "$LAB/tmp/with_modules/modules"
	n=0
	for name in virtio_mmio netfs 9pnet 9pnet_virtio 9p; do
		file=$(find "$LAB/tmp/modules" -name "$name.ko")
		[ -n "$file" ] || continue
		n=$((n + 1))
		cp "$file" "$LAB/tmp/with_modules/modules/$n.ko"
	done
	cp "$initrd" "$modules_initrd"
	(cd "$LAB/tmp/with_modules" && find . | cpio -o -H newc 2>/dev/null) >>"$modules_initrd"
	rm -r "$LAB/tmp/with_modules"
}

# A bare boot beside each, since that is what it is compared with.
measure_exec() {
	rasvm exec --help >/dev/null 2>&1 || {
		echo 'bench: note rasvm exec is left out: this rasvm has no such command'
		return 0
	}
	watch rasvm "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$initrd" quiet
	report rasvm exec_bare exit_us
	watch rasvm "$kernel" "$BENCH_CPUS" "$BENCH_MEM" "$modules_initrd" quiet
	report rasvm exec_modules exit_us
	"$tools/stopwatch" -t "$BENCH_LIMIT" rasvm exec -k "$kernel" -c "$BENCH_CPUS" -m "$BENCH_MEM" \
		--modules "$LAB/tmp/modules" -- true >"$LAB/tmp/values" 2>"$LAB/tmp/err" ||
		echo "bench: note rasvm exec ended with status $?: $(tail -n 1 "$LAB/tmp/err")"
	report rasvm exec exit_us
}

# For each KiB.
measure_consoles() {
	for vmm in $order; do
		case $vmm in
		lkvm) devices_guest "$vmm" mmio 0 threads serial ;;
		*) devices_guest "$vmm" pci 0 threads hvc,serial ;;
		esac
		awk -v vmm="$vmm" -v kb="$BENCH_SERIAL_KB" '
			function say(measure, value) {
				printf "bench: %s %s %.0f\n", vmm, measure, value
			}
			$1 == "serial_us" { say($1, $2 / kb) }
			$1 == "serial_exits" { say($1, 100 * $2 / kb) }
			$1 == "hvc_us" { say($1, $2 / kb / 16) }
			$1 == "hvc_exits" { say($1, 100 * $2 / kb / 16) }' "$LAB/tmp/values"
	done
}

measure_devices_round() {
	pair=
	for vmm in $order; do
		if [ "$vmm" != lkvm ]; then pair="$pair $vmm"; fi
	done
	if [ "$with_rasvm" = 1 ]; then measure_exec; fi
	measure_consoles
	for transport in $BENCH_TRANSPORTS; do measure_transport "$transport"; done
}

# calls_of VMM KB: system calls of a boot that prints KB KiB on the serial port
calls_of() {
	echo "# calls-of-$1 (limit $((BENCH_LIMIT * 2)) s)" >&2
	launch "timeout -s KILL $((BENCH_LIMIT * 2)) $tools/syscount -o $LAB/tmp/values" "$1" "$kernel" \
		"$BENCH_CPUS" "$BENCH_MEM" "$initrd" "quiet -- 0 $(($2 * 1024 / 50))" </dev/null 2>"$LAB/tmp/err" |
		cat >/dev/null
	sed -n 's/^total //p' "$LAB/tmp/values"
}

# What a KiB more needs. Under ptrace, so few of them and no time.
measure_console_calls() {
	for vmm in $vmms; do
		none=$(calls_of "$vmm" 0)
		some=$(calls_of "$vmm" 4)
		if [ -n "$none" ] && [ -n "$some" ]; then
			echo "bench: $vmm serial_calls $(((some - none) / 4))"
			echo "bench: note system calls of $vmm: $none, with 4 KiB $some"
		fi
	done
}

# A disk that only waits: requests are over 100 us after they came and move nothing.
open_null_disk() {
	null_disk=
	case $BENCH_DISKS in *null*) ;; *) return 0 ;; esac
	if [ ! -e /dev/nullb0 ] && modprobe -q null_blk gb=1 irqmode=2 completion_nsec=100000; then
		null_disk=/dev/nullb0
	else
		echo 'bench: note the disk "null" is left out: modprobe null_blk: not root, no such module, or in use'
		disks=$(echo "$disks" | sed 's/,*null//')
	fi
}

open_devices() {
	cat "$LAB/boot/guest.cpio" "$LAB/boot/modules.cpio" "$tools/devices.cpio" >"$devices_initrd"
	mkdir -p "$LAB/tmp/modules"
	(cd "$LAB/tmp/modules" && cpio -idm 2>/dev/null) <"$LAB/boot/modules.cpio"
	pack_modules
	dd if=/dev/urandom of="$file_disk" bs=1M count=64 2>/dev/null
	if [ -n "$BENCH_DISK" ] && [ ! -r "$BENCH_DISK" ]; then
		echo "bench: note disks are left out: no $BENCH_DISK, which fio is on"
		BENCH_DISK=
	else
		dd if="$BENCH_DISK" of=/dev/null bs=1M count=64 2>/dev/null # into the page cache
		open_null_disk
	fi
	with_tap=0
	if open_tap; then with_tap=1; fi
}

close_devices() {
	if [ "$with_tap" = 1 ]; then close_tap; fi
	if [ -n "$null_disk" ]; then modprobe -q -r null_blk; fi
	rm -f "$file_disk" "$hvc_out" "$devices_initrd" "$modules_initrd"
}
