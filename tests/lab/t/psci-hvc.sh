# shellcheck shell=sh disable=SC2154
# The PSCI and SMCCC conformance suite by HVC, on four CPUs.
# timeout: 240
psci "conduit=hvc${SOAK:+ soak=60}" 0 -c 4
