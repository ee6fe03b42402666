/*
 * See option_devices.h. The forms are kvmtool's, with more keys. Errors are sentences that continue after the
 * quoted value.
 */
#include "cli/option_devices.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/option_values.h"

#define ROOT_TAG "/dev/root" /* kvmtool's */

static int too_many(const char *what, unsigned max, struct err *err)
{
	return err_set(err, -ENOSPC, "is one too many: a guest has at most %u %s", max, what);
}

int device_parse_disk(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_config *c = &((struct run_options *)target)->config;
	int r;

	(void)opt;
	if (c->ndisks == CONFIG_MAX_DISKS)
		return too_many("disks", CONFIG_MAX_DISKS, err);
	r = blk_options_parse(&c->disk[c->ndisks], value, err);
	if (r == 0)
		c->ndisks++;
	return r;
}

bool device_print_disk(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_config *c = &((const struct run_options *)target)->config;

	(void)opt;
	if (index >= c->ndisks)
		return false;
	blk_options_print(&c->disk[index], out);
	return true;
}

static bool has_fd(const struct net_options *nic, int fd)
{
	for (unsigned i = 0; i < nic->nfds; i++)
		if (nic->fd[i] == fd)
			return true;
	return false;
}

static int refuse_shared_fd(const struct run_config *c, const struct net_options *nic,
			    struct err *err)
{
	for (unsigned i = 0; i < nic->nfds; i++)
		for (unsigned n = 0; n < c->nnics; n++)
			if (has_fd(&c->nic[n], nic->fd[i]))
				return err_set(
					err, -EEXIST,
					"has fd=%d, as network interface %u has: each needs its own",
					nic->fd[i], n + 1);
	return 0;
}

/* "none" takes back what was said before, a config file's interfaces say. */
int device_parse_network(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_config *c = &((struct run_options *)target)->config;
	struct net_options nic;
	int r = net_options_parse(&nic, value, err);

	(void)opt;
	if (r)
		return r;
	if (nic.mode == NET_MODE_NONE) {
		c->nnics = 0;
		return 0;
	}
	if (c->nnics == CONFIG_MAX_NICS)
		return too_many("network interfaces", CONFIG_MAX_NICS, err);
	r = refuse_shared_fd(c, &nic, err);
	if (r == 0)
		c->nic[c->nnics++] = nic;
	return r;
}

bool device_print_network(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_config *c = &((const struct run_options *)target)->config;

	(void)opt;
	if (index >= c->nnics)
		return false;
	net_options_print(&c->nic[index], out);
	return true;
}

int device_parse_share(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_config *c = &((struct run_options *)target)->config;
	int r;

	(void)opt;
	if (c->nshares == CONFIG_MAX_SHARES)
		return too_many("shared directories", CONFIG_MAX_SHARES, err);
	r = p9_options_parse(&c->share[c->nshares], value, err);
	if (r)
		return r;
	for (unsigned i = 0; i < c->nshares; i++)
		if (strcmp(c->share[i].tag, c->share[c->nshares].tag) == 0)
			return err_set(err, -EEXIST, "has the tag of another one: \"%s\"",
				       c->share[i].tag);
	c->nshares++;
	return 0;
}

bool device_print_share(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_config *c = &((const struct run_options *)target)->config;

	(void)opt;
	if (index >= c->nshares)
		return false;
	p9_options_print(&c->share[index], out);
	return true;
}

int device_parse_port(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_config *c = &((struct run_options *)target)->config;
	int r;

	(void)opt;
	if (c->nport_options == CONFIG_MAX_PORTS)
		return too_many("ports", CONFIG_MAX_PORTS, err);
	r = console_port_parse(&c->port_option[c->nport_options], value, err);
	if (r)
		return r;
	for (unsigned i = 0; i < c->nport_options; i++)
		if (strcmp(c->port_option[i].name, c->port_option[c->nport_options].name) == 0)
			return err_set(err, -EEXIST, "has the name of another one: \"%s\"",
				       c->port_option[i].name);
	c->nport_options++;
	return 0;
}

bool device_print_port(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_config *c = &((const struct run_options *)target)->config;

	(void)opt;
	if (index >= c->nport_options)
		return false;
	console_port_print(&c->port_option[index], out);
	return true;
}

int device_parse_force_pci(void *target, const struct opt *opt, const char *value, struct err *err)
{
	(void)opt, (void)value, (void)err;
	((struct run_options *)target)->config.transport = CONFIG_VIRTIO_PCI;
	return 0;
}

/* ---- the root file system ---- */

int device_disk_is_directory(struct run_options *options, unsigned index, struct err *err)
{
	struct run_config *c = &options->config;
	struct p9_options *share = &c->share[c->nshares];
	const struct blk_options disk = c->disk[index];
	const bool plain = !disk.direct && !disk.id[0] && disk.queues == 1 && !disk.nfaults &&
			   !disk.delay_ns && disk.aio == BLK_AIO_AUTO;

	if (!plain)
		return err_set(err, -EINVAL,
			       "--disk %s: is a directory, shared by 9p: of a disk's keys only ro "
			       "means something",
			       disk.path);
	for (unsigned i = 0; i < c->nshares; i++)
		if (strcmp(c->share[i].tag, ROOT_TAG) == 0)
			return err_set(err, -EEXIST,
				       "--disk %s: a directory is the root file system, and "
				       "--9p %s is that already",
				       disk.path, c->share[i].dir);
	if (c->nshares == CONFIG_MAX_SHARES)
		return err_set(err, -ENOSPC, "--disk %s: %u directories are shared already",
			       disk.path, c->nshares);
	*share = (struct p9_options){ .tag = ROOT_TAG, .ro = disk.ro };
	snprintf(share->dir, sizeof(share->dir), "%s", disk.path);
	c->nshares++;
	memmove(&c->disk[index], &c->disk[index + 1], (c->ndisks - index - 1) * sizeof(c->disk[0]));
	c->ndisks--;
	return 0;
}

static bool shares_root(const struct run_config *c)
{
	for (unsigned i = 0; i < c->nshares; i++)
		if (strcmp(c->share[i].tag, ROOT_TAG) == 0)
			return true;
	return false;
}

static bool says_root(const char *params)
{
	const char *at = params;

	while (at && (at = strstr(at, "root="))) {
		if (at == params || at[-1] == ' ')
			return true;
		at++;
	}
	return false;
}

int device_add_root_params(struct run_options *options, struct err *err)
{
	const struct run_config *c = &options->config;

	if (c->initrd || c->flat || says_root(c->params))
		return 0;
	if (shares_root(c))
		return value_parse_params(options, NULL,
					  "root=" ROOT_TAG " rw rootfstype=9p "
					  "rootflags=trans=virtio,version=9p2000.L",
					  err);
	if (c->ndisks)
		return value_parse_params(options, NULL, "root=/dev/vda rw", err);
	return 0;
}
