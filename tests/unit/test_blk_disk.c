/* Which of a disk's backends serves a request. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/blk_disk.h"

static void take(struct blk_backend *b, struct blk_io *io)
{
	(void)b;
	(void)io;
}

static const struct blk_backend_ops ops = { .name = "nobody", .submit = take };

/* A disk with both, of which neither does anything. */
struct both {
	struct blk_backend backend[BLK_DISK_BACKENDS];
	struct blk_disk disk;
};

static void open_both(struct both *both, bool direct)
{
	*both = (struct both){
		.disk.file = { .fd = -1,
			       .direct = direct,
			       .block_bytes = 512,
			       .memory_align = 512 },
	};
	for (unsigned i = 0; i < BLK_DISK_BACKENDS; i++) {
		both->backend[i].ops = &ops;
		both->disk.backend[i] = &both->backend[i];
	}
}

/* The backend that a request of `bytes` in one buffer goes to. */
static unsigned asked(struct both *both, enum blk_op op, uint64_t bytes)
{
	static uint8_t buffer[MIB(5)] __attribute__((aligned(512)));
	struct iovec iov = { buffer, bytes };
	struct blk_io io = { .op = op,
			     .iov = &iov,
			     .niov = bytes != 0,
			     .nranges = op != BLK_FLUSH,
			     .range[0].bytes = bytes };

	both->backend[BLK_DISK_POOL].under_way = both->backend[BLK_DISK_URING].under_way = 0;
	blk_disk_submit(&both->disk, &io);
	assert_int_equal(both->backend[0].under_way + both->backend[1].under_way, 1);
	return both->backend[BLK_DISK_POOL].under_way ? BLK_DISK_POOL : BLK_DISK_URING;
}

static void each_request_goes_where_it_is_served_best(void **state)
{
	static const struct {
		const char *what;
		bool direct;
		enum blk_op op;
		uint64_t bytes;
		unsigned backend;
	} rows[] = {
		/* clang-format off */
		{ "a short read",                       false, BLK_READ,         4096,       BLK_DISK_URING },
		{ "a long read of what may be cached",  false, BLK_READ,         MIB(1),     BLK_DISK_URING },
		{ "a long write to the cache",          false, BLK_WRITE,        MIB(4),     BLK_DISK_URING },
		{ "what takes too long for a ring",     false, BLK_WRITE,        MIB(4) + 512, BLK_DISK_POOL },
		{ "a flush",                            true,  BLK_FLUSH,        0,          BLK_DISK_URING },
		{ "a short direct read",                true,  BLK_READ,         4096,       BLK_DISK_URING },
		{ "the longest that no disk splits",    true,  BLK_READ,         KIB(256),   BLK_DISK_URING },
		{ "a longer direct read",               true,  BLK_READ,         KIB(256) + 512, BLK_DISK_POOL },
		{ "a long direct write",                true,  BLK_WRITE,        MIB(1),     BLK_DISK_POOL  },
		{ "a direct read of an odd length",     true,  BLK_READ,         4095,       BLK_DISK_POOL  },
		{ "a discard",                          false, BLK_DISCARD,      MIB(1),     BLK_DISK_POOL  },
		{ "zeroes",                             false, BLK_WRITE_ZEROES, MIB(1),     BLK_DISK_POOL  },
		/* clang-format on */
	};
	static const char *const names[] = {
		[BLK_DISK_POOL] = "threads", [BLK_DISK_URING] = "io_uring"
	};
	struct both both;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned found;

		open_both(&both, rows[i].direct);
		found = asked(&both, rows[i].op, rows[i].bytes);
		if (found != rows[i].backend)
			fail_msg("%s: expected %s, found %s", rows[i].what, names[rows[i].backend],
				 names[found]);
	}
}

static void without_a_ring_the_threads_serve_all(void **state)
{
	struct both both;

	(void)state;
	open_both(&both, false);
	both.disk.backend[BLK_DISK_URING] = NULL;
	assert_int_equal(asked(&both, BLK_READ, 4096), BLK_DISK_POOL);
	assert_int_equal(asked(&both, BLK_FLUSH, 0), BLK_DISK_POOL);
}

/* Submitted, but not begun: given back unserved, each once. */
static void what_is_dropped_comes_back(void **state)
{
	struct blk_disk disk = { .file = { .fd = -1, .block_bytes = 512, .memory_align = 512 } };
	struct blk_io io[5] = { { .op = BLK_FLUSH } };
	struct err err = { "" };
	struct blk_list done;
	unsigned n = 0;

	(void)state;
	blk_list_init(&disk.done);
	assert_int_equal(blk_pool_open(&disk.backend[BLK_DISK_POOL], &disk.file, &err), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(io); i++) {
		io[i].op = BLK_FLUSH;
		blk_disk_submit(&disk, &io[i]);
	}
	blk_disk_drop(&disk);
	blk_list_init(&done);
	blk_disk_finished(&disk, true, &done);
	for (const struct blk_io *at = done.first; at; at = at->next, n++)
		assert_int_equal(at->result, -ECANCELED);
	assert_int_equal(n, ARRAY_SIZE(io));
	assert_false(blk_disk_is_busy(&disk));
	disk.backend[BLK_DISK_POOL]->ops->close(disk.backend[BLK_DISK_POOL]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_goes_where_it_is_served_best),
		cmocka_unit_test(without_a_ring_the_threads_serve_all),
		cmocka_unit_test(what_is_dropped_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
