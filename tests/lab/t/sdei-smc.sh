# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite by SMC, on two CPUs.
# timeout: 500
for groups in HIJKLMN OPQRS; do
	sdei "conduit=smc group=$groups soak=1" 0 -c 2
done
