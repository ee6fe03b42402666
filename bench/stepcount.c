/*
 * Counts the instructions that a VMM's vCPU thread executes in user space for one exit, from KVM_RUN's
 * return to its next KVM_RUN, by single-stepping it (ptrace(2)):
 *   stepcount [-n EXITS] [-o FILE] COMMAND...
 * FILE (default: standard error) gets lines "NAME COUNT": the median over the first EXITS (50) exits
 * of each kind, and a remark with the spread. Kinds: steps_psci (PSCI_VERSION), steps_mmio_read,
 * steps_mmio_write; a system call counts as one instruction.
 *
 * The processor needs LSE atomics: a load-exclusive, store-exclusive loop never ends when stepped.
 */
#include <elf.h>
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
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS     128
#define MAX_EXITS       1000
#define STUCK_STEPS     1000000u
#define INSN_SVC        0xd4000001u
#define SYSCALL_STOP    (SIGTRAP | 0x80)
#define FN_PSCI_VERSION 0x84000000u

struct kind {
	const char *name;
	unsigned n;
	uint32_t steps[MAX_EXITS], calls[MAX_EXITS];
};

struct thread {
	pid_t tid;
	bool in_run;       /* in KVM_RUN */
	struct kind *kind; /* being stepped: the exit's */
	uint32_t steps, calls;
	uint64_t pc; /* of the instruction counted last */
};

struct counter {
	unsigned wanted; /* exits of each kind */
	pid_t pid;
	uint64_t run_address; /* of struct kvm_run in the VMM; 0: not known yet */
	struct kind kind[3];
	struct thread thread[MAX_THREADS];
};
enum { KIND_PSCI, KIND_MMIO_READ, KIND_MMIO_WRITE };

static struct thread *thread_of(struct counter *c, pid_t tid)
{
	for (unsigned i = 0; i < MAX_THREADS; i++) {
		if (c->thread[i].tid == tid)
			return &c->thread[i];
		if (c->thread[i].tid)
			continue;
		c->thread[i] = (struct thread){ .tid = tid };
		return &c->thread[i];
	}
	fprintf(stderr, "stepcount: more than %d threads\n", MAX_THREADS);
	exit(1);
}

static bool peek(pid_t pid, uint64_t at, void *to, size_t bytes)
{
	struct iovec local = { to, bytes }, remote = { (void *)(uintptr_t)at, bytes };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

static bool get_regs(pid_t tid, struct user_regs_struct *regs)
{
	struct iovec v = { regs, sizeof(*regs) };

	return ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &v) == 0;
}

/* The only vCPU's run structure is the only mapping of a vCPU. */
static uint64_t find_run(pid_t pid)
{
	char path[64], line[512];
	uint64_t from = 0, at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "r");
	while (f && !from && fgets(line, sizeof(line), f))
		if (strstr(line, "kvm-vcpu") && sscanf(line, "%" SCNx64, &at) == 1)
			from = at;
	if (f)
		fclose(f);
	return from;
}

static struct kind *kind_of_exit(struct counter *c)
{
	struct kvm_run run;
	struct kind *kind = NULL;

	if (!c->run_address)
		c->run_address = find_run(c->pid);
	if (!peek(c->pid, c->run_address, &run, sizeof(run)))
		return NULL;
	if (run.exit_reason == KVM_EXIT_HYPERCALL && run.hypercall.nr == FN_PSCI_VERSION)
		kind = &c->kind[KIND_PSCI];
	else if (run.exit_reason == KVM_EXIT_MMIO)
		kind = &c->kind[run.mmio.is_write ? KIND_MMIO_WRITE : KIND_MMIO_READ];
	return kind && kind->n < c->wanted ? kind : NULL;
}

static bool is_kvm_run(const struct user_regs_struct *regs)
{
	return regs->regs[8] == SYS_ioctl && (uint32_t)regs->regs[1] == KVM_RUN;
}

/* A stop at the entry or the return of a system call. Before its return the arguments but the first
 * are still in their registers. */
static void take_call(struct counter *c, struct thread *t)
{
	struct user_regs_struct regs;

	if (!get_regs(t->tid, &regs) || !is_kvm_run(&regs))
		return;
	t->in_run = !t->in_run;
	if (t->in_run)
		return;
	t->kind = kind_of_exit(c);
	t->steps = t->calls = 0;
	t->pc = 0;
}

static void end_exit(struct thread *t)
{
	struct kind *k = t->kind;

	k->steps[k->n] = t->steps;
	k->calls[k->n++] = t->calls;
	t->kind = NULL;
}

/* One instruction later, or right behind KVM_RUN: look at the next. */
static void take_step(struct thread *t)
{
	struct user_regs_struct regs;
	uint32_t insn;

	if (!get_regs(t->tid, &regs) || !peek(t->tid, regs.pc, &insn, sizeof(insn)))
		return;
	if (insn == INSN_SVC && is_kvm_run(&regs)) {
		end_exit(t);
		return;
	}
	if (regs.pc == t->pc) /* a second stop behind a system call */
		return;
	t->pc = regs.pc;
	t->calls += insn == INSN_SVC;
	if (++t->steps < STUCK_STEPS)
		return;
	fprintf(stderr, "stepcount: stuck at %#llx; does this processor have LSE atomics?\n",
		(unsigned long long)regs.pc);
	exit(1);
}

/* The signal to hand on for a stop, 0 for those of ptrace. */
static int take_stop(struct counter *c, struct thread *t, int status)
{
	int sig = WSTOPSIG(status);

	if (sig == SYSCALL_STOP)
		take_call(c, t);
	else if (status >> 16 || (sig == SIGTRAP && !t->kind) || sig == SIGSTOP)
		return 0;
	else if (sig != SIGTRAP)
		return sig;
	if (t->kind)
		take_step(t);
	return 0;
}

static int trace(struct counter *c)
{
	int status, result = 1;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		struct thread *t = thread_of(c, tid);

		if (WIFSTOPPED(status)) {
			int sig = take_stop(c, t, status);

			ptrace(t->kind ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, tid, 0, sig);
			continue;
		}
		if (tid == c->pid)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	return result;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_kind(struct kind *k, FILE *out)
{
	if (!k->n)
		return;
	qsort(k->steps, k->n, sizeof(k->steps[0]), compare);
	qsort(k->calls, k->n, sizeof(k->calls[0]), compare);
	fprintf(out, "%s %u\n", k->name, k->steps[k->n / 2]);
	fprintf(out, "# %s: %u exits, %u to %u instructions, %u to %u system calls\n", k->name,
		k->n, k->steps[0], k->steps[k->n - 1], k->calls[0], k->calls[k->n - 1]);
}

static pid_t start(char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execvp(argv[0], argv);
		fprintf(stderr, "stepcount: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, options) < 0)
		return -1;
	ptrace(PTRACE_SYSCALL, pid, 0, 0);
	return pid;
}

int main(int argc, char **argv)
{
	static struct counter c = {
		.wanted = 50,
		.kind = { { .name = "steps_psci" },
			  { .name = "steps_mmio_read" },
			  { .name = "steps_mmio_write" } },
	};
	const char *path = NULL;
	FILE *out;
	int opt, result;

	while ((opt = getopt(argc, argv, "+n:o:")) != -1) {
		if (opt == 'n')
			c.wanted = (unsigned)atoi(optarg);
		else if (opt == 'o')
			path = optarg;
		else
			return 2;
	}
	out = path ? fopen(path, "we") : stderr;
	if (optind == argc || !out || !c.wanted || c.wanted > MAX_EXITS) {
		fprintf(stderr, "usage: stepcount [-n EXITS] [-o FILE] COMMAND...\n");
		return 2;
	}
	c.pid = start(argv + optind);
	if (c.pid < 0) {
		perror("stepcount: ptrace");
		return 1;
	}
	result = trace(&c);
	for (unsigned i = 0; i < sizeof(c.kind) / sizeof(c.kind[0]); i++)
		print_kind(&c.kind[i], out);
	fclose(out);
	return result;
}
