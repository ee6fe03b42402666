# shellcheck shell=sh disable=SC2154
# Ten guest reboots in place with all devices in use each time; then one by the operator, while the guest is
# in the middle of its work.
# timeout: 3300
# needs: linux tun
mkdir -p share
echo 'from the host' >'share/a file with spaces'
dd if=/dev/zero of=disk.img bs=1M count=12 2>/dev/null
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
cat >reboots.script <<'END'
timeout 200s
END
lives=10
i=0
while [ $i -lt $lives ]; do
	cat >>reboots.script <<END
expect /guest: all devices work/
check "life $i"
END
	i=$((i + 1))
done
cat >>reboots.script <<'END'
expect /guest: ok - vda: serial number/
reset
expect /guest: all devices work/
check "life after a reset in the middle of its work"
stop
expect-exit interrupted
END
for transport in pci ${SOAK:+mmio}; do
	run_vm -k "$KERNEL" -i initrd -m 192M -c 2 --timeout 1600s --virtio-transport "$transport" --rng \
		-p "$PARAMS rasvm.steps=found:1+1+$transport,disk:vda+blk0,rng,share_rw:one,link_up:eth0,all_work,says:last+words,reboot" \
		--port "last,out=$transport.said" -d disk.img --9p share,one -n mode=tap,host_ip=192.168.78.1 \
		--script reboots.script --tap results.tap </dev/null
	status_is "$transport: the script" 0
	is "$transport: lives" "$(grep -c '^ok .*life' results.tap)" $((lives + 1))
	# The guest goes on until it is stopped: it may have come to the last words.
	said=$(grep -c '^words$' "$transport.said")
	at_least "$transport: what was said right before a reboot" "$said" $lives
	at_most "$transport: and no more" "$said" $((lives + 1))
	has_not "$transport: nothing failed" "$OUT" 'guest: not ok'
	has_not "$transport: nothing failed on standard error" "$ERR" 'guest: not ok'
done
