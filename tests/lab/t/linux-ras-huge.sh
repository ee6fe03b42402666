# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# Guest RAM in huge pages of 2 MiB: a lost one is told of as the page that was named, and the rest of it
# is found when it is used.
# timeout: 120
# needs: linux
if ! echo 150 2>/dev/null >/proc/sys/vm/nr_hugepages || [ "$(cat /proc/sys/vm/nr_hugepages)" -lt 140 ]; then
	skip 'huge pages' 'no room for 140 of them on this host'
	exit
fi
mkdir -p huge
mount -t hugetlbfs none huge
PARAMS="console=ttyS0 quiet $PATIENT movablecore=128M rootfstype=ramfs"
run_linux huge:64,poweroff -c 2 --firmware-tables acpi --hugetlbfs huge --trace trace.json --stats \
	--inject 'mem-ao,level=uffd,when=console:^memory: page .* pa=(0x[0-9a-f]+) hold$,gpa=$1'
grep '"ras_' trace.json | head -n 20
status_is 'power-off' 0
has 'the host lost 2 MiB' trace.json '"ras_signal","ras":1,"class":"ao",.*"bytes":2097152'
has 'the guest was told of one page' trace.json '"ras_notified","ras":1,"way":"sdei","source":"sdei-normal","pages":1'
has 'then a CPU used another of its pages' trace.json '"ras_signal".*"class":"ar",.*"bytes":2097152,"from":"host"'
signals=$(guest_value signals)
at_least 'pages the process found lost' "$signals" 10
is 'SIGBUS of another kind' "$(guest_value 'other signals')" 0
at_least 'aborts taken for them' "$(ras_count trace.json 'taken".*"way":"sea"')" $((signals - 1))
at_least 'pages the kernel gave up' "$(guest_value 'pages given up')" $((signals - 1))
umount huge
echo 0 >/proc/sys/vm/nr_hugepages
