/*
 * virtio-pci as a driver sees it: it walks the capabilities, gives the BARs addresses, and reaches every register
 * through what it found. Register by register, the way to DRIVER_OK and back, doorbells that move with their BAR,
 * interrupts by MSI-X and by INTx with its status, the window in configuration space, bus mastering.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/dev/bus.h"
#include "virtio/pci.h"

#define ECAM     UINT64_C(0x40000000)
#define WINDOW32 UINT64_C(0x50000000)
#define WINDOW64 UINT64_C(0xe000000000)
#define RAM      UINT64_C(0x80000000)
#define SLOT     3
#define LINE     (40 + SLOT % 4)
#define QUEUES   3
#define SIZE     64 /* of a queue, at most */
#define CONFIG   12

enum { COMMON = 1, NOTIFY, ISR, DEVICE, WINDOW, TYPES };

struct world {
	struct virtio_device virtio; /* first: the kind of device under test */
	struct virtq queue[QUEUES];
	struct bus bus;
	struct pci_host host;
	struct virtio_pci pci;
	struct iothread io;
	struct mem mem;
	uint8_t config[CONFIG];
	unsigned kicks[QUEUES], starts, stops, resumes;
	bool line, wire_fails;
	char log[4096]; /* doorbells and vectors, a word each */
	/* What the driver found: where each structure is, and its capability. */
	unsigned cap[TYPES];
	uint64_t at[TYPES];
	uint32_t length[TYPES];
};

static void note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct world *w, const char *fmt, ...)
{
	size_t used = strlen(w->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->log + used, sizeof(w->log) - used, fmt, ap);
	va_end(ap);
}

static void expect_log(struct world *w, const char *want)
{
	if (strcmp(w->log, want) != 0)
		fail_msg("expected the calls \"%s\", found \"%s\"", want, w->log);
	w->log[0] = '\0';
}

/* The kind of device */

static void read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	memcpy(to, ((struct world *)dev)->config + offset, n);
}

static void write_config(struct virtio_device *dev, uint32_t offset, const void *from, uint32_t n)
{
	memcpy(((struct world *)dev)->config + offset, from, n);
}

static void kick(struct virtio_device *dev, unsigned n)
{
	((struct world *)dev)->kicks[n]++;
}

static void start(struct virtio_device *dev)
{
	((struct world *)dev)->starts++;
}

static void stop(struct virtio_device *dev)
{
	((struct world *)dev)->stops++;
}

static void resume(struct virtio_device *dev)
{
	((struct world *)dev)->resumes++;
}

static const struct virtio_ops kind = {
	.name = "test",
	.id = VIRTIO_ID_BLOCK,
	.config_bytes = CONFIG,
	.read_config = read_config,
	.write_config = write_config,
	.start = start,
	.kick = kick,
	.stop = stop,
	.resume = resume,
};

/* The machine */

static int wire_kick(void *world, gpa_t at, int fd, bool on)
{
	struct world *w = world;

	assert_true(fd >= 0);
	if (on && w->wire_fails)
		return -ENOSPC;
	note(w, "%cbell@%llx ", on ? '+' : '-', (unsigned long long)at.v);
	return 0;
}

static const struct virtio_pci_ops pci_ops = { .wire_kick = wire_kick };

static void set_vector(void *world, struct pci_function *f, unsigned n,
		       const struct pci_msix_entry *entry, bool live)
{
	assert_true(f->vector_fd[n] >= 0);
	note(world, "%cv%u:%x ", live ? '+' : '-', n, live ? entry->data : 0);
}

/* Take what an eventfd counted. */
static bool take(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&p, 1, 0) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static bool vector_pending(void *world, struct pci_function *f, unsigned n, bool forget)
{
	struct pollfd p = { .fd = f->vector_fd[n], .events = POLLIN };

	(void)world;
	return forget ? take(f->vector_fd[n]) : poll(&p, 1, 0) == 1;
}

static const struct pci_msix_ops msix_ops = {
	.set = set_vector,
	.pending = vector_pending,
};

static void drive(void *world, uint32_t intid, bool level)
{
	if (intid == LINE)
		((struct world *)world)->line = level;
}

static void open_machine(struct world *w, const struct virtio_ops *ops)
{
	const struct pci_map map = { { gpa(ECAM), MIB(256) },
				     { gpa(WINDOW32), 0x30000000 },
				     { gpa(WINDOW64), GIB(128) } };
	struct irq_line intx[4];
	struct err err = { "" };

	memset(w, 0, sizeof(*w));
	assert_int_equal(mem_map(&w->mem, gpa(RAM), MIB(2), MEM_ANON, NULL, &err), 0);
	assert_int_equal(iothread_open(&w->io, &err), 0); /* not started: calls are plain calls */
	for (unsigned n = 0; n < QUEUES; n++)
		virtq_init(&w->queue[n], &w->mem, SIZE);
	virtio_init(&w->virtio, ops, &w->io, &w->mem, w->queue, QUEUES, UINT64_C(1) << 9);
	for (uint32_t i = 0; i < 4; i++)
		intx[i] = (struct irq_line){ drive, w, 40 + i };
	pci_host_init(&w->host, &map, intx, &msix_ops, w);
	if (virtio_pci_init(&w->pci, &w->virtio, &pci_ops, w, &err))
		fail_msg("%s", err.text);
	assert_int_equal(pci_host_add(&w->host, &w->pci.pci, SLOT, &err), 0);
	assert_int_equal(bus_add(&w->bus, &w->host.ecam, NULL), 0);
	assert_int_equal(bus_add(&w->bus, &w->host.window32, NULL), 0);
	assert_int_equal(bus_add(&w->bus, &w->host.window64, NULL), 0);
	for (unsigned i = 0; i < CONFIG; i++)
		w->config[i] = (uint8_t)(0x10 + i);
}

static int close_machine(void **state)
{
	struct world *w = *state;

	bus_reset(&w->bus);
	virtio_pci_close(&w->pci);
	virtio_pci_close(&w->pci); /* safe */
	iothread_close(&w->io);
	mem_unmap(&w->mem);
	return 0;
}

/* The driver */

static uint64_t get(struct world *w, uint64_t at, unsigned len)
{
	uint64_t value = 0;

	assert_true(bus_read(&w->bus, gpa(at), len, &value));
	return value;
}

static void put(struct world *w, uint64_t at, unsigned len, uint64_t value)
{
	assert_true(bus_write(&w->bus, gpa(at), len, value));
}

static uint32_t config(struct world *w, unsigned reg, unsigned len)
{
	return (uint32_t)get(w, ECAM + SLOT * 0x8000 + reg, len);
}

static void set_config(struct world *w, unsigned reg, unsigned len, uint32_t value)
{
	put(w, ECAM + SLOT * 0x8000 + reg, len, value);
}

static uint64_t bar_bytes(struct world *w, unsigned n)
{
	uint32_t before = config(w, 0x10 + 4 * n, 4), ones;

	set_config(w, 0x10 + 4 * n, 4, UINT32_MAX);
	ones = config(w, 0x10 + 4 * n, 4);
	set_config(w, 0x10 + 4 * n, 4, before);
	return ones ? ~(ones & ~0xfu) + 1 : 0;
}

/* An address for each BAR, by its width; the next after the one before. */
static void assign_bars(struct world *w, uint64_t *base)
{
	uint64_t low = WINDOW32, high = WINDOW64;

	for (unsigned n = 0; n < 6; n++) {
		uint64_t bytes = bar_bytes(w, n);
		bool wide = (config(w, 0x10 + 4 * n, 4) & 6) == 4;
		uint64_t *next = wide ? &high : &low;

		if (!bytes)
			continue;
		*next = align_up(*next, bytes);
		base[n] = *next;
		*next += bytes;
		set_config(w, 0x10 + 4 * n, 4, (uint32_t)base[n]);
		if (wide)
			set_config(w, 0x14 + 4 * n, 4, (uint32_t)(base[n] >> 32));
		n += wide;
	}
}

/* virtio 1.2, 4.1.4: the first capability of a type counts. */
static void find_structures(struct world *w, const uint64_t *base)
{
	for (unsigned at = config(w, 0x34, 1); at; at = config(w, at + 1, 1)) {
		unsigned type = config(w, at + 3, 1), bar = config(w, at + 4, 1);

		if (config(w, at, 1) != 0x09)
			continue;
		assert_in_range(type, COMMON, WINDOW);
		assert_int_equal(w->cap[type], 0); /* ours has one of each */
		w->cap[type] = at;
		w->at[type] = base[bar] + config(w, at + 8, 4);
		w->length[type] = config(w, at + 12, 4);
		if (type != WINDOW && config(w, at + 8, 4) + w->length[type] > bar_bytes(w, bar))
			fail_msg("structure %u reaches over the end of BAR %u", type, bar);
	}
}

#define MEMORY 2
#define MASTER 4

static void probe(struct world *w)
{
	uint64_t base[6] = { 0 };

	assign_bars(w, base);
	find_structures(w, base);
	set_config(w, 4, 2, MEMORY | MASTER);
	w->log[0] = '\0';
}

static int build(void **state)
{
	static struct world w;

	open_machine(&w, &kind);
	probe(&w);
	*state = &w;
	return 0;
}

static uint64_t common(struct world *w, unsigned reg, unsigned len)
{
	return get(w, w->at[COMMON] + reg, len);
}

static void set_common(struct world *w, unsigned reg, unsigned len, uint64_t value)
{
	put(w, w->at[COMMON] + reg, len, value);
}

/* Names of the registers, virtio 1.2, 4.1.4.3. */
enum {
	FEATURE_SELECT = 0,
	FEATURE = 4,
	DRIVER_SELECT = 8,
	DRIVER = 0xc,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	GENERATION = 0x15,
	QUEUE = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	NOTIFY_OFF = 0x1e,
	DESC = 0x20,
	AVAIL = 0x28,
	USED = 0x30,
};

static void expect_common(struct world *w, const char *name, unsigned reg, unsigned len,
			  uint64_t want)
{
	uint64_t found = common(w, reg, len);

	if (found != want)
		fail_msg("%s: expected 0x%llx, found 0x%llx", name, (unsigned long long)want,
			 (unsigned long long)found);
}

static uint64_t doorbell(struct world *w, unsigned n)
{
	set_common(w, QUEUE, 2, n);
	return w->at[NOTIFY] + common(w, NOTIFY_OFF, 2) * config(w, w->cap[NOTIFY] + 16, 4);
}

static void set_up_queue(struct world *w, unsigned n, uint16_t vector)
{
	uint64_t ring = RAM + 0x10000 * (n + 1);

	set_common(w, QUEUE, 2, n);
	set_common(w, QUEUE_VECTOR, 2, vector);
	set_common(w, DESC, 4, (uint32_t)ring);
	set_common(w, DESC + 4, 4, ring >> 32);
	set_common(w, AVAIL, 8, ring + 0x4000);
	set_common(w, USED, 8, ring + 0x8000);
	set_common(w, QUEUE_ENABLE, 2, 1);
}

static void negotiate(struct world *w)
{
	set_common(w, STATUS, 1, 0);
	set_common(w, STATUS, 1, 1);
	set_common(w, STATUS, 1, 3);
	set_common(w, DRIVER_SELECT, 4, 1);
	set_common(w, DRIVER, 4, 1); /* VIRTIO_FEATURE_VERSION_1 */
	set_common(w, STATUS, 1, 0xb);
	expect_common(w, "status", STATUS, 1, 0xb);
}

/* Queues 0 and 2; 1 stays off. */
static void bring_up(struct world *w)
{
	negotiate(w);
	set_up_queue(w, 0, 1);
	set_up_queue(w, 2, 2);
	set_common(w, STATUS, 1, 0xf);
	expect_common(w, "status", STATUS, 1, 0xf);
}

static void serve(struct world *w)
{
	assert_int_equal(loop_once(&w->io.loop, 0), 0);
}

/* Identity and capabilities */

static void it_is_a_modern_device_and_not_a_transitional_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(config(w, 0, 4), 0x10421af4);
	assert_int_equal(config(w, 8, 4), 0x01800001); /* mass storage, revision 1 */
	assert_int_equal(config(w, 0x2c, 2), 0x1af4);
	assert_in_range(config(w, 0x2e, 2), 0x40, 0xffff); /* virtio 1.2, 4.1.2.1 */
	assert_int_equal(config(w, 0x3d, 1), 1);
}

static void each_kind_has_its_class(void **unused)
{
	static const struct {
		enum virtio_id id;
		uint32_t device, class;
	} kinds[] = { { VIRTIO_ID_NET, 0x1041, 0x020000 },
		      { VIRTIO_ID_BLOCK, 0x1042, 0x018000 },
		      { VIRTIO_ID_CONSOLE, 0x1043, 0x078000 },
		      { VIRTIO_ID_RNG, 0x1044, 0xff0000 },
		      { VIRTIO_ID_9P, 0x1049, 0xff0000 } };
	static struct world w;
	void *state = &w;

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct virtio_ops ops = kind;

		ops.id = kinds[i].id;
		open_machine(&w, &ops);
		assert_int_equal(config(&w, 2, 2), kinds[i].device);
		assert_int_equal(config(&w, 8, 4) >> 8, kinds[i].class);
		close_machine(&state);
	}
}

static void every_structure_has_a_capability(void **state)
{
	struct world *w = *state;

	for (unsigned type = COMMON; type < TYPES; type++)
		assert_true(w->cap[type] != 0);
	assert_true(w->length[COMMON] >= 0x38);
	assert_true(w->length[ISR] >= 1);
	assert_int_equal(w->length[DEVICE], CONFIG);
	assert_int_equal(w->at[COMMON] % 4 + w->at[DEVICE] % 4 + w->at[NOTIFY] % 2, 0);
	assert_int_equal(config(w, w->cap[COMMON] + 2, 1), 16);
	assert_int_equal(config(w, w->cap[NOTIFY] + 2, 1), 20);
	assert_int_equal(config(w, w->cap[WINDOW] + 2, 1), 20);
	for (unsigned n = 0; n < QUEUES; n++) {
		uint64_t at = doorbell(w, n);

		assert_true(at + 2 <= w->at[NOTIFY] + w->length[NOTIFY]);
		for (unsigned k = 0; k < n; k++)
			assert_true(doorbell(w, k) != at);
	}
	for (unsigned a = COMMON; a < WINDOW; a++)
		for (unsigned b = COMMON; b < a; b++)
			assert_true(w->at[a] + w->length[a] <= w->at[b] ||
				    w->at[b] + w->length[b] <= w->at[a]);
}

static void without_configuration_there_is_no_structure_for_it(void **unused)
{
	static struct world w;
	struct virtio_ops ops = kind;
	void *state = &w;

	(void)unused;
	ops.config_bytes = 0;
	open_machine(&w, &ops);
	probe(&w);
	assert_int_equal(w.cap[DEVICE], 0);
	assert_true(w.cap[WINDOW] != 0);
	close_machine(&state);
}

static void msix_has_a_vector_each_queue_and_one_more(void **state)
{
	struct world *w = *state;
	unsigned at = config(w, 0x34, 1);

	while (at && config(w, at, 1) != 0x11)
		at = config(w, at + 1, 1);
	assert_true(at != 0);
	assert_int_equal(config(w, at + 2, 2), QUEUES); /* one less than there are */
	assert_int_equal(config(w, at + 4, 4) & 7, config(w, at + 8, 4) & 7);
}

/* Registers */

static void features_are_read_and_accepted_by_halves(void **state)
{
	struct world *w = *state;

	expect_common(w, "device_feature", FEATURE, 4, (uint32_t)w->virtio.features);
	set_common(w, FEATURE_SELECT, 4, 1);
	expect_common(w, "device_feature_select", FEATURE_SELECT, 4, 1);
	expect_common(w, "device_feature", FEATURE, 4, w->virtio.features >> 32);
	set_common(w, FEATURE_SELECT, 4, 2);
	expect_common(w, "device_feature", FEATURE, 4, 0);
	set_common(w, DRIVER, 4, 0x200);
	set_common(w, DRIVER_SELECT, 4, 1);
	expect_common(w, "driver_feature", DRIVER, 4, 0);
	set_common(w, DRIVER, 4, 1);
	expect_common(w, "driver_feature", DRIVER, 4, 1);
	assert_int_equal(w->virtio.state.driver_features, UINT64_C(0x100000200));
	set_common(w, DRIVER_SELECT, 4, 7);
	expect_common(w, "driver_feature", DRIVER, 4, 0);
	set_common(w, FEATURE, 4, 0); /* read-only */
	set_common(w, FEATURE_SELECT, 4, 0);
	expect_common(w, "device_feature", FEATURE, 4, (uint32_t)w->virtio.features);
}

static void status_goes_up_and_0_resets(void **state)
{
	struct world *w = *state;

	expect_common(w, "num_queues", NUM_QUEUES, 2, QUEUES);
	bring_up(w);
	assert_int_equal(w->starts, 1);
	expect_common(w, "device_status", STATUS, 1, 0xf);
	set_common(w, STATUS, 1, 0);
	assert_int_equal(w->stops, 1);
	expect_common(w, "device_status", STATUS, 1, 0);
	for (unsigned n = 0; n < QUEUES; n++) {
		set_common(w, QUEUE, 2, n);
		expect_common(w, "queue_enable", QUEUE_ENABLE, 2, 0);
		expect_common(w, "queue_msix_vector", QUEUE_VECTOR, 2, 0xffff);
		expect_common(w, "queue_desc", DESC, 8, 0);
	}
	expect_common(w, "config_msix_vector", CONFIG_VECTOR, 2, 0xffff);
}

static void a_queue_is_set_up_before_it_is_enabled(void **state)
{
	struct world *w = *state;

	negotiate(w);
	set_common(w, QUEUE, 2, 1);
	expect_common(w, "queue_select", QUEUE, 2, 1);
	expect_common(w, "queue_size", QUEUE_SIZE, 2, SIZE);
	set_common(w, QUEUE_SIZE, 2, 16);
	expect_common(w, "queue_size", QUEUE_SIZE, 2, 16);
	set_up_queue(w, 1, 3);
	expect_common(w, "queue_desc", DESC, 8, RAM + 0x20000);
	expect_common(w, "queue_driver", AVAIL, 4, (uint32_t)RAM + 0x24000);
	expect_common(w, "queue_device", USED + 4, 4, 0);
	expect_common(w, "queue_msix_vector", QUEUE_VECTOR, 2, 3);
	expect_common(w, "queue_enable", QUEUE_ENABLE, 2, 1);
	set_common(w, DESC, 8, 0);
	set_common(w, QUEUE_SIZE, 2, 8);
	set_common(w, QUEUE_ENABLE, 2, 0); /* not a way to disable it */
	expect_common(w, "queue_desc", DESC, 8, RAM + 0x20000);
	expect_common(w, "queue_size", QUEUE_SIZE, 2, 16);
	expect_common(w, "queue_enable", QUEUE_ENABLE, 2, 1);
	assert_int_equal(w->queue[1].state.size, 16);
}

static void a_queue_that_does_not_exist_reads_0(void **state)
{
	struct world *w = *state;

	set_common(w, QUEUE, 2, QUEUES);
	for (unsigned reg = QUEUE_SIZE; reg < DESC; reg += 2) {
		set_common(w, reg, 2, 1);
		expect_common(w, "queue register", reg, 2, 0);
	}
	set_common(w, DESC, 8, UINT64_MAX);
	expect_common(w, "queue_desc", DESC, 8, 0);
}

static void registers_take_their_own_width_only(void **state)
{
	struct world *w = *state;

	negotiate(w);
	expect_common(w, "2 bytes of 4", FEATURE, 2, 0);
	expect_common(w, "4 bytes of 1, 1 and 2", STATUS, 4, 0);
	set_common(w, STATUS, 2, 0);
	expect_common(w, "device_status", STATUS, 1, 0xb);
	set_common(w, QUEUE, 1, 2);
	expect_common(w, "queue_select", QUEUE, 2, 0);
	expect_common(w, "behind them", 0x38, 4, 0);
	expect_common(w, "far behind them", 0x80, 4, 0);
	set_common(w, 0x3c, 4, 1);
}

static void a_vector_that_does_not_exist_reads_back_as_none(void **state)
{
	struct world *w = *state;

	set_common(w, CONFIG_VECTOR, 2, QUEUES);
	expect_common(w, "config_msix_vector", CONFIG_VECTOR, 2, QUEUES);
	set_common(w, CONFIG_VECTOR, 2, QUEUES + 1);
	expect_common(w, "config_msix_vector", CONFIG_VECTOR, 2, 0xffff);
	set_common(w, QUEUE_VECTOR, 2, 0);
	expect_common(w, "queue_msix_vector", QUEUE_VECTOR, 2, 0);
	set_common(w, QUEUE_VECTOR, 2, 100);
	expect_common(w, "queue_msix_vector", QUEUE_VECTOR, 2, 0xffff);
}

static void configuration_takes_any_access(void **state)
{
	struct world *w = *state;

	assert_int_equal(get(w, w->at[DEVICE], 8), UINT64_C(0x1716151413121110));
	assert_int_equal(get(w, w->at[DEVICE] + 3, 4), 0x16151413);
	assert_int_equal(get(w, w->at[DEVICE] + CONFIG - 1, 1), 0x10 + CONFIG - 1);
	assert_int_equal(get(w, w->at[DEVICE] + CONFIG, 4), 0);
	put(w, w->at[DEVICE] + 4, 4, 0xaabbccdd);
	put(w, w->at[DEVICE] + CONFIG, 4, 0xaabbccdd);
	assert_int_equal(get(w, w->at[DEVICE], 8), UINT64_C(0xaabbccdd13121110));
}

/* Doorbells */

static void doorbells_are_wired_while_the_driver_is_ready(void **state)
{
	struct world *w = *state;

	negotiate(w);
	set_up_queue(w, 0, 1);
	set_up_queue(w, 2, 2);
	expect_log(w, "");
	set_common(w, STATUS, 1, 0xf);
	expect_log(w, "+bell@e000002000 +bell@e000002008 ");
	assert_int_equal(doorbell(w, 2), 0xe000002008);
	set_common(w, STATUS, 1, 0);
	expect_log(w, "-bell@e000002000 -bell@e000002008 ");
}

static void doorbells_move_with_their_bar(void **state)
{
	struct world *w = *state;

	bring_up(w);
	expect_log(w, "+bell@e000002000 +bell@e000002008 ");
	set_config(w, 0x18, 4, 0x10000000);
	expect_log(w, "-bell@e000002000 -bell@e000002008 +bell@e010002000 +bell@e010002008 ");
	set_config(w, 4, 2, MASTER);
	expect_log(w, "-bell@e010002000 -bell@e010002008 ");
	set_config(w, 0x18, 4, UINT32_MAX);
	set_config(w, 4, 2, MASTER | MEMORY);
	expect_log(w, "+bell@e0ffffe000 +bell@e0ffffe008 "); /* the top of the first 4 GiB of it */
	set_config(w, 0x1c, 4, UINT32_MAX);
	expect_log(w, "-bell@e0ffffe000 -bell@e0ffffe008 ");
	set_config(w, 0x10, 4, 0x60000000); /* the other BAR has none */
	bus_reset(&w->bus);
	expect_log(w, "");
}

static void a_kick_arrives_with_and_without_an_ioeventfd(void **state)
{
	struct world *w = *state;
	unsigned before;

	w->wire_fails = true;
	bring_up(w);
	expect_log(w, "");
	before = w->kicks[2];
	put(w, doorbell(w, 2), 2, 2);
	serve(w);
	assert_int_equal(w->kicks[2], before + 1);
	put(w, doorbell(w, 2), 4, 0); /* the address says which, the value does not matter */
	serve(w);
	assert_int_equal(w->kicks[2], before + 2);
	put(w, w->at[NOTIFY] + 4 * QUEUES, 2, 0); /* no queue */
	put(w, w->at[NOTIFY] + 2, 2, 0);
	serve(w);
	assert_int_equal(w->kicks[1], 0);
	assert_int_equal(w->kicks[2], before + 2);
}

/* Interrupts */

static unsigned msix_cap(struct world *w)
{
	unsigned at = config(w, 0x34, 1);

	while (config(w, at, 1) != 0x11)
		at = config(w, at + 1, 1);
	return at;
}

static void enable_msix(struct world *w)
{
	unsigned cap = msix_cap(w);
	uint64_t table = WINDOW32 + (config(w, cap + 4, 4) & ~7u);

	for (unsigned n = 0; n <= QUEUES; n++) {
		put(w, table + 16 * n, 8, 0x8080040);
		put(w, table + 16 * n + 8, 4, 0x50 + n);
		put(w, table + 16 * n + 12, 4, 0);
	}
	set_config(w, cap + 2, 2, 0x8000);
}

static void queue_interrupt(struct world *w, unsigned n)
{
	w->virtio.transport->interrupt(&w->virtio, n);
}

static void with_msix_each_queue_signals_its_vector(void **state)
{
	struct world *w = *state;
	const int *fd = w->pci.pci.vector_fd;

	enable_msix(w);
	expect_log(w, "+v0:50 +v1:51 +v2:52 +v3:53 ");
	bring_up(w);
	set_common(w, CONFIG_VECTOR, 2, 0);
	queue_interrupt(w, 2);
	assert_false(take(fd[0]) || take(fd[1]) || take(fd[3]));
	assert_true(take(fd[2]));
	queue_interrupt(w, 1); /* has none */
	virtio_config_changed(&w->virtio);
	assert_true(take(fd[0]));
	assert_false(take(fd[1]) || take(fd[2]) || take(fd[3]));
	assert_false(w->line);
	assert_int_equal(get(w, w->at[ISR], 1), 0);
	expect_common(w, "config_generation", GENERATION, 1, 1);
}

static void who_serves_a_queue_elsewhere_gets_its_eventfd(void **state)
{
	struct world *w = *state;
	const struct virtio_transport *t;

	bring_up(w);
	t = w->virtio.transport;
	assert_int_equal(t->irq_fd(&w->virtio, 0), -1); /* INTx needs the status */
	enable_msix(w);
	assert_int_equal(t->irq_fd(&w->virtio, 0), w->pci.pci.vector_fd[1]);
	assert_int_equal(t->irq_fd(&w->virtio, 2), w->pci.pci.vector_fd[2]);
	assert_int_equal(t->irq_fd(&w->virtio, 1), -1);
	set_common(w, QUEUE, 2, 2);
	set_common(w, QUEUE_VECTOR, 2, 3);
	assert_int_equal(t->irq_fd(&w->virtio, 2), w->pci.pci.vector_fd[3]);
	assert_int_equal(w->resumes, 1); /* so that it is asked for again */
	assert_true(w->virtio.live);
}

static void what_is_signalled_while_masked_is_pending(void **state)
{
	struct world *w = *state;
	unsigned cap = msix_cap(w);
	uint64_t pba = WINDOW32 + (config(w, cap + 8, 4) & ~7u);

	enable_msix(w);
	bring_up(w);
	set_config(w, cap + 2, 2, 0xc000);
	assert_int_equal(get(w, pba, 8), 0);
	queue_interrupt(w, 2);
	assert_int_equal(get(w, pba, 8), 4);
	w->log[0] = '\0';
	set_config(w, cap + 2, 2, 0x8000);
	expect_log(w, "+v0:50 +v1:51 +v2:52 +v3:53 ");
	assert_true(take(w->pci.pci.vector_fd[2])); /* where the machine finds it as it wires it */
}

static void what_is_pending_outlives_a_pause(void **state)
{
	struct world *w = *state;
	unsigned cap = msix_cap(w);

	enable_msix(w);
	bring_up(w);
	set_config(w, cap + 2, 2, 0xc000);
	queue_interrupt(w, 0);
	bus_quiesce(&w->bus);
	assert_int_equal(w->pci.pci.state.msix_pending[0], 2);
	assert_false(take(w->pci.pci.vector_fd[1]));
	bus_resume(&w->bus);
	assert_int_equal(w->pci.pci.state.msix_pending[0], 0);
	assert_true(take(w->pci.pci.vector_fd[1]));
}

static void with_intx_the_status_says_why_and_reading_it_clears(void **state)
{
	struct world *w = *state;

	virtio_config_changed(&w->virtio);
	assert_false(w->line); /* no driver yet */
	bring_up(w);
	queue_interrupt(w, 0);
	assert_true(w->line);
	virtio_config_changed(&w->virtio);
	assert_int_equal(config(w, 6, 2) & 8, 8);
	assert_int_equal(get(w, w->at[ISR], 1), 3);
	assert_false(w->line);
	assert_int_equal(config(w, 6, 2) & 8, 0);
	assert_int_equal(get(w, w->at[ISR], 1), 0);
	queue_interrupt(w, 0);
	set_common(w, STATUS, 1, 0);
	assert_false(w->line);
	assert_int_equal(get(w, w->at[ISR], 1), 0);
}

#define ROUNDS 20000

static void *interrupt_often(void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		queue_interrupt(w, 0);
	return NULL;
}

/* A device's thread raises what a CPU clears: the line's last level is that of the status. */
static void the_line_follows_the_status_whoever_is_faster(void **state)
{
	struct world *w = *state;
	pthread_t thread;

	bring_up(w);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_often, w), 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		get(w, w->at[ISR], 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(w->line, w->virtio.state.isr != 0);
	get(w, w->at[ISR], 1);
	assert_false(w->line);
}

/* The window in configuration space */

static void window(struct world *w, unsigned bar, uint32_t offset, uint32_t length)
{
	set_config(w, w->cap[WINDOW] + 4, 1, bar);
	set_config(w, w->cap[WINDOW] + 8, 4, offset);
	set_config(w, w->cap[WINDOW] + 12, 4, length);
}

static void the_window_reaches_registers_without_memory_space(void **state)
{
	struct world *w = *state;
	unsigned data = w->cap[WINDOW] + 16, bar = config(w, w->cap[COMMON] + 4, 1);
	uint32_t base = config(w, w->cap[COMMON] + 8, 4);

	set_config(w, 4, 2, 0);
	window(w, bar, base + STATUS, 1);
	assert_int_equal(config(w, w->cap[WINDOW] + 4, 1), bar);
	assert_int_equal(config(w, w->cap[WINDOW] + 8, 4), base + STATUS);
	assert_int_equal(config(w, w->cap[WINDOW] + 12, 4), 1);
	set_config(w, data, 1, 1);
	assert_int_equal(config(w, data, 1), 1);
	window(w, bar, base + NUM_QUEUES, 2);
	assert_int_equal(config(w, data, 2), QUEUES);
	window(w, bar, base + FEATURE, 4);
	assert_int_equal(config(w, data, 4), (uint32_t)w->virtio.features);
	window(w, config(w, w->cap[ISR] + 4, 1), config(w, w->cap[ISR] + 8, 4), 1);
	w->virtio.state.isr = 2;
	assert_int_equal(config(w, data, 1), 2);
	assert_int_equal(w->virtio.state.isr, 0);
}

static void a_window_to_nowhere_does_nothing(void **state)
{
	static const struct {
		unsigned bar;
		uint32_t offset, length;
	} cases[] = {
		{ 0, 0x100d, 4 },     { 2, 0x14, 3 },           { 2, 0x14, 0 },      { 2, 0x11, 4 },
		{ 2, 0x7fffffff, 4 }, { 2, 0x4000, 4 },         { 1, 0, 4 },         { 7, 0, 4 },
		{ 255, 0, 4 },        { 2, UINT32_MAX - 3, 4 }, { 2, 0, UINT32_MAX }
	};
	struct world *w = *state;
	unsigned data = w->cap[WINDOW] + 16;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t found;

		window(w, cases[i].bar, cases[i].offset, cases[i].length);
		found = config(w, data, 4);
		if (found != 0 && found != UINT32_MAX)
			fail_msg("case %u: found 0x%x", i, found);
		set_config(w, data, 4, 1);
		expect_common(w, "device_status", STATUS, 1, 0);
		expect_common(w, "device_feature_select", FEATURE_SELECT, 4, 0);
	}
}

/* Bus mastering, reset, pause */

static void without_bus_mastering_queues_are_left_alone(void **state)
{
	struct world *w = *state;
	unsigned kicks;

	set_config(w, 4, 2, MEMORY);
	bring_up(w);
	assert_false(w->virtio.live);
	set_config(w, 4, 2, MEMORY | MASTER);
	assert_true(w->virtio.live);
	set_config(w, 4, 2, MEMORY);
	assert_false(w->virtio.live);
	kicks = w->kicks[0];
	put(w, doorbell(w, 0), 2, 0);
	serve(w);
	assert_int_equal(w->kicks[0], kicks);
	set_config(w, 4, 2, MEMORY | MASTER);
	assert_true(w->virtio.live);
	assert_int_equal(w->kicks[0], kicks + 1); /* looked at */
	set_config(w, 4, 2, MEMORY);
	set_common(w, STATUS, 1, 0);
	bring_up(w);
	assert_false(w->virtio.live);
	set_config(w, 4, 2, MEMORY | MASTER);
	assert_true(w->virtio.live);
}

static void after_power_on_bus_mastering_is_off(void **unused)
{
	static struct world w;
	void *state = &w;

	(void)unused;
	open_machine(&w, &kind);
	assert_int_equal(config(&w, 4, 2), 0);
	assert_true(w.virtio.quiesced);
	probe(&w);
	assert_false(w.virtio.quiesced);
	bus_reset(&w.bus);
	assert_true(w.virtio.quiesced);
	close_machine(&state);
}

static void a_reset_of_the_machine_stops_it(void **state)
{
	struct world *w = *state;

	enable_msix(w);
	bring_up(w);
	window(w, 2, 4, 4);
	bus_reset(&w->bus);
	assert_int_equal(w->stops, 1);
	assert_false(w->virtio.live);
	assert_int_equal(w->pci.state.window_bar + w->pci.state.window_length, 0);
	memset(w->cap, 0, sizeof(w->cap));
	probe(w);
	expect_common(w, "device_status", STATUS, 1, 0);
	bring_up(w);
	assert_true(w->virtio.live);
}

static void a_pause_holds_it_still(void **state)
{
	struct world *w = *state;

	bring_up(w);
	bus_quiesce(&w->bus);
	assert_false(w->virtio.live);
	bus_resume(&w->bus);
	assert_true(w->virtio.live);
	set_config(w, 4, 2, MEMORY);
	bus_quiesce(&w->bus);
	bus_resume(&w->bus);
	assert_false(w->virtio.live); /* the driver's will, not the operator's */
	queue_interrupt(w, 0);
	w->line = false;
	bus_resume(&w->bus);
	assert_true(w->line);
}

/* A vCPU that was about its access when the machine was paused. */
static void what_a_vcpu_still_writes_does_not_end_a_pause(void **state)
{
	struct world *w = *state;

	enable_msix(w);
	bring_up(w);
	bus_quiesce(&w->bus);
	set_common(w, QUEUE, 2, 0);
	set_common(w, QUEUE_VECTOR, 2, 1);
	assert_false(w->virtio.live);
	set_config(w, 4, 2, MEMORY);
	set_config(w, 4, 2, MEMORY | MASTER);
	assert_false(w->virtio.live);
	bus_resume(&w->bus);
	assert_true(w->virtio.live);
}

static void all_of_the_state_is_declared(void **state)
{
	(void)state;
	assert_int_equal(virtio_pci_desc.size, sizeof(struct virtio_pci_state));
	assert_int_equal(state_covered(&virtio_pci_desc), virtio_pci_desc.size);
	assert_int_equal(virtio_pci_desc.offset, offsetof(struct virtio_pci, state));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, close_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_a_modern_device_and_not_a_transitional_one),
		cmocka_unit_test(each_kind_has_its_class),
		TEST(every_structure_has_a_capability),
		cmocka_unit_test(without_configuration_there_is_no_structure_for_it),
		TEST(msix_has_a_vector_each_queue_and_one_more),
		TEST(features_are_read_and_accepted_by_halves),
		TEST(status_goes_up_and_0_resets),
		TEST(a_queue_is_set_up_before_it_is_enabled),
		TEST(a_queue_that_does_not_exist_reads_0),
		TEST(registers_take_their_own_width_only),
		TEST(a_vector_that_does_not_exist_reads_back_as_none),
		TEST(configuration_takes_any_access),
		TEST(doorbells_are_wired_while_the_driver_is_ready),
		TEST(doorbells_move_with_their_bar),
		TEST(a_kick_arrives_with_and_without_an_ioeventfd),
		TEST(with_msix_each_queue_signals_its_vector),
		TEST(who_serves_a_queue_elsewhere_gets_its_eventfd),
		TEST(what_is_signalled_while_masked_is_pending),
		TEST(what_is_pending_outlives_a_pause),
		TEST(with_intx_the_status_says_why_and_reading_it_clears),
		TEST(the_line_follows_the_status_whoever_is_faster),
		TEST(the_window_reaches_registers_without_memory_space),
		TEST(a_window_to_nowhere_does_nothing),
		TEST(without_bus_mastering_queues_are_left_alone),
		cmocka_unit_test(after_power_on_bus_mastering_is_off),
		TEST(a_reset_of_the_machine_stops_it),
		TEST(a_pause_holds_it_still),
		TEST(what_a_vcpu_still_writes_does_not_end_a_pause),
		TEST(all_of_the_state_is_declared),
	};

	log_set_level(LOG_LEVEL_ERROR); /* doorbells that are not wired are warned of */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
