/*
 * The call instructions. Register state in, register state out; nothing else is touched.
 * Source: Arm DEN0028 (which registers a call may change), DDI0487 (SCTLR_EL1).
 */
	.arch	armv8-a
	.text

/* void smccc_raw(struct smccc_regs *regs, enum call_insn insn) */
	.global	smccc_raw
smccc_raw:
	stp	x29, x30, [sp, #-48]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	mov	x19, x0
	adr	x20, 1f
	add	x20, x20, x1, lsl #3		/* a stub is two instructions */
	mrs	x21, sctlr_el1
	mov	x22, #5				/* M, C */
	bic	x22, x21, x22
	orr	x22, x22, #(1 << 25)		/* EE */
	ldp	x0, x1, [x19]
	ldp	x2, x3, [x19, #16]
	ldp	x4, x5, [x19, #32]
	ldp	x6, x7, [x19, #48]
	ldp	x8, x9, [x19, #64]
	ldp	x10, x11, [x19, #80]
	ldp	x12, x13, [x19, #96]
	ldp	x14, x15, [x19, #112]
	ldp	x16, x17, [x19, #128]
	br	x20
1:	hvc	#0
	b	2f
	smc	#0
	b	2f
	hvc	#1
	b	2f
	smc	#1
	b	2f
	b	3f
	nop
	b	4f
	nop
	/* EE also rules table walks, so the MMU is off while it is set. No data access in between. */
3:	msr	sctlr_el1, x22
	isb
	hvc	#0
	msr	sctlr_el1, x21
	isb
	b	2f
4:	msr	sctlr_el1, x22
	isb
	smc	#0
	msr	sctlr_el1, x21
	isb
2:	stp	x0, x1, [x19]
	stp	x2, x3, [x19, #16]
	stp	x4, x5, [x19, #32]
	stp	x6, x7, [x19, #48]
	stp	x8, x9, [x19, #64]
	stp	x10, x11, [x19, #80]
	stp	x12, x13, [x19, #96]
	stp	x14, x15, [x19, #112]
	stp	x16, x17, [x19, #128]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #48
	ret

/* void smccc_count(struct smccc_regs *regs, enum conduit conduit, uint64_t counts[3]) */
	.global	smccc_count
smccc_count:
	stp	x29, x30, [sp, #-64]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	mov	x19, x0
	mov	x20, x2
	mov	x21, #0
	mov	x22, #0
	mov	x23, #0
	mov	w24, w1
	ldp	x0, x1, [x19]
	ldp	x2, x3, [x19, #16]
	cbnz	w24, 1f
	add	x21, x21, #1
	hvc	#0
	add	x22, x22, #1
	add	x23, x23, #1
	b	2f
1:	add	x21, x21, #1
	smc	#0
	add	x22, x22, #1
	add	x23, x23, #1
2:	str	x0, [x19]
	stp	x21, x22, [x20]
	str	x23, [x20, #16]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #64
	ret

	.macro	canary_q, op
	\op	q0, q1, [x2, #0]
	\op	q2, q3, [x2, #32]
	\op	q4, q5, [x2, #64]
	\op	q6, q7, [x2, #96]
	\op	q8, q9, [x2, #128]
	\op	q10, q11, [x2, #160]
	\op	q12, q13, [x2, #192]
	\op	q14, q15, [x2, #224]
	\op	q16, q17, [x2, #256]
	\op	q18, q19, [x2, #288]
	\op	q20, q21, [x2, #320]
	\op	q22, q23, [x2, #352]
	\op	q24, q25, [x2, #384]
	\op	q26, q27, [x2, #416]
	\op	q28, q29, [x2, #448]
	\op	q30, q31, [x2, #480]
	.endm

	.macro	canary_x_load
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0]
	.endm

	.macro	canary_x_store
	add	x0, x0, #768
	str	x1, [x0, #8]
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
	str	x30, [x0, #240]
	sub	x0, x0, #768
	.endm

/*
 * All 31 registers are loaded, so the buffer's address waits in TPIDRRO_EL0 and x0 in TPIDR_EL0,
 * neither of which the library uses otherwise.
 */
	.macro	canary, name, insn
	.global	\name
\name:
	stp	x29, x30, [sp, #-160]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	msr	tpidrro_el0, x0
	mov	x1, sp
	str	x1, [x0, #1536]
	ldr	x1, [x0, #1552]
	msr	sp_el0, x1
	ldr	x1, [x0, #248]
	msr	nzcv, x1
	add	x2, x0, #256
	canary_q ldp
	canary_x_load
	\insn
	msr	tpidr_el0, x0
	mrs	x0, tpidrro_el0
	canary_x_store
	mrs	x1, nzcv
	str	x1, [x0, #1016]
	mrs	x1, tpidr_el0
	str	x1, [x0, #768]
	mov	x1, sp
	str	x1, [x0, #1544]
	mrs	x1, sp_el0
	str	x1, [x0, #1560]
	add	x2, x0, #1024
	canary_q stp
	ldr	x1, [x0, #1536]
	mov	sp, x1
	ldp	d14, d15, [sp, #144]
	ldp	d12, d13, [sp, #128]
	ldp	d10, d11, [sp, #112]
	ldp	d8, d9, [sp, #96]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #160
	ret
	.endm

	canary	smccc_canary_hvc, "hvc #0"
	canary	smccc_canary_smc, "smc #0"
