/* See client_options.h. */
#include "cli/client_options.h"

#include <errno.h>
#include <stddef.h>

#include "lib/clock.h"
#include "lib/types.h"

#define TARGET(field) offsetof(struct client_options, field)

static int take_help(void *target, const struct opt *opt, const char *value, struct err *err)
{
	(void)opt;
	(void)value;
	(void)err;
	((struct client_options *)target)->help = true;
	return 0;
}

static int take_word(void *target, const char *text, struct err *err)
{
	struct client_options *options = target;

	if (options->nwords == CLIENT_MAX_WORDS)
		return err_set(err, -EINVAL, "\"%.60s\": too many arguments", text);
	options->word[options->nwords++] = text;
	return 0;
}

/* clang-format off */
#define ROW_NAME { .name = "name", .letter = 'n', .kind = OPT_STRING, .offset = TARGET(name), .arg = "NAME", \
	.help = "The guest, as another way of naming it." }
#define ROW_HELP { .name = "help", .letter = 'h', .kind = OPT_ACTION, .parse = take_help, .help = "Show this help." }
#define ROW_JSON { .name = "json", .kind = OPT_FLAG, .offset = TARGET(json), \
	.help = "One JSON object on each line, as docs/control.md describes them." }
/* clang-format on */

static const struct opt plain_rows[] = { ROW_NAME, ROW_HELP };
static const struct opt list_rows[] = { ROW_JSON, ROW_HELP };
static const struct opt json_rows[] = { ROW_NAME, ROW_JSON, ROW_HELP };
static const struct opt stop_rows[] = {
	ROW_NAME,
	{ .name = "force",
	  .letter = 'f',
	  .kind = OPT_FLAG,
	  .offset = TARGET(force),
	  .help = "End the guest if it has not powered off in time." },
	{ .name = "timeout",
	  .kind = OPT_DURATION,
	  .offset = TARGET(timeout_ns),
	  .arg = "TIME",
	  .max = NS_PER_SEC * 3600 * 24,
	  .help = "How long the guest has to power off. With 0 and --force it is ended at once." },
	ROW_HELP,
};
static const struct opt stat_rows[] = {
	ROW_NAME,
	ROW_JSON,
	{ .name = "prometheus",
	  .kind = OPT_FLAG,
	  .offset = TARGET(prometheus),
	  .help = "The text format that Prometheus reads." },
	ROW_HELP,
};
static const struct opt debug_rows[] = {
	ROW_NAME,
	ROW_JSON,
	{ .name = "cpu",
	  .kind = OPT_STRING,
	  .offset = TARGET(cpu),
	  .arg = "N",
	  .help = "Only CPU number N." },
	ROW_HELP,
};

/* What a command takes besides options; the name counts as a word. */
static const struct client_command {
	enum command_id id;
	struct opt_table table;
	unsigned min_words, max_words;
	const char *usage; /* for messages */
} commands[] = {
	/* clang-format off */
	{ COMMAND_LIST,    { list_rows,  ARRAY_SIZE(list_rows),  take_word }, 0, 0, "takes no arguments" },
	{ COMMAND_PAUSE,   { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_RESUME,  { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_STOP,    { stop_rows,  ARRAY_SIZE(stop_rows),  take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_RESET,   { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_STAT,    { stat_rows,  ARRAY_SIZE(stat_rows),  take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_DEBUG,   { debug_rows, ARRAY_SIZE(debug_rows), take_word }, 1, 1, "takes the name of a guest" },
	{ COMMAND_SDEI,    { json_rows,  ARRAY_SIZE(json_rows),  take_word }, 1, 3, "takes the name of a guest, and trigger EVENT[,cpu=N]" },
	{ COMMAND_INJECT,  { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 2, 2, "takes the name of a guest and a rule, as --inject has it" },
	{ COMMAND_EVENTS,  { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 1, 2, "takes the name of a guest, and which of trace,console,input,state" },
	{ COMMAND_CONSOLE, { plain_rows, ARRAY_SIZE(plain_rows), take_word }, 1, 1, "takes the name of a guest" },
	/* clang-format on */
};

static const struct client_command *find(enum command_id id)
{
	for (unsigned i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].id == id)
			return &commands[i];
	return NULL;
}

const struct opt_table *client_option_table(enum command_id id)
{
	const struct client_command *command = find(id);

	return command ? &command->table : NULL;
}

void client_options_init(struct client_options *options)
{
	*options = (struct client_options){ .timeout_ns = 60 * NS_PER_SEC };
}

/* The first word, unless --name said it. */
static void take_name(struct client_options *options)
{
	if (options->name || options->nwords == 0)
		return;
	options->name = options->word[0];
	options->nwords--;
	for (unsigned i = 0; i < options->nwords; i++)
		options->word[i] = options->word[i + 1];
}

int client_options_parse(enum command_id id, struct client_options *options, int argc, char **argv,
			 struct err *err)
{
	const struct client_command *command = find(id);
	unsigned words;
	int r;

	client_options_init(options);
	r = opt_parse(&command->table, options, argc, (const char *const *)argv, err);
	if (r || options->help)
		return r;
	words = options->nwords + (options->name != NULL);
	if (words < command->min_words || words > command->max_words)
		return err_set(err, -EINVAL, "%s", command->usage);
	if (command->max_words > 0)
		take_name(options);
	return 0;
}
