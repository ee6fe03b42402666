/* What all virtio devices share: every order of status writes against a plain model, features, doorbells,
 * broken queues, reset, quiesce and resume in the middle of work. */
#include "lib/types.h"
#include "virtio_guest.h"

#define BROKEN "the test says so"

/* A kind of device that only counts; queue 0 echoes nothing, each request is given back with 4 bytes. */
struct counter {
	struct virtio_device virtio; /* first */
	struct virtq queue[2];
	struct virtq_chain chain;
	unsigned starts, stops, quiesces, resumes, kicks[2], served;
	bool hold; /* kick() leaves requests where they are */
	bool break_it;
	uint8_t config[6];
};

static struct counter *to_counter(struct virtio_device *dev)
{
	return (struct counter *)dev;
}

static void counter_start(struct virtio_device *dev)
{
	to_counter(dev)->starts++;
}

static void counter_stop(struct virtio_device *dev)
{
	to_counter(dev)->stops++;
}

static void counter_quiesce(struct virtio_device *dev)
{
	to_counter(dev)->quiesces++;
}

static void counter_resume(struct virtio_device *dev)
{
	to_counter(dev)->resumes++;
}

static void counter_kick(struct virtio_device *dev, unsigned n)
{
	struct counter *c = to_counter(dev);

	c->kicks[n]++;
	if (c->hold)
		return;
	if (c->break_it) {
		virtio_break(dev, n, BROKEN);
		return;
	}
	do {
		while (virtio_pop(dev, n, &c->chain)) {
			c->served++;
			virtq_push(&c->queue[n], &c->chain, 4);
		}
		virtio_interrupt(dev, n);
	} while (virtio_rest(dev, n));
}

static void counter_read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	assert_true(offset < 6 && n <= 6 - offset);
	memcpy(to, to_counter(dev)->config + offset, n);
}

static void counter_write_config(struct virtio_device *dev, uint32_t offset, const void *from,
				 uint32_t n)
{
	assert_true(offset < 6 && n <= 6 - offset);
	memcpy(to_counter(dev)->config + offset, from, n);
}

static const struct virtio_ops counter_ops = {
	.name = "counter",
	.id = VIRTIO_ID_RNG,
	.config_bytes = 6,
	.read_config = counter_read_config,
	.write_config = counter_write_config,
	.start = counter_start,
	.kick = counter_kick,
	.stop = counter_stop,
	.quiesce = counter_quiesce,
	.resume = counter_resume,
};

#define EXTRA_FEATURE (UINT64_C(1) << 3)
#define OFFERED                                                                                    \
	(EXTRA_FEATURE | VIRTIO_FEATURE_VERSION_1 | VIRTIO_FEATURE_RING_PACKED |                   \
	 VIRTIO_FEATURE_EVENT_IDX | VIRTIO_FEATURE_INDIRECT_DESC)

struct world {
	struct guest guest;
	struct counter c;
};

static int build(void **state)
{
	static const struct counter none;
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	guest_build(&w->guest);
	w->c = none;
	for (unsigned n = 0; n < 2; n++)
		virtq_init(&w->c.queue[n], &w->guest.ram, 64);
	virtio_init(&w->c.virtio, &counter_ops, &w->guest.io, &w->guest.ram, w->c.queue, 2,
		    EXTRA_FEATURE);
	guest_plug(&w->guest, &w->c.virtio);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	guest_tear_down(&w->guest);
	free(w);
	return 0;
}

static void the_field_table_covers_the_state(void **state)
{
	(void)state;
	assert_int_equal(state_covered(&virtio_state_desc), virtio_state_desc.size);
}

/* ---- status ---- */

/* How far a driver has come; each level has all bits of those below. */
struct model {
	unsigned level; /* 0: reset, 1: ACKNOWLEDGE, 2: DRIVER, 3: FEATURES_OK, 4: DRIVER_OK */
	bool failed;
	unsigned starts, stops;
};

static const uint32_t level_bit[] = { 0, 1, 2, 8, 4 };

static void model_write(struct model *m, uint32_t value, bool good_features)
{
	if (value == 0) {
		m->stops += m->level == 4 && !m->failed;
		m->level = 0;
		m->failed = false;
		return;
	}
	if (m->failed)
		return;
	if (value & 128) {
		m->stops += m->level == 4;
		m->failed = true;
		return;
	}
	while (m->level < 4 && value & level_bit[m->level + 1]) {
		if (m->level == 2 && !good_features)
			return;
		m->level++;
		m->starts += m->level == 4;
	}
}

static uint32_t model_status(const struct model *m)
{
	uint32_t status = m->failed ? 128 : 0;

	for (unsigned i = 1; i <= m->level; i++)
		status |= level_bit[i];
	return status;
}

static const uint32_t writes[] = { 0, 1, 2, 3, 4, 8, 11, 15, 128, 64, 16, 143 };

static void write_and_compare(struct world *w, struct model *m, uint32_t value, uint64_t features)
{
	bool good = features & VIRTIO_FEATURE_VERSION_1 && !(features & ~OFFERED);
	uint32_t found;

	virtio_set_driver_features(&w->c.virtio, 0, (uint32_t)features);
	virtio_set_driver_features(&w->c.virtio, 1, (uint32_t)(features >> 32));
	virtio_set_status(&w->c.virtio, value);
	model_write(m, value, good);
	found = virtio_status(&w->c.virtio);
	if (found != model_status(m))
		fail_msg("after writing %u: expected %u, found %u", value, model_status(m), found);
	if (w->c.starts != m->starts || w->c.stops != m->stops)
		fail_msg("after writing %u: expected %u starts and %u stops, found %u and %u",
			 value, m->starts, m->stops, w->c.starts, w->c.stops);
}

#define LENGTH 4

static void every_order_of_status_writes_is_as_the_model_says(void **state)
{
	static const uint64_t features[] = { VIRTIO_FEATURE_VERSION_1, OFFERED, EXTRA_FEATURE,
					     VIRTIO_FEATURE_VERSION_1 | UINT64_C(1) << 40 };
	struct world *w = *state;
	unsigned total = 1;

	for (unsigned i = 0; i < LENGTH; i++)
		total *= ARRAY_SIZE(writes);
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned f = 0; f < ARRAY_SIZE(features); f++) {
		for (unsigned n = 0; n < total; n++) {
			struct model m = { 0 };
			unsigned rest = n;

			virtio_reset(&w->c.virtio);
			w->c.starts = w->c.stops = 0;
			for (unsigned i = 0; i < LENGTH; i++, rest /= ARRAY_SIZE(writes))
				write_and_compare(w, &m, writes[rest % ARRAY_SIZE(writes)],
						  features[f]);
		}
	}
	log_set_level(LOG_LEVEL_WARN);
}

static void features_cannot_change_after_features_ok(void **state)
{
	struct world *w = *state;

	guest_negotiate(&w->guest, EXTRA_FEATURE);
	virtio_set_driver_features(&w->c.virtio, 0, 0);
	assert_true(virtio_has(&w->c.virtio, EXTRA_FEATURE | VIRTIO_FEATURE_VERSION_1));
	assert_false(virtio_has(&w->c.virtio, EXTRA_FEATURE | VIRTIO_FEATURE_RING_PACKED));
}

static void features_above_bit_63_are_refused(void **state)
{
	struct world *w = *state;

	log_set_level(LOG_LEVEL_ERROR);
	virtio_set_status(&w->c.virtio, 3);
	virtio_set_driver_features(&w->c.virtio, 1, 1);
	virtio_set_driver_features(&w->c.virtio, 2, 1);
	virtio_set_status(&w->c.virtio, 11);
	assert_int_equal(virtio_status(&w->c.virtio), 3);
	virtio_reset(&w->c.virtio);
	virtio_set_status(&w->c.virtio, 3);
	virtio_set_driver_features(&w->c.virtio, 1, 1);
	virtio_set_driver_features(&w->c.virtio, 2, 0);
	virtio_set_status(&w->c.virtio, 11);
	assert_int_equal(virtio_status(&w->c.virtio), 11);
	log_set_level(LOG_LEVEL_WARN);
}

static void features_are_offered_in_halves(void **state)
{
	struct world *w = *state;

	assert_int_equal(virtio_features(&w->c.virtio, 0), (uint32_t)OFFERED);
	assert_int_equal(virtio_features(&w->c.virtio, 1), OFFERED >> 32);
	assert_int_equal(virtio_features(&w->c.virtio, 2), 0);
	assert_int_equal(virtio_features(&w->c.virtio, UINT32_MAX), 0);
}

/* ---- configuration ---- */

static void configuration_ends_where_it_ends(void **state)
{
	struct world *w = *state;
	uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint8_t end[4] = { 5, 6, 0, 0 }, none[4] = { 0 };

	virtio_config_write(&w->c.virtio, 0, bytes, 6);
	virtio_config_write(&w->c.virtio, 4, none, 4);
	virtio_config_write(&w->c.virtio, UINT32_MAX, none, 4);
	virtio_config_read(&w->c.virtio, 4, bytes, 4);
	assert_memory_equal(bytes, end, 4);
	virtio_config_read(&w->c.virtio, 6, bytes, 4);
	assert_memory_equal(bytes, none, 4);
	virtio_config_read(&w->c.virtio, UINT32_MAX, bytes, 4);
	assert_memory_equal(bytes, none, 4);
}

static void a_change_of_configuration_is_announced_to_a_driver_that_is_ready(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint32_t generation = get(g, R_GENERATION);

	virtio_config_changed(&w->c.virtio);
	check_register(g, "ConfigGeneration", R_GENERATION, generation + 1);
	assert_int_equal(guest_interrupts(g), 0);
	guest_set_up(g, 0);
	virtio_config_changed(&w->c.virtio);
	check_register(g, "ConfigGeneration", R_GENERATION, generation + 2);
	check_register(g, "InterruptStatus", R_ISR, VIRTIO_ISR_CONFIG);
	assert_int_equal(guest_interrupts(g), 1);
	set(g, R_STATUS, 0);
	check_register(g, "ConfigGeneration", R_GENERATION, generation + 2);
	check_register(g, "InterruptStatus", R_ISR, 0);
}

/* ---- queues ---- */

static void requests_are_served(struct world *w, uint64_t features)
{
	struct guest *g = &w->guest;

	guest_set_up(g, features);
	for (unsigned i = 0; i < 5 * GUEST_SIZE; i++) {
		guest_add(g, i & 1, 16, true);
		guest_kick(g, i & 1);
		assert_int_equal(guest_wait(g, i & 1, NULL), 4);
	}
	assert_int_equal(w->c.served, 5 * GUEST_SIZE);
	assert_int_equal(w->c.virtio.counts.requests, 5 * GUEST_SIZE);
	assert_int_equal(get(g, R_ISR), VIRTIO_ISR_QUEUE);
}

static void requests_are_served_split(void **state)
{
	requests_are_served(*state, 0);
}

static void requests_are_served_packed(void **state)
{
	requests_are_served(*state, VIRTIO_FEATURE_RING_PACKED);
}

static void requests_are_served_by_the_thread(void **state)
{
	struct world *w = *state;

	guest_start_thread(&w->guest);
	requests_are_served(w, 0);
}

static void requests_made_before_driver_ok_are_found(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_negotiate(g, 0);
	guest_set_up_queue(g, 1);
	guest_add(g, 1, 16, true);
	set(g, R_NOTIFY, 1);
	assert_int_equal(w->c.kicks[1], 0);
	set(g, R_STATUS, 15);
	assert_int_equal(w->c.served, 1);
	assert_int_equal(w->c.kicks[0], 0);
}

static void doorbells_are_wired_while_the_driver_is_ready(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_negotiate(g, 0);
	guest_set_up_queue(g, 1);
	assert_int_equal(g->wired[1], -1);
	set(g, R_STATUS, 15);
	assert_true(g->wired[1] >= 0);
	assert_int_equal(g->wired[0], -1);
	assert_int_equal(virtio_kick_fd(&w->c.virtio, 0), -1);
	assert_int_equal(virtio_kick_fd(&w->c.virtio, 99), -1);
	set(g, R_STATUS, 0);
	assert_int_equal(g->wired[1], -1);
	assert_int_equal(virtio_kick_fd(&w->c.virtio, 1), -1);
}

static void a_driver_that_gives_up_is_left_alone(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint32_t len;

	guest_set_up(g, 0);
	set(g, R_STATUS, 15 | VIRTIO_STATUS_FAILED);
	check_register(g, "Status", R_STATUS, 15 | VIRTIO_STATUS_FAILED);
	assert_int_equal(w->c.stops, 1);
	assert_int_equal(g->wired[0], -1);
	guest_add(g, 0, 16, true);
	guest_kick(g, 0);
	virtio_config_changed(&w->c.virtio);
	guest_settle(g);
	assert_false(guest_collect(g, 0, NULL, &len));
	assert_int_equal(guest_interrupts(g), 0);
	/* Nor does a pause revive it. */
	bus_quiesce(&g->bus);
	bus_resume(&g->bus);
	assert_int_equal(w->c.starts, 1);
	w->c.served = 0;
	w->c.virtio.counts.requests = 0;
	requests_are_served(w, 0);
}

static void a_kick_that_is_trapped_serves_as_well(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	log_set_level(LOG_LEVEL_ERROR);
	g->wire_error = -ENOSPC;
	requests_are_served(w, 0);
	log_set_level(LOG_LEVEL_WARN);
	set(g, R_NOTIFY, 2);
	set(g, R_NOTIFY, UINT32_MAX);
	guest_settle(g);
}

static void a_queue_that_is_disabled_is_forgotten_alone(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_set_up(g, 0);
	set(g, R_QUEUE_SEL, 0);
	set(g, R_QUEUE_READY, 0);
	check_register(g, "QueueReady", R_QUEUE_READY, 0);
	assert_int_equal(w->c.quiesces, 1);
	assert_int_equal(w->c.resumes, 1);
	assert_int_equal(g->wired[0], -1);
	assert_true(g->wired[1] >= 0);
	guest_add(g, 1, 16, true);
	guest_kick(g, 1);
	assert_int_equal(guest_wait(g, 1, NULL), 4);
	/* It cannot come back before a reset. */
	set(g, R_QUEUE_READY, 1);
	check_register(g, "QueueReady", R_QUEUE_READY, 0);
}

static void a_request_put_back_is_the_next_again(struct world *w, uint64_t features)
{
	struct guest *g = &w->guest;
	struct virtq_chain *chain = &w->c.chain;

	w->c.hold = true;
	guest_set_up(g, features);
	/* One more, so that the request that is put back is now and then the last of the packed ring. */
	guest_add(g, 0, 16, true);
	assert_true(virtio_pop(&w->c.virtio, 0, chain));
	virtq_push(&w->c.queue[0], chain, 0);
	guest_wait(g, 0, NULL);
	for (unsigned i = 0; i < 3 * GUEST_SIZE + 1; i++) {
		guest_add(g, 0, 100 + i, true);
		guest_add(g, 0, 200 + i, true);
		for (unsigned times = 0; times < 3; times++) {
			assert_true(virtio_pop(&w->c.virtio, 0, chain));
			assert_int_equal(chain->write_bytes, 100 + i);
			virtio_unpop(&w->c.virtio, 0, chain);
		}
		assert_true(virtio_pop(&w->c.virtio, 0, chain));
		virtq_push(&w->c.queue[0], chain, 1);
		assert_true(virtio_pop(&w->c.virtio, 0, chain));
		assert_int_equal(chain->write_bytes, 200 + i);
		virtq_push(&w->c.queue[0], chain, 2);
		assert_false(virtio_pop(&w->c.virtio, 0, chain));
		assert_int_equal(guest_wait(g, 0, NULL), 1);
		assert_int_equal(guest_wait(g, 0, NULL), 2);
	}
	assert_int_equal(w->c.virtio.counts.requests, 1 + 2 * (3 * GUEST_SIZE + 1));
}

static void a_request_put_back_is_the_next_again_split(void **state)
{
	a_request_put_back_is_the_next_again(*state, 0);
}

static void a_request_put_back_is_the_next_again_packed(void **state)
{
	a_request_put_back_is_the_next_again(*state, VIRTIO_FEATURE_RING_PACKED);
}

/* ---- broken queues ---- */

static void a_broken_queue_asks_for_a_reset_once(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	log_set_level(LOG_LEVEL_ERROR);
	guest_set_up(g, 0);
	w->c.break_it = true;
	guest_kick(g, 0);
	guest_settle(g);
	w->c.break_it = false;
	check_register(g, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
	check_register(g, "InterruptStatus", R_ISR, VIRTIO_ISR_CONFIG);
	assert_int_equal(guest_interrupts(g), 1);
	assert_int_equal(w->c.virtio.counts.errors, 1);
	assert_string_equal(w->c.queue[0].why, BROKEN);
	virtio_break(&w->c.virtio, 0, "again");
	assert_int_equal(guest_interrupts(g), 0);
	/* The driver may write the bit back; only a reset clears it. */
	set(g, R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
	check_register(g, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
	/* The other queue goes on. */
	guest_add(g, 1, 16, true);
	guest_kick(g, 1);
	assert_int_equal(guest_wait(g, 1, NULL), 4);
	set(g, R_STATUS, 0);
	check_register(g, "Status", R_STATUS, 0);
	w->c.served = 0;
	w->c.virtio.counts.requests = 0;
	requests_are_served(w, 0);
	log_set_level(LOG_LEVEL_WARN);
}

static void a_queue_with_a_wrong_address_is_broken_from_the_start(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	log_set_level(LOG_LEVEL_ERROR);
	guest_negotiate(g, 0);
	set(g, R_QUEUE_SEL, 0);
	set(g, R_QUEUE_NUM, 8);
	set64(g, R_DESC, 0x1000);
	set(g, R_QUEUE_READY, 1);
	guest_set_up_queue(g, 1);
	set(g, R_STATUS, 15);
	check_register(g, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(g->wired[0], -1);
	assert_true(g->wired[1] >= 0);
	set(g, R_NOTIFY, 0);
	assert_int_equal(w->c.kicks[0], 0);
	log_set_level(LOG_LEVEL_WARN);
}

/* ---- the machine ---- */

static void what_comes_while_held_still_is_served_after_resume(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint32_t len;

	guest_set_up(g, 0);
	bus_quiesce(&g->bus);
	bus_quiesce(&g->bus);
	assert_int_equal(w->c.quiesces, 1);
	guest_add(g, 0, 16, true);
	guest_kick(g, 0);
	guest_settle(g);
	assert_false(guest_collect(g, 0, NULL, &len));
	assert_false(virtio_pop(&w->c.virtio, 0, &w->c.chain));
	w->c.kicks[0] = w->c.kicks[1] = 0;
	bus_resume(&g->bus);
	bus_resume(&g->bus);
	assert_int_equal(w->c.resumes, 1);
	assert_int_equal(w->c.kicks[0], 1);
	assert_int_equal(w->c.kicks[1], 1);
	assert_true(guest_collect(g, 0, NULL, &len));
}

static void a_device_that_was_never_started_is_not_asked_to_hold_still(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	bus_quiesce(&g->bus);
	bus_resume(&g->bus);
	bus_reset(&g->bus);
	assert_int_equal(w->c.quiesces + w->c.resumes + w->c.stops, 0);
	requests_are_served(w, 0);
}

static void a_driver_that_is_ready_while_held_still_waits(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	uint32_t len;

	bus_quiesce(&g->bus);
	guest_set_up(g, 0);
	guest_add(g, 0, 16, true);
	guest_kick(g, 0);
	guest_settle(g);
	assert_false(guest_collect(g, 0, NULL, &len));
	bus_resume(&g->bus);
	assert_true(guest_collect(g, 0, NULL, &len));
	assert_int_equal(w->c.quiesces, w->c.resumes);
}

static void reset_while_held_still_stops_and_resume_starts_nothing(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_set_up(g, 0);
	bus_quiesce(&g->bus);
	bus_reset(&g->bus);
	assert_int_equal(w->c.stops, 1);
	bus_resume(&g->bus);
	assert_int_equal(w->c.resumes, 0);
	assert_int_equal(w->c.kicks[0], 1); /* from DRIVER_OK */
	requests_are_served(w, VIRTIO_FEATURE_RING_PACKED);
}

static void loaded_state_is_taken_up_where_it_was(void **state)
{
	struct world *w = *state, *other;
	struct guest *g = &w->guest;
	void *second = NULL;

	requests_are_served(w, 0);
	bus_quiesce(&g->bus);
	build(&second);
	other = second;
	/* The same guest, another machine. */
	memcpy(other->guest.ram.hva, g->ram.hva, GUEST_RAM_BYTES);
	memcpy(other->guest.queue, g->queue, sizeof(g->queue));
	other->c.virtio.state = w->c.virtio.state;
	for (unsigned n = 0; n < 2; n++)
		other->c.queue[n].state = w->c.queue[n].state;
	bus_resume(&other->guest.bus);
	check_register(&other->guest, "Status", R_STATUS, 15);
	/* It may not have seen the interrupt that is in InterruptStatus. */
	assert_int_equal(guest_interrupts(&other->guest), 1);
	for (unsigned i = 0; i < GUEST_SIZE; i++) {
		guest_add(&other->guest, 0, 16, true);
		guest_kick(&other->guest, 0);
		assert_int_equal(guest_wait(&other->guest, 0, NULL), 4);
	}
	tear_down(&second);
}

static void a_loaded_device_that_needs_a_reset_still_does(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	log_set_level(LOG_LEVEL_ERROR);
	guest_set_up(g, 0);
	virtio_break(&w->c.virtio, 0, BROKEN);
	bus_quiesce(&g->bus);
	assert_int_equal(w->c.virtio.state.status, 15 | VIRTIO_STATUS_NEEDS_RESET);
	atomic_store(&w->c.virtio.needs_reset, 0); /* as in a new machine */
	bus_resume(&g->bus);
	check_register(g, "Status", R_STATUS, 15 | VIRTIO_STATUS_NEEDS_RESET);
	set(g, R_STATUS, 0);
	check_register(g, "Status", R_STATUS, 0);
	log_set_level(LOG_LEVEL_WARN);
}

/* Resets, pauses and kicks from a second thread, as vCPUs and the main thread send them. */
static void *disturb(void *arg)
{
	struct world *w = arg;
	struct guest *g = &w->guest;

	for (unsigned i = 0; i < 300; i++) {
		bus_quiesce(&g->bus);
		set(g, R_NOTIFY, i & 1);
		virtio_config_changed(&w->c.virtio);
		bus_resume(&g->bus);
	}
	return NULL;
}

static void reset_and_pause_under_load_lose_nothing(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	pthread_t thread;

	guest_start_thread(g);
	assert_int_equal(pthread_create(&thread, NULL, disturb, w), 0);
	for (unsigned round = 0; round < 10; round++) {
		guest_set_up(g, round & 1 ? VIRTIO_FEATURE_RING_PACKED : 0);
		for (unsigned i = 0; i < 20; i++) {
			guest_add(g, 0, 16, true);
			guest_kick(g, 0);
			assert_int_equal(guest_wait(g, 0, NULL), 4);
		}
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	set(g, R_STATUS, 0);
	assert_int_equal(w->c.served, 200);
	assert_int_equal(w->c.starts, w->c.stops);
}

#define T(name) cmocka_unit_test_setup_teardown(name, build, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_field_table_covers_the_state),
		T(every_order_of_status_writes_is_as_the_model_says),
		T(features_cannot_change_after_features_ok),
		T(features_above_bit_63_are_refused),
		T(features_are_offered_in_halves),
		T(configuration_ends_where_it_ends),
		T(a_change_of_configuration_is_announced_to_a_driver_that_is_ready),
		T(requests_are_served_split),
		T(requests_are_served_packed),
		T(requests_are_served_by_the_thread),
		T(requests_made_before_driver_ok_are_found),
		T(doorbells_are_wired_while_the_driver_is_ready),
		T(a_driver_that_gives_up_is_left_alone),
		T(a_kick_that_is_trapped_serves_as_well),
		T(a_queue_that_is_disabled_is_forgotten_alone),
		T(a_request_put_back_is_the_next_again_split),
		T(a_request_put_back_is_the_next_again_packed),
		T(a_broken_queue_asks_for_a_reset_once),
		T(a_queue_with_a_wrong_address_is_broken_from_the_start),
		T(what_comes_while_held_still_is_served_after_resume),
		T(a_device_that_was_never_started_is_not_asked_to_hold_still),
		T(a_driver_that_is_ready_while_held_still_waits),
		T(reset_while_held_still_stops_and_resume_starts_nothing),
		T(loaded_state_is_taken_up_where_it_was),
		T(a_loaded_device_that_needs_a_reset_still_does),
		T(reset_and_pause_under_load_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
