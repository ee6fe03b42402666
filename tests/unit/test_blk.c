/* The block device as a driver sees it, with the pool of threads and with the ring, over real files. */
#include "blk_fixture.h"

#include <pthread.h>
#include <sys/resource.h>

#define DISK MIB(1)

/* ---- reading and writing ---- */

static void reads_give_what_is_in_the_file(void **state)
{
	struct bed bed;
	const uint8_t *data;

	bed_open(&bed, *state, DISK, "");
	expect_status(&bed, "read", rw(false, 3, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.driver[0].len[0], 4097);
	data = at(&bed, AT_DATA, 4096);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(data[i], pattern(3 * 512 + i));
	bed_close(&bed);
}

static void writes_reach_the_file_and_nothing_else(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	prepare_write(&bed, 10, 2048);
	expect_status(&bed, "write", rw(true, 10, 2048), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.driver[0].len[0], 1);
	expect_file(&bed, 9 * 512, 512, pattern);
	expect_file(&bed, 10 * 512, 2048, is_written);
	expect_file(&bed, 14 * 512, 512, pattern);
	bed_close(&bed);
}

static void buffers_may_be_cut_anywhere(void **state)
{
	struct bed_request r = { .type = VIRTIO_BLK_T_IN,
				 .sector = 1,
				 .part = { { AT_DATA, 100 }, { AT_DATA + 100, 924 } },
				 .nparts = 2 };
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	expect_status(&bed, "read", r, VIRTIO_BLK_S_OK);
	for (unsigned i = 0; i < 1024; i++)
		assert_int_equal(*(uint8_t *)at(&bed, AT_DATA + i, 1), pattern(512 + i));
	bed_close(&bed);
}

/* 2.6.4: header, data and status may share buffers with each other. */
static void the_header_may_share_a_buffer_with_the_data(void **state)
{
	struct bed_request r = plain(VIRTIO_BLK_T_OUT);
	uint8_t *buffer;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	r.sector = 2;
	write_request(&bed, 0, 0, &r);
	buffer = at(&bed, AT_DATA, 528);
	memcpy(buffer, at(&bed, request_at(0, 0), 16), 16);
	for (unsigned i = 0; i < 512; i++)
		buffer[16 + i] = is_written(1024 + i);
	set_desc(&bed, 0, 0, (struct desc){ AT_DATA, 528, F_NEXT, 1 });
	offer(&bed, 0, 0);
	virtio_kick(&bed.blk.virtio, 0);
	wait_for(&bed, 0, 0, 1);
	assert_int_equal(*status_of_slot(&bed, 0, 0), VIRTIO_BLK_S_OK);
	expect_file(&bed, 1024, 512, is_written);
	expect_file(&bed, 1536, 512, pattern);
	bed_close(&bed);
}

static void a_long_request_is_served_whole(void **state)
{
	struct bed bed;
	const uint8_t *data;

	bed_open(&bed, *state, MIB(2), "");
	expect_status(&bed, "read", rw(false, 1, MIB(1)), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.driver[0].len[0], MIB(1) + 1);
	data = at(&bed, AT_DATA, MIB(1));
	for (unsigned i = 0; i < MIB(1); i++)
		if (data[i] != pattern(512 + i))
			fail_msg("byte %u: expected 0x%02x, found 0x%02x", i, pattern(512 + i),
				 data[i]);
	bed_close(&bed);
}

static const struct {
	uint64_t sector;
	uint32_t bytes;
	enum blk_status expected;
} ranges[] = {
	{ 2047, 512, VIRTIO_BLK_S_OK },
	{ 0, 0, VIRTIO_BLK_S_OK },
	{ 2048, 0, VIRTIO_BLK_S_OK },
	{ 2048, 512, VIRTIO_BLK_S_IOERR },
	{ 2047, 1024, VIRTIO_BLK_S_IOERR },
	{ 2049, 0, VIRTIO_BLK_S_IOERR },
	{ 0, 511, VIRTIO_BLK_S_IOERR },
	{ 0, 513, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX, 512, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX / 512, 512, VIRTIO_BLK_S_IOERR },
	{ UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR },
	{ UINT64_C(1) << 55, 512, VIRTIO_BLK_S_IOERR }, /* times 512 is 0 in 64 bits */
};

static void ranges_are_checked_at_their_edges(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		char what[64];

		snprintf(what, sizeof(what), "read of %u bytes at 0x%llx", ranges[i].bytes,
			 (unsigned long long)ranges[i].sector);
		expect_status(&bed, what, rw(false, ranges[i].sector, ranges[i].bytes),
			      ranges[i].expected);
		expect_status(&bed, what, rw(true, ranges[i].sector, ranges[i].bytes),
			      ranges[i].expected);
	}
	bed_close(&bed);
}

static void a_file_that_became_shorter_is_an_error(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	assert_int_equal(ftruncate(bed.fd, 4096 + 512), 0);
	expect_status(&bed, "before its end", rw(false, 8, 512), VIRTIO_BLK_S_OK);
	expect_status(&bed, "across its end", rw(false, 8, 4096), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "behind its end", rw(false, 100, 4096), VIRTIO_BLK_S_IOERR);
	bed_close(&bed);
}

static void a_file_that_cannot_grow_is_an_error(void **state)
{
	struct rlimit before, small = { .rlim_cur = KIB(512) };
	struct err err = { "" };
	struct bed bed;

	signal(SIGXFSZ, SIG_IGN);
	bed_prepare(&bed, *state, 4096);
	assert_int_equal(ftruncate(bed.fd, (off_t)DISK), 0);
	assert_int_equal(bed_try_open(&bed, *state, "", &err), 0);
	bed_begin(&bed);
	bed_start(&bed, 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	expect_status(&bed, "beyond the limit", rw(true, 1030, 4096), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "below it", rw(true, 8, 4096), VIRTIO_BLK_S_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	expect_status(&bed, "without it", rw(true, 1030, 4096), VIRTIO_BLK_S_OK);
	bed_close(&bed);
	signal(SIGXFSZ, SIG_DFL);
}

/* ---- the other requests ---- */

static void flush_and_id_are_answered(void **state)
{
	struct bed_request id = plain(VIRTIO_BLK_T_GET_ID);
	struct bed bed;

	bed_open(&bed, *state, DISK, ",id=serial-1");
	expect_status(&bed, "flush", plain(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	assert_int_equal(bed.driver[0].len[0], 1);
	id.nparts = 1;
	id.part[0] = (struct part){ AT_DATA, 20 };
	memset(at(&bed, AT_DATA, 21), 0xff, 21);
	expect_status(&bed, "id", id, VIRTIO_BLK_S_OK);
	assert_int_equal(bed.driver[0].len[0], 21);
	assert_memory_equal(at(&bed, AT_DATA, 21), "serial-1\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
	id.part[0].len = 3;
	memset(at(&bed, AT_DATA, 21), 0xff, 21);
	expect_status(&bed, "id, three bytes", id, VIRTIO_BLK_S_OK);
	assert_memory_equal(at(&bed, AT_DATA, 4), "ser\xff", 4);
	bed_close(&bed);
}

static void the_label_is_the_id_if_there_is_none(void **state)
{
	struct bed_request id = plain(VIRTIO_BLK_T_GET_ID);
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	id.nparts = 1;
	id.part[0] = (struct part){ AT_DATA, 20 };
	expect_status(&bed, "id", id, VIRTIO_BLK_S_OK);
	assert_string_equal((const char *)at(&bed, AT_DATA, 20), "blk0");
	bed_close(&bed);
}

static void unknown_types_are_unsupported(void **state)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 16, 0x80000000, UINT32_MAX };
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		expect_status(&bed, "unknown type", plain((enum blk_type)types[i]),
			      VIRTIO_BLK_S_UNSUPP);
	expect_status(&bed, "read after it", rw(false, 0, 512), VIRTIO_BLK_S_OK);
	bed_close(&bed);
}

struct segment {
	uint64_t sector;
	uint32_t nsectors, flags;
};

static struct bed_request with_segments(struct bed *bed, enum blk_type type,
					const struct segment *s, unsigned n)
{
	memcpy(at(bed, AT_DATA, n * sizeof(*s)), s, n * sizeof(*s));
	return (struct bed_request){ .type = type,
				     .part = { { AT_DATA, (uint32_t)(n * sizeof(*s)) } },
				     .nparts = 1 };
}

static void expect_segment(struct bed *bed, enum blk_type type, struct segment s,
			   enum blk_status expected)
{
	char what[96];

	snprintf(what, sizeof(what), "type %u, sector 0x%llx, %u sectors, flags %u", type,
		 (unsigned long long)s.sector, s.nsectors, s.flags);
	expect_status(bed, what, with_segments(bed, type, &s, 1), expected);
}

static uint64_t blocks_of(const struct bed *bed)
{
	struct stat st;

	assert_int_equal(fstat(bed->fd, &st), 0);
	return (uint64_t)st.st_blocks;
}

static void discard_makes_a_hole(void **state)
{
	static const struct segment two[] = { { 0, 128, 0 }, { 1024, 256, 0 } };
	uint64_t before;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	before = blocks_of(&bed);
	expect_status(&bed, "discard", with_segments(&bed, VIRTIO_BLK_T_DISCARD, two, 2),
		      VIRTIO_BLK_S_OK);
	assert_int_equal(lseek(bed.fd, 0, SEEK_HOLE), 0);
	assert_int_equal(lseek(bed.fd, 0, SEEK_DATA), 128 * 512);
	assert_int_equal(lseek(bed.fd, 128 * 512, SEEK_HOLE), 1024 * 512);
	assert_int_equal(lseek(bed.fd, 1024 * 512, SEEK_DATA), 1280 * 512);
	assert_int_equal(before - blocks_of(&bed), 128 + 256);
	expect_file(&bed, 1024 * 512, 512, is_zero);
	expect_file(&bed, 128 * 512, 512, pattern);
	bed_close(&bed);
}

static void zeroes_with_and_without_a_hole(void **state)
{
	uint64_t before;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	before = blocks_of(&bed);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 9, 3, 0 },
		       VIRTIO_BLK_S_OK);
	expect_file(&bed, 8 * 512, 512, pattern);
	expect_file(&bed, 9 * 512, 3 * 512, is_zero);
	expect_file(&bed, 12 * 512, 512, pattern);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 128, 256, 0 },
		       VIRTIO_BLK_S_OK);
	expect_file(&bed, 128 * 512, 4096, is_zero);
	assert_int_equal(blocks_of(&bed), before);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 512, 256, 1 },
		       VIRTIO_BLK_S_OK);
	expect_file(&bed, 512 * 512, 4096, is_zero);
	assert_int_equal(before - blocks_of(&bed), 256);
	bed_close(&bed);
}

/* A device of 4096-byte sectors over the bed's file; false: none can be had here. */
static bool make_device(const struct bed *bed, char path[64])
{
	char command[128];
	bool made;
	FILE *f;

	snprintf(command, sizeof(command), "losetup -f --show -b 4096 %s 2>/dev/null", bed->path);
	f = popen(command, "r");
	assert_non_null(f);
	made = fgets(path, 64, f) != NULL;
	path[strcspn(path, "\n")] = '\0';
	return pclose(f) == 0 && made;
}

/* Through the page cache a guest writes any 512 bytes of it. */
static void zeroes_and_holes_need_not_be_whole_sectors_of_a_device(void **state)
{
	char file[sizeof(((struct bed *)NULL)->path)], device[64], command[128];
	struct err err = { "" };
	struct bed bed;
	int r;

	bed_prepare(&bed, *state, DISK);
	memcpy(file, bed.path, sizeof(file));
	if (!make_device(&bed, device)) {
		print_message("skipped: no loop device of 4096-byte sectors\n");
		bed_close(&bed);
		skip();
	}
	snprintf(bed.path, sizeof(bed.path), "%s", device);
	r = bed_try_open(&bed, *state, "", &err);
	memcpy(bed.path, file, sizeof(file));
	snprintf(command, sizeof(command), "losetup -d %s", device);
	assert_int_equal(system(command), 0); /* once it is closed */
	if (r)
		fail_msg("%s", err.text);
	bed_begin(&bed);
	bed_start(&bed, VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 1, 3, 0 },
		       VIRTIO_BLK_S_OK);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 9, 1, 1 },
		       VIRTIO_BLK_S_OK);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 17, 1, 0 }, VIRTIO_BLK_S_OK);
	expect_status(&bed, "flush", plain(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	expect_file(&bed, 0, 512, pattern);
	expect_file(&bed, 512, 3 * 512, is_zero);
	expect_file(&bed, 4 * 512, 5 * 512, pattern);
	expect_file(&bed, 9 * 512, 512, is_zero);
	expect_file(&bed, 10 * 512, 512, pattern);
	bed_close(&bed);
}

static void segments_are_checked(void **state)
{
	struct segment many[BLK_MAX_RANGES + 1] = { { 0, 8, 0 } };
	struct bed_request r;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 2040, 8, 0 }, VIRTIO_BLK_S_OK);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 2041, 8, 0 },
		       VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ UINT64_MAX, 8, 0 },
		       VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 0, UINT32_MAX, 0 },
		       VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 0, 0, 0 }, VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 0, 8, 1 },
		       VIRTIO_BLK_S_UNSUPP);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 0, 8, 2 },
		       VIRTIO_BLK_S_UNSUPP);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 0, 4000, 0 },
		       VIRTIO_BLK_S_IOERR);
	/* The second is wrong: the first is not served. */
	expect_file(&bed, 0, 512, pattern);
	many[0] = (struct segment){ 0, 8, 0 };
	many[1] = (struct segment){ 4096, 8, 0 };
	expect_status(&bed, "second outside", with_segments(&bed, VIRTIO_BLK_T_DISCARD, many, 2),
		      VIRTIO_BLK_S_IOERR);
	expect_file(&bed, 0, 512, pattern);
	expect_status(&bed, "too many",
		      with_segments(&bed, VIRTIO_BLK_T_DISCARD, many, BLK_MAX_RANGES + 1),
		      VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "none", plain(VIRTIO_BLK_T_DISCARD), VIRTIO_BLK_S_IOERR);
	r = with_segments(&bed, VIRTIO_BLK_T_DISCARD, many, 1);
	r.part[0].len = 15;
	expect_status(&bed, "part of one", r, VIRTIO_BLK_S_IOERR);
	bed_close(&bed);
}

static void a_disk_that_is_only_read_stays_as_it_is(void **state)
{
	struct segment s = { 0, 8, 0 };
	uint64_t features;
	struct bed bed;

	bed_open(&bed, *state, DISK, ",ro");
	features = bed.blk.virtio.features;
	assert_true(features & VIRTIO_BLK_F_RO);
	assert_false(features &
		     (VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES));
	expect_status(&bed, "read", rw(false, 0, 512), VIRTIO_BLK_S_OK);
	expect_status(&bed, "write", rw(true, 0, 512), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "discard", with_segments(&bed, VIRTIO_BLK_T_DISCARD, &s, 1),
		      VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "zeroes", with_segments(&bed, VIRTIO_BLK_T_WRITE_ZEROES, &s, 1),
		      VIRTIO_BLK_S_IOERR);
	expect_file(&bed, 0, 4096, pattern);
	bed_close(&bed);
}

/* ---- requests that make no sense, memory that is lost ---- */

static void wait_for_needs_reset(struct bed *bed)
{
	uint64_t end_ns = clock_now_ns() + DEADLINE_S * NS_PER_SEC;

	while (!(virtio_status(&bed->blk.virtio) & VIRTIO_STATUS_NEEDS_RESET)) {
		if (clock_now_ns() > end_ns)
			fail_msg("the device does not ask for a reset");
		usleep(100);
	}
}

static void expect_broken(struct bed *bed, const char *why)
{
	const char *found;

	are_back(bed, 0, 0, 0);
	assert_true(virtio_status(&bed->blk.virtio) & VIRTIO_STATUS_NEEDS_RESET);
	found = bed->blk.queue[0].why;
	if (!found || !strstr(found, why))
		fail_msg("expected \"%s\", found \"%s\"", why, found ? found : "(nothing)");
	assert_int_equal(bed->driver[0].used, 0);
	/* A reset makes it good. */
	virtio_set_status(&bed->blk.virtio, 0);
	bed_start(bed, 0);
	expect_status(bed, "read after the reset", rw(false, 0, 512), VIRTIO_BLK_S_OK);
}

static void without_header_or_status_the_device_is_broken(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	set_desc(&bed, 0, 0, (struct desc){ AT_DATA, 15, F_NEXT, 1 });
	set_desc(&bed, 0, 1, (struct desc){ AT_DATA + 64, 1, F_WRITE, 0 });
	offer(&bed, 0, 0);
	virtio_kick(&bed.blk.virtio, 0);
	wait_for_needs_reset(&bed);
	expect_broken(&bed, "shorter than its header");
	virtio_set_status(&bed.blk.virtio, 0);
	bed_start(&bed, 0);
	set_desc(&bed, 0, 0, (struct desc){ AT_DATA, 16, 0, 0 });
	offer(&bed, 0, 0);
	virtio_kick(&bed.blk.virtio, 0);
	wait_for_needs_reset(&bed);
	expect_broken(&bed, "no room for its status");
	bed_close(&bed);
}

/* The last pages of RAM are lost, as if they were poisoned. */
static uint64_t lose_end_of_ram(const struct bed *bed)
{
	assert_int_equal(ftruncate(bed->ram.fd, (off_t)(RAM_BYTES - MIB(1))), 0);
	return RAM + RAM_BYTES - MIB(1);
}

static void a_poisoned_buffer_is_an_io_error(void **state)
{
	struct bed_request r;
	uint64_t lost;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	lost = lose_end_of_ram(&bed);
	for (unsigned write = 0; write < 2; write++) {
		r = rw(write, 8, 4096);
		r.part[0].at = lost;
		expect_status(&bed, "lost buffer", r, VIRTIO_BLK_S_IOERR);
		r.part[0] = (struct part){ lost - 4096, 8192 };
		expect_status(&bed, "half lost buffer", r, VIRTIO_BLK_S_IOERR);
	}
	r = plain(VIRTIO_BLK_T_GET_ID);
	r.part[0] = (struct part){ lost, 20 };
	r.nparts = 1;
	expect_status(&bed, "lost id", r, VIRTIO_BLK_S_IOERR);
	r.type = VIRTIO_BLK_T_DISCARD;
	r.part[0].len = 16;
	expect_status(&bed, "lost segment", r, VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "read after it", rw(false, 0, 512), VIRTIO_BLK_S_OK);
	assert_false(virtio_status(&bed.blk.virtio) & VIRTIO_STATUS_NEEDS_RESET);
	bed_close(&bed);
}

static void a_poisoned_header_is_an_io_error(void **state)
{
	struct bed_request r = rw(false, 0, 512);
	uint64_t lost;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	lost = lose_end_of_ram(&bed);
	write_request(&bed, 0, 0, &r);
	set_desc(&bed, 0, 0, (struct desc){ lost, 16, F_NEXT, 1 });
	offer(&bed, 0, 0);
	virtio_kick(&bed.blk.virtio, 0);
	wait_for(&bed, 0, 0, 1);
	assert_int_equal(*status_of_slot(&bed, 0, 0), VIRTIO_BLK_S_IOERR);
	bed_close(&bed);
}

static void a_poisoned_status_breaks_the_device(void **state)
{
	struct bed_request r = rw(false, 0, 512);
	uint64_t lost;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	lost = lose_end_of_ram(&bed);
	write_request(&bed, 0, 0, &r);
	set_desc(&bed, 0, 2, (struct desc){ lost, 1, F_WRITE, 0 });
	offer(&bed, 0, 0);
	virtio_kick(&bed.blk.virtio, 0);
	wait_for_needs_reset(&bed);
	expect_broken(&bed, "on a poisoned page");
	bed_close(&bed);
}

/* ---- faults ---- */

static void block_error_completion(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, ",fail=read,at=100,fail=write,every=3,fail=flush,every=2");
	expect_status(&bed, "read elsewhere", rw(false, 0, 4096), VIRTIO_BLK_S_OK);
	expect_status(&bed, "read there", rw(false, 96, 4096), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "read there again", rw(false, 100, 512), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "read behind it", rw(false, 101, 512), VIRTIO_BLK_S_OK);
	for (unsigned i = 1; i <= 6; i++) {
		prepare_write(&bed, 8 * i, 4096);
		expect_status(&bed, "write", rw(true, 8 * i, 4096),
			      i % 3 ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
		expect_file(&bed, 8 * 512 * i, 4096, i % 3 ? is_written : pattern);
	}
	expect_status(&bed, "first flush", plain(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	expect_status(&bed, "second flush", plain(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_IOERR);
	expect_status(&bed, "third flush", plain(VIRTIO_BLK_T_FLUSH), VIRTIO_BLK_S_OK);
	assert_false(virtio_status(&bed.blk.virtio) & VIRTIO_STATUS_NEEDS_RESET);
	bed_close(&bed);
}

static void a_torn_write_leaves_its_first_half(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, ",fail=write,torn");
	prepare_write(&bed, 16, 4096);
	expect_status(&bed, "write", rw(true, 16, 4096), VIRTIO_BLK_S_IOERR);
	expect_file(&bed, 16 * 512, 2048, is_written);
	expect_file(&bed, 20 * 512, 2048, pattern);
	expect_status(&bed, "one sector", rw(true, 0, 512), VIRTIO_BLK_S_IOERR);
	expect_file(&bed, 0, 512, pattern);
	bed_close(&bed);
}

static void a_discard_fails_on_request(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, ",fail=discard,at=8");
	expect_segment(&bed, VIRTIO_BLK_T_DISCARD, (struct segment){ 0, 16, 0 },
		       VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 8, 1, 0 },
		       VIRTIO_BLK_S_IOERR);
	expect_segment(&bed, VIRTIO_BLK_T_WRITE_ZEROES, (struct segment){ 9, 1, 0 },
		       VIRTIO_BLK_S_OK);
	expect_file(&bed, 0, 9 * 512, pattern);
	bed_close(&bed);
}

static void a_delay_holds_requests_back(void **state)
{
	struct bed_request r[2] = { rw(false, 0, 512), plain(VIRTIO_BLK_T_FLUSH) };
	uint64_t before_ns;
	struct bed bed;

	bed_open(&bed, *state, DISK, ",delay=20ms,fail=flush,delay=30ms");
	before_ns = clock_now_ns();
	submit(&bed, 0, 0, r, 2);
	wait_for(&bed, 0, 0, 1);
	assert_true(clock_now_ns() - before_ns >= 20 * NS_PER_MS);
	wait_for(&bed, 0, 0, 2);
	assert_true(clock_now_ns() - before_ns >= 50 * NS_PER_MS);
	assert_int_equal(*status_of_slot(&bed, 0, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(*status_of_slot(&bed, 0, 1), VIRTIO_BLK_S_IOERR);
	bed_close(&bed);
}

static void a_reset_does_not_wait_for_a_delay(void **state)
{
	struct bed_request r = rw(true, 0, 512);
	struct bed bed;

	bed_open(&bed, *state, DISK, ",delay=1h");
	submit(&bed, 0, 0, &r, 1);
	assert_false(are_back(&bed, 0, 0, 1));
	virtio_set_status(&bed.blk.virtio, 0);
	assert_int_equal(*status_of_slot(&bed, 0, 0), NO_STATUS);
	bed_close(&bed);
}

/* It may be hours of work. */
static void a_reset_gives_up_what_has_not_begun(void **state)
{
	struct bed_request r = rw(true, 0, 4096);
	struct bed bed;

	bed_open(&bed, *state, DISK, ",delay=1h");
	prepare_write(&bed, 0, 4096);
	submit(&bed, 0, 0, &r, 1);
	assert_false(are_back(&bed, 0, 0, 1));
	virtio_set_status(&bed.blk.virtio, 0);
	expect_file(&bed, 0, 4096, pattern);
	assert_int_equal(atomic_load(&bed.blk.virtio.counts.errors), 0);
	/* It serves as before. */
	bed.blk.options.delay_ns = 0;
	bed_start(&bed, 0);
	expect_status(&bed, "write", r, VIRTIO_BLK_S_OK);
	expect_file(&bed, 0, 4096, is_written);
	bed_close(&bed);
}

/* ---- many requests, several queues ---- */

static void many_requests_are_all_answered(void **state)
{
	struct bed_request r[32];
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
			r[i] = rw(round & 1 && i % 4 == 0, (i * 37 + round * 11) % 2000, 4096);
			r[i].part[0].at = AT_DATA + i * 4096;
		}
		submit(&bed, 0, 0, r, ARRAY_SIZE(r));
		wait_for(&bed, 0, 0, ARRAY_SIZE(r));
		for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
			assert_int_equal(*status_of_slot(&bed, 0, i), VIRTIO_BLK_S_OK);
	}
	assert_true(bed.interrupts <= 50 * 32);
	assert_true(bed.interrupts > 0);
	bed_close(&bed);
}

/* Heads are used again while they are under way: the device does not mind. */
static void offer_all(void *arg)
{
	struct bed *bed = arg;

	for (unsigned i = 0; i < VIRTQ_MAX_SIZE; i++)
		offer(bed, 0, 4 * (i % SLOTS));
}

static unsigned used_by_now(struct bed *bed)
{
	are_back(bed, 0, 0, 0);
	return bed->driver[0].used;
}

static void as_many_are_served_as_the_queue_has_entries(void **state)
{
	uint64_t end_ns = clock_now_ns() + DEADLINE_S * NS_PER_SEC;
	struct bed_request r = rw(false, 0, 512);
	struct bed bed;

	bed_open(&bed, *state, DISK, ",delay=5ms");
	for (unsigned i = 0; i < SLOTS; i++)
		write_request(&bed, 0, i, &r);
	for (unsigned round = 1; round <= 3; round++) {
		iothread_call(&bed.io, offer_all, &bed);
		virtio_kick(&bed.blk.virtio, 0);
		while (used_by_now(&bed) < round * VIRTQ_MAX_SIZE) {
			if (clock_now_ns() > end_ns)
				fail_msg("expected %u requests back, found %u",
					 round * VIRTQ_MAX_SIZE, used_by_now(&bed));
			usleep(100);
		}
	}
	assert_false(virtio_status(&bed.blk.virtio) & VIRTIO_STATUS_NEEDS_RESET);
	bed_close(&bed);
}

struct hammer {
	struct bed *bed;
	unsigned queue;
	bool ok;
};

static void *hammer_main(void *arg)
{
	struct hammer *h = arg;
	struct bed_request r[4];

	h->ok = true;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(r); i++) {
			r[i] = rw((round + i) & 1, (h->queue * 512 + i * 8) % 2040, 4096);
			r[i].part[0].at = AT_DATA + MIB(1) * h->queue + i * 4096;
		}
		submit(h->bed, h->queue, 0, r, ARRAY_SIZE(r));
		wait_for(h->bed, h->queue, 0, ARRAY_SIZE(r));
		for (unsigned i = 0; i < ARRAY_SIZE(r); i++)
			h->ok &= *status_of_slot(h->bed, h->queue, i) == VIRTIO_BLK_S_OK;
	}
	return NULL;
}

static void several_queues_are_driven_by_threads(void **state)
{
	struct hammer h[4];
	pthread_t thread[4];
	struct bed bed;

	bed_open(&bed, *state, DISK, ",queues=4");
	assert_int_equal(bed.blk.virtio.nqueues, 4);
	for (unsigned i = 0; i < 4; i++) {
		h[i] = (struct hammer){ .bed = &bed, .queue = i };
		assert_int_equal(pthread_create(&thread[i], NULL, hammer_main, &h[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		assert_true(h[i].ok);
	}
	bed_close(&bed);
}

/* ---- stop, quiesce ---- */

static void offer_32(struct bed *bed, uint32_t bytes)
{
	struct bed_request r[32];

	for (unsigned i = 0; i < 32; i++) {
		r[i] = rw(i & 1, i * 8, bytes);
		r[i].part[0].at = AT_DATA + i * KIB(128);
	}
	submit(bed, 0, 0, r, 32);
}

static void stop_with_32_requests_under_way(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	for (unsigned round = 0; round < 10; round++) {
		offer_32(&bed, KIB(128));
		virtio_set_status(&bed.blk.virtio, 0);
		/* Nothing of the device uses guest memory any more. */
		memset(at(&bed, AT_DATA, MIB(4)), 0x77, MIB(4));
		for (unsigned i = 0; i < MIB(4); i += 4096)
			assert_int_equal(*(uint8_t *)at(&bed, AT_DATA + i, 1), 0x77);
		bed_start(&bed, 0);
	}
	expect_status(&bed, "read after it", rw(false, 0, 512), VIRTIO_BLK_S_OK);
	bed_close(&bed);
}

static void quiesce_finishes_what_is_under_way(void **state)
{
	struct bed_request r = rw(false, 0, 512);
	struct bed bed;

	bed_open(&bed, *state, DISK, ",delay=50ms");
	offer_32(&bed, 4096);
	are_back(&bed, 0, 0, 0); /* the kick has been served */
	virtio_quiesce(&bed.blk.virtio);
	assert_true(are_back(&bed, 0, 0, 32));
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(*status_of_slot(&bed, 0, i), VIRTIO_BLK_S_OK);
	submit(&bed, 0, 40, &r, 1);
	assert_false(are_back(&bed, 0, 40, 1));
	virtio_resume(&bed.blk.virtio);
	wait_for(&bed, 0, 40, 1);
	wait_for(&bed, 0, 0, 32);
	assert_int_equal(*status_of_slot(&bed, 0, 40), VIRTIO_BLK_S_OK);
	bed_close(&bed);
}

static void a_quiesced_device_can_be_reset(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	offer_32(&bed, 4096);
	virtio_quiesce(&bed.blk.virtio);
	virtio_reset(&bed.blk.virtio);
	virtio_resume(&bed.blk.virtio);
	bed_start(&bed, 0);
	expect_status(&bed, "read", rw(false, 0, 512), VIRTIO_BLK_S_OK);
	bed_close(&bed);
}

static void closing_waits_for_what_is_under_way(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	offer_32(&bed, KIB(128));
	virtio_blk_close(&bed.blk);
	virtio_blk_close(&bed.blk);
	memset(at(&bed, AT_DATA, MIB(4)), 0x77, MIB(4));
	bed_close(&bed);
}

/* ---- direct access ---- */

static bool direct_is_possible(struct bed *bed)
{
	int fd = open(bed->path, O_RDONLY | O_DIRECT);

	if (fd < 0) {
		print_message("skipped: no direct access to %s: %s\n", bed->path, strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static void direct_access_takes_any_buffer(void **state)
{
	static const struct part parts[] = { { AT_DATA, 4096 },
					     { AT_DATA + 1, 4096 },
					     { AT_DATA + 511, 512 },
					     { AT_DATA + 3, MIB(1) } };
	struct err err = { "" };
	struct bed bed;

	bed_prepare(&bed, *state, MIB(2));
	if (!direct_is_possible(&bed)) {
		bed_close(&bed);
		skip();
	}
	if (bed_try_open(&bed, *state, ",direct", &err))
		fail_msg("%s", err.text);
	bed_begin(&bed);
	bed_start(&bed, 0);
	if (bed.blk.disk.file.block_bytes != 512)
		print_message("blocks of %u bytes here\n", bed.blk.disk.file.block_bytes);
	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		struct bed_request r = rw(false, 8, parts[i].len);
		uint8_t *data = at(&bed, parts[i].at, parts[i].len);

		if (parts[i].len % bed.blk.disk.file.block_bytes)
			continue;
		r.part[0] = parts[i];
		expect_status(&bed, "direct read", r, VIRTIO_BLK_S_OK);
		for (unsigned k = 0; k < parts[i].len; k++)
			if (data[k] != pattern(4096 + k))
				fail_msg("buffer %u, byte %u: expected 0x%02x, found 0x%02x", i, k,
					 pattern(4096 + k), data[k]);
		for (unsigned k = 0; k < parts[i].len; k++)
			data[k] = is_written(4096 + k);
		r.type = VIRTIO_BLK_T_OUT;
		expect_status(&bed, "direct write", r, VIRTIO_BLK_S_OK);
		expect_file(&bed, 4096, 512, is_written);
		expect_file(&bed, 4096 + parts[i].len - 16, 16, is_written);
		expect_file(&bed, 4096 + parts[i].len, 512, pattern);
		fill(bed.fd, MIB(2));
	}
	bed_close(&bed);
}

static void a_poisoned_bounced_buffer_is_an_io_error(void **state)
{
	struct bed_request r = rw(false, 0, 4096);
	struct err err = { "" };
	struct bed bed;

	bed_prepare(&bed, *state, DISK);
	if (!direct_is_possible(&bed)) {
		bed_close(&bed);
		skip();
	}
	if (bed_try_open(&bed, *state, ",direct", &err))
		fail_msg("%s", err.text);
	bed_begin(&bed);
	bed_start(&bed, 0);
	r.part[0].at = lose_end_of_ram(&bed) - 17;
	expect_status(&bed, "read", r, VIRTIO_BLK_S_IOERR);
	r.type = VIRTIO_BLK_T_OUT;
	expect_status(&bed, "write", r, VIRTIO_BLK_S_IOERR);
	expect_file(&bed, 0, 4096, pattern);
	bed_close(&bed);
}

/* ---- configuration ---- */

static uint64_t config(struct bed *bed, uint32_t offset, uint32_t n)
{
	uint64_t value = 0;

	virtio_config_read(&bed->blk.virtio, offset, &value, n);
	return value;
}

static void the_configuration_describes_the_disk(void **state)
{
	struct bed bed;

	bed_open(&bed, *state, DISK + 700, ",queues=3");
	assert_int_equal(config(&bed, 0, 8), 2049);
	assert_int_equal(config(&bed, 12, 4), 254);
	assert_int_equal(config(&bed, 20, 4), 512);
	assert_int_equal(512u << config(&bed, 24, 1), bed.blk.disk.file.physical_bytes);
	assert_int_equal(config(&bed, 26, 2) * 512, bed.blk.disk.file.physical_bytes);
	assert_int_equal(config(&bed, 32, 1), 1);
	assert_int_equal(config(&bed, 34, 2), 3);
	assert_int_equal(config(&bed, 36, 4), BLK_MAX_DISCARD_SECTORS);
	assert_int_equal(config(&bed, 40, 4), BLK_MAX_RANGES);
	assert_int_equal(config(&bed, 48, 4), BLK_MAX_ZEROES_SECTORS);
	assert_int_equal(config(&bed, 52, 4), BLK_MAX_RANGES);
	assert_int_equal(config(&bed, 56, 1), 1);
	assert_int_equal(config(&bed, 60, 8), 0);
	assert_true(bed.blk.virtio.features & VIRTIO_BLK_F_MQ);
	bed_close(&bed);
}

static void the_driver_chooses_the_cache(void **state)
{
	uint8_t off = 0, on = 1, wrong = 2;
	struct bed bed;

	bed_open(&bed, *state, DISK, "");
	assert_false(bed.blk.limits.write_through);
	virtio_config_write(&bed.blk.virtio, 32, &wrong, 1);
	assert_int_equal(config(&bed, 32, 1), 1);
	virtio_config_write(&bed.blk.virtio, 32, &off, 1);
	assert_int_equal(config(&bed, 32, 1), 0);
	assert_true(bed.blk.limits.write_through);
	prepare_write(&bed, 8, 4096);
	expect_status(&bed, "write through", rw(true, 8, 4096), VIRTIO_BLK_S_OK);
	expect_file(&bed, 4096, 4096, is_written);
	virtio_set_status(&bed.blk.virtio, 0);
	assert_int_equal(config(&bed, 32, 1), 1);
	/* A driver that cannot flush. */
	bed_start(&bed, 0);
	assert_true(bed.blk.limits.write_through);
	virtio_config_write(&bed.blk.virtio, 32, &off, 1);
	assert_int_equal(config(&bed, 32, 1), 1);
	/* One that may choose, but cannot flush either. */
	virtio_set_status(&bed.blk.virtio, 0);
	bed_start(&bed, VIRTIO_BLK_F_CONFIG_WCE);
	assert_int_equal(config(&bed, 32, 1), 0);
	assert_true(bed.blk.limits.write_through);
	virtio_config_write(&bed.blk.virtio, 32, &on, 1);
	assert_true(bed.blk.limits.write_through);
	bed_close(&bed);
}

/* What is behind the last whole block is not the guest's, nor anybody's to try things on. */
static void opening_changes_nothing_behind_the_last_block(void **state)
{
	static const char *const options[] = { "", ",direct" };
	uint8_t tail[100], found[100] = { 0 };
	struct err err = { "" };
	struct bed bed;

	memset(tail, 0x5a, sizeof(tail));
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++) {
		bed_prepare(&bed, *state, MIB(1));
		assert_int_equal(pwrite(bed.fd, tail, sizeof(tail), MIB(1)), sizeof(tail));
		if (bed_try_open(&bed, *state, options[i], &err) < 0)
			print_message("\"%s\": %s\n", options[i], err.text);
		assert_int_equal(pread(bed.fd, found, sizeof(found), MIB(1)), sizeof(found));
		assert_memory_equal(found, tail, sizeof(tail));
		bed_close(&bed);
	}
}

static void all_state_is_declared(void **state)
{
	(void)state;
	assert_int_equal(state_covered(&virtio_blk_state_desc), sizeof(struct blk_state));
}

/* ---- opening ---- */

static void expect_refused(struct bed *bed, const char *aio, const char *options, int code,
			   const char *why)
{
	struct virtio_blk blk;
	struct err err = { "" };
	int found = bed_try_open_as(bed, &blk, aio, options, &err);

	if (found != code || !strstr(err.text, why) || !strstr(err.text, bed->path))
		fail_msg("expected %d and \"...%s...\", found %d and \"%s\"", code, why, found,
			 err.text);
	virtio_blk_close(&blk);
}

/* Opened while the I/O thread does not run, as it is before the guest does. */
static void a_second_writer_is_refused(void **state)
{
	struct err err = { "" };
	struct virtio_blk other;
	struct bed bed;

	bed_prepare(&bed, *state, DISK);
	assert_int_equal(bed_try_open(&bed, *state, "", &err), 0);
	expect_refused(&bed, *state, "", -EBUSY, "in use: another disk or program has it open");
	expect_refused(&bed, *state, ",ro", -EBUSY, "in use: another disk or program writes to it");
	virtio_blk_close(&bed.blk);
	assert_int_equal(bed_try_open(&bed, *state, ",ro", &err), 0);
	expect_refused(&bed, *state, "", -EBUSY, "in use");
	if (bed_try_open_as(&bed, &other, *state, ",ro", &err))
		fail_msg("two readers: %s", err.text);
	virtio_blk_close(&other);
	bed_close(&bed);
}

static void what_is_no_disk_is_refused(void **state)
{
	struct bed bed;

	bed_prepare(&bed, *state, 511);
	expect_refused(&bed, *state, "", -EINVAL, "less than one block");
	unlink(bed.path);
	expect_refused(&bed, *state, "", -ENOENT, "No such file");
	assert_int_equal(mkdir(bed.path, 0700), 0);
	expect_refused(&bed, *state, ",ro", -EISDIR, "9p");
	expect_refused(&bed, *state, "", -EISDIR, "9p");
	rmdir(bed.path);
	assert_int_equal(mkfifo(bed.path, 0600), 0);
	expect_refused(&bed, *state, "", -EINVAL, "neither a file nor a block device");
	unlink(bed.path);
	bed_close(&bed);
}

static void a_fault_behind_the_end_is_refused(void **state)
{
	struct bed bed;

	bed_prepare(&bed, *state, DISK);
	expect_refused(&bed, *state, ",fail=read,at=2048", -EINVAL, "has 2048 sectors");
	bed_close(&bed);
}

static void closing_what_was_never_opened_is_safe(void **state)
{
	struct virtio_blk blk;

	(void)state;
	memset(&blk, 0, sizeof(blk));
	virtio_blk_close(&blk);
}

/* A test for each of the two ways to serve. */
#define BOTH(f)                                                                                    \
	{ #f ", threads", f, NULL, NULL, (void *)(uintptr_t) "threads" },                          \
	{                                                                                          \
#f ", io_uring", f, NULL, NULL, (void *)(uintptr_t) "io_uring"                     \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(reads_give_what_is_in_the_file),
		BOTH(writes_reach_the_file_and_nothing_else),
		BOTH(buffers_may_be_cut_anywhere),
		BOTH(the_header_may_share_a_buffer_with_the_data),
		BOTH(a_long_request_is_served_whole),
		BOTH(ranges_are_checked_at_their_edges),
		BOTH(a_file_that_became_shorter_is_an_error),
		BOTH(a_file_that_cannot_grow_is_an_error),
		BOTH(flush_and_id_are_answered),
		BOTH(the_label_is_the_id_if_there_is_none),
		BOTH(unknown_types_are_unsupported),
		BOTH(discard_makes_a_hole),
		BOTH(zeroes_with_and_without_a_hole),
		BOTH(zeroes_and_holes_need_not_be_whole_sectors_of_a_device),
		BOTH(segments_are_checked),
		BOTH(a_disk_that_is_only_read_stays_as_it_is),
		BOTH(without_header_or_status_the_device_is_broken),
		BOTH(a_poisoned_buffer_is_an_io_error),
		BOTH(a_poisoned_header_is_an_io_error),
		BOTH(a_poisoned_status_breaks_the_device),
		BOTH(block_error_completion),
		BOTH(a_torn_write_leaves_its_first_half),
		BOTH(a_discard_fails_on_request),
		BOTH(a_delay_holds_requests_back),
		BOTH(a_reset_does_not_wait_for_a_delay),
		BOTH(a_reset_gives_up_what_has_not_begun),
		BOTH(many_requests_are_all_answered),
		BOTH(as_many_are_served_as_the_queue_has_entries),
		BOTH(several_queues_are_driven_by_threads),
		BOTH(stop_with_32_requests_under_way),
		BOTH(quiesce_finishes_what_is_under_way),
		BOTH(a_quiesced_device_can_be_reset),
		BOTH(closing_waits_for_what_is_under_way),
		BOTH(direct_access_takes_any_buffer),
		BOTH(a_poisoned_bounced_buffer_is_an_io_error),
		BOTH(the_configuration_describes_the_disk),
		BOTH(the_driver_chooses_the_cache),
		BOTH(opening_changes_nothing_behind_the_last_block),
		BOTH(a_second_writer_is_refused),
		BOTH(what_is_no_disk_is_refused),
		BOTH(a_fault_behind_the_end_is_refused),
		cmocka_unit_test(all_state_is_declared),
		cmocka_unit_test(closing_what_was_never_opened_is_safe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
