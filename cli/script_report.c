/*
 * See script_report.h.
 *
 * Source: the Test Anything Protocol, version 13 (testanything.org), with the guest's own points indented as
 * subtests; Linux Documentation/dev-tools/ktap.rst; XML 1.0 2.2 for the characters that a document may
 * contain. JUnit's XML has no standard: testsuite, testcase, failure and their attributes name, classname,
 * time, message are what all readers know.
 *
 * Names and console lines come from the guest: they may be any bytes.
 */
#include "cli/script_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GUEST_INDENT "    "

/* ---- characters ---- */

/* Bytes of the character at `s` if it is well-formed UTF-8 that XML allows beyond ASCII; 0: it is not. */
static unsigned utf8_bytes(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t c = s[0] & (0x7fu >> n);

	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || (c & 0xfffe) == 0xfffe)
		return 0;
	/* YAML 1.2, 5.1 and 5.4: control characters, and what 1.1 took for ends of lines. */
	if (c < 0xa0 || c == 0x2028 || c == 0x2029)
		return 0;
	return n;
}

/* How a byte is written instead of itself: NULL if as it is. */
typedef const char *escape_fn(char c);

static const char *xml_escape(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	default:
		return NULL;
	}
}

static const char *yaml_escape(char c)
{
	return c == '"' ? "\\\"" : c == '\\' ? "\\\\" : NULL;
}

/* In a description a # would begin a directive. */
static const char *tap_escape(char c)
{
	return c == '#' ? "\\#" : c == '\\' ? "\\\\" : NULL;
}

/* One line: what no reader could take is written as \xHH. */
static void print_escaped(FILE *out, const char *text, escape_fn *escape)
{
	while (*text) {
		unsigned char c = (unsigned char)*text;
		const char *instead = escape(*text);
		unsigned n = c >= 0x80 ? utf8_bytes((const unsigned char *)text) : 1;

		if (instead)
			fputs(instead, out);
		else if (n == 0 || c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fwrite(text, 1, n, out);
		text += n ? n : 1;
	}
}

static double to_seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/* ---- TAP ---- */

static void print_yaml_text(FILE *out, const char *indent, const char *key, const char *text)
{
	fprintf(out, "%s  %s\"", indent, key);
	print_escaped(out, text, yaml_escape);
	fputs("\"\n", out);
}

static void print_yaml(FILE *out, const char *indent, const char *suite,
		       const struct script_result *r)
{
	fprintf(out, "%s  ---\n", indent);
	print_yaml_text(out, indent, "message: ", r->message);
	if (r->statement) {
		print_yaml_text(out, indent, "file: ", suite);
		fprintf(out, "%s  line: %u\n", indent, r->line);
		print_yaml_text(out, indent, "statement: ", r->statement);
	}
	fprintf(out, "%s  seconds: %.3f\n", indent, to_seconds(r->took_ns));
	if (r->nlast)
		fprintf(out, "%s  console:\n", indent);
	for (unsigned i = 0; i < r->nlast; i++)
		print_yaml_text(out, indent, "  - ", r->last[i]);
	fprintf(out, "%s  ...\n", indent);
}

static void tap_result(struct script_report *report, const struct script_result *r)
{
	const char *indent = r->guest ? GUEST_INDENT : "";

	if (!r->guest && report->guest_points)
		fprintf(report->tap, GUEST_INDENT "1..%u\n", report->guest_points);
	fprintf(report->tap, "%s%sok %u - ", indent, r->outcome == SCRIPT_PASSED ? "" : "not ",
		r->number);
	print_escaped(report->tap, r->name, tap_escape);
	fputs(r->outcome == SCRIPT_NOT_REACHED ? " # not reached\n" : "\n", report->tap);
	if (r->message)
		print_yaml(report->tap, indent, report->suite, r);
	fflush(report->tap);
}

/* ---- JUnit ---- */

static void junit_failure(FILE *out, const char *suite, const struct script_result *r)
{
	fputs("    <failure message=\"", out);
	print_escaped(out, r->message ? r->message : "not reached", xml_escape);
	fputs("\">", out);
	if (r->statement) {
		print_escaped(out, suite, xml_escape);
		fprintf(out, ":%u: ", r->line);
		print_escaped(out, r->statement, xml_escape);
	}
	for (unsigned i = 0; i < r->nlast; i++) {
		fputc('\n', out);
		print_escaped(out, r->last[i], xml_escape);
	}
	fputs("</failure>\n", out);
}

static void junit_result(struct script_report *report, const struct script_result *r)
{
	FILE *out = report->cases;

	fputs("  <testcase classname=\"", out);
	print_escaped(out, r->guest ? "guest" : report->suite, xml_escape);
	fputs("\" name=\"", out);
	print_escaped(out, r->name, xml_escape);
	fprintf(out, "\" time=\"%.3f\">\n", to_seconds(r->took_ns));
	if (r->outcome != SCRIPT_PASSED)
		junit_failure(out, report->suite, r);
	fputs("  </testcase>\n", out);
}

static void junit_begin(const struct script_report *report, unsigned tests, unsigned errors,
			uint64_t took_ns)
{
	FILE *out = report->junit;

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"", out);
	print_escaped(out, report->suite, xml_escape);
	fprintf(out, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\" time=\"%.3f\">\n",
		tests, report->failures, errors, to_seconds(took_ns));
}

static void junit_write(struct script_report *report, uint64_t took_ns)
{
	junit_begin(report, report->tests, 0, took_ns);
	fwrite(report->cases_text, 1, report->cases_bytes, report->junit);
	fputs("</testsuite>\n", report->junit);
}

/* Readers take an empty file for their own failure. */
static void junit_bail_out(const struct script_report *report, const char *why)
{
	FILE *out = report->junit;

	junit_begin(report, 1, 1, 0);
	fputs("  <testcase classname=\"", out);
	print_escaped(out, report->suite, xml_escape);
	fputs("\" name=\"start\" time=\"0.000\">\n    <error message=\"", out);
	print_escaped(out, why, xml_escape);
	fputs("\"/>\n  </testcase>\n</testsuite>\n", out);
}

/* ---- both ---- */

int script_report_open(struct script_report *report, const char *suite, unsigned plan)
{
	report->suite = suite;
	report->cases = open_memstream(&report->cases_text, &report->cases_bytes);
	if (!report->cases)
		return -ENOMEM;
	if (report->tap) {
		fprintf(report->tap, "TAP version 13\n1..%u\n", plan);
		fflush(report->tap);
	}
	return 0;
}

void script_report_result(struct script_report *report, const struct script_result *result)
{
	report->tests++;
	report->failures += result->outcome != SCRIPT_PASSED;
	report->guest_points += result->guest;
	if (report->tap)
		tap_result(report, result);
	if (report->junit)
		junit_result(report, result);
	if (!result->guest)
		report->guest_points = 0;
}

void script_report_bail_out(struct script_report *report, const char *why)
{
	if (!report->cases || report->finished)
		return;
	report->finished = true;
	if (report->junit)
		junit_bail_out(report, why);
	if (!report->tap)
		return;
	fputs("Bail out! ", report->tap);
	print_escaped(report->tap, why, tap_escape);
	fputc('\n', report->tap);
	fflush(report->tap);
}

static bool is_written(FILE *f)
{
	return !f || (fflush(f) == 0 && !ferror(f));
}

int script_report_finish(struct script_report *report, uint64_t took_ns)
{
	bool in_memory = is_written(report->cases);

	if (report->junit && !report->finished)
		junit_write(report, took_ns);
	report->finished = true;
	return in_memory && is_written(report->tap) && is_written(report->junit) ? 0 : -EIO;
}

void script_report_close(struct script_report *report)
{
	if (report->cases)
		fclose(report->cases);
	free(report->cases_text);
	report->cases = NULL;
	report->cases_text = NULL;
}
