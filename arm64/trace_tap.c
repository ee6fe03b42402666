/* See trace_tap.h. Lines lie in the ring one after another, each with its newline. */
#include "arm64/trace_tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/log.h"

int trace_tap_open(struct trace_tap *tap, struct err *err)
{
	pthread_mutex_init(&tap->lock, NULL);
	tap->head = tap->used = 0;
	tap->lost = 0;
	tap->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (tap->event_fd < 0)
		return err_set(err, -errno, "eventfd: %s", strerror(errno));
	return 0;
}

void trace_tap_close(struct trace_tap *tap)
{
	if (tap->event_fd < 0)
		return;
	close(tap->event_fd);
	tap->event_fd = -1;
	pthread_mutex_destroy(&tap->lock);
}

void trace_tap_want(struct trace_tap *tap, bool on)
{
	if (on)
		atomic_fetch_add(&tap->wanted, 1);
	else
		atomic_fetch_sub(&tap->wanted, 1);
}

/* Lock held; there is room. */
static void append(struct trace_tap *tap, const char *bytes, size_t n)
{
	size_t tail = (tap->head + tap->used) % sizeof(tap->ring);
	size_t first = sizeof(tap->ring) - tail < n ? sizeof(tap->ring) - tail : n;

	memcpy(tap->ring + tail, bytes, first);
	memcpy(tap->ring, bytes + first, n - first);
	tap->used += n;
}

void trace_tap_wake(struct trace_tap *tap)
{
	uint64_t one = 1;

	if (write(tap->event_fd, &one, sizeof(one)) < 0)
		log_error("cannot wake the main thread: %s", strerror(errno));
}

void trace_tap_put(struct trace_tap *tap, const char *line, size_t n)
{
	bool wake;

	if (!n || n > TRACE_LINE_BYTES)
		return;
	pthread_mutex_lock(&tap->lock);
	wake = !tap->used;
	if (n > sizeof(tap->ring) - tap->used)
		tap->lost++;
	else
		append(tap, line, n);
	pthread_mutex_unlock(&tap->lock);
	if (wake)
		trace_tap_wake(tap);
}

/* Lock held; there is a line. */
static size_t take(struct trace_tap *tap, char *line)
{
	size_t n = 0;
	char c;

	do {
		c = tap->ring[tap->head];
		tap->head = (tap->head + 1) % sizeof(tap->ring);
		tap->used--;
		line[n++] = c;
	} while (c != '\n' && tap->used && n < TRACE_LINE_BYTES);
	line[n - 1] = '\0';
	return n - 1;
}

/* The lost ones came after all that are there. */
size_t trace_tap_take(struct trace_tap *tap, char *line)
{
	size_t n = 0;

	pthread_mutex_lock(&tap->lock);
	if (tap->used) {
		n = take(tap, line);
	} else if (tap->lost) {
		n = (size_t)snprintf(line, TRACE_LINE_BYTES,
				     "{\"event\":\"lost\",\"lines\":%" PRIu64 "}", tap->lost);
		tap->lost = 0;
	}
	pthread_mutex_unlock(&tap->lock);
	return n;
}
