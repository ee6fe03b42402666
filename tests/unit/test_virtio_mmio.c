/* The virtio-mmio registers, one by one: what reads give, what writes do, accesses of every size. */
#include "lib/types.h"
#include "virtio_guest.h"

struct thing {
	struct virtio_device virtio; /* first */
	struct virtq queue[3];
	uint8_t config[16];
};

static void read_config(struct virtio_device *dev, uint32_t offset, void *to, uint32_t n)
{
	memcpy(to, ((struct thing *)dev)->config + offset, n);
}

static void write_config(struct virtio_device *dev, uint32_t offset, const void *from, uint32_t n)
{
	memcpy(((struct thing *)dev)->config + offset, from, n);
}

static const struct virtio_ops thing_ops = {
	.name = "thing",
	.id = VIRTIO_ID_9P,
	.config_bytes = 16,
	.read_config = read_config,
	.write_config = write_config,
};

struct world {
	struct guest guest;
	struct thing thing;
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	guest_build(&w->guest);
	for (unsigned n = 0; n < 3; n++)
		virtq_init(&w->thing.queue[n], &w->guest.ram, (uint16_t)(16u << n));
	virtio_init(&w->thing.virtio, &thing_ops, &w->guest.io, &w->guest.ram, w->thing.queue, 3,
		    UINT64_C(0x5));
	for (unsigned i = 0; i < 16; i++)
		w->thing.config[i] = (uint8_t)(0xa0 + i);
	guest_plug(&w->guest, &w->thing.virtio);
	log_set_level(LOG_LEVEL_ERROR);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	log_set_level(LOG_LEVEL_WARN);
	guest_tear_down(&w->guest);
	free(w);
	return 0;
}

/* 4.2.2, table 4.1. Registers that are not listed read 0. */
static const struct {
	uint32_t reg, value;
	const char *name;
} at_reset[] = {
	{ R_MAGIC, 0x74726976, "MagicValue" },
	{ R_VERSION, 2, "Version" },
	{ R_DEVICE_ID, 9, "DeviceID" },
	{ R_VENDOR_ID, 0x56534152, "VendorID" },
	{ R_FEATURES, 0x30000005, "DeviceFeatures" },
	{ R_QUEUE_NUM_MAX, 16, "QueueNumMax" },
	{ R_SHM_LEN, UINT32_MAX, "SHMLenLow" },
	{ R_SHM_LEN + 4, UINT32_MAX, "SHMLenHigh" },
	{ R_SHM_BASE, UINT32_MAX, "SHMBaseLow" },
	{ R_SHM_BASE + 4, UINT32_MAX, "SHMBaseHigh" },
};

static uint32_t expected_at_reset(uint32_t reg, const char **name)
{
	*name = "a register that reads 0";
	for (unsigned i = 0; i < ARRAY_SIZE(at_reset); i++) {
		if (at_reset[i].reg == reg) {
			*name = at_reset[i].name;
			return at_reset[i].value;
		}
	}
	return 0;
}

static void check_all(struct guest *g)
{
	const char *name;

	for (uint32_t reg = 0; reg < R_CONFIG; reg += 4) {
		uint32_t expected = expected_at_reset(reg, &name);

		check_register(g, name, reg, expected);
	}
}

static void every_register_reads_as_in_the_table(void **state)
{
	struct world *w = *state;

	check_all(&w->guest);
}

static void registers_that_are_only_read_do_not_change(void **state)
{
	static const uint32_t read_only[] = {
		R_MAGIC, R_VERSION, R_DEVICE_ID, R_VENDOR_ID,   R_FEATURES,   R_QUEUE_NUM_MAX,
		R_ISR,   R_SHM_LEN, R_SHM_BASE,  R_QUEUE_RESET, R_GENERATION, R_SHM_SEL,
	};
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(read_only); i++)
		set(&w->guest, read_only[i], UINT32_MAX);
	check_all(&w->guest);
}

static void accesses_of_another_size_read_0_and_change_nothing(void **state)
{
	static const unsigned sizes[] = { 1, 2, 8 };
	struct world *w = *state;
	struct guest *g = &w->guest;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (uint32_t reg = 0; reg <= R_CONFIG - sizes[i]; reg++) {
			assert_int_equal(guest_read(g, reg, sizes[i]), 0);
			guest_write(g, reg, sizes[i], UINT64_MAX);
		}
	}
	for (uint32_t reg = 1; reg < R_CONFIG; reg += reg % 4 == 3 ? 2 : 1) {
		assert_int_equal(guest_read(g, reg, 4), 0);
		guest_write(g, reg, 4, UINT32_MAX);
	}
	check_all(g);
}

static void features_are_read_by_halves(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	set(g, R_FEATURES_SEL, 1);
	check_register(g, "DeviceFeatures", R_FEATURES, 0x5);
	set(g, R_FEATURES_SEL, 2);
	check_register(g, "DeviceFeatures", R_FEATURES, 0);
	set(g, R_FEATURES_SEL, 0);
	check_register(g, "DeviceFeatures", R_FEATURES, 0x30000005);
}

static void the_driver_s_features_go_where_selected(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	set(g, R_DRIVER_FEATURES_SEL, 1);
	set(g, R_DRIVER_FEATURES, 1);
	set(g, R_DRIVER_FEATURES_SEL, 0);
	set(g, R_DRIVER_FEATURES, 5);
	assert_int_equal(w->thing.virtio.state.driver_features, UINT64_C(0x100000005));
	set(g, R_DRIVER_FEATURES, 4);
	assert_int_equal(w->thing.virtio.state.driver_features, UINT64_C(0x100000004));
}

static void each_queue_has_its_own_registers(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	for (uint32_t n = 0; n < 3; n++) {
		set(g, R_QUEUE_SEL, n);
		check_register(g, "QueueNumMax", R_QUEUE_NUM_MAX, 16u << n);
		set(g, R_QUEUE_NUM, 4 + n);
		set64(g, R_DESC, UINT64_C(0x1111111122222200) + n);
		set64(g, R_DRIVER, UINT64_C(0x3333333344444400) + n);
		set64(g, R_DEVICE, UINT64_C(0x5555555566666600) + n);
	}
	for (uint32_t n = 0; n < 3; n++) {
		const struct virtq_state *q = &w->thing.queue[n].state;

		assert_int_equal(q->size, 4 + n);
		assert_int_equal(q->desc, UINT64_C(0x1111111122222200) + n);
		assert_int_equal(q->driver, UINT64_C(0x3333333344444400) + n);
		assert_int_equal(q->device, UINT64_C(0x5555555566666600) + n);
	}
}

static void a_queue_that_is_not_there_is_not_available(void **state)
{
	static const uint32_t none[] = { 3, 64, 0x10000, UINT32_MAX };
	struct world *w = *state;
	struct guest *g = &w->guest;

	for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
		set(g, R_QUEUE_SEL, none[i]);
		check_register(g, "QueueNumMax", R_QUEUE_NUM_MAX, 0);
		set(g, R_QUEUE_NUM, 8);
		set64(g, R_DESC, 0x80000000);
		set(g, R_QUEUE_READY, 1);
		check_register(g, "QueueReady", R_QUEUE_READY, 0);
		set(g, R_NOTIFY, none[i]);
	}
}

static void a_queue_size_of_more_than_16_bits_is_not_cut_to_a_good_one(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	set(g, R_QUEUE_NUM, 0x10008);
	assert_int_equal(w->thing.queue[0].state.size, 0);
}

static void an_enabled_queue_cannot_be_moved(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	struct virtq_state before;

	guest_negotiate(g, 0);
	guest_set_up_queue(g, 1);
	before = w->thing.queue[1].state;
	set64(g, R_DESC, 0);
	set64(g, R_DRIVER, 0);
	set64(g, R_DEVICE, 0);
	set(g, R_QUEUE_NUM, 1);
	assert_memory_equal(&before, &w->thing.queue[1].state, sizeof(before));
	set(g, R_QUEUE_READY, 0);
	check_register(g, "QueueReady", R_QUEUE_READY, 0);
	set(g, R_QUEUE_NUM, 2);
	assert_int_equal(w->thing.queue[1].state.size, 2);
}

static void a_queue_cannot_be_made_once_the_driver_is_ready(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	guest_negotiate(g, 0);
	guest_set_up_queue(g, 0);
	set(g, R_STATUS, 15);
	set(g, R_QUEUE_SEL, 1);
	set(g, R_QUEUE_NUM, 4);
	assert_int_equal(w->thing.queue[1].state.size, 32);
	set(g, R_QUEUE_READY, 1);
	check_register(g, "QueueReady", R_QUEUE_READY, 0);
}

static void status_goes_through_the_steps(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	set(g, R_STATUS, 4);
	check_register(g, "Status", R_STATUS, 0);
	guest_set_up(g, 0);
	set(g, R_STATUS, 0x100); /* is not 0 */
	check_register(g, "Status", R_STATUS, 15);
	set(g, R_STATUS, 0);
	check_register(g, "Status", R_STATUS, 0);
}

static void reset_gives_back_the_first_values(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	for (unsigned by_machine = 0; by_machine < 2; by_machine++) {
		guest_set_up(g, VIRTIO_FEATURE_RING_PACKED);
		w->thing.virtio.transport->interrupt(&w->thing.virtio, 0);
		set(g, R_FEATURES_SEL, 1);
		set(g, R_QUEUE_SEL, 2);
		if (by_machine)
			bus_reset(&g->bus);
		else
			set(g, R_STATUS, 0);
		check_all(g);
		for (uint32_t n = 0; n < 3; n++) {
			set(g, R_QUEUE_SEL, n);
			check_register(g, "QueueReady", R_QUEUE_READY, 0);
		}
	}
}

static void interrupt_status_is_cleared_bit_by_bit(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;
	struct virtio_device *virtio = &w->thing.virtio;

	virtio->transport->interrupt(virtio, 2);
	check_register(g, "InterruptStatus", R_ISR, 1);
	virtio->transport->config_interrupt(virtio);
	check_register(g, "InterruptStatus", R_ISR, 3);
	assert_int_equal(guest_interrupts(g), 2);
	set(g, R_ACK, 1);
	check_register(g, "InterruptStatus", R_ISR, 2);
	set(g, R_ACK, 0);
	check_register(g, "InterruptStatus", R_ISR, 2);
	set(g, R_ACK, UINT32_MAX);
	check_register(g, "InterruptStatus", R_ISR, 0);
	assert_int_equal(guest_interrupts(g), 0);
}

static void resume_raises_an_interrupt_that_is_not_acknowledged(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	bus_quiesce(&g->bus);
	bus_resume(&g->bus);
	assert_int_equal(guest_interrupts(g), 0);
	w->thing.virtio.state.isr = VIRTIO_ISR_QUEUE;
	bus_quiesce(&g->bus);
	bus_resume(&g->bus);
	assert_int_equal(guest_interrupts(g), 1);
	check_register(g, "InterruptStatus", R_ISR, VIRTIO_ISR_QUEUE);
}

static void configuration_takes_every_size(void **state)
{
	static const unsigned sizes[] = { 1, 2, 4, 8 };
	struct world *w = *state;
	struct guest *g = &w->guest;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned at = 0; at + sizes[i] <= 16; at++) {
			uint64_t expected = 0, found = guest_read(g, R_CONFIG + at, sizes[i]);

			memcpy(&expected, w->thing.config + at, sizes[i]);
			if (found != expected)
				fail_msg("%u bytes at %u: expected 0x%llx, found 0x%llx", sizes[i],
					 at, (unsigned long long)expected,
					 (unsigned long long)found);
		}
	}
	guest_write(g, R_CONFIG, 8, UINT64_C(0x0807060504030201));
	guest_write(g, R_CONFIG + 1, 1, 0xff);
	guest_write(g, R_CONFIG + 2, 2, 0xeedd);
	guest_write(g, R_CONFIG + 12, 4, 0x44332211);
	assert_int_equal(guest_read(g, R_CONFIG, 8), UINT64_C(0x08070605eeddff01));
	assert_int_equal(guest_read(g, R_CONFIG + 12, 4), 0x44332211);
}

static void behind_the_configuration_there_is_nothing(void **state)
{
	struct world *w = *state;
	struct guest *g = &w->guest;

	assert_int_equal(guest_read(g, R_CONFIG + 14, 4), 0xafae);
	guest_write(g, R_CONFIG + 14, 4, 0);
	assert_int_equal(guest_read(g, R_CONFIG + 14, 2), 0xafae);
	for (unsigned at = 16; at <= 0xf8; at += 4) {
		guest_write(g, R_CONFIG + at, 8, UINT64_MAX);
		assert_int_equal(guest_read(g, R_CONFIG + at, 8), 0);
	}
}

static void a_device_can_be_closed_twice_or_without_being_opened(void **state)
{
	struct virtio_mmio none = { .virtio = NULL };
	struct world *w = *state;

	virtio_mmio_close(&none);
	guest_set_up(&w->guest, 0);
	assert_true(w->guest.wired[0] >= 0);
	virtio_mmio_close(&w->guest.mmio);
	assert_int_equal(w->guest.wired[0], -1);
	virtio_mmio_close(&w->guest.mmio);
}

#define T(name) cmocka_unit_test_setup_teardown(name, build, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_register_reads_as_in_the_table),
		T(registers_that_are_only_read_do_not_change),
		T(accesses_of_another_size_read_0_and_change_nothing),
		T(features_are_read_by_halves),
		T(the_driver_s_features_go_where_selected),
		T(each_queue_has_its_own_registers),
		T(a_queue_that_is_not_there_is_not_available),
		T(a_queue_size_of_more_than_16_bits_is_not_cut_to_a_good_one),
		T(an_enabled_queue_cannot_be_moved),
		T(a_queue_cannot_be_made_once_the_driver_is_ready),
		T(status_goes_through_the_steps),
		T(reset_gives_back_the_first_values),
		T(interrupt_status_is_cleared_bit_by_bit),
		T(resume_raises_an_interrupt_that_is_not_acknowledged),
		T(configuration_takes_every_size),
		T(behind_the_configuration_there_is_nothing),
		T(a_device_can_be_closed_twice_or_without_being_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
