/* See console_options.h. Holds no state. */
#include "virtio/console_options.h"

#include <errno.h>
#include <string.h>

#include "lib/types.h"

static int copy(char *to, size_t room, const char *what, const char *value, struct err *err)
{
	size_t n = strlen(value);

	if (!n)
		return err_set(err, -EINVAL, "has no %s", what);
	if (n >= room)
		return err_set(err, -EINVAL, "has a %s of %zu characters: at most %zu are possible",
			       what, n, room - 1);
	memcpy(to, value, n + 1);
	return 0;
}

static int take_name(void *target, const char *value, struct err *err)
{
	struct console_port_options *o = target;

	if (strpbrk(value, "/= "))
		return err_set(err, -EINVAL,
			       "begins with \"%s\": a port's name comes first, and has no '/', '=' "
			       "or blank",
			       value);
	return copy(o->name, sizeof(o->name), "name", value, err);
}

static int take_in(void *target, const char *value, struct err *err)
{
	struct console_port_options *o = target;

	return copy(o->in, sizeof(o->in), "file after in=", value, err);
}

static int take_out(void *target, const char *value, struct err *err)
{
	struct console_port_options *o = target;

	return copy(o->out, sizeof(o->out), "file after out=", value, err);
}

static int take_console(void *target, const char *value, struct err *err)
{
	struct console_port_options *o = target;

	if (value)
		return err_set(err, -EINVAL, "has \"console=%s\": write console alone", value);
	o->console = true;
	return 0;
}

static const struct keylist_key keys[] = {
	{ "in", take_in, false },
	{ "out", take_out, false },
	{ "console", take_console, true },
};

static const struct keylist list = { keys, ARRAY_SIZE(keys),
				     "NAME[,in=FILE][,out=FILE][,console]" };

int console_port_parse(struct console_port_options *o, const char *text, struct err *err)
{
	struct console_port_options read = { 0 };
	unsigned given;
	int rc = keylist_parse(&list, &read, take_name, text, &given, err);

	if (rc)
		return rc;
	if (!read.in[0] && !read.out[0])
		return err_set(err, -EINVAL, "has neither in=FILE nor out=FILE");
	*o = read;
	return 0;
}

static void print_file(const char *key, const char *file, FILE *out)
{
	if (!file[0])
		return;
	fprintf(out, ",%s=", key);
	for (; *file; file++)
		fprintf(out, *file == ',' ? "\\%c" : "%c", *file);
}

void console_port_print(const struct console_port_options *o, FILE *out)
{
	fputs(o->name, out);
	print_file("in", o->in, out);
	print_file("out", o->out, out);
	if (o->console)
		fputs(",console", out);
}
