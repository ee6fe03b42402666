/* --stats: what the vCPUs and the firmware did. */
#ifndef ARM64_STATS_H
#define ARM64_STATS_H

#include <stdio.h>

#include "arm64/vm.h"

/* What a vCPU did in all lives of the guest. Main thread; vCPU threads may run. */
void stats_now(struct vm *vm, unsigned cpu, struct vcpu_stats *now);

/* The name of a step in an error's life, below RAS_NR_NOTES, as statistics have it. */
const char *stats_note_name(unsigned note);

/* Add up what the vCPUs of this life of the guest counted, before vm_destroy() takes them.
 * Main thread, no vCPU thread runs. */
void stats_collect(struct vm *vm);

/* Print the totals of all lives: per vCPU exits by reason, kicks and halts, and the firmware calls
 * by function. */
void stats_print(struct vm *vm, FILE *out);

/* Print what is known of hardware errors: counts, and each bad page. Without vm.fw. */
void stats_print_errors(struct vm *vm, FILE *out);

#endif
