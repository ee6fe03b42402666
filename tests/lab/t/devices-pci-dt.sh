# shellcheck shell=sh disable=SC2034,SC1091
# Disks, shares, network interfaces and random bytes behind pci, described by dt.
# timeout: 450
# needs: linux
transport=pci
tables=dt
port=5120
. "$LAB/t/devices.inc"
