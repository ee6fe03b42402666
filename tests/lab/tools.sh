#!/bin/sh
# Builds the lab's own small programs for arm64: kexec and memory, run inside the guest, and
# filter_test, default_signals, on_tty and offline, run on the host.
set -eu
. "$(dirname "$0")/common.sh"

cc=aarch64-linux-gnu-gcc
if [ "$(uname -m)" = aarch64 ]; then cc=gcc; fi

build() { # build NAME LIBRARY...
	name=$1
	shift
	source=$LAB_SRC/$name.c
	if [ ! -e "$source" ]; then return; fi
	if [ -e "$LAB_DIR/$name" ] && [ -z "$(find "$source" -newer "$LAB_DIR/$name")" ]; then return; fi
	"$cc" -std=gnu11 -D_GNU_SOURCE -I"$ROOT" -Wall -Wextra -O2 -static -s -o "$LAB_DIR/$name" "$source" "$@"
}

mkdir -p "$LAB_DIR"
build kexec -lfdt
build memory
build filter_test
build default_signals
build on_tty
build offline
