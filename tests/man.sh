#!/bin/sh
# The man page is well formed and names every option that --help names.
set -eu
cd "$(dirname "$0")/.."
BUILD=${BUILD:-build}
words=$(mktemp)
trap 'rm -f "$words"' EXIT
echo '@OPTION_WORDS@' >"$words"
mandoc -T lint -W warning "$BUILD/rasvm.1"
backspace=$(printf '\b')
mandoc -T ascii "$BUILD/rasvm.1" | sed "s/.$backspace//g" >"$BUILD/rasvm.1.txt"
bad=0
for option in $("$BUILD"/host/gendoc man "$words"); do
	# Switches are written --[no-]name there.
	name=${option#--}
	name=${name#no-}
	grep -qF -e "$option" -e "--[no-]$name" "$BUILD/rasvm.1.txt" || {
		echo "the man page does not name $option"
		bad=1
	}
done
exit $bad
