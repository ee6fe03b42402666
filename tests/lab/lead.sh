# shellcheck shell=sh
# Runs one test script with the helpers of t/lib.sh in place. File descriptor 3 is where results
# are shown live ($LAB/tmp/stream keeps them); standard output and error are the transcript.
. "$LAB/t/lib.sh"
. "$1"
[ "$FAILURES" = 0 ]
