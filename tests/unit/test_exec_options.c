/* The options of `rasvm exec`, and the initramfs that is made of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/exec_initrd.h"
#include "cli/exec_options.h"
#include "lib/clock.h"
#include "lib/types.h"

static const struct host_facts host = { .online_cpus = 2, .ram_bytes = MIB(4096) };

/* Arguments, up to a NULL. */
static int parse(struct exec_options *o, const char *const *argv, struct err *err)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	exec_options_init(o);
	err->text[0] = '\0';
	return exec_options_parse(o, argc, argv, err);
}

static void accept(struct exec_options *o, const char *const *argv)
{
	struct err err;
	int r = parse(o, argv, &err);

	if (r == 0)
		r = exec_options_finish(o, &host, "/home/a dir", &err);
	if (r)
		fail_msg("expected to be accepted, found %d: %s", r, err.text);
}

static void refuse(const char *const *argv, const char *word)
{
	struct exec_options o;
	struct err err;
	int r = parse(&o, argv, &err);

	if (r == 0)
		r = exec_options_finish(&o, &host, "/", &err);
	if (r >= 0 || !strstr(err.text, word))
		fail_msg("expected an error with \"%s\", found %d: %s", word, r, err.text);
	exec_options_free(&o);
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void what_follows_the_dashes_is_the_command(void **state)
{
	struct exec_options o;

	(void)state;
	accept(&o,
	       ARGS("-k", "Image", "--rw", "--timeout", "9s", "--", "prog", "--rw", "--", "-k"));
	assert_string_equal(o.run.config.kernel, "Image");
	assert_int_equal(o.run.config.timeout_ns, 9 * NS_PER_SEC);
	assert_true(o.rw);
	assert_int_equal(o.ncommand, 4);
	assert_string_equal(o.command[0], "prog");
	assert_string_equal(o.command[3], "-k");
	exec_options_free(&o);
}

static void defaults_end_a_guest_that_fails(void **state)
{
	const struct run_config *c;
	struct exec_options o;

	(void)state;
	accept(&o, ARGS("Image", "-p", "quirk=1", "--", "true"));
	c = &o.run.config;
	assert_string_equal(c->kernel, "Image");
	assert_string_equal(c->params, "console=ttyS0 quiet panic=-1 rdinit=/init quirk=1");
	assert_int_equal(c->on_reset, ON_RESET_EXIT);
	assert_int_equal(c->on_panic, ON_PANIC_EXIT);
	assert_int_equal(c->console, CONSOLE_NONE);
	assert_int_equal(c->cpus, 2);
	assert_string_equal(o.root, "/");
	assert_false(o.rw);
	exec_options_free(&o);
}

static void two_directories_are_shared(void **state)
{
	struct exec_options o;

	(void)state;
	accept(&o,
	       ARGS("-k", "Image", "--root", "/srv/root", "--rw", "--9p", "/x,x", "--", "true"));
	assert_int_equal(o.run.config.nshares, 3);
	assert_string_equal(o.run.config.share[1].dir, "/srv/root");
	assert_string_equal(o.run.config.share[1].tag, "rasvm.root");
	assert_true(o.run.config.share[1].ro);
	assert_string_equal(o.run.config.share[2].dir, "/home/a dir");
	assert_string_equal(o.run.config.share[2].tag, "rasvm.cwd");
	assert_false(o.run.config.share[2].ro);
	exec_options_free(&o);
	accept(&o, ARGS("-k", "Image", "--", "true"));
	assert_true(o.run.config.share[1].ro);
	exec_options_free(&o);
}

static void help_needs_no_command(void **state)
{
	struct exec_options o;
	struct err err;

	(void)state;
	assert_int_equal(parse(&o, ARGS("--help"), &err), 0);
	assert_true(o.run.help);
	exec_options_free(&o);
}

static void what_makes_no_sense_is_refused(void **state)
{
	(void)state;
	refuse(ARGS("-k", "Image", "--rw", "--", "true"), "--rw: the current directory is /");
	refuse(ARGS("-k", "Image"), "no command");
	refuse(ARGS("-k", "Image", "--"), "no command");
	refuse(ARGS("-k", "Image", "true", "--", "true"), "one kernel too many");
	refuse(ARGS("-k", "Image", "--initrd", "x", "--", "true"), "--initrd");
	refuse(ARGS("-k", "Image", "--flat", "--", "true"), "--flat");
	refuse(ARGS("-k", "Image", "--script", "x", "--", "true"), "--script");
	refuse(ARGS("-k", "Image", "--console", "serial", "--", "true"), "--verbose");
	refuse(ARGS("-k", "Image", "--env", "=x", "--", "true"), "has no name");
	refuse(ARGS("-k", "Image", "--rootx", "x", "--", "true"), "--rootx");
}

static void shares_have_an_end(void **state)
{
	const char *argv[2 * CONFIG_MAX_SHARES + 4] = { "Image" };
	char text[CONFIG_MAX_SHARES][16];
	int n = 1;

	(void)state;
	for (unsigned i = 0; i < CONFIG_MAX_SHARES - 1; i++) {
		snprintf(text[i], sizeof(text[i]), "/,t%u", i);
		argv[n++] = "--9p";
		argv[n++] = text[i];
	}
	argv[n++] = "--";
	argv[n++] = "true";
	argv[n] = NULL;
	refuse(argv, "one too many");
}

/* ---- what init reads ---- */

/* The record's strings, "|" between them. */
static void expect_record(const struct exec_options *o, const struct modules *m,
			  const char *expected)
{
	char text[1024];
	FILE *f = fmemopen(text, sizeof(text), "w");
	long n;

	assert_non_null(f);
	exec_record_write(f, o, "/home/a dir", m);
	n = ftell(f);
	fclose(f);
	for (long i = 0; i < n; i++)
		if (text[i] == '\0')
			text[i] = '|';
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void clear_environment(void)
{
	clearenv();
	setenv("PATH", "/bin", 1);
	setenv("TAKEN", "a=b c", 1);
	setenv("HIDDEN", "x", 1);
}

static void the_record_has_all_that_was_asked_for(void **state)
{
	static char first[] = "net/9p/9pnet.ko.xz", second[] = "9p.ko";
	const struct modules m = { .n = 2, .path = { first, second } };
	struct exec_options o;

	(void)state;
	clear_environment();
	accept(&o, ARGS("-k", "Image", "--rw", "--env", "TAKEN", "--env", "ABSENT", "--env",
			"HOME=/h", "--", "sh", "-c", "", "x y"));
	expect_record(
		&o, &m,
		"M/rasvm/modules/9pnet.ko.xz|M/rasvm/modules/9p.ko|C/home/a dir|Wrw|EPATH=/bin|EHOME=/|"
		"ETERM=dumb|EPWD=/home/a dir|ETAKEN=a=b c|EHOME=/h|Ash|A-c|A|Ax y|");
	exec_options_free(&o);
}

static void the_archive_holds_init_and_its_record(void **state)
{
	static const char *const words[] = { "init", "rasvm/command", "dev/console", "program",
					     "Atrue" };
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct exec_options o;
	struct err err = { "" };
	char bytes[8192] = "";
	ssize_t n;

	(void)state;
	clear_environment();
	accept(&o, ARGS("-k", "Image", "--", "true"));
	assert_int_equal(exec_initrd_write(fd, &o, "/", "program", 7, &err), 0);
	n = pread(fd, bytes, sizeof(bytes), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (!memmem(bytes, (size_t)n, words[i], strlen(words[i])))
			fail_msg("expected \"%s\" in the archive", words[i]);
	close(fd);
	exec_options_free(&o);
}

static void modules_that_are_not_there_are_an_error(void **state)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct exec_options o;
	struct err err = { "" };

	(void)state;
	accept(&o, ARGS("-k", "Image", "--modules", "/dev", "--", "true"));
	assert_int_equal(exec_initrd_write(fd, &o, "/", "program", 7, &err), -ENOENT);
	assert_non_null(strstr(err.text, "--modules"));
	close(fd);
	exec_options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_the_dashes_is_the_command),
		cmocka_unit_test(defaults_end_a_guest_that_fails),
		cmocka_unit_test(two_directories_are_shared),
		cmocka_unit_test(help_needs_no_command),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(shares_have_an_end),
		cmocka_unit_test(the_record_has_all_that_was_asked_for),
		cmocka_unit_test(the_archive_holds_init_and_its_record),
		cmocka_unit_test(modules_that_are_not_there_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
