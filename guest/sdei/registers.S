/*
 * A CPU whose every register holds a known pattern, in a loop that looks at each of them, and the
 * event handler that meanwhile changes all a handler may change. registers.c knows the patterns too.
 *
 * Every pattern is a bitmask immediate (Arm DDI0487, C6.2: logical immediates), so that one EOR turns
 * a good register into 0 and another one turns it back: no flag and no second register is needed to
 * check one, and hardly an instruction goes by in which less than 30 registers hold their pattern.
 * What has to be read through a general register goes through x0.
 */
	.arch	armv8-a
	.text

	.set	SP_PATTERN, 0xf0f0f0f0f0f0f0f0	/* 16-byte aligned; nothing uses it as an address */
	.set	NZCV_A, 0x60000000		/* Z C */
	.set	NZCV_B, 0x90000000		/* N V */
	.set	DAIF_PATTERN, 0x2c0		/* all but A, which a handler's entry sets */
	.set	SCRATCH_PATTERN, 0xfe		/* what the device register holds */

	/* registers.c: what a failed check was about */
	.set	CHECK_NONE, 0
	.set	CHECK_X, 1			/* + n */
	.set	CHECK_SP, 32
	.set	CHECK_NZCV_A, 33
	.set	CHECK_NZCV_B, 34
	.set	CHECK_DAIF, 35
	.set	CHECK_CURRENT_EL, 36
	.set	CHECK_SPSEL, 37
	.set	CHECK_LOAD, 64			/* + n: destination of a device load */
	.set	CHECK_Q_LOW, 128		/* + n */
	.set	CHECK_Q_HIGH, 160		/* + n */

	.set	EL0_LOOP, 0
	.set	EL1_LOOP, 1
	.set	MMIO_LOOP, 2
	.set	WFI_LOOP, 3

	.macro	address, reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
	.endm

	/* n + 1 ones, in both halves */
	.macro	x_pattern, op, reg, source, n
	\op	\reg, \source, #(((1 << (\n + 1)) - 1) * 0x100000001)
	.endm

	/* n + 1 ones from bit 16 on, and its complement */
	.macro	q_low_pattern, op, reg, source, n
	\op	\reg, \source, #(((1 << (\n + 1)) - 1) << 16)
	.endm

	.macro	q_high_pattern, op, reg, source, n
	\op	\reg, \source, #(~(((1 << (\n + 1)) - 1) << 16))
	.endm

	/* Leave the loop if \reg is not 0. The store has to come before any other register changes. */
	.macro	check, mode, reg, number
	cbnz	\reg, .Lfailed_\mode\()_\@
	.pushsection .text.registers_failed, "ax"
.Lfailed_\mode\()_\@:
	msr	tpidr_el0, x0
	address	x0, registers_found
	str	x1, [x0, #8]
	mov	x1, #(\number)
	b	.Lfound_\mode
	.popsection
	.endm

	.macro	check_x, mode, n
	x_pattern eor, x\n, x\n, \n
	check	\mode, x\n, (CHECK_X + \n)
	x_pattern eor, x\n, x\n, \n
	.endm

	.macro	load_q, n
	q_low_pattern orr, x0, xzr, \n
	fmov	d\n, x0
	q_high_pattern orr, x0, xzr, \n
	fmov	v\n\().d[1], x0
	.endm

	.macro	check_q, mode, n
	fmov	x0, d\n
	q_low_pattern eor, x0, x0, \n
	check	\mode, x0, (CHECK_Q_LOW + \n)
	fmov	x0, v\n\().d[1]
	q_high_pattern eor, x0, x0, \n
	check	\mode, x0, (CHECK_Q_HIGH + \n)
	.endm

	.macro	set_nzcv, value
	mov	w0, #\value
	msr	nzcv, x0
	.endm

	.macro	check_nzcv, mode, value, number
	mrs	x0, nzcv
	eor	w0, w0, #(\value & 0xc0000000)
	eor	w0, w0, #(\value & 0x30000000)
	check	\mode, x0, \number
	.endm

	.macro	check_pstate, mode
	mrs	x0, daif
	eor	x0, x0, #(DAIF_PATTERN & 0x200)
	eor	x0, x0, #(DAIF_PATTERN & 0x1c0)
	check	\mode, x0, CHECK_DAIF
	mrs	x0, CurrentEL
	eor	x0, x0, #4
	check	\mode, x0, CHECK_CURRENT_EL
	mrs	x0, spsel
	eor	x0, x0, #1
	check	\mode, x0, CHECK_SPSEL
	.endm

	/* A device load into \n, from the address in x1; the register gets its pattern back. Not one
	 * with sign extension: QEMU 7.2, emulating the host, does not report that to KVM. */
	.macro	check_load, mode, n
	ldrb	w\n, [x1]
	eor	x\n, x\n, #SCRATCH_PATTERN
	check	\mode, x\n, (CHECK_LOAD + \n)
	x_pattern orr, x\n, xzr, \n
	.endm

	.macro	device_loads, mode
	ldr	x1, registers_device
	mov	w0, #SCRATCH_PATTERN
	strb	w0, [x1]
	.irp	n, 0, 2, 3, 4, 8, 15, 16, 17, 18, 19, 29, 30
	check_load \mode, \n
	.endr
	x_pattern orr, x1, xzr, 1
	.endm

	.macro	count_loop
	address	x0, registers_loops
	ldr	x1, [x0]
	add	x1, x1, #1
	str	x1, [x0]
	x_pattern orr, x1, xzr, 1
	.endm

	/* Keep what C code wants kept. At EL0 the way back restores it (el0_run). */
	.macro	save_callers, mode
	.if \mode != EL0_LOOP
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	address	x0, registers_saved
	mov	x1, sp
	mrs	x2, daif
	stp	x1, x2, [x0]
	.endif
	.endm

	/* x0: registers_found. Back to the caller. */
	.macro	leave, mode
	.if \mode == EL0_LOOP
	svc	#0
	.else
	address	x1, registers_saved
	ldp	x1, x2, [x1]
	mov	sp, x1
	msr	daif, x2
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #96
	ret
	.endif
	.endm

	.macro	victim, name, mode
	.global	\name
	.hidden	\name
\name:
	save_callers \mode
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	load_q	\n
	.endr
	mov	x0, #SP_PATTERN
	.if \mode != EL0_LOOP
	msr	daifset, #15
	.endif
	mov	sp, x0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	x_pattern orr, x\n, xzr, \n
	.endr
	.if \mode != EL0_LOOP
	mov	x0, #DAIF_PATTERN
	msr	daif, x0
	.endif
	set_nzcv NZCV_A
	x_pattern orr, x0, xzr, 0

.Lloop_\mode:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	check_x	\mode, \n
	.endr
	mov	x0, sp
	eor	x0, x0, #SP_PATTERN
	check	\mode, x0, CHECK_SP
	check_nzcv \mode, NZCV_A, CHECK_NZCV_A
	.if \mode != EL0_LOOP
	check_pstate \mode
	.endif
	set_nzcv NZCV_B
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	check_q	\mode, \n
	.endr
	.if \mode == MMIO_LOOP
	device_loads \mode
	.endif
	count_loop
	ldr	x0, registers_stop
	cbnz	x0, .Lstop_\mode
	x_pattern orr, x0, xzr, 0
	.if \mode == WFI_LOOP
	wfi
	.endif
	check_nzcv \mode, NZCV_B, CHECK_NZCV_B
	set_nzcv NZCV_A
	x_pattern orr, x0, xzr, 0
	b	.Lloop_\mode

.Lstop_\mode:
	msr	tpidr_el0, x0
	address	x0, registers_found
	str	x1, [x0, #8]
	mov	x1, #CHECK_NONE
.Lfound_\mode:
	str	x1, [x0, #248]
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	mrs	x1, tpidr_el0
	str	x30, [x0, #240]
	str	x1, [x0]
	leave	\mode
	.endm

	victim	registers_el1, EL1_LOOP
	victim	registers_el0, EL0_LOOP
	victim	registers_mmio, MMIO_LOOP
	victim	registers_wfi, WFI_LOOP

/*
 * Event handler; x1 = struct registers_sink. Counts, changes x0-x17 and the flags, and completes.
 * With a resume address the completion goes there, unless that is what the event interrupted: its
 * ELR_EL1 would be lost. No stack: SP may hold a pattern.
 */
	.global	registers_handler
	.hidden	registers_handler
registers_handler:
	ldr	x4, [x1]
	add	x4, x4, #1
	ldp	x5, x6, [x1, #16]		/* resume, conduit */
	str	x2, [x1, #8]
	cmp	x2, x5
	csel	x5, xzr, x5, eq
	dmb	sy
	str	x4, [x1]
	mov	x0, #0x26			/* EVENT_COMPLETE_AND_RESUME */
	mov	x7, #0x25			/* EVENT_COMPLETE */
	cmp	x5, #0
	csel	x0, x7, x0, eq
	movk	x0, #0xc400, lsl #16
	mov	x1, x5				/* the address, or HANDLED */
	cbnz	x6, 1f
	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, #(0xdead - \n)
	.endr
	msr	nzcv, xzr
	hvc	#0
	b	.
1:	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
	mov	x\n, #(0xdead - \n)
	.endr
	msr	nzcv, xzr
	smc	#0
	b	.

/* Where EVENT_COMPLETE_AND_RESUME goes: back to what the event interrupted. */
	.global	registers_resume
	.hidden	registers_resume
registers_resume:
	eret
