/* Readers and printers of the options that add devices. Pure. */
#ifndef CLI_OPTION_DEVICES_H
#define CLI_OPTION_DEVICES_H

#include "cli/options.h"
#include "lib/opt.h"

/* All have the types of lib/opt.h; the target is a struct run_options. */
opt_parse_fn device_parse_disk, device_parse_network, device_parse_share, device_parse_port,
	device_parse_force_pci;
opt_print_fn device_print_disk, device_print_network, device_print_share, device_print_port;

/* Disk `index` names a directory: share that as the root file system instead, as kvmtool does. 0, or -errno with
 * `err`. */
int device_disk_is_directory(struct run_options *options, unsigned index, struct err *err)
	__attribute__((warn_unused_result));

/* Where the guest's kernel finds its root file system, unless the command line or an initrd says: on the
 * directory that was given as a disk, or on the first disk. 0, or -ENOMEM with `err`. */
int device_add_root_params(struct run_options *options, struct err *err)
	__attribute__((warn_unused_result));

#endif
