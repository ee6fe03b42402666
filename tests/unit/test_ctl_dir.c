/* Where control sockets are: every way the environment can be wrong, names, long paths, killed guests. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "arm64/ctl_dir.h"
#include "lib/types.h"

struct world {
	char base[32];
	char runtime[64], home[64], passwd[64];
	struct ctl_env env;
};

static int world_open(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	FILE *out;

	assert_non_null(w);
	snprintf(w->base, sizeof(w->base), "/tmp/rasvm-test-XXXXXX");
	assert_non_null(mkdtemp(w->base));
	snprintf(w->runtime, sizeof(w->runtime), "%s/runtime", w->base);
	snprintf(w->home, sizeof(w->home), "%s/a home", w->base);
	snprintf(w->passwd, sizeof(w->passwd), "%s/passwd", w->base);
	assert_int_equal(mkdir(w->runtime, 0700), 0);
	assert_int_equal(mkdir(w->home, 0755), 0);
	out = fopen(w->passwd, "w");
	assert_non_null(out);
	fprintf(out, "broken\nother:x:%u:0::/nonexistent:/bin/sh\nme:x:%u:0:a comment:%s:/bin/sh\n",
		(unsigned)geteuid() + 1, (unsigned)geteuid(), w->home);
	fclose(out);
	w->env = (struct ctl_env){ w->runtime, w->home, w->passwd, geteuid() };
	*state = w;
	return 0;
}

static int world_close(void **state)
{
	struct world *w = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", w->base);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

/* A guest called "one" can be there, in `expected` below the base, and is found. */
static void expect_place(struct world *w, const char *expected)
{
	struct ctl_place place;
	struct err err = { "" };
	char path[CTL_PATH_BYTES + 64];
	struct stat st;
	int fd;

	if (ctl_place_take(&place, &w->env, "one", &err))
		fail_msg("expected a place in %s, found: %s", expected, err.text);
	snprintf(path, sizeof(path), "%s/%s", w->base, expected);
	assert_string_equal(place.dir.path, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	fd = ctl_dir_connect(&place.dir, "one");
	assert_true(fd >= 0);
	close(fd);
	ctl_place_leave(&place);
	/* Nothing stays behind. */
	snprintf(path, sizeof(path), "%s/%s/one.sock", w->base, expected);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "%s/%s/one.lock", w->base, expected);
	assert_int_equal(access(path, F_OK), -1);
}

static void expect_refused(struct world *w, const char *name, int expected, const char *part)
{
	struct ctl_place place;
	struct err err = { "" };
	int r = ctl_place_take(&place, &w->env, name, &err);

	ctl_place_leave(&place);
	if (r != expected || !strstr(err.text, part))
		fail_msg("expected %d and '%s', found %d and '%s'", expected, part, r, err.text);
}

/* ---- the environment ---- */

static void the_runtime_directory_comes_first(void **state)
{
	expect_place(*state, "runtime/rasvm");
}

static void without_a_runtime_directory_it_is_the_home(void **state)
{
	static const char *const values[] = { NULL, "", "runtime", "./runtime", "/nonexistent/x" };
	struct world *w = *state;

	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		w->env.runtime_dir = values[i];
		expect_place(w, "a home/.rasvm/run");
	}
	w->env.runtime_dir = w->passwd; /* a file */
	expect_place(w, "a home/.rasvm/run");
}

static void home_unset(void **state)
{
	static const char *const values[] = { NULL, "", "home", "~" };
	struct world *w = *state;

	w->env.runtime_dir = NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		w->env.home = values[i];
		expect_place(w, "a home/.rasvm/run");
	}
	w->env.passwd = "/nonexistent/passwd";
	expect_refused(w, "one", -ENXIO, "set HOME or XDG_RUNTIME_DIR");
	w->env.passwd = "/dev/null";
	expect_refused(w, "one", -ENXIO, "set HOME or XDG_RUNTIME_DIR");
	/* Which the runtime directory makes needless. */
	w->env.runtime_dir = w->runtime;
	expect_place(w, "runtime/rasvm");
}

static void a_home_that_is_not_there_is_an_error(void **state)
{
	struct world *w = *state;

	w->env.runtime_dir = NULL;
	w->env.home = "/nonexistent/home";
	expect_refused(w, "one", -ENOENT, "/nonexistent/home");
}

static void a_runtime_directory_of_others_is_not_used(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(w->runtime, 0777), 0);
	expect_place(w, "a home/.rasvm/run");
	assert_int_equal(chmod(w->runtime, 0755), 0); /* they cannot change it */
	expect_place(w, "runtime/rasvm");
	w->env.uid = geteuid() + 1; /* as if it were another user's */
	expect_refused(w, "one", -EPERM, "belongs to user");
}

static void our_directory_has_to_be_private(void **state)
{
	struct world *w = *state;
	char path[128];

	w->env.runtime_dir = NULL;
	snprintf(path, sizeof(path), "%s/.rasvm", w->home);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0750), 0);
	expect_refused(w, "one", -EPERM, "chmod 700");
	assert_int_equal(chmod(path, 0700), 0);
	expect_place(w, "a home/.rasvm/run");
}

static void a_symbolic_link_is_not_followed(void **state)
{
	struct world *w = *state;
	char path[128];

	w->env.home = NULL;
	w->env.passwd = "/dev/null";
	snprintf(path, sizeof(path), "%s/rasvm", w->runtime);
	assert_int_equal(symlink(w->home, path), 0);
	expect_refused(w, "one", -ENXIO, "");
}

/* sun_path has 108 bytes; a directory may have thousands. */
static void a_path_of_any_length_works(void **state)
{
	struct world *w = *state;
	char deep[CTL_PATH_BYTES], expected[CTL_PATH_BYTES];
	size_t n = (size_t)snprintf(deep, sizeof(deep), "%s", w->base);

	for (unsigned i = 0; i < 12; i++) {
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "/a directory with spaces %u", i);
		assert_int_equal(mkdir(deep, 0700), 0);
		w->env.runtime_dir = deep;
		snprintf(expected, sizeof(expected), "%s/rasvm", deep + strlen(w->base) + 1);
		expect_place(w, expected);
	}
	assert_true(n > 108 + 64);
	memset(deep, 'x', sizeof(deep) - 1);
	deep[0] = '/';
	deep[sizeof(deep) - 1] = '\0';
	expect_place(w, "a home/.rasvm/run");
	w->env.home = deep;
	expect_refused(w, "one", -ENAMETOOLONG, "/xxx");
}

/* ---- names ---- */

static void names_are_checked(void **state)
{
	static const char *const good[] = { "a", "A-1", "vm_2.x", "_" };
	static const char *const bad[] = { "",    "..",       ".x",  "a/b",  "a b", "-n",
					   "a\n", "\xc3\xa9", "a\"", "../x", "a;b" };
	char longest[CTL_NAME_BYTES + 1];
	struct err err;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(ctl_name_check(good[i], &err), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (ctl_name_check(bad[i], &err) != -EINVAL)
			fail_msg("\"%s\": expected -EINVAL", bad[i]);
	memset(longest, 'n', sizeof(longest));
	longest[CTL_NAME_BYTES] = '\0';
	assert_int_equal(ctl_name_check(longest, &err), -EINVAL);
	longest[CTL_NAME_BYTES - 1] = '\0';
	assert_int_equal(ctl_name_check(longest, &err), 0);
	expect_refused(*state, "../x", -EINVAL, "begins with");
}

static void a_name_in_use_is_refused(void **state)
{
	struct world *w = *state;
	struct ctl_place place;
	struct err err;
	char pid[32];
	int fd;

	assert_int_equal(ctl_place_take(&place, &w->env, "one", &err), 0);
	snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	expect_refused(w, "one", -EADDRINUSE, pid);
	/* Whoever was refused has not taken anything away. */
	fd = ctl_dir_connect(&place.dir, "one");
	assert_true(fd >= 0);
	close(fd);
	assert_false(ctl_dir_clean(&place.dir, "one"));
	ctl_place_leave(&place);
}

static void a_name_in_use_in_the_other_directory_is_refused(void **state)
{
	struct world *w = *state;
	struct ctl_place place;
	struct err err;

	w->env.runtime_dir = NULL;
	assert_int_equal(ctl_place_take(&place, &w->env, "one", &err), 0);
	w->env.runtime_dir = w->runtime;
	expect_refused(w, "one", -EADDRINUSE, "runs already");
	ctl_place_leave(&place);
	expect_place(w, "runtime/rasvm");
}

/* ---- guests that were killed ---- */

static void kill_a_guest(struct world *w)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		struct ctl_place place;
		struct err err;

		if (ctl_place_take(&place, &w->env, "one", &err) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void a_stale_socket_does_not_hinder_the_next_guest(void **state)
{
	kill_a_guest(*state);
	expect_place(*state, "runtime/rasvm");
}

static void a_stale_socket_is_removed_by_who_finds_it(void **state)
{
	struct world *w = *state;
	struct ctl_dir dir;
	struct err err;

	kill_a_guest(w);
	assert_int_equal(ctl_dir_open(&dir, &w->env, CTL_DIR_RUNTIME, false, &err), 0);
	assert_int_equal(ctl_dir_connect(&dir, "one"), -ECONNREFUSED);
	assert_true(ctl_dir_clean(&dir, "one"));
	assert_int_equal(ctl_dir_connect(&dir, "one"), -ENOENT);
	assert_int_equal(faccessat(dir.fd, "one.lock", F_OK, 0), -1);
	ctl_dir_close(&dir);
}

/* Many at once, over and over: each time exactly one gets the name. */
static void take_and_say(struct world *w, int go, int result)
{
	struct ctl_place place;
	struct err err;
	char taken, byte;

	if (read(go, &byte, 1) < 0)
		_exit(1);
	taken = ctl_place_take(&place, &w->env, "one", &err) == 0 ? 'y' : 'n';
	if (write(result, &taken, 1) != 1)
		_exit(1);
	pause();
	_exit(0);
}

static void of_many_that_want_a_name_one_gets_it(void **state)
{
	enum { RIVALS = 6, ROUNDS = 10 };
	struct world *w = *state;

	for (unsigned round = 0; round < ROUNDS; round++) {
		int go[2], result[2];
		pid_t child[RIVALS];
		unsigned winners = 0;
		char byte;

		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(result), 0);
		for (unsigned i = 0; i < RIVALS; i++) {
			child[i] = fork();
			assert_true(child[i] >= 0);
			if (child[i] == 0) {
				close(go[1]);
				take_and_say(w, go[0], result[1]);
			}
		}
		close(go[1]); /* all at once */
		for (unsigned i = 0; i < RIVALS; i++) {
			assert_int_equal(read(result[0], &byte, 1), 1);
			winners += byte == 'y';
		}
		/* The next round finds what these leave. */
		for (unsigned i = 0; i < RIVALS; i++) {
			kill(child[i], SIGKILL);
			waitpid(child[i], NULL, 0);
		}
		close(go[0]);
		close(result[0]);
		close(result[1]);
		assert_int_equal(winners, 1);
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(the_runtime_directory_comes_first),
		IN_WORLD(without_a_runtime_directory_it_is_the_home),
		IN_WORLD(home_unset),
		IN_WORLD(a_home_that_is_not_there_is_an_error),
		IN_WORLD(a_runtime_directory_of_others_is_not_used),
		IN_WORLD(our_directory_has_to_be_private),
		IN_WORLD(a_symbolic_link_is_not_followed),
		IN_WORLD(a_path_of_any_length_works),
		IN_WORLD(names_are_checked),
		IN_WORLD(a_name_in_use_is_refused),
		IN_WORLD(a_name_in_use_in_the_other_directory_is_refused),
		IN_WORLD(a_stale_socket_does_not_hinder_the_next_guest),
		IN_WORLD(a_stale_socket_is_removed_by_who_finds_it),
		IN_WORLD(of_many_that_want_a_name_one_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
