/* `rasvm doctor`: what this host's KVM offers. */
#include <string.h>

#include "arm64/machine.h"
#include "cli/command.h"

int command_doctor(int argc, char **argv)
{
	int status, written;

	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		help_print_command(COMMAND_DOCTOR, stdout);
		return command_finish_output(stdout);
	}
	if (argc > 0) {
		help_print_error("doctor", "takes no arguments");
		return STATUS_USAGE;
	}
	status = machine_doctor(stdout);
	written = command_finish_output(stdout);
	return written == STATUS_POWEROFF ? status : written;
}
