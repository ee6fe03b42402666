# shellcheck shell=sh disable=SC2154
# The lab itself: what the host offers to everything else.
# timeout: 20
if [ -c /dev/kvm ]; then ok 'the host has /dev/kvm'; else not_ok 'the host has no /dev/kvm'; fi
if [ -s "$KERNEL" ]; then ok 'a guest kernel is there'; else not_ok "no guest kernel $KERNEL"; fi
if [ -s "$INITRD" ]; then ok 'a guest initramfs is there'; else not_ok "no guest initramfs $INITRD"; fi
if command -v rasvm; then ok 'rasvm is there'; else not_ok 'no rasvm'; fi
