# shellcheck shell=sh disable=SC2154
# The SDEI conformance suite by HVC, on four CPUs, in two runs; what depends on the number of CPUs with
# fewer and more; and a machine without SDEI.
# timeout: 900
for groups in HIJKLMN OPQRS; do
	sdei "conduit=hvc group=$groups soak=${SOAK:+6}1" 0 -c 4 --timeout 600s
done
sdei 'group=HIJKLMN soak=1' 0 -c 1
# Many CPUs on few: what takes long is not lost.
sdei 'timescale=10 test=H01,I11,I12,I16,K01,K02,K03,K08,L10,N01 soak=1' 0 -c 8 --timeout 600s
sdei 'conduit=hvc test=H05' 0 -c 1 --no-sdei
