# shellcheck shell=sh disable=SC2154,SC2016
# What a CPU finds when an SError or an external abort is taken, and the error log of a guest without
# ACPI: the suite of guest/ras. It prints what it wants, and the rules inject that.
# timeout: 240

ras() { # ras BOOTARGS [OPTION...]
	suite_arguments=$1
	shift
	run_payload ras "$suite_arguments" 0 --ras limit=10000 --trace trace.json --stats "$@" \
		--inject 'serror,no-esr,cpu=0,count=100,when=console:^inject serror-none$' \
		--inject 'serror,no-esr,cpu=1,count=100,when=console:^inject serror-cpu1$' \
		--inject 'sea,cpu=0,count=100,when=console:^inject sea$' \
		--inject 'sea,ifetch,cpu=0,count=100,when=console:^inject sea-ifetch$' \
		--inject 'mem-ar,level=uffd,count=100,gpa=$1,when=console:^inject lose (0x[0-9a-f]+)$' \
		--inject 'mem-ar,level=model,cpu=0,count=100,gpa=$1,when=console:^inject use-model (0x[0-9a-f]+)$' \
		--inject 'mem-ao,level=model,count=100,gpa=$1,when=console:^inject ao (0x[0-9a-f]+)$' \
		--inject 'storm,pages=140,range=0x8c000000-0x8d000000,when=console:^inject flood$' \
		--inject 'sea,cpu=0,count=1000,when=console:^inject done$' # the last rule: of several due, the last
}

with_syndromes() { # the same on CPUs that have the RAS extension
	arguments=$1
	shift
	ras "$arguments" "$@" \
		--inject 'serror,aet=uc,cpu=0,count=100,when=console:^inject serror-uc$' \
		--inject 'serror,aet=ueu,cpu=0,count=100,when=console:^inject serror-ueu$' \
		--inject 'serror,aet=ueo,cpu=0,count=100,when=console:^inject serror-ueo$' \
		--inject 'serror,aet=uer,cpu=0,count=100,when=console:^inject serror-uer$' \
		--inject 'serror,aet=ce,cpu=0,count=100,when=console:^inject serror-ce$' \
		--inject 'serror,esr=0x155aa11,cpu=0,count=100,when=console:^inject serror-odd$'
}

if grep -q 'detected: RAS Extension' "$LAB/tmp/dmesg"; then
	with_syndromes '' -c 2
	with_syndromes 'mmu=off test=E01,E02,E03,F01,F05' -c 2
else
	ras '' -c 2
	# A syndrome cannot be injected here: known before the guest starts.
	run_vm -k "$PAYLOADS/ras.flat" --flat -m 256M --inject serror,aet=uer </dev/null
	status_is 'a syndrome on CPUs without RAS' 2
	has 'says why' "$ERR" 'inject.*RAS extension'
	run_vm -k "$PAYLOADS/ras.flat" --flat -m 256M --ras ao=serror,serror=0x411 </dev/null
	status_is 'a policy with a syndrome on CPUs without RAS' 2
	has 'says why' "$ERR" 'ras.*RAS extension'
fi
has 'trace: an SError taken by a CPU' trace.json '"event":"ras_taken".*"way":"serror"'
has 'trace: an abort taken by a CPU' trace.json '"event":"ras_taken".*"way":"sea"'
