/* See ctl_request.h; docs/control.md has the protocol. */
#include "arm64/ctl_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"
#include "lib/json_line.h"
#include "lib/types.h"

/* Puts the member `name`, which is there, into the request. 0, or -EINVAL with `err`. */
typedef int take_fn(struct ctl_request *request, const struct json_line *line, const char *name,
		    struct err *err);

static int take_text(struct ctl_request *request, const struct json_line *line, const char *name,
		     struct err *err)
{
	request->text = json_line_text(line, name);
	if (!request->text)
		return err_set(err, -EINVAL, "\"%s\" has to be a text", name);
	request->nbytes = (uint32_t)strlen(request->text);
	return 0;
}

/* Decoded where it stands: the result is shorter. */
static int take_base64(struct ctl_request *request, const struct json_line *line, const char *name,
		       struct err *err)
{
	ssize_t n;
	int r = take_text(request, line, name, err);

	if (r)
		return r;
	n = base64_decode((char *)(uintptr_t)request->text, request->text, request->nbytes);
	if (n < 0)
		return err_set(err, -EINVAL, "\"%s\" is not base 64 (RFC 4648, 4)", name);
	request->nbytes = (uint32_t)n;
	return 0;
}

static int take_cpu(struct ctl_request *request, const struct json_line *line, const char *name,
		    struct err *err)
{
	uint64_t cpu;

	if (!json_line_u64(line, name, &cpu) || cpu >= CTL_ALL_CPUS)
		return err_set(err, -EINVAL, "\"%s\" has to be the number of a CPU, from 0", name);
	request->cpu = (uint32_t)cpu;
	return 0;
}

static int take_events(struct ctl_request *request, const struct json_line *line, const char *name,
		       struct err *err)
{
	const char *text = json_line_text(line, name);

	if (!text)
		return err_set(err, -EINVAL, "\"%s\" has to be a text", name);
	return ctl_events_parse(text, &request->events, err);
}

#define MAX_ARGUMENTS 2

/* A verb takes one of its arguments, or none at all unless it is required. */
static const struct verb {
	const char *name;
	bool required;
	struct {
		const char *name;
		take_fn *take;
	} argument[MAX_ARGUMENTS];
} verbs[CTL_NR_VERBS] = {
	/* clang-format off */
	[CTL_STATUS]    = { .name = "status" },
	[CTL_PAUSE]     = { .name = "pause" },
	[CTL_RESUME]    = { .name = "resume" },
	[CTL_RESET]     = { .name = "reset" },
	[CTL_POWERDOWN] = { .name = "powerdown" },
	[CTL_STOP]      = { .name = "stop" },
	[CTL_SEND]      = { .name = "send", .required = true, .argument = { { "text", take_text }, { "base64", take_base64 } } },
	[CTL_INJECT]    = { .name = "inject", .required = true, .argument = { { "rule", take_text } } },
	[CTL_TRIGGER]   = { .name = "trigger", .required = true, .argument = { { "what", take_text } } },
	[CTL_STAT]      = { .name = "stat" },
	[CTL_DEBUG]     = { .name = "debug", .argument = { { "cpu", take_cpu } } },
	[CTL_SDEI]      = { .name = "sdei" },
	[CTL_SUBSCRIBE] = { .name = "subscribe", .required = true, .argument = { { "events", take_events } } },
	/* clang-format on */
};

static const char *const event_names[CTL_NR_EVENTS] = { "trace", "console", "input", "state" };

const char *ctl_verb_name(enum ctl_verb verb)
{
	return verbs[verb].name;
}

const char *ctl_event_name(unsigned index)
{
	return event_names[index];
}

static int event_of(const char *name, size_t n)
{
	for (unsigned i = 0; i < CTL_NR_EVENTS; i++)
		if (strlen(event_names[i]) == n && memcmp(event_names[i], name, n) == 0)
			return (int)i;
	return -1;
}

int ctl_events_parse(const char *text, uint32_t *events, struct err *err)
{
	*events = 0;
	while (*text) {
		size_t n = strcspn(text, ",");
		int event = event_of(text, n);

		if (event < 0)
			return err_set(
				err, -EINVAL,
				"\"%.*s\": no such events; there are trace, console, input and state",
				(int)(n < 40 ? n : 40), text);
		*events |= 1u << event;
		text += n;
		text += *text == ',';
	}
	return 0;
}

static int find_verb(const char *name)
{
	for (unsigned i = 0; i < CTL_NR_VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* "a", or "a or b". */
static void name_arguments(const struct verb *verb, char *text, size_t size)
{
	bool two = verb->argument[1].name != NULL;

	snprintf(text, size, "\"%s\"%s%s%s", verb->argument[0].name, two ? " or \"" : "",
		 two ? verb->argument[1].name : "", two ? "\"" : "");
}

/* Index of the argument called `name`, or -1. */
static int find_argument(const struct verb *verb, const char *name)
{
	for (unsigned i = 0; i < MAX_ARGUMENTS; i++)
		if (verb->argument[i].name && strcmp(verb->argument[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int refuse_member(const struct verb *verb, const char *name, struct err *err)
{
	char wants[64] = "nothing more";

	if (verb->argument[0].name)
		name_arguments(verb, wants, sizeof(wants));
	return err_set(err, -EINVAL, "\"%s\" takes %s; it was given \"%.60s\"", verb->name, wants,
		       name);
}

/* The one argument that is there: its index; -ENOENT: there is none. Others are -EINVAL with `err`. */
static int given_argument(const struct verb *verb, const struct json_line *line, struct err *err)
{
	int given = -ENOENT;

	for (unsigned i = 0; i < line->nmembers; i++) {
		const char *name = line->member[i].name;
		int argument = find_argument(verb, name);

		if (strcmp(name, "id") == 0 || strcmp(name, "do") == 0)
			continue;
		if (argument < 0)
			return refuse_member(verb, name, err);
		if (given >= 0)
			return err_set(err, -EINVAL, "\"%s\" takes one argument; there is more",
				       verb->name);
		given = argument;
	}
	return given;
}

static int take_argument(struct ctl_request *request, const struct json_line *line, struct err *err)
{
	const struct verb *verb = &verbs[request->verb];
	int given = given_argument(verb, line, err);
	char wants[64];

	if (given >= 0)
		return verb->argument[given].take(request, line, verb->argument[given].name, err);
	if (given != -ENOENT)
		return given;
	if (!verb->required)
		return 0;
	name_arguments(verb, wants, sizeof(wants));
	return err_set(err, -EINVAL, "\"%s\" needs %s", verb->name, wants);
}

static int take_id(struct ctl_request *request, const struct json_line *line, struct err *err)
{
	if (!json_line_has(line, "id"))
		return 0;
	request->has_id = json_line_u64(line, "id", &request->id);
	return request->has_id ? 0 : err_set(err, -EINVAL, "\"id\" has to be a whole number");
}

int ctl_request_parse(struct ctl_request *request, char *line_text, size_t n, struct err *err)
{
	struct json_line line;
	const char *name;
	int r, verb;

	*request = (struct ctl_request){ .cpu = CTL_ALL_CPUS };
	if (json_line_split(&line, line_text, n))
		return err_set(
			err, -EINVAL,
			"not a request: a line has to be one JSON object, such as {\"do\":\"status\"}");
	r = take_id(request, &line, err);
	if (r)
		return r;
	name = json_line_text(&line, "do");
	if (!name)
		return err_set(err, -EINVAL, "\"do\" is missing, or no text: it names what to do");
	verb = find_verb(name);
	if (verb < 0)
		return err_set(err, -EINVAL, "\"%.60s\": nothing of that name can be done", name);
	request->verb = (enum ctl_verb)verb;
	return take_argument(request, &line, err);
}
