# shellcheck shell=sh disable=SC2154,SC2034
# What rasvm says without running a guest: help, version, doctor, --dry-run, --dump-dtb.
# timeout: 60

asks() { # asks STATUS ARGUMENT...: $OUT holds the answer
	expected=$1
	shift
	STATUS=0
	rasvm "$@" >"$OUT" 2>"$ERR" </dev/null || STATUS=$?
	echo "\$ rasvm $*"
	show_vm
	status_is "rasvm $*" "$expected"
}

asks 0 version
has 'version prints a number' "$OUT" '[0-9]+\.[0-9]+'
asks 0 help
has 'help lists run' "$OUT" '(^| )run( |$)'
asks 0 help run
has 'help run lists --kernel' "$OUT" '--kernel'
has 'help run lists --psci-fail' "$OUT" '--psci-fail'
asks 0 run --help
has 'run --help lists --initrd' "$OUT" '--initrd'
asks 2 no-such-command
asks 0 doctor
has 'doctor knows the SMCCC filter' "$OUT" '[Ff]ilter'
has 'doctor knows GICs' "$OUT" '[Gg][Ii][Cc]'

run_vm -k "$KERNEL" -c 3 -m 512M --dry-run </dev/null
status_is '--dry-run' 0
cat "$OUT" "$ERR" >plan
has '--dry-run shows RAM at its address' plan '8000_?0000'
has '--dry-run shows the first UART' plan '1000_?000'
has_not '--dry-run runs no guest' plan 'Linux version|Booting'

run_vm -k "$KERNEL" -c 1 -m 256M --dry-run --virtio-transport pci --rng -d no-such-disk,ro --9p /tmp,tag </dev/null
status_is '--dry-run with devices' 0
has '--dry-run lists the random numbers first' "$OUT" '^virtio  pci 0: rng'
has '--dry-run lists a disk, which need not be there' "$OUT" '^virtio  pci 1: disk no-such-disk,ro'
has '--dry-run lists a shared directory' "$OUT" '^virtio  pci 2: 9p /tmp,tag'

run_vm -k "$KERNEL" -c 3 -m 512M --dump-dtb machine.dtb --dry-run </dev/null
status_is '--dump-dtb' 0
[ -e machine.dtb ] || : >machine.dtb
magic=$(head -c 4 machine.dtb | hexdump -e '4/1 "%02x"')
is '--dump-dtb: magic number' "$magic" d00dfeed
size=$((0x0$(head -c 8 machine.dtb | tail -c 4 | hexdump -e '4/1 "%02x"')))
is '--dump-dtb: size of the file as in its header' "$(wc -c <machine.dtb)" "$size"
tr -c ' -~' '\n' <machine.dtb >words
has '--dump-dtb: psci node' words 'arm,psci-1.0'
has '--dump-dtb: serial port' words 'ns16550a'
is '--dump-dtb: CPU nodes' "$(grep -cE '^cpu@[0-9a-f]+$' words)" 3
