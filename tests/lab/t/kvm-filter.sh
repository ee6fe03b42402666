# shellcheck shell=sh disable=SC2154
# The host kernel's rules for the SMCCC filter, which rasvm builds on, with bare KVM calls.
# timeout: 60
# needs: kvm
# shellcheck disable=SC2034 # read by status_is
STATUS=0
filter_test >"$OUT" 2>"$ERR" </dev/null || STATUS=$?
show_vm
payload_results filter_test
status_is filter_test 0
