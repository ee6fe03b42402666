/*
 * The program behind UEFI's runtime services (guest/runtime/), which rasvm carries with it: entries and
 * the one thing it has to be told, at fixed offsets from its start. For C and assembly.
 */
#ifndef ARM64_EFI_RUNTIME_H
#define ARM64_EFI_RUNTIME_H

#define RUNTIME_CODE 0x1000 /* where the program lies, from the start of the services' region */

/* In the program. */
#define RUNTIME_GET_TIME    0x00
#define RUNTIME_SET_TIME    0x04
#define RUNTIME_GET_WAKEUP  0x08
#define RUNTIME_SET_WAKEUP  0x0c
#define RUNTIME_UNSUPPORTED 0x10
#define RUNTIME_RTC         0x18 /* u64: address of the PL031 */
#define RUNTIME_HEAD_BYTES  0x20

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

/* The program; made by guest/rules.mk. */
extern const uint8_t efi_runtime_code[];
extern const size_t efi_runtime_code_bytes;

#endif
#endif
