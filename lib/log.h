/*
 * Messages to the operator, on stderr, one line each, prefixed "rasvm: ". Any thread.
 * The threshold is a property of the process, like the stderr it filters; it is set once, before
 * the first thread starts.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Limits messages a guest can trigger: `burst` messages, then one each `interval_ns`. Zero-initialise
 * all other fields. Not thread-safe: one per owner. */
struct log_limit {
	uint64_t interval_ns;
	unsigned burst;
	unsigned used;
	uint64_t last_ns;
	uint64_t dropped; /* since the last message that was let through */
};

/* True if a message may be printed at `now_ns`. */
bool log_allow(struct log_limit *limit, uint64_t now_ns);

#endif
