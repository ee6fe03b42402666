# shellcheck shell=sh disable=SC2034,SC1091
# Disks, shares, network interfaces and random bytes behind mmio, described by dt.
# timeout: 450
# needs: linux
transport=mmio
tables=dt
port=5100
. "$LAB/t/devices.inc"
