/* ns16550a: what a driver's probe sees, sending, receiving, interrupts, loopback, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "arm64/dev/uart.h"

#define BASE  UINT64_C(0x01000000)
#define INTID 32

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR, MCR, LSR, MSR, SCR };

/* IIR without the FIFO bits */
enum { ID_NONE = 1, ID_MODEM = 0, ID_THRE = 2, ID_RX = 4, ID_LINE = 6, ID_TIMEOUT = 0xc };

struct world {
	struct bus bus;
	struct uart uart;
	bool level;
	unsigned changes, ready, urgent, space;
};

static void set_irq(void *world, uint32_t intid, bool level)
{
	struct world *w = world;

	assert_int_equal(intid, INTID);
	w->level = level;
	w->changes++;
}

static void tx_ready(void *world, bool urgent)
{
	struct world *w = world;

	if (urgent)
		w->urgent++;
	else
		w->ready++;
}

static void rx_space(void *world)
{
	((struct world *)world)->space++;
}

static const struct uart_ops ops = { tx_ready, rx_space };

static int build(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	uart_init(&w.uart, gpa(BASE), (struct irq_line){ set_irq, &w, INTID }, &ops, &w);
	*state = &w;
	return bus_add(&w.bus, &w.uart.dev, NULL);
}

static uint8_t get(struct world *w, uint64_t reg)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(BASE + reg), 1, &value));
	return (uint8_t)value;
}

static void put(struct world *w, uint64_t reg, uint8_t value)
{
	assert_true(bus_write(&w->bus, gpa(BASE + reg), 1, value));
}

static uint8_t id(struct world *w)
{
	return get(w, IIR) & 0x0f;
}

/* FIFOs on with the given trigger code, ready to receive. */
static void open_port(struct world *w, uint8_t trigger)
{
	put(w, FCR, 0x01 | trigger << 6);
	put(w, MCR, 0x0b); /* DTR, RTS, OUT2 */
}

static unsigned type(struct world *w, const void *bytes, unsigned n)
{
	unsigned taken;

	device_lock(&w->uart.dev);
	taken = uart_receive(&w->uart, bytes, n);
	device_unlock(&w->uart.dev);
	return taken;
}

static unsigned drain(struct world *w, uint8_t *bytes, unsigned n)
{
	unsigned taken;

	device_lock(&w->uart.dev);
	taken = uart_drain(&w->uart, bytes, n);
	device_unlock(&w->uart.dev);
	return taken;
}

static void send_break(struct world *w)
{
	device_lock(&w->uart.dev);
	uart_break(&w->uart);
	device_unlock(&w->uart.dev);
}

/* Power-on and probing */

static void power_on_values(void **state)
{
	struct world *w = *state;

	assert_int_equal(get(w, IER), 0);
	assert_int_equal(get(w, IIR), 0x01);
	assert_int_equal(get(w, LCR), 0);
	assert_int_equal(get(w, MCR), 0);
	assert_int_equal(get(w, LSR), 0x60);
	assert_int_equal(get(w, MSR), 0xb0);
	assert_false(w->level);
}

/* The accesses of a 16550A probe, in a driver's order, with the answers that tell the chips apart. */
static void a_probe_finds_a_16550a(void **state)
{
	struct world *w = *state;

	put(w, IER, 0);
	assert_int_equal(get(w, IER) & 0x0f, 0);
	put(w, IER, 0x0f);
	assert_int_equal(get(w, IER) & 0x0f, 0x0f);
	put(w, IER, 0);
	put(w, MCR, 0x1a); /* loopback, OUT2, RTS */
	assert_int_equal(get(w, MSR) & 0xf0, 0x90);
	put(w, MCR, 0);
	put(w, LCR, 0xbf); /* no enhanced registers appear behind this */
	put(w, 2, 0);
	put(w, LCR, 0);
	put(w, FCR, 0x01);
	assert_int_equal(get(w, IIR) >> 6, 3);
	put(w, LCR, 0x80);
	assert_int_not_equal(get(w, 2), 0);
	put(w, LCR, 0xbf);
	assert_int_not_equal(get(w, 2), 0);
	put(w, LCR, 0);
	put(w, IER, 0x40); /* not an XScale */
	assert_int_equal(get(w, IER) & 0x40, 0);
	put(w, LCR, 0x80);
	put(w, FCR, 0x21); /* not a 16750 */
	assert_int_equal(get(w, IIR) & 0x20, 0);
	put(w, LCR, 0);
	put(w, FCR, 0);
	assert_int_equal(get(w, IIR) >> 6, 0);
}

static void the_scratch_register_keeps_its_value(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		put(*state, SCR, (uint8_t)v);
		assert_int_equal(get(*state, SCR), v);
	}
}

static void dlab_switches_to_the_divisor(void **state)
{
	struct world *w = *state;
	uint8_t byte;

	put(w, IER, 0x05);
	put(w, LCR, 0x83);
	put(w, DLL, 0x12);
	put(w, DLM, 0x34);
	assert_int_equal(get(w, DLL), 0x12);
	assert_int_equal(get(w, DLM), 0x34);
	put(w, LCR, 0x03);
	assert_int_equal(get(w, LCR), 0x03);
	assert_int_equal(get(w, IER), 0x05);
	assert_int_equal(drain(w, &byte, 1), 0); /* DLL was not sent */
}

static void reserved_bits_read_zero(void **state)
{
	put(*state, IER, 0xff);
	assert_int_equal(get(*state, IER), 0x0f);
	put(*state, MCR, 0xff);
	assert_int_equal(get(*state, MCR), 0x1f);
}

static void a_wider_access_touches_the_first_register_only(void **state)
{
	struct world *w = *state;
	uint64_t value;

	assert_true(bus_write(&w->bus, gpa(BASE + SCR), 1, 0x77));
	assert_true(bus_write(&w->bus, gpa(BASE + LCR), 4, 0x55555503));
	assert_int_equal(get(w, LCR), 0x03);
	assert_int_equal(get(w, MCR), 0);
	assert_true(bus_read(&w->bus, gpa(BASE + LCR), 4, &value));
	assert_int_equal(value, 0x03);
	assert_false(bus_read(&w->bus, gpa(BASE + SCR), 2, &value));
	assert_int_equal(get(w, SCR), 0x77);
}

/* Sending */

static void output_comes_out_in_order(void **state)
{
	struct world *w = *state;
	uint8_t out[16];

	for (const char *c = "hello"; *c; c++)
		put(w, THR, (uint8_t)*c);
	assert_int_equal(drain(w, out, 2), 2);
	assert_memory_equal(out, "he", 2);
	assert_int_equal(drain(w, out, sizeof(out)), 3);
	assert_memory_equal(out, "llo", 3);
	assert_int_equal(drain(w, out, sizeof(out)), 0);
}

static void the_console_is_told_once_a_burst(void **state)
{
	struct world *w = *state;
	static uint8_t out[UART_TX_RING];

	for (unsigned i = 0; i < 100; i++)
		put(w, THR, 'x');
	assert_int_equal(w->ready, 1);
	assert_int_equal(w->urgent, 0);
	for (unsigned i = 100; i < UART_TX_RING / 2; i++)
		put(w, THR, 'x');
	assert_int_equal(w->ready, 1);
	assert_int_equal(w->urgent, 1);
	put(w, THR, 'x');
	assert_int_equal(w->urgent, 1);
	drain(w, out, sizeof(out));
	put(w, THR, 'x');
	assert_int_equal(w->ready, 2);
}

static void the_ring_wraps_without_loss(void **state)
{
	struct world *w = *state;
	static uint8_t out[1000];
	uint8_t next_in = 0, next_out = 0;

	for (unsigned round = 0; round < 300; round++) {
		for (unsigned i = 0; i < 997; i++)
			put(w, THR, next_in++);
		assert_int_equal(drain(w, out, sizeof(out)), 997);
		for (unsigned i = 0; i < 997; i++)
			assert_int_equal(out[i], next_out++);
	}
}

/* A driver that fills the FIFO each time it sees THRE loses nothing however slow the console is. */
static void a_full_ring_holds_the_guest(void **state)
{
	struct world *w = *state;
	static uint8_t out[UART_TX_RING];
	unsigned sent = 0;

	put(w, IER, 0x02);
	while (sent < 5) /* the ring does not become full on a boundary of the guest's FIFO */
		put(w, THR, (uint8_t)sent++);
	while (get(w, LSR) & 0x20) {
		for (unsigned i = 0; i < UART_TX_FIFO; i++)
			put(w, THR, (uint8_t)sent++);
	}
	assert_int_equal(get(w, LSR) & 0x60, 0);
	assert_true(sent > UART_TX_RING - UART_TX_FIFO && sent <= UART_TX_RING);
	assert_int_equal(id(w), ID_NONE);
	assert_false(w->level);
	assert_int_equal(drain(w, out, UART_TX_FIFO), UART_TX_FIFO);
	assert_int_equal(get(w, LSR) & 0x60, 0x60);
	assert_true(w->level);
	assert_int_equal(id(w), ID_THRE);
	assert_int_equal(drain(w, out + UART_TX_FIFO, sizeof(out)), sent - UART_TX_FIFO);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(out[i], (uint8_t)i);
}

static void a_guest_that_ignores_thre_loses_only_the_excess(void **state)
{
	struct world *w = *state;
	static uint8_t out[UART_TX_RING + 1];

	for (unsigned i = 0; i < UART_TX_RING + 100; i++)
		put(w, THR, (uint8_t)i);
	assert_int_equal(drain(w, out, sizeof(out)), UART_TX_RING);
	for (unsigned i = 0; i < UART_TX_RING; i++)
		assert_int_equal(out[i], (uint8_t)i);
}

static void without_a_console_output_is_dropped(void **unused)
{
	static struct world w;

	(void)unused;
	memset(&w, 0, sizeof(w));
	uart_init(&w.uart, gpa(BASE), (struct irq_line){ set_irq, &w, INTID }, NULL, NULL);
	assert_int_equal(bus_add(&w.bus, &w.uart.dev, NULL), 0);
	for (unsigned i = 0; i < UART_TX_RING * 2; i++)
		put(&w, THR, 'x');
	assert_int_equal(get(&w, LSR), 0x60);
	open_port(&w, 0);
	assert_int_equal(type(&w, "ab", 2), 2);
	assert_int_equal(get(&w, RBR), 'a');
}

/* Interrupts of the transmitter */

static void thre_interrupts_when_enabled_and_until_iir_is_read(void **state)
{
	struct world *w = *state;

	put(w, IER, 0x02);
	assert_true(w->level);
	assert_int_equal(id(w), ID_THRE);
	assert_false(w->level);
	assert_int_equal(id(w), ID_NONE);
	put(w, IER, 0x02); /* enabled already: no new interrupt */
	assert_false(w->level);
	put(w, THR, 'x'); /* leaves at once: empty again */
	assert_true(w->level);
	put(w, IER, 0);
	assert_false(w->level);
	put(w, IER, 0x02);
	assert_int_equal(id(w), ID_THRE);
}

static void reading_iir_for_another_cause_keeps_thre(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	put(w, IER, 0x03);
	type(w, "a", 1);
	assert_int_equal(id(w), ID_RX);
	get(w, RBR);
	assert_int_equal(id(w), ID_THRE);
	assert_int_equal(id(w), ID_NONE);
}

static void the_line_is_driven_on_changes_only(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	put(w, IER, 0x03);
	assert_int_equal(w->changes, 1);
	for (unsigned i = 0; i < 100; i++)
		put(w, THR, 'x');
	type(w, "abc", 3);
	assert_int_equal(w->changes, 1);
	id(w);
	for (unsigned i = 0; i < 3; i++)
		get(w, RBR);
	assert_true(w->level); /* THRE is still pending */
	assert_int_equal(w->changes, 1);
	id(w);
	assert_int_equal(w->changes, 2);
}

/* Receiving */

static void input_is_read_in_order(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	assert_int_equal(type(w, "abc", 3), 3);
	for (const char *c = "abc"; *c; c++) {
		assert_int_equal(get(w, LSR), 0x61);
		assert_int_equal(get(w, RBR), *c);
	}
	assert_int_equal(get(w, LSR), 0x60);
	assert_int_equal(get(w, RBR), 0);
}

static void the_trigger_level_tells_data_from_timeout(void **state)
{
	static const unsigned level[] = { 1, 4, 8, 14 };
	struct world *w = *state;

	put(w, IER, 0x01);
	for (uint8_t code = 0; code < 4; code++) {
		open_port(w, code);
		put(w, FCR, 0x03 | code << 6);
		assert_int_equal(id(w), ID_NONE);
		for (unsigned n = 1; n <= UART_RX_FIFO; n++) {
			assert_int_equal(type(w, "x", 1), 1);
			assert_int_equal(id(w), n >= level[code] ? ID_RX : ID_TIMEOUT);
			assert_true(w->level);
		}
	}
	put(w, FCR, 0x03);
	assert_false(w->level);
}

static void a_disabled_receive_interrupt_stays_low(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	type(w, "x", 1);
	assert_false(w->level);
	assert_int_equal(id(w), ID_NONE);
	put(w, IER, 0x01);
	assert_true(w->level);
	get(w, RBR);
	assert_false(w->level);
}

static void input_beyond_the_fifo_waits_outside(void **state)
{
	struct world *w = *state;
	uint8_t in[100];

	memset(in, 'x', sizeof(in));
	open_port(w, 0);
	assert_int_equal(type(w, in, sizeof(in)), UART_RX_FIFO);
	assert_int_equal(get(w, LSR), 0x61); /* no overrun */
	assert_int_equal(type(w, in, 1), 0);
	assert_int_equal(w->space, 0);
	for (unsigned i = 0; i < UART_RX_FIFO; i++)
		get(w, RBR);
	assert_int_equal(w->space, 1);
	assert_int_equal(type(w, in, 36), 36);
	for (unsigned i = 0; i < 36; i++)
		get(w, RBR);
	assert_int_equal(w->space, 1); /* nothing was refused this time */
}

static void without_fifo_there_is_room_for_one_byte(void **state)
{
	struct world *w = *state;

	put(w, MCR, 0x02);
	assert_int_equal(type(w, "ab", 2), 1);
	assert_int_equal(get(w, RBR), 'a');
	assert_int_equal(w->space, 1);
	assert_int_equal(type(w, "b", 1), 1);
	assert_int_equal(get(w, RBR), 'b');
}

static void input_waits_until_the_guest_listens(void **state)
{
	struct world *w = *state;

	put(w, FCR, 0x01);
	assert_int_equal(type(w, "ab", 2), 0);
	for (unsigned i = 0; i < 4; i++) /* a driver starting up */
		get(w, LSR), get(w, RBR), get(w, IIR), get(w, MSR);
	assert_int_equal(w->space, 0);
	put(w, MCR, 0x02);
	assert_int_equal(w->space, 1);
	assert_int_equal(type(w, "ab", 2), 2);
	assert_int_equal(get(w, RBR), 'a');
}

static void a_guest_that_polls_listens(void **state)
{
	struct world *w = *state;

	put(w, FCR, 0x01);
	assert_int_equal(type(w, "ab", 2), 0);
	for (unsigned i = 0; i < 100 && !w->space; i++)
		get(w, LSR);
	assert_int_equal(w->space, 1);
	assert_int_equal(type(w, "ab", 2), 2);
	assert_int_equal(get(w, LSR) & 1, 1);
	assert_int_equal(get(w, RBR), 'a');
}

static void a_guest_that_prints_does_not_listen(void **state)
{
	struct world *w = *state;

	put(w, FCR, 0x01);
	type(w, "a", 1);
	for (unsigned i = 0; i < 1000; i++) {
		get(w, LSR);
		get(w, LSR);
		put(w, THR, 'x');
	}
	assert_int_equal(w->space, 0);
}

static void fcr_resets_the_receive_fifo(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	type(w, "abc", 3);
	put(w, FCR, 0x05); /* the transmit FIFO's reset does not */
	assert_int_equal(get(w, LSR) & 1, 1);
	put(w, FCR, 0x03);
	assert_int_equal(get(w, LSR), 0x60);
	type(w, "abc", 3);
	put(w, FCR, 0x00); /* turning FIFOs off empties them */
	assert_int_equal(get(w, LSR), 0x60);
	type(w, "a", 1);
	put(w, FCR, 0x02); /* without the enable bit, the others do not count */
	assert_int_equal(get(w, LSR), 0x61);
}

/* BREAK */

static void a_break_is_a_zero_with_its_flag_in_its_place(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	put(w, IER, 0x05);
	type(w, "a", 1);
	send_break(w);
	type(w, "h", 1);
	assert_int_equal(get(w, LSR), 0xe1); /* error somewhere in the FIFO, not yet here */
	assert_int_equal(id(w), ID_RX);
	assert_int_equal(get(w, RBR), 'a');
	assert_int_equal(id(w), ID_LINE);
	assert_int_equal(get(w, LSR), 0xf1);
	assert_int_equal(get(w, LSR), 0x61); /* reading cleared it */
	assert_int_equal(id(w), ID_RX);
	assert_int_equal(get(w, RBR), 0);
	assert_int_equal(get(w, LSR), 0x61);
	assert_int_equal(get(w, RBR), 'h');
}

static void a_break_at_a_full_fifo_is_not_lost(void **state)
{
	struct world *w = *state;
	uint8_t in[UART_RX_FIFO];

	memset(in, 'x', sizeof(in));
	open_port(w, 0);
	assert_int_equal(type(w, in, sizeof(in)), UART_RX_FIFO);
	send_break(w);
	for (unsigned i = 0; i < UART_RX_FIFO; i++) {
		assert_int_equal(get(w, LSR) & 0x10, 0);
		assert_int_equal(get(w, RBR), 'x');
	}
	assert_int_equal(get(w, LSR) & 0x11, 0x11);
	assert_int_equal(get(w, RBR), 0);
	assert_int_equal(get(w, LSR), 0x60);
}

/* Loopback */

static void loopback_returns_what_is_sent(void **state)
{
	struct world *w = *state;
	uint8_t byte;

	put(w, FCR, 0x01);
	put(w, IER, 0x01);
	put(w, MCR, 0x12);
	put(w, THR, 0x5a);
	assert_true(w->level);
	assert_int_equal(get(w, LSR), 0x61);
	assert_int_equal(get(w, RBR), 0x5a);
	assert_int_equal(drain(w, &byte, 1), 0);
	assert_int_equal(w->ready, 0);
}

static void loopback_overruns(void **state)
{
	struct world *w = *state;

	put(w, FCR, 0x01);
	put(w, IER, 0x04);
	put(w, MCR, 0x10);
	for (unsigned i = 0; i < UART_RX_FIFO; i++)
		put(w, THR, (uint8_t)i);
	assert_false(w->level);
	put(w, THR, 0xff);
	assert_int_equal(id(w), ID_LINE);
	assert_int_equal(get(w, LSR), 0x63);
	assert_false(w->level);
	for (unsigned i = 0; i < UART_RX_FIFO; i++) /* the FIFO kept its content */
		assert_int_equal(get(w, RBR), i);
	put(w, FCR, 0);
	put(w, THR, 1);
	put(w, THR, 2);
	assert_int_equal(get(w, LSR), 0x63);
	assert_int_equal(get(w, RBR), 2); /* without FIFO the new byte replaces the old */
}

static void loopback_reflects_the_modem_lines(void **state)
{
	static const uint8_t want[16] = { 0x00, 0x20, 0x10, 0x30, 0x40, 0x60, 0x50, 0x70,
					  0x80, 0xa0, 0x90, 0xb0, 0xc0, 0xe0, 0xd0, 0xf0 };

	for (unsigned v = 0; v < 16; v++) {
		put(*state, MCR, (uint8_t)(0x10 | v));
		assert_int_equal(get(*state, MSR) & 0xf0, want[v]);
	}
	put(*state, MCR, 0);
	assert_int_equal(get(*state, MSR) & 0xf0, 0xb0);
}

static void modem_changes_set_deltas_and_interrupt(void **state)
{
	struct world *w = *state;

	put(w, MCR, 0x1b); /* DTR RTS OUT2: the lines as they are outside */
	assert_int_equal(get(w, MSR), 0xb0);
	put(w, IER, 0x08);
	assert_false(w->level);
	put(w, MCR, 0x1a);
	assert_int_equal(id(w), ID_MODEM);
	assert_true(w->level);
	assert_int_equal(get(w, MSR), 0x92); /* DSR changed */
	assert_false(w->level);
	put(w, MCR, 0x1e); /* RI rises: no delta */
	assert_int_equal(get(w, MSR), 0xd0);
	put(w, MCR, 0x1a); /* RI falls: trailing edge */
	assert_int_equal(get(w, MSR), 0x94);
	put(w, MCR, 0x10);
	assert_int_equal(get(w, MSR), 0x09);
	assert_int_equal(get(w, MSR), 0x00);
}

static void input_waits_while_in_loopback(void **state)
{
	struct world *w = *state;

	open_port(w, 0);
	put(w, MCR, 0x1b);
	assert_int_equal(type(w, "a", 1), 0);
	send_break(w);
	assert_int_equal(get(w, LSR), 0x60);
	put(w, MCR, 0x0b);
	assert_int_equal(w->space, 1);
	assert_int_equal(type(w, "a", 1), 1);
	assert_int_equal(get(w, RBR), 'a');
}

/* Reset and state */

static void reset_restores_power_on_and_keeps_output(void **state)
{
	struct world *w = *state;
	uint8_t out[4];

	open_port(w, 1);
	put(w, IER, 0x0f);
	put(w, LCR, 0x03);
	put(w, SCR, 1);
	put(w, THR, 'x');
	type(w, "abc", 3);
	assert_true(w->level);
	bus_reset(&w->bus);
	assert_false(w->level);
	assert_int_equal(get(w, SCR), 0);
	power_on_values(state);
	assert_int_equal(drain(w, out, sizeof(out)), 1);
	assert_int_equal(out[0], 'x');
}

static void loaded_state_drives_the_interrupt(void **state)
{
	struct world *w = *state;
	struct uart_state saved;

	open_port(w, 0);
	put(w, IER, 0x01);
	type(w, "a", 1);
	saved = w->uart.state;
	build(state);
	w->uart.state = saved;
	bus_resume(&w->bus);
	assert_true(w->level);
	assert_int_equal(get(w, RBR), 'a');
	assert_false(w->level);
}

/* The line is high exactly if IIR shows an interrupt. */
static void assert_levels_agree(struct world *w)
{
	bool level = w->level;
	bool shown = !(get(w, IIR) & 1);

	assert_int_equal(level, shown);
}

/* Any bytes as loaded state, then any accesses: nothing is read or written out of bounds (the
 * sanitizers watch) and the levels agree at the end. */
static void hostile_loaded_state_stays_within_bounds(void **state)
{
	struct world *w = *state;
	unsigned seed = 1;

	for (unsigned round = 0; round < 500; round++) {
		uint8_t *bytes = (uint8_t *)&w->uart.state;

		for (size_t i = 0; i < sizeof(w->uart.state); i++)
			bytes[i] = round ? (uint8_t)rand_r(&seed) : 0xff;
		bus_resume(&w->bus);
		assert_true(w->uart.state.rx_len <= UART_RX_FIFO);
		for (unsigned i = 0; i < 200; i++) {
			int r = rand_r(&seed);

			if (r & 8)
				put(w, r & 7, (uint8_t)(r >> 8));
			else
				get(w, r & 7);
			if (!(r & 0x70))
				type(w, "abcdef", 6);
			if (!(r & 0x700))
				send_break(w);
		}
		assert_levels_agree(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_on_values, build),
		cmocka_unit_test_setup(a_probe_finds_a_16550a, build),
		cmocka_unit_test_setup(the_scratch_register_keeps_its_value, build),
		cmocka_unit_test_setup(dlab_switches_to_the_divisor, build),
		cmocka_unit_test_setup(reserved_bits_read_zero, build),
		cmocka_unit_test_setup(a_wider_access_touches_the_first_register_only, build),
		cmocka_unit_test_setup(output_comes_out_in_order, build),
		cmocka_unit_test_setup(the_console_is_told_once_a_burst, build),
		cmocka_unit_test_setup(the_ring_wraps_without_loss, build),
		cmocka_unit_test_setup(a_full_ring_holds_the_guest, build),
		cmocka_unit_test_setup(a_guest_that_ignores_thre_loses_only_the_excess, build),
		cmocka_unit_test(without_a_console_output_is_dropped),
		cmocka_unit_test_setup(thre_interrupts_when_enabled_and_until_iir_is_read, build),
		cmocka_unit_test_setup(reading_iir_for_another_cause_keeps_thre, build),
		cmocka_unit_test_setup(the_line_is_driven_on_changes_only, build),
		cmocka_unit_test_setup(input_is_read_in_order, build),
		cmocka_unit_test_setup(the_trigger_level_tells_data_from_timeout, build),
		cmocka_unit_test_setup(a_disabled_receive_interrupt_stays_low, build),
		cmocka_unit_test_setup(input_beyond_the_fifo_waits_outside, build),
		cmocka_unit_test_setup(without_fifo_there_is_room_for_one_byte, build),
		cmocka_unit_test_setup(input_waits_until_the_guest_listens, build),
		cmocka_unit_test_setup(a_guest_that_polls_listens, build),
		cmocka_unit_test_setup(a_guest_that_prints_does_not_listen, build),
		cmocka_unit_test_setup(fcr_resets_the_receive_fifo, build),
		cmocka_unit_test_setup(a_break_is_a_zero_with_its_flag_in_its_place, build),
		cmocka_unit_test_setup(a_break_at_a_full_fifo_is_not_lost, build),
		cmocka_unit_test_setup(loopback_returns_what_is_sent, build),
		cmocka_unit_test_setup(loopback_overruns, build),
		cmocka_unit_test_setup(loopback_reflects_the_modem_lines, build),
		cmocka_unit_test_setup(modem_changes_set_deltas_and_interrupt, build),
		cmocka_unit_test_setup(input_waits_while_in_loopback, build),
		cmocka_unit_test_setup(reset_restores_power_on_and_keeps_output, build),
		cmocka_unit_test_setup(loaded_state_drives_the_interrupt, build),
		cmocka_unit_test_setup(hostile_loaded_state_stays_within_bounds, build),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
