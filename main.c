/* rasvm: a virtual machine monitor for arm64 KVM that is its guest's firmware. */
#include <stdlib.h>

#include "cli/cli.h"

int main(int argc, char **argv)
{
	exit(cli_main(argc, argv));
}
