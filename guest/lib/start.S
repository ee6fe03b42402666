/*
 * The image's first bytes, how CPUs enter it, its vectors, and the register juggling C cannot do.
 *
 * The image carries the arm64 Linux Image header (Linux Documentation/arch/arm64/booting.rst), whose
 * first instruction is a branch: a loader of Images and one that just jumps to the first byte both
 * work. It runs at any 4 KiB aligned address: it relocates itself.
 *
 * Entered at EL2 (machines with virtualization), a CPU drops to EL1 first.
 */
	.arch	armv8-a

	.set	SCTLR_EL1_OFF, 0x30d00800	/* RES1 bits only: MMU, caches, alignment check off */
	.set	SCTLR_EL2_OFF, 0x30c50830
	.set	FRAME_BYTES, 304		/* struct frame, exc.c */

	.section .head, "ax"
	.global	image_start
	.hidden	image_start
image_start:
	b	boot_entry
	nop
	.quad	0x80000			/* offset from a 2 MiB aligned base */
	.quad	image_end - image_start
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere in memory */
	.quad	0
	.quad	0
	.quad	0
	.ascii	"ARM\x64"
	.long	0

	.text

/* x0 = device tree. MMU and data cache are off. */
boot_entry:
	msr	daifset, #15
	mov	x20, x0
	mrs	x21, CurrentEL
	lsr	x21, x21, #2
	mrs	x22, sctlr_el1
	cmp	x21, #2
	b.ne	1f
	mrs	x22, sctlr_el2
	bl	drop_to_el1
1:	ldr	w9, =SCTLR_EL1_OFF
	msr	sctlr_el1, x9
	isb
	/* What the loader wrote may sit in caches; what is written now goes to memory. */
	adrp	x0, image_start
	adrp	x1, image_end
	add	x1, x1, :lo12:image_end
	bl	clean_invalidate
	/* A warm reset comes back here with old contents: clear .bss every time. */
	adrp	x9, bss_start
	add	x9, x9, :lo12:bss_start
	adrp	x10, bss_end
	add	x10, x10, :lo12:bss_end
2:	cmp	x9, x10
	b.hs	3f
	stp	xzr, xzr, [x9], #16
	b	2b
	/* R_AARCH64_RELATIVE: *(base + offset) = base + addend. Doing it twice does no harm. */
3:	adrp	x9, rela_start
	add	x9, x9, :lo12:rela_start
	adrp	x10, rela_end
	add	x10, x10, :lo12:rela_end
	adrp	x11, image_start
4:	cmp	x9, x10
	b.hs	5f
	ldp	x12, x13, [x9], #16
	ldr	x14, [x9], #8
	cmp	w13, #1027			/* R_AARCH64_RELATIVE */
	b.ne	4b
	add	x14, x14, x11
	str	x14, [x11, x12]
	b	4b
5:	dsb	sy
	adrp	x0, image_start
	adrp	x1, image_end
	add	x1, x1, :lo12:image_end
	bl	clean_invalidate
	ic	iallu
	dsb	sy
	isb
	bl	common_sysregs
	adrp	x9, boot_stack_top
	add	x9, x9, :lo12:boot_stack_top
	mov	sp, x9
	mov	x29, xzr
	mov	x0, x20
	mov	x1, x21
	mov	x2, x22
	bl	guest_start
6:	wfi
	b	6b

/* x0 = context id. Nothing else is known; this must not disturb what it records. */
	.global	secondary_entry
	.hidden	secondary_entry
	.balign	64
secondary_entry:
	mov	x19, x0
	mrs	x20, CurrentEL
	mrs	x21, daif
	mrs	x22, spsel
	mrs	x23, cntfrq_el0
	msr	daifset, #15
	cmp	x20, #(2 << 2)
	b.eq	1f
	mrs	x24, sctlr_el1
	b	2f
1:	mrs	x24, sctlr_el2
	bl	drop_to_el1
	/* Before the first data access: the caller may have been big-endian. */
2:	ldr	w9, =SCTLR_EL1_OFF
	msr	sctlr_el1, x9
	isb
	bl	common_sysregs
	mrs	x25, mpidr_el1
	ldr	x9, =0xff00ffffff
	and	x25, x25, x9
	/* smp.c: struct boot_info, then one struct boot_cpu a CPU; cleaned to memory. */
	adrp	x9, boot_info
	add	x9, x9, :lo12:boot_info
	ldp	x10, x11, [x9]			/* table, entries */
3:	cbz	x11, unknown_cpu
	ldp	x12, x26, [x10], #32		/* mpidr, struct cpu */
	ldur	x27, [x10, #-16]		/* stack */
	sub	x11, x11, #1
	cmp	x12, x25
	b.ne	3b
	ldp	x0, x1, [x9, #16]		/* ttbr0, tcr */
	ldp	x2, x3, [x9, #32]		/* mair, sctlr */
	bl	mmu_load
	mov	sp, x27
	msr	tpidr_el1, x26
	mrs	x25, mpidr_el1
	stp	x19, x20, [x26]			/* struct entry_state */
	stp	x21, x22, [x26, #16]
	stp	x23, x24, [x26, #32]
	str	x25, [x26, #48]
	mov	x29, xzr
	mov	x0, x26
	bl	cpu_entered
unknown_cpu:
	wfi
	b	unknown_cpu

/* void mmu_load(ttbr0, tcr, mair, sctlr). Leaf; touches no memory. */
	.global	mmu_load
	.hidden	mmu_load
mmu_load:
	msr	mair_el1, x2
	msr	tcr_el1, x1
	msr	ttbr0_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	sy
	isb
	msr	sctlr_el1, x3
	isb
	ret

/* Clobbers x9. */
common_sysregs:
	adrp	x9, vectors
	add	x9, x9, :lo12:vectors
	msr	vbar_el1, x9
	mov	x9, #(3 << 20)			/* FPEN: SIMD registers usable */
	msr	cpacr_el1, x9
	mov	x9, #3
	msr	cntkctl_el1, x9			/* EL0 may read the counters */
	msr	spsel, #1
	isb
	ret

/* Clean and invalidate [x0, x1) by the smallest line. Clobbers x9, x10. */
clean_invalidate:
	mrs	x9, ctr_el0
	ubfx	x9, x9, #16, #4
	mov	x10, #4
	lsl	x9, x10, x9
	sub	x10, x9, #1
	bic	x0, x0, x10
1:	dc	civac, x0
	add	x0, x0, x9
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret

/* From EL2 to EL1 at the return address. HVC stays undefined at EL1: nobody is here to answer it.
 * Clobbers x9, x10. */
drop_to_el1:
	ldr	w9, =SCTLR_EL2_OFF
	msr	sctlr_el2, x9
	mov	x9, #(1 << 31)			/* HCR_EL2.RW */
	orr	x9, x9, #(1 << 29)		/* HCD */
	msr	hcr_el2, x9
	isb
	mrs	x9, midr_el1
	msr	vpidr_el2, x9
	mrs	x9, mpidr_el1
	msr	vmpidr_el2, x9
	mov	x9, #3
	msr	cnthctl_el2, x9
	msr	cntvoff_el2, xzr
	mov	x9, #0x33ff
	msr	cptr_el2, x9
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr
	mrs	x9, id_aa64pfr0_el1
	ubfx	x9, x9, #24, #4
	cbz	x9, 1f
	mrs	x9, S3_4_C12_C9_5		/* ICC_SRE_EL2 */
	mov	x10, #9				/* Enable, SRE */
	orr	x9, x9, x10
	msr	S3_4_C12_C9_5, x9
	isb
	msr	S3_4_C12_C11_0, xzr		/* ICH_HCR_EL2 */
1:	ldr	w9, =SCTLR_EL1_OFF
	msr	sctlr_el1, x9
	mov	x9, #0x3c5			/* EL1h, DAIF masked */
	msr	spsr_el2, x9
	msr	elr_el2, x30
	eret

/* uint64_t context_save(struct context *) */
	.global	context_save
	.hidden	context_save
context_save:
	stp	x19, x20, [x0]
	stp	x21, x22, [x0, #16]
	stp	x23, x24, [x0, #32]
	stp	x25, x26, [x0, #48]
	stp	x27, x28, [x0, #64]
	stp	x29, x30, [x0, #80]
	mov	x1, sp
	str	x1, [x0, #96]
	mov	x0, #0
	ret

/* void context_restore(struct context *, uint64_t value) */
	.global	context_restore
	.hidden	context_restore
context_restore:
	msr	daifset, #15
	ldp	x19, x20, [x0]
	ldp	x21, x22, [x0, #16]
	ldp	x23, x24, [x0, #32]
	ldp	x25, x26, [x0, #48]
	ldp	x27, x28, [x0, #64]
	ldp	x29, x30, [x0, #80]
	ldr	x2, [x0, #96]
	mov	sp, x2
	mov	x0, x1
	ret

/* void call_on_stack(uint64_t stack_top, void (*fn)(struct cpu *), struct cpu *) */
	.global	call_on_stack
	.hidden	call_on_stack
call_on_stack:
	mov	sp, x0
	mov	x0, x2
	mov	x29, xzr
	mov	x30, xzr
	br	x1

/* void el0_enter(uint64_t pc, uint64_t sp, uint64_t arg, uint64_t return_pc) */
	.global	el0_enter
	.hidden	el0_enter
el0_enter:
	msr	elr_el1, x0
	msr	sp_el0, x1
	mov	x9, #0x3c0			/* EL0t, DAIF masked */
	msr	spsr_el1, x9
	mov	x0, x2
	mov	x30, x3
	eret

/* void el0_enter_a32(uint64_t pc, const uint64_t r[15]) */
	.global	el0_enter_a32
	.hidden	el0_enter_a32
el0_enter_a32:
	msr	elr_el1, x0
	mov	x9, #0x1d0			/* A32 state, User mode, AIF masked */
	msr	spsr_el1, x9
	mov	x15, x1
	ldp	x0, x1, [x15]
	ldp	x2, x3, [x15, #16]
	ldp	x4, x5, [x15, #32]
	ldp	x6, x7, [x15, #48]
	ldp	x8, x9, [x15, #64]
	ldp	x10, x11, [x15, #80]
	ldp	x12, x13, [x15, #96]
	ldr	x14, [x15, #112]
	eret

/* Code for EL0: leave it, with x0; and the two calls EL0 is not allowed to make. */
	.global	el0_leave, el0_hvc, el0_smc
	.hidden	el0_leave, el0_hvc, el0_smc
el0_leave:
	svc	#0
	b	el0_leave
el0_hvc:
	hvc	#0
	ret
el0_smc:
	smc	#0
	ret

	.macro	vector, number
	.balign	128
	sub	sp, sp, #FRAME_BYTES
	stp	x0, x1, [sp]
	mov	x1, #\number
	b	exception_entry
	.endm

	.global	vectors
	.hidden	vectors
	.balign	2048
vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\n
	.endr

exception_entry:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	add	x2, sp, #FRAME_BYTES
	stp	x30, x2, [sp, #240]
	mrs	x2, elr_el1
	mrs	x3, spsr_el1
	stp	x2, x3, [sp, #256]
	mrs	x2, esr_el1
	mrs	x3, far_el1
	stp	x2, x3, [sp, #272]
	mrs	x2, sp_el0
	str	x2, [sp, #288]
	mov	x0, sp
	bl	exception_dispatch
	ldr	x2, [sp, #288]
	msr	sp_el0, x2
	ldp	x2, x3, [sp, #256]
	msr	elr_el1, x2
	msr	spsr_el1, x3
	ldr	x30, [sp, #240]
	ldp	x28, x29, [sp, #224]
	ldp	x26, x27, [sp, #208]
	ldp	x24, x25, [sp, #192]
	ldp	x22, x23, [sp, #176]
	ldp	x20, x21, [sp, #160]
	ldp	x18, x19, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_BYTES
	eret

	.bss
	.balign	16
	.space	32768
boot_stack_top:
