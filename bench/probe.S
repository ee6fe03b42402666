/*
 * The guest that measures: notes the counter with its very first instruction, then times PSCI
 * calls, and reports on the serial port in hexadecimal:
 *   first COUNTER              CNTPCT_EL0 at the first instruction
 *   psci TICKS CALLS           a batch of PSCI_VERSION calls, in ticks of CNTVCT_EL0
 *   stay                       with STAY_S: it then stays that many seconds to be looked at
 * and powers off. CALLS and BATCHES say how many calls.
 *
 * It is an arm64 Image (Linux Documentation/arch/arm64/booting.rst), which every VMM loads, and a
 * flat binary as well; it runs at any address. The MMU stays off. The serial port is told by where
 * RAM is: 0x8000_0000 means an ns16550 at 0x0100_0000 (rasvm, kvmtool), below that means QEMU's
 * "virt" with a PL011 at 0x0900_0000. Its PSCI conduit is HVC.
 *
 * Registers kept: x19 counter, x20 serial port, x21 non-zero for an ns16550, x29 return address.
 */
	.set	PSCI_VERSION, 0x84000000
	.set	PSCI_SYSTEM_OFF, 0x84000008

	.text
start:
	mrs	x19, cntpct_el0
	b	entry
	.quad	0				/* offset from a 2 MiB aligned base */
	.quad	end - start
	.quad	0xa				/* little-endian, 4 KiB pages, anywhere in memory */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

entry:
	adr	x20, start
	lsr	x21, x20, #31
	mov	x20, #0x09000000
	cbz	x21, 1f
	mov	x20, #0x01000000
1:	adr	x0, text_first
	bl	print
	mov	x0, x19
	bl	print_hex
	bl	newline

	mov	x22, #BATCHES
2:	mov	x23, #CALLS
	isb
	mrs	x24, cntvct_el0
3:	ldr	w0, =PSCI_VERSION
	hvc	#0
	subs	x23, x23, #1
	b.ne	3b
	isb
	mrs	x25, cntvct_el0
	adr	x0, text_psci
	bl	print
	sub	x0, x25, x24
	bl	print_hex
	mov	w0, #' '
	bl	put
	mov	x0, #CALLS
	bl	print_hex
	bl	newline
	subs	x22, x22, #1
	b.ne	2b

#ifdef STAY_S
	adr	x0, text_stay
	bl	print
	mrs	x22, cntvct_el0
	mrs	x23, cntfrq_el0
	mov	x24, #STAY_S
	madd	x22, x23, x24, x22
4:	mrs	x23, cntvct_el0
	cmp	x23, x22
	b.lo	4b
#endif
	ldr	w0, =PSCI_SYSTEM_OFF
	hvc	#0
5:	wfi
	b	5b

/* The byte in w0 to the serial port, when it has room. Clobbers x9. */
put:
	cbnz	x21, 2f
1:	ldr	w9, [x20, #0x18]		/* PL011 UARTFR */
	tbnz	w9, #5, 1b			/* TXFF */
	str	w0, [x20]			/* UARTDR */
	ret
2:	ldrb	w9, [x20, #5]			/* ns16550 LSR */
	tbz	w9, #5, 2b			/* THRE */
	strb	w0, [x20]			/* THR */
	ret

newline:
	mov	w0, #'\n'
	b	put

/* The text at x0, up to its zero. Clobbers x9, x10. */
print:
	mov	x29, x30
	mov	x10, x0
1:	ldrb	w0, [x10], #1
	cbz	w0, 2f
	bl	put
	b	1b
2:	mov	x30, x29
	ret

/* x0 as 16 hexadecimal digits. Clobbers x9 to x11. */
print_hex:
	mov	x29, x30
	mov	x10, x0
	mov	w11, #16
1:	ror	x10, x10, #60
	and	w0, w10, #15
	add	w0, w0, #'0'
	cmp	w0, #'9'
	b.ls	2f
	add	w0, w0, #('a' - '9' - 1)
2:	bl	put
	subs	w11, w11, #1
	b.ne	1b
	mov	x30, x29
	ret

text_first:
	.asciz	"first "
text_psci:
	.asciz	"psci "
text_stay:
	.asciz	"stay\n"
	.balign	8
	.ltorg
	.balign	4096
end:
