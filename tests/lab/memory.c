/*
 * Memory that errors can be aimed at, for the lab's Linux guest: says at which physical address its pages
 * are, and what happens to a process that uses one that has gone bad. Runs as root (for
 * /proc/self/pagemap). Lines on standard output begin with "memory: ".
 *
 *   memory hold MIB [early] [whole] [check=SECONDS] [for=SECONDS]
 *       Fill MIB of memory with a pattern and keep it. Prints
 *           memory: holds N pages
 *           memory: page va=0x... pa=0x... hold     (one in the middle)
 *       then, every SECONDS (default 0: never) and at SIGUSR1, looks at all words of all pages and prints
 *           memory: check: N intact, L lost, W wrong
 *       A page that gives SIGBUS at a check is lost, once for all, and is announced:
 *           memory: SIGBUS code=4 addr=0x... lsb=12
 *       With `early` the process asked to be told of pages it did not use (prctl(PR_MCE_KILL)); it
 *       prints the same line with code=5. Ends with 1 if a page was wrong. With `whole` the page is one of
 *       2 MiB of physical memory, on their boundary, that are this process's alone: a host that loses a
 *       huge page takes nothing else.
 *   memory touch [write] [after=SECONDS | stdin]
 *       A page of its own; prints its line, waits SECONDS (default 2) or for a line of input, and reads
 *       (or writes) it. Prints the SIGBUS line and ends with 0 if it was BUS_MCEERR_AR with that page's
 *       address; "memory: no error, value 0x..." and 1 if nothing happened; 2 if it was another SIGBUS.
 *       The last word of its line is "touch".
 *   memory exec [after=SECONDS | stdin]
 *       The same with a page of code that is called: the error is met by an instruction fetch.
 *   memory read FILE [syscall] [after=SECONDS | stdin]
 *       The same with the first page of a file, as mapped; with `syscall` the kernel reads it, by
 *       pread(2), so that the error is met at EL1: "memory: read: ..." and 0 if that failed with EIO or
 *       EFAULT. A kernel that cannot continue such a copy (Linux 6.12 on arm64) says "Internal error:
 *       synchronous external abort" and kills the process instead, or panics. FILE has to be in memory
 *       (tmpfs), or the page is simply read again.
 *   memory map N [early] [for=SECONDS]
 *       N pages of its own; prints a line for each and "memory: holds N pages", and keeps them, with
 *       check= and SIGUSR1 as `hold` has them.
 *   memory where VA PID
 *       The physical address of an address in another process.
 *
 * for=SECONDS: how long; without it, until killed. Pages are of the size the kernel has, never huge, locked,
 * and in the order of their addresses. Status 3: usage, or something the kernel refused, with a message.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STATUS_FAILED 3
#define PFN_MASK      ((UINT64_C(1) << 55) - 1) /* Documentation/admin-guide/mm/pagemap.rst */
#define PAGE_PRESENT  (UINT64_C(1) << 63)
#define WHOLE_BYTES   (UINT64_C(2) << 20)
#define CODE_RETURN_42                                                                             \
	{                                                                                          \
		0x52800540, 0xd65f03c0                                                             \
	} /* mov w0, #42; ret */

/* What the options after the arguments say. */
struct options {
	bool early, whole, write, from_stdin, by_syscall;
	unsigned check_s, for_s, after_s;
	bool for_given;
};

/* Pages of this process. */
struct pages {
	unsigned char *at;
	size_t n;
	bool *lost;
};

static size_t page_bytes;

/* The last SIGBUS, and where to go on after one that came while a page was looked at. */
static volatile sig_atomic_t bus_seen;
static siginfo_t bus_info;
static sigjmp_buf bus_return;
static volatile sig_atomic_t bus_expected;

static volatile sig_atomic_t check_wanted; /* SIGUSR1 */

static void die(const char *what)
{
	fprintf(stderr, "memory: %s: %s\n", what, strerror(errno));
	exit(STATUS_FAILED);
}

static void usage(const char *what)
{
	fprintf(stderr,
		"memory: %s; usage: memory hold MIB | touch | exec | read FILE | map N | where VA PID, "
		"then early whole write syscall stdin check=S for=S after=S\n",
		what);
	exit(STATUS_FAILED);
}

/* ---- SIGBUS ---- */

static void on_bus(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	bus_info = *info;
	bus_seen = 1;
	if (info->si_code == BUS_MCEERR_AO)
		return;
	if (bus_expected)
		siglongjmp(bus_return, 1);
	/* The access would only fault again. */
	_exit(128 + SIGBUS);
}

static void on_user_signal(int signal)
{
	(void)signal;
	check_wanted = 1;
}

static void catch_signals(void)
{
	struct sigaction bus = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	struct sigaction user = { .sa_handler = on_user_signal };

	if (sigaction(SIGBUS, &bus, NULL) || sigaction(SIGUSR1, &user, NULL))
		die("sigaction");
}

static void report_bus(void)
{
	if (!bus_seen)
		return;
	bus_seen = 0;
	printf("memory: SIGBUS code=%d addr=0x%" PRIxPTR " lsb=%d\n", bus_info.si_code,
	       (uintptr_t)bus_info.si_addr, bus_info.si_addr_lsb);
}

/* ---- pages ---- */

static uint64_t physical(int pagemap, const void *at)
{
	uint64_t entry;
	off_t offset = (off_t)((uintptr_t)at / page_bytes * sizeof(entry));

	if (pread(pagemap, &entry, sizeof(entry), offset) != sizeof(entry))
		die("pagemap");
	if (!(entry & PAGE_PRESENT) || !(entry & PFN_MASK)) {
		fprintf(stderr, "memory: %p has no page, or pagemap hides it\n", at);
		exit(STATUS_FAILED);
	}
	return (entry & PFN_MASK) * page_bytes + (uintptr_t)at % page_bytes;
}

static int open_pagemap(const char *path)
{
	int pagemap = open(path, O_RDONLY | O_CLOEXEC);

	if (pagemap < 0)
		die(path);
	return pagemap;
}

/* `whose`: the sub-command. */
static void print_page(const void *at, const char *whose)
{
	int pagemap = open_pagemap("/proc/self/pagemap");

	printf("memory: page va=0x%" PRIxPTR " pa=0x%" PRIx64 " %s\n", (uintptr_t)at,
	       physical(pagemap, at), whose);
	close(pagemap);
}

static struct pages map_pages(size_t n)
{
	struct pages pages = { .n = n, .lost = calloc(n, sizeof(bool)) };

	pages.at = mmap(NULL, n * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (pages.at == MAP_FAILED || !pages.lost)
		die("memory");
	madvise(pages.at, n * page_bytes, MADV_NOHUGEPAGE); /* a kernel without them refuses */
	return pages;
}

/* Kept where they are, as far as the kernel lets itself be told. */
static void lock_pages(const struct pages *pages)
{
	if (mlock(pages->at, pages->n * page_bytes))
		die("mlock");
}

static uint64_t *page_at(const struct pages *pages, size_t i)
{
	return (uint64_t *)(void *)(pages->at + i * page_bytes);
}

/* No two words are alike. */
static uint64_t pattern(size_t page, size_t word)
{
	return (uint64_t)page << 32 ^ word * UINT64_C(0x9e3779b97f4a7c15);
}

static void fill(const struct pages *pages)
{
	for (size_t i = 0; i < pages->n; i++)
		for (size_t w = 0; w < page_bytes / sizeof(uint64_t); w++)
			page_at(pages, i)[w] = pattern(i, w);
}

static bool intact(const struct pages *pages, size_t i)
{
	const volatile uint64_t *words = page_at(pages, i);
	uint64_t differences = 0;

	for (size_t w = 0; w < page_bytes / sizeof(uint64_t); w++)
		differences |= words[w] ^ pattern(i, w);
	return differences == 0;
}

/* True if the page is what it was; false if it is not, or lost, which is remembered. */
static bool look_at(const struct pages *pages, size_t i)
{
	bool good;

	if (sigsetjmp(bus_return, 1)) {
		bus_expected = 0;
		pages->lost[i] = true;
		report_bus();
		return false;
	}
	bus_expected = 1;
	good = intact(pages, i);
	bus_expected = 0;
	return good;
}

/* True unless a page had other contents. */
static bool check(const struct pages *pages)
{
	size_t good = 0, lost = 0;

	for (size_t i = 0; i < pages->n; i++) {
		if (!pages->lost[i])
			good += look_at(pages, i);
		lost += pages->lost[i];
	}
	printf("memory: check: %zu intact, %zu lost, %zu wrong\n", good, lost,
	       pages->n - good - lost);
	return good + lost == pages->n;
}

/* ---- time ---- */

static time_t now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A signal may cut a second short; the loops that call this look at the clock. */
static void sleep_a_second(void)
{
	const struct timespec second = { .tv_sec = 1 };

	nanosleep(&second, NULL);
	report_bus();
}

static void wait_for_occasion(const struct options *options)
{
	char line[64];
	time_t end = now_s() + (time_t)options->after_s;

	if (options->from_stdin) {
		if (!fgets(line, sizeof(line), stdin))
			fprintf(stderr, "memory: end of input\n");
		return;
	}
	while (now_s() < end)
		sleep_a_second();
}

static int keep(const struct pages *pages, const struct options *options)
{
	time_t start = now_s(), checked = start;

	while (!options->for_given || now_s() < start + (time_t)options->for_s) {
		sleep_a_second();
		if (!check_wanted &&
		    (!options->check_s || now_s() < checked + (time_t)options->check_s))
			continue;
		check_wanted = 0;
		if (!check(pages))
			return 1;
		checked = now_s();
	}
	return 0;
}

/* ---- sub-commands ---- */

static void choose_early(const struct options *options)
{
	if (options->early && prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0))
		die("prctl(PR_MCE_KILL)");
}

/* A page of this process, and where it is. */
struct frame {
	uint64_t pa;
	void *va;
};

static int by_address(const void *a, const void *b)
{
	const struct frame *left = a, *right = b;

	return left->pa < right->pa ? -1 : left->pa > right->pa;
}

/* All pages in the order of their physical addresses. The caller frees them. */
static struct frame *frames_of(const struct pages *pages)
{
	struct frame *frames = calloc(pages->n, sizeof(*frames));
	int pagemap = open_pagemap("/proc/self/pagemap");

	if (!frames)
		die("memory");
	for (size_t i = 0; i < pages->n; i++) {
		frames[i].va = page_at(pages, i);
		frames[i].pa = physical(pagemap, frames[i].va);
	}
	close(pagemap);
	qsort(frames, pages->n, sizeof(*frames), by_address);
	return frames;
}

/* The middle of the first WHOLE_BYTES that are all here. */
static void *page_of_a_whole(const struct pages *pages)
{
	size_t n = WHOLE_BYTES / page_bytes;
	struct frame *frames = frames_of(pages);
	void *found = NULL;

	for (size_t i = 0; i + n <= pages->n && !found; i++)
		if (frames[i].pa % WHOLE_BYTES == 0 &&
		    frames[i + n - 1].pa == frames[i].pa + WHOLE_BYTES - page_bytes)
			found = frames[i + n / 2].va;
	free(frames);
	if (found)
		return found;
	fprintf(stderr, "memory: no 2 MiB of %zu pages are together; hold more\n", pages->n);
	exit(STATUS_FAILED);
}

static int hold(size_t mib, const struct options *options)
{
	struct pages pages = map_pages(mib * 1024 * 1024 / page_bytes);

	choose_early(options);
	fill(&pages);
	lock_pages(&pages);
	printf("memory: holds %zu pages\n", pages.n);
	print_page(options->whole ? page_of_a_whole(&pages) : page_at(&pages, pages.n / 2), "hold");
	return keep(&pages, options);
}

static int map(size_t n, const struct options *options)
{
	struct pages pages = map_pages(n);

	choose_early(options);
	fill(&pages);
	lock_pages(&pages);
	for (size_t i = 0; i < n; i++)
		print_page(page_at(&pages, i), "map");
	printf("memory: holds %zu pages\n", n);
	return keep(&pages, options);
}

/* What came of using the page at `at`. */
static int judge_bus(const void *at)
{
	bool right = bus_info.si_code == BUS_MCEERR_AR &&
		     (uintptr_t)bus_info.si_addr / page_bytes == (uintptr_t)at / page_bytes;

	report_bus();
	return right ? 0 : 2;
}

static uint64_t use_load(void *at)
{
	return *(volatile uint64_t *)at;
}

static uint64_t use_store(void *at)
{
	*(volatile uint64_t *)at = 1;
	return 1;
}

static uint64_t use_code(void *at)
{
	int (*code)(void);

	memcpy(&code, &at, sizeof(code));
	return (uint64_t)code();
}

static int use(void *at, uint64_t (*how)(void *), const char *whose, const struct options *options)
{
	print_page(at, whose);
	wait_for_occasion(options);
	if (sigsetjmp(bus_return, 1)) {
		bus_expected = 0;
		return judge_bus(at);
	}
	bus_expected = 1;
	uint64_t value = how(at);

	bus_expected = 0;
	printf("memory: no error, value 0x%" PRIx64 "\n", value);
	return 1;
}

static int touch(const struct options *options)
{
	struct pages pages = map_pages(1);

	fill(&pages);
	lock_pages(&pages);
	return use(pages.at, options->write ? use_store : use_load, "touch", options);
}

static int execute(const struct options *options)
{
	static const uint32_t code[] = CODE_RETURN_42;
	struct pages pages = map_pages(1);

	memcpy(pages.at, code, sizeof(code));
	lock_pages(&pages);
	if (mprotect(pages.at, page_bytes, PROT_READ | PROT_EXEC))
		die("mprotect");
	__builtin___clear_cache((char *)pages.at, (char *)pages.at + sizeof(code));
	if (use_code(pages.at) != 42) {
		fprintf(stderr, "memory: the page's code does not run\n");
		return STATUS_FAILED;
	}
	return use(pages.at, use_code, "exec", options);
}

/* The kernel copies from the page. */
static int read_by_syscall(int fd, const struct options *options)
{
	char buffer[256];
	ssize_t n;

	wait_for_occasion(options);
	n = pread(fd, buffer, sizeof(buffer), 0);
	printf("memory: read: %zd, %s\n", n, n < 0 ? strerror(errno) : "no error");
	return n < 0 && (errno == EIO || errno == EFAULT) ? 0 : 1;
}

static int read_file(const char *path, const struct options *options)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char *at;

	if (fd < 0)
		die(path);
	at = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die(path);
	if (mlock(at, page_bytes))
		die("mlock");
	if (!options->by_syscall)
		return use(at, use_load, "read", options);
	print_page(at, "read");
	return read_by_syscall(fd, options);
}

static int where(const char *va, const char *pid)
{
	char path[64];
	int pagemap;

	snprintf(path, sizeof(path), "/proc/%lu/pagemap", strtoul(pid, NULL, 0));
	pagemap = open_pagemap(path);
	printf("memory: page va=%s pa=0x%" PRIx64 " where\n", va,
	       physical(pagemap, (const void *)(uintptr_t)strtoull(va, NULL, 0))); /* NOLINT */
	close(pagemap);
	return 0;
}

/* ---- arguments ---- */

static unsigned long number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!*text || *end || value > 1000000)
		usage(text);
	return value;
}

static bool flag(const char *text, const char *name, bool *value)
{
	if (strcmp(text, name) != 0)
		return false;
	*value = true;
	return true;
}

static bool seconds(const char *text, const char *name, unsigned *value)
{
	size_t n = strlen(name);

	if (strncmp(text, name, n) != 0)
		return false;
	*value = (unsigned)number(text + n);
	return true;
}

static struct options parse(char **argv)
{
	struct options o = { .after_s = 2 };

	for (; *argv; argv++) {
		if (flag(*argv, "early", &o.early) || flag(*argv, "whole", &o.whole) ||
		    flag(*argv, "write", &o.write) || flag(*argv, "stdin", &o.from_stdin) ||
		    flag(*argv, "syscall", &o.by_syscall) || seconds(*argv, "check=", &o.check_s) ||
		    seconds(*argv, "after=", &o.after_s))
			continue;
		if (!seconds(*argv, "for=", &o.for_s))
			usage(*argv);
		o.for_given = true;
	}
	return o;
}

static int run(const char *command, char **argv)
{
	struct options simple, one;

	if (strcmp(command, "where") == 0)
		return argv[0] && argv[1] ? where(argv[0], argv[1])
					  : (usage(command), STATUS_FAILED);
	if (strcmp(command, "touch") == 0 || strcmp(command, "exec") == 0) {
		simple = parse(argv);
		return command[0] == 't' ? touch(&simple) : execute(&simple);
	}
	if (!argv[0])
		usage(command);
	one = parse(argv + 1);
	if (strcmp(command, "hold") == 0)
		return hold(number(argv[0]), &one);
	if (strcmp(command, "map") == 0)
		return map(number(argv[0]), &one);
	if (strcmp(command, "read") == 0)
		return read_file(argv[0], &one);
	usage(command);
	return STATUS_FAILED;
}

int main(int argc, char **argv)
{
	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		usage("no sub-command");
	catch_signals();
	return run(argv[1], argv + 2);
}
