/*
 * Counts the instructions that a VMM's vCPU thread executes in user space for one exit, from KVM_RUN's
 * return to its next KVM_RUN, by single-stepping it (ptrace(2)):
 *   stepcount [-n EXITS] [-o FILE] COMMAND...
 * FILE (default: standard error) gets lines "NAME COUNT": the median over the first EXITS (5) exits
 * of each kind, and a remark with the spread. Kinds: steps_psci (PSCI_VERSION), steps_signal and
 * steps_complete (SDEI_EVENT_SIGNAL, SDEI_EVENT_COMPLETE), steps_mmio_read, steps_mmio_write. A system
 * call counts as one instruction.
 *
 * Two kinds of loop would never end when stepped. The vDSO's clock starts over when a timer tick comes
 * in between, so the VMM gets no vDSO and reads the clock by system calls. An exclusive load and store
 * fail when an exception comes in between, so the processor needs LSE atomics.
 */
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <sched.h>
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

#define MAX_THREADS  128
#define MAX_EXITS    1000
#define STUCK_STEPS  1000000u
#define INSN_SVC     0xd4000001u
#define SYSCALL_STOP (SIGTRAP | 0x80)

#define NR_KINDS 5

/* The exits of one kind: by reason, and which call, or whether a write. */
struct kind {
	const char *name;
	uint32_t reason, fid;
	bool is_write;
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
	struct kind kind[NR_KINDS];
	struct thread thread[MAX_THREADS];
};

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

static uint64_t peek_word(pid_t pid, uint64_t at)
{
	uint64_t word = 0;

	if (!peek(pid, at, &word, sizeof(word))) {
		fprintf(stderr, "stepcount: cannot read the stack of process %d\n", pid);
		exit(1);
	}
	return word;
}

/* Just after exec: the stack holds argc, argv, 0, environment, 0, pairs of the auxiliary vector. */
static void hide_vdso(pid_t pid)
{
	struct user_regs_struct regs;
	uint64_t at;

	if (!get_regs(pid, &regs))
		return;
	at = regs.sp + 8 * (peek_word(pid, regs.sp) + 2);
	while (peek_word(pid, at))
		at += 8;
	for (at += 8; peek_word(pid, at) != AT_NULL; at += 16)
		if (peek_word(pid, at) == AT_SYSINFO_EHDR)
			ptrace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)at, (void *)AT_IGNORE);
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

static bool is_of_kind(const struct kind *k, const struct kvm_run *run)
{
	if (k->reason != run->exit_reason)
		return false;
	return k->fid ? k->fid == run->hypercall.nr : k->is_write == run->mmio.is_write;
}

/* NULL: nobody counts it. */
static struct kind *kind_of_exit(struct counter *c)
{
	struct kvm_run run;

	if (!c->run_address)
		c->run_address = find_run(c->pid);
	if (!peek(c->pid, c->run_address, &run, sizeof(run)))
		return NULL;
	for (struct kind *k = c->kind; k < c->kind + NR_KINDS; k++)
		if (is_of_kind(k, &run))
			return k->n < c->wanted ? k : NULL;
	return NULL;
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

	if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
		hide_vdso(t->tid);
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

/* All on one processor: a step is two switches between tracer and traced. */
static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static pid_t start(char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
		       PTRACE_O_EXITKILL;
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
		.wanted = 5,
		.kind = {
			/* clang-format off */
			{ .name = "steps_psci",       .reason = KVM_EXIT_HYPERCALL, .fid = 0x84000000 },
			{ .name = "steps_signal",     .reason = KVM_EXIT_HYPERCALL, .fid = 0xc400002f },
			{ .name = "steps_complete",   .reason = KVM_EXIT_HYPERCALL, .fid = 0xc4000025 },
			{ .name = "steps_mmio_read",  .reason = KVM_EXIT_MMIO },
			{ .name = "steps_mmio_write", .reason = KVM_EXIT_MMIO, .is_write = true },
			/* clang-format on */
		},
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
	stay_here();
	c.pid = start(argv + optind);
	if (c.pid < 0) {
		perror("stepcount: ptrace");
		return 1;
	}
	result = trace(&c);
	for (unsigned i = 0; i < NR_KINDS; i++)
		print_kind(&c.kind[i], out);
	fclose(out);
	return result;
}
