/*
 * Counts the system calls of a program and its threads and children, by ptrace(2):
 *   syscount [-o FILE] [-t] COMMAND...
 * FILE (default: standard error) gets lines "NAME COUNT". With -t also, up to the first KVM_RUN, a
 * line a call: "# at_us took_us thread name arguments". The program runs several times slower than
 * without; nothing is timed against another VMM this way.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_NR       512
#define MAX_THREADS  128
#define MAX_REQUESTS 64

/* glibc 2.36 has this type only in the kernel's header, which clashes with its own. */
struct syscall_info {
	uint8_t op;
	uint32_t arch __attribute__((aligned(4)));
	uint64_t instruction_pointer, stack_pointer;
	union {
		struct {
			uint64_t nr, args[6];
		} entry;
		struct {
			int64_t rval;
			uint8_t is_error;
		} exit;
	};
};
enum { INFO_ENTRY = 1, INFO_EXIT = 2 };

struct request {
	uint32_t number;
	uint64_t count;
};

struct thread {
	pid_t tid;
	uint64_t since_ns, nr, args[3];
};

struct counts {
	FILE *out;
	bool timeline, seen_run;
	uint64_t start_ns, by_nr[MAX_NR], total, before_run, writes_of_one;
	struct request request[MAX_REQUESTS];
	unsigned nrequests;
	struct thread thread[MAX_THREADS];
};

static const struct {
	uint32_t number;
	const char *name;
} request_names[] = {
	{ (uint32_t)KVM_RUN, "KVM_RUN" },
	{ (uint32_t)KVM_GET_ONE_REG, "KVM_GET_ONE_REG" },
	{ (uint32_t)KVM_SET_ONE_REG, "KVM_SET_ONE_REG" },
	{ (uint32_t)KVM_IRQ_LINE, "KVM_IRQ_LINE" },
	{ (uint32_t)KVM_SET_MP_STATE, "KVM_SET_MP_STATE" },
	{ (uint32_t)KVM_CHECK_EXTENSION, "KVM_CHECK_EXTENSION" },
	{ (uint32_t)KVM_CREATE_VM, "KVM_CREATE_VM" },
	{ (uint32_t)KVM_CREATE_VCPU, "KVM_CREATE_VCPU" },
	{ (uint32_t)KVM_CREATE_DEVICE, "KVM_CREATE_DEVICE" },
	{ (uint32_t)KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR" },
	{ (uint32_t)KVM_HAS_DEVICE_ATTR, "KVM_HAS_DEVICE_ATTR" },
	{ (uint32_t)KVM_ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT" },
	{ (uint32_t)KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION" },
};

static const struct {
	uint32_t number;
	const char *name;
} call_names[] = {
	{ SYS_ioctl, "ioctl" },
	{ SYS_write, "write" },
	{ SYS_writev, "writev" },
	{ SYS_read, "read" },
	{ SYS_pread64, "pread64" },
	{ SYS_openat, "openat" },
	{ SYS_close, "close" },
	{ SYS_mmap, "mmap" },
	{ SYS_munmap, "munmap" },
	{ SYS_madvise, "madvise" },
	{ SYS_mprotect, "mprotect" },
	{ SYS_futex, "futex" },
	{ SYS_ppoll, "ppoll" },
	{ SYS_epoll_pwait, "epoll_pwait" },
	{ SYS_clone, "clone" },
	{ SYS_timerfd_settime, "timerfd_settime" },
	{ SYS_rt_sigaction, "rt_sigaction" },
	{ SYS_rt_sigprocmask, "rt_sigprocmask" },
	{ SYS_tgkill, "tgkill" },
	{ SYS_getrandom, "getrandom" },
	{ SYS_execve, "execve" },
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const char *call_name(uint64_t nr, char buf[24])
{
	for (unsigned i = 0; i < sizeof(call_names) / sizeof(call_names[0]); i++)
		if (call_names[i].number == nr)
			return call_names[i].name;
	snprintf(buf, 24, "syscall_%" PRIu64, nr);
	return buf;
}

static const char *request_name(uint32_t number, char buf[24])
{
	for (unsigned i = 0; i < sizeof(request_names) / sizeof(request_names[0]); i++)
		if (request_names[i].number == number)
			return request_names[i].name;
	snprintf(buf, 24, "ioctl_%#x", number);
	return buf;
}

static void count_request(struct counts *c, uint32_t number)
{
	for (unsigned i = 0; i < c->nrequests; i++) {
		if (c->request[i].number == number) {
			c->request[i].count++;
			return;
		}
	}
	if (c->nrequests < MAX_REQUESTS)
		c->request[c->nrequests++] = (struct request){ number, 1 };
}

static struct thread *thread_of(struct counts *c, pid_t tid)
{
	struct thread *unused = NULL;

	for (unsigned i = 0; i < MAX_THREADS; i++) {
		if (c->thread[i].tid == tid)
			return &c->thread[i];
		if (!unused && !c->thread[i].tid)
			unused = &c->thread[i];
	}
	if (unused)
		*unused = (struct thread){ .tid = tid };
	return unused;
}

static void forget_thread(struct counts *c, pid_t tid)
{
	for (unsigned i = 0; i < MAX_THREADS; i++)
		if (c->thread[i].tid == tid)
			c->thread[i].tid = 0;
}

static void call_begins(struct counts *c, struct thread *t, const struct syscall_info *info)
{
	uint64_t nr = info->entry.nr;

	c->total++;
	if (nr < MAX_NR)
		c->by_nr[nr]++;
	if (nr == SYS_write && info->entry.args[2] == 1)
		c->writes_of_one++;
	if (nr == SYS_ioctl)
		count_request(c, (uint32_t)info->entry.args[1]);
	if (!c->seen_run && nr == SYS_ioctl && (uint32_t)info->entry.args[1] == KVM_RUN) {
		c->seen_run = true;
		c->before_run = c->total - 1;
		if (c->timeline)
			fprintf(c->out, "# %8" PRIu64 " first KVM_RUN\n",
				(now_ns() - c->start_ns) / 1000);
	}
	if (!t)
		return;
	t->nr = nr;
	memcpy(t->args, info->entry.args, sizeof(t->args));
	t->since_ns = now_ns();
}

static void call_ends(struct counts *c, const struct thread *t)
{
	uint64_t now = now_ns();
	char buf[24];

	if (!c->timeline || c->seen_run || !t || !t->since_ns)
		return;
	fprintf(c->out, "# %8" PRIu64 " %7" PRIu64 " %d %s %#" PRIx64 " %s %#" PRIx64 "\n",
		(t->since_ns - c->start_ns) / 1000, (now - t->since_ns) / 1000, t->tid,
		call_name(t->nr, buf), t->args[0],
		t->nr == SYS_ioctl ? request_name((uint32_t)t->args[1], (char[24]){ 0 }) : "",
		t->args[t->nr == SYS_ioctl ? 2 : 1]);
}

static void take_call(struct counts *c, pid_t tid)
{
	struct thread *t = thread_of(c, tid);
	struct syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0)
		return;
	if (info.op == INFO_ENTRY)
		call_begins(c, t, &info);
	else if (info.op == INFO_EXIT)
		call_ends(c, t);
}

/* The signal to hand on for a stop, 0 for stops that are ptrace's own. */
static int signal_of_stop(struct counts *c, pid_t tid, int status)
{
	int sig = WSTOPSIG(status);

	if (sig == (SIGTRAP | 0x80)) {
		take_call(c, tid);
		return 0;
	}
	if (status >> 16 || sig == SIGTRAP || sig == SIGSTOP)
		return 0;
	return sig;
}

static int trace(struct counts *c, pid_t first)
{
	int status, result = 1;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			int sig = signal_of_stop(c, tid, status);

			ptrace(PTRACE_SYSCALL, tid, 0, sig);
			continue;
		}
		forget_thread(c, tid);
		if (tid == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	return result;
}

static void print_counts(const struct counts *c)
{
	uint64_t ioctls = c->by_nr[SYS_ioctl];
	char buf[24];

	fprintf(c->out, "total %" PRIu64 "\nbefore_first_KVM_RUN %" PRIu64 "\n", c->total,
		c->before_run);
	fprintf(c->out, "ioctl %" PRIu64 "\n", ioctls);
	fprintf(c->out, "write %" PRIu64 "\nwrite_of_1_byte %" PRIu64 "\n",
		c->by_nr[SYS_write] + c->by_nr[SYS_writev], c->writes_of_one);
	for (unsigned i = 0; i < c->nrequests; i++)
		fprintf(c->out, "%s %" PRIu64 "\n", request_name(c->request[i].number, buf),
			c->request[i].count);
	for (unsigned i = 0; i < MAX_NR; i++)
		if (c->by_nr[i] && i != SYS_ioctl && i != SYS_write)
			fprintf(c->out, "%s %" PRIu64 "\n", call_name(i, buf), c->by_nr[i]);
}

static pid_t start(char **argv, uint64_t *start_ns)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
		       PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[0], argv);
		fprintf(stderr, "syscount: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, options) < 0)
		return -1;
	*start_ns = now_ns();
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return pid;
}

int main(int argc, char **argv)
{
	static struct counts c;
	const char *path = NULL;
	pid_t pid;
	int opt, result;

	while ((opt = getopt(argc, argv, "+o:t")) != -1) {
		if (opt == 'o')
			path = optarg;
		else if (opt == 't')
			c.timeline = true;
		else
			return 2;
	}
	c.out = path ? fopen(path, "we") : stderr;
	if (optind == argc || !c.out) {
		fprintf(stderr, "usage: syscount [-o FILE] [-t] COMMAND...\n");
		return 2;
	}
	pid = start(argv + optind, &c.start_ns);
	if (pid < 0) {
		perror("syscount: ptrace");
		return 1;
	}
	result = trace(&c, pid);
	print_counts(&c);
	fclose(c.out);
	return result;
}
