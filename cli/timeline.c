/* `rasvm timeline`: what traces tell of errors, as text and as a page. Pure but for the files. */
#include "arm64/timeline.h"

#include <errno.h>
#include <string.h>

#include "arm64/status.h"
#include "cli/command.h"

struct request {
	const char *html; /* file to write, or NULL */
	FILE *page;
	char **trace;
	int ntraces;
};

static int refuse(int status, const char *what, const char *why)
{
	struct err err;

	err_set(&err, 0, "%.300s: %s", what, why);
	help_print_error("timeline", err.text);
	return status;
}

/* The value of --html at argv[0], or in the next argument; *used is how many it took. NULL: it is not
 * --html, or its value is missing. */
static const char *html_value(int argc, char **argv, int *used)
{
	*used = 1;
	if (strncmp(argv[0], "--html=", 7) == 0)
		return argv[0] + 7;
	if (strcmp(argv[0], "--html") != 0 || argc < 2)
		return NULL;
	*used = 2;
	return argv[1];
}

/* Options come before the files. STATUS_POWEROFF, or STATUS_USAGE after a message. */
static int parse(struct request *request, int argc, char **argv)
{
	int used;

	for (; argc > 0 && argv[0][0] == '-'; argc -= used, argv += used) {
		if (strncmp(argv[0], "--html", 6) != 0)
			return refuse(STATUS_USAGE, argv[0],
				      "no such option; `rasvm help timeline` shows them");
		request->html = html_value(argc, argv, &used);
		if (!request->html || !request->html[0])
			return refuse(STATUS_USAGE, argv[0], "takes the name of a file to write");
	}
	request->trace = argv;
	request->ntraces = argc;
	if (argc == 0) {
		help_print_error("timeline", "takes a file that `rasvm run --trace` wrote");
		return STATUS_USAGE;
	}
	return STATUS_POWEROFF;
}

static int show(const struct request *request, const struct timeline *tl, const char *name)
{
	if (tl->lines == 0)
		return refuse(STATUS_USAGE, name,
			      "is not a trace: no line of it is one of rasvm's");
	timeline_print(tl, name, stdout);
	if (request->page)
		timeline_html_add(tl, name, request->page);
	return STATUS_POWEROFF;
}

static int show_file(const struct request *request, const char *name)
{
	struct timeline tl;
	struct err err = { "" };
	FILE *in = fopen(name, "re");
	int status;

	if (!in)
		return refuse(STATUS_USAGE, name, strerror(errno));
	if (timeline_read(&tl, in, &err) < 0)
		status = refuse(STATUS_INTERNAL, name, err.text);
	else
		status = show(request, &tl, name);
	timeline_free(&tl);
	fclose(in);
	return status;
}

static int show_all(const struct request *request)
{
	int status = STATUS_POWEROFF;

	for (int i = 0; i < request->ntraces && status == STATUS_POWEROFF; i++) {
		if (i > 0)
			fputc('\n', stdout);
		status = show_file(request, request->trace[i]);
	}
	return status;
}

/* The page is begun before the files are read, so that a name that cannot be written is known first. */
static int show_with_page(struct request *request)
{
	int status;
	bool failed;

	request->page = fopen(request->html, "we");
	if (!request->page)
		return refuse(STATUS_USAGE, request->html, strerror(errno));
	timeline_html_begin(request->page);
	status = show_all(request);
	timeline_html_end(request->page);
	failed = ferror(request->page) != 0;
	failed |= fclose(request->page) != 0;
	if (failed)
		return refuse(STATUS_INTERNAL, request->html, "cannot be written");
	return status;
}

int command_timeline(int argc, char **argv)
{
	struct request request = { .html = NULL };
	int status, written;

	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		help_print_command(COMMAND_TIMELINE, stdout);
		return command_finish_output(stdout);
	}
	status = parse(&request, argc, argv);
	if (status != STATUS_POWEROFF)
		return status;
	status = request.html ? show_with_page(&request) : show_all(&request);
	written = command_finish_output(stdout);
	return status == STATUS_POWEROFF ? written : status;
}
