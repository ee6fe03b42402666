# shellcheck shell=sh disable=SC2034,SC1091
# Disks, shares, network interfaces and random bytes behind mmio, described by acpi.
# timeout: 450
# needs: linux
transport=mmio
tables=acpi
port=5110
. "$LAB/t/devices.inc"
