# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite by SMC, on four CPUs.
# timeout: 300
sdei "conduit=smc${SOAK:+ soak=60}" 0 -c 4
