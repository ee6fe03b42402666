# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite with the guest's MMU and caches off.
# timeout: 500
for groups in HIJKLMN OPQRS; do
	sdei "mmu=off group=$groups soak=1" 0 -c 2
done
