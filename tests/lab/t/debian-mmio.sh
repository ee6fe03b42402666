# shellcheck shell=sh disable=SC2034,SC1091
# Debian boots by systemd from a disk behind mmio, described by a device tree.
# timeout: 600
# needs: linux debian
transport=mmio
tables=dt
. "$LAB/t/debian.inc"
