# shellcheck shell=sh disable=SC2154
# Errors that the host's kernel reports by itself (level=real), in memory that the guest does not use:
# pages that go bad faster than signals come, and huge pages.
# timeout: 240

if [ ! -w /sys/devices/system/memory/hard_offline_page ]; then
	skip 'errors of the host' 'no hard_offline_page here'
	exit 0
fi

signals() { # signals FILE: the pages that were reported, one a line
	sed -n 's/.*"event":"ras_signal".*"gpa":"\(0x[0-9a-f]*\)".*/\1/p' "$1" | sort -u
}

# A signal is not queued: some of these pages are found by looking for them.
run_payload psci '' 0 -c 2 --stats --trace many.json \
	--inject 'mem-ao,level=real,pages=12,gpa=0x8a003000,when=console:^1\.\.'
is 'pages reported' "$(signals many.json | wc -l)" 12
is 'first and last' "$(signals many.json | sed -n '1p;$p' | tr '\n' ' ')" '0x8a003000 0x8a00e000 '
# A page that was found may be signalled as well.
is 'decisions, one a page' "$(grep -c '"event":"ras_decided"' many.json)" 12
has 'the operator is told' "$ERR" 'hardware memory error at guest address 0x8a003000, 4096 bytes, not used yet'
has 'and warned of what level=real costs' "$ERR" 'until it (is rebooted|reboots)'

mkdir -p huge
mount -t hugetlbfs none huge
echo 150 >/proc/sys/vm/nr_hugepages
if [ "$(cat /proc/sys/vm/nr_hugepages)" -ge 128 ]; then
	run_payload psci '' 0 -c 2 --stats --trace huge.json --mem-backing "hugetlbfs=huge" \
		--inject 'mem-ao,level=real,gpa=0x8a003000,when=console:^1\.\.'
	has 'all of a huge page is lost' huge.json '"event":"ras_signal".*"gpa":"0x8a003000","bytes":2097152'
	has 'the map: the page itself, to be told' "$ERR" 'gpa=0x8a003000 pages=1 state=queued'
	has 'the map: the pages before' "$ERR" 'gpa=0x8a000000 pages=3 state=seen'
	has 'the map: the pages behind' "$ERR" 'gpa=0x8a004000 pages=508 state=seen'
else
	skip 'huge pages' "the host has $(cat /proc/sys/vm/nr_hugepages) of them free"
fi
echo 0 >/proc/sys/vm/nr_hugepages
umount huge
