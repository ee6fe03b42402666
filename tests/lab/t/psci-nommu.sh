# shellcheck shell=sh disable=SC2154
# The PSCI and SMCCC conformance suite with the guest's MMU and caches off.
# timeout: 240
psci 'mmu=off' 0 -c 4
