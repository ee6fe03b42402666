/* See option_values.h. Errors are sentences that continue after the quoted value (lib/opt.h), but
 * for rows with OPT_OWN_ERROR. */
#include "cli/option_values.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/config_file.h"
#include "cli/options.h"
#include "hypercall/psci.h"
#include "lib/cpulist.h"
#include "lib/parse.h"

/* The functions that --psci-fail and --psci-delay may name. */
static struct fw_service psci_service(void)
{
	return (struct fw_service){ .name = "PSCI", .calls = psci_calls, .ncalls = psci_ncalls };
}

/* The path in "KIND=PATH", or NULL if `value` does not begin with "KIND=". */
static const char *path_after(const char *value, const char *kind)
{
	size_t n = strlen(kind);

	return strncmp(value, kind, n) == 0 && value[n] == '=' ? value + n + 1 : NULL;
}

int value_parse_help(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt, (void)value, (void)err;
	options->help = true;
	return 0;
}

int value_parse_print_config(void *target, const struct opt *opt, const char *value,
			     struct err *err)
{
	struct run_options *options = target;

	(void)opt, (void)value, (void)err;
	options->print_config = true;
	return 0;
}

int value_parse_debug(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt, (void)value, (void)err;
	options->loglevel = LOG_LEVEL_DEBUG;
	return 0;
}

int value_parse_config(void *target, const struct opt *opt, const char *value, struct err *err)
{
	(void)opt;
	return config_file_load(target, value, err);
}

/* Parameters add up, with a blank between. An empty text adds nothing, so that "$EMPTY" works. */
int value_parse_params(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	const char *old = options->config.params;
	size_t bytes = (old ? strlen(old) : 0) + strlen(value) + 2;
	char *joined;

	(void)opt;
	if (value[0] == '\0')
		return 0;
	joined = options_room(options, bytes);
	if (!joined)
		return err_set(err, -ENOMEM, "does not fit into memory");
	snprintf(joined, bytes, "%s%s%s", old ? old : "", old ? " " : "", value);
	options->config.params = joined;
	return 0;
}

bool value_print_params(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index > 0 || !options->config.params)
		return false;
	fputs(options->config.params, out);
	return true;
}

static int set_backing(struct run_config *config, enum mem_backing backing, const char *path,
		       struct err *err)
{
	if (path && path[0] == '\0')
		return err_set(err, -EINVAL, "has no path");
	config->backing = backing;
	config->backing_path = path;
	return 0;
}

int value_parse_backing(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct run_config *config = &options->config;

	(void)opt;
	if (strcmp(value, "anon") == 0)
		return set_backing(config, MEM_ANON, NULL, err);
	if (strcmp(value, "memfd") == 0)
		return set_backing(config, MEM_MEMFD, NULL, err);
	if (path_after(value, "hugetlbfs"))
		return set_backing(config, MEM_HUGETLBFS, path_after(value, "hugetlbfs"), err);
	if (path_after(value, "file"))
		return set_backing(config, MEM_FILE, path_after(value, "file"), err);
	return err_set(err, -EINVAL, "is not one of: anon, memfd, hugetlbfs=PATH, file=PATH");
}

bool value_print_backing(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	static const char *const kind[] = {
		[MEM_ANON] = "anon",
		[MEM_MEMFD] = "memfd",
		[MEM_HUGETLBFS] = "hugetlbfs=",
		[MEM_FILE] = "file=",
	};
	const struct run_options *options = target;
	const struct run_config *config = &options->config;

	(void)opt;
	if (index > 0)
		return false;
	fprintf(out, "%s%s", kind[config->backing],
		config->backing_path ? config->backing_path : "");
	return true;
}

int value_parse_hugetlbfs(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return set_backing(&options->config, MEM_HUGETLBFS, value, err);
}

static int set_console(struct run_config *config, enum console_kind kind, const char *path,
		       struct err *err)
{
	if (path && path[0] == '\0')
		return err_set(err, -EINVAL, "has no path");
	config->console = kind;
	config->console_path = path;
	return 0;
}

int value_parse_console(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct run_config *config = &options->config;

	(void)opt;
	if (strcmp(value, "serial") == 0)
		return set_console(config, CONSOLE_STDIO, NULL, err);
	if (strcmp(value, "pty") == 0)
		return set_console(config, CONSOLE_PTY, NULL, err);
	if (strcmp(value, "none") == 0)
		return set_console(config, CONSOLE_NONE, NULL, err);
	if (path_after(value, "file"))
		return set_console(config, CONSOLE_FILE, path_after(value, "file"), err);
	if (strpbrk(value, "/."))
		return set_console(config, CONSOLE_FILE, value, err);
	if (strcmp(value, "virtio") == 0 || strcmp(value, "hv") == 0)
		return err_set(err, -EINVAL, "is not available in this version; use serial");
	return err_set(
		err, -EINVAL,
		"is not one of: serial, pty, none, file=PATH, or a file name with a / or a dot");
}

bool value_print_console(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	static const char *const kind[] = {
		[CONSOLE_STDIO] = "serial",
		[CONSOLE_PTY] = "pty",
		[CONSOLE_FILE] = "file=",
		[CONSOLE_NONE] = "none",
	};
	const struct run_options *options = target;
	const struct run_config *config = &options->config;

	(void)opt;
	if (index > 0)
		return false;
	fprintf(out, "%s%s", kind[config->console],
		config->console_path ? config->console_path : "");
	return true;
}

int value_parse_kaslr_seed(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct run_config *config = &options->config;
	uint64_t seed = 0;
	bool given = strcmp(value, "random") != 0;
	int rc = given ? parse_u64(value, &seed, err) : 0;

	(void)opt;
	if (rc < 0)
		return rc;
	config->kaslr_seed_given = given;
	config->kaslr_seed = seed;
	return 0;
}

bool value_print_kaslr_seed(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index > 0)
		return false;
	if (options->config.kaslr_seed_given)
		fprintf(out, "0x%" PRIx64, options->config.kaslr_seed);
	else
		fputs("random", out);
	return true;
}

int value_parse_affinity(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	cpu_set_t set;
	int rc = cpulist_parse(value, &set, err);

	(void)opt;
	if (rc == 0)
		options->config.vcpu_affinity = value;
	return rc;
}

bool value_print_affinity(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index > 0 || !options->config.vcpu_affinity)
		return false;
	fputs(options->config.vcpu_affinity, out);
	return true;
}

int value_parse_psci_version(void *target, const struct opt *opt, const char *value,
			     struct err *err)
{
	struct run_options *options = target;
	struct run_config *config = &options->config;
	bool given = strcmp(value, "auto") != 0;
	int rc = psci_parse_version(given ? value : "1.3", &config->psci_version, err);

	(void)opt;
	if (rc == 0)
		config->psci_version_given = given;
	return rc;
}

bool value_print_psci_version(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;
	uint32_t version = options->config.psci_version;

	(void)opt;
	if (index > 0)
		return false;
	if (options->config.psci_version_given)
		fprintf(out, "%" PRIu32 ".%" PRIu32, version >> 16, version & 0xffff);
	else
		fputs("auto", out);
	return true;
}

int value_parse_fail(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct fw_service service = psci_service();

	(void)opt;
	return fault_parse_fail(&options->config.faults, &service, value, err);
}

int value_parse_delay(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct fw_service service = psci_service();

	(void)opt;
	return fault_parse_delay(&options->config.faults, &service, value, err);
}

/* The two options share one table of rules: rule number `index` of those with this `delay`. */
static bool print_fault(const struct fault_table *table, bool delay, unsigned index, FILE *out)
{
	for (unsigned i = 0; i < table->n; i++) {
		if (table->rule[i].delay != delay || index-- > 0)
			continue;
		fault_print(&table->rule[i], out);
		return true;
	}
	return false;
}

bool value_print_fail(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	return print_fault(&options->config.faults, false, index, out);
}

bool value_print_delay(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	return print_fault(&options->config.faults, true, index, out);
}

int value_parse_smccc(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return smccc_filter_parse(options->config.smccc, &options->config.nsmccc, value, err);
}

bool value_print_smccc(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;
	const struct smccc_range *range = &options->config.smccc[index];

	(void)opt;
	if (index >= options->config.nsmccc)
		return false;
	fprintf(out, "0x%08" PRIx32 "+0x%" PRIx32 "=%s", range->base, range->count,
		smccc_action_name(range->action));
	return true;
}

int value_parse_sdei_event(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return sdei_parse_event(options->config.sdei_event, &options->config.nsdei_events, value,
				err);
}

bool value_print_sdei_event(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index >= options->config.nsdei_events)
		return false;
	sdei_print_event(&options->config.sdei_event[index], out);
	return true;
}

int value_parse_sdei_trigger(void *target, const struct opt *opt, const char *value,
			     struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return sdei_parse_trigger(options->config.sdei_trigger, &options->config.nsdei_triggers,
				  value, err);
}

bool value_print_sdei_trigger(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index >= options->config.nsdei_triggers)
		return false;
	sdei_print_trigger(&options->config.sdei_trigger[index], out);
	return true;
}

/* What is given again is merged: the last one wins, key by key. */
int value_parse_ras(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return ras_policy_parse(&options->config.ras, value, err);
}

bool value_print_ras(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index > 0 || !options->config.ras.given)
		return false;
	ras_policy_print(&options->config.ras, out);
	return true;
}

int value_parse_inject(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;

	(void)opt;
	return inject_parse(options->config.inject, &options->config.ninject, value, err);
}

bool value_print_inject(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index >= options->config.ninject)
		return false;
	inject_print(&options->config.inject[index], out);
	return true;
}

int value_parse_define(void *target, const struct opt *opt, const char *value, struct err *err)
{
	struct run_options *options = target;
	struct script_options *script = &options->script;
	int rc = script_check_define(value, err);

	(void)opt;
	if (rc < 0)
		return rc;
	if (script->ndefines == ARRAY_SIZE(script->define))
		return err_set(err, -ENOSPC, "is one too many: at most %zu can be given",
			       ARRAY_SIZE(script->define));
	script->define[script->ndefines++] = value;
	return 0;
}

bool value_print_define(const void *target, const struct opt *opt, unsigned index, FILE *out)
{
	const struct run_options *options = target;

	(void)opt;
	if (index >= options->script.ndefines)
		return false;
	fputs(options->script.define[index], out);
	return true;
}

int value_parse_positional(void *target, const char *text, struct err *err)
{
	struct run_options *options = target;

	if (options->config.kernel)
		return err_set(err, -EINVAL,
			       "\"%.80s\": one kernel too many, \"%.80s\" was given before", text,
			       options->config.kernel);
	if (text[0] == '\0')
		return err_set(err, -EINVAL, "\"\": an empty argument is no kernel image");
	options->config.kernel = text;
	return 0;
}
