/* The entropy device: requests of every size, a storm of them, a poisoned buffer, nothing to fill. */
#include <signal.h>
#include <sys/mman.h>

#include "lib/guard.h"
#include "lib/types.h"
#include "virtio/rng.h"
#include "virtio_guest.h"

struct world {
	struct guest guest;
	struct virtio_rng rng;
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = { "" };

	assert_non_null(w);
	guest_build(&w->guest);
	if (virtio_rng_open(&w->rng, &w->guest.io, &w->guest.ram, 3, &err))
		fail_msg("%s", err.text);
	guest_plug(&w->guest, &w->rng.virtio);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	guest_tear_down(&w->guest);
	virtio_rng_close(&w->rng);
	free(w);
	return 0;
}

static void it_is_an_entropy_device_with_one_queue(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	assert_string_equal(w->rng.virtio.label, "rng3");
	check_register(g, "DeviceID", R_DEVICE_ID, 4);
	set(g, R_QUEUE_SEL, 1);
	check_register(g, "QueueNumMax", R_QUEUE_NUM_MAX, 0);
	assert_int_equal(guest_read(g, R_CONFIG, 4), 0);
}

static void a_request_of_any_size_is_filled(struct world *w, uint64_t features)
{
	static const uint32_t sizes[] = { 1, 7, 8, 64, 255, 256, 257, 1000, 4096 };
	static const uint8_t zeroes[64];
	uint8_t bytes[GUEST_SLOT_BYTES];
	struct guest *g = &w->guest;

	guest_set_up(g, features);
	for (unsigned i = 0; i < 3 * ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i % ARRAY_SIZE(sizes)];

		guest_add(g, 0, size, true);
		guest_kick(g, 0);
		assert_int_equal(guest_wait(g, 0, bytes), size);
		/* 64 bytes of noise are not all 0; once in 2^512. */
		if (size >= 64)
			assert_memory_not_equal(bytes + size - 64, zeroes, 64);
	}
}

static void a_request_of_any_size_is_filled_split(void **state)
{
	a_request_of_any_size_is_filled(*state, 0);
}

static void a_request_of_any_size_is_filled_packed(void **state)
{
	a_request_of_any_size_is_filled(*state, VIRTIO_FEATURE_RING_PACKED);
}

static void a_request_of_any_size_is_filled_by_the_thread(void **state)
{
	struct world *w = *state;

	guest_start_thread(&w->guest);
	a_request_of_any_size_is_filled(w, 0);
}

static void a_huge_request_gets_a_part(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint8_t *behind;
	uint32_t len = 0;

	guest_set_up(g, 0);
	guest_add(g, 0, 1u << 20, true);
	guest_kick(g, 0);
	guest_settle(g);
	assert_true(guest_collect(g, 0, NULL, &len));
	assert_int_equal(len, VIRTIO_RNG_REQUEST_BYTES);
	behind = guest_memory(g, slot_at(0, 0) + VIRTIO_RNG_REQUEST_BYTES, 8);
	assert_memory_equal(behind, "\0\0\0\0\0\0\0", 8);
}

static void a_request_without_room_comes_back_empty(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_set_up(g, 0);
	guest_add(g, 0, 64, false);
	guest_kick(g, 0);
	assert_int_equal(guest_wait(g, 0, NULL), 0);
	guest_add(g, 0, 64, true);
	guest_kick(g, 0);
	assert_int_equal(guest_wait(g, 0, NULL), 64);
}

static void one_that_never_stops_asking_does_not_keep_the_thread(void **state)
{
	struct world *w = *state;

	guest_set_up(&w->guest, 0);
	guest_never_stops(&w->guest, 0, 8, true);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	guard_catch((uintptr_t)info->si_addr);
	_exit(42);
}

/* A page that has lost its memory: the mapping of a file beyond its end. */
static void a_poisoned_buffer_comes_back_with_what_is_before(void **state)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct world *w = *state;
	struct guest *g = &w->guest;
	int fd = memfd_create("empty", MFD_CLOEXEC);
	uint8_t *page = guest_memory(g, slot_at(0, 1), 4096);

	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	assert_true(fd >= 0);
	assert_ptr_equal(mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
			 page);
	close(fd);
	guest_set_up(g, 0);
	/* The first slot, of 512 bytes too many, runs into the page. */
	guest_add(g, 0, 4096 + 512, true);
	guest_add(g, 0, 16, true);
	guest_add(g, 0, 16, true);
	guest_kick(g, 0);
	assert_int_equal(guest_wait(g, 0, NULL), 4096);
	assert_int_equal(guest_wait(g, 0, NULL), 0);
	assert_int_equal(guest_wait(g, 0, NULL), 16);
	check_register(g, "Status", R_STATUS, 15);
	signal(SIGBUS, SIG_DFL);
}

static void held_still_it_fills_nothing(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint32_t len;

	guest_set_up(g, 0);
	bus_quiesce(&g->bus);
	guest_add(g, 0, 16, true);
	guest_kick(g, 0);
	guest_settle(g);
	assert_false(guest_collect(g, 0, NULL, &len));
	bus_resume(&g->bus);
	assert_int_equal(guest_wait(g, 0, NULL), 16);
}

#define T(name) cmocka_unit_test_setup_teardown(name, build, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_an_entropy_device_with_one_queue),
		T(a_request_of_any_size_is_filled_split),
		T(a_request_of_any_size_is_filled_packed),
		T(a_request_of_any_size_is_filled_by_the_thread),
		T(a_huge_request_gets_a_part),
		T(a_request_without_room_comes_back_empty),
		T(one_that_never_stops_asking_does_not_keep_the_thread),
		T(a_poisoned_buffer_comes_back_with_what_is_before),
		T(held_still_it_fills_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
