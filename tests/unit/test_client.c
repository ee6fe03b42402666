/*
 * The commands for running guests against a server in another process: what they print, what they exit with, and
 * that none waits for ever.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>

#include "arm64/status.h"
#include "cli/client.h"
#include "cli/command.h"
#include "ctl_fixture.h"

/* What the other process plays. */
enum guest_kind {
	GUEST_PLAIN,
	GUEST_POWERS_OFF, /* at its power button */
	GUEST_ECHOES,     /* its input on the serial port, and ends at "bye" */
	GUEST_BUSY,       /* ... at its power button, pressed again: before, it starts anew */
	GUEST_CLEANS_UP,  /* ... for a while, after its connections have closed */
	GUEST_LINGERS,    /* over, until it is asked to stop for the second time */
};

struct scene {
	char base[32];
	pid_t server;
	struct ctl_fixture *shared; /* the server's, for what can be seen of it from here */
	char out[16384], errors[4096];
};

static void end_server(struct ctl_fixture *f, enum guest_kind kind)
{
	struct ctl_line line;

	ctl_event(&line, "ended");
	json_number(&line.w, "status", 0);
	ctl_tell(&f->ctl, CTL_EVENT_STATE, &line);
	if (kind == GUEST_CLEANS_UP) {
		ctl_close(&f->ctl);
		usleep(300000);
	}
	fixture_stop(f);
	_exit(0);
}

static bool is_over(const struct ctl_fixture *f, enum guest_kind kind)
{
	switch (kind) {
	case GUEST_POWERS_OFF:
	case GUEST_CLEANS_UP:
		return f->guest.stopped || f->guest.done[CTL_POWERDOWN];
	case GUEST_BUSY:
		return f->guest.done[CTL_POWERDOWN] == 2;
	case GUEST_LINGERS:
		return f->guest.done[CTL_STOP] == 2;
	default:
		return f->guest.stopped;
	}
}

static void echo(struct ctl_fixture *f, enum guest_kind kind)
{
	if (f->guest.done[CTL_SEND] == 0)
		return;
	f->guest.done[CTL_SEND] = 0;
	ctl_tell_bytes(&f->ctl, CTL_EVENT_CONSOLE, (const uint8_t *)f->guest.text, f->guest.nbytes);
	if (memmem(f->guest.text, f->guest.nbytes, "bye", 3))
		end_server(f, kind);
}

static void serve(struct ctl_fixture *f, enum guest_kind kind, const char *name)
{
	struct err err;
	char go = 'x';

	alarm(60);
	f->env = ctl_env_now();
	f->guest.rows = 3;
	f->guest.ctl = &f->ctl;
	if (loop_init(&f->loop, &err) || ctl_place_take(&f->place, &f->env, name, &err) ||
	    ctl_open(&f->ctl, f->place.listen_fd, &f->loop, &fake_ops, &f->guest, &err))
		_exit(1);
	if (write(3, &go, 1) != 1)
		_exit(1);
	for (;;) {
		if (loop_once(&f->loop, -1))
			_exit(1);
		if (kind == GUEST_BUSY && f->guest.done[CTL_STATUS] &&
		    !f->guest.done[CTL_POWERDOWN])
			f->guest.fails = -EBUSY;
		if (is_over(f, kind))
			end_server(f, kind);
		if (kind == GUEST_ECHOES)
			echo(f, kind);
	}
}

static void forget_shared(struct scene *s)
{
	if (s->shared)
		munmap(s->shared, sizeof(*s->shared));
	s->shared = NULL;
}

/* Start a guest and wait until it listens. */
static void start(struct scene *s, enum guest_kind kind, const char *name)
{
	int ready[2];
	char go;

	assert_int_equal(pipe(ready), 0);
	forget_shared(s);
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(s->shared, MAP_FAILED);
	s->server = fork();
	assert_true(s->server >= 0);
	if (s->server == 0) {
		dup2(ready[1], 3);
		serve(s->shared, kind, name);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &go, 1), 1);
	close(ready[0]);
}

static int scene_open(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->base, sizeof(s->base), "/tmp/rasvm-test-XXXXXX");
	assert_non_null(mkdtemp(s->base));
	setenv("XDG_RUNTIME_DIR", s->base, 1);
	setenv("HOME", s->base, 1);
	*state = s;
	return 0;
}

static void end_guest(struct scene *s)
{
	if (s->server <= 0)
		return;
	kill(s->server, SIGKILL);
	waitpid(s->server, NULL, 0);
	s->server = 0;
}

static int scene_close(void **state)
{
	struct scene *s = *state;

	end_guest(s);
	forget_shared(s);
	fixture_remove(s->base);
	free(s);
	return 0;
}

static void slurp(int fd, char *text, size_t size)
{
	ssize_t n = pread(fd, text, size - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* Run a command as the shell would: its exit status; s->out and s->errors. */
static int run(struct scene *s, int (*command)(int, char **), const char *input,
	       const char *const *words)
{
	int out = memfd_create("out", 0), errors = memfd_create("errors", 0);
	int in = memfd_create("in", 0), status, argc = 0;
	char *argv[8] = { NULL };
	pid_t child;

	assert_true(out >= 0 && errors >= 0 && in >= 0);
	assert_int_equal(pwrite(in, input, strlen(input), 0), strlen(input));
	for (; words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(60);
		dup2(in, 0);
		dup2(out, 1);
		dup2(errors, 2);
		status = command(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	close(in);
	slurp(out, s->out, sizeof(s->out));
	slurp(errors, s->errors, sizeof(s->errors));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_WORDS   ((const char *const[]){ NULL })

static void expect(struct scene *s, int status, int expected, const char *out, const char *errors)
{
	if (status != expected || !strstr(s->out, out) || !strstr(s->errors, errors))
		fail_msg("expected %d, '%s' and '%s', found %d, '%s' and '%s'", expected, out,
			 errors, status, s->out, s->errors);
}

/* ---- list ---- */

static void list_shows_guests_that_run(void **state)
{
	struct scene *s = *state;

	expect(s, run(s, command_list, "", NO_WORDS), 0, "", "");
	assert_string_equal(s->out, "");
	start(s, GUEST_PLAIN, "one");
	expect(s, run(s, command_list, "", NO_WORDS), 0, "NAME", "");
	expect(s, run(s, command_list, "", NO_WORDS), 0,
	       "one                  running       4711     3     256M        12s\n", "");
	expect(s, run(s, command_list, "", WORDS("--json")), 0,
	       "{\"row\":\"guest\",\"name\":\"fake\"", "");
}

/* Which is not the same as one that does not answer. */
static void list_shows_a_guest_that_has_no_room_for_it(void **state)
{
	struct scene *s = *state;
	struct client client[CTL_MAX_CLIENTS];
	struct err err = { "" };

	start(s, GUEST_PLAIN, "one");
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		if (client_open(&client[i], "one", &err) ||
		    client_do(&client[i], CTL_STATUS, NULL, NULL, NULL, NULL, &err))
			fail_msg("client %u: %s", i, err.text);
	expect(s, run(s, command_list, "", NO_WORDS), 0, "one                  refused ", "");
	client_close(&client[0]);
	/* An answer after that proves that the guest has seen it go. */
	if (client_do(&client[1], CTL_STATUS, NULL, NULL, NULL, NULL, &err))
		fail_msg("%s", err.text);
	expect(s, run(s, command_list, "", NO_WORDS), 0, "one                  running ", "");
	for (unsigned i = 1; i < CTL_MAX_CLIENTS; i++)
		client_close(&client[i]);
}

static void list_removes_what_a_killed_guest_left(void **state)
{
	struct scene *s = *state;
	char path[64];

	start(s, GUEST_PLAIN, "one");
	end_guest(s);
	snprintf(path, sizeof(path), "%s/rasvm/one.sock", s->base);
	assert_int_equal(access(path, F_OK), 0);
	expect(s, run(s, command_list, "", NO_WORDS), 0, "", "");
	assert_string_equal(s->out, "");
	assert_int_equal(access(path, F_OK), -1);
}

/* A guest in a service, say, that has other surroundings than the shell. */
static void a_guest_in_the_home_is_found(void **state)
{
	struct scene *s = *state;

	unsetenv("XDG_RUNTIME_DIR");
	start(s, GUEST_PLAIN, "one");
	setenv("XDG_RUNTIME_DIR", s->base, 1);
	expect(s, run(s, command_list, "", NO_WORDS), 0, "one  ", "");
	expect(s, run(s, command_pause, "", WORDS("one")), 0, "", "");
}

static void list_without_a_home_is_no_crash(void **state)
{
	struct scene *s = *state;

	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("HOME");
	int status = run(s, command_list, "", NO_WORDS);

	if (status != 0 && (status != 1 || !strstr(s->errors, "set HOME")))
		fail_msg("expected 0, or 1 and what to set, found %d and '%s'", status, s->errors);
}

/* ---- simple commands ---- */

static void a_guest_that_is_not_there_is_said_to_be(void **state)
{
	struct scene *s = *state;

	expect(s, run(s, command_pause, "", WORDS("one")), 1, "",
	       "rasvm pause: no guest called \"one\" runs; `rasvm list` shows those that do\n");
	start(s, GUEST_PLAIN, "one");
	end_guest(s);
	expect(s, run(s, command_stat, "", WORDS("one")), 1, "", "was killed");
	expect(s, run(s, command_stat, "", WORDS("one")), 1, "", "no guest called");
	expect(s, run(s, command_pause, "", WORDS("../x")), 2, "", "letters");
}

static void wrong_arguments_are_refused(void **state)
{
	struct scene *s = *state;

	expect(s, run(s, command_pause, "", NO_WORDS), 2, "", "takes the name of a guest");
	expect(s, run(s, command_pause, "", WORDS("a", "b")), 2, "", "takes the name of a guest");
	expect(s, run(s, command_inject, "", WORDS("a")), 2, "", "and a rule");
	expect(s, run(s, command_list, "", WORDS("a")), 2, "", "takes no arguments");
	expect(s, run(s, command_stop, "", WORDS("--frce", "a")), 2, "", "--force");
	expect(s, run(s, command_sdei, "", WORDS("a", "fire", "x")), 2, "", "trigger EVENT");
	expect(s, run(s, command_events, "", WORDS("a", "all")), 2, "", "no such events");
	expect(s, run(s, command_stat, "", WORDS("--json", "--prometheus", "a")), 2, "",
	       "one of them");
	expect(s, run(s, command_stop, "", WORDS("--help")), 0, "--timeout", "");
}

static void simple_commands_reach_the_guest(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_PLAIN, "one");
	expect(s, run(s, command_pause, "", WORDS("--name", "one")), 0, "", "");
	expect(s, run(s, command_list, "", NO_WORDS), 0, "paused", "");
	expect(s, run(s, command_resume, "", WORDS("-n", "one")), 0, "", "");
	expect(s, run(s, command_reset, "", WORDS("one")), 0, "", "");
	expect(s, run(s, command_inject, "", WORDS("one", "ce")), 0, "", "");
	expect(s, run(s, command_inject, "", WORDS("-n", "one", "ce")), 0, "", "");
	expect(s, run(s, command_sdei, "", WORDS("one", "trigger", "0")), 0, "", "");
	expect(s, run(s, command_sdei, "", WORDS("one")), 0, "event event=0x40000001\n", "");
}

static void what_guests_answer_is_shown(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_PLAIN, "one");
	expect(s, run(s, command_stat, "", WORDS("one")), 0,
	       "exit cpu=0 reason=hypercall count=0\nexit cpu=1 reason=mmio count=1\n", "");
	expect(s, run(s, command_stat, "", WORDS("one", "--json")), 0,
	       "{\"row\":\"exit\",\"cpu\":1,\"reason\":\"mmio\",\"count\":1}\n", "");
	expect(s, run(s, command_stat, "", WORDS("one", "--prometheus")), 0,
	       "# TYPE rasvm_exits_total counter\n"
	       "rasvm_exits_total{guest=\"one\",cpu=\"0\",reason=\"hypercall\"} 0\n"
	       "rasvm_exits_total{guest=\"one\",cpu=\"1\",reason=\"mmio\"} 1\n"
	       "rasvm_exits_total{guest=\"one\",cpu=\"0\",reason=\"mmio\"} 2\n",
	       "");
	expect(s, run(s, command_debug, "", WORDS("one")), 0,
	       "  x0        0000000000000abc\n  #0  0xffff800010080000\n", "");
	expect(s, run(s, command_debug, "", WORDS("--cpu=0", "one", "--json")), 0,
	       "\"name\":\"x0\"", "");
	expect(s, run(s, command_debug, "", WORDS("--cpu=x", "one")), 2, "", "is not a number");
}

/* ---- stop ---- */

static void stop_presses_the_power_button(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_POWERS_OFF, "one");
	expect(s, run(s, command_stop, "", WORDS("one")), 0, "", "");
	expect(s, run(s, command_stop, "", WORDS("one")), 1, "", "no guest called");
}

static void stop_waits_until_the_name_is_free(void **state)
{
	struct scene *s = *state;
	struct ctl_env env = ctl_env_now();
	struct ctl_place place;
	struct err err = { "" };

	start(s, GUEST_CLEANS_UP, "one");
	expect(s, run(s, command_stop, "", WORDS("one")), 0, "", "");
	if (ctl_place_take(&place, &env, "one", &err))
		fail_msg("expected a name to start again with, found: %s", err.text);
	ctl_place_leave(&place);
}

static void stop_without_force_leaves_a_guest_that_ignores_it(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_PLAIN, "one");
	expect(s, run(s, command_stop, "", WORDS("--timeout", "50ms", "one")), 1, "",
	       "has not powered off within 50ms of its power button; --force ends it");
	expect(s, run(s, command_list, "", NO_WORDS), 0, "running", "");
	expect(s, run(s, command_stop, "", WORDS("--timeout", "50ms", "--force", "one")), 0, "",
	       "");
	expect(s, run(s, command_list, "", NO_WORDS), 0, "", "");
	assert_string_equal(s->out, "");
}

static void a_paused_guest_is_stopped_by_force_only(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_PLAIN, "one");
	expect(s, run(s, command_pause, "", WORDS("one")), 0, "", "");
	expect(s, run(s, command_stop, "", WORDS("one")), 1, "", "is paused");
	expect(s, run(s, command_stop, "", WORDS("--force", "one")), 0, "", "");
}

static void a_button_that_cannot_be_pressed_now_is_pressed_again(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_BUSY, "one");
	expect(s, run(s, command_stop, "", WORDS("one")), 0, "", "");
}

static void force_asks_again_a_run_that_lingers(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_LINGERS, "one");
	expect(s, run(s, command_stop, "", WORDS("--timeout=0", "--force", "one")), 0, "", "");
}

/* ---- events and console ---- */

/* Until a client wants to be told of something, or for long. */
static void wait_for_a_listener(const struct scene *s)
{
	for (int i = 0;
	     i < 10000 && !__atomic_load_n(&s->shared->guest.listening, __ATOMIC_RELAXED); i++)
		usleep(1000);
}

static void events_are_followed_to_the_end(void **state)
{
	struct scene *s = *state;
	pid_t stopper;

	start(s, GUEST_PLAIN, "one");
	stopper = fork();
	assert_true(stopper >= 0);
	if (stopper == 0) {
		wait_for_a_listener(s);
		_exit(command_stop(3, (char *[]){ (char[]){ "--force" }, (char[]){ "--timeout=0" },
						  (char[]){ "one" } }));
	}
	expect(s, run(s, command_events, "", WORDS("one", "state")), 0,
	       "{\"event\":\"ended\",\"status\":0}\n", "");
	waitpid(stopper, NULL, 0);
}

static void the_console_goes_both_ways(void **state)
{
	struct scene *s = *state;

	start(s, GUEST_ECHOES, "one");
	expect(s, run(s, command_console, "hello\001d\nbye", WORDS("one")), 0, "hello\001d\nbye",
	       "");
}

/* A terminal of two ends: who sits at it, and what is run there. */
static void open_terminal(int *master, int *slave)
{
	*master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0);
	*slave = open(ptsname(*master), O_RDWR | O_NOCTTY);
	assert_true(*slave >= 0);
}

/* `rasvm console one` at the terminal, with its output to `out`. From its first words on the terminal is raw. */
static pid_t attach(int master, int slave, int out)
{
	char attached[64];
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		alarm(60);
		signal(SIGPIPE, SIG_DFL);
		dup2(slave, 0);
		dup2(out, 1);
		dup2(slave, 2);
		_exit(command_console(1, (char *[]){ (char[]){ "one" } }));
	}
	assert_true(read(master, attached, sizeof(attached)) > 0);
	return child;
}

/* Its rasvm is stopped, say: no request is answered. */
static void a_console_is_detached_from_a_guest_that_does_not_answer(void **state)
{
	struct scene *s = *state;
	int master, slave, status;
	pid_t child;

	open_terminal(&master, &slave);
	start(s, GUEST_PLAIN, "one");
	assert_int_equal(kill(s->server, SIGSTOP), 0);
	child = attach(master, slave, slave);
	assert_int_equal(write(master, "x\001d", 3), 3);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(master);
	close(slave);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("expected exit status 0, found wait status %#x", (unsigned)status);
}

/* `rasvm console NAME | head -1` at a terminal. */
static void a_reader_that_leaves_gets_its_terminal_back(void **state)
{
	struct scene *s = *state;
	int master, slave, out[2], status;
	struct termios t;
	pid_t child;

	open_terminal(&master, &slave);
	start(s, GUEST_ECHOES, "one");
	assert_int_equal(pipe(out), 0);
	close(out[0]); /* nobody reads */
	child = attach(master, slave, out[1]);
	close(out[1]);
	assert_int_equal(tcgetattr(slave, &t), 0);
	assert_false(t.c_lflag & ICANON);
	assert_int_equal(write(master, "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(tcgetattr(slave, &t), 0);
	close(master);
	close(slave);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGPIPE)
		fail_msg("expected the end by SIGPIPE, found wait status %#x", (unsigned)status);
	if (!(t.c_lflag & ICANON))
		fail_msg("the terminal is still raw");
}

static void a_killed_guest_ends_its_console_with_an_error(void **state)
{
	struct scene *s = *state;
	pid_t server, killer;

	start(s, GUEST_PLAIN, "one");
	server = s->server;
	killer = fork();
	assert_true(killer >= 0);
	if (killer == 0) {
		wait_for_a_listener(s);
		_exit(kill(server, SIGKILL) != 0);
	}
	expect(s, run(s, command_console, "", WORDS("one")), 1, "", "closed the connection");
	waitpid(killer, NULL, 0);
}

int main(void)
{
#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)
	const struct CMUnitTest tests[] = {
		IN_SCENE(list_shows_guests_that_run),
		IN_SCENE(list_shows_a_guest_that_has_no_room_for_it),
		IN_SCENE(list_removes_what_a_killed_guest_left),
		IN_SCENE(a_guest_in_the_home_is_found),
		IN_SCENE(list_without_a_home_is_no_crash),
		IN_SCENE(a_guest_that_is_not_there_is_said_to_be),
		IN_SCENE(wrong_arguments_are_refused),
		IN_SCENE(simple_commands_reach_the_guest),
		IN_SCENE(what_guests_answer_is_shown),
		IN_SCENE(stop_presses_the_power_button),
		IN_SCENE(stop_waits_until_the_name_is_free),
		IN_SCENE(stop_without_force_leaves_a_guest_that_ignores_it),
		IN_SCENE(a_paused_guest_is_stopped_by_force_only),
		IN_SCENE(a_button_that_cannot_be_pressed_now_is_pressed_again),
		IN_SCENE(force_asks_again_a_run_that_lingers),
		IN_SCENE(events_are_followed_to_the_end),
		IN_SCENE(the_console_goes_both_ways),
		IN_SCENE(a_console_is_detached_from_a_guest_that_does_not_answer),
		IN_SCENE(a_reader_that_leaves_gets_its_terminal_back),
		IN_SCENE(a_killed_guest_ends_its_console_with_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
