# shellcheck shell=sh disable=SC2154
# The commands in README, docs and man page, as written: each is accepted and plans a machine; those that open
# devices also start it. (Other tests run guests.)
# timeout: 180
# needs: linux
ln -s "$KERNEL" Image
for name in initrd initrd.gz; do ln -s "$INITRD" $name; done
ln -s "$PAYLOADS/sdei.flat" sdei.flat
cp "$LAB"/scripts/*.script .
for name in psci.flat test.bin; do ln -s "$PAYLOADS/psci.flat" $name; done
for name in disk.img system.img data.img scratch.img; do truncate -s 16M $name; done
mkdir rootfs share 'my files'
ln -s "/lib/modules/$(uname -r)" modules
mkfifo to-guest from-guest
cat >up.sh <<'END'
#!/bin/sh
ip link set "$1" up
END
chmod 755 up.sh
modprobe tun 2>/dev/null

# Whether the devices of a command are to be had here.
opens_devices() { # opens_devices COMMAND
	case $1 in
	*,direct*) dd if=disk.img of=/dev/null bs=4k count=1 iflag=direct ;;
	*ids=mapped*) false ;; # not on every file system
	*' -n mode=tap'*) [ -c /dev/net/tun ] && [ "$(id -u)" = 0 ] ;;
	*'mode=user'*) command -v passt ;;
	*' -d '* | *' --9p '* | *' --port '*) true ;;
	*) false ;;
	esac >/dev/null 2>&1
}

count=0
started=0
while read -r command; do
	expected=0
	case $command in
	'rasvm run'*'>'*) planned=$command ;;
	'rasvm run'*) planned="$command --dry-run" ;;
	'rasvm exec'*) planned="rasvm exec --dry-run ${command#rasvm exec}" ;;
	*) planned=$command ;;
	esac
	if [ "$planned" = "$command --dry-run" ] && opens_devices "$command"; then
		planned="$command --timeout 100ms"
		expected=6
		started=$((started + 1))
	fi
	status=0
	sh -c "$planned" >"$OUT" 2>"$ERR" </dev/null || status=$?
	[ "$status" = "$expected" ] || cat "$ERR"
	is "$command" "$status" "$expected"
	count=$((count + 1))
done <"$LAB/examples"
at_least 'commands in the documents' "$count" 12
at_least 'of them started, with devices' "$started" 6
