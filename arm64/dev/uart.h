/*
 * ns16550a UART. The guest's side is the register block; the host's side is a pair of byte streams
 * that whoever owns the console drives.
 *
 * Source: National Semiconductor PC16550D data sheet (1995), section 8.
 */
#ifndef ARM64_DEV_UART_H
#define ARM64_DEV_UART_H

#include "arm64/dev/device.h"

#define UART_BLOCK_BYTES 8
#define UART_RX_FIFO     64
#define UART_TX_RING     65536 /* bytes of output waiting for the console; a power of two */

/* Called with the leaf lock held, on the thread of the vCPU that touched the register. */
struct uart_ops {
	/* The output ring went from empty to not empty, or passed half full: the console should
	 * drain soon. */
	void (*tx_ready)(void *world, bool urgent);
	/* The guest made room in a receive FIFO that had refused input. */
	void (*rx_space)(void *world);
};

struct uart_state { /* no padding: see state_covered() */
	uint8_t dll, dlm, ier, lcr, mcr, scr, fcr, lsr_errors;
	uint8_t rx[UART_RX_FIFO];
	uint32_t rx_head, rx_len;
	uint8_t thre_pending; /* THR-empty interrupt not yet acknowledged by reading IIR */
	uint8_t break_seen;
	uint8_t pad[6];
};

struct uart {
	struct device dev; /* first */
	struct uart_state state;
	struct irq_line irq;
	const struct uart_ops *ops;
	void *world;
	bool rx_refused; /* uart_receive() took less than it was given */
	bool tx_hold;	 /* THRE is 0 because the ring is full */
	uint32_t tx_head, tx_len;
	uint8_t tx[UART_TX_RING];
};

/* `ops` may be NULL for a UART nothing is attached to: output is dropped. */
void uart_init(struct uart *uart, gpa_t base, struct irq_line irq, const struct uart_ops *ops,
	       void *world);

/* Console side; all three need device_lock (uart->dev.lock) held by the caller. */

/* Give the guest up to n bytes; returns how many the FIFO took. If fewer, ops->rx_space comes. */
unsigned uart_receive(struct uart *uart, const uint8_t *bytes, unsigned n);

/* Take up to n bytes of output; returns how many. Restores THRE if the ring was full. */
unsigned uart_drain(struct uart *uart, uint8_t *bytes, unsigned n);

/* The other end sent a BREAK (Linux: magic SysRq). */
void uart_break(struct uart *uart);

#endif
