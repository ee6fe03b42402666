# shellcheck shell=sh disable=SC2154,SC2016
# What a reset of the guest does to lost pages: they work again (heal=reset), or the reason why the guest
# cannot be started is given (heal=never). And rasvm's own pages in guest RAM: written again when they
# are lost, so that the guest is told of the next error.
# timeout: 600
# needs: linux

# addresses TABLES: where rasvm puts things, from a run that ends at once
addresses() {
	run_vm -k "$KERNEL" -i "$INITRD" -m 256M -c 2 -p "$PARAMS rasvm.steps=ask" --firmware-tables "$1" \
		--loglevel info --timeout 50ms </dev/null
	region=$(sed -n 's/.*error region at \(0x[0-9a-f]*\).*/\1/p' "$ERR")
	tree=$(sed -n 's/.*device tree at \(0x[0-9a-f]*\).*/\1/p' "$ERR")
	note "$1: region $region, device tree $tree"
	has "$1: --loglevel info tells addresses" "$ERR" 'device tree at 0x[0-9a-f]+, error region at 0x[0-9a-f]+'
}

block() { # block N: of the region, for source N
	printf '0x%x' $((region + 0x4000 + 0x1000 * $1))
}

start() { # start TABLES OPTION...: a guest that asks what to do
	tables=$1
	shift
	start_vm -k "$KERNEL" -i "$INITRD" -m 256M -c 2 -p "$PARAMS rasvm.steps=ask" --firmware-tables "$tables" \
		--on-reset reboot --timeout 400s --trace trace.json --stats "$@"
}

answer() { # answer BOOT STEPS: when it asks
	if wait_for 'guest: next\?' "$1" 120; then
		send "$2"
	else
		not_ok "boot $1 did not reach its init"
		kill "$VM"
	fi
}

wait_for_step() { # wait_for_step PATTERN: of an error, in the trace
	tries=100
	until grep -q '"event":"ras_'"$1" trace.json || [ $tries = 0 ]; do
		tries=$((tries - 1))
		sleep 0.1
	done
}

asks='when=console:^guest: next'
addresses acpi
start acpi --inject 'mem-ar,level=uffd,when=console:^memory: page .* pa=(0x[0-9a-f]+) touch$,gpa=$1' \
	--inject "mem-ao,level=uffd,gpa=$tree,$asks" \
	--inject "mem-ar,level=uffd,gpa=$(block 4),$asks" \
	--inject "mem-ar,level=uffd,gpa=$(block 1),when=console:^guest: page for source 1" \
	--inject 'mem-ao,level=uffd,when=console:^guest: page for source 1 at (0x[0-9a-f]+)$,gpa=$1'
# The kernel has records of the tree to print; none of it into the lines that are waited for.
answer 1 'sleep 2; dmesg -n 1; step_ar touch; step_ao 1; step_reboot'
answer 2 'step_use_memory 140; step_poweroff'
finish_vm
guest_results
grep '"ras_\|"reset"' trace.json
status_is 'rebooted with lost pages, its device tree among them' 0
sed '1,/"event":"reset"/d' trace.json >after.json
is 'signals after the reset' "$(ras_count after.json signal)" 0
is 'lost pages after the reset' "$(grep -c '^gpa=' "$ERR")" 0
has 'the block of the polled source, lost and written again' trace.json '"ras_healed".*"gpa":"'"$(block 4)"'"'
is 'and the block of the SDEI source, lost before the guest was told by it' \
	"$(sed -n 's/.*"event":"ras_injected".*"kind":"\(mem-a[or]\)".*/\1/p' trace.json | tail -n 2 | tr '\n' ' ')" 'mem-ar mem-ao '
is 'rebooted once' "$(grep -c '"event":"reset"' trace.json)" 1

addresses dt
start dt --ras heal=never --inject "mem-ao,level=uffd,gpa=$tree,$asks"
wait_for 'guest: next\?' 1 120 || not_ok 'heal=never: did not reach its init'
wait_for_step signal
send step_reboot
finish_vm
grep '"ras_' trace.json
status_is 'heal=never' 10
is 'heal=never: the guest cannot start again' "$(grep -c 'guest: booted' "$OUT")" 1
has 'heal=never: says why' "$ERR" 'device tree.*a page there is lost to a hardware memory error; give --ras heal=reset'
