/*
 * The text of -n, and MAC addresses that nobody chose.
 *
 * Source: rasvm's own, of which mode, tapif, guest_mac, host_mac, guest_ip, host_ip, script, downscript, vhost,
 * fd, mq and trans are kvmtool's. State: none.
 */
#include "virtio/net_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/keylist.h"
#include "lib/parse.h"
#include "lib/types.h"

#define DEFAULT_BITS 24u

enum key {
	KEY_MODE,
	KEY_TAPIF,
	KEY_GUEST_MAC,
	KEY_MAC,
	KEY_HOST_MAC,
	KEY_GUEST_IP,
	KEY_HOST_IP,
	KEY_SCRIPT,
	KEY_DOWNSCRIPT,
	KEY_VHOST,
	KEY_FD,
	KEY_MQ,
	KEY_QUEUES,
	KEY_MTU,
	KEY_SOCKET,
	KEY_TCP,
	KEY_UDP,
	KEY_TRANS,
};

static const char *const mode_names[] = {
	[NET_MODE_TAP] = "tap",
	[NET_MODE_USER] = "user",
	[NET_MODE_NONE] = "none",
};

/* ---- parts ---- */

static int take_mode(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	unsigned mode;
	int r = keylist_choice("mode", value, mode_names, ARRAY_SIZE(mode_names), &mode, err);

	if (!r)
		o->mode = (enum net_mode)mode;
	return r;
}

static int copy_text(const char *name, const char *value, char *to, size_t room, struct err *err)
{
	size_t len = strlen(value);

	if (!len)
		return err_set(err, -EINVAL, "has nothing after %s=", name);
	if (len >= room)
		return err_set(err, -EINVAL, "has %zu characters after %s=: at most %zu are taken",
			       len, name, room - 1);
	memcpy(to, value, len + 1);
	return 0;
}

static int take_tapif(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	if (strchr(value, '/') || strchr(value, '%'))
		return err_set(err, -EINVAL, "has \"tapif=%s\": that is no name of an interface",
			       value);
	return copy_text("tapif", value, o->tapif, sizeof(o->tapif), err);
}

/* kvmtool's word for no script. */
static int take_a_script(const char *name, const char *value, char *to, size_t room,
			 struct err *err)
{
	if (strcmp(value, "none") == 0)
		return 0;
	return copy_text(name, value, to, room, err);
}

static int take_script(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return take_a_script("script", value, o->script, sizeof(o->script), err);
}

static int take_downscript(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return take_a_script("downscript", value, o->downscript, sizeof(o->downscript), err);
}

static int take_socket(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return copy_text("socket", value, o->socket, sizeof(o->socket), err);
}

static int take_tcp(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return copy_text("tcp", value, o->tcp, sizeof(o->tcp), err);
}

static int take_udp(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return copy_text("udp", value, o->udp, sizeof(o->udp), err);
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c);

	return c && at ? (int)(at - digits) : -1;
}

/* Six bytes of two digits with colons between them. */
static bool parse_mac(const char *text, uint8_t mac[NET_MAC_BYTES])
{
	for (unsigned i = 0; i < NET_MAC_BYTES; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < NET_MAC_BYTES ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int take_a_mac(const char *name, const char *value, uint8_t mac[NET_MAC_BYTES], bool *given,
		      struct err *err)
{
	static const uint8_t zero[NET_MAC_BYTES];
	uint8_t found[NET_MAC_BYTES];

	if (*given)
		return err_set(err, -EINVAL,
			       "has guest_mac= and mac=: they are the same, write one");
	if (!parse_mac(value, found))
		return err_set(err, -EINVAL,
			       "has \"%s=%s\": write six bytes, as in 02:00:00:12:34:56", name,
			       value);
	if (found[0] & 1 || memcmp(found, zero, sizeof(zero)) == 0)
		return err_set(err, -EINVAL, "has \"%s=%s\": that is %s, no interface can have it",
			       name, value, found[0] & 1 ? "a group address" : "no address");
	memcpy(mac, found, sizeof(found));
	*given = true;
	return 0;
}

static int take_guest_mac(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return take_a_mac("guest_mac", value, o->mac, &o->mac_given, err);
}

static int take_mac(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return take_a_mac("mac", value, o->mac, &o->mac_given, err);
}

static int take_host_mac(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;

	return take_a_mac("host_mac", value, o->host_mac, &o->host_mac_given, err);
}

static int take_address(const char *name, const char *value, uint32_t *ip, struct err *err)
{
	struct in_addr found;

	if (inet_pton(AF_INET, value, &found) != 1 || !found.s_addr)
		return err_set(err, -EINVAL,
			       "has \"%s=%s\": write an IPv4 address, as in 192.168.33.1", name,
			       value);
	*ip = ntohl(found.s_addr);
	return 0;
}

static int take_guest_ip(void *target, const char *value, struct err *err)
{
	return take_address("guest_ip", value, &((struct net_options *)target)->guest_ip, err);
}

static int take_host_ip(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(value, '/');
	size_t len = slash ? (size_t)(slash - value) : strlen(value);
	uint64_t bits = DEFAULT_BITS;

	if (len >= sizeof(address))
		return take_address("host_ip", value, &o->host_ip, err);
	memcpy(address, value, len);
	address[len] = '\0';
	if (slash && keylist_number("host_ip", slash + 1, 1, 32, &bits, NULL))
		return err_set(
			err, -EINVAL,
			"has \"host_ip=%s\": after the slash comes the length of the network's "
			"prefix, 1 to 32",
			value);
	o->host_bits = (unsigned)bits;
	return take_address("host_ip", address, &o->host_ip, err);
}

static int take_vhost(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	uint64_t on;
	int r = keylist_number("vhost", value, 0, 1, &on, err);

	if (!r)
		o->vhost = on ? NET_VHOST_ON : NET_VHOST_OFF;
	return r;
}

static int add_fd(struct net_options *o, const char *text, struct err *err)
{
	uint64_t fd;
	int r = keylist_number("fd", text, 0, INT32_MAX, &fd, err);

	if (r)
		return r;
	if (o->nfds == NET_MAX_PAIRS)
		return err_set(err, -EINVAL,
			       "has too many descriptors: at most %u, one a pair of queues",
			       NET_MAX_PAIRS);
	for (unsigned i = 0; i < o->nfds; i++)
		if (o->fd[i] == (int)fd)
			return err_set(err, -EINVAL, "names descriptor %d twice", (int)fd);
	o->fd[o->nfds++] = (int)fd;
	return 0;
}

static int take_fd(void *target, const char *value, struct err *err)
{
	char copy[KEYLIST_MAX_BYTES], *rest = copy;
	int r = 0;

	snprintf(copy, sizeof(copy), "%s", value);
	while (!r && rest) {
		char *text = strsep(&rest, ":");

		r = add_fd(target, text, err);
	}
	return r;
}

static int take_queues(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	uint64_t n;
	int r = keylist_number("queues", value, 1, NET_MAX_PAIRS, &n, err);

	if (!r)
		o->queues = (unsigned)n;
	return r;
}

/* kvmtool: 0 is one pair as well. */
static int take_mq(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	uint64_t n;
	int r = keylist_number("mq", value, 0, NET_MAX_PAIRS, &n, err);

	if (!r)
		o->queues = n ? (unsigned)n : 1;
	return r;
}

static int take_mtu(void *target, const char *value, struct err *err)
{
	struct net_options *o = target;
	uint64_t n;
	int r = keylist_number("mtu", value, NET_MIN_MTU, NET_MAX_MTU, &n, err);

	if (!r)
		o->mtu = (uint16_t)n;
	return r;
}

static int take_trans(void *target, const char *value, struct err *err)
{
	static const char *const names[] = { "virtio" };
	unsigned which;

	(void)target;
	return keylist_choice("trans", value, names, ARRAY_SIZE(names), &which, err);
}

static const struct keylist_key keys[] = {
	[KEY_MODE] = { "mode", take_mode, false },
	[KEY_TAPIF] = { "tapif", take_tapif, false },
	[KEY_GUEST_MAC] = { "guest_mac", take_guest_mac, false },
	[KEY_MAC] = { "mac", take_mac, false },
	[KEY_HOST_MAC] = { "host_mac", take_host_mac, false },
	[KEY_GUEST_IP] = { "guest_ip", take_guest_ip, false },
	[KEY_HOST_IP] = { "host_ip", take_host_ip, false },
	[KEY_SCRIPT] = { "script", take_script, false },
	[KEY_DOWNSCRIPT] = { "downscript", take_downscript, false },
	[KEY_VHOST] = { "vhost", take_vhost, false },
	[KEY_FD] = { "fd", take_fd, false },
	[KEY_MQ] = { "mq", take_mq, false },
	[KEY_QUEUES] = { "queues", take_queues, false },
	[KEY_MTU] = { "mtu", take_mtu, false },
	[KEY_SOCKET] = { "socket", take_socket, false },
	[KEY_TCP] = { "tcp", take_tcp, false },
	[KEY_UDP] = { "udp", take_udp, false },
	[KEY_TRANS] = { "trans", take_trans, false },
};

static const struct keylist list = {
	.keys = keys,
	.nkeys = ARRAY_SIZE(keys),
	.form = "none, or parts of mode=tap|user|none,tapif=NAME,mac=MAC,host_mac=MAC,guest_ip=ADDR,"
		"host_ip=ADDR[/BITS],script=FILE,downscript=FILE,vhost=0|1,fd=N,queues=N,mtu=N,"
		"socket=PATH,tcp=PORTS,udp=PORTS",
};

/* ---- what goes together ---- */

#define BIT(key) (1u << (key))

/* Parts that say nothing without a tap of ours, or without passt. */
#define TAP_KEYS (BIT(KEY_TAPIF) | BIT(KEY_SCRIPT) | BIT(KEY_DOWNSCRIPT))
/* What a passt is told that rasvm starts. */
#define START_KEYS (BIT(KEY_TCP) | BIT(KEY_UDP) | BIT(KEY_GUEST_IP))

static const char *first_of(unsigned given)
{
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++)
		if (given & BIT(i))
			return keys[i].name;
	return "";
}

static int check_user(const struct net_options *o, unsigned given, struct err *err)
{
	if (given & TAP_KEYS)
		return err_set(err, -EINVAL, "has %s=, which belongs to mode=tap",
			       first_of(given & TAP_KEYS));
	if (o->vhost == NET_VHOST_ON)
		return err_set(err, -EINVAL, "has vhost=1, which works with a tap only: mode=tap");
	if (o->queues > 1)
		return err_set(err, -EINVAL, "asks for %u pairs of queues: passt serves one",
			       o->queues);
	if (o->mtu > NET_MAX_USER_MTU)
		return err_set(err, -EINVAL, "has mtu=%u: with passt it is at most %u", o->mtu,
			       NET_MAX_USER_MTU);
	return 0;
}

static int check_tap(unsigned given, struct err *err)
{
	unsigned wrong = given & (BIT(KEY_SOCKET) | BIT(KEY_TCP) | BIT(KEY_UDP));

	if (wrong)
		return err_set(err, -EINVAL, "has %s=, which belongs to mode=user",
			       first_of(wrong));
	return 0;
}

/* What an inherited descriptor is shows when it is opened. */
static int check_fd(struct net_options *o, unsigned given, struct err *err)
{
	unsigned wrong = given & (TAP_KEYS | START_KEYS | BIT(KEY_SOCKET) | BIT(KEY_HOST_IP) |
				  BIT(KEY_HOST_MAC));

	if (wrong)
		return err_set(err, -EINVAL,
			       "has fd= and %s=: who opened the descriptor has to set that up",
			       first_of(wrong));
	if (given & (BIT(KEY_MQ) | BIT(KEY_QUEUES)) && o->queues != o->nfds)
		return err_set(err, -EINVAL, "asks for %u pairs of queues and has %u descriptors",
			       o->queues, o->nfds);
	o->queues = o->nfds;
	return 0;
}

static int check(struct net_options *o, unsigned given, struct err *err)
{
	unsigned wrong = given & (START_KEYS | BIT(KEY_HOST_IP) | BIT(KEY_HOST_MAC));

	if ((given & (BIT(KEY_MQ) | BIT(KEY_QUEUES))) == (BIT(KEY_MQ) | BIT(KEY_QUEUES)))
		return err_set(err, -EINVAL, "has mq= and queues=: they are the same, write one");
	if (given & BIT(KEY_SOCKET) && !(given & BIT(KEY_MODE)))
		o->mode = NET_MODE_USER;
	if (o->mode == NET_MODE_NONE && given & ~BIT(KEY_MODE))
		return err_set(err, -EINVAL, "has %s= for no interface: leave it out",
			       first_of(given & ~BIT(KEY_MODE)));
	if (given & BIT(KEY_SOCKET) && wrong)
		return err_set(err, -EINVAL,
			       "has socket= and %s=: who started passt has to tell it that",
			       first_of(wrong));
	if (given & BIT(KEY_FD))
		return check_fd(o, given, err);
	return o->mode == NET_MODE_USER ? check_user(o, given, err) : check_tap(given, err);
}

int net_options_parse(struct net_options *o, const char *text, struct err *err)
{
	struct net_options found = { .queues = 1, .host_bits = DEFAULT_BITS };
	unsigned given;
	int r;

	if (strcmp(text, "none") == 0) {
		found.mode = NET_MODE_NONE;
		*o = found;
		return 0;
	}
	r = keylist_parse(&list, &found, NULL, text, &given, err);
	if (!r)
		r = check(&found, given, err);
	if (!r)
		*o = found;
	return r;
}

/* ---- printing ---- */

static void print_text(const char *name, const char *text, FILE *out)
{
	if (!*text)
		return;
	fprintf(out, ",%s=", name);
	for (; *text; text++)
		fprintf(out, *text == ',' ? "\\%c" : "%c", *text);
}

static void print_mac(const char *name, bool given, const uint8_t mac[NET_MAC_BYTES], FILE *out)
{
	if (given)
		fprintf(out, ",%s=%02x:%02x:%02x:%02x:%02x:%02x", name, mac[0], mac[1], mac[2],
			mac[3], mac[4], mac[5]);
}

static void print_ip(const char *name, uint32_t ip, FILE *out)
{
	if (ip)
		fprintf(out, ",%s=%u.%u.%u.%u", name, ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
			ip & 255);
}

static void print_fds(const struct net_options *o, FILE *out)
{
	for (unsigned i = 0; i < o->nfds; i++)
		fprintf(out, "%s%d", i ? ":" : ",fd=", o->fd[i]);
}

void net_options_print(const struct net_options *o, FILE *out)
{
	fprintf(out, "mode=%s", mode_names[o->mode]);
	print_text("tapif", o->tapif, out);
	print_mac("mac", o->mac_given, o->mac, out);
	print_mac("host_mac", o->host_mac_given, o->host_mac, out);
	print_ip("guest_ip", o->guest_ip, out);
	print_ip("host_ip", o->host_ip, out);
	if (o->host_ip)
		fprintf(out, "/%u", o->host_bits);
	print_text("script", o->script, out);
	print_text("downscript", o->downscript, out);
	if (o->vhost != NET_VHOST_AUTO)
		fprintf(out, ",vhost=%d", o->vhost == NET_VHOST_ON);
	print_fds(o, out);
	if (o->queues > 1)
		fprintf(out, ",queues=%u", o->queues);
	if (o->mtu)
		fprintf(out, ",mtu=%u", o->mtu);
	print_text("socket", o->socket, out);
	print_text("tcp", o->tcp, out);
	print_text("udp", o->udp, out);
}

/* ---- addresses that nobody chose ---- */

/* FNV-1a, 64 bits. */
uint64_t net_seed(uint64_t seed, const void *data, size_t n)
{
	const uint8_t *byte = data;
	uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* 40 bits of the hash after a first byte that says: one interface, locally administered. */
void net_default_mac(uint64_t seed, unsigned index, uint8_t mac[NET_MAC_BYTES])
{
	uint64_t hash = net_seed(seed, &index, sizeof(index));

	/* The last bytes of the text reach the upper half only so. */
	hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	mac[0] = 0x02;
	for (unsigned i = 1; i < NET_MAC_BYTES; i++)
		mac[i] = (uint8_t)(hash >> (8 * i + 16));
}
