/* `rasvm decode`: a syndrome or a hardware error record as text for people. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/command.h"
#include "lib/parse.h"
#include "lib/types.h"
#include "ras/cper.h"
#include "ras/esr.h"

/* Far more than a guest takes, and than ACPI's tables of earlier errors have. */
#define MAX_BYTES MIB(1)

struct input {
	const char *name; /* for messages */
	uint8_t *data;    /* MAX_BYTES + 1, owned */
	size_t n;
};

/* `what` is what was asked for; `why` goes on after it. */
static int refuse(int status, const char *what, const char *why)
{
	struct err err;

	err_set(&err, 0, "\"%.200s\" %.280s", what, why);
	help_print_error("decode", err.text);
	return status;
}

static int decode_esr(const char *text)
{
	struct err err = { "" };
	uint64_t esr;

	if (parse_u64(text, &esr, &err) < 0)
		return refuse(STATUS_USAGE, text, err.text);
	esr_print(esr, stdout);
	return command_finish_output(stdout);
}

/* ---- records ---- */

static int refuse_file(const char *name, const char *doing, int error)
{
	char why[128];

	snprintf(why, sizeof(why), "cannot be %s: %s", doing, strerror(error));
	return refuse(STATUS_USAGE, name, why);
}

/* One byte more than is taken, to tell whether there is more. */
static int read_stream(struct input *input, FILE *in)
{
	input->n = fread(input->data, 1, MAX_BYTES + 1, in);
	if (ferror(in))
		return refuse_file(input->name, "read", errno);
	if (input->n > MAX_BYTES)
		return refuse(STATUS_USAGE, input->name,
			      "has more than 1 MiB, which no error record has");
	return STATUS_POWEROFF;
}

static int read_input(struct input *input, const char *name)
{
	FILE *in = stdin;
	int status;

	input->name = strcmp(name, "-") == 0 ? "standard input" : name;
	if (strcmp(name, "-") != 0)
		in = fopen(name, "re");
	if (!in)
		return refuse_file(name, "opened", errno);
	status = read_stream(input, in);
	if (in != stdin)
		fclose(in);
	return status;
}

/* Files that look alike and are something else. NULL: none of them. */
static const char *other_kind(const struct input *input)
{
	if (input->n == 0)
		return "is empty: a record begins with a generic error status block";
	if (input->n >= 4 && memcmp(input->data, "CPER", 4) == 0)
		return "is a UEFI record with a header of its own: only generic error status "
		       "blocks, as GHES and BERT have them, are read";
	if (input->n >= 4 && memcmp(input->data, "BERT", 4) == 0)
		return "is the BERT itself: its records are in "
		       "/sys/firmware/acpi/tables/data/BERT";
	return NULL;
}

static bool is_zero(const uint8_t *data, size_t n)
{
	while (n > 0 && data[n - 1] == 0)
		n--;
	return n == 0;
}

/* What follows the first record: others as in BERT, zeroes, or what was in the block before. */
static void print_others(const struct input *input, size_t at)
{
	struct err err = { "" };

	while (!is_zero(input->data + at, input->n - at)) {
		int rc = cper_check(input->data + at, input->n - at, &err);

		printf("\nat offset %zu: ", at);
		if (rc < 0) {
			printf("%zu more bytes, no record: %s\n", input->n - at, err.text);
			return;
		}
		cper_print(input->data + at, input->n - at, stdout);
		at += (size_t)rc;
	}
}

static int print_records(const struct input *input)
{
	const char *other = other_kind(input);
	struct err err = { "" };
	int rc, written;

	if (other)
		return refuse(STATUS_USAGE, input->name, other);
	rc = cper_check(input->data, input->n, &err);
	cper_print(input->data, input->n, stdout);
	if (rc > 0)
		print_others(input, (size_t)rc);
	written = command_finish_output(stdout);
	if (rc < 0 && written == STATUS_POWEROFF) {
		struct err why;

		err_set(&why, 0, "is not a valid record: %s", err.text);
		return refuse(STATUS_USAGE, input->name, why.text);
	}
	return written;
}

static int decode_cper(const char *name)
{
	struct input input = { .data = malloc(MAX_BYTES + 1) };
	int status;

	if (!input.data)
		return refuse(STATUS_INTERNAL, name, "cannot be read: out of memory");
	status = read_input(&input, name);
	if (status == STATUS_POWEROFF)
		status = print_records(&input);
	free(input.data);
	return status;
}

/* ---- the command ---- */

static const struct subject {
	const char *name;
	int (*decode)(const char *what);
} subjects[] = {
	{ "esr", decode_esr },
	{ "cper", decode_cper },
};

int command_decode(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		help_print_command(COMMAND_DECODE, stdout);
		return command_finish_output(stdout);
	}
	for (unsigned i = 0; argc > 0 && i < ARRAY_SIZE(subjects); i++) {
		if (strcmp(argv[0], subjects[i].name) != 0)
			continue;
		if (argc == 2)
			return subjects[i].decode(argv[1]);
		return refuse(STATUS_USAGE, argv[0], "takes one argument");
	}
	if (argc > 0)
		return refuse(STATUS_USAGE, argv[0], "cannot be decoded: use esr or cper");
	help_print_error("decode", "takes esr VALUE, or cper FILE with - for standard input");
	return STATUS_USAGE;
}
