/* `rasvm decode`: what it prints, where, and its exit status, for good and for hostile input. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/status.h"
#include "cli/command.h"
#include "lib/types.h"
#include "ras/cper.h"

/* A directory for the files of a test, and what the command wrote. */
struct run {
	char dir[32];
	char path[64];
	char out[1 << 16], err[1 << 12];
	int status;
};

static int setup(void **state)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return -1;
	strcpy(r->dir, "/tmp/test_decode.XXXXXX");
	if (!mkdtemp(r->dir))
		return -1;
	snprintf(r->path, sizeof(r->path), "%s/record", r->dir);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct run *r = *state;

	unlink(r->path);
	rmdir(r->dir);
	free(r);
	return 0;
}

static void write_file(const struct run *r, const void *data, size_t n)
{
	FILE *out = fopen(r->path, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(data, 1, n, out), n);
	assert_int_equal(fclose(out), 0);
}

/* Send `fd` into a file that is gone when it is closed; returns the old one. */
static int redirect(int fd, FILE *to)
{
	int old = dup(fd);

	assert_true(old >= 0);
	assert_true(dup2(fileno(to), fd) == fd);
	return old;
}

static void restore(int fd, int old, FILE *from, char *text, size_t size)
{
	size_t n;

	fflush(fd == 1 ? stdout : stderr);
	assert_true(dup2(old, fd) == fd);
	close(old);
	rewind(from);
	n = fread(text, 1, size - 1, from);
	text[n] = '\0';
	fclose(from);
}

static void decode(struct run *r, const char *a, const char *b, const char *c)
{
	const char *argv[] = { a, b, c, NULL };
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 0, old_out, old_err;

	assert_true(out && err);
	while (argv[argc])
		argc++;
	fflush(stdout);
	old_out = redirect(1, out);
	old_err = redirect(2, err);
	r->status = command_decode(argc, (char **)(uintptr_t)argv);
	restore(1, old_out, out, r->out, sizeof(r->out));
	restore(2, old_err, err, r->err, sizeof(r->err));
}

static void check(const struct run *r, int status, const char *out, const char *err)
{
	if (r->status != status)
		fail_msg("expected status %d, found %d: %s", status, r->status, r->err);
	if (out ? !strstr(r->out, out) : r->out[0] != '\0')
		fail_msg("expected on stdout: %s; found: %s", out ? out : "nothing", r->out);
	if (err ? !strstr(r->err, err) : r->err[0] != '\0')
		fail_msg("expected on stderr: %s; found: %s", err ? err : "nothing", r->err);
}

static size_t record(uint8_t block[CPER_BLOCK_BYTES])
{
	struct cper_writer w;
	int rc;

	cper_begin(&w, block, CPER_BLOCK_BYTES, CPER_RECOVERABLE, NULL);
	cper_add_memory(&w, &(struct cper_memory){ .address = 0x80123000, .type = 3 });
	rc = cper_end(&w);
	assert_true(rc > 0);
	return (size_t)rc;
}

static void a_syndrome_is_explained(void **state)
{
	struct run *r = *state;

	decode(r, "esr", "0xbe000411", NULL);
	check(r, 0, "unrecoverable (UEU)", NULL);
	decode(r, "esr", "3187672081", NULL);
	check(r, 0, "ESR 0x00000000be000411", NULL);
	decode(r, "esr", "0x411", NULL);
	check(r, 0, "read as that of an SError", NULL);
}

static void a_value_that_is_no_number_is_refused(void **state)
{
	static const char *const bad[] = { "",         "-1",          "0x",
					   "be000411", "0xbe000411 ", "0x1ffffffffffffffff",
					   "\033[31m" };
	struct run *r = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		decode(r, "esr", bad[i], NULL);
		check(r, STATUS_USAGE, NULL, "rasvm decode: \"");
		assert_null(strchr(r->err, '\033'));
	}
}

static void a_record_is_explained(void **state)
{
	uint8_t block[CPER_BLOCK_BYTES];
	struct run *r = *state;

	write_file(r, block, record(block));
	decode(r, "cper", r->path, NULL);
	check(r, 0, "physical address: 0x0000000080123000", NULL);
	assert_non_null(strstr(r->out, "multi-bit ECC"));
}

static void standard_input_is_a_file_too(void **state)
{
	uint8_t block[CPER_BLOCK_BYTES];
	struct run *r = *state;
	int old = dup(0), in;

	write_file(r, block, record(block));
	in = open(r->path, O_RDONLY);
	assert_true(in >= 0 && dup2(in, 0) == 0);
	decode(r, "cper", "-", NULL);
	dup2(old, 0);
	close(old);
	close(in);
	check(r, 0, "physical address: 0x0000000080123000", NULL);
}

/* As a region of boot errors, and as a block in memory with zeroes behind the record. */
static void records_may_follow_one_another(void **state)
{
	uint8_t block[2 * CPER_BLOCK_BYTES] = { 0 };
	struct run *r = *state;
	size_t n = record(block);

	write_file(r, block, sizeof(block));
	decode(r, "cper", r->path, NULL);
	check(r, 0, "physical address", NULL);
	assert_null(strstr(r->out, "at offset 172:"));
	record(block + n);
	write_file(r, block, sizeof(block));
	decode(r, "cper", r->path, NULL);
	check(r, 0, "at offset 172: generic error status block", NULL);
}

static void what_is_left_of_an_older_record_is_told(void **state)
{
	uint8_t block[CPER_BLOCK_BYTES] = { 0 };
	struct run *r = *state;
	size_t n = record(block);

	block[n + 3] = 7;
	write_file(r, block, n + 10);
	decode(r, "cper", r->path, NULL);
	check(r, 0, "at offset 172: 10 more bytes, no record: offset 0:", NULL);
}

static void a_bad_record_is_shown_and_refused(void **state)
{
	uint8_t block[CPER_BLOCK_BYTES];
	struct run *r = *state;
	size_t n = record(block);

	write_file(r, block, n - 1);
	decode(r, "cper", r->path, NULL);
	check(r, STATUS_USAGE, "physical address", "is not a valid record: offset 12:");
	assert_non_null(strstr(r->err, r->path));
}

static void other_files_are_named(void **state)
{
	static const struct {
		const char *data;
		const char *says;
	} cases[] = {
		{ "", "is empty" },
		{ "CPER-and-more-of-it-that-nobody-reads", "is a UEFI record" },
		{ "BERT0000000000000000000000000000", "tables/data/BERT" },
		{ "x", "is not a valid record: offset 0: 1 bytes are there" },
	};
	struct run *r = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file(r, cases[i].data, strlen(cases[i].data));
		decode(r, "cper", r->path, NULL);
		if (r->status != STATUS_USAGE || !strstr(r->err, cases[i].says))
			fail_msg("\"%s\": expected %d and \"%s\", found %d and \"%s\"",
				 cases[i].data, STATUS_USAGE, cases[i].says, r->status, r->err);
	}
}

static void files_that_cannot_be_read_are_refused(void **state)
{
	struct run *r = *state;

	decode(r, "cper", "/nowhere/\033at all", NULL);
	check(r, STATUS_USAGE, NULL, "cannot be opened: No such file");
	assert_null(strchr(r->err, '\033'));
	decode(r, "cper", r->dir, NULL);
	check(r, STATUS_USAGE, NULL, "cannot be read: Is a directory");
	decode(r, "cper", "/dev/zero", NULL);
	check(r, STATUS_USAGE, NULL, "has more than 1 MiB");
	decode(r, "cper", "/dev/null", NULL);
	check(r, STATUS_USAGE, NULL, "is empty");
}

static void noise_never_gets_through_as_a_record(void **state)
{
	struct run *r = *state;
	uint8_t noise[600];

	srand(1);
	for (unsigned i = 0; i < 50; i++) {
		for (unsigned k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)rand();
		write_file(r, noise, sizeof(noise));
		decode(r, "cper", r->path, NULL);
		check(r, STATUS_USAGE, "not a valid record", "is not a valid record");
		for (const char *p = r->out; *p; p++)
			if ((*p < ' ' || *p > '~') && *p != '\n')
				fail_msg("a control character, 0x%02x, in the text", *p & 0xff);
	}
}

static void wrong_arguments_are_refused(void **state)
{
	struct run *r = *state;

	decode(r, NULL, NULL, NULL);
	check(r, STATUS_USAGE, NULL, "takes esr VALUE, or cper FILE");
	decode(r, "est", "1", NULL);
	check(r, STATUS_USAGE, NULL, "\"est\" cannot be decoded: use esr or cper");
	decode(r, "esr", NULL, NULL);
	check(r, STATUS_USAGE, NULL, "\"esr\" takes one argument");
	decode(r, "cper", "a", "b");
	check(r, STATUS_USAGE, NULL, "\"cper\" takes one argument");
	decode(r, "--help", NULL, NULL);
	check(r, 0, "Usage: rasvm decode esr VALUE | cper FILE", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_syndrome_is_explained, setup, teardown),
		cmocka_unit_test_setup_teardown(a_value_that_is_no_number_is_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_record_is_explained, setup, teardown),
		cmocka_unit_test_setup_teardown(standard_input_is_a_file_too, setup, teardown),
		cmocka_unit_test_setup_teardown(records_may_follow_one_another, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_left_of_an_older_record_is_told, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_bad_record_is_shown_and_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(other_files_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_cannot_be_read_are_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(noise_never_gets_through_as_a_record, setup,
						teardown),
		cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
