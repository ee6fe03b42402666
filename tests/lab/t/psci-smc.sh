# shellcheck shell=sh disable=SC2154
# The PSCI and SMCCC conformance suite by SMC, on four CPUs.
# timeout: 240
psci "conduit=smc${SOAK:+ soak=60}" 0 -c 4
