/*
 * Where sdei_guest.c reads the counter: before a call, with the first instruction of an SDEI handler
 * (Arm DEN0054C 4.3: x0 event, x1 the argument of its registration, x0-x17 free to use) and with the
 * first instruction of the IRQ vector; and the two ways for a CPU to wait for either.
 */
	.arch	armv8-a
	.text

	.set	SDEI_EVENT_COMPLETE, 0xc4000025
	.set	SDEI_EVENT_SIGNAL, 0xc400002f
	.set	STOP, 0				/* struct mailbox */
	.set	TAKEN, 8
	.set	SEEN, 16

/* The registered argument is where the counter goes. */
	.global	signal_handler
	.hidden	signal_handler
signal_handler:
	mrs	x4, cntvct_el0
	str	x4, [x1]
	ldr	w0, =SDEI_EVENT_COMPLETE
	mov	x1, #0
	hvc	#0
	b	.				/* refused */

/* void signal_timed(uint64_t mpidr, uint64_t counter[2]): EVENT_SIGNAL of event 0, with the counter
 * before and after. */
	.global	signal_timed
	.hidden	signal_timed
signal_timed:
	stp	x19, x20, [sp, #-32]!
	stp	x21, x22, [sp, #16]
	mov	x19, x1
	mov	x2, x0
	mov	x1, #0
	ldr	w0, =SDEI_EVENT_SIGNAL
	isb
	mrs	x20, cntvct_el0
	hvc	#0
	isb
	mrs	x21, cntvct_el0
	stp	x20, x21, [x19]
	ldp	x21, x22, [sp, #16]
	ldp	x19, x20, [sp], #32
	ret

/* void wait_spinning(struct mailbox *), void wait_in_wfi(struct mailbox *): with interrupts unmasked
 * until stop; acknowledge in `seen` what the handlers wrote into `taken`. Only here are interrupts
 * unmasked while take_vectors are in use, which may therefore spoil x16 and x17. */
	.macro	wait, name, pause
	.global	\name
	.hidden	\name
\name:
	msr	daifclr, #2
1:	\pause
	ldr	x2, [x0, #TAKEN]
	str	x2, [x0, #SEEN]
	ldr	x3, [x0, #STOP]
	cbz	x3, 1b
	msr	daifset, #2
	ret
	.endm

	wait	wait_spinning, yield
	wait	wait_in_wfi, wfi

/* Vectors: an IRQ at EL1 is taken to take_irq(counter), anything else goes on to the library's. */
	.global	take_vectors
	.hidden	take_vectors
	.balign	2048
take_vectors:
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.balign	128
	.if	\n == 5
	mrs	x17, cntvct_el0
	b	irq_taken
	.else
	b	vectors + 128 * \n
	.endif
	.endr
	.balign	128

irq_taken:
	stp	x0, x1, [sp, #-176]!
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x18, x30, [sp, #128]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #144]
	mov	x0, x17
	bl	take_irq
	ldp	x0, x1, [sp, #144]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x18, x30, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp], #176
	eret
