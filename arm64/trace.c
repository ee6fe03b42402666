/* See trace.h. A line is formatted on the stack and written by one write(2), so lines of several
 * vCPUs never mix and none is lost if rasvm is killed. docs/firmware.md describes the fields. */
#include "arm64/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

static const char *const action_names[] = {
	[FW_PE_OFF] = "cpu_off",
	[FW_PE_SUSPEND] = "suspend",
	[FW_SYSTEM_OFF] = "system_off",
	[FW_HIBERNATE_OFF] = "hibernate_off",
	[FW_SYSTEM_RESET] = "system_reset",
	[FW_WARM_RESET] = "warm_reset",
};

int trace_open(struct trace *trace, const char *path, struct err *err)
{
	*trace = (struct trace){ .fd = -1 };
	if (!path)
		return 0;
	trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (trace->fd < 0)
		return err_set(err, -errno, "--trace %s: %s", path, strerror(errno));
	return 0;
}

void trace_close(struct trace *trace)
{
	if (trace->fd >= 0)
		close(trace->fd);
	trace->fd = -1;
	if (trace->lost)
		log_warn("--trace: %" PRIu64 " lines could not be written", trace->lost);
}

static void write_line(struct trace *trace, const char *line, int len)
{
	/* A full disk must not stop the guest: the line is lost, and counted. */
	if (write(trace->fd, line, (size_t)len) != len)
		atomic_fetch_add(&trace->lost, 1);
}

void trace_call(struct trace *trace, uint64_t t_ns, const struct fw_call *row,
		const struct smccc *call, enum fw_result result)
{
	char line[512];
	size_t size = sizeof(line);
	int n = snprintf(line, size,
			 "{\"t_ns\":%" PRIu64 ",\"cpu\":%u,\"conduit\":\"%s\",\"fid\":\"0x%08x\","
			 "\"name\":\"%s\",\"args\":[",
			 t_ns, call->pe, call->conduit == SMCCC_SMC ? "smc" : "hvc", call->fid,
			 row ? row->name : smccc_owner_name(call->fid));

	for (unsigned i = 0; i < call->nargs; i++)
		n += snprintf(line + n, size - (size_t)n, "%s\"0x%" PRIx64 "\"", i ? "," : "",
			      call->arg[i]);
	if (result == FW_RESUMED)
		n += snprintf(line + n, size - (size_t)n, "]}\n");
	else if (result == FW_RETURN)
		n += snprintf(line + n, size - (size_t)n, "],\"ret\":%" PRId64 "}\n", call->ret);
	else
		n += snprintf(line + n, size - (size_t)n, "],\"action\":\"%s\"}\n",
			      action_names[result]);
	write_line(trace, line, n);
}

void trace_event(struct trace *trace, uint64_t t_ns, unsigned cpu, const char *event)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"t_ns\":%" PRIu64 ",\"cpu\":%u,\"event\":\"%s\"}\n",
			 t_ns, cpu, event);

	write_line(trace, line, n);
}
