/*
 * The control queue: commands of the driver, each with an answer of one byte.
 *
 * Source: virtio 1.2, 5.1.6.5. Owner: the I/O thread.
 * Left out: what is not offered (VLAN filter, announcing, receive-side scaling, offloads at run time). The
 * receive mode is kept, and lists of addresses are checked, but neither filters anything (net_rx.c).
 */
#include <string.h>

#include "lib/bytes.h"
#include "lib/types.h"
#include "virtio/net_private.h"

enum { ACK_OK, ACK_ERROR };

#define CLASS_RX  0u
#define CLASS_MAC 1u
#define CLASS_MQ  4u

#define MAC_TABLE_SET 0u
#define MAC_ADDR_SET  1u
#define MQ_PAIRS_SET  0u

#define RX_LAST_BASIC 1u /* promiscuous, all-multicast */
#define RX_LAST       5u /* all-unicast, no multicast, no unicast, no broadcast */

#define COMMANDS_A_TURN 8u
#define COMMAND_BYTES   2u

/* A command, without its two bytes of class and number. */
struct command {
	uint8_t class, number;
	const struct virtq_chain *chain;
	uint64_t bytes; /* of what belongs to it */
};

/* All of `n` bytes from `offset` on. */
static bool read_at(const struct command *c, uint64_t offset, void *to, size_t n)
{
	return virtq_read(c->chain, COMMAND_BYTES + offset, to, n) == (ssize_t)n;
}

/* 5.1.6.5.1 */
static bool set_rx_mode(struct virtio_net *net, const struct command *c)
{
	uint64_t feature =
		c->number <= RX_LAST_BASIC ? VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA;
	uint8_t on;

	if (c->number > RX_LAST || !virtio_has(&net->virtio, feature))
		return false;
	if (!read_at(c, 0, &on, sizeof(on)) || on > 1)
		return false;
	net->state.rx_mode &= (uint8_t) ~(1u << c->number);
	net->state.rx_mode |= (uint8_t)(on << c->number);
	return true;
}

/* 5.1.6.5.2: the MAC address. A group address is none. */
static bool set_address(struct virtio_net *net, const struct command *c)
{
	uint8_t mac[8] = { 0 };

	if (!virtio_has(&net->virtio, VIRTIO_NET_F_CTRL_MAC_ADDR) || c->bytes != NET_MAC_BYTES)
		return false;
	if (!read_at(c, 0, mac, NET_MAC_BYTES) || mac[0] & 1)
		return false;
	__atomic_store_n(&net->state.mac, le64_at(mac), __ATOMIC_RELAXED);
	return true;
}

/* A number of addresses, and the addresses. Where it ends; 0: it is longer than the command. */
static uint64_t skip_table(const struct command *c, uint64_t at)
{
	uint8_t raw[4];
	uint64_t end;

	if (!read_at(c, at, raw, sizeof(raw)))
		return 0;
	end = at + sizeof(raw) + (uint64_t)le32_at(raw) * NET_MAC_BYTES;
	return end <= c->bytes ? end : 0;
}

/* Two tables, of addresses of interfaces and of groups. */
static bool set_tables(const struct virtio_net *net, const struct command *c)
{
	uint64_t end;

	if (!virtio_has(&net->virtio, VIRTIO_NET_F_CTRL_RX))
		return false;
	end = skip_table(c, 0);
	return end && skip_table(c, end);
}

/* 5.1.6.5.5 */
static bool set_pairs(struct virtio_net *net, const struct command *c)
{
	uint8_t raw[2];
	unsigned n;

	if (c->number != MQ_PAIRS_SET || !virtio_has(&net->virtio, VIRTIO_NET_F_MQ))
		return false;
	if (!read_at(c, 0, raw, sizeof(raw)))
		return false;
	n = le16_at(raw);
	return n >= 1 && n <= net->backend->pairs && net_use_pairs(net, n) == 0;
}

static bool carry_out(struct virtio_net *net, const struct command *c)
{
	switch (c->class) {
	case CLASS_RX:
		return set_rx_mode(net, c);
	case CLASS_MAC:
		if (c->number == MAC_ADDR_SET)
			return set_address(net, c);
		return c->number == MAC_TABLE_SET && set_tables(net, c);
	case CLASS_MQ:
		return set_pairs(net, c);
	}
	return false;
}

/* The bytes to write back. A command without room for the answer is not carried out. */
static uint32_t answer(struct virtio_net *net, const struct virtq_chain *chain)
{
	uint8_t head[COMMAND_BYTES], ack = ACK_ERROR;
	struct command c = { .chain = chain };

	if (chain->write_bytes < sizeof(ack)) {
		net_count(&net->virtio.counts.errors, 1);
		return 0;
	}
	if (virtq_read(chain, 0, head, sizeof(head)) == (ssize_t)sizeof(head)) {
		c.class = head[0];
		c.number = head[1];
		c.bytes = chain->read_bytes - COMMAND_BYTES;
		ack = carry_out(net, &c) ? ACK_OK : ACK_ERROR;
	}
	return virtq_write(chain, 0, &ack, sizeof(ack)) == 1 ? 1 : 0;
}

/* Served with kicks on: commands are few. One may take all queues out of use and into it again, so not many at a
 * time. */
void net_control_serve(struct virtio_net *net)
{
	unsigned n = net_control_queue(net), done = 0;
	struct virtq *q = &net->queue[n];
	/* Not net->chain: pairs that come into use take buffers. */
	struct virtq_chain chain;

	while (done < COMMANDS_A_TURN &&
	       (virtio_pop(&net->virtio, n, &chain) ||
		(virtq_want_kicks(q) && virtio_pop(&net->virtio, n, &chain)))) {
		virtq_push(q, &chain, answer(net, &chain));
		done++;
	}
	virtio_interrupt(&net->virtio, n);
	net->control_again = done == COMMANDS_A_TURN;
	if (net->control_again)
		net_serve_again(net);
}
