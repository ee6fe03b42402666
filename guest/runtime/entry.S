/*
 * Start of the runtime services' program; offsets are those of arm64/efi_runtime.h.
 */
#include "arm64/efi_runtime.h"

	.section .head, "ax"
	.global runtime_start
runtime_start:
	.org RUNTIME_GET_TIME
	b	runtime_get_time
	.org RUNTIME_SET_TIME
	b	runtime_set_time
	.org RUNTIME_GET_WAKEUP
	b	runtime_get_wakeup
	.org RUNTIME_SET_WAKEUP
	b	runtime_set_wakeup
	.org RUNTIME_UNSUPPORTED
	b	unsupported
	.org RUNTIME_RTC
	.global runtime_rtc
	.hidden runtime_rtc
runtime_rtc:
	.quad	0 /* filled in by rasvm */
	.org RUNTIME_HEAD_BYTES

/* EFI_UNSUPPORTED */
unsupported:
	mov	x0, #3
	orr	x0, x0, #(1 << 63)
	ret

	.section .note.GNU-stack, "", %progbits
