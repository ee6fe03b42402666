/*
 * The text of -d. It is cut before each ",fail=", because a key list takes each name only once and a disk may
 * have several faults.
 *
 * Source: rasvm's own, of which FILE[,ro][,direct] is kvmtool's form. State: none.
 */
#include "virtio/blk_options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/parse.h"
#include "lib/types.h"

#define FAIL_PART ",fail="

static const char *const kind_names[BLK_FAULT_KINDS] = {
	[BLK_FAULT_READ] = "read",
	[BLK_FAULT_WRITE] = "write",
	[BLK_FAULT_FLUSH] = "flush",
	[BLK_FAULT_DISCARD] = "discard",
};
static const char *const aio_names[] = {
	[BLK_AIO_AUTO] = "auto",
	[BLK_AIO_THREADS] = "threads",
	[BLK_AIO_URING] = "io_uring",
};

struct reading {
	struct blk_options *o;
	struct blk_fault *fault; /* the group being read; NULL before the first */
};

static int take_file(void *target, const char *text, struct err *err)
{
	struct reading *r = target;
	if (!text[0])
		return err_set(err, -EINVAL, "names no file: write FILE[,ro][,direct]");
	snprintf(r->o->path, sizeof(r->o->path), "%s", text);
	return 0;
}

static int take_ro(void *target, const char *value, struct err *err)
{
	if (value)
		return err_set(err, -EINVAL, "has \"ro=%s\": write ro alone, or leave it out",
			       value);
	((struct reading *)target)->o->ro = true;
	return 0;
}

static int take_direct(void *target, const char *value, struct err *err)
{
	if (value)
		return err_set(err, -EINVAL,
			       "has \"direct=%s\": write direct alone, or leave it out", value);
	((struct reading *)target)->o->direct = true;
	return 0;
}

static int take_queues(void *target, const char *value, struct err *err)
{
	uint64_t n = 1;
	int rc = keylist_number("queues", value, 1, BLK_MAX_QUEUES, &n, err);

	((struct reading *)target)->o->queues = (unsigned)n;
	return rc;
}

static int take_id(void *target, const char *value, struct err *err)
{
	struct blk_options *o = ((struct reading *)target)->o;
	size_t len = strlen(value);

	if (!len || len > BLK_ID_BYTES)
		return err_set(err, -EINVAL,
			       "has \"id=%s\": the serial number has 1 to %u characters", value,
			       BLK_ID_BYTES);
	for (size_t i = 0; i < len; i++)
		if (value[i] <= ' ' || value[i] > '~')
			return err_set(
				err, -EINVAL,
				"has \"id=%s\": use letters, digits and signs of ASCII, no blanks",
				value);
	memcpy(o->id, value, len + 1);
	return 0;
}

static int take_aio(void *target, const char *value, struct err *err)
{
	unsigned choice = BLK_AIO_AUTO;
	int rc = keylist_choice("aio", value, aio_names, ARRAY_SIZE(aio_names), &choice, err);

	((struct reading *)target)->o->aio = (enum blk_aio)choice;
	return rc;
}

static int take_delay(void *target, const char *value, struct err *err)
{
	struct reading *r = target;

	return keylist_time("delay", value, 1, r->fault ? &r->fault->delay_ns : &r->o->delay_ns,
			    err);
}

static int take_fail(void *target, const char *value, struct err *err)
{
	unsigned kind = BLK_FAULT_READ;
	int rc = keylist_choice("fail", value, kind_names, BLK_FAULT_KINDS, &kind, err);

	((struct reading *)target)->fault->kind = (enum blk_fault_kind)kind;
	return rc;
}

static int needs_fail(const char *name, struct err *err)
{
	return err_set(err, -EINVAL, "has %s before any fail=: write fail=KIND,%s", name, name);
}

static int take_at(void *target, const char *value, struct err *err)
{
	struct reading *r = target;

	if (!r->fault)
		return needs_fail("at=SECTOR", err);
	r->fault->has_at = true;
	return keylist_number("at", value, 0, INT64_MAX / BLK_SECTOR_BYTES, &r->fault->at, err);
}

static int take_every(void *target, const char *value, struct err *err)
{
	struct reading *r = target;

	if (!r->fault)
		return needs_fail("every=N", err);
	return keylist_number("every", value, 1, UINT64_MAX, &r->fault->every, err);
}

static int take_torn(void *target, const char *value, struct err *err)
{
	struct reading *r = target;

	if (value)
		return err_set(err, -EINVAL, "has \"torn=%s\": write torn alone", value);
	if (!r->fault)
		return needs_fail("torn", err);
	r->fault->torn = true;
	return 0;
}

/* Those about the whole disk are the first NR_DISK_KEYS. */
enum { NR_DISK_KEYS = 5 };

static const struct keylist_key keys[] = {
	{ .name = "ro", .take = take_ro, .bare = true },
	{ .name = "direct", .take = take_direct, .bare = true },
	{ .name = "queues", .take = take_queues },
	{ .name = "id", .take = take_id },
	{ .name = "aio", .take = take_aio },
	{ .name = "delay", .take = take_delay },
	{ .name = "fail", .take = take_fail },
	{ .name = "at", .take = take_at },
	{ .name = "every", .take = take_every },
	{ .name = "torn", .take = take_torn, .bare = true },
};

static const struct keylist list = {
	.keys = keys,
	.nkeys = ARRAY_SIZE(keys),
	.form = "FILE[,ro][,direct][,queues=N][,id=TEXT][,aio=auto|threads|io_uring][,delay=TIME]"
		"[,fail=read|write|flush|discard[,at=SECTOR][,every=N][,delay=TIME][,torn]]",
};

/* Where the next group begins: at its comma, or NULL. A backslash belongs to the character behind it. */
static char *next_group(char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (strncmp(text, FAIL_PART, strlen(FAIL_PART)) == 0)
			return text;
	}
	return NULL;
}

static int check_fault(const struct blk_fault *fault, struct err *err)
{
	if (fault->has_at && fault->kind == BLK_FAULT_FLUSH)
		return err_set(err, -EINVAL,
			       "has at= with fail=flush, which has no sector: use every=N");
	if (fault->torn && fault->kind != BLK_FAULT_WRITE)
		return err_set(err, -EINVAL, "has torn with fail=%s: only a write can be torn",
			       kind_names[fault->kind]);
	return 0;
}

/* What is about the whole disk was given in an earlier part, too. */
static int check_once(unsigned before, unsigned given, struct err *err)
{
	for (unsigned i = 0; i < NR_DISK_KEYS; i++)
		if (before & given & 1u << i)
			return err_set(err, -EINVAL, "has %s%s twice: once is enough", keys[i].name,
				       keys[i].bare ? "" : "=");
	return 0;
}

static int parse_fault(struct blk_options *o, const char *text, unsigned *given, struct err *err)
{
	struct reading r = { .o = o };
	int rc;

	if (o->nfaults == BLK_MAX_FAULTS)
		return err_set(err, -EINVAL, "has too many fail=: a disk takes %u", BLK_MAX_FAULTS);
	r.fault = &o->fault[o->nfaults++];
	rc = keylist_parse(&list, &r, NULL, text, given, err);
	return rc ? rc : check_fault(r.fault, err);
}

static int parse_groups(struct blk_options *o, char *text, struct err *err)
{
	struct reading disk = { .o = o };
	char *next = next_group(text);
	unsigned before = 0, given = 0;
	int rc;

	if (next)
		*next++ = '\0';
	rc = keylist_parse(&list, &disk, take_file, text, &before, err);
	while (!rc && next) {
		text = next;
		next = next_group(text);
		if (next)
			*next++ = '\0';
		rc = parse_fault(o, text, &given, err);
		if (!rc)
			rc = check_once(before, given, err);
		before |= given;
	}
	return rc;
}

int blk_options_parse(struct blk_options *o, const char *text, struct err *err)
{
	struct blk_options read = { .queues = 1 };
	char copy[KEYLIST_MAX_BYTES];
	size_t len = strlen(text);
	int rc;

	if (len >= sizeof(copy))
		return err_set(err, -EINVAL, "is too long: %zu characters, at most %zu are read",
			       len, sizeof(copy) - 1);
	memcpy(copy, text, len + 1);
	rc = parse_groups(&read, copy, err);
	if (!rc)
		*o = read;
	return rc;
}

/* ---- options to text ---- */

static void print_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == ',')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_delay(uint64_t delay_ns, FILE *out)
{
	char text[PARSE_TEXT_BYTES];

	if (!delay_ns)
		return;
	parse_print_duration(delay_ns, text);
	fprintf(out, ",delay=%s", text);
}

static void print_fault(const struct blk_fault *fault, FILE *out)
{
	fprintf(out, "%s%s", FAIL_PART, kind_names[fault->kind]);
	if (fault->has_at)
		fprintf(out, ",at=%" PRIu64, fault->at);
	if (fault->every)
		fprintf(out, ",every=%" PRIu64, fault->every);
	print_delay(fault->delay_ns, out);
	if (fault->torn)
		fputs(",torn", out);
}

void blk_options_print(const struct blk_options *o, FILE *out)
{
	print_text(o->path, out);
	fprintf(out, "%s%s", o->ro ? ",ro" : "", o->direct ? ",direct" : "");
	if (o->queues != 1)
		fprintf(out, ",queues=%u", o->queues);
	if (o->id[0])
		fputs(",id=", out);
	print_text(o->id, out);
	if (o->aio != BLK_AIO_AUTO)
		fprintf(out, ",aio=%s", aio_names[o->aio]);
	print_delay(o->delay_ns, out);
	for (unsigned i = 0; i < o->nfaults; i++)
		print_fault(&o->fault[i], out);
}
