/* The text of --9p: lkvm's form and ours, commas and spaces in directories, and what is refused and why. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/types.h"
#include "virtio/p9_options.h"

static const struct {
	const char *text, *dir, *tag;
	bool ro;
	enum p9_ids ids;
} good[] = {
	{ "/srv,data", "/srv", "data", false, P9_IDS_PASSTHROUGH },
	{ ".,/dev/root", ".", "/dev/root", false, P9_IDS_PASSTHROUGH },
	{ "/a b/c  d,my tag", "/a b/c  d", "my tag", false, P9_IDS_PASSTHROUGH },
	{ "/a\\,b,t", "/a,b", "t", false, P9_IDS_PASSTHROUGH },
	{ "/a\\b\\\\c,t\\,u", "/a\\b\\\\c", "t,u", false, P9_IDS_PASSTHROUGH },
	{ "/ends\\,,t", "/ends,", "t", false, P9_IDS_PASSTHROUGH },
	{ "/a=b,t=u,ro", "/a=b", "t=u", true, P9_IDS_PASSTHROUGH },
	{ "/srv,data,ids=mapped", "/srv", "data", false, P9_IDS_MAPPED },
	{ "/srv,data,ids=passthrough,ro", "/srv", "data", true, P9_IDS_PASSTHROUGH },
	{ "/srv,ro,ro", "/srv", "ro", true, P9_IDS_PASSTHROUGH },
};

static void what_is_written_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct p9_options o;
		struct err err = { "" };

		if (p9_options_parse(&o, good[i].text, &err))
			fail_msg("\"%s\" %s", good[i].text, err.text);
		assert_string_equal(o.dir, good[i].dir);
		assert_string_equal(o.tag, good[i].tag);
		assert_int_equal(o.ro, good[i].ro);
		assert_int_equal(o.ids, good[i].ids);
	}
}

static const struct {
	const char *text, *part; /* of the message */
} bad[] = {
	{ "", "has no directory" },
	{ ",tag", "has no directory" },
	{ "/srv", "has no tag" },
	{ "/srv,", "has no tag" },
	{ "/srv,,ro", "has no tag" },
	{ "/srv\\,tag", "has no tag" },
	{ "/srv,t,", "unknown part \"\"" },
	{ "/srv,t,rw", "unknown part \"rw\"" },
	{ "/srv,t,ro=1", "ro=1" },
	{ "/srv,t,ro,ro", "ro twice" },
	{ "/srv,t,ids", "unknown part \"ids\"" },
	{ "/srv,t,ids=none", "passthrough or mapped" },
};

static void what_makes_no_sense_is_refused_with_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct p9_options o;
		struct err err = { "" };

		if (p9_options_parse(&o, bad[i].text, &err) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i].text);
		if (!strstr(err.text, bad[i].part))
			fail_msg("\"%s\": expected \"%s\", found \"%s\"", bad[i].text, bad[i].part,
				 err.text);
	}
}

/* Parts of `dir` and `tag` bytes. */
static int parse_long(size_t dir, size_t tag, struct p9_options *o)
{
	char text[P9_DIR_BYTES + P9_TAG_MAX + 8];
	struct err err = { "" };

	memset(text, 'x', sizeof(text));
	text[dir] = ',';
	text[dir + 1 + tag] = '\0';
	return p9_options_parse(o, text, &err);
}

static void lengths_end_where_the_room_does(void **state)
{
	struct p9_options o;

	(void)state;
	assert_int_equal(parse_long(P9_DIR_BYTES - 1, P9_TAG_MAX, &o), 0);
	assert_int_equal(strlen(o.dir), P9_DIR_BYTES - 1);
	assert_int_equal(strlen(o.tag), P9_TAG_MAX);
	assert_int_equal(parse_long(P9_DIR_BYTES, 1, &o), -EINVAL);
	assert_int_equal(parse_long(1, P9_TAG_MAX + 1, &o), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_understood),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_a_reason),
		cmocka_unit_test(lengths_end_where_the_room_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
