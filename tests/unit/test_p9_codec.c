/* The wire form of 9P: fields are read in order, never beyond the message, and flags are translated. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/p9_codec.h"

/* One field of each kind. */
static const uint8_t message[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
				   0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x03, 0x00, 'a',  'b',  'c' };

static void header_is_size_type_and_tag(void **state)
{
	const uint8_t bytes[] = { 0x17, 0x01, 0x02, 0x03, 110, 0x34, 0x12 };
	struct p9_header h = p9_header(bytes);

	(void)state;
	assert_int_equal(h.size, 0x03020117);
	assert_int_equal(h.type, P9_TWALK);
	assert_int_equal(h.tag, 0x1234);
}

static void fields_are_little_endian(void **state)
{
	struct p9_reader r = { message, sizeof(message), false };
	struct p9_text text;

	(void)state;
	assert_int_equal(p9_get_u8(&r), 0x01);
	assert_int_equal(p9_get_u16(&r), 0x0302);
	assert_int_equal(p9_get_u32(&r), 0x07060504);
	assert_int_equal(p9_get_u64(&r), UINT64_C(0x0f0e0d0c0b0a0908));
	text = p9_get_text(&r);
	assert_true(p9_text_is(text, "abc"));
	assert_false(p9_text_is(text, "ab"));
	assert_false(p9_text_is(text, "abcd"));
	assert_int_equal(r.left, 0);
	assert_false(r.bad);
}

/* In a buffer of its very size, so that a sanitizer sees a byte too many. */
static void a_message_cut_anywhere_is_bad_and_reads_nothing(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(message); n++) {
		uint8_t *cut = test_malloc(n ? n : 1);
		struct p9_reader r = { cut, n, false };

		memcpy(cut, message, n);
		p9_get_u8(&r);
		p9_get_u16(&r);
		p9_get_u32(&r);
		p9_get_u64(&r);
		assert_int_equal(p9_get_text(&r).n, 0);
		assert_true(r.bad);
		assert_int_equal(p9_get_u8(&r), 0);
		test_free(cut);
	}
}

static void nothing_is_read_after_what_did_not_fit(void **state)
{
	struct p9_reader r = { message, 3, false };

	(void)state;
	assert_int_equal(p9_get_u32(&r), 0);
	assert_int_equal(p9_get_u8(&r), 0);
	assert_true(r.bad);
}

static void a_text_longer_than_its_message_is_bad(void **state)
{
	const uint8_t bytes[] = { 0xff, 0xff, 'x' };
	struct p9_reader r = { bytes, sizeof(bytes), false };

	(void)state;
	assert_int_equal(p9_get_text(&r).n, 0);
	assert_true(r.bad);
}

static void what_is_written_is_read_back(void **state)
{
	const struct p9_qid qid = { P9_QID_DIR, 0x11223344, UINT64_C(0x5566778899aabbcc) };
	uint8_t room[64];
	struct bytes b = bytes_in(room, sizeof(room));
	struct p9_reader r;

	(void)state;
	p9_put_qid(&b, &qid);
	p9_put_text(&b, "name", 4);
	assert_int_equal(b.used, P9_QID_BYTES + 6);
	r = (struct p9_reader){ room, b.used, false };
	assert_int_equal(p9_get_u8(&r), qid.type);
	assert_int_equal(p9_get_u32(&r), qid.version);
	assert_int_equal(p9_get_u64(&r), qid.path);
	assert_true(p9_text_is(p9_get_text(&r), "name"));
}

/* The numbers of the wire, which differ from arm64's. */
static void open_flags_are_translated(void **state)
{
	(void)state;
	assert_int_equal(p9_open_flags(0), O_RDONLY);
	assert_int_equal(p9_open_flags(1), O_WRONLY);
	assert_int_equal(p9_open_flags(2), O_RDWR);
	assert_int_equal(p9_open_flags(01000), O_TRUNC);
	assert_int_equal(p9_open_flags(02000), O_APPEND);
	assert_int_equal(p9_open_flags(0200000), O_DIRECTORY);
	assert_int_equal(p9_open_flags(010000), O_DSYNC);
	assert_int_equal(p9_open_flags(04010000), O_SYNC);
	/* O_CREAT, O_NOCTTY, O_NONBLOCK, FASYNC, O_DIRECT, O_LARGEFILE, O_NOFOLLOW, O_NOATIME, O_CLOEXEC */
	assert_int_equal(p9_open_flags(0100 | 0400 | 04000 | 020000 | 040000 | 0100000 | 0400000 |
				       01000000 | 02000000),
			 0);
}

static size_t total(const struct iovec *iov, unsigned n)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

static void parts_are_sliced_at_every_place(void **state)
{
	uint8_t data[12];
	const struct iovec iov[] = {
		{ data, 3 }, { data + 3, 0 }, { data + 3, 5 }, { data + 8, 4 }
	};

	(void)state;
	for (size_t skip = 0; skip <= 14; skip++) {
		for (size_t bytes = 0; bytes <= 14; bytes++) {
			struct iovec to[ARRAY_SIZE(iov)];
			unsigned n = p9_iov_slice(iov, ARRAY_SIZE(iov), skip, bytes, to);
			size_t left = skip < 12 ? 12 - skip : 0;

			assert_int_equal(total(to, n), left < bytes ? left : bytes);
			if (n)
				assert_ptr_equal(to[0].iov_base, data + skip);
		}
	}
}

static void parts_are_sliced_in_place(void **state)
{
	uint8_t data[8];
	struct iovec iov[] = { { data, 2 }, { data + 2, 3 }, { data + 5, 3 } };

	(void)state;
	assert_int_equal(p9_iov_slice(iov, 3, 3, 4, iov), 2);
	assert_ptr_equal(iov[0].iov_base, data + 3);
	assert_int_equal(iov[0].iov_len, 2);
	assert_ptr_equal(iov[1].iov_base, data + 5);
	assert_int_equal(iov[1].iov_len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_is_size_type_and_tag),
		cmocka_unit_test(fields_are_little_endian),
		cmocka_unit_test(a_message_cut_anywhere_is_bad_and_reads_nothing),
		cmocka_unit_test(nothing_is_read_after_what_did_not_fit),
		cmocka_unit_test(a_text_longer_than_its_message_is_bad),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(open_flags_are_translated),
		cmocka_unit_test(parts_are_sliced_at_every_place),
		cmocka_unit_test(parts_are_sliced_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
