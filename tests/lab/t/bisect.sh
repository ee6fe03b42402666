# shellcheck shell=sh disable=SC2154
# `git bisect run rasvm exec`, with the example of tests/bisect: each commit is tested in a guest of its own.
# timeout: 600
# needs: linux

export HOME="$WORK" GIT_EXEC_PATH=/usr/lib/git-core GIT_PAGER=cat
sh "$LAB/bisect/repository.sh" "$WORK/settings" || exit
cd "$WORK/settings" || exit
exec_in_guest() { # exec_in_guest KERNEL: git bisect run, of what is between the tag and HEAD
	git bisect start HEAD first >/dev/null
	STATUS=0
	git bisect run rasvm exec -k "$1" --modules "/lib/modules/$(uname -r)" -c 1 -m 256M -p "$PATIENT" \
		--boot-timeout 120s --timeout 200s -- ./test.sh >"$OUT" 2>"$ERR" </dev/null || STATUS=$?
	show_vm
}

exec_in_guest "$KERNEL"
is 'git bisect run: status' "$STATUS" 0
has 'the first bad commit' "$OUT" 'is the first bad commit'
is 'which one it is' "$(git log -1 --format=%s refs/bisect/bad)" 'Talk to nobody'
is 'the commit that cannot be tested was none' "$(git bisect log | grep -c '^# bad: .*another kernel')" 0
is 'nothing changed in the work tree' "$(git status --porcelain)" ''
is 'this host still answers' "$(cat /proc/sys/net/ipv4/icmp_echo_ignore_all)" 0
git bisect reset 2>/dev/null

exec_in_guest "$WORK/no-such-kernel"
[ "$STATUS" != 0 ]
is 'no kernel: git bisect run fails' $? 0
is 'no kernel: no commit is called bad' "$(git bisect log | grep -c '^git bisect bad')" 0
