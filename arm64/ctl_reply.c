/* See ctl_reply.h. */
#include "arm64/ctl_reply.h"

#include <stdlib.h>
#include <string.h>

void ctl_answer_free(struct ctl_answer *answer)
{
	free(answer->text);
	*answer = (struct ctl_answer){ .text = NULL };
}

void ctl_answer_begin(struct ctl_answer *answer, const struct ctl_request *request)
{
	ctl_answer_free(answer);
	answer->id = request->id;
	answer->has_id = request->has_id;
}

static void begin(const struct ctl_answer *answer, struct ctl_line *line)
{
	line->w = json_write_in(line->text, sizeof(line->text));
	json_object(&line->w, NULL);
	if (answer->has_id)
		json_number(&line->w, "id", answer->id);
}

void ctl_row(const struct ctl_answer *answer, struct ctl_line *line, const char *kind)
{
	begin(answer, line);
	json_text(&line->w, "row", kind);
}

void ctl_ok(const struct ctl_answer *answer, struct ctl_line *line)
{
	begin(answer, line);
	json_bool(&line->w, "ok", true);
}

/* Room for `n` more bytes. */
static bool grow(struct ctl_answer *answer, size_t n)
{
	size_t size = answer->size ? answer->size : 1024;
	char *text;

	while (size - answer->n < n)
		size *= 2;
	if (size == answer->size)
		return true;
	text = realloc(answer->text, size);
	if (!text)
		return false;
	answer->text = text;
	answer->size = size;
	return true;
}

void ctl_add(struct ctl_answer *answer, struct ctl_line *line)
{
	size_t n = json_finish(&line->w);

	if (answer->failed || !grow(answer, n)) {
		answer->failed = true;
		return;
	}
	memcpy(answer->text + answer->n, line->text, n);
	answer->n += n;
}

void ctl_error(struct ctl_answer *answer, const char *sentence, bool again)
{
	struct ctl_line line;

	answer->n = 0;
	begin(answer, &line);
	json_text(&line.w, "error", sentence);
	if (again)
		json_bool(&line.w, "again", true);
	ctl_add(answer, &line);
}

void ctl_event(struct ctl_line *line, const char *kind)
{
	line->w = json_write_in(line->text, sizeof(line->text));
	json_object(&line->w, NULL);
	json_text(&line->w, "event", kind);
}
