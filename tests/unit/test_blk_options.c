/* The text of -d: what it means, and what is said about one that is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/types.h"
#include "virtio/blk_options.h"

static struct blk_options parse(const char *text)
{
	struct err err = { "" };
	struct blk_options o;

	memset(&o, 0xa5, sizeof(o));
	if (blk_options_parse(&o, text, &err))
		fail_msg("\"%s\" was refused: %s", text, err.text);
	return o;
}

static void a_file_alone_is_a_writable_disk(void **state)
{
	struct blk_options o = parse("disk.img");

	(void)state;
	assert_string_equal(o.path, "disk.img");
	assert_string_equal(o.id, "");
	assert_false(o.ro);
	assert_false(o.direct);
	assert_int_equal(o.queues, 1);
	assert_int_equal(o.aio, BLK_AIO_AUTO);
	assert_int_equal(o.delay_ns, 0);
	assert_int_equal(o.nfaults, 0);
}

static void everything_about_the_disk_is_taken(void **state)
{
	struct blk_options o = parse(
		"/a b/c.img,ro,direct,queues=16,id=12345678901234567890,aio=threads,delay=5ms");

	(void)state;
	assert_string_equal(o.path, "/a b/c.img");
	assert_string_equal(o.id, "12345678901234567890");
	assert_true(o.ro);
	assert_true(o.direct);
	assert_int_equal(o.queues, 16);
	assert_int_equal(o.aio, BLK_AIO_THREADS);
	assert_int_equal(o.delay_ns, 5 * NS_PER_MS);
}

static void a_comma_of_the_name_is_escaped(void **state)
{
	(void)state;
	assert_string_equal(parse("a\\,fail=b,ro").path, "a,fail=b");
	assert_int_equal(parse("a\\,fail=b,fail=read").nfaults, 1);
}

static void each_fail_begins_a_group(void **state)
{
	struct blk_options o = parse(
		"d,delay=1s,fail=write,at=7,torn,delay=2ms,fail=flush,every=3,ro,fail=discard,fail=read");

	(void)state;
	assert_int_equal(o.nfaults, 4);
	assert_true(o.ro);
	assert_int_equal(o.delay_ns, NS_PER_SEC);
	assert_int_equal(o.fault[0].kind, BLK_FAULT_WRITE);
	assert_true(o.fault[0].has_at);
	assert_true(o.fault[0].torn);
	assert_int_equal(o.fault[0].at, 7);
	assert_int_equal(o.fault[0].delay_ns, 2 * NS_PER_MS);
	assert_int_equal(o.fault[1].kind, BLK_FAULT_FLUSH);
	assert_int_equal(o.fault[1].every, 3);
	assert_false(o.fault[1].has_at);
	assert_int_equal(o.fault[2].kind, BLK_FAULT_DISCARD);
	assert_int_equal(o.fault[3].kind, BLK_FAULT_READ);
	assert_int_equal(o.fault[3].every, 0);
	assert_int_equal(o.fault[3].delay_ns, 0);
}

static const struct {
	const char *text, *expected; /* a part of the message */
	int code;
} wrong[] = {
	{ "", "names no file", -EINVAL },
	{ ",ro", "names no file", -EINVAL },
	{ "d,rw", "unknown part \"rw\"", -EINVAL },
	{ "d,ro=1", "write ro alone", -EINVAL },
	{ "d,direct=on", "write direct alone", -EINVAL },
	{ "d,ro,ro", "has ro twice", -EINVAL },
	{ "d,ro,fail=read,ro", "has ro twice", -EINVAL },
	{ "d,fail=read,id=a,fail=write,id=b", "has id= twice", -EINVAL },
	{ "d,queues=0", "must be 1 to 16", -EINVAL },
	{ "d,queues=17", "must be 1 to 16", -EINVAL },
	{ "d,queues", "unknown part \"queues\"", -EINVAL },
	{ "d,id=", "1 to 20 characters", -EINVAL },
	{ "d,id=123456789012345678901", "1 to 20 characters", -EINVAL },
	{ "d,id=a b", "no blanks", -EINVAL },
	{ "d,aio=native", "use auto, threads or io_uring", -EINVAL },
	{ "d,fail=write,torn=1", "write torn alone", -EINVAL },
	{ "d,fail", "unknown part \"fail\"", -EINVAL },
	{ "d,fail=seek", "use read, write, flush or discard", -EINVAL },
	{ "d,at=1,fail=read", "at=SECTOR before any fail=", -EINVAL },
	{ "d,every=1", "every=N before any fail=", -EINVAL },
	{ "d,torn", "torn before any fail=", -EINVAL },
	{ "d,fail=read,every=0", "must be 1 to", -EINVAL },
	{ "d,fail=read,at=36028797018963968", "must be 0 to", -EINVAL },
	{ "d,fail=read,at=1,at=2", "has at= twice", -EINVAL },
	{ "d,fail=flush,at=1", "has no sector", -EINVAL },
	{ "d,fail=read,torn", "only a write can be torn", -EINVAL },
	{ "d,fail=read,delay=0", "delay=0", -EINVAL },
	{ "d,delay=soon", "delay=soon", -EINVAL },
	{ "d,fail=read,fail=read,fail=read,fail=read,fail=read", "a disk takes 4", -EINVAL },
};

static void what_is_wrong_is_said(void **state)
{
	struct blk_options before = parse("kept"), o = before;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct err err = { "" };
		int rc = blk_options_parse(&o, wrong[i].text, &err);

		if (rc != wrong[i].code)
			fail_msg("\"%s\": expected %d, found %d (%s)", wrong[i].text, wrong[i].code,
				 rc, err.text);
		if (!strstr(err.text, wrong[i].expected))
			fail_msg("\"%s\": expected \"...%s...\", found \"%s\"", wrong[i].text,
				 wrong[i].expected, err.text);
		assert_memory_equal(&o, &before, sizeof(o));
	}
}

static void a_text_that_is_too_long_is_refused(void **state)
{
	char text[KEYLIST_MAX_BYTES + 1];
	struct err err = { "" };
	struct blk_options o;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[KEYLIST_MAX_BYTES] = '\0';
	assert_int_equal(blk_options_parse(&o, text, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too long: 512 characters"));
	text[KEYLIST_MAX_BYTES - 1] = '\0';
	assert_int_equal(strlen(parse(text).path), KEYLIST_MAX_BYTES - 1);
}

static const char *const printed[] = {
	"disk.img",
	"a\\,b c,ro,direct,queues=4,id=x\\,y,aio=io_uring,delay=5ms",
	"d,fail=write,at=7,delay=2ms,torn,fail=flush,every=3,fail=discard,fail=read",
};

static void what_is_printed_reads_the_same(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(printed); i++) {
		struct blk_options o = parse(printed[i]), again;
		char *text = NULL;
		size_t n = 0;
		FILE *out = open_memstream(&text, &n);

		assert_non_null(out);
		blk_options_print(&o, out);
		fclose(out);
		assert_string_equal(text, printed[i]);
		again = parse(text);
		assert_memory_equal(&again, &o, sizeof(o));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_alone_is_a_writable_disk),
		cmocka_unit_test(everything_about_the_disk_is_taken),
		cmocka_unit_test(a_comma_of_the_name_is_escaped),
		cmocka_unit_test(each_fail_begins_a_group),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(a_text_that_is_too_long_is_refused),
		cmocka_unit_test(what_is_printed_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
