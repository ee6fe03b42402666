/* Readers and printers of the options that no kind of lib/opt.h describes. Pure. */
#ifndef CLI_OPTION_VALUES_H
#define CLI_OPTION_VALUES_H

#include "lib/opt.h"

/* All have the types of lib/opt.h; the target is a struct run_options. */
opt_parse_fn value_parse_affinity, value_parse_backing, value_parse_config, value_parse_console,
	value_parse_debug, value_parse_define, value_parse_delay, value_parse_fail,
	value_parse_help, value_parse_hugetlbfs, value_parse_inject, value_parse_kaslr_seed,
	value_parse_params, value_parse_print_config, value_parse_psci_version, value_parse_ras,
	value_parse_sdei_event, value_parse_sdei_trigger, value_parse_smccc;
opt_print_fn value_print_affinity, value_print_backing, value_print_console, value_print_define,
	value_print_delay, value_print_fail, value_print_inject, value_print_kaslr_seed,
	value_print_params, value_print_psci_version, value_print_ras, value_print_sdei_event,
	value_print_sdei_trigger, value_print_smccc;

/* The positional argument: the kernel, unless there is one. */
int value_parse_positional(void *target, const char *text, struct err *err);

#endif
