/*
 * The first process of a guest of `rasvm exec`, linked statically and carried by rasvm in an initramfs that it
 * makes for the run: it finds the host's directories and ports, runs one command in them, and says how that
 * ended.
 *
 * What it is to do is in RECORD, strings that each end with a 0, the first byte of each says what it is:
 *   M path  a module to load, in this order        C path  the command's directory, rw or ro by
 *   W rw|ro                                        E NAME=VALUE  of its environment     A text  an argument
 *
 * What it says by the port rasvm.ctl, a line each: "ready", the command starts; "exit N", "signal N", how it
 * ended; "cannot TEXT", it was not started. What it is told: "signal N", to be sent to the command's processes.
 */
#ifndef GUEST_INIT_H
#define GUEST_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RECORD  "/rasvm/command"
#define WAIT_MS 10000 /* for a device to show up */

/* Strings are parts of `record`; nothing is ever given back. */
struct command {
	char *record;
	char **module, **env, **arg; /* each ends with NULL */
	const char *cwd;
	bool rw;
};

/* 0, or -errno. */
int command_read(struct command *c);

enum { PORT_IN, PORT_OUT, PORT_ERR, PORT_CTL, PORTS };

/* Descriptors of the four ports. */
struct ports {
	int fd[PORTS];
};

/* Say on the console, and by the port if it is open, why the command cannot be run; then power off. */
void cannot(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void power_off(void) __attribute__((noreturn));

void say(const char *line);
void nap_ms(unsigned ms);

/* Each ends by cannot() if it fails. */
void mount_own(void);
void load_modules(const struct command *c);
void open_ports(struct ports *p);
void build_root(const struct command *c);

/* Run the command and move its streams until it has ended and all it wrote is on its way. The status as of
 * waitpid(2). */
int run_command(const struct command *c, const struct ports *p);

#endif
