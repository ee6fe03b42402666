/*
 * The options of a network interface, in kvmtool's form of -n:
 * [mode=tap|user|none][,tapif=NAME][,guest_mac=MAC][,mac=MAC][,host_mac=MAC][,guest_ip=ADDR][,host_ip=ADDR[/BITS]]
 * [,script=FILE][,downscript=FILE][,vhost=0|1][,fd=N[:N...]][,mq=N][,queues=N][,mtu=N][,socket=PATH]
 * [,tcp=PORTS][,udp=PORTS][,trans=virtio], or "none". mode=user is passt. Pure.
 */
#ifndef VIRTIO_NET_OPTIONS_H
#define VIRTIO_NET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/err.h"

#define NET_MAX_PAIRS    8u /* of a receive and a transmit queue */
#define NET_MAC_BYTES    6u
#define NET_MIN_MTU      68u /* virtio 1.2, 5.1.4.1 */
#define NET_MAX_MTU      65535u
#define NET_MAX_USER_MTU 65520u /* what passt takes */

enum net_mode { NET_MODE_TAP, NET_MODE_USER, NET_MODE_NONE };

enum net_vhost {
	NET_VHOST_AUTO, /* with a tap, where the host's kernel has it */
	NET_VHOST_OFF,
	NET_VHOST_ON, /* or a message that it is not there */
};

/* Plain data; strings are copies, empty: not given. Addresses are in the host's byte order, 0: not given. */
struct net_options {
	enum net_mode mode;
	char tapif[16]; /* an interface; empty: a new one */
	char script[256],
		downscript[256]; /* run with the interface's name when it is up, and at the end */
	char socket[108];        /* where a passt listens that somebody else runs */
	char tcp[128],
		udp[128];      /* ports of the host that lead to the guest, as passt writes them */
	int fd[NET_MAX_PAIRS]; /* inherited: a tap, or a socket */
	unsigned nfds;
	unsigned queues; /* pairs, 1..NET_MAX_PAIRS */
	uint16_t mtu;    /* 0: not given */
	enum net_vhost vhost;
	bool mac_given, host_mac_given;
	uint8_t mac[NET_MAC_BYTES];      /* the guest's */
	uint8_t host_mac[NET_MAC_BYTES]; /* the host's end of it */
	uint32_t guest_ip, host_ip;
	unsigned host_bits;     /* length of the prefix of host_ip */
	const char *guest_name; /* not parsed: who builds the machine fills it in; or NULL */
};

/* Read `text`. 0, or -errno with `err`, a sentence that continues after the quoted text; *o is then as it
 * was. */
int net_options_parse(struct net_options *o, const char *text, struct err *err)
	__attribute__((warn_unused_result));

/* Write the form that net_options_parse() reads. */
void net_options_print(const struct net_options *o, FILE *out);

/* The MAC address of interface `index` of a guest that was not given one: locally administered, and the same
 * for the same `seed`. */
void net_default_mac(uint64_t seed, unsigned index, uint8_t mac[NET_MAC_BYTES]);

/* A seed from bytes that are the guest's own. */
uint64_t net_seed(uint64_t seed, const void *data, size_t n);

#endif
