/*
 * A network backend over a tap interface: one descriptor a pair of queues, each frame with the header of
 * virtio in front of it, so that checksums and segmentation are left to the host's kernel where the guest
 * leaves them out. Frames go between the guest's memory and the kernel without a copy in between.
 *
 * Source: Linux Documentation/networking/tuntap.rst, <linux/if_tun.h>; virtio 1.2, 5.1.6.
 * The I/O thread owns it. Left out: the kernel's receive filter (TUNSETTXFILTER), UDP segmentation.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/types.h"
#include "virtio/net.h"
#include "virtio/net_backend.h"
#include "virtio/net_spawn.h"

#define TUN_PATH "/dev/net/tun"

/* kvmtool's address of the host's end, of the first interface; the next is in the next network. */
#define DEFAULT_HOST_IP 0xc0a82101u /* 192.168.33.1 */

#define VLAN_HEADER_BYTES 18u

struct net_tap {
	struct net_backend backend; /* first */
	int fd[NET_MAX_PAIRS];
	unsigned nfds, attached;
	char ifname[IFNAMSIZ];
	char downscript[256]; /* empty: none */
};

static struct net_tap *to_tap(struct net_backend *b)
{
	return (struct net_tap *)b;
}

/* ---- frames ---- */

/* The interface was deleted, or its queue taken away. */
static int tap_error(int error)
{
	return error == EBADFD || error == ENODEV || error == EBADF ? -EPIPE : -error;
}

static int tap_send(struct net_backend *b, unsigned pair, const struct iovec *iov, unsigned n,
		    size_t bytes)
{
	ssize_t sent = writev(to_tap(b)->fd[pair], iov, (int)n);

	(void)bytes;
	return sent < 0 ? tap_error(errno) : 0;
}

static ssize_t tap_receive(struct net_backend *b, unsigned pair, const struct iovec *iov,
			   unsigned n)
{
	ssize_t got = readv(to_tap(b)->fd[pair], iov, (int)n);

	return got < 0 ? tap_error(errno) : got;
}

static int tap_fd(const struct net_backend *b, unsigned pair)
{
	return ((const struct net_tap *)b)->fd[pair];
}

static const struct {
	uint64_t feature;
	unsigned flag;
} offloads[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
};

/* What the guest may be given. What it gives needs nothing: the header says it. */
static int tap_set_offload(struct net_backend *b, uint64_t features)
{
	const struct net_tap *tap = to_tap(b);
	unsigned flags = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(offloads); i++)
		if (features & offloads[i].feature)
			flags |= offloads[i].flag;
	/* 5.1.3.1: some mean nothing without others, and the kernel refuses them. */
	if (!(flags & (TUN_F_TSO4 | TUN_F_TSO6)))
		flags &= ~(unsigned)TUN_F_TSO_ECN;
	if (!(flags & TUN_F_CSUM))
		flags = 0;
	return ioctl(tap->fd[0], TUNSETOFFLOAD, (unsigned long)flags) < 0 ? -errno : 0;
}

static int attach(const struct net_tap *tap, unsigned pair, bool on)
{
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	return ioctl(tap->fd[pair], TUNSETQUEUE, &ifr) < 0 ? -errno : 0;
}

/* The kernel spreads frames over those that are attached. */
static int tap_set_pairs(struct net_backend *b, unsigned n)
{
	struct net_tap *tap = to_tap(b);
	int r = 0;

	for (; !r && tap->attached < n; tap->attached += !r)
		r = attach(tap, tap->attached, true);
	for (; !r && tap->attached > n; tap->attached -= !r)
		r = attach(tap, tap->attached - 1, false);
	return r;
}

static void close_all(struct net_tap *tap)
{
	while (tap->nfds)
		close(tap->fd[--tap->nfds]);
}

static void tap_close(struct net_backend *b)
{
	struct net_tap *tap = to_tap(b);
	struct err err = { "" };

	if (tap->downscript[0] && net_run_script(tap->downscript, tap->ifname, &err))
		log_warn("%s: %s", tap->ifname, err.text);
	close_all(tap);
	free(tap);
}

static const struct net_backend_ops tap_ops = {
	.name = "tap",
	.send = tap_send,
	.receive = tap_receive,
	.fd = tap_fd,
	.set_offload = tap_set_offload,
	.set_pairs = tap_set_pairs,
	.close = tap_close,
};

static struct net_tap *new_tap(const char *label, struct err *err)
{
	struct net_tap *tap = calloc(1, sizeof(*tap));

	if (!tap) {
		err_set(err, -ENOMEM, "%s: no memory for the tap's state", label);
		return NULL;
	}
	tap->backend.ops = &tap_ops;
	tap->backend.tap = true;
	return tap;
}

/* ---- opening ---- */

static int open_tun(const char *label, struct err *err)
{
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_set(err, -errno,
			       "%s: " TUN_PATH
			       " is not there: load the module (modprobe tun), or use "
			       "mode=user",
			       label);
	if (errno == EACCES || errno == EPERM)
		return err_set(err, -errno,
			       "%s: no permission to open " TUN_PATH
			       ": ask for it, or use mode=user",
			       label);
	return err_set(err, -errno, "%s: cannot open " TUN_PATH ": %s", label, strerror(errno));
}

static int cannot_join(const struct net_options *o, const char *label, int error, struct err *err)
{
	const char *name = *o->tapif ? o->tapif : "a new tap";
	const char *many = o->queues > 1 ? " multi_queue" : "";

	if (error == EPERM)
		return err_set(
			err, -error,
			"%s: no permission to use %s: have root make one for you (ip tuntap add "
			"NAME mode tap user $USER%s) and name it by tapif=, or use mode=user",
			label, name, many);
	if (error == EBUSY)
		return err_set(err, -error, "%s: %s is used by another program", label, name);
	if (error == EINVAL && *o->tapif)
		return err_set(
			err, -error,
			"%s: %s cannot be used with %u pair%s of queues: is it a tap (not a tun), "
			"made %s multi_queue?",
			label, name, o->queues, o->queues > 1 ? "s" : "",
			o->queues > 1 ? "with" : "without");
	return err_set(err, -error, "%s: cannot use %s: %s", label, name, strerror(error));
}

/* One more queue of the interface, which is made if there is none of that name. */
static int join(struct net_tap *tap, const struct net_options *o, const char *label,
		struct err *err)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
	int fd = open_tun(label, err);

	if (fd < 0)
		return fd;
	if (o->queues > 1)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	memcpy(ifr.ifr_name, tap->ifname, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		int r = cannot_join(o, label, errno, err);

		close(fd);
		return r;
	}
	memcpy(tap->ifname, ifr.ifr_name, IFNAMSIZ);
	tap->ifname[IFNAMSIZ - 1] = '\0';
	tap->fd[tap->nfds++] = fd;
	return 0;
}

static int set_header(const struct net_tap *tap, const char *label, struct err *err)
{
	int bytes = NET_HEADER_BYTES, little = 1;

	for (unsigned i = 0; i < tap->nfds; i++) {
		if (ioctl(tap->fd[i], TUNSETVNETHDRSZ, &bytes) < 0)
			return err_set(err, -errno, "%s: %s takes no header of %d bytes: %s", label,
				       tap->backend.name, bytes, strerror(errno));
		/* An older kernel has no such call, and the order of the CPU. */
		if (ioctl(tap->fd[i], TUNSETVNETLE, &little) < 0 && errno != EINVAL &&
		    errno != ENOTTY)
			return err_set(err, -errno, "%s: %s: %s", label, tap->backend.name,
				       strerror(errno));
	}
	return 0;
}

/* ---- the host's end ---- */

/* An ioctl on the interface: its ifreq without the name. */
static int configure(const struct net_tap *tap, unsigned long request, struct ifreq *ifr)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (sock < 0)
		return -errno;
	memcpy(ifr->ifr_name, tap->ifname, IFNAMSIZ);
	r = ioctl(sock, request, ifr) < 0 ? -errno : 0;
	close(sock);
	return r;
}

static int cannot_configure(const struct net_tap *tap, const char *label, const char *what, int r,
			    struct err *err)
{
	return err_set(err, r, "%s: cannot set the %s of %s: %s%s", label, what, tap->ifname,
		       strerror(-r), r == -EPERM ? "; have root do it, or use mode=user" : "");
}

static int set_address(const struct net_tap *tap, unsigned long request, uint32_t address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	struct ifreq ifr = { .ifr_flags = 0 };

	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	return configure(tap, request, &ifr);
}

static int set_host_ip(const struct net_tap *tap, uint32_t ip, unsigned bits)
{
	int r = set_address(tap, SIOCSIFADDR, ip);

	return r ? r : set_address(tap, SIOCSIFNETMASK, ~(uint32_t)0 << (32 - bits));
}

/* Does an interface other than `ifname` have this address? */
static bool is_address_of_another(const struct ifaddrs *a, const char *ifname, uint32_t ip)
{
	struct sockaddr_in in;

	if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET || strcmp(a->ifa_name, ifname) == 0)
		return false;
	memcpy(&in, a->ifa_addr, sizeof(in));
	return ntohl(in.sin_addr.s_addr) == ip;
}

/* The host sends what is for the guests of two interfaces with one address to one of them: that is somebody's
 * wish hardly ever, and a second rasvm's default otherwise. */
static void warn_of_shared_ip(const struct net_tap *tap, uint32_t ip, const char *label)
{
	struct in_addr in = { .s_addr = htonl(ip) };
	char text[INET_ADDRSTRLEN];
	struct ifaddrs *all;

	if (getifaddrs(&all) < 0)
		return;
	inet_ntop(AF_INET, &in, text, sizeof(text));
	for (const struct ifaddrs *a = all; a; a = a->ifa_next)
		if (is_address_of_another(a, tap->ifname, ip)) {
			log_warn(
				"%s: %s, the address for %s, is that of %s already, and the host "
				"reaches only one of the two: choose another network with host_ip=",
				label, text, tap->ifname, a->ifa_name);
			break;
		}
	freeifaddrs(all);
}

static int set_host_mac(const struct net_tap *tap, const uint8_t mac[NET_MAC_BYTES])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };

	memcpy(ifr.ifr_hwaddr.sa_data, mac, NET_MAC_BYTES);
	return configure(tap, SIOCSIFHWADDR, &ifr);
}

static int set_mtu(const struct net_tap *tap, unsigned mtu)
{
	struct ifreq ifr = { .ifr_mtu = (int)mtu };

	return configure(tap, SIOCSIFMTU, &ifr);
}

/* An interface that was there keeps its own; the guest's longer frames would get lost without a word. */
static void warn_of_lower_mtu(const struct net_tap *tap, unsigned mtu, const char *label)
{
	struct ifreq ifr = { .ifr_mtu = 0 };

	if (configure(tap, SIOCGIFMTU, &ifr) == 0 && (unsigned)ifr.ifr_mtu < mtu)
		log_warn("%s: the guest is told mtu=%u, but that of %s is %d: have root set it "
			 "(ip link set %s mtu %u)",
			 label, mtu, tap->ifname, ifr.ifr_mtu, tap->ifname, mtu);
}

static int set_up(const struct net_tap *tap)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	int r = configure(tap, SIOCGIFFLAGS, &ifr);

	if (r || ifr.ifr_flags & IFF_UP)
		return r;
	ifr.ifr_flags |= IFF_UP;
	return configure(tap, SIOCSIFFLAGS, &ifr);
}

/* As kvmtool does: an interface that was there is as its owner wants it, a new one gets an address unless a
 * script sees to it. */
static uint32_t wanted_host_ip(const struct net_options *o, bool existed, unsigned index)
{
	if (o->host_ip || existed || *o->script)
		return o->host_ip;
	return DEFAULT_HOST_IP + (index & 0x7f) * 0x100;
}

static int set_up_host(struct net_tap *tap, const struct net_options *o, const char *label,
		       bool existed, unsigned index, struct err *err)
{
	uint32_t ip = wanted_host_ip(o, existed, index);
	int r = o->host_mac_given ? set_host_mac(tap, o->host_mac) : 0;

	if (r)
		return cannot_configure(tap, label, "MAC address", r, err);
	if (o->mtu && existed)
		warn_of_lower_mtu(tap, o->mtu, label);
	r = o->mtu && !existed ? set_mtu(tap, o->mtu) : 0;
	if (r)
		return cannot_configure(tap, label, "MTU", r, err);
	if (ip)
		warn_of_shared_ip(tap, ip, label);
	r = ip ? set_host_ip(tap, ip, o->host_bits) : 0;
	if (r)
		return cannot_configure(tap, label, "address", r, err);
	r = *o->script ? net_run_script(o->script, tap->ifname, err) : 0;
	if (r)
		return r;
	/* What the script did is undone whatever fails from now on. */
	memcpy(tap->downscript, o->downscript, sizeof(tap->downscript));
	r = set_up(tap);
	return r ? cannot_configure(tap, label, "state (up)", r, err) : 0;
}

/* Frames without offload are as long as the interface lets them be. */
static uint32_t usual_bytes(const struct net_tap *tap)
{
	struct ifreq ifr = { .ifr_mtu = 0 };

	if (configure(tap, SIOCGIFMTU, &ifr) || ifr.ifr_mtu < 1500 || ifr.ifr_mtu > 65535)
		return 1500 + VLAN_HEADER_BYTES;
	return (uint32_t)ifr.ifr_mtu + VLAN_HEADER_BYTES;
}

/* Until a driver asks for more, one queue takes all. */
static int finish(struct net_tap *tap, const char *label, struct err *err)
{
	struct net_backend *b = &tap->backend;
	int r;

	b->pairs = tap->attached = tap->nfds;
	b->usual_bytes = usual_bytes(tap);
	r = b->offload ? tap_set_offload(b, 0) : 0;
	if (!r && b->pairs > 1)
		r = tap_set_pairs(b, 1);
	return r ? err_set(err, r, "%s: cannot set up the queues of %s: %s", label, b->name,
			   strerror(-r))
		 : 0;
}

static int make(struct net_tap *tap, const struct net_options *o, const char *label, unsigned index,
		struct err *err)
{
	static const char new_name[IFNAMSIZ] = "tap%d";
	bool existed = *o->tapif && if_nametoindex(o->tapif);
	int r = 0;

	memcpy(tap->ifname, *o->tapif ? o->tapif : new_name, IFNAMSIZ);
	while (!r && tap->nfds < o->queues)
		r = join(tap, o, label, err);
	if (r)
		return r;
	memcpy(tap->backend.name, tap->ifname, IFNAMSIZ);
	tap->backend.header_bytes = NET_HEADER_BYTES;
	tap->backend.offload = true;
	r = set_header(tap, label, err);
	if (!r)
		r = set_up_host(tap, o, label, existed, index, err);
	return r ? r : finish(tap, label, err);
}

int net_tap_open(struct net_backend **b, const struct net_options *o, const char *label,
		 unsigned index, struct err *err)
{
	struct net_tap *tap = new_tap(label, err);
	int r;

	if (!tap)
		return -ENOMEM;
	r = make(tap, o, label, index, err);
	if (r) {
		tap_close(&tap->backend);
		return r;
	}
	*b = &tap->backend;
	return 0;
}

/* ---- inherited ---- */

/* Whether packet information comes before each frame (no IFF_NO_PI) the kernel does not tell: TUNGETIFF uses
 * that bit for another thing. */
static int check_flags(const struct ifreq *ifr, int fd, const char *label, struct err *err)
{
	if (ifr->ifr_flags & IFF_TAP)
		return 0;
	return err_set(err, -EINVAL,
		       "%s: descriptor %d is a tun, which carries no Ethernet: open a tap, with "
		       "IFF_NO_PI",
		       label, fd);
}

static int inherit(struct net_tap *tap, int fd, const char *label, struct err *err)
{
	struct ifreq ifr = { .ifr_flags = 0 };
	bool header;
	int r;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return err_set(err, -errno, "%s: descriptor %d is no tap: %s", label, fd,
			       strerror(errno));
	r = check_flags(&ifr, fd, label, err);
	if (r)
		return r;
	header = ifr.ifr_flags & IFF_VNET_HDR;
	if (tap->nfds && header != !!tap->backend.header_bytes)
		return err_set(
			err, -EINVAL,
			"%s: descriptor %d and the others differ in IFF_VNET_HDR: open all alike",
			label, fd);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_set(err, -errno, "%s: descriptor %d: %s", label, fd, strerror(errno));
	tap->backend.header_bytes = header ? NET_HEADER_BYTES : 0;
	tap->backend.offload = header;
	memcpy(tap->ifname, ifr.ifr_name, IFNAMSIZ);
	tap->ifname[IFNAMSIZ - 1] = '\0';
	memcpy(tap->backend.name, tap->ifname, IFNAMSIZ);
	tap->fd[tap->nfds++] = fd;
	return 0;
}

int net_tap_adopt(struct net_backend **b, const struct net_options *o, const char *label,
		  struct err *err)
{
	struct net_tap *tap = new_tap(label, err);
	int r = 0;

	if (!tap)
		return -ENOMEM;
	for (unsigned i = 0; i < o->nfds && !r; i++)
		r = inherit(tap, o->fd[i], label, err);
	if (!r && tap->backend.header_bytes)
		r = set_header(tap, label, err);
	if (!r)
		r = finish(tap, label, err);
	if (r) {
		free(tap);
		return r;
	}
	*b = &tap->backend;
	return 0;
}
