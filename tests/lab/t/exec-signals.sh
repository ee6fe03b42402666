# shellcheck shell=sh disable=SC2154,SC2016
# `rasvm exec`: a reader that goes away, signals, a guest behind PCI.
# timeout: 600
# needs: linux
. "$LAB/t/exec.inc"

# A reader that goes away: the command is told as by any pipe.
{
	rasvm exec -k "$KERNEL" -c 1 -m 256M -p "$PATIENT" --modules "$MODULES" --timeout 100s -- \
		sh -c 'yes; echo "ended: $?" >&2' </dev/null 2>"$ERR"
	echo $? >status
} | head -n 1 >"$OUT"
STATUS=$(cat status)
show_vm
status_is 'a reader that goes away' 0
has 'a reader that goes away: the command ended' "$ERR" '^ended: [1-9]'

# Behind PCI.
ex --virtio-transport pci -- sh -c 'echo by pci' </dev/null
is 'behind PCI' "$STATUS:$(cat "$OUT")" '0:by pci'

# In the background of a terminal, as a shell's job: what is typed is not for it, and it is not stopped for that.
cat >job <<END
set -m
rasvm exec -k "$KERNEL" -c 1 -m 256M -p "$PATIENT" --modules "$MODULES" --timeout 200s -- cat >said 2>job.err &
wait \$!
echo "the job ended: \$?"
END
echo typed | "$LAB/bin/on_tty" sh job >"$OUT" 2>"$ERR" 3>&-
cat job.err "$OUT"
has 'in the background of a terminal: it ends by itself' "$OUT" 'the job ended: 0'
is 'in the background of a terminal: it reads nothing' "$(cat said)" ''

# Signals: to the command's processes, and its end is ours.
start_exec -- sh -c 'trap "echo told; exit 7" INT; echo begun; while :; do sleep 1; done'
wait_for '^begun$' 1 150
kill -INT "$VM"
end_exec
status_is 'SIGINT that the command takes' 7
is 'SIGINT: the command heard it' "$(tail -n 1 "$OUT")" told
start_exec -- sh -c 'echo begun; exec sleep 1000'
wait_for '^begun$' 1 150
kill -TERM "$VM"
end_exec
status_is 'SIGTERM that ends the command' 143
