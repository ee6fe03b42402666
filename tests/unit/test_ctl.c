/*
 * The control server with clients of every kind: polite, idle, slow, loud, hostile, gone. Whatever one does, the
 * others are served and the loop sleeps when there is nothing to do.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "ctl_fixture.h"
#include "lib/base64.h"

#define STATUS_ROW                                                                                 \
	"\"row\":\"guest\",\"name\":\"fake\",\"pid\":4711,\"state\":\"running\",\"cpus\":3,"       \
	"\"memory_bytes\":268435456,\"uptime_ns\":12000000000}\n"

/* A fresh client is answered: nothing is stuck. */
static void expect_served(struct ctl_fixture *f)
{
	int fd = fixture_connect(f);

	f->guest.paused = false;
	fixture_ask(f, fd, "{\"id\":5,\"do\":\"status\"}");
	fixture_expect(f, fd, "{\"id\":5," STATUS_ROW "{\"id\":5,\"ok\":true}\n");
	close(fd);
	fixture_run(f);
}

/* The loop would sleep. */
static void expect_idle(struct ctl_fixture *f)
{
	struct pollfd fd = { .fd = f->loop.epoll_fd, .events = POLLIN };

	fixture_run(f);
	if (poll(&fd, 1, 0) != 0)
		fail_msg("expected a loop with nothing to do, found events");
}

static unsigned clients(const struct ctl_fixture *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		n += f->ctl.client[i].fd >= 0;
	return n;
}

static void expect_clients(struct ctl_fixture *f, unsigned expected)
{
	fixture_run(f);
	if (clients(f) != expected)
		fail_msg("expected %u clients, found %u", expected, clients(f));
}

/* ---- requests ---- */

static void each_verb_reaches_the_guest(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	for (unsigned verb = CTL_PAUSE; verb <= CTL_STOP; verb++) {
		char line[64];

		snprintf(line, sizeof(line), "{\"do\":\"%s\"}", ctl_verb_name((enum ctl_verb)verb));
		fixture_ask(f, fd, line);
		fixture_expect(f, fd, "{\"ok\":true}\n");
		assert_int_equal(f->guest.done[verb], 1);
	}
	fixture_ask(f, fd, "{\"do\":\"inject\",\"rule\":\"mem-ao,gpa=0x80000000\",\"id\":1}");
	fixture_expect(f, fd,
		       "{\"id\":1,\"row\":\"injected\",\"error\":17}\n{\"id\":1,\"ok\":true}\n");
	assert_string_equal(f->guest.text, "mem-ao,gpa=0x80000000");
	fixture_ask(f, fd, "{\"do\":\"trigger\",\"what\":\"0x40000001,cpu=1\"}");
	fixture_expect(f, fd, "{\"ok\":true}\n");
	assert_string_equal(f->guest.text, "0x40000001,cpu=1");
	fixture_ask(f, fd, "{\"do\":\"debug\",\"cpu\":2}");
	fixture_expect_part(f, fd, "\"value\":\"0xabc\"");
	assert_int_equal(f->guest.cpu, 2);
	fixture_ask(f, fd, "{\"do\":\"send\",\"text\":\"ls\\n\"}");
	fixture_expect(f, fd, "{\"ok\":true}\n");
	assert_int_equal(f->guest.nbytes, 3);
	assert_memory_equal(f->guest.text, "ls\n", 3);
	fixture_ask(f, fd, "{\"do\":\"send\",\"base64\":\"AP8=\"}");
	fixture_expect(f, fd, "{\"ok\":true}\n");
	assert_int_equal(f->guest.nbytes, 2);
	assert_memory_equal(f->guest.text, "\0\xff", 2);
	close(fd);
}

static void a_failure_is_a_sentence_on_one_line(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	f->guest.fails = -EALREADY;
	fixture_ask(f, fd, "{\"id\":9,\"do\":\"pause\"}");
	fixture_expect(f, fd, "{\"id\":9,\"error\":\"the fake guest's \\\"reason\\\"\\n\"}\n");
	f->guest.fails = -EAGAIN;
	fixture_ask(f, fd, "{\"do\":\"send\",\"text\":\"x\"}");
	fixture_expect_part(f, fd, "\"again\":true}");
	f->guest.fails = -EBUSY;
	fixture_ask(f, fd, "{\"do\":\"reset\"}");
	fixture_expect_part(f, fd, "\"again\":true}");
	close(fd);
}

/* What was answered before the failure is not sent. */
static void a_failed_answer_has_no_rows(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	f->guest.rows = 100;
	f->guest.fails = -EIO;
	fixture_ask(f, fd, "{\"id\":1,\"do\":\"stat\"}");
	fixture_expect(f, fd, "{\"id\":1,\"error\":\"the fake guest's \\\"reason\\\"\\n\"}\n");
	close(fd);
}

static void requests_may_come_in_any_pieces(void **state)
{
	static const char two[] =
		"\n \r\n{\"id\":1,\"do\":\"pause\"}\r\n{\"id\":2,\"do\":\"resume\"}\n";
	struct ctl_fixture *f = *state;

	for (size_t cut = 0; cut < sizeof(two); cut++) {
		int fd = fixture_connect(f);

		fixture_write(f, fd, two, cut);
		fixture_write(f, fd, two + cut,
			      sizeof(two) - 1 - (cut < sizeof(two) - 1 ? cut : cut - 1));
		fixture_expect(f, fd, "{\"id\":1,\"ok\":true}\n{\"id\":2,\"ok\":true}\n");
		close(fd);
		expect_clients(f, 0);
	}
}

/* As `echo ... | socat - UNIX-CONNECT:...` does. */
static void a_client_that_only_listens_on_gets_its_answers(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	f->guest.rows = 1000;
	fixture_say(f, fd, "{\"id\":1,\"do\":\"stat\"}\n{\"id\":2,\"do\":\"pause\"}\n");
	shutdown(fd, SHUT_WR);
	fixture_run(f);
	for (char text[CTL_LINE_BYTES]; fixture_read(f, fd, text, sizeof(text));)
		if (strstr(text, "{\"id\":2,\"ok\":true}"))
			break;
	fixture_expect_closed(f, fd);
	assert_int_equal(f->guest.done[CTL_PAUSE], 1);
	expect_clients(f, 0);
	close(fd);
}

/* ---- idle, half, oversized ---- */

static void idle_control_client(void **state)
{
	struct ctl_fixture *f = *state;
	int idle = fixture_connect(f), half = fixture_connect(f);

	fixture_say(f, half, "{\"do\":");
	expect_idle(f);
	expect_served(f);
	expect_idle(f);
	expect_clients(f, 2);
	/* And it can still go on. */
	fixture_say(f, half, "\"pause\"}\n");
	fixture_expect(f, half, "{\"ok\":true}\n");
	close(idle);
	close(half);
	expect_clients(f, 0);
	expect_idle(f);
}

static void oversized_control_message(void **state)
{
	struct ctl_fixture *f = *state;
	char *big = malloc(3 * CTL_LINE_BYTES);
	int fd = fixture_connect(f);

	assert_non_null(big);
	memset(big, ' ', 3 * CTL_LINE_BYTES);
	memcpy(big, "{\"do\":\"pause\"", 13);
	fixture_write(f, fd, big, 3 * CTL_LINE_BYTES);
	fixture_expect(
		f, fd,
		"{\"error\":\"a line is longer than 4096 bytes; the connection is closed\"}\n");
	fixture_expect_closed(f, fd);
	close(fd);
	assert_int_equal(f->guest.done[CTL_PAUSE], 0);
	expect_clients(f, 0);
	/* The longest that is allowed. */
	fd = fixture_connect(f);
	big[CTL_LINE_BYTES - 2] = '}';
	big[CTL_LINE_BYTES - 1] = '\n';
	fixture_write(f, fd, big, CTL_LINE_BYTES);
	fixture_expect(f, fd, "{\"ok\":true}\n");
	close(fd);
	free(big);
	expect_served(f);
}

/* ---- many ---- */

static void the_ninth_client_is_told_why(void **state)
{
	struct ctl_fixture *f = *state;
	int fd[CTL_MAX_CLIENTS], ninth;

	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		fd[i] = fixture_connect(f);
	ninth = fixture_connect(f);
	fixture_expect_part(f, ninth, "{\"error\":\"8 clients are connected");
	fixture_expect_closed(f, ninth);
	close(ninth);
	expect_idle(f);
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++) {
		fixture_ask(f, fd[i], "{\"do\":\"pause\"}");
		fixture_expect(f, fd[i], "{\"ok\":true}\n");
	}
	for (unsigned i = 0; i < CTL_MAX_CLIENTS; i++)
		close(fd[i]);
	expect_served(f);
}

static void open_to_all(struct ctl_fixture *f)
{
	assert_int_equal(chmod(f->base, 0711), 0);
	assert_int_equal(fchmod(f->place.dir.fd, 0711), 0);
	assert_int_equal(fchmodat(f->place.dir.fd, "fake.sock", 0777, 0), 0);
}

static void clients_of_another_user_are_refused(void **state)
{
	struct ctl_fixture *f = *state;
	int fd;

	f->ctl.uid = geteuid() + 1;
	/* Root may always: be somebody else for a moment, who can reach the socket. */
	if (geteuid() == 0) {
		open_to_all(f);
		assert_int_equal(seteuid(65534), 0);
	}
	fd = ctl_dir_connect(&f->place.dir, "fake");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_true(fd >= 0);
	fixture_ask(f, fd, "{\"do\":\"stop\"}");
	fixture_expect_part(f, fd, "{\"error\":\"only the user who started the guest");
	fixture_expect_closed(f, fd);
	assert_int_equal(f->guest.done[CTL_STOP], 0);
	close(fd);
	f->ctl.uid = geteuid();
	expect_served(f);
}

/* ---- events ---- */

static void tell_state(struct ctl_fixture *f, const char *kind)
{
	struct ctl_line line;

	ctl_event(&line, kind);
	ctl_tell(&f->ctl, CTL_EVENT_STATE, &line);
}

static void subscribers_are_told_what_they_asked_for(void **state)
{
	struct ctl_fixture *f = *state;
	int a = fixture_connect(f), b = fixture_connect(f);
	static const uint8_t bytes[] = { 'h', 'i', 0, 0xff };

	fixture_ask(f, a, "{\"do\":\"subscribe\",\"events\":\"state,console\"}");
	fixture_ask(f, b, "{\"do\":\"subscribe\",\"events\":\"trace\"}");
	assert_int_equal(f->guest.listening, CTL_EVENT_STATE | CTL_EVENT_CONSOLE | CTL_EVENT_TRACE);
	fixture_expect(f, a, "{\"ok\":true}\n");
	fixture_expect(f, b, "{\"ok\":true}\n");
	tell_state(f, "reset");
	ctl_tell_bytes(&f->ctl, CTL_EVENT_CONSOLE, bytes, sizeof(bytes));
	ctl_tell_bytes(&f->ctl, CTL_EVENT_INPUT, bytes, sizeof(bytes));
	fixture_expect(f, a,
		       "{\"event\":\"reset\"}\n{\"event\":\"console\",\"base64\":\"aGkA/w==\"}\n");
	fixture_expect(f, b, "");
	/* What one does, others learn. */
	fixture_ask(f, b, "{\"do\":\"pause\"}");
	fixture_expect(f, a, "{\"event\":\"paused\"}\n");
	fixture_ask(f, a, "{\"do\":\"subscribe\",\"events\":\"\"}");
	fixture_expect(f, a, "{\"ok\":true}\n");
	assert_int_equal(f->guest.listening, CTL_EVENT_TRACE);
	close(b);
	fixture_run(f);
	assert_int_equal(f->guest.listening, 0);
	close(a);
}

/* More than fits one line comes in several, and nothing is lost. */
static void any_amount_of_output_arrives(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);
	uint8_t bytes[5000], got[5000];
	char text[4 * CTL_LINE_BYTES];
	size_t n = 0;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31);
	fixture_ask(f, fd, "{\"do\":\"subscribe\",\"events\":\"console\"}");
	fixture_expect(f, fd, "{\"ok\":true}\n");
	ctl_tell_bytes(&f->ctl, CTL_EVENT_CONSOLE, bytes, sizeof(bytes));
	fixture_read(f, fd, text, sizeof(text));
	for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n")) {
		char *begin = strstr(at, "\"base64\":\"");

		assert_true(strlen(at) < CTL_LINE_BYTES);
		assert_non_null(begin);
		begin += 10;
		n += (size_t)base64_decode(got + n, begin, strcspn(begin, "\""));
	}
	assert_int_equal(n, sizeof(bytes));
	assert_memory_equal(got, bytes, n);
	close(fd);
}

/* Reads nothing while events go on: dropped, with a last word; the others are told all. */
static void slow_control_client(void **state)
{
	struct ctl_fixture *f = *state;
	int slow = fixture_connect(f), quick = fixture_connect(f);
	char text[4 * CTL_LINE_BYTES], *all = calloc(1, 1 << 21);
	unsigned told = 0, heard = 0;
	size_t n = 0;

	assert_non_null(all);
	fixture_ask(f, slow, "{\"do\":\"subscribe\",\"events\":\"state\"}");
	fixture_ask(f, quick, "{\"do\":\"subscribe\",\"events\":\"state\"}");
	fixture_expect(f, quick, "{\"ok\":true}\n");
	while (clients(f) == 2 && told < 100000) {
		tell_state(f, "reset");
		told++;
		if (told % 100)
			continue;
		fixture_read(f, quick, text, sizeof(text));
		for (char *at = text; (at = strstr(at, "reset")); at++)
			heard++;
	}
	fixture_read(f, quick, text, sizeof(text));
	for (char *at = text; (at = strstr(at, "reset")); at++)
		heard++;
	expect_clients(f, 1);
	assert_int_equal(heard, told);
	/* What the slow one was told until then is whole lines, but for what the kernel had no room for. */
	for (ssize_t got = 1; got > 0 && n<(1 << 21) - 1; n += got> 0 ? (size_t)got : 0)
		got = recv(slow, all + n, (1 << 21) - 1 - n, MSG_DONTWAIT);
	assert_memory_equal(all, "{\"ok\":true}\n{\"event\":\"reset\"}\n", 30);
	free(all);
	close(slow);
	close(quick);
	expect_served(f);
}

/* An answer that is larger than any buffer comes whole, at the client's pace, and events behind it. */
static void a_large_answer_waits_for_its_reader(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);
	unsigned rows = 0, lines = 0;
	char *all = calloc(1, 4 << 20);
	size_t n = 0;

	assert_non_null(all);
	f->guest.rows = 30000;
	fixture_ask(f, fd, "{\"do\":\"subscribe\",\"events\":\"state\"}");
	fixture_ask(f, fd, "{\"id\":1,\"do\":\"stat\"}");
	fixture_ask(f, fd, "{\"id\":2,\"do\":\"pause\"}");
	assert_int_equal(f->guest.done[CTL_PAUSE], 0); /* not before the answer was taken */
	tell_state(f, "reset");
	expect_idle(f);
	expect_served(f);
	do
		fixture_read(f, fd, all + n, (4 << 20) - n);
	while (strlen(all) > n && (n = strlen(all)));
	for (char *at = all; *at; at = strchr(at, '\n') + 1) {
		assert_non_null(strchr(at, '\n'));
		assert_true(*at == '{' && strchr(at, '\n')[-1] == '}');
		rows += strncmp(at, "{\"id\":1,\"row\"", 13) == 0;
		lines++;
	}
	assert_int_equal(rows, 30000);
	/* ok of subscribe, ok of stat, ok of pause, and the events "reset" and "paused". */
	assert_int_equal(lines, 30000 + 5);
	free(all);
	close(fd);
}

static void a_client_dropped_by_what_it_caused_does_no_harm(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	fixture_ask(f, fd, "{\"do\":\"subscribe\",\"events\":\"trace\"}");
	f->guest.tell_in_verb = &f->ctl;
	fixture_say(f, fd, "{\"do\":\"trigger\",\"what\":\"1\"}\n{\"do\":\"pause\"}\n");
	expect_clients(f, 0);
	assert_int_equal(f->guest.done[CTL_TRIGGER], 1);
	f->guest.tell_in_verb = NULL;
	close(fd);
	expect_served(f);
}

/* ---- going away ---- */

static void clients_may_leave_at_any_point(void **state)
{
	static const char talk[] =
		"{\"do\":\"subscribe\",\"events\":\"state\"}\n{\"id\":1,\"do\":\"stat\"}\n"
		"{\"id\":2,\"do\":\"pause\"}\n";
	struct ctl_fixture *f = *state;

	f->guest.rows = 5000;
	for (size_t n = 0; n < sizeof(talk); n++) {
		int fd = fixture_connect(f);

		fixture_write(f, fd, talk, n);
		if (n % 2)
			shutdown(fd, SHUT_RD);
		tell_state(f, "reset");
		close(fd);
		expect_clients(f, 0);
		expect_idle(f);
	}
	expect_served(f);
}

/* One that leaves at once is still obeyed: `rasvm stop` need not wait. */
static void requests_before_a_hang_up_are_done(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = ctl_dir_connect(&f->place.dir, "fake");

	assert_true(fd >= 0);
	assert_int_equal(send(fd, "{\"do\":\"stop\"}\n", 14, 0), 14);
	close(fd);
	expect_clients(f, 0);
	assert_int_equal(f->guest.done[CTL_STOP], 1);
}

static void the_last_words_are_sent_when_the_guest_ends(void **state)
{
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);
	char text[200];
	ssize_t n;

	fixture_ask(f, fd, "{\"do\":\"subscribe\",\"events\":\"state\"}");
	fixture_expect(f, fd, "{\"ok\":true}\n");
	tell_state(f, "ended");
	fixture_stop(f);
	n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "{\"event\":\"ended\"}\n");
	assert_int_equal(recv(fd, text, sizeof(text), 0), 0);
	close(fd);
}

/* ---- hostile bytes ---- */

static void hostile_bytes_get_errors_and_nothing_else(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {
		{ "\0\n", 2 },
		{ "\xff\xfe\n", 3 },
		{ "{\"do\":\"\\u0000\"}\n", 16 },
		{ "[]\n", 3 },
		{ "{}\n", 3 },
		{ "{\"do\":\"pause\"\n", 14 },
		{ "{\"do\":\"pause\"}}\n", 16 },
		{ "{\"do\":17}\n", 10 },
		{ "{\"id\":-1,\"do\":\"pause\"}\n", 23 },
		{ "{\"id\":\"x\",\"do\":\"pause\"}\n", 24 },
		{ "GET / HTTP/1.1\n", 15 },
	};
	struct ctl_fixture *f = *state;
	int fd = fixture_connect(f);

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		fixture_write(f, fd, rows[i].bytes, rows[i].n);
		fixture_expect_part(f, fd, "{\"error\":\"");
	}
	for (unsigned verb = 0; verb < CTL_NR_VERBS; verb++)
		assert_int_equal(f->guest.done[verb], 0);
	close(fd);
}

static void random_bytes_do_no_harm(void **state)
{
	struct ctl_fixture *f = *state;
	unsigned char bytes[700];

	srand(7);
	for (unsigned round = 0; round < 200; round++) {
		int fd = fixture_connect(f);

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] =
				rand() % 5
					? (unsigned char)"{}[]\":,\\\n\"do\"pause\"id\"1u0"[rand() %
											    25]
					: (unsigned char)rand();
		fixture_write(f, fd, bytes, sizeof(bytes));
		close(fd);
	}
	expect_clients(f, 0);
	expect_served(f);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_open, fixture_close)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(each_verb_reaches_the_guest),
		WITH_SERVER(a_failure_is_a_sentence_on_one_line),
		WITH_SERVER(a_failed_answer_has_no_rows),
		WITH_SERVER(requests_may_come_in_any_pieces),
		WITH_SERVER(a_client_that_only_listens_on_gets_its_answers),
		WITH_SERVER(idle_control_client),
		WITH_SERVER(oversized_control_message),
		WITH_SERVER(the_ninth_client_is_told_why),
		WITH_SERVER(clients_of_another_user_are_refused),
		WITH_SERVER(subscribers_are_told_what_they_asked_for),
		WITH_SERVER(any_amount_of_output_arrives),
		WITH_SERVER(slow_control_client),
		WITH_SERVER(a_large_answer_waits_for_its_reader),
		WITH_SERVER(a_client_dropped_by_what_it_caused_does_no_harm),
		WITH_SERVER(clients_may_leave_at_any_point),
		WITH_SERVER(requests_before_a_hang_up_are_done),
		WITH_SERVER(the_last_words_are_sent_when_the_guest_ends),
		WITH_SERVER(hostile_bytes_get_errors_and_nothing_else),
		WITH_SERVER(random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
