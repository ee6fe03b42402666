#!/bin/sh
# make install puts the three files where DESTDIR and PREFIX say, and nothing else.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
make --no-print-directory install DESTDIR="$dir" PREFIX=/opt/x >/dev/null
found=$(cd "$dir" && find . -type f | sort | tr '\n' ' ')
expected="./opt/x/bin/rasvm ./opt/x/share/bash-completion/completions/rasvm ./opt/x/share/man/man1/rasvm.1 "
echo "expected: $expected"
echo "found:    $found"
[ "$found" = "$expected" ]
bash -n "$dir/opt/x/share/bash-completion/completions/rasvm"
