# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite by HVC, on four CPUs, in three runs; and a machine without SDEI.
# timeout: 660
for groups in HIJKLMN OPQRS XZ; do
	sdei "conduit=hvc group=$groups soak=${SOAK:+2}0" 0 -c 4
done
sdei 'conduit=hvc test=H05' 0 -c 1 --no-sdei
