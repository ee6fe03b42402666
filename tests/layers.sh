#!/bin/sh
# The house rules that a compiler does not check: includes point down only, one folder knows KVM,
# folders of one level do not know each other, main.c is the only place that exits.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

complain() {
	echo "$*"
	bad=1
}

level() { # level FOLDER: the height of a source folder
	case $1 in
	cli) echo 5 ;;
	arm64) echo 4 ;;
	virtio | migrate) echo 3 ;;
	arm64/dev) echo 2 ;;
	ras | sdei | hypercall) echo 1 ;;
	lib) echo 0 ;;
	*) echo 9 ;;
	esac
}

sources=$(find cli arm64 virtio hypercall sdei ras lib -name '*.[ch]' | sort)
for file in $sources; do
	from=$(dirname "$file")
	includes=$(sed -n 's/^#include "\(.*\)"/\1/p' "$file")
	for include in $includes; do
		to=$(dirname "$include")
		[ "$to" = "$from" ] && continue
		[ -e "$include" ] || complain "$file: includes \"$include\", which is not there"
		if [ "$(level "$to")" -ge "$(level "$from")" ]; then
			complain "$file: includes \"$include\", which is not below $from/"
		fi
		case $include in
		*_private.h) complain "$file: includes \"$include\", private to $to/" ;;
		esac
	done
done

if find . -path ./build -prune -o -name '*.[ch]' -exec grep -lE '#include <(linux|asm)/kvm' {} + |
	grep -vE '^\./(arm64/[a-z_0-9]+\.[ch]|tests/lab/|bench/)'; then
	complain "the files above include KVM's headers outside arm64/"
fi
if find cli arm64 virtio hypercall sdei ras lib -name '*.c' -exec grep -nE '(^|[^_a-z])(exit|_exit|abort) *\(' {} +; then
	complain "the lines above end the process outside main.c"
fi
exit $bad
