/*
 * Putting kernel, initrd and the tables that describe the machine into RAM, at the start and at every
 * reset.
 */
#ifndef ARM64_BOOT_H
#define ARM64_BOOT_H

#include "arm64/vm.h"

/* Load everything and set vm->boot_entry and vm->ras_region. 0; -EINVAL or -errno with `err` written: a file
 * is bad or does not fit (the user's to solve); -EHWPOISON: a page where something belongs is lost to
 * a hardware memory error. One thread at a time, no vCPU runs. */
int boot_load(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

/* --dump-dtb: write the device tree the guest is given to the file config names, if it names one.
 * After boot_load(). 0, or -errno with `err` written. */
int boot_dump_dtb(struct vm *vm, struct err *err) __attribute__((warn_unused_result));

#endif
