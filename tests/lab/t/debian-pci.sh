# shellcheck shell=sh disable=SC2034,SC1091
# Debian boots by systemd from a disk behind PCI, described by ACPI.
# timeout: 600
# needs: linux debian
transport=pci
tables=acpi
. "$LAB/t/debian.inc"
