/* See status.h. The texts fill the man page's table and end `rasvm run --loglevel info`. */
#include "arm64/status.h"

#include "lib/types.h"

const struct status_row status_table[] = {
	/* clang-format off */
	{ STATUS_POWEROFF,    "poweroff",    "the guest powered off" },
	{ STATUS_INTERNAL,    "internal",    "rasvm itself failed: out of memory, or a bug" },
	{ STATUS_USAGE,       "usage",       "bad option, value or file; nothing was started" },
	{ STATUS_HOST_KVM,    "host-kvm",    "KVM is missing, lacks something needed, or failed" },
	{ STATUS_RESET,       "reset",       "the guest reset and --on-reset=exit was given" },
	{ STATUS_PANIC,       "panic",       "the guest's kernel panicked" },
	{ STATUS_TIMEOUT,     "timeout",     "the time given with --timeout passed" },
	{ STATUS_HIBERNATE,   "hibernate",   "the guest powered off after saving its memory" },
	{ STATUS_ALL_OFF,     "all-off",     "every CPU is off: nothing can run any more" },
	{ STATUS_INTERRUPTED, "interrupted", "stopped by a signal, Ctrl-a x, rasvm stop --force or a script" },
	{ STATUS_HARDWARE,    "hardware",    "a hardware memory error that the guest could not be told of" },
	{ STATUS_SCRIPT,      "script",      "a result of --script is not ok" },
	{ STATUS_GUEST_EXIT,  "guest-exit",  "and above, to 127: the guest ended the run by its exit call, with the status less 64" },
	/* clang-format on */
};

const char *status_text(enum exit_status status)
{
	if (status >= STATUS_GUEST_EXIT && status <= STATUS_GUEST_EXIT_LAST)
		return "the guest ended the run by its exit call";
	for (unsigned i = 0; i < ARRAY_SIZE(status_table); i++)
		if (status_table[i].status == status)
			return status_table[i].text;
	return "unknown exit status";
}

enum exit_status status_of_guest(uint64_t code)
{
	const uint64_t most = STATUS_GUEST_EXIT_LAST - STATUS_GUEST_EXIT;

	if (code == 0)
		return STATUS_POWEROFF;
	return (enum exit_status)(STATUS_GUEST_EXIT + (int)(code < most ? code : most));
}

const unsigned status_table_rows = ARRAY_SIZE(status_table);
