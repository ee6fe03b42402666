/* A line from a client: what is understood, and what is said of the rest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arm64/ctl_request.h"
#include "lib/types.h"

static struct ctl_request request;

/* `text` lives as long as the caller needs it: texts of the request point into it. */
static int parse(char *text, const char *line, struct err *err)
{
	strcpy(text, line);
	return ctl_request_parse(&request, text, strlen(text), err);
}

static void expect_error(const char *line, const char *part)
{
	char text[CTL_LINE_BYTES];
	struct err err = { "" };
	int r = parse(text, line, &err);

	if (r != -EINVAL || !strstr(err.text, part))
		fail_msg("%s: expected -EINVAL and '%s', found %d and '%s'", line, part, r,
			 err.text);
}

static void expect_verb(const char *line, enum ctl_verb verb)
{
	char text[CTL_LINE_BYTES];
	struct err err = { "" };

	if (parse(text, line, &err))
		fail_msg("%s: expected a request, found '%s'", line, err.text);
	assert_int_equal(request.verb, verb);
}

static void verbs_without_arguments_need_only_their_name(void **state)
{
	static const enum ctl_verb verbs[] = { CTL_STATUS, CTL_PAUSE,     CTL_RESUME,
					       CTL_RESET,  CTL_POWERDOWN, CTL_STOP,
					       CTL_STAT,   CTL_SDEI,      CTL_DEBUG };
	char line[64];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++) {
		snprintf(line, sizeof(line), "{\"do\":\"%s\"}", ctl_verb_name(verbs[i]));
		expect_verb(line, verbs[i]);
		assert_false(request.has_id);
		assert_int_equal(request.cpu, CTL_ALL_CPUS);
	}
}

static void an_id_is_any_number_of_64_bits(void **state)
{
	(void)state;
	expect_verb("{\"id\":18446744073709551615,\"do\":\"status\"}", CTL_STATUS);
	assert_true(request.has_id);
	assert_true(request.id == UINT64_MAX);
	expect_verb(" { \"do\" : \"status\" , \"id\" : 0 } ", CTL_STATUS);
	assert_true(request.has_id);
	assert_int_equal(request.id, 0);
	expect_error("{\"id\":18446744073709551616,\"do\":\"status\"}", "\"id\"");
	expect_error("{\"id\":1.5,\"do\":\"status\"}", "\"id\"");
	expect_error("{\"id\":null,\"do\":\"status\"}", "\"id\"");
	expect_error("{\"id\":\"1\",\"do\":\"status\"}", "\"id\"");
}

/* So that the reply has it, whatever else is wrong. */
static void the_id_of_a_bad_request_is_known(void **state)
{
	(void)state;
	expect_error("{\"id\":7,\"do\":\"nothing\"}", "\"nothing\"");
	assert_true(request.has_id);
	assert_int_equal(request.id, 7);
}

static void arguments_are_taken(void **state)
{
	char text[CTL_LINE_BYTES];
	struct err err = { "" };

	(void)state;
	assert_int_equal(parse(text, "{\"do\":\"inject\",\"rule\":\"ce,\\u0041=\\\"x\\\"\"}", &err),
			 0);
	assert_string_equal(request.text, "ce,A=\"x\"");
	assert_int_equal(parse(text, "{\"do\":\"trigger\",\"what\":\"watchdog,cpu=1\"}", &err), 0);
	assert_string_equal(request.text, "watchdog,cpu=1");
	assert_int_equal(parse(text, "{\"do\":\"send\",\"text\":\"\"}", &err), 0);
	assert_int_equal(request.nbytes, 0);
	assert_int_equal(parse(text, "{\"do\":\"send\",\"base64\":\"AAEC\"}", &err), 0);
	assert_int_equal(request.nbytes, 3);
	assert_memory_equal(request.text, "\0\1\2", 3);
	expect_verb("{\"do\":\"debug\",\"cpu\":511}", CTL_DEBUG);
	assert_int_equal(request.cpu, 511);
	expect_verb("{\"do\":\"subscribe\",\"events\":\"\"}", CTL_SUBSCRIBE);
	assert_int_equal(request.events, 0);
	expect_verb("{\"do\":\"subscribe\",\"events\":\"trace,console,input,state,trace\"}",
		    CTL_SUBSCRIBE);
	assert_int_equal(request.events,
			 CTL_EVENT_TRACE | CTL_EVENT_CONSOLE | CTL_EVENT_INPUT | CTL_EVENT_STATE);
}

static void what_is_wrong_is_said(void **state)
{
	(void)state;
	expect_error("", "one JSON object");
	expect_error("pause", "one JSON object");
	expect_error("{\"do\":\"pause\"} x", "one JSON object");
	expect_error("{}", "\"do\" is missing");
	expect_error("{\"do\":[\"pause\"]}", "\"do\" is missing");
	expect_error("{\"do\":\"PAUSE\"}", "\"PAUSE\": nothing of that name");
	expect_error("{\"do\":\"pause\",\"x\":1}",
		     "\"pause\" takes nothing more; it was given \"x\"");
	expect_error("{\"do\":\"send\"}", "\"send\" needs \"text\" or \"base64\"");
	expect_error("{\"do\":\"send\",\"text\":\"a\",\"base64\":\"YQ==\"}", "one argument");
	expect_error("{\"do\":\"send\",\"text\":\"a\",\"text\":\"b\"}", "one argument");
	expect_error("{\"do\":\"send\",\"base64\":\"YQ\"}", "not base 64");
	expect_error("{\"do\":\"send\",\"text\":1}", "\"text\" has to be a text");
	expect_error("{\"do\":\"inject\",\"what\":\"x\"}", "\"inject\" takes \"rule\"");
	expect_error("{\"do\":\"inject\"}", "\"inject\" needs \"rule\"");
	expect_error("{\"do\":\"debug\",\"cpu\":-1}", "number of a CPU");
	expect_error("{\"do\":\"debug\",\"cpu\":4294967295}", "number of a CPU");
	expect_error("{\"do\":\"subscribe\",\"events\":\"trace,all\"}", "\"all\": no such events");
	expect_error("{\"do\":\"subscribe\",\"events\":7}", "has to be a text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_without_arguments_need_only_their_name),
		cmocka_unit_test(an_id_is_any_number_of_64_bits),
		cmocka_unit_test(the_id_of_a_bad_request_is_known),
		cmocka_unit_test(arguments_are_taken),
		cmocka_unit_test(what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
