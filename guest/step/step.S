/*
 * A payload of a few hundred instructions, so that each of them can be an exit (--debug-single-step):
 * it signals SDEI event 0 to itself a number of times and sees after each that the handler ran once and
 * that the registers are as they were. Prints TAP on the ns16550 UART and powers the machine off.
 *
 * A flat binary, run with the MMU off. Calls by HVC. Source: Arm DEN0054C, DEN0022F.b.
 */
	.set	UART, 0x01000000
	.set	ROUNDS, 20

	.macro	call fid
	ldr	w0, =\fid
	hvc	#0
	.endm

	.text
	.globl	start
start:
	adr	x20, count
	call	0xc4000020			/* SDEI_VERSION */
	tbnz	x0, #63, fail
	mov	x1, #0				/* SDEI_EVENT_REGISTER: event 0, ep, arg, flags, affinity */
	adr	x2, handler
	mov	x3, #0x5a5a
	mov	x4, #0
	mov	x5, #0
	call	0xc4000021
	cbnz	x0, fail
	mov	x1, #0				/* SDEI_EVENT_ENABLE */
	call	0xc4000022
	cbnz	x0, fail
	call	0xc400002c			/* SDEI_PE_UNMASK */
	cbnz	x0, fail
	mrs	x21, mpidr_el1
	ldr	x3, =0xff00ffffff
	and	x21, x21, x3
	mov	x22, #ROUNDS
	mov	x23, #0				/* runs that should have been */
1:	mov	x1, #0				/* SDEI_EVENT_SIGNAL: event 0, this PE */
	mov	x2, x21
	mov	x16, #0x1234
	mov	x17, #0x5678
	call	0xc400002f
	nop					/* the handler may come as late as here */
	cbnz	x0, fail
	cbnz	x1, fail
	cmp	x2, x21
	b.ne	fail
	mov	x3, #0x1234
	cmp	x16, x3
	b.ne	fail
	mov	x3, #0x5678
	cmp	x17, x3
	b.ne	fail
	add	x23, x23, #1
	ldr	x3, [x20]
	cmp	x3, x23
	b.ne	fail
	subs	x22, x22, #1
	b.ne	1b
	adr	x1, text_ok
	b	2f
fail:	adr	x1, text_fail
2:	mov	x2, #UART
3:	ldrb	w0, [x1], #1
	cbz	w0, 4f
	strb	w0, [x2]
	b	3b
4:	call	0x84000008			/* SYSTEM_OFF */
	b	.

handler:
	mov	x4, #0x5a5a
	cmp	x1, x4
	b.ne	fail
	adr	x4, count
	ldr	x5, [x4]
	add	x5, x5, #1
	str	x5, [x4]
	mov	x16, #0
	mov	x17, #0
	mov	x1, #0				/* SDEI_EVENT_COMPLETE: handled */
	call	0xc4000025
	b	fail

	.ltorg
	.balign	8
count:	.quad	0
text_ok:
	.asciz	"1..1\nok 1 - each signal ran its handler once, and no register changed\n"
text_fail:
	.asciz	"1..1\nnot ok 1 - a call failed, a handler did not run, or a register changed\n"
