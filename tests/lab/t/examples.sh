# shellcheck shell=sh disable=SC2154
# The commands in README, docs and man page, as written: each is accepted and plans a machine. (Other
# tests run guests.)
# timeout: 60
# needs: linux
ln -s "$KERNEL" Image
for name in initrd initrd.gz; do ln -s "$INITRD" $name; done
ln -s "$PAYLOADS/sdei.flat" sdei.flat
for name in psci.flat test.bin; do ln -s "$PAYLOADS/psci.flat" $name; done

count=0
while read -r command; do
	case $command in
	'rasvm run'*'>'*) planned=$command ;;
	'rasvm run'*) planned="$command --dry-run" ;;
	*) planned=$command ;;
	esac
	status=0
	sh -c "$planned" >"$OUT" 2>"$ERR" </dev/null || status=$?
	[ "$status" = 0 ] || cat "$ERR"
	is "$command" "$status" 0
	count=$((count + 1))
done <"$LAB/examples"
at_least 'commands in the documents' "$count" 12
