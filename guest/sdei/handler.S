/*
 * Where event handlers start and leave (Arm DEN0054C 4.3, 5.1.5, 5.1.6): register saving around the
 * C function sdei_dispatch(), and the place that EVENT_COMPLETE_AND_RESUME continues at.
 *
 * An event interrupts anything: EL0, an exception entry, a stack switch. So no stack is used but the
 * one of this CPU and priority, found through TPIDR_EL1. There is one entry point for each priority,
 * because a critical handler may interrupt a normal one at its first instruction.
 *
 * One register has to be given up to find that stack: x17. The _exact entries save it on the
 * interrupted stack first; they are for tests that know that there is one.
 */
	.arch	armv8-a
	.text

	.set	CPU_SDEI, 56			/* offsetof(struct cpu, sdei) */
	.set	LEVEL_BYTES, 8192		/* sizeof(struct sdei_level) */
	.set	SP_OFF, 248			/* struct sdei_regs, suite.h */
	.set	DAIF_OFF, 256
	.set	SPSEL_OFF, 272
	.set	ELR_OFF, 288
	.set	SP_EL0_OFF, 304
	.set	PC_OFF, 312
	.set	REGS_BYTES, 320
	.set	LEAVE_OFF, 320			/* struct sdei_entry */
	.set	CONDUIT_OFF, 336

/* A vector table of our own, right below the handlers: handlers of relative mode are small offsets
 * from it. It goes on to the library's vectors. */
	.balign	2048
	.global	sdei_vectors
	.hidden	sdei_vectors
sdei_vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.balign	128
	b	vectors + 128 * \n
	.endr
	.balign	128

	.macro	save_x18_to_x30, base
	stp	x18, x19, [\base, #144]
	stp	x20, x21, [\base, #160]
	stp	x22, x23, [\base, #176]
	stp	x24, x25, [\base, #192]
	stp	x26, x27, [\base, #208]
	stp	x28, x29, [\base, #224]
	str	x30, [\base, #240]
	.endm

	.macro	load_x18_to_x30, base
	ldp	x18, x19, [\base, #144]
	ldp	x20, x21, [\base, #160]
	ldp	x22, x23, [\base, #176]
	ldp	x24, x25, [\base, #192]
	ldp	x26, x27, [\base, #208]
	ldp	x28, x29, [\base, #224]
	ldr	x30, [\base, #240]
	.endm

	.macro	save_x0_to_x15, base
	stp	x0, x1, [\base]
	stp	x2, x3, [\base, #16]
	stp	x4, x5, [\base, #32]
	stp	x6, x7, [\base, #48]
	stp	x8, x9, [\base, #64]
	stp	x10, x11, [\base, #80]
	stp	x12, x13, [\base, #96]
	stp	x14, x15, [\base, #112]
	.endm

/* PSTATE and the registers of EL1 that belong to whom we interrupted. x0, x1 are saved already. */
	.macro	save_state, base
	mrs	x0, daif
	mrs	x1, CurrentEL
	stp	x0, x1, [\base, #DAIF_OFF]
	mrs	x0, spsel
	mrs	x1, nzcv
	stp	x0, x1, [\base, #SPSEL_OFF]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [\base, #ELR_OFF]
	adr	x0, .
	str	x0, [\base, #PC_OFF]
	.endm

	.macro	entry, name, level, exact
	.global	\name
	.hidden	\name
	.balign	64
\name:
	.if	\exact
	str	x17, [sp, #-16]!
	.endif
	mrs	x17, tpidr_el1
	ldr	x17, [x17, #CPU_SDEI]
	add	x17, x17, #(\level * LEVEL_BYTES)
	save_x0_to_x15 x17
	.if	\exact
	ldr	x0, [sp], #16
	.else
	mov	x0, #0
	.endif
	stp	x16, x0, [x17, #128]
	b	entered
	.endm

	entry	sdei_entry_normal, 0, 0
	entry	sdei_entry_critical, 1, 0
	entry	sdei_entry_normal_exact, 0, 1
	entry	sdei_entry_critical_exact, 1, 1

/* x17 = struct sdei_level of this activation. */
entered:
	save_x18_to_x30 x17
	mov	x0, sp
	str	x0, [x17, #SP_OFF]
	save_state x17
	msr	spsel, #1
	add	x0, x17, #LEVEL_BYTES
	mov	sp, x0
	mrs	x0, sp_el0
	str	x0, [x17, #SP_EL0_OFF]
	mov	x19, x17
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x17
	bl	sdei_dispatch
	mov	x17, x19
	ldr	x0, [x17, #SP_OFF]
	mov	sp, x0
	load_x18_to_x30 x17
	ldp	x0, x1, [x17, #LEAVE_OFF]
	ldr	x16, [x17, #CONDUIT_OFF]
	/* What is left in these registers must not be seen by whom we interrupted. */
	.irp	n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	mov	x\n, #0xbad
	.endr
	cmp	x0, #0				/* nor these flags: Z clear, N set */
	cbnz	x16, 1f
	hvc	#0
	b	2f
1:	smc	#0
2:	bl	sdei_leave_refused		/* x0 = error; does not return */
	b	.

/* EVENT_COMPLETE_AND_RESUME comes here, on the interrupted stack (so only for code at EL1 that has
 * one), and the ERET goes where ELR_EL1 says. */
	.global	sdei_resume_point
	.hidden	sdei_resume_point
	.balign	64
sdei_resume_point:
	sub	sp, sp, #REGS_BYTES
	save_x0_to_x15 sp
	stp	x16, x17, [sp, #128]
	save_x18_to_x30 sp
	add	x0, sp, #REGS_BYTES
	str	x0, [sp, #SP_OFF]
	mov	x2, sp
	save_state x2
	mrs	x0, sp_el0
	str	x0, [sp, #SP_EL0_OFF]
	mov	x0, sp
	bl	sdei_resumed
	ldp	x0, x1, [sp, #ELR_OFF]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	mov	x17, sp
	load_x18_to_x30 x17
	ldp	x0, x1, [sp]
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	add	sp, sp, #REGS_BYTES
	eret

/* int64_t sdei_abandon_at(uint64_t fid, uint64_t conduit): EVENT_COMPLETE_AND_RESUME to the caller,
 * with all exceptions masked: 0; or the error if there is no handler to end. ELR_EL1 and SPSR_EL1
 * are lost. */
	.global	sdei_abandon_at
	.hidden	sdei_abandon_at
sdei_abandon_at:
	stp	x29, x30, [sp, #-16]!
	mov	x2, x1
	adr	x1, 2f
	cbnz	x2, 1f
	hvc	#0
	b	3f
1:	smc	#0
	b	3f
2:	mov	x0, #0
3:	ldp	x29, x30, [sp], #16
	ret

/* uint64_t sdei_spin(const uint64_t *word, uint64_t rounds): until *word is not 0 or the rounds are
 * over; rounds left. For EL0 and EL1; uses x0 to x3 only, no stack. */
	.global	sdei_spin, sdei_spin_end, sdei_spin_el0
	.hidden	sdei_spin, sdei_spin_end, sdei_spin_el0
sdei_spin_el0:
	mov	x1, #(1 << 30)			/* SPIN_ROUNDS in entry.c */
sdei_spin:
1:	ldr	x2, [x0]
	cbnz	x2, 2f
	sub	x1, x1, #1
	cbnz	x1, 1b
2:	mov	x0, x1
	ret
sdei_spin_end:

/* For EL0 in AArch32, which the assembler does not speak here: until word[0] at r0 is not 0 or r1
 * rounds are over, count the rounds in r3 and store that in word[1]. */
	.global	sdei_spin_a32, sdei_spin_a32_end
	.hidden	sdei_spin_a32, sdei_spin_a32_end
sdei_spin_a32:
	.inst	0xe5902000			/* 1: ldr r2, [r0] */
	.inst	0xe3520000			/* cmp r2, #0 */
	.inst	0x1a000003			/* bne 2f */
	.inst	0xe2833001			/* add r3, r3, #1 */
	.inst	0xe5803008			/* str r3, [r0, #8] */
	.inst	0xe2511001			/* subs r1, r1, #1 */
	.inst	0x1afffff8			/* bne 1b */
	.inst	0xef000000			/* 2: svc #0 */
sdei_spin_a32_end:
