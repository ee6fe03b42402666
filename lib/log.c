/* See log.h. A line is formatted first and written by one write(2), so that lines of several
 * threads never mix. */
#include "lib/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static enum log_level threshold = LOG_LEVEL_WARN;

void log_set_level(enum log_level level)
{
	threshold = level;
}

__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level, const char *fmt,
							   va_list ap)
{
	static const char *const tag[] = { "", "warning: ", "", "debug: " };
	char line[1024];
	int n, m;

	if (level > threshold)
		return;
	n = snprintf(line, sizeof(line), "rasvm: %s", tag[level]);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	if (m < 0)
		return;
	n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* there is nobody left to tell */
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_WARN, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

bool log_allow(struct log_limit *limit, uint64_t now_ns)
{
	if (limit->used < limit->burst) {
		limit->used++;
		limit->last_ns = now_ns;
		return true;
	}
	if (now_ns - limit->last_ns < limit->interval_ns) {
		limit->dropped++;
		return false;
	}
	limit->last_ns = now_ns;
	limit->dropped = 0;
	return true;
}
