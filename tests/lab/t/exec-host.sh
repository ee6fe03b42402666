# shellcheck shell=sh disable=SC2154,SC2016
# `rasvm exec`: what a command in a guest finds of this host: its directory and environment, its streams, other
# roots, modules.
# timeout: 600
# needs: linux
. "$LAB/t/exec.inc"

# All that one guest can show.
mkdir -p 'a dir with spaces'
cd 'a dir with spaces' || exit
echo 'of the host' >file
cat >look.sh <<'END'
#!/bin/sh
echo "pwd=$(pwd)"
echo "PWD=$PWD"
echo "read=$(cat file)"
echo "input=$(wc -c)"
echo "GIVEN=$GIVEN TAKEN=$TAKEN ABSENT=${ABSENT-unset} HIDDEN=${HIDDEN-unset}"
echo "args=$#:$1:$2:$3"
echo "pid1=$(cut -c 1-5 /proc/1/comm)"
touch new 2>/dev/null && echo 'written: cwd'
touch /bin/new 2>/dev/null && echo 'written: root'
touch /new 2>/dev/null && echo 'written: top'
touch /tmp/new && echo 'written: tmp'
echo 'by name' >/dev/stdout
echo 'on the other' >&2
echo 'by name' >/dev/stderr
[ -c /dev/null ] && echo 'dev'
exit 42
END
chmod 755 look.sh
export TAKEN=taken HIDDEN=hidden
ex --env 'GIVEN=a b' --env TAKEN --env ABSENT -- ./look.sh 'one two' '' '*' </dev/null
status_is 'a status of the command' 42
cat >expected <<END
pwd=$PWD
PWD=$PWD
read=of the host
input=0
GIVEN=a b TAKEN=taken ABSENT=unset HIDDEN=unset
args=3:one two::*
pid1=init
written: tmp
by name
dev
END
is 'standard output' "$(cat "$OUT")" "$(cat expected)"
is 'standard error' "$(cat "$ERR")" "$(printf 'on the other\nby name')"
if [ -e new ] || [ -e /bin/new ]; then not_ok 'nothing is written to the host'; else ok 'nothing is written to the host'; fi

# Through each stream a mebibyte of anything, written, and input that the command does not read to its end.
dd if=/dev/urandom of=random bs=64k count=16 2>/dev/null
ex --rw -- sh -c 'tee copy; cat random >&2' <random
status_is '1 MiB each way' 0
is 'input to output' "$(sha256sum <"$OUT")" "$(sha256sum <random)"
is 'file to standard error' "$(sha256sum <"$ERR")" "$(sha256sum <random)"
is '--rw' "$(sha256sum <copy)" "$(sha256sum <random)"

cd "$WORK" || exit

# The modules as a package has them: compressed, and without modules.dep.
if [ -e "$LAB/package/lib" ] || [ -e "$LAB/package/usr" ]; then
	ex --modules "$LAB/package" -- sh -c 'echo unpacked' </dev/null
	is '--modules of an unpacked package' "$STATUS:$(cat "$OUT")" 0:unpacked
else
	skip '--modules of an unpacked package' 'this kernel is not from a package'
fi

# Another root: what it lacks is made, so the path of this directory is there all the same.
mkdir -p root/bin
cp /bin/busybox root/bin/
ln -s busybox root/bin/sh
echo here >mark
ex --root root -- sh -c 'busybox cat mark; cd /; echo *' </dev/null
status_is '--root' 0
is '--root: what is there' "$(tr '\n' ' ' <"$OUT")" "here bin dev lab proc run sys tmp "
