# shellcheck shell=sh disable=SC2154
# Events from and to all CPUs at once, and the guest's accounts compared with rasvm's.
# timeout: 400
# timescale: what a busy host holds up is not lost.
seconds=${SOAK:+60}
seconds=${seconds:-3}

host_count() { # host_count EVENT WHAT: of --stats
	sed -n "s/^sdei event $1: .*$2 \([0-9]*\).*/\1/p" "$ERR"
}

guest_count() { # guest_count WHAT: of the storm's last line
	tr -d '\r' <"$OUT" | sed -n "s/^# storm .*$1 \([0-9]*\).*/\1/p"
}

sdei "test=Z01 soak=$seconds timescale=10" 0 -c 4 --stats
at_least 'signals: handlers that ran' "$(guest_count ran)" 10
is 'signals: handlers that rasvm entered' "$(host_count 0 entered)" "$(guest_count ran)"
is 'signals: calls that rasvm counted' "$(host_count 0 triggered)" "$(guest_count signalled)"
is 'signals: handlers that rasvm saw complete' "$(host_count 0 completed)" "$(guest_count ran)"

sdei "test=Z02 soak=$seconds timescale=10" 0 -c 4 --stats
at_least 'hotplug: handlers that ran' "$(guest_count ran)" 10
is 'hotplug: handlers that rasvm entered' "$(host_count 0 entered)" "$(guest_count ran)"
is 'hotplug: calls that rasvm counted' "$(host_count 0 triggered)" "$(guest_count signalled)"

sdei "test=Z03 soak=$seconds timescale=10" 0 -c 4 --stats
at_least 'RM_ANY: handlers that ran' "$(guest_count ran)" 10
entered=$(($(host_count 0x40000003 entered) + $(host_count 0x40000004 entered)))
triggered=$(($(host_count 0x40000003 triggered) + $(host_count 0x40000004 triggered)))
is 'RM_ANY: handlers that rasvm entered' "$entered" "$(guest_count ran)"
is 'RM_ANY: triggers that rasvm counted' "$triggered" "$(guest_count triggered)"
is 'RM_ANY: one run for each trigger' "$entered" "$triggered"
