/*
 * ns16550a UART: the registers of a PC16550D, at the speed of the host.
 *
 * Source: PC16550D data sheet (1995), section 8.
 *
 * Sending takes no time: a byte moves to a ring that the console drains. Only when the ring is
 * nearly full does the guest see a busy transmitter. Receiving takes no time either, so the
 * character timeout of the receive FIFO is over as soon as there are fewer bytes than the trigger
 * level. Once output is in the ring, resetting the transmit FIFO does not take it back.
 *
 * Left out: DMA modes, parity and framing errors, the effect of the baud rate.
 */
#include "arm64/dev/uart.h"

#include <string.h>

enum {
	REG_DATA, /* RBR, THR; DLL if DLAB */
	REG_IER,  /* DLM if DLAB */
	REG_IIR,  /* read; FCR on write */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

#define IER_RX     0x01
#define IER_THRE   0x02
#define IER_LINE   0x04
#define IER_MODEM  0x08
#define IER_BITS   0x0f
#define IIR_NONE   0x01
#define IIR_MODEM  0x00
#define IIR_THRE   0x02
#define IIR_RX     0x04
#define IIR_LINE   0x06
#define IIR_RX_OLD 0x0c /* character timeout */
#define IIR_FIFO   0xc0
#define FCR_ENABLE 0x01
#define FCR_RX_RST 0x02
#define FCR_LEVEL  0xc0
#define LCR_DLAB   0x80
#define MCR_RTS    0x02
#define MCR_LOOP   0x10
#define MCR_BITS   0x1f
#define LSR_DATA   0x01
#define LSR_OE     0x02
#define LSR_BREAK  0x10
#define LSR_ERRORS 0x1e
#define LSR_THRE   0x20
#define LSR_TEMT   0x40
#define LSR_FIFO   0x80 /* some byte in the receive FIFO has an error */
#define MSR_CTS    0x10
#define MSR_DSR    0x20
#define MSR_RI     0x40
#define MSR_DCD    0x80
#define MSR_LINES  0xf0
#define MSR_TERI   0x04 /* delta bits are the lines' bits shifted right, RI's its trailing edge */

/* LSR reads in a row, with nothing to receive or wait for, that make a guest that polls for input;
 * a driver's start-up and output routines read it fewer times between other accesses. */
#define POLLS_LISTENING 16

static struct uart *to_uart(struct device *dev)
{
	return (struct uart *)dev;
}

/* Receiver */

static bool fifo_on(const struct uart *uart)
{
	return uart->state.fcr & FCR_ENABLE;
}

static unsigned rx_capacity(const struct uart *uart)
{
	return fifo_on(uart) ? UART_RX_FIFO : 1;
}

static bool loopback(const struct uart *uart)
{
	return uart->state.mcr & MCR_LOOP;
}

/* Slot of the byte `i` places behind the oldest. */
static unsigned rx_slot(const struct uart *uart, unsigned i)
{
	return (uart->state.rx_head + i) % UART_RX_FIFO;
}

/* A full receiver keeps the FIFO and loses the new byte; without FIFO the old one is replaced
 * (data sheet 8.6.3, OE). */
static void rx_push(struct uart *uart, uint8_t byte, uint8_t flags)
{
	struct uart_state *s = &uart->state;
	unsigned slot;

	if (s->rx_len >= rx_capacity(uart)) {
		s->overrun = 1;
		if (fifo_on(uart))
			return;
		s->rx_len = 0;
	}
	slot = rx_slot(uart, s->rx_len++);
	s->rx[slot] = byte;
	s->rx_flags[slot] = flags;
}

/* A BREAK is received as a byte 0 with the BREAK flag. */
static void rx_push_break(struct uart *uart)
{
	uart->state.break_pending = uart->state.rx_len >= rx_capacity(uart);
	if (!uart->state.break_pending)
		rx_push(uart, 0, LSR_BREAK);
}

static uint8_t rx_pop(struct uart *uart)
{
	struct uart_state *s = &uart->state;
	uint8_t byte = s->rx[rx_slot(uart, 0)];

	if (!s->rx_len)
		return 0;
	s->rx_head = (uint8_t)rx_slot(uart, 1);
	s->rx_len--;
	if (s->break_pending)
		rx_push_break(uart);
	return byte;
}

static void rx_clear(struct uart *uart)
{
	uart->state.rx_len = 0;
	uart->state.break_pending = 0;
}

static bool listening(const struct uart *uart)
{
	if (loopback(uart))
		return false;
	return uart->state.mcr & MCR_RTS || uart->idle_polls >= POLLS_LISTENING;
}

/* Tell the console that input it still has can come; not for every single byte of room. */
static void offer_room(struct uart *uart)
{
	if (!uart->rx_refused || !listening(uart) || uart->state.rx_len > rx_capacity(uart) / 2)
		return;
	uart->rx_refused = false;
	if (uart->ops)
		uart->ops->rx_space(uart->world);
}

/* Transmitter */

/* THRE promises the guest room for a whole FIFO. */
static bool tx_idle(const struct uart *uart)
{
	return UART_TX_RING - uart->tx_len >= UART_TX_FIFO;
}

static void tx_push(struct uart *uart, uint8_t byte)
{
	if (!uart->ops || uart->tx_len == UART_TX_RING)
		return; /* a guest that ignores THRE loses output, as on hardware */
	uart->tx[(uart->tx_head + uart->tx_len++) % UART_TX_RING] = byte;
	if (uart->tx_len == 1 || uart->tx_len == UART_TX_RING / 2)
		uart->ops->tx_ready(uart->world, uart->tx_len != 1);
}

static void transmit(struct uart *uart, uint8_t byte)
{
	if (loopback(uart))
		rx_push(uart, byte, 0);
	else
		tx_push(uart, byte);
	/* Writing THR acknowledges the interrupt; the byte has left at once unless the ring fills. */
	uart->state.thre_pending = tx_idle(uart);
}

/* Status and interrupt */

static uint8_t error_bits(const struct uart *uart)
{
	const struct uart_state *s = &uart->state;
	uint8_t bits = s->overrun ? LSR_OE : 0;

	return s->rx_len ? bits | s->rx_flags[rx_slot(uart, 0)] : bits;
}

static bool error_in_fifo(const struct uart *uart)
{
	for (unsigned i = 0; i < uart->state.rx_len; i++) {
		if (uart->state.rx_flags[rx_slot(uart, i)])
			return true;
	}
	return false;
}

static uint8_t line_status(const struct uart *uart)
{
	uint8_t lsr = error_bits(uart);

	if (uart->state.rx_len)
		lsr |= LSR_DATA;
	if (tx_idle(uart))
		lsr |= LSR_THRE | LSR_TEMT;
	if (fifo_on(uart) && error_in_fifo(uart))
		lsr |= LSR_FIFO;
	return lsr;
}

static unsigned rx_trigger(const struct uart *uart)
{
	static const uint8_t level[] = { 1, 4, 8, 14 };

	return fifo_on(uart) ? level[uart->state.fcr >> 6] : 1;
}

/* The interrupt of highest priority (data sheet, table 5). */
static uint8_t interrupt_id(const struct uart *uart)
{
	const struct uart_state *s = &uart->state;

	if (s->ier & IER_LINE && error_bits(uart))
		return IIR_LINE;
	if (s->ier & IER_RX && s->rx_len)
		return s->rx_len >= rx_trigger(uart) ? IIR_RX : IIR_RX_OLD;
	if (s->ier & IER_THRE && s->thre_pending)
		return IIR_THRE;
	if (s->ier & IER_MODEM && s->msr & ~MSR_LINES)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *uart)
{
	bool level = interrupt_id(uart) != IIR_NONE;

	if (level == uart->level)
		return;
	uart->level = level;
	irq_set(&uart->irq, level);
}

/* The modem lines: a peer that is always there, or in loopback our own outputs. */
static uint8_t modem_lines(const struct uart *uart)
{
	/* DTR, RTS, OUT1, OUT2 (MCR bits 0 to 3) come back as DSR, CTS, RI, DCD. */
	static const uint8_t back[] = { MSR_DSR, MSR_CTS, MSR_RI, MSR_DCD };
	uint8_t lines = 0;

	if (!loopback(uart))
		return MSR_DCD | MSR_DSR | MSR_CTS;
	for (unsigned i = 0; i < ARRAY_SIZE(back); i++) {
		if (uart->state.mcr >> i & 1)
			lines |= back[i];
	}
	return lines;
}

static void update_modem(struct uart *uart)
{
	uint8_t old = uart->state.msr & MSR_LINES, now = modem_lines(uart);
	uint8_t delta = (old ^ now) >> 4;

	if (now & MSR_RI)
		delta &= ~MSR_TERI & 0xff;
	uart->state.msr = (uint8_t)((uart->state.msr & ~MSR_LINES) | delta | now);
}

/* Registers */

static uint8_t read_lsr(struct uart *uart)
{
	uint8_t lsr = line_status(uart);

	uart->state.overrun = 0;
	if (uart->state.rx_len)
		uart->state.rx_flags[rx_slot(uart, 0)] = 0;
	if ((lsr & (LSR_DATA | LSR_THRE)) == LSR_THRE && uart->idle_polls < POLLS_LISTENING)
		uart->idle_polls++;
	return lsr;
}

static uint8_t read_iir(struct uart *uart)
{
	uint8_t id = interrupt_id(uart);

	if (id == IIR_THRE)
		uart->state.thre_pending = 0;
	return id | (fifo_on(uart) ? IIR_FIFO : 0);
}

static uint8_t read_msr(struct uart *uart)
{
	uint8_t msr = uart->state.msr;

	uart->state.msr &= MSR_LINES;
	return msr;
}

static uint8_t read_register(struct uart *uart, uint64_t reg)
{
	const struct uart_state *s = &uart->state;
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		return dlab ? s->dll : rx_pop(uart);
	case REG_IER:
		return dlab ? s->dlm : s->ier;
	case REG_IIR:
		return read_iir(uart);
	case REG_LCR:
		return s->lcr;
	case REG_MCR:
		return s->mcr;
	case REG_LSR:
		return read_lsr(uart);
	case REG_MSR:
		return read_msr(uart);
	}
	return s->scr;
}

/* Enabling the THR-empty interrupt raises it if THR is empty (data sheet, IER bit 1). */
static void write_ier(struct uart *uart, uint8_t value)
{
	if (value & ~uart->state.ier & IER_THRE)
		uart->state.thre_pending = tx_idle(uart);
	uart->state.ier = value & IER_BITS;
}

/* The other bits count only with FIFOs enabled; turning FIFOs on or off empties them. */
static void write_fcr(struct uart *uart, uint8_t value)
{
	bool reset = value & FCR_ENABLE && value & FCR_RX_RST;

	if (reset || (value ^ uart->state.fcr) & FCR_ENABLE)
		rx_clear(uart);
	uart->state.fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_LEVEL) : 0;
}

static void write_register(struct uart *uart, uint64_t reg, uint8_t value)
{
	struct uart_state *s = &uart->state;
	bool dlab = s->lcr & LCR_DLAB;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			s->dll = value;
		else
			transmit(uart, value);
		break;
	case REG_IER:
		if (dlab)
			s->dlm = value;
		else
			write_ier(uart, value);
		break;
	case REG_IIR:
		write_fcr(uart, value);
		break;
	case REG_LCR:
		s->lcr = value;
		break;
	case REG_MCR:
		s->mcr = value & MCR_BITS;
		update_modem(uart);
		break;
	case REG_SCR:
		s->scr = value;
		break;
	}
}

static uint64_t uart_read(struct device *dev, uint64_t offset, unsigned len)
{
	struct uart *uart = to_uart(dev);
	uint8_t value;

	(void)len; /* registers are bytes; a wider access reaches the first */
	if (offset != REG_LSR && offset != REG_DATA)
		uart->idle_polls = 0;
	value = read_register(uart, offset);
	offer_room(uart);
	update_irq(uart);
	return value;
}

static void uart_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct uart *uart = to_uart(dev);

	(void)len;
	uart->idle_polls = 0;
	write_register(uart, offset, (uint8_t)value);
	offer_room(uart);
	update_irq(uart);
}

/* Power-on values (data sheet, table 3). Output in the ring was sent before the reset and stays. */
static void uart_reset(struct device *dev)
{
	struct uart *uart = to_uart(dev);

	uart->state = (struct uart_state){ .dll = 1 };
	uart->state.msr = modem_lines(uart);
	uart->idle_polls = 0;
	uart->level = false;
	irq_set(&uart->irq, false);
}

/* The state may have been loaded: bring its values into range, drive the interrupt. */
static void uart_resume(struct device *dev)
{
	struct uart *uart = to_uart(dev);
	struct uart_state *s = &uart->state;

	s->ier &= IER_BITS;
	s->mcr &= MCR_BITS;
	if (s->rx_len > rx_capacity(uart))
		s->rx_len = (uint8_t)rx_capacity(uart);
	for (unsigned i = 0; i < UART_RX_FIFO; i++)
		s->rx_flags[i] &= LSR_ERRORS;
	uart->level = interrupt_id(uart) != IIR_NONE;
	irq_set(&uart->irq, uart->level);
	offer_room(uart);
}

/* Console side */

unsigned uart_receive(struct uart *uart, const uint8_t *bytes, unsigned n)
{
	unsigned taken = 0;

	while (taken < n && listening(uart) && uart->state.rx_len < rx_capacity(uart))
		rx_push(uart, bytes[taken++], 0);
	if (taken < n)
		uart->rx_refused = true;
	update_irq(uart);
	return taken;
}

unsigned uart_drain(struct uart *uart, uint8_t *bytes, unsigned n)
{
	bool was_idle = tx_idle(uart);
	unsigned take = n < uart->tx_len ? n : uart->tx_len;
	unsigned straight = UART_TX_RING - uart->tx_head;

	if (straight > take)
		straight = take;
	memcpy(bytes, uart->tx + uart->tx_head, straight);
	memcpy(bytes + straight, uart->tx, take - straight);
	uart->tx_head = (uart->tx_head + take) % UART_TX_RING;
	uart->tx_len -= take;
	if (!was_idle && tx_idle(uart))
		uart->state.thre_pending = 1;
	update_irq(uart);
	return take;
}

void uart_break(struct uart *uart)
{
	if (loopback(uart))
		return;
	rx_push_break(uart);
	update_irq(uart);
}

#define UART_FIELD(id, name) STATE_FIELD(id, struct uart_state, name)

static const struct state_field uart_fields[] = {
	UART_FIELD(1, dll),
	UART_FIELD(2, dlm),
	UART_FIELD(3, ier),
	UART_FIELD(4, lcr),
	UART_FIELD(5, mcr),
	UART_FIELD(6, scr),
	UART_FIELD(7, fcr),
	UART_FIELD(8, msr),
	UART_FIELD(9, overrun),
	UART_FIELD(10, thre_pending),
	UART_FIELD(11, break_pending),
	UART_FIELD(12, rx_head),
	UART_FIELD(13, rx_len),
	STATE_ARRAY(14, struct uart_state, rx),
	STATE_ARRAY(15, struct uart_state, rx_flags),
	STATE_LAST,
};

static const struct state_desc uart_desc = {
	.name = "uart",
	.size = sizeof(struct uart_state),
	.offset = offsetof(struct uart, state),
	.fields = uart_fields,
};

static const struct device_ops uart_device_ops = {
	.name = "uart",
	.read = uart_read,
	.write = uart_write,
	.reset = uart_reset,
	.resume = uart_resume,
	.state = &uart_desc,
};

void uart_init(struct uart *uart, gpa_t base, struct irq_line irq, const struct uart_ops *ops,
	       void *world)
{
	memset(uart, 0, sizeof(*uart));
	uart->irq = irq;
	uart->ops = ops;
	uart->world = world;
	device_init(&uart->dev, &uart_device_ops, base, UART_BLOCK_BYTES);
	uart->state.dll = 1;
	uart->state.msr = modem_lines(uart);
}
