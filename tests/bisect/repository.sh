#!/bin/sh
# An example for `git bisect run rasvm exec`: makes a small git repository in the directory DIR, whose last
# commit fails its own test and whose first does not. Usage: repository.sh DIR
#
# It holds settings of a kernel, which ./test.sh makes and then sees whether the machine still answers a ping.
# One commit in between cannot be tested. Nobody wants to try that on the machine they work on:
#
#     sh tests/bisect/repository.sh /tmp/settings && cd /tmp/settings
#     git bisect start HEAD first
#     git bisect run rasvm exec -k /boot/vmlinuz --modules /lib/modules/VERSION -- ./test.sh
set -eu

mkdir -p "$1"
cd "$1"
git init -q
git config user.name example
git config user.email example@example.invalid

commit() { # commit SUBJECT
	git add -A
	git commit -q -m "$1"
}

cat >test.sh <<'END'
#!/bin/sh
while read -r name _ value; do
	file=/proc/sys/$(echo "$name" | tr . /)
	# 125: this commit cannot be tested.
	[ -e "$file" ] && echo "$value" >"$file" || exit 125
done <settings
ping -c 1 127.0.0.1
END
chmod 755 test.sh
echo 'kernel.hostname = example' >settings
commit 'A name'
git tag first
echo 'vm.swappiness = 10' >>settings
commit 'Swap later'
echo 'kernel.printk = 3' >>settings
commit 'A quiet console'
echo 'vm.nosuchthing = 1' >>settings
commit 'A setting of another kernel'
sed -i '/nosuchthing/d' settings
commit 'Without the setting of another kernel'
echo 'vm.dirty_ratio = 30' >>settings
commit 'Write back later'
echo 'net.ipv4.icmp_echo_ignore_all = 1' >>settings
commit 'Talk to nobody'
echo 'kernel.sysrq = 1' >>settings
commit 'Keys for emergencies'
