/* The commands that show what a guest answers: stat, debug, sdei. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/client_command.h"
#include "cli/client_metrics.h"
#include "lib/parse.h"

#define REGISTERS_A_LINE 3

static void show_json(void *world, const struct client_line *row)
{
	(void)world;
	printf("%s\n", row->text);
}

static void print_member(const struct json_member *m)
{
	if (m->type == JSON_OTHER)
		return;
	fputc(' ', stdout);
	client_print(m->name, strlen(m->name));
	fputc('=', stdout);
	client_print(m->text, m->n);
}

/* "exit cpu=0 reason=mmio count=12" */
static void show_plain(void *world, const struct client_line *row)
{
	const char *kind = json_line_text(&row->json, "row");

	(void)world;
	if (kind)
		client_print(kind, strlen(kind));
	for (unsigned i = 0; i < row->json.nmembers; i++)
		if (strcmp(row->json.member[i].name, "row") != 0)
			print_member(&row->json.member[i]);
	fputc('\n', stdout);
}

/* ---- debug ---- */

static const char *text_of(const struct client_line *row, const char *name)
{
	const char *text = json_line_text(&row->json, name);

	return text ? text : "";
}

/* Registers stand side by side; *column counts them. */
static void show_register(unsigned *column, const struct client_line *row)
{
	uint64_t value = 0;
	const char *end;

	if (!json_line_u64(&row->json, "value", &value))
		return;
	end = ++*column % REGISTERS_A_LINE ? "" : "\n";
	printf("  %-9.9s %016llx%s", text_of(row, "name"), (unsigned long long)value, end);
}

static void end_registers(unsigned *column)
{
	if (*column % REGISTERS_A_LINE)
		fputc('\n', stdout);
	*column = 0;
}

static void show_debug(void *world, const struct client_line *row)
{
	const char *kind = text_of(row, "row");
	uint64_t cpu = 0, frame = 0;
	unsigned *column = world;

	if (strcmp(kind, "register") == 0) {
		show_register(column, row);
		return;
	}
	end_registers(column);
	if (strcmp(kind, "cpu") == 0 && json_line_u64(&row->json, "cpu", &cpu))
		printf("CPU %llu: %.20s, last exits, the latest first: %.300s\n",
		       (unsigned long long)cpu, text_of(row, "power"), text_of(row, "last_exits"));
	else if (strcmp(kind, "frame") == 0 && json_line_u64(&row->json, "frame", &frame))
		printf("  #%-2llu %.20s\n", (unsigned long long)frame, text_of(row, "pc"));
	else
		show_plain(NULL, row);
}

/* The number as requests have it. */
static int cpu_text(const char *cpu, char text[24], struct err *err)
{
	struct err why = { "" };
	uint64_t number;

	if (parse_u64(cpu, &number, &why))
		return err_set(err, -EINVAL, "--cpu: \"%.60s\" %s", cpu, why.text);
	snprintf(text, 24, "0x%" PRIx64, number);
	return 0;
}

static int do_debug(const struct client_options *o, struct err *err)
{
	unsigned column = 0;
	char cpu[24];
	int r = o->cpu ? cpu_text(o->cpu, cpu, err) : 0;

	if (r)
		return r;
	r = client_do_once(o->name, CTL_DEBUG, o->cpu ? "cpu" : NULL, cpu,
			   o->json ? show_json : show_debug, &column, err);
	end_registers(&column);
	return r;
}

/* ---- stat and sdei ---- */

static int do_stat(const struct client_options *o, struct err *err)
{
	if (o->json && o->prometheus)
		return err_set(err, -EINVAL, "--json and --prometheus: use one of them");
	if (o->prometheus)
		return client_metrics(o->name, err);
	return client_do_once(o->name, CTL_STAT, NULL, NULL, o->json ? show_json : show_plain, NULL,
			      err);
}

static int do_sdei(const struct client_options *o, struct err *err)
{
	if (o->nwords == 0)
		return client_do_once(o->name, CTL_SDEI, NULL, NULL,
				      o->json ? show_json : show_plain, NULL, err);
	if (o->nwords != 2 || strcmp(o->word[0], "trigger") != 0)
		return err_set(err, -EINVAL, "\"%.60s\": what can be done is trigger EVENT[,cpu=N]",
			       o->word[0]);
	return client_do_once(o->name, CTL_TRIGGER, "what", o->word[1], NULL, NULL, err);
}

int command_stat(int argc, char **argv)
{
	return client_command(COMMAND_STAT, argc, argv, do_stat);
}

int command_debug(int argc, char **argv)
{
	return client_command(COMMAND_DEBUG, argc, argv, do_debug);
}

int command_sdei(int argc, char **argv)
{
	return client_command(COMMAND_SDEI, argc, argv, do_sdei);
}
