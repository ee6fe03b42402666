/* The SVE registers, for kvm.c (Arm DDI0584). */
	.arch	armv8-a+sve
	.text

/* uint64_t sve_enable(void): allow SVE at EL1 and EL0 with the longest vectors there are; their length
 * in bytes. */
	.global	sve_enable
	.hidden	sve_enable
sve_enable:
	mrs	x0, cpacr_el1
	orr	x0, x0, #(3 << 16)		/* ZEN */
	msr	cpacr_el1, x0
	isb
	mov	x0, #15				/* LEN */
	msr	zcr_el1, x0
	isb
	rdvl	x0, #1
	ret

/* void sve_hold(const uint8_t *in, uint8_t *out, const uint64_t *stop): load Z0-Z31, P0-P15 and FFR
 * from `in`, wait until *stop is not 0, store them. Registers follow each other, Z first. */
	.global	sve_hold
	.hidden	sve_hold
sve_hold:
	mov	x3, x0
	addvl	x0, x0, #16
	addvl	x0, x0, #16			/* predicates */
	ldr	p0, [x0, #16, mul vl]
	wrffr	p0.b
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	ldr	p\n, [x0, #\n, mul vl]
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ldr	z\n, [x3, #\n, mul vl]
	.endr
1:	ldr	x4, [x2]
	cbz	x4, 1b
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	str	z\n, [x1, #\n, mul vl]
	.endr
	addvl	x1, x1, #16
	addvl	x1, x1, #16
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	str	p\n, [x1, #\n, mul vl]
	.endr
	rdffr	p0.b
	str	p0, [x1, #16, mul vl]
	ret
