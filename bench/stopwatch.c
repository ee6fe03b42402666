/*
 * Runs a VMM and notes when its guest does what: stopwatch [-t SECONDS] [-m] COMMAND...
 * The guest is bench/probe.S or a Linux with bench/guest_init.c; what it prints is kept apart from
 * what is measured. On standard output, a line "NAME VALUE" each:
 *   first_us    exec to the guest's first instruction, by the counter value the guest reports
 *   init_us     exec to the line of the guest's init
 *   exit_us     exec to the end of the process
 *   psci_ns     one PSCI_VERSION call in the fastest of the guest's batches
 * and, with -m, when the guest has said that it stays:
 *   peak_kb     peak resident memory
 *   guest_kb    resident part of guest RAM
 *   own_kb      the difference: the VMM's own
 *   writes      system calls that write
 * and whenever the guest says "bench: sample NAME":
 *   own_NAME_kb resident memory less the resident part of guest RAM
 * from its "bench: begin NAME" to its "bench: end NAME":
 *   NAME_us     by their arrival
 *   NAME_exits  of all guests of this host, inside KVM or not, if debugfs has them
 * and for its "bench: value NAME VALUE" just that.
 * The exit status is the VMM's, or 1 if it was killed at the time limit.
 *
 * The guest's physical counter is the host's virtual one: KVM offsets only the guest's virtual
 * counter, and a host has no offset. So the first instruction is timed without any way back.
 * A kernel that does offset it makes first_us fall back on the arrival of the line.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 512

/* Written by the child just before exec. */
struct start {
	uint64_t counter;
	uint64_t ns;
};

struct watch {
	struct start *start;
	pid_t pid;
	bool sample;
	double psci_ns; /* least so far; 0: none */
	uint64_t begin_ns, begin_exits;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t counter(void)
{
	uint64_t v;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v)::"memory");
	return v;
}

static double counter_hz(void)
{
	uint64_t v;

	__asm__("mrs %0, cntfrq_el0" : "=r"(v));
	return (double)v;
}

static void say_us(const char *name, double ns)
{
	printf("%s %.0f\n", name, ns / 1000);
	fflush(stdout);
}

/* ---- memory ---- */

/* Mappings next to each other, readable and writable. Guest RAM is the largest such run. */
struct run {
	uint64_t end, bytes, rss_kb;
};

static void close_run(struct run *run, struct run *largest)
{
	if (run->bytes > largest->bytes)
		*largest = *run;
	*run = (struct run){ 0 };
}

static uint64_t guest_ram_kb(pid_t pid)
{
	struct run run = { 0 }, largest = { 0 };
	char path[64], line[LINE_BYTES], mode[8];
	uint64_t from, to, kb;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, mode) == 3) {
			if (from != run.end || strncmp(mode, "rw", 2) != 0)
				close_run(&run, &largest);
			if (strncmp(mode, "rw", 2) == 0) {
				run.end = to;
				run.bytes += to - from;
			}
		} else if (run.end && sscanf(line, "Rss: %" SCNu64, &kb) == 1) {
			run.rss_kb += kb;
		}
	}
	close_run(&run, &largest);
	fclose(f);
	return largest.rss_kb;
}

/* The number behind "KEY:" in a file of /proc/PID; 0 if there is none. */
static uint64_t proc_value(pid_t pid, const char *file, const char *key)
{
	char path[64], line[LINE_BYTES];
	uint64_t value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	f = fopen(path, "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0) {
			value = strtoull(line + strlen(key), NULL, 10);
			break;
		}
	}
	fclose(f);
	return value;
}

static void sample_process(struct watch *w)
{
	uint64_t peak, guest;

	if (!w->sample)
		return;
	peak = proc_value(w->pid, "status", "VmHWM:");
	guest = guest_ram_kb(w->pid);
	printf("peak_kb %" PRIu64 "\nguest_kb %" PRIu64 "\nown_kb %" PRId64 "\n", peak, guest,
	       (int64_t)(peak - guest));
	printf("writes %" PRIu64 "\n", proc_value(w->pid, "io", "syscw:"));
	fflush(stdout);
}

/* The kernel's own counter of a process (VmRSS) is off by up to a batch for each CPU. */
static void sample_now(const struct watch *w, const char *name)
{
	uint64_t all = proc_value(w->pid, "smaps_rollup", "Rss:");

	printf("own_%s_kb %" PRId64 "\n", name, (int64_t)(all - guest_ram_kb(w->pid)));
	fflush(stdout);
}

/* ---- what the guest says ---- */

static void take_first(struct watch *w, uint64_t guest_counter)
{
	double arrived_ns = (double)(now_ns() - w->start->ns);
	double ns = ((double)guest_counter - (double)w->start->counter) * 1e9 / counter_hz();

	say_us("first_us", ns > 0 && ns < arrived_ns ? ns : arrived_ns);
}

static void take_psci(struct watch *w, uint64_t ticks, uint64_t calls)
{
	double ns = calls ? (double)ticks * 1e9 / counter_hz() / (double)calls : 0;

	if (ns > 0 && (w->psci_ns == 0 || ns < w->psci_ns))
		w->psci_ns = ns;
}

/* 0: this host does not tell. */
static uint64_t exits_of_all_guests(void)
{
	uint64_t exits = 0;
	FILE *f = fopen("/sys/kernel/debug/kvm/exits", "r");

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &exits) != 1)
		exits = 0;
	fclose(f);
	return exits;
}

static void begin_part(struct watch *w)
{
	w->begin_exits = exits_of_all_guests();
	w->begin_ns = now_ns();
}

static void end_part(const struct watch *w, const char *name)
{
	uint64_t ns = now_ns() - w->begin_ns, exits = exits_of_all_guests();

	if (!w->begin_ns)
		return;
	printf("%s_us %.0f\n", name, (double)ns / 1000);
	if (exits)
		printf("%s_exits %" PRIu64 "\n", name, exits - w->begin_exits);
	fflush(stdout);
}

/* "begin NAME", "end NAME", "value NAME VALUE": a part of what the guest does. */
static void take_part(struct watch *w, const char *words)
{
	char name[32], value[32];

	if (strncmp(words, "begin ", 6) == 0)
		begin_part(w);
	else if (sscanf(words, "end %31[a-z0-9_]", name) == 1)
		end_part(w, name);
	else if (sscanf(words, "value %31[a-z0-9_] %31[0-9.]", name, value) == 2)
		printf("%s %s\n", name, value);
}

static void take_line(struct watch *w, const char *line)
{
	const char *words = strstr(line, "bench: ");
	char name[32];
	uint64_t a, b;

	if (words)
		take_part(w, words + 7);
	if (sscanf(line, "first %" SCNx64, &a) == 1)
		take_first(w, a);
	else if (sscanf(line, "psci %" SCNx64 " %" SCNx64, &a, &b) == 2)
		take_psci(w, a, b);
	else if (strncmp(line, "stay", 4) == 0 || strstr(line, "bench: stay"))
		sample_process(w);
	else if (sscanf(line, "bench: sample %31[a-z]", name) == 1)
		sample_now(w, name);
	else if (strstr(line, "bench: init"))
		say_us("init_us", (double)(now_ns() - w->start->ns));
}

/* Cut the VMM's output into lines until it ends. False at the deadline. */
static bool follow(struct watch *w, int fd, uint64_t deadline_ns)
{
	char line[LINE_BYTES], chunk[4096];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;

	for (;;) {
		uint64_t now = now_ns();
		ssize_t n;

		if (now >= deadline_ns)
			return false;
		if (poll(&p, 1, (int)((deadline_ns - now) / 1000000 + 1)) <= 0)
			continue;
		n = read(fd, chunk, sizeof(chunk));
		if (n <= 0)
			return true;
		for (ssize_t i = 0; i < n; i++) {
			if (chunk[i] != '\n' && chunk[i] != '\r') {
				if (len < sizeof(line) - 1)
					line[len++] = chunk[i];
				continue;
			}
			line[len] = 0;
			take_line(w, line);
			len = 0;
		}
	}
}

static pid_t start_vmm(struct start *start, char **argv, int in, int out)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	dup2(in, 0);
	dup2(out, 1);
	start->ns = now_ns();
	start->counter = counter();
	execvp(argv[0], argv);
	fprintf(stderr, "stopwatch: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static int watch_vmm(struct watch *w, char **argv, unsigned limit_s)
{
	int in[2], out[2], status;
	bool ended;

	if (pipe(in) || pipe(out)) {
		perror("stopwatch: pipe");
		return 1;
	}
	w->pid = start_vmm(w->start, argv, in[0], out[1]);
	close(out[1]);
	ended = follow(w, out[0], now_ns() + limit_s * UINT64_C(1000000000));
	if (!ended)
		kill(w->pid, SIGKILL);
	waitpid(w->pid, &status, 0);
	if (!ended) {
		fprintf(stderr, "stopwatch: %s: killed after %u s\n", argv[0], limit_s);
		return 1;
	}
	say_us("exit_us", (double)(now_ns() - w->start->ns));
	if (w->psci_ns > 0)
		printf("psci_ns %.0f\n", w->psci_ns);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	struct watch w = { 0 };
	unsigned limit_s = 120;
	int c;

	while ((c = getopt(argc, argv, "+t:m")) != -1) {
		if (c == 't')
			limit_s = (unsigned)atoi(optarg);
		else if (c == 'm')
			w.sample = true;
		else
			return 2;
	}
	if (optind == argc) {
		fprintf(stderr, "usage: stopwatch [-t SECONDS] [-m] COMMAND...\n");
		return 2;
	}
	w.start = mmap(NULL, sizeof(*w.start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (w.start == MAP_FAILED) {
		perror("stopwatch: mmap");
		return 1;
	}
	return watch_vmm(&w, argv + optind, limit_s);
}
