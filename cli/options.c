/*
 * See options.h. The names, short and long, are those of kvmtool's `lkvm run` where it has the
 * option, and so are the defaults for the number of CPUs and the memory size, so that scripts
 * written for it work. Of its other options, those that ask for something rasvm does not have are
 * refused by name, and those that switch off something it does not have are accepted.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/option_devices.h"
#include "cli/option_values.h"
#include "hypercall/psci.h"
#include "hypercall/vendor.h"
#include "lib/clock.h"
#include "lib/keylist.h"

#define CONFIG(field) offsetof(struct run_options, config.field)
#define SCRIPT(field) offsetof(struct run_options, script.field)

/* The longest command line arm64 Linux takes, with its final zero byte. */
#define MAX_PARAMS_BYTES 2048

/* Largest RAM: 52 bits of guest physical address. */
#define MAX_RAM_BYTES (UINT64_C(1) << 52)

#define NS_PER_HOUR (UINT64_C(3600) * 1000 * 1000 * 1000)

static const struct opt_choice feature_choices[] = {
	{ "auto", FEATURE_AUTO },
	{ "on", FEATURE_ON },
	{ "off", FEATURE_OFF },
	{ NULL, 0 },
};

static const struct opt_choice irqchip_choices[] = {
	{ "auto", IRQCHIP_AUTO },           { "gicv2", IRQCHIP_GICV2 },
	{ "gicv2m", IRQCHIP_GICV2M },       { "gicv3", IRQCHIP_GICV3 },
	{ "gicv3-its", IRQCHIP_GICV3_ITS }, { NULL, 0 },
};

static const struct opt_choice psci_choices[] = {
	{ "user", PSCI_USER },
	{ "kernel", PSCI_KERNEL },
	{ NULL, 0 },
};

static const struct opt_choice tables_choices[] = {
	{ "auto", TABLES_AUTO }, { "dt", TABLES_DT }, { "acpi", TABLES_ACPI },
	{ "both", TABLES_BOTH }, { NULL, 0 },
};

static const struct opt_choice on_reset_choices[] = {
	{ "reboot", ON_RESET_REBOOT },
	{ "exit", ON_RESET_EXIT },
	{ NULL, 0 },
};

static const struct opt_choice on_panic_choices[] = {
	{ "exit", ON_PANIC_EXIT },
	{ "continue", ON_PANIC_CONTINUE },
	{ NULL, 0 },
};

static const struct opt_choice all_off_choices[] = {
	{ "exit", ALL_OFF_EXIT },
	{ "wait", ALL_OFF_WAIT },
	{ NULL, 0 },
};

static const struct opt_choice pause_clock_choices[] = {
	{ "stop", PAUSE_CLOCK_STOP },
	{ "run", PAUSE_CLOCK_RUN },
	{ NULL, 0 },
};

static const struct opt_choice transport_choices[] = {
	{ "mmio", CONFIG_VIRTIO_MMIO },
	{ "pci", CONFIG_VIRTIO_PCI },
	{ NULL, 0 },
};

static const struct opt_choice loglevel_choices[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARN },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

static const struct opt run_rows[] = {
	/* clang-format off */
	{ .kind = OPT_GROUP, .help = "Kernel" },
	{ .name = "kernel", .letter = 'k', .kind = OPT_STRING, .flags = OPT_PATH,
	  .offset = CONFIG(kernel), .arg = "FILE",
	  .help = "What to boot: an arm64 Image, also gzip-compressed or as an EFI zboot file, or "
		  "an ELF file.",
	  .more = "An argument that is no option means the same." },
	{ .name = "initrd", .letter = 'i', .kind = OPT_STRING, .flags = OPT_PATH,
	  .offset = CONFIG(initrd), .arg = "FILE", .help = "Initial RAM disk." },
	{ .name = "params", .letter = 'p', .kind = OPT_CUSTOM, .flags = OPT_REPEAT, .arg = "TEXT",
	  .parse = value_parse_params, .print = value_print_params,
	  .help = "Kernel command line. May be repeated: the texts are joined by blanks." },
	{ .name = "flat", .kind = OPT_FLAG, .offset = CONFIG(flat),
	  .help = "The kernel is a flat binary: load it at the start of RAM + 0x80000 and enter it "
		  "there." },
	{ .name = "nodefaults", .kind = OPT_FLAG, .offset = offsetof(struct run_options, nodefaults),
	  .help = "As lkvm has it for test suites: a kernel file in no known format is a flat "
		  "binary. All else that it switches off rasvm never does." },

	{ .kind = OPT_GROUP, .help = "Machine" },
	{ .name = "cpus", .letter = 'c', .kind = OPT_NUMBER, .offset = CONFIG(cpus), .arg = "N",
	  .min = 1, .max = BOARD_MAX_CPUS, .zero = "auto",
	  .help = "Number of CPUs; auto is as many as the host has online." },
	{ .name = "mem", .letter = 'm', .kind = OPT_SIZE, .offset = CONFIG(ram_bytes),
	  .arg = "SIZE", .min = MIB(1), .max = MAX_RAM_BYTES, .multiple_of = 4096, .zero = "auto",
	  .help = "RAM: a number of MiB, or a number with one of B K M G T P. Auto is 64M times "
		  "(CPUs + 3), but at most four fifths of the host's." },
	{ .name = "mem-backing", .kind = OPT_CUSTOM, .arg = "anon|memfd|hugetlbfs=PATH|file=PATH",
	  .parse = value_parse_backing, .print = value_print_backing,
	  .help = "Where guest RAM comes from. Private memory with transparent huge pages, anon, "
		  "is fastest." },
	{ .name = "hugetlbfs", .kind = OPT_CUSTOM, .flags = OPT_PATH, .arg = "PATH",
	  .parse = value_parse_hugetlbfs,
	  .help = "Short for --mem-backing hugetlbfs=PATH." },
	{ .name = "irqchip", .kind = OPT_CHOICE, .offset = CONFIG(irqchip),
	  .arg = "auto|gicv2|gicv2m|gicv3|gicv3-its", .choices = irqchip_choices,
	  .help = "Interrupt controller; auto is the best the host's KVM has." },
	{ .name = "name", .kind = OPT_STRING, .offset = CONFIG(name), .arg = "NAME",
	  .help = "A name for the guest, by which rasvm list, stop, stat and others find it.",
	  .more = "It is also what top(1) shows for its process." },
	{ .name = "kaslr-seed", .kind = OPT_CUSTOM, .arg = "NUMBER",
	  .parse = value_parse_kaslr_seed, .print = value_print_kaslr_seed,
	  .help = "What the kernel randomises its address with: 64 bits, decimal or 0x, or random.",
	  .more = "The guest's kernel is then placed the same way in each run." },
	{ .name = "pvpanic", .kind = OPT_FLAG, .offset = CONFIG(pvpanic),
	  .help = "A register by which the guest's kernel says that it has panicked, console or "
		  "not.",
	  .more = "Drivers know it as pvpanic. A kernel without one does not look at it." },

	{ .kind = OPT_GROUP, .help = "CPU" },
	{ .name = "sve", .kind = OPT_SWITCH, .offset = CONFIG(sve), .choices = feature_choices,
	  .help = "Scalable vectors.",
	  .more = "For this and the other CPU features, auto gives the guest what the host has; "
		  "on is an error where the host does not have it." },
	{ .name = "sve-max-vl", .kind = OPT_NUMBER, .offset = CONFIG(sve_max_vl), .arg = "BITS",
	  .min = 128, .max = 2048, .multiple_of = 128, .zero = "host",
	  .help = "Longest vector the guest sees." },
	{ .name = "pauth", .kind = OPT_SWITCH, .offset = CONFIG(pauth), .choices = feature_choices,
	  .help = "Pointer authentication." },
	{ .name = "pmu", .kind = OPT_SWITCH, .offset = CONFIG(pmu), .choices = feature_choices,
	  .help = "Performance monitors." },
	{ .name = "pvtime", .kind = OPT_SWITCH, .offset = CONFIG(pvtime),
	  .choices = feature_choices, .help = "Stolen time, reported to the guest." },
	{ .name = "vcpu-affinity", .kind = OPT_CUSTOM, .flags = OPT_OWN_ERROR, .arg = "LIST",
	  .parse = value_parse_affinity, .print = value_print_affinity,
	  .help = "Host CPUs that run the guest's, such as 0-3,7." },
	{ .name = "cpuidle", .kind = OPT_FLAG, .offset = CONFIG(cpuidle),
	  .help = "Describe idle states to the guest, for CPU_SUSPEND." },

	{ .kind = OPT_GROUP, .help = "Firmware" },
	{ .name = "psci", .kind = OPT_CHOICE, .offset = CONFIG(psci), .arg = "user|kernel",
	  .choices = psci_choices,
	  .help = "Who answers PSCI calls: rasvm, or KVM by itself." },
	{ .name = "psci-version", .kind = OPT_CUSTOM, .flags = OPT_OWN_ERROR, .arg = "VERSION",
	  .parse = value_parse_psci_version, .print = value_print_psci_version,
	  .help = "PSCI version the guest sees: 0.2, 1.0, 1.1, 1.2, 1.3. Auto is 1.3, or what KVM "
		  "has with --psci kernel." },
	{ .name = "psci-on-pending", .kind = OPT_FLAG, .offset = CONFIG(psci_on_pending),
	  .help = "A CPU is ON_PENDING between CPU_ON and its first instruction; else it is ON at "
		  "once." },
	{ .name = "psci-fail", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "FUNCTION[,cpu=N][,count=K]=CODE",
	  .parse = value_parse_fail, .print = value_print_fail,
	  .help = "Make calls of a PSCI function fail, such as CPU_ON,count=1=DENIED. Repeatable.",
	  .more = "CODE is the name of a PSCI return code or a number, "
		  "cpu= limits the rule to calls made by one CPU, count= to the first K calls." },
	{ .name = "psci-delay", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "FUNCTION[,cpu=N][,count=K]=TIME",
	  .parse = value_parse_delay, .print = value_print_delay,
	  .help = "Answer calls of a PSCI function late, such as CPU_OFF=20ms. Repeatable." },
	{ .name = "smccc", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "RANGE=deny|kernel|log",
	  .parse = value_parse_smccc, .print = value_print_smccc,
	  .help = "Who answers further SMC and HVC calls. RANGE is BASE+COUNT or an owner such as "
		  "sip. Repeatable.",
	  .more = "See the section on firmware." },
	{ .name = "sdei", .kind = OPT_FLAG, .offset = CONFIG(sdei),
	  .help = "Offer SDEI to the guest.",
	  .more = "Without it, and with --psci kernel, its calls answer NOT_SUPPORTED and the "
		  "device tree does not mention it." },
	{ .name = "sdei-event", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "NUM,type=private|shared,prio=normal|critical",
	  .parse = value_parse_sdei_event, .print = value_print_sdei_event,
	  .help = "Add an SDEI event, besides those the machine has. Repeatable.",
	  .more = "NUM is from 0x40000000 to 0x40ffffff." },
	{ .name = "sdei-trigger", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "at=TIME,event=N[,cpu=M][,every=TIME[,count=K]]",
	  .parse = value_parse_sdei_trigger, .print = value_print_sdei_trigger,
	  .help = "Trigger an SDEI event at a time after the start, once or again and again. "
		  "Repeatable.",
	  .more = "N is a number, private-normal, private-critical, shared-normal, "
		  "shared-critical, watchdog, ras-normal or ras-critical; a private event needs "
		  "cpu=." },
	{ .name = "sdei-watchdog", .kind = OPT_DURATION, .offset = CONFIG(sdei_watchdog_ns),
	  .arg = "PERIOD", .min = NS_PER_MS, .max = VENDOR_MAX_PERIOD_MS * NS_PER_MS,
	  .zero = "none",
	  .help = "Trigger the SDEI event 0x40000008 once a period on each CPU that enabled it, as "
		  "firmware with an NMI watchdog does." },
	{ .name = "vendor-calls", .kind = OPT_FLAG, .offset = CONFIG(vendor_calls),
	  .help = "The guest may use calls of rasvm's own: trigger SDEI events, report results, "
		  "end the run.",
	  .more = "docs/firmware.md lists them." },
	{ .name = "firmware-tables", .kind = OPT_CHOICE, .offset = CONFIG(tables),
	  .arg = "auto|dt|acpi|both", .choices = tables_choices,
	  .help = "How the machine is described to the guest: by a device tree, by ACPI tables, or "
		  "by both.",
	  .more = "Auto is acpi if --ras or --inject ask for something that ACPI's error sources "
		  "bring to the guest, else dt." },

	{ .kind = OPT_GROUP, .help = "Hardware errors" },
	{ .name = "ras", .kind = OPT_CUSTOM,
	  .arg = "KEY=VALUE[,KEY=VALUE...]", .parse = value_parse_ras, .print = value_print_ras,
	  .help = "How the guest hears of memory errors: of those nobody has used, "
		  "ao=auto|none|sdei|serror|ged|polled|stop, of those a CPU uses, "
		  "ar=auto|sea|serror|stop, of corrected ones, ce=auto|none|sdei|ged|polled; "
		  "heal=never|reset|after-kill, limit=RATE, serror=ISS|none|auto, ack=TIME, "
		  "fallback=TIME.",
	  .more = "Given again, it changes the keys that it names. docs/ras.md explains them." },
	{ .name = "inject", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "KIND[,KEY=VALUE...]",
	  .parse = value_parse_inject, .print = value_print_inject,
	  .help = "Inject an error: mem-ao, mem-ar, mem-ce, serror, sea, sdei, ghes, arm-proc or "
		  "storm, at a time or an occasion (at=, when=console:REGEX, when=exit:N, every=, "
		  "count=), at a place (gpa=, va=, range=, cpu=). Repeatable.",
	  .more = "Further keys: pages=N, level=model|uffd|real and threshold of memory errors, "
		  "sev=recoverable|fatal|corrected|info of them and of records; aet=ce|ueo|uer|ueu|uc, "
		  "esr=ISS or no-esr of an SError; ifetch of an abort; event=N of SDEI; "
		  "source=sea|sdei-normal|sdei-critical|ged|polled, section=mem|arm|raw and file=FILE "
		  "of a record. gpa=$1 is what the first ( ) of "
		  "REGEX matched. A comma inside a value is written \\,. docs/ras.md explains them." },

	{ .kind = OPT_GROUP, .help = "Devices" },
	{ .name = "disk", .letter = 'd', .kind = OPT_CUSTOM, .flags = OPT_REPEAT | OPT_PATH,
	  .arg = "FILE[,ro][,direct][,KEY=VALUE...]",
	  .parse = device_parse_disk, .print = device_print_disk,
	  .help = "A disk: a raw file or a block device. A directory becomes the guest's root file "
		  "system, by 9p. Repeatable.",
	  .more = "Keys: queues=N, id=TEXT, aio=auto|threads|io_uring; faults on request by "
		  "fail=read|write|flush|discard,at=SECTOR,every=N,delay=TIME,torn. docs/devices.md "
		  "explains them." },
	{ .name = "network", .letter = 'n', .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "mode=tap|user|none[,KEY=VALUE...]",
	  .parse = device_parse_network, .print = device_print_network,
	  .help = "A network interface: by a tap, or without privilege by passt (user). "
		  "Repeatable.",
	  .more = "Keys: tapif=NAME, host_ip=ADDRESS, script=FILE, downscript=FILE, vhost=0|1, "
		  "fd=N of a tap; socket=PATH, tcp=PORTS, udp=PORTS of passt; mac=, mtu=, queues= "
		  "of the interface. None takes back all before it. docs/devices.md explains them." },
	{ .name = "9p", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "DIR,TAG[,ro][,ids=passthrough|mapped]",
	  .parse = device_parse_share, .print = device_print_share,
	  .help = "Share a directory, which the guest mounts by its tag. Repeatable." },
	{ .name = "rng", .kind = OPT_FLAG, .offset = CONFIG(rng),
	  .help = "Give the guest random bytes of the host." },
	{ .name = "port", .kind = OPT_CUSTOM, .flags = OPT_REPEAT,
	  .arg = "NAME[,in=FILE][,out=FILE][,console]",
	  .parse = device_parse_port, .print = device_print_port,
	  .help = "A port of a virtio console, by which the guest's /dev/virtio-ports/NAME reads and "
		  "writes files or FIFOs. Repeatable.",
	  .more = "With console it is a terminal of the guest, hvc0 the first of them." },
	{ .name = "virtio-transport", .kind = OPT_CHOICE, .offset = CONFIG(transport),
	  .arg = "mmio|pci", .choices = transport_choices,
	  .help = "What the guest finds virtio devices behind." },
	{ .name = "force-pci", .kind = OPT_ACTION, .flags = OPT_COMMAND_LINE,
	  .parse = device_parse_force_pci, .help = "Short for --virtio-transport pci." },

	{ .kind = OPT_GROUP, .help = "Console" },
	{ .name = "console", .kind = OPT_CUSTOM, .arg = "serial|pty|none|file=PATH",
	  .parse = value_parse_console, .print = value_print_console,
	  .help = "Where the first serial port goes: standard input and output, a new pseudo "
		  "terminal, nowhere, or a file.",
	  .more = "A path that contains a slash or a dot needs no file= in front." },

	{ .kind = OPT_GROUP, .help = "Run control" },
	{ .name = "on-reset", .kind = OPT_CHOICE, .offset = CONFIG(on_reset), .arg = "reboot|exit",
	  .choices = on_reset_choices, .help = "What a reset by the guest does.",
	  .more = "Reboot starts the machine again in place; exit ends rasvm with status 4." },
	{ .name = "on-panic", .kind = OPT_CHOICE, .offset = CONFIG(on_panic),
	  .arg = "exit|continue", .choices = on_panic_choices,
	  .help = "What a panic of the guest's kernel does.",
	  .more = "Exit ends rasvm with status 5; continue leaves the guest to itself." },
	{ .name = "all-off", .kind = OPT_CHOICE, .offset = CONFIG(all_off), .arg = "exit|wait",
	  .choices = all_off_choices,
	  .help = "What happens when the guest has turned off every CPU.",
	  .more = "Exit ends rasvm with status 8; wait keeps the machine as it is." },
	{ .name = "pause-clock", .kind = OPT_CHOICE, .offset = CONFIG(pause_clock),
	  .arg = "stop|run", .choices = pause_clock_choices,
	  .help = "What the guest's virtual counter does while the guest is paused.",
	  .more = "Stop: the guest does not see that time has passed, except by its real time "
		  "clock; run: its timers come late." },
	{ .name = "timeout", .kind = OPT_DURATION, .offset = CONFIG(timeout_ns), .arg = "TIME",
	  .min = 1, .max = NS_PER_HOUR * 24 * 366, .zero = "none",
	  .help = "Stop the guest after this long: seconds, or a number with one of ns us ms s m "
		  "h.",
	  .more = "Rasvm then exits with status 6." },
	{ .name = "config", .kind = OPT_CUSTOM, .flags = OPT_COMMAND_LINE | OPT_PATH | OPT_OWN_ERROR,
	  .arg = "FILE", .parse = value_parse_config,
	  .help = "Read options from a file, as if they stood here. Later ones win." },
	{ .name = "print-config", .kind = OPT_ACTION, .flags = OPT_COMMAND_LINE,
	  .parse = value_parse_print_config,
	  .help = "Print all options as a config file, and start nothing." },
	{ .name = "dry-run", .kind = OPT_FLAG, .offset = CONFIG(dry_run),
	  .help = "Print the machine that would be built, and start nothing." },

	{ .kind = OPT_GROUP, .help = "Scripts" },
	{ .name = "script", .kind = OPT_STRING, .flags = OPT_PATH, .offset = SCRIPT(script),
	  .arg = "FILE",
	  .help = "Have a script drive the guest and check what it does; rasvm exits with 0, or "
		  "with 11 if something is not as it should be.",
	  .more = "docs/scripts.md describes the language." },
	{ .name = "script-check", .kind = OPT_FLAG, .offset = SCRIPT(check),
	  .help = "Only look for errors in the script." },
	{ .name = "define", .kind = OPT_CUSTOM, .flags = OPT_REPEAT, .arg = "NAME=VALUE",
	  .parse = value_parse_define, .print = value_print_define,
	  .help = "Set a variable of the script. Repeatable." },
	{ .name = "tap", .kind = OPT_STRING, .flags = OPT_PATH, .offset = SCRIPT(tap),
	  .arg = "FILE",
	  .help = "Write the script's results to a file, as TAP. Without it they go to standard "
		  "output, and the guest's console to standard error." },
	{ .name = "junit", .kind = OPT_STRING, .flags = OPT_PATH, .offset = SCRIPT(junit),
	  .arg = "FILE", .help = "Write the script's results to a file, as JUnit XML." },
	{ .name = "transcript", .kind = OPT_STRING, .flags = OPT_PATH,
	  .offset = SCRIPT(transcript), .arg = "FILE",
	  .help = "Write what the guest printed and was given, what its firmware did and what "
		  "the script did, each with its time, to a file." },

	{ .kind = OPT_GROUP, .help = "Debugging" },
	{ .name = "trace", .kind = OPT_STRING, .flags = OPT_PATH, .offset = CONFIG(trace_path),
	  .arg = "FILE",
	  .help = "Write each firmware call, and what becomes of SDEI events and hardware errors, "
		  "to a file, as JSON lines." },
	{ .name = "stats", .kind = OPT_FLAG, .offset = CONFIG(stats),
	  .help = "Print counts of each CPU's exits and firmware calls, and of hardware errors, at "
		  "the end." },
	{ .name = "dump-dtb", .kind = OPT_STRING, .flags = OPT_PATH,
	  .offset = CONFIG(dump_dtb_path), .arg = "FILE",
	  .help = "Write the guest's device tree to a file." },
	{ .name = "test-timer", .kind = OPT_FLAG, .offset = CONFIG(test_timer),
	  .help = "Add a device with which the guest raises interrupt lines by itself." },
	{ .name = "debug-single-step", .kind = OPT_FLAG, .offset = CONFIG(single_step),
	  .help = "Stop after each guest instruction and go on; slow, for testing rasvm's own "
		  "event delivery." },
	{ .name = "loglevel", .kind = OPT_CHOICE, .offset = offsetof(struct run_options, loglevel),
	  .arg = "error|warning|info|debug", .choices = loglevel_choices,
	  .help = "Which messages are shown." },
	{ .name = "debug", .kind = OPT_ACTION, .flags = OPT_COMMAND_LINE,
	  .parse = value_parse_debug, .help = "Short for --loglevel debug." },
	{ .name = "help", .letter = 'h', .kind = OPT_ACTION, .flags = OPT_COMMAND_LINE,
	  .parse = value_parse_help, .help = "Show this." },

	/* lkvm's, which switch off what rasvm never does. */
	{ .name = "no-dhcp", .kind = OPT_IGNORED, .flags = OPT_NO_VALUE },
	{ .name = "disable-mte", .kind = OPT_IGNORED, .flags = OPT_NO_VALUE },

	/* lkvm's, not built yet. */
	{ .name = "firmware", .letter = 'f', .kind = OPT_UNAVAILABLE, .arg = "FILE" },
	{ .name = "firmware-address", .kind = OPT_UNAVAILABLE, .arg = "ADDRESS" },
	{ .name = "flash", .letter = 'F', .kind = OPT_UNAVAILABLE, .arg = "FILE" },
	{ .name = "virtio-legacy", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "balloon", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "vsock", .kind = OPT_UNAVAILABLE, .arg = "CID" },
	{ .name = "vnc", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "sdl", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "gtk", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "tty", .kind = OPT_UNAVAILABLE, .arg = "ID" },
	{ .name = "dev", .kind = OPT_UNAVAILABLE, .arg = "FILE" },
	{ .name = "sandbox", .kind = OPT_UNAVAILABLE, .arg = "SCRIPT" },
	{ .name = "ipc-dir", .kind = OPT_UNAVAILABLE, .arg = "DIR" },
	{ .name = "vfio-pci", .kind = OPT_UNAVAILABLE, .arg = "DEVICE" },
	{ .name = "gdb", .kind = OPT_UNAVAILABLE, .arg = "PORT" },
	{ .name = "aarch32", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "nested", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "override-bad-firmware-cntfrq", .kind = OPT_UNAVAILABLE, .arg = "HZ" },
	{ .name = "debug-ioport", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "debug-mmio", .kind = OPT_UNAVAILABLE, .flags = OPT_NO_VALUE },
	{ .name = "debug-iodelay", .kind = OPT_UNAVAILABLE, .arg = "MS" },
	/* clang-format on */
};

const struct opt_table run_option_table = {
	.rows = run_rows,
	.nrows = ARRAY_SIZE(run_rows),
	.positional = value_parse_positional,
};

void options_init(struct run_options *options)
{
	/* Most defaults are the 0 of their type; memset, so that padding is 0 too. */
	memset(options, 0, sizeof(*options));
	options->config.psci_version = PSCI_VERSION_1_3;
	options->config.sdei = true;
	options->config.pvpanic = true;
	options->config.ras = ras_policy_default();
	options->loglevel = LOG_LEVEL_WARN;
}

void options_free(struct run_options *options)
{
	while (options->texts) {
		struct text *next = options->texts->next;

		free(options->texts);
		options->texts = next;
	}
}

char *options_room(struct run_options *options, size_t bytes)
{
	struct text *t = malloc(sizeof(*t) + bytes);

	if (!t)
		return NULL;
	t->next = options->texts;
	options->texts = t;
	return t->text;
}

int options_parse(struct run_options *options, int argc, const char *const *argv, struct err *err)
{
	return opt_parse(&run_option_table, options, argc, argv, err);
}

struct host_facts options_host_facts(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGE_SIZE);

	return (struct host_facts){
		.online_cpus = cpus > 0 ? (unsigned)cpus : 1,
		.ram_bytes =
			pages > 0 && page_bytes > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0,
	};
}

static unsigned default_cpus(const struct run_config *config, const struct host_facts *host)
{
	bool gicv2 = config->irqchip == IRQCHIP_GICV2 || config->irqchip == IRQCHIP_GICV2M;
	unsigned max = board_gic_max_cpus(gicv2 ? BOARD_GICV2 : BOARD_GICV3);

	return host->online_cpus < max ? host->online_cpus : max;
}

/* kvmtool's rule; a multiple of 2 MiB, so that huge pages cover it. */
static uint64_t default_ram_bytes(unsigned cpus, const struct host_facts *host)
{
	uint64_t wanted = MIB(64) * (cpus + 3), limit = host->ram_bytes / 10 * 8;

	if (limit > MIB(64) && wanted > limit)
		return align_down(limit, MIB(2));
	return wanted;
}

/* Fail rules before delay rules, as config_file_print() writes them; the order between the two
 * kinds has no meaning. */
static void sort_faults(struct fault_table *table)
{
	struct fault_table sorted;

	memset(&sorted, 0, sizeof(sorted));
	for (int delay = 0; delay <= 1; delay++)
		for (unsigned i = 0; i < table->n; i++)
			if (table->rule[i].delay == (bool)delay)
				sorted.rule[sorted.n++] = table->rule[i];
	*table = sorted;
}

static int check_params(const struct run_config *config, struct err *err)
{
	size_t bytes = config->params ? strlen(config->params) + 1 : 0;

	if (bytes <= MAX_PARAMS_BYTES || config->flat)
		return 0;
	return err_set(err, -EINVAL, "--params: %zu characters, but arm64 Linux reads at most %d",
		       bytes - 1, MAX_PARAMS_BYTES - 1);
}

/* The options about rasvm's own firmware mean nothing if KVM is the firmware. */
static int check_psci(const struct run_config *config, struct err *err)
{
	if (config->psci == PSCI_USER)
		return 0;
	if (config->faults.n > 0)
		return err_set(err, -EINVAL, "--%s: needs --psci user",
			       config->faults.rule[0].delay ? "psci-delay" : "psci-fail");
	if (config->psci_on_pending)
		return err_set(err, -EINVAL, "--psci-on-pending: needs --psci user");
	if (config->vendor_calls)
		return err_set(err, -EINVAL, "--vendor-calls: needs --psci user");
	return 0;
}

/* The first option given that means nothing without rasvm's SDEI, or NULL. */
static const char *sdei_option(const struct run_config *config)
{
	if (config->nsdei_events)
		return "sdei-event";
	if (config->nsdei_triggers)
		return "sdei-trigger";
	return config->sdei_watchdog_ns ? "sdei-watchdog" : NULL;
}

static int bad_trigger(const struct sdei_trigger_rule *rule, const char *reason, struct err *err)
{
	char text[128] = "";
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (f) {
		sdei_print_trigger(rule, f);
		fclose(f);
	}
	return err_set(err, -EINVAL, "--sdei-trigger: \"%s\" %.300s", text, reason);
}

static int check_sdei(const struct run_config *config, struct err *err)
{
	const char *option = sdei_option(config);
	struct err reason = { "" };

	if (option && !config->sdei)
		return err_set(err, -EINVAL, "--%s: %s", option,
			       config->psci == PSCI_KERNEL ? "needs --psci user"
							   : "has no meaning with --no-sdei");
	for (unsigned i = 0; i < config->nsdei_triggers; i++) {
		const struct sdei_trigger_rule *rule = &config->sdei_trigger[i];

		if (sdei_check_trigger(rule, config->sdei_event, config->nsdei_events,
				       config->sdei_watchdog_ns > 0, config->cpus, &reason) < 0)
			return bad_trigger(rule, reason.text, err);
	}
	return 0;
}

static bool has_acpi(const struct run_config *config)
{
	return config_tables(config) != BOARD_TABLES_DT;
}

/* Ways that the operator chose and the machine does not have. */
static int check_ras(const struct run_config *config, struct err *err)
{
	const struct ras_policy *ras = &config->ras;
	bool sdei = ras->ao == RAS_AO_SDEI || ras->ce == RAS_CE_SDEI;
	bool record = ras->ao == RAS_AO_GED || ras->ao == RAS_AO_POLLED || ras->ce == RAS_CE_GED ||
		      ras->ce == RAS_CE_POLLED;

	if (sdei && !config->sdei)
		return err_set(
			err, -EINVAL,
			"--ras: sdei needs SDEI, which --psci kernel and --no-sdei switch off");
	if (record && !has_acpi(config))
		return err_set(
			err, -EINVAL,
			"--ras: ged and polled need ACPI: use --firmware-tables acpi or both");
	return 0;
}

static int bad_injection(const struct inject_rule *rule, const char *reason, struct err *err)
{
	char text[KEYLIST_MAX_BYTES] = "";

	inject_text(rule, text, sizeof(text));
	return err_set(err, -EINVAL, "--inject: \"%.200s\" %.280s", text, reason);
}

/* ras/ knows no events but its own. */
static int check_event(const struct run_config *config, const struct inject_rule *rule,
		       struct err *err)
{
	const struct sdei_trigger_rule trigger = {
		.event = rule->event,
		.cpu = rule->cpu == INJECT_ANY_CPU ? SDEI_NO_CPU : rule->cpu,
	};

	return sdei_check_trigger(&trigger, config->sdei_event, config->nsdei_events,
				  config->sdei_watchdog_ns > 0, config->cpus, err);
}

static int check_injections(const struct run_config *config, struct err *err)
{
	const struct inject_machine machine = {
		.ncpus = config->cpus,
		.ram = gpa(BOARD_RAM_BASE),
		.ram_bytes = config->ram_bytes,
		.acpi = has_acpi(config),
		.sdei = config->sdei,
	};

	for (unsigned i = 0; i < config->ninject; i++) {
		const struct inject_rule *rule = &config->inject[i];
		struct err reason = { "" };
		int rc = inject_check(rule, &machine, &reason);

		if (rc == 0 && rule->kind == INJECT_SDEI)
			rc = check_event(config, rule, &reason);
		if (rc < 0)
			return bad_injection(rule, reason.text, err);
	}
	return 0;
}

static int check_smccc(const struct run_config *config, struct err *err)
{
	struct err reason = { "" };
	int rc = smccc_filter_check(config->smccc, config->nsmccc, config_own_calls(config),
				    &reason);

	return rc < 0 ? err_set(err, -EINVAL, "--smccc: %.400s", reason.text) : 0;
}

static int check_fault_cpus(const struct run_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->faults.n; i++) {
		const struct fault_rule *rule = &config->faults.rule[i];

		if (rule->pe != FAULT_ANY_PE && rule->pe >= config->cpus)
			return err_set(err, -EINVAL,
				       "--psci-%s: cpu=%u does not exist; with --cpus %u they are "
				       "0 to %u",
				       rule->delay ? "delay" : "fail", rule->pe, config->cpus,
				       config->cpus - 1);
	}
	return 0;
}

/* What means nothing without a script. */
static int check_script(const struct script_options *script, struct err *err)
{
	const struct {
		bool given;
		const char *name;
	} options[] = {
		{ script->check, "script-check" },
		{ script->tap, "tap" },
		{ script->junit, "junit" },
		{ script->ndefines, "define" },
	};

	for (unsigned i = 0; !script->script && i < ARRAY_SIZE(options); i++)
		if (options[i].given)
			return err_set(err, -EINVAL, "--%s: needs --script FILE", options[i].name);
	return 0;
}

static int check_combinations(const struct run_config *config, struct err *err)
{
	int rc;

	if (config->sve == FEATURE_OFF && config->sve_max_vl)
		return err_set(err, -EINVAL, "--sve-max-vl: has no meaning with --no-sve");
	rc = check_params(config, err);
	if (rc == 0)
		rc = check_psci(config, err);
	if (rc == 0)
		rc = check_fault_cpus(config, err);
	if (rc == 0)
		rc = check_sdei(config, err);
	if (rc == 0)
		rc = check_ras(config, err);
	if (rc == 0)
		rc = check_injections(config, err);
	return rc < 0 ? rc : check_smccc(config, err);
}

int options_finish(struct run_options *options, const struct host_facts *host, struct err *err)
{
	struct run_config *config = &options->config;

	if (config->cpus == 0)
		config->cpus = default_cpus(config, host);
	if (config->ram_bytes == 0)
		config->ram_bytes = default_ram_bytes(config->cpus, host);
	if (config->psci == PSCI_KERNEL)
		config->sdei = false;
	sort_faults(&config->faults);
	if (check_script(&options->script, err) < 0)
		return -EINVAL;
	if (!config->kernel && !options->print_config && !config->dry_run && !options->script.check)
		return err_set(err, -EINVAL, "--kernel: missing; say what to boot, as in -k Image");
	return check_combinations(config, err);
}
