# shellcheck shell=sh disable=SC2034,SC1091
# Disks, shares, network interfaces and random bytes behind pci, described by acpi.
# timeout: 450
# needs: linux
transport=pci
tables=acpi
port=5130
. "$LAB/t/devices.inc"
