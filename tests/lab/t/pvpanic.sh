# shellcheck shell=sh disable=SC2154
# The panic register: a guest without a kernel's console says that it panicked, and the run ends as for a panic
# seen on the console.
# timeout: 120
psci 'test=W01' 0 -c 1 --trace trace
is 'a crash kernel takes over: told once, and the run goes on' "$(grep -c '"event":"crash_loaded"' trace)" 1
has_not 'and not as the end of the kernel' trace '"event":"panic"'

psci 'test=W02' 5 -c 1 --trace trace
is 'a kernel that hangs: told' "$(grep -c '"event":"panic"' trace)" 1

psci 'test=W03' 5 -c 1 --trace trace
is 'a kernel that restarts: told' "$(grep -c '"event":"panic"' trace)" 1
has_not 'it does not boot again' trace '"event":"reset"'

psci 'test=W02' 6 -c 1 --on-panic continue --timeout 15s
psci 'test=W04' 0 -c 1 --no-pvpanic
