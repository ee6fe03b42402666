# shellcheck shell=sh disable=SC2154,SC2034
# A test suite made for lkvm starts as it is: with the options it gives (kvm-unit-tests, scripts/vmm.bash and
# arm/unittests.cfg), and a flat binary of which nothing says that it is one.
# timeout: 60
suite() { # suite KERNEL [OPTION...]
	kernel=$1
	shift
	run_vm "$@" --nodefaults --network mode=none --loglevel=warning --cpus 2 --mem 256 --kernel "$kernel" </dev/null
}

echo 'VARIABLE=value' >environ
suite "$PAYLOADS/psci.flat" --irqchip=gicv3 --initrd environ --params 'test=G01-boot conduit=hvc strict=rasvm'
payload_results 'a flat binary'
status_is 'a flat binary that powers off' 0
is 'lines that rasvm printed of its own' "$(wc -l <"$ERR")" 0

# What tells the suite's scripts that the program is there.
suite _NO_FILE_4Uhere_
has 'a kernel that is not there' "$ERR" 'Fatal: Unable to open kernel _NO_FILE_4Uhere_'
status_is 'a kernel that is not there' 2
