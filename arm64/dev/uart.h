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
#define UART_RX_FIFO     64    /* receive FIFO, bytes, when the guest turned FIFOs on; else 1 */
#define UART_TX_FIFO     16    /* bytes a guest may write after it has seen THRE */
#define UART_TX_RING     65536 /* bytes of output waiting for the console; a power of two */

/* Called with the leaf lock held, on the thread of the vCPU that touched the register. */
struct uart_ops {
	/* The output ring went from empty to not empty (not urgent), or passed half full (urgent):
	 * the console should drain soon. */
	void (*tx_ready)(void *world, bool urgent);
	/* There is room again after uart_receive() had refused input. */
	void (*rx_space)(void *world);
};

/* Bytes only, so there is no padding. Output in the ring is not part of it: the console drains the
 * ring before the state is saved. */
struct uart_state {
	uint8_t dll, dlm, ier, lcr, mcr, scr;
	uint8_t fcr;              /* enable and trigger level; the rest reads as 0 */
	uint8_t msr;              /* lines and delta bits */
	uint8_t overrun;          /* LSR.OE, until LSR is read */
	uint8_t thre_pending;     /* THR-empty interrupt not yet acknowledged by reading IIR */
	uint8_t break_pending;    /* a BREAK came while the FIFO was full */
	uint8_t rx_head, rx_len;  /* FIFO: oldest byte, bytes */
	uint8_t rx[UART_RX_FIFO]; /* data */
	uint8_t rx_flags[UART_RX_FIFO]; /* LSR error bits that came with each byte */
};

struct uart {
	struct device dev; /* first */
	struct uart_state state;
	struct irq_line irq;
	const struct uart_ops *ops;
	void *world;
	bool level;          /* of irq, as last driven */
	bool rx_refused;     /* uart_receive() took less than it was given */
	unsigned idle_polls; /* LSR reads in a row that showed nothing to do */
	uint32_t tx_head, tx_len;
	uint8_t tx[UART_TX_RING];
};

/* `ops` may be NULL for a UART nothing is attached to: output is dropped. */
void uart_init(struct uart *uart, gpa_t base, struct irq_line irq, const struct uart_ops *ops,
	       void *world);

/* Console side; all three need device_lock (uart->dev.lock) held by the caller. */

/* Give the guest up to n bytes; returns how many the FIFO took. If fewer, ops->rx_space comes.
 * Nothing is taken while the guest is not listening (RTS off and not polling, or loopback), as a
 * terminal with RTS/CTS flow control would hold back: a driver empties the FIFO when it starts, and
 * input that came before would be lost. */
unsigned uart_receive(struct uart *uart, const uint8_t *bytes, unsigned n);

/* Take up to n bytes of output; returns how many. Restores THRE if the ring was full. */
unsigned uart_drain(struct uart *uart, uint8_t *bytes, unsigned n);

/* The other end sent a BREAK (Linux: magic SysRq). */
void uart_break(struct uart *uart);

#endif
