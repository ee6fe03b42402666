/*
 * offline PID ADDRESS | holding=VALUE: have the host's kernel lose the page that a process has at an
 * address, as after a memory error: its threads that want to know early get SIGBUS, and so does whoever
 * uses the page. With holding=, the page is the one that holds this aligned word of 64 bits; it is looked
 * for in private memory without a name, in mappings of up to 16 MiB, and has to be there exactly once.
 * Prints "offline: address 0x... of process N, physical address 0x...". Runs as root; the frame is lost
 * until the host reboots.
 *
 * Status 1: it could not be done, with a message; 2: usage.
 * Source: Linux Documentation/admin-guide/mm/pagemap.rst, Documentation/ABI/testing/sysfs-memory-page-offline.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OFFLINE_PATH "/sys/devices/system/memory/hard_offline_page"

#define PFN_MASK      ((UINT64_C(1) << 55) - 1)
#define PAGE_PRESENT  (UINT64_C(1) << 63)
#define SEARCHED_MAX  (UINT64_C(16) << 20) /* stacks of threads, but no guest's RAM */
#define STATUS_FAILED 1
#define STATUS_USAGE  2

__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...)
{
	va_list args;

	fputs("offline: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(STATUS_FAILED);
}

/* False: not a number, or something follows it. */
static bool number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int open_proc(uint64_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s", path, strerror(errno));
	return fd;
}

/* ---- looking for a word ---- */

struct search {
	uint64_t value, found_at;
	unsigned found;
};

static void search_page(struct search *search, int mem, uint64_t at)
{
	uint64_t words[512];

	/* Some have no page that can be read: a guard, or one that is bad already. */
	if (pread(mem, words, sizeof(words), (off_t)at) != (ssize_t)sizeof(words))
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i] != search->value)
			continue;
		search->found++;
		search->found_at = at + i * sizeof(words[0]);
	}
}

/* `line` of /proc/PID/maps. */
static void search_mapping(struct search *search, int mem, const char *line)
{
	uint64_t from, to;
	char mode[5];
	int name = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &from, &to, mode, &name) !=
	    3)
		fail("cannot understand a mapping: %s", line);
	if (strcmp(mode, "rw-p") != 0 || !name || line[name] || to - from > SEARCHED_MAX)
		return;
	for (uint64_t at = from; at < to; at += 4096)
		search_page(search, mem, at);
}

static uint64_t address_holding(uint64_t pid, uint64_t value)
{
	struct search search = { .value = value };
	int mem = open_proc(pid, "mem");
	FILE *maps = fdopen(open_proc(pid, "maps"), "r");
	char line[512];

	if (!maps)
		fail("maps: %s", strerror(errno));
	while (fgets(line, sizeof(line), maps))
		search_mapping(&search, mem, line);
	fclose(maps);
	close(mem);
	if (search.found != 1)
		fail("process %" PRIu64 " has 0x%" PRIx64 " %u times in its memory, not once", pid,
		     value, search.found);
	return search.found_at;
}

/* ---- the frame ---- */

static uint64_t physical(uint64_t pid, uint64_t at)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), entry;
	int pagemap = open_proc(pid, "pagemap");

	if (pread(pagemap, &entry, sizeof(entry), (off_t)(at / page_bytes * sizeof(entry))) !=
	    (ssize_t)sizeof(entry))
		fail("pagemap of process %" PRIu64 " has nothing about address 0x%" PRIx64, pid,
		     at);
	close(pagemap);
	if (!(entry & PAGE_PRESENT))
		fail("process %" PRIu64 " has no page at 0x%" PRIx64 " now", pid, at);
	if (!(entry & PFN_MASK))
		fail("pagemap hides the number of the frame: run as root");
	return (entry & PFN_MASK) * page_bytes;
}

static void offline(uint64_t at)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "0x%" PRIx64 "\n", at);
	int fd = open(OFFLINE_PATH, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail(OFFLINE_PATH ": %s", strerror(errno));
	if (write(fd, text, (size_t)n) != n)
		fail(OFFLINE_PATH ": the kernel did not take 0x%" PRIx64 " out of use: %s", at,
		     strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	static const char holding[] = "holding=";
	const size_t prefix = sizeof(holding) - 1;
	bool by_value = argc == 3 && strncmp(argv[2], holding, prefix) == 0;
	uint64_t pid, at, frame;

	if (argc != 3 || !number(argv[1], &pid) ||
	    !number(argv[2] + (by_value ? prefix : 0), &at)) {
		fputs("usage: offline PID ADDRESS | offline PID holding=VALUE\n", stderr);
		return STATUS_USAGE;
	}
	if (by_value)
		at = address_holding(pid, at);
	frame = physical(pid, at);
	printf("offline: address 0x%" PRIx64 " of process %" PRIu64 ", physical address 0x%" PRIx64
	       "\n",
	       at, pid, frame);
	fflush(stdout);
	offline(frame);
	return 0;
}
