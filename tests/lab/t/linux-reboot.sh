# shellcheck shell=sh disable=SC2154
# Reboots in place: cold, warm (SYSTEM_RESET2), sysrq-b, panic=1, several times over, without a
# leaked descriptor, thread or page.
# timeout: 500
# needs: linux

# Resident kB of rasvm that are not guest RAM: mappings below 128 MiB.
own_rss_kb() {
	awk '/^[0-9a-f]+-[0-9a-f]+ / { next }
		/^Size:/ { size = $2 }
		/^Rss:/ { if (size < 131072) sum += $2 }
		END { print sum + 0 }' "/proc/$VM/smaps"
}

count_fds() {
	# shellcheck disable=SC2012 # names are numbers
	ls "/proc/$VM/fd" | wc -l
}

count_threads() {
	# shellcheck disable=SC2012 # names are numbers
	ls "/proc/$VM/task" | wc -l
}

ways='step_reboot step_warm step_sysrq:b step_panic:1'
if [ -n "$SOAK" ]; then ways="$ways $ways $ways $ways"; fi

start_vm -k "$KERNEL" -i "$INITRD" -c 2 -m 256M -p "$PARAMS rasvm.steps=ask" \
	--on-reset reboot --on-panic continue --timeout 2000s --trace trace.json
boots=0
for way in $ways step_poweroff; do
	boots=$((boots + 1))
	if ! wait_for 'guest: next\?' "$boots" 150; then
		not_ok "boot $boots did not reach its init"
		kill -9 "$VM"
		break
	fi
	note "boot $boots: $(count_fds) descriptors, $(count_threads) threads, $(own_rss_kb) kB"
	if [ "$boots" = 2 ]; then
		fds=$(count_fds)
		threads=$(count_threads)
		rss_kb=$(own_rss_kb)
	elif [ "$way" = step_poweroff ]; then
		is "descriptors after $boots boots" "$(count_fds)" "$fds"
		is "threads after $boots boots" "$(count_threads)" "$threads"
		at_most "kB grown from boot 2 to boot $boots" "$(($(own_rss_kb) - rss_kb))" 256
	fi
	ok "boot $boots reached its init; next: $way"
	send "$(echo "$way" | tr ':' ' ')"
done
finish_vm
guest_results
status_is 'power-off at the end' 0
has 'the warm reboot used SYSTEM_RESET2' trace.json 'SYSTEM_RESET2'
at_least 'SYSTEM_RESET calls' "$(grep -c '"\(PSCI_\)\?SYSTEM_RESET"' trace.json)" 3
