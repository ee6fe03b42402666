# shellcheck shell=sh disable=SC2154,SC2034
# What the command line refuses: one line naming the option, the value and the reason, exit status
# 2, and nothing is created.
# timeout: 120

refused() { # refused WHAT PATTERN OPTION...
	what=$1
	pattern=$2
	shift 2
	run_vm "$@" --timeout 3s </dev/null
	status_is "$what" 2
	is "$what: lines of message" "$(wc -l <"$ERR")" 1
	has "$what: message names it" "$ERR" "$pattern"
	is "$what: bytes of console" "$(wc -c <"$OUT")" 0
}

head -c 1000 "$KERNEL" >truncated
head -c 100000 "$KERNEL" >truncated-body
head -c 4096 /dev/urandom >garbage
: >empty
dd if=/dev/zero of=big-initrd bs=1M count=0 seek=300 2>/dev/null
gzip -c "$KERNEL" | head -c 1000000 >truncated.gz

refused 'no kernel' 'kernel' -c 1
refused 'missing kernel' 'Fatal: Unable to open kernel no-such-file: No such file' -k no-such-file
refused 'directory as kernel' '/.*directory' -k /
refused 'kernel of 1000 bytes' 'truncated' -k truncated
refused 'kernel cut short' 'truncated-body' -k truncated-body
refused 'gzip kernel cut short' 'truncated.gz' -k truncated.gz
refused 'unknown kernel format' 'garbage' -k garbage
refused 'empty kernel' 'empty' -k empty
refused 'missing initrd' 'no-such-file' -k "$KERNEL" -i no-such-file
refused 'directory as initrd' '/.*directory' -k "$KERNEL" -i /
refused 'initrd larger than memory' 'big-initrd' -k "$KERNEL" -i big-initrd -m 256M
refused 'kernel larger than memory' 'Image' -k "$KERNEL" -m 16M
refused '-c 0' '(-c|--cpus).*0' -k "$KERNEL" -c 0
refused '-c -1' '(-c|--cpus).*-1' -k "$KERNEL" -c -1
refused '-c 100000' '(-c|--cpus).*100000' -k "$KERNEL" -c 100000
refused '-c two' '(-c|--cpus).*two' -k "$KERNEL" -c two
refused '-m 0' '(-m|--mem).*0' -k "$KERNEL" -m 0
refused '-m 99999T' '(-m|--mem).*99999T' -k "$KERNEL" -m 99999T
refused '-m of 2^64 bytes' '(-m|--mem).*16777216T' -k "$KERNEL" -m 16777216T
refused '-m 12X' '(-m|--mem).*12X' -k "$KERNEL" -m 12X
refused '-m -1' '(-m|--mem).*-1' -k "$KERNEL" -m -1
refused 'unknown option' 'no-such-option' -k "$KERNEL" --no-such-option
refused 'unknown interrupt controller' 'irqchip.*gicv9' -k "$KERNEL" --irqchip gicv9
refused 'unknown PSCI version' 'psci-version.*9.9' -k "$KERNEL" --psci-version 9.9
refused 'unknown function to fail' 'psci-fail.*NO_SUCH' -k "$KERNEL" --psci-fail NO_SUCH=-2
refused 'filter range KVM refuses' 'smccc.*80000000' -k "$KERNEL" --smccc 0x80000000+1=deny
refused 'trace file that cannot be written' 'trace.*/no/such' -k "$KERNEL" --trace /no/such/dir/trace

rasvm run -k >"$OUT" 2>"$ERR"
STATUS=$?
status_is 'option without its value' 2
rasvm run -k "$KERNEL" --timeout soon >"$OUT" 2>"$ERR"
STATUS=$?
status_is 'bad timeout' 2
has 'bad timeout: message names it' "$ERR" 'timeout.*soon'
has_not 'no guest was started by any of these' "$OUT" 'Linux'
is 'files created' "$(find . -type f | wc -l)" 8
