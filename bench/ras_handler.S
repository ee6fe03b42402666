/*
 * The SDEI handler of ras_guest.c (Arm DEN0054C 4.3: x1 the argument of its registration, x0-x17 free to
 * use): counts in the word at x1, and completes.
 */
	.arch	armv8-a
	.text

	.set	SDEI_EVENT_COMPLETE, 0xc4000025

	.global	ras_handler
	.hidden	ras_handler
ras_handler:
	ldr	x2, [x1]
	add	x2, x2, #1
	str	x2, [x1]
	ldr	w0, =SDEI_EVENT_COMPLETE
	mov	x1, #0
	hvc	#0
	b	.				/* refused */
