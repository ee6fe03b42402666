/* Guarded copies: real SIGBUS signals, from a file that was cut behind its mapping, through a handler
 * as arm64/sigbus.c has one. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/guard.h"
#include "lib/types.h"

#define PAGE      4096u
#define UNGUARDED 42 /* exit status of a child whose fault nobody caught */

static _Atomic unsigned caught;
static _Atomic bool report_page; /* the handler knows only the page, as the host may */
static _Atomic uintptr_t claim;  /* not 0: what the handler takes for the address */
static _Atomic uintptr_t last;   /* not 0: it may be any from `claim` to this one */

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;

	(void)sig;
	(void)context;
	caught++;
	if (claim)
		at = claim;
	if (last)
		guard_catch_within(at, last);
	else
		guard_catch(report_page ? align_down(at, PAGE) : at);
	_exit(UNGUARDED);
}

/* Two pages of which the second has lost its memory. */
static uint8_t *half_good(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint8_t *at;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	memset(at, 0x5a, 2 * PAGE);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	close(fd);
	return at;
}

/* In the test itself: cmocka has handlers of its own, which it sets after a setup function. */
static uint8_t *begin(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	caught = 0;
	report_page = false;
	assert_int_equal(sigaction(SIGBUS, &action, NULL), 0);
	return half_good();
}

static void end(uint8_t *at)
{
	signal(SIGBUS, SIG_DFL);
	munmap(at, 2 * PAGE);
}

static void good_memory_is_copied(void **state)
{
	uint8_t *at = begin(), from[PAGE], to[PAGE];

	(void)state;
	for (unsigned i = 0; i < sizeof(from); i++)
		from[i] = (uint8_t)(i * 7);
	assert_int_equal(guard_copy(at, from, sizeof(from)), 0);
	assert_int_equal(guard_copy(to, at, sizeof(to)), 0);
	assert_memory_equal(from, to, sizeof(to));
	assert_int_equal(caught, 0);
	end(at);
}

static void nothing_is_touched_for_no_bytes(void **state)
{
	uint8_t *at = begin(), byte = 1;

	(void)state;
	assert_int_equal(guard_copy(&byte, at + PAGE, 0), 0);
	assert_int_equal(guard_copy(at + PAGE, &byte, 0), 0);
	assert_int_equal(caught, 0);
	assert_int_equal(byte, 1);
	end(at);
}

static void lost_memory_is_an_error(void **state)
{
	uint8_t *at = begin(), buffer[PAGE] = { 0 };

	(void)state;
	assert_int_equal(guard_copy(buffer, at + PAGE, 1), -EHWPOISON);
	assert_int_equal(guard_copy(at + PAGE, buffer, 1), -EHWPOISON);
	assert_int_equal(guard_copy(buffer, at + 2 * PAGE - 1, 1), -EHWPOISON);
	assert_int_equal(guard_copy(buffer, at + PAGE - 8, 16), -EHWPOISON);
	assert_int_equal(guard_copy(at + PAGE - 8, buffer, 16), -EHWPOISON);
	assert_int_equal(caught, 5);
	end(at);
}

static void only_the_page_may_be_known(void **state)
{
	uint8_t *at = begin(), byte = 0;

	(void)state;
	report_page = true;
	assert_int_equal(guard_copy(&byte, at + PAGE + 0x800, 1), -EHWPOISON);
	assert_int_equal(guard_copy(at + 2 * PAGE - 1, &byte, 1), -EHWPOISON);
	assert_int_equal(caught, 2);
	end(at);
}

/* A page of 2 MiB that begins far before the access. */
static void only_the_beginning_of_a_huge_page_may_be_known(void **state)
{
	uint8_t *at = begin(), byte = 0;

	(void)state;
	claim = (uintptr_t)at + PAGE - MIB(1);
	last = claim + MIB(2) - 1;
	assert_int_equal(guard_copy(&byte, at + PAGE, 1), -EHWPOISON);
	claim = last = 0;
	assert_int_equal(caught, 1);
	end(at);
}

static void the_signal_is_not_left_blocked(void **state)
{
	uint8_t *at = begin(), byte = 0;
	sigset_t now;

	(void)state;
	for (unsigned i = 1; i <= 100; i++) {
		assert_int_equal(guard_copy(&byte, at + PAGE, 1), -EHWPOISON);
		assert_int_equal(caught, i);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	assert_int_equal(sigismember(&now, SIGBUS), 0);
	assert_int_equal(guard_copy(&byte, at, 1), 0);
	end(at);
}

static void nobody_is_caught_outside_an_access(void **state)
{
	uint8_t *at = begin(), byte = 0;

	(void)state;
	assert_false(guard_catch((uintptr_t)at));
	assert_int_equal(guard_copy(&byte, at, 1), 0);
	assert_false(guard_catch((uintptr_t)at));
	assert_int_equal(guard_copy(&byte, at + PAGE, 1), -EHWPOISON);
	assert_false(guard_catch((uintptr_t)at + PAGE));
	end(at);
}

/* The next two: how a child ends that touches lost memory. */
static void unguarded_access_is_not_caught(void **state)
{
	uint8_t *at = begin();
	pid_t child = fork();
	int status = 0;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		(void)((volatile uint8_t *)at)[PAGE];
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), UNGUARDED);
	end(at);
}

static void another_address_is_not_the_guards(void **state)
{
	uint8_t *at = begin(), byte = 0;
	pid_t child = fork();
	int status = 0;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		claim = (uintptr_t)at + MIB(1);
		_exit(guard_copy(&byte, at + PAGE, 1) ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), UNGUARDED);
	end(at);
}

/* ---- threads: each has its own guard ---- */

#define ROUNDS 2000

static void *copy_often(void *lost)
{
	uint8_t *at = lost, byte = 0;
	uintptr_t wrong = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		wrong += guard_copy(&byte, at + PAGE, 1) != -EHWPOISON;
		wrong += guard_copy(&byte, at, 1) != 0;
	}
	return (void *)wrong;
}

static void threads_do_not_disturb_each_other(void **state)
{
	uint8_t *at = begin();
	pthread_t thread[4];
	void *wrong;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, copy_often, at), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(thread); i++) {
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(caught, ROUNDS * ARRAY_SIZE(thread));
	end(at);
}

/* ---- words: another thread sees all of one or nothing ---- */

struct words {
	uint64_t *word;
	size_t bytes;
	_Atomic bool stop;
};

static void *flip(void *data)
{
	struct words *words = data;
	uintptr_t wrong = 0;

	for (uint64_t value = 0; !words->stop; value = ~value)
		wrong += guard_copy(words->word, &value, words->bytes) != 0;
	return (void *)wrong;
}

static void words_are_moved_at_once(void **state)
{
	uint8_t *at = begin();

	(void)state;
	for (size_t bytes = 2; bytes <= 8; bytes *= 2) {
		struct words words = { .word = (uint64_t *)(void *)at, .bytes = bytes };
		uint64_t found = 0, before = 0, whole = UINT64_MAX >> (64 - 8 * bytes);
		unsigned changes = 0;
		pthread_t thread;
		void *wrong;

		*words.word = 0;
		assert_int_equal(pthread_create(&thread, NULL, flip, &words), 0);
		/* Until the two have met often, which takes long on a single CPU. */
		for (unsigned i = 0; i < 20000000 && changes < 20000; i++) {
			if (guard_copy(&found, words.word, bytes) || (found && found != whole))
				fail_msg("expected 0 or %llx, found %llx",
					 (unsigned long long)whole, (unsigned long long)found);
			changes += found != before;
			before = found;
		}
		assert_true(changes > 0);
		words.stop = true;
		assert_int_equal(pthread_join(thread, &wrong), 0);
		assert_null(wrong);
	}
	end(at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_memory_is_copied),
		cmocka_unit_test(nothing_is_touched_for_no_bytes),
		cmocka_unit_test(lost_memory_is_an_error),
		cmocka_unit_test(only_the_page_may_be_known),
		cmocka_unit_test(only_the_beginning_of_a_huge_page_may_be_known),
		cmocka_unit_test(the_signal_is_not_left_blocked),
		cmocka_unit_test(nobody_is_caught_outside_an_access),
		cmocka_unit_test(unguarded_access_is_not_caught),
		cmocka_unit_test(another_address_is_not_the_guards),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(words_are_moved_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
