/* Exceptions: interrupts, expected exceptions, crashes; and code run at EL0. */
#ifndef GUEST_LIB_EXC_H
#define GUEST_LIB_EXC_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/lib/cpu.h"

#define ESR_EC(esr) ((unsigned)((esr) >> 26 & 0x3f))
#define EC_UNKNOWN  0x00u /* undefined instruction */
#define EC_SVC32    0x11u
#define EC_SVC64    0x15u

/* SGI by which the boot CPU asks a CPU to power itself off wherever it is. */
#define SGI_ABORT 15

/* Registers as start.S saves them at an exception and restores them afterwards. */
struct frame {
	uint64_t x[31], sp, elr, spsr, esr, far, sp_el0, pad;
};

/* `fn` sees every exception first, on the CPU that took it, DAIF masked; `vector` is its number, 0 to 15. True: it
 * is dealt with, return to frame->elr. NULL: nobody. Boot CPU, while no exception can come. */
typedef bool exception_hook(struct frame *frame, uint64_t vector);
void exception_set_hook(exception_hook *fn);

/* From here to exception_taken() one synchronous exception on this CPU is recorded and the
 * instruction that caused it is skipped. */
void exception_expect(void);

/* Ends it. True if there was one, with its syndrome in *esr. */
bool exception_taken(uint64_t *esr);

/* Run fn(arg) at EL0 on its own stack; its result. Code and data are reached through addresses EL0
 * may use, so fn must use only what is on its stack and what `arg` points to by such addresses. */
uint64_t el0_run(const void *fn, uint64_t arg);

/* Run A32 code at EL0 from `code` to its SVC, with r0 to r14 taken from r[] and stored there. It reaches
 * code and data through mmu_el0_low_address(), which must have one. Only if el0_has_aarch32(). */
void el0_run_a32(const void *code, uint64_t r[AARCH32_REGS]);
bool el0_has_aarch32(void);

extern const char el0_leave[], el0_hvc[], el0_smc[];

/* Called on the boot CPU for an exception nobody expected (reason is a static string) and by the
 * watchdog; must not return. */
typedef void abort_fn(const char *reason);
void exception_set_abort(abort_fn *fn);
void run_abort(const char *reason);

#endif
