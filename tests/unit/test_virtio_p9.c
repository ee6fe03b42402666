/* The 9p device behind its registers: requests through the queue and its thread, what a hostile driver offers,
 * poisoned pages, and reset and pause while the host's file system takes its time. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "lib/guard.h"
#include "p9_client.h"
#include "virtio/p9.h"
#include "virtio_guest.h"

#define REQUESTS 4 /* at once: each has two descriptors */

struct world {
	struct guest guest;
	struct virtio_p9 p9;
	struct client client; /* its directory, and what it knows about messages */
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct p9_options o = { .tag = "my tag" };
	struct err err = { "" };

	assert_non_null(w);
	assert_int_equal(client_try(&w->client, &o, 16, &err), 0);
	snprintf(o.dir, sizeof(o.dir), "%s", w->client.dir);
	guest_build(&w->guest);
	if (virtio_p9_open(&w->p9, &o, &w->guest.io, &w->guest.ram, 2, &err))
		fail_msg("%s", err.text);
	guest_plug(&w->guest, &w->p9.virtio);
	guest_start_thread(&w->guest);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	guest_tear_down(&w->guest);
	virtio_p9_close(&w->p9);
	virtio_p9_close(&w->p9);
	client_close(&w->client);
	free(w);
	return 0;
}

/* ---- requests of two buffers ---- */

static UNSEEN void put_desc(struct guest *g, unsigned i, uint64_t at, uint32_t len, uint16_t flags)
{
	uint8_t *desc = guest_memory(g, queue_base(0) + 16 * i, 16);

	*(volatile uint64_t *)(void *)desc = at;
	*(volatile uint32_t *)(void *)(desc + 8) = len;
	*(volatile uint16_t *)(void *)(desc + 12) = flags;
	*(volatile uint16_t *)(void *)(desc + 14) = (uint16_t)(i + 1);
}

static UNSEEN void make_available(struct guest *g, uint16_t head)
{
	uint8_t *ring = guest_memory(g, queue_base(0) + 0x1000, 4 + 2 * GUEST_SIZE);
	struct guest_queue *q = &g->queue[0];

	*(volatile uint16_t *)(void *)(ring + 4 + 2 * (q->added % GUEST_SIZE)) = head;
	q->added++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile uint16_t *)(void *)(ring + 2) = (uint16_t)q->added;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A request that is in guest memory at `request`, with room for a reply at `reply`. */
static void add_at(struct guest *g, uint64_t request, uint32_t n, uint64_t reply, uint32_t room)
{
	unsigned head = 2 * (g->queue[0].added % REQUESTS);

	put_desc(g, head, request, n, room ? 1 : 0);
	if (room)
		put_desc(g, head + 1, reply, room, 2);
	make_available(g, (uint16_t)head);
}

/* Copy the message that client_write_request() made into guest memory and offer it. */
static void add(struct world *w, size_t n, uint32_t room)
{
	struct guest *g = &w->guest;
	unsigned k = 2 * (g->queue[0].added % REQUESTS);

	copy_unseen(guest_memory(g, slot_at(0, k), n), w->client.io->request, n);
	add_at(g, slot_at(0, k), (uint32_t)n, slot_at(0, k + 1), room);
}

static void post(struct world *w, uint8_t type, const char *fields, ...)
{
	va_list args;
	size_t n;

	va_start(args, fields);
	n = client_write_request(&w->client, type, fields, &args, 0);
	va_end(args);
	add(w, n, GUEST_SLOT_BYTES);
	guest_kick(&w->guest, 0);
}

/* The reply of the oldest request, into client.io->reply: 0 or -errno. */
static int reply_at(struct world *w, uint64_t at, uint32_t len)
{
	struct client *c = &w->client;
	struct p9_header h;

	assert_true(len >= P9_HEADER_BYTES && len <= GUEST_SLOT_BYTES);
	copy_unseen(c->io->reply, guest_memory(&w->guest, at, len), len);
	h = p9_header(c->io->reply);
	assert_int_equal(h.size, len);
	c->got = (struct p9_reader){ c->io->reply + P9_HEADER_BYTES, len - P9_HEADER_BYTES, false };
	return h.type == P9_RLERROR ? -(int)p9_get_u32(&c->got) : 0;
}

static int reply(struct world *w)
{
	unsigned k = w->guest.queue[0].collected % REQUESTS;

	return reply_at(w, slot_at(0, 2 * k + 1), guest_wait(&w->guest, 0, NULL));
}

#define ask(w, ...) (post(w, __VA_ARGS__), reply(w))

static void start(struct world *w)
{
	guest_set_up(&w->guest, VIRTIO_9P_MOUNT_TAG);
	assert_int_equal(ask(w, P9_TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(ask(w, P9_TATTACH, "ddssd", ROOT, P9_NO_ID, "", "", geteuid()), 0);
}

static bool is_broken(void *arg)
{
	return get(arg, R_STATUS) & VIRTIO_STATUS_NEEDS_RESET;
}

/* ---- what it is ---- */

static void the_configuration_is_the_tag(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	const char *tag = "my tag";

	check_register(g, "DeviceID", R_DEVICE_ID, 9);
	set(g, R_FEATURES_SEL, 0);
	assert_true(get(g, R_FEATURES) & VIRTIO_9P_MOUNT_TAG);
	assert_int_equal(guest_read(g, R_CONFIG, 2), strlen(tag));
	for (unsigned i = 0; i < strlen(tag); i++)
		assert_int_equal(guest_read(g, R_CONFIG + 2 + i, 1), tag[i]);
	assert_int_equal(guest_read(g, R_CONFIG + 2 + strlen(tag), 1), 0);
	assert_string_equal(w->p9.virtio.label, "9p2");
	assert_int_equal(state_covered(w->p9.virtio.ops->state), sizeof(struct p9_fs_state));
}

/* A Twrite with its data in the same buffer. */
static void post_write(struct world *w, uint32_t fid, const char *text)
{
	struct bytes b = bytes_in(w->client.io->request, GUEST_SLOT_BYTES);
	uint32_t n = (uint32_t)strlen(text);

	bytes_u32(&b, P9_WRITE_BYTES + n);
	bytes_u8(&b, P9_TWRITE);
	bytes_u16(&b, 1);
	bytes_u32(&b, fid);
	bytes_u64(&b, 0);
	bytes_u32(&b, n);
	bytes_copy(&b, text, n);
	add(w, b.used, GUEST_SLOT_BYTES);
	guest_kick(&w->guest, 0);
}

static void files_are_made_written_and_read(void **state)
{
	struct world *w = *state;

	start(w);
	assert_int_equal(ask(w, P9_TWALK, "ddh", ROOT, 1, 0), 0);
	assert_int_equal(ask(w, P9_TLCREATE, "dsddd", 1, "a file", L_RDWR, 0646, getegid()), 0);
	post_write(w, 1, "hello");
	assert_int_equal(reply(w), 0);
	host_expect(host(&w->client, "a file"), "hello");
	assert_int_equal(ask(w, P9_TREAD, "dqd", 1, UINT64_C(1), 100), 0);
	assert_int_equal(p9_get_u32(&w->client.got), 4);
	assert_memory_equal(w->client.got.at, "ello", 4);
}

static void requests_are_answered_in_order(void **state)
{
	struct world *w = *state;

	start(w);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < REQUESTS; i++)
			post(w, P9_TWALK, "ddh", ROOT, 1 + i, 0);
		for (unsigned i = 0; i < REQUESTS; i++)
			assert_int_equal(reply(w), 0);
		for (unsigned i = 0; i < REQUESTS; i++)
			post(w, P9_TCLUNK, "d", 1 + i);
		for (unsigned i = 0; i < REQUESTS; i++)
			assert_int_equal(reply(w), 0);
	}
}

/* ---- what is wrong ---- */

static void check_broken(struct world *w, uint32_t request, uint32_t room)
{
	start(w);
	call(&w->client, P9_TCLUNK, "d", 7);
	add(w, request, room);
	guest_kick(&w->guest, 0);
	guest_until(&w->guest, is_broken, &w->guest, "the device needs a reset");
	start(w);
	assert_int_equal(ask(w, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC), 0);
}

static void buffers_too_short_break_the_queue_until_reset(void **state)
{
	struct world *w = *state;

	check_broken(w, P9_HEADER_BYTES - 1, GUEST_SLOT_BYTES);
	check_broken(w, 11, P9_ERROR_BYTES - 1);
	check_broken(w, 11, 0);
}

static void a_short_reply_buffer_gets_an_error(void **state)
{
	struct world *w = *state;

	start(w);
	call(&w->client, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC);
	add(w, 19, 100);
	guest_kick(&w->guest, 0);
	assert_int_equal(reply(w), -EMSGSIZE);
}

/* ---- poison: a page whose file ends before it ---- */

#define BAD_PAGE (GUEST_RAM + MIB(1))

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(42);
}

static void poison(struct guest *g)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int fd = memfd_create("bad", MFD_CLOEXEC);

	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	assert_true(fd >= 0);
	assert_ptr_not_equal(mmap(guest_memory(g, BAD_PAGE, 4096), 4096, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, fd, 0),
			     MAP_FAILED);
	close(fd);
}

/* The header lies before the bad page, the data in it. */
static void data_in_a_poisoned_page_is_an_io_error(void **state)
{
	struct world *w = *state;

	poison(&w->guest);
	start(w);
	host_write(host(&w->client, "f"), "text");
	assert_int_equal(ask(w, P9_TWALK, "ddhs", ROOT, 1, 1, "f"), 0);
	assert_int_equal(ask(w, P9_TLOPEN, "dd", 1, L_RDWR), 0);
	call(&w->client, P9_TREAD, "dqd", 1, UINT64_C(0), 4);
	copy_unseen(guest_memory(&w->guest, slot_at(0, 0), 23), w->client.io->request, 23);
	add_at(&w->guest, slot_at(0, 0), 23, BAD_PAGE - P9_READ_BYTES, 4096);
	guest_kick(&w->guest, 0);
	assert_int_equal(reply_at(w, BAD_PAGE - P9_READ_BYTES, guest_wait(&w->guest, 0, NULL)),
			 -EIO);
	assert_int_equal(ask(w, P9_TCLUNK, "d", 1), 0);
	host_expect(host(&w->client, "f"), "text");
}

static void a_poisoned_request_or_reply_breaks_the_queue(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	poison(g);
	start(w);
	add_at(g, BAD_PAGE, 100, slot_at(0, 1), 100);
	guest_kick(g, 0);
	guest_until(g, is_broken, g, "the device needs a reset");
	start(w);
	call(&w->client, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC);
	copy_unseen(guest_memory(g, slot_at(0, 0), 19), w->client.io->request, 19);
	add_at(g, slot_at(0, 0), 19, BAD_PAGE, 4096);
	guest_kick(g, 0);
	guest_until(g, is_broken, g, "the device needs a reset");
	start(w);
}

/* ---- a file system that takes its time: who opens a file with a lease waits until that is given up ---- */

static int lease(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	signal(SIGIO, SIG_IGN);
	if (fcntl(fd, F_SETLEASE, F_WRLCK)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void give_up(int fd)
{
	assert_int_equal(fcntl(fd, F_SETLEASE, F_UNLCK), 0);
	close(fd);
}

/* The worker is in open(2), which has asked for the lease. */
static bool is_waiting(void *arg)
{
	return fcntl(*(const int *)arg, F_GETLEASE) != F_WRLCK;
}

/* Send a request that waits. The descriptor with the lease, or -1: no leases here. */
static int hold_up(struct world *w)
{
	int fd;

	start(w);
	host_write(host(&w->client, "f"), "text");
	assert_int_equal(ask(w, P9_TWALK, "ddhs", ROOT, 1, 1, "f"), 0);
	fd = lease(host(&w->client, "f"));
	if (fd < 0)
		return fd;
	post(w, P9_TLOPEN, "dd", 1, L_RDWR);
	guest_until(&w->guest, is_waiting, &fd, "the request waits");
	return fd;
}

static void the_io_thread_does_not_wait_for_files(void **state)
{
	struct world *w = *state;
	int fd = hold_up(w);

	if (fd < 0)
		skip();
	post(w, P9_TFLUSH, "h", 1);
	guest_settle(&w->guest); /* would not come back */
	assert_false(used_at(&w->guest, 0, w->guest.queue[0].collected, &(uint32_t){ 0 }));
	give_up(fd);
	assert_int_equal(reply(w), 0);
	assert_int_equal(w->client.io->reply[4], P9_TLOPEN + 1);
	assert_int_equal(reply(w), 0);
	assert_int_equal(w->client.io->reply[4], P9_TFLUSH + 1);
}

struct late {
	struct world *w;
	int fd;
	atomic_bool given_up;
	pthread_t thread;
};

static void *give_up_later(void *arg)
{
	struct late *l = arg;

	poll(NULL, 0, 20);
	atomic_store(&l->given_up, true);
	give_up(l->fd);
	return NULL;
}

static bool hold_up_for_a_while(struct late *l, struct world *w)
{
	*l = (struct late){ .w = w, .fd = hold_up(w) };
	if (l->fd < 0)
		return false;
	assert_int_equal(pthread_create(&l->thread, NULL, give_up_later, l), 0);
	return true;
}

static void reset_waits_and_drops_all_fids(void **state)
{
	struct world *w = *state;
	struct late late;

	if (!hold_up_for_a_while(&late, w))
		skip();
	post(w, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC);
	set(&w->guest, R_STATUS, 0);
	assert_true(atomic_load(&late.given_up));
	pthread_join(late.thread, NULL);
	assert_int_equal(w->p9.fs.fids.count, 0);
	assert_int_equal(w->p9.fs.state.msize, 0);
	start(w);
	assert_int_equal(ask(w, P9_TCLUNK, "d", 1), -EBADF);
}

static void quiesce_finishes_what_is_under_way(void **state)
{
	struct world *w = *state;
	struct late late;

	if (!hold_up_for_a_while(&late, w))
		skip();
	post(w, P9_TGETATTR, "dq", ROOT, P9_GETATTR_BASIC);
	guest_settle(&w->guest);
	bus_quiesce(&w->guest.bus);
	assert_true(atomic_load(&late.given_up));
	pthread_join(late.thread, NULL);
	/* Both are there at once. */
	assert_true(guest_collect(&w->guest, 0, NULL, &(uint32_t){ 0 }));
	assert_true(guest_collect(&w->guest, 0, NULL, &(uint32_t){ 0 }));
	post(w, P9_TCLUNK, "d", 1);
	guest_settle(&w->guest);
	assert_false(used_at(&w->guest, 0, w->guest.queue[0].collected, &(uint32_t){ 0 }));
	bus_resume(&w->guest.bus);
	assert_int_equal(reply(w), 0);
}

/* ---- opening ---- */

static void a_directory_that_is_not_there_is_named(void **state)
{
	struct p9_options o = { .dir = "/no such/place", .tag = "t" };
	struct virtio_p9 p = { .opened = false };
	struct err err = { "" };
	struct world *w = *state;

	virtio_p9_close(&p);
	assert_int_equal(virtio_p9_open(&p, &o, &w->guest.io, &w->guest.ram, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/no such/place"));
	virtio_p9_close(&p);
}

#define p9_test(name) cmocka_unit_test_setup_teardown(name, build, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		p9_test(the_configuration_is_the_tag),
		p9_test(files_are_made_written_and_read),
		p9_test(requests_are_answered_in_order),
		p9_test(buffers_too_short_break_the_queue_until_reset),
		p9_test(a_short_reply_buffer_gets_an_error),
		p9_test(data_in_a_poisoned_page_is_an_io_error),
		p9_test(a_poisoned_request_or_reply_breaks_the_queue),
		p9_test(the_io_thread_does_not_wait_for_files),
		p9_test(reset_waits_and_drops_all_fids),
		p9_test(quiesce_finishes_what_is_under_way),
		p9_test(a_directory_that_is_not_there_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
