/* Loops and accesses whose registers and addresses the tests know. */
	.arch	armv8-a
	.set	DEVICE_PATTERN, 0xfe	/* suite.h */
	.text

	/* xN = N in each byte. */
	.macro	fill
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28
	ldr	x\n, =(\n * 0x0101010101010101)
	.endr
	.endm

	/* x0 += how many of them are not any more. Clobbers x1, x30. */
	.macro	compare
	mov	x0, #0
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28
	ldr	x30, =(\n * 0x0101010101010101)
	cmp	x30, x\n
	cinc	x0, x0, ne
	.endr
	.endm

	.macro	save_callee
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	.endm

	.macro	restore_callee
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #96
	.endm

	/* uint64_t ras_spin(const uint64_t *stop, uint64_t rounds) */
	.global	ras_spin
	.hidden	ras_spin
ras_spin:
	save_callee
	bl	spin
	restore_callee
	ret

	/* The same with SErrors let in, from where x2 to x28 may change no more. */
	.global	ras_spin_open
	.hidden	ras_spin_open
ras_spin_open:
	save_callee
	bl	spin_open
	msr	daifset, #4
	restore_callee
	ret

	.global	ras_spin_sp0
	.hidden	ras_spin_sp0
ras_spin_sp0:
	save_callee
	mov	x9, sp
	msr	sp_el0, x9
	msr	spsel, #0
	isb
	bl	spin_open
	msr	daifset, #4
	msr	spsel, #1
	isb
	restore_callee
	ret

	/* At EL0: x0 = the stop word's address there. */
	.global	ras_spin_el0
	.hidden	ras_spin_el0
ras_spin_el0:
	mov	x1, #(1 << 40)
	bl	spin
	svc	#0

	.global	ras_spin_begin, ras_spin_end
	.hidden	ras_spin_begin, ras_spin_end
	/* x29: where to return. */
spin_open:
	mov	x29, x30
	fill
	msr	daifclr, #4
	.global	ras_spin_unmasked
	.hidden	ras_spin_unmasked
ras_spin_unmasked:
	b	ras_spin_begin
spin:
	mov	x29, x30
	fill
ras_spin_begin:
1:	ldr	x30, [x0]
	cbnz	x30, 2f
	subs	x1, x1, #1
	b.ne	1b
ras_spin_end:
	mov	x0, #-1
	br	x29
2:	compare
	br	x29

	/* uint64_t ras_spin_device(const uint64_t *stop, uint64_t device) */
	.global	ras_spin_device
	.hidden	ras_spin_device
ras_spin_device:
	save_callee
	bl	spin_device
	restore_callee
	ret
	/* x28 is what is loaded to, then has its value again. */
spin_device:
	mov	x29, x30
	fill
1:	ldrb	w28, [x1]
	eor	x28, x28, #DEVICE_PATTERN
	cbnz	x28, 2f
	ldr	x28, =(28 * 0x0101010101010101)
	ldr	x30, [x0]
	cbz	x30, 1b
	compare
	br	x29
2:	mov	x0, #-1
	br	x29

	/* uint64_t ras_load_from(uint64_t address, uint64_t untouched) */
	.global	ras_load_from, ras_load_at
	.hidden	ras_load_from, ras_load_at
ras_load_from:
	mov	x2, x0
	mov	x0, x1
ras_load_at:
	ldr	x0, [x2]
	ret

	/* void ras_store_to(uint64_t address, uint64_t value) */
	.global	ras_store_to, ras_store_at
	.hidden	ras_store_to, ras_store_at
ras_store_to:
ras_store_at:
	str	x1, [x0]
	ret

	/* At EL0: x0 = an address. */
	.global	ras_load_el0, ras_load_el0_at
	.hidden	ras_load_el0, ras_load_el0_at
ras_load_el0:
	mov	x2, x0
	mov	x0, #-1
ras_load_el0_at:
	ldr	x0, [x2]
	svc	#0

	/* An SDEI handler: count in *x1, EVENT_COMPLETE. */
	.global	ras_sdei_handler
	.hidden	ras_sdei_handler
ras_sdei_handler:
	ldr	x2, [x1]
	add	x2, x2, #1
	str	x2, [x1]
	dsb	sy
	ldr	x0, =0xc4000025
	mov	x1, #0
	hvc	#0
	b	.

	/* void ras_el0_enter(uint64_t pc, uint64_t sp, uint64_t arg, uint64_t spsr) */
	.global	ras_el0_enter
	.hidden	ras_el0_enter
ras_el0_enter:
	msr	elr_el1, x0
	msr	sp_el0, x1
	msr	spsr_el1, x3
	mov	x0, x2
	eret
