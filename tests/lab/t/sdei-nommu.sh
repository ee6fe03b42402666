# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite with the guest's MMU and caches off.
# timeout: 300
sdei 'mmu=off' 0 -c 4
