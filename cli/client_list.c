/* `rasvm list`: the guests that have a name, of this user. Removes what killed ones left behind. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arm64/status.h"
#include "cli/client.h"
#include "cli/client_options.h"
#include "cli/command.h"
#include "lib/clock.h"
#include "lib/json_write.h"
#include "lib/parse.h"

#define SUFFIX ".sock"

struct listing {
	bool json;
	unsigned shown;
	const char *name; /* of the guest that is asked */
};

static uint64_t number(const struct json_line *row, const char *name)
{
	uint64_t value = 0;

	return json_line_u64(row, name, &value) ? value : 0;
}

/* Names are at most 63 characters, but mostly short. */
static void print_columns(const char *name, const char *state, const char *pid, const char *cpus,
			  const char *memory, const char *uptime)
{
	printf("%-20s %-9s %8s %5s %8s %10s\n", name, state, pid, cpus, memory, uptime);
}

static void print_head(struct listing *listing)
{
	if (listing->shown++ == 0 && !listing->json)
		print_columns("NAME", "STATE", "PID", "CPUS", "MEMORY", "UPTIME");
}

static void show_row(void *world, const struct client_line *row)
{
	struct listing *listing = world;
	char pid[24], cpus[24], memory[PARSE_TEXT_BYTES], uptime[PARSE_TEXT_BYTES];
	const char *state = json_line_text(&row->json, "state");

	print_head(listing);
	if (listing->json) {
		printf("%s\n", row->text);
		return;
	}
	snprintf(pid, sizeof(pid), "%" PRIu64, number(&row->json, "pid"));
	snprintf(cpus, sizeof(cpus), "%" PRIu64, number(&row->json, "cpus"));
	parse_print_size(number(&row->json, "memory_bytes"), memory);
	snprintf(uptime, sizeof(uptime), "%" PRIu64 "s",
		 number(&row->json, "uptime_ns") / NS_PER_SEC);
	print_columns(listing->name, state && strcmp(state, "paused") == 0 ? "paused" : "running",
		      pid, cpus, memory, uptime);
}

/* Somebody holds its socket, and does not answer, or not to us. */
static void show_state(struct listing *listing, const char *state)
{
	char text[256];
	struct json_write w = json_write_in(text, sizeof(text));

	print_head(listing);
	if (!listing->json) {
		print_columns(listing->name, state, "-", "-", "-", "-");
		return;
	}
	json_object(&w, NULL);
	json_text(&w, "row", "guest");
	json_text(&w, "name", listing->name);
	json_text(&w, "state", state);
	if (json_finish(&w))
		fputs(text, stdout);
}

static void list_one(struct listing *listing, const struct ctl_dir *dir, const char *name)
{
	struct client client;
	struct err ignored;
	int r = client_open_at(&client, dir, name);

	listing->name = name;
	if (r == -ECONNREFUSED && ctl_dir_clean(dir, name))
		return;
	if (r == -ENOENT || r == -ECONNREFUSED)
		return; /* it just ended, or just starts */
	if (r == 0)
		r = client_do(&client, CTL_STATUS, NULL, NULL, show_row, listing, &ignored);
	if (r == -EPROTO)
		show_state(listing, "refused");
	else if (r && r != -EPIPE)
		show_state(listing, "silent");
	client_close(&client);
}

/* NAME.sock, with a name that a guest can have. */
static int is_socket(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name), suffix = strlen(SUFFIX);
	char name[sizeof(entry->d_name)];
	struct err ignored;

	if (n <= suffix || strcmp(entry->d_name + n - suffix, SUFFIX) != 0)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(n - suffix), entry->d_name);
	return ctl_name_check(name, &ignored) == 0;
}

static int list_dir(struct listing *listing, const struct ctl_dir *dir)
{
	struct dirent **entry;
	int n = scandirat(dir->fd, ".", &entry, is_socket, alphasort);

	for (int i = 0; i < n; i++) {
		entry[i]->d_name[strlen(entry[i]->d_name) - strlen(SUFFIX)] = '\0';
		list_one(listing, dir, entry[i]->d_name);
		free(entry[i]);
	}
	if (n >= 0)
		free(entry);
	return n < 0 ? -errno : 0;
}

/* A directory that is not there has no guests; one that cannot be trusted is not looked into. */
static int list_all(struct listing *listing)
{
	struct ctl_env env = ctl_env_now();
	int status = STATUS_POWEROFF;
	struct ctl_dir dir;
	struct err err;

	for (unsigned kind = 0; kind < CTL_NR_DIRS; kind++) {
		int r = ctl_dir_open(&dir, &env, (enum ctl_dir_kind)kind, false, &err);

		if (r == 0)
			r = list_dir(listing, &dir);
		ctl_dir_close(&dir);
		if (r == 0 || r == -ENOENT || (r == -EPERM && kind == CTL_DIR_RUNTIME) ||
		    (r == -ENXIO && listing->shown))
			continue;
		help_print_error("list", err.text);
		status = STATUS_INTERNAL;
	}
	return status;
}

int command_list(int argc, char **argv)
{
	struct client_options options;
	struct listing listing = { .json = false };
	struct err err = { "" };
	int status, written;

	if (client_options_parse(COMMAND_LIST, &options, argc, argv, &err)) {
		help_print_error("list", err.text);
		return STATUS_USAGE;
	}
	if (options.help) {
		help_print_command(COMMAND_LIST, stdout);
		return command_finish_output(stdout);
	}
	listing.json = options.json;
	status = list_all(&listing);
	written = command_finish_output(stdout);
	return status == STATUS_POWEROFF ? written : status;
}
