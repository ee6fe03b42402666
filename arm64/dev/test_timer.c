/*
 * Test timer: interrupt lines the guest raises itself. The register map is in test_timer.h; it is
 * rasvm's own and follows no other document.
 *
 * State: under the device's leaf lock. Deadlines are times of now_ns(), a clock that another host
 * does not share. quiesce notes the time and resume moves the deadlines by what has passed since, so
 * that a delay counts only while the machine runs, here or wherever it was loaded.
 * Left out: edges; whoever wants one writes RAISE 0, then LEVEL.
 */
#include "arm64/dev/test_timer.h"

#define REG_RAISE   0
#define REG_LEVEL   8
#define REG_BYTES   8
#define SPI_CHANNEL 0
#define NO_DEADLINE UINT64_MAX

static struct test_timer *to_timer(struct device *dev)
{
	return (struct test_timer *)dev;
}

static unsigned nchannels(const struct test_timer *t)
{
	return 1 + t->ncpus;
}

static void drive(struct test_timer *t, unsigned channel)
{
	bool level = t->state.level[channel];

	if (channel == SPI_CHANNEL)
		irq_set(&t->irq, level);
	else
		t->ops->set_ppi(t->world, channel - 1, level);
}

static void set_line(struct test_timer *t, unsigned channel, bool level)
{
	if (t->state.level[channel] == level)
		return;
	t->state.level[channel] = level;
	drive(t, channel);
}

/* Raise what is due and ask for a tick when the next one is. */
static void update(struct test_timer *t)
{
	uint64_t now = t->ops->now_ns(t->world), next = NO_DEADLINE;

	for (unsigned c = 0; c < nchannels(t); c++) {
		uint64_t *deadline = &t->state.deadline_ns[c];

		if (*deadline <= now) {
			*deadline = NO_DEADLINE;
			set_line(t, c, true);
		}
		if (*deadline < next)
			next = *deadline;
	}
	t->ops->set_alarm(t->world, next);
}

/* A delay past the end of the clock stays the longest there is and never ends. */
static uint64_t deadline_in(const struct test_timer *t, uint64_t delay_ns)
{
	uint64_t now = t->ops->now_ns(t->world);

	return delay_ns < NO_DEADLINE - 1 - now ? now + delay_ns : NO_DEADLINE - 1;
}

static uint64_t left_ns(const struct test_timer *t, unsigned channel)
{
	uint64_t deadline = t->state.deadline_ns[channel], now = t->ops->now_ns(t->world);

	return deadline != NO_DEADLINE && deadline > now ? deadline - now : 0;
}

/* The channel an access is for; false: there is no such register. */
static bool find_register(const struct test_timer *t, uint64_t offset, unsigned len,
			  unsigned *channel, unsigned *reg)
{
	*channel = (unsigned)(offset / TEST_TIMER_CHANNEL_SIZE);
	*reg = (unsigned)(offset % TEST_TIMER_CHANNEL_SIZE);
	return len == REG_BYTES && offset % REG_BYTES == 0 && *channel < nchannels(t);
}

static uint64_t timer_read(struct device *dev, uint64_t offset, unsigned len)
{
	struct test_timer *t = to_timer(dev);
	unsigned channel, reg;

	if (!find_register(t, offset, len, &channel, &reg))
		return 0;
	update(t); /* the tick may be on its way */
	return reg == REG_RAISE ? left_ns(t, channel) : t->state.level[channel];
}

static void timer_write(struct device *dev, uint64_t offset, unsigned len, uint64_t value)
{
	struct test_timer *t = to_timer(dev);
	unsigned channel, reg;

	if (!find_register(t, offset, len, &channel, &reg))
		return;
	if (reg == REG_RAISE) {
		t->state.deadline_ns[channel] = deadline_in(t, value);
	} else {
		t->state.deadline_ns[channel] = NO_DEADLINE;
		set_line(t, channel, false);
	}
	update(t);
}

static void clear(struct test_timer_state *s)
{
	*s = (struct test_timer_state){ .stopped_ns = 0 };
	for (unsigned c = 0; c < TEST_TIMER_CHANNELS; c++)
		s->deadline_ns[c] = NO_DEADLINE;
}

static void drive_all(struct test_timer *t)
{
	for (unsigned c = 0; c < nchannels(t); c++)
		drive(t, c);
}

static void timer_reset(struct device *dev)
{
	struct test_timer *t = to_timer(dev);

	clear(&t->state);
	drive_all(t);
	t->ops->set_alarm(t->world, NO_DEADLINE);
}

static void timer_quiesce(struct device *dev)
{
	struct test_timer *t = to_timer(dev);

	if (!t->state.stopped_ns)
		t->state.stopped_ns = t->ops->now_ns(t->world);
	t->ops->set_alarm(t->world, NO_DEADLINE);
}

/* Unsigned arithmetic: loaded times may be any numbers, and this host's clock behind the other's. */
static void move_deadlines(struct test_timer *t)
{
	struct test_timer_state *s = &t->state;
	uint64_t passed = t->ops->now_ns(t->world) - s->stopped_ns;

	for (unsigned c = 0; c < nchannels(t); c++)
		if (s->deadline_ns[c] != NO_DEADLINE)
			s->deadline_ns[c] += passed;
}

/* The state may have been loaded: cut levels to one bit, drive everything again. */
static void timer_resume(struct device *dev)
{
	struct test_timer *t = to_timer(dev);

	for (unsigned c = 0; c < nchannels(t); c++)
		t->state.level[c] &= 1;
	if (t->state.stopped_ns)
		move_deadlines(t);
	t->state.stopped_ns = 0;
	drive_all(t);
	update(t);
}

void test_timer_tick(struct test_timer *t)
{
	if (!t->state.stopped_ns)
		update(t);
}

static const struct state_field timer_fields[] = {
	STATE_FIELD(1, struct test_timer_state, stopped_ns),
	STATE_ARRAY(2, struct test_timer_state, deadline_ns),
	STATE_ARRAY(3, struct test_timer_state, level),
	STATE_ARRAY(4, struct test_timer_state, padding),
	STATE_LAST,
};

static const struct state_desc timer_desc = {
	.name = "test-timer",
	.size = sizeof(struct test_timer_state),
	.offset = offsetof(struct test_timer, state),
	.fields = timer_fields,
};

static const struct device_ops timer_device_ops = {
	.name = "test-timer",
	.read = timer_read,
	.write = timer_write,
	.reset = timer_reset,
	.quiesce = timer_quiesce,
	.resume = timer_resume,
	.state = &timer_desc,
};

void test_timer_init(struct test_timer *t, gpa_t base, struct irq_line irq, unsigned ncpus,
		     const struct test_timer_ops *ops, void *world)
{
	t->irq = irq;
	t->ncpus = ncpus < TEST_TIMER_MAX_CPUS ? ncpus : TEST_TIMER_MAX_CPUS;
	t->ops = ops;
	t->world = world;
	clear(&t->state);
	device_init(&t->dev, &timer_device_ops, base, TEST_TIMER_BLOCK_BYTES);
}
