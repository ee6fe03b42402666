# shellcheck shell=sh disable=SC2154
# A network without privilege: by passt the guest's connections reach the host, checksummed both ways.
# timeout: 400
# needs: linux passt
cat "$INITRD" "$LAB/boot/modules.cpio" >initrd
dd if=/dev/urandom of=to-guest bs=1M count=8 2>/dev/null
# passt gives up root, and then takes all files away from itself by pivot_root(2), which an initramfs as root does
# not allow: so rasvm and it have the same one by a mount.
echo 'nobody:x:65534:65534::/:/bin/false' >>/etc/passwd
mkdir -p /tmp /real
chmod 755 /
chmod 1777 /tmp
rasvm() {
	# shellcheck disable=SC2016 # for the shells within
	unshare -m sh -c 'mount -o rbind / /real && cd /real && mount -o move . / &&
		exec chroot . sh -c "cd \"\$0\" && exec rasvm \"\$@\"" "$@"' sh "$PWD" "$@"
}
modprobe dummy 2>/dev/null
# passt shows its guest the host's own address, and wants a way out of the host to be there.
ip link add dummy0 type dummy 2>/dev/null
ip addr add 10.9.8.7/24 dev dummy0 2>/dev/null
ip link set dummy0 up
ip route add default via 10.9.8.1 2>/dev/null
mkfifo open
exec 8<>open
for transport in mmio pci; do
	nc -l -p 5200 <to-guest >/dev/null 2>&1 &
	sender=$!
	nc -l -p 5201 <&8 >from-guest 2>/dev/null &
	taker=$!
	# The guest has the host's address; the host is where its gateway is.
	run_linux "found:0+1+$transport,tcp_passt:eth0+10.9.8.7/24+10.9.8.1+5200,complaints,poweroff" -i initrd -c 2 \
		--virtio-transport "$transport" -n mode=user --loglevel info
	status_is "$transport: power-off" 0
	kill "$sender" "$taker" 2>/dev/null
	is "$transport: what the guest took by TCP" "$(guest_value 'taken from port 5200')" "$(sha256sum <to-guest | cut -d' ' -f1)"
	is "$transport: what the guest sent by TCP" "$(guest_value 'sent to port 5201')" "$(sha256sum <from-guest | cut -d' ' -f1)"
done
