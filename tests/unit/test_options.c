/* The options of `rasvm run`: what lkvm's users rely on, defaults, combinations that mean nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "hypercall/psci.h"
#include "lib/clock.h"
#include "lib/types.h"

#define MAX_ARGS 40

static const struct host_facts small_host = { .online_cpus = 4, .ram_bytes = GIB(16) };

/* Split `line` at blanks and parse it; the words live in *words, which the caller frees after
 * `options`. */
static int parse_line(struct run_options *options, const struct host_facts *host, const char *line,
		      char **words, struct err *err)
{
	const char *argv[MAX_ARGS];
	char *rest;
	int argc = 0, rc;

	*words = strdup(line);
	assert_non_null(*words);
	for (char *w = strtok_r(*words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		assert_true(argc < MAX_ARGS);
		argv[argc++] = w;
	}
	options_init(options);
	err->text[0] = '\0';
	rc = options_parse(options, argc, argv, err);
	return rc < 0 ? rc : options_finish(options, host, err);
}

/* A parsed command line that has to be good. */
struct good {
	struct run_options options;
	char *words;
};

static struct good accept_on(const struct host_facts *host, const char *line)
{
	struct good g;
	struct err err;

	if (parse_line(&g.options, host, line, &g.words, &err) != 0)
		fail_msg("%s: expected to be accepted, found: %s", line, err.text);
	return g;
}

static struct good accept(const char *line)
{
	return accept_on(&small_host, line);
}

static void done(struct good *g)
{
	options_free(&g->options);
	free(g->words);
}

static void refuse(const char *line, const char *part)
{
	struct run_options options;
	struct err err;
	char *words;

	if (parse_line(&options, &small_host, line, &words, &err) == 0)
		fail_msg("%s: expected an error with \"%s\", found it accepted", line, part);
	if (!strstr(err.text, part))
		fail_msg("%s: expected an error with \"%s\", found: %s", line, part, err.text);
	options_free(&options);
	free(words);
}

static void a_script_for_lkvm_works(void **state)
{
	struct good g = accept("-k Image -i rd.gz -p console=ttyS0 -c 2 -m 512 --name vm --irqchip "
			       "gicv3 --console serial --pmu --sve-max-vl 256 --kaslr-seed 17 "
			       "--no-pvtime --vcpu-affinity 0-1 --nodefaults --debug");
	const struct run_config *c = &g.options.config;

	(void)state;
	assert_string_equal(c->kernel, "Image");
	assert_string_equal(c->initrd, "rd.gz");
	assert_string_equal(c->params, "console=ttyS0");
	assert_int_equal(c->cpus, 2);
	assert_int_equal(c->ram_bytes, MIB(512));
	assert_string_equal(c->name, "vm");
	assert_int_equal(c->irqchip, IRQCHIP_GICV3);
	assert_int_equal(c->console, CONSOLE_STDIO);
	assert_int_equal(c->pmu, FEATURE_ON);
	assert_int_equal(c->sve_max_vl, 256);
	assert_true(c->kaslr_seed_given);
	assert_int_equal(c->kaslr_seed, 17);
	assert_int_equal(c->pvtime, FEATURE_OFF);
	assert_string_equal(c->vcpu_affinity, "0-1");
	assert_int_equal(g.options.loglevel, LOG_LEVEL_DEBUG);
	done(&g);
}

static void a_lone_argument_is_the_kernel(void **state)
{
	struct good g = accept("-c 1 Image -m 64");

	(void)state;
	assert_string_equal(g.options.config.kernel, "Image");
	done(&g);
	refuse("-k Image other", "one kernel too many");
	refuse("-c 1", "--kernel: missing");
}

static void options_lkvm_has_and_rasvm_not_are_refused_by_name(void **state)
{
	(void)state;
	refuse("-f fw k", "--firmware: not available in this version");
	refuse("--balloon k", "--balloon: not available");
	refuse("--console virtio k", "\"virtio\" is not available in this version");
}

static void turning_off_the_network_is_accepted(void **state)
{
	struct good g = accept("-n none k"), h = accept("--network mode=none k");

	(void)state;
	assert_string_equal(g.options.config.kernel, "k");
	done(&g);
	done(&h);
}

static void defaults_follow_the_host(void **state)
{
	static const struct host_facts big = { .online_cpus = 4096, .ram_bytes = GIB(16) };
	static const struct host_facts unknown = { .online_cpus = 1, .ram_bytes = 0 };
	struct good g = accept("k");

	(void)state;
	assert_int_equal(g.options.config.cpus, 4);
	assert_int_equal(g.options.config.ram_bytes, MIB(64 * 7));
	done(&g);
	g = accept_on(&big, "k");
	assert_int_equal(g.options.config.cpus, BOARD_MAX_CPUS);
	assert_true(g.options.config.ram_bytes <= GIB(16) / 10 * 8);
	assert_int_equal(g.options.config.ram_bytes % MIB(2), 0);
	done(&g);
	g = accept_on(&unknown, "k");
	assert_int_equal(g.options.config.ram_bytes, MIB(256));
	done(&g);
	g = accept_on(&big, "k --irqchip gicv2");
	assert_int_equal(g.options.config.cpus, 8);
	done(&g);
}

static void other_defaults_are_the_documented_ones(void **state)
{
	struct good g = accept("k");
	const struct run_config *c = &g.options.config;

	(void)state;
	assert_int_equal(c->backing, MEM_ANON);
	assert_int_equal(c->irqchip, IRQCHIP_AUTO);
	assert_int_equal(c->pmu, FEATURE_AUTO);
	assert_int_equal(c->sve, FEATURE_AUTO);
	assert_int_equal(c->console, CONSOLE_STDIO);
	assert_int_equal(c->psci, PSCI_USER);
	assert_int_equal(c->psci_version, PSCI_VERSION_1_3);
	assert_false(c->psci_version_given);
	assert_true(c->sdei);
	assert_int_equal(c->nsdei_events, 0);
	assert_int_equal(c->nsdei_triggers, 0);
	assert_int_equal(c->sdei_watchdog_ns, 0);
	assert_false(c->vendor_calls);
	assert_false(c->test_timer);
	assert_true(c->pvpanic);
	assert_false(c->single_step);
	assert_int_equal(c->tables, TABLES_AUTO);
	assert_false(c->ras.given);
	assert_int_equal(c->ras.ao, RAS_AO_AUTO);
	assert_int_equal(c->ras.limit_per_s, 8);
	assert_int_equal(c->ninject, 0);
	assert_int_equal(c->on_reset, ON_RESET_REBOOT);
	assert_int_equal(c->on_panic, ON_PANIC_EXIT);
	assert_int_equal(c->all_off, ALL_OFF_EXIT);
	assert_int_equal(c->timeout_ns, 0);
	assert_int_equal(g.options.loglevel, LOG_LEVEL_WARN);
	done(&g);
}

static void parameters_are_joined_by_blanks(void **state)
{
	struct good g = accept("-p a=1 --params b -p c=\"d k");

	(void)state;
	assert_string_equal(g.options.config.params, "a=1 b c=\"d");
	done(&g);
	g = accept("--params= k");
	assert_null(g.options.config.params);
	done(&g);
}

static void parameters_longer_than_linux_reads_are_refused(void **state)
{
	char line[2200] = "k -p ";
	struct good g;

	(void)state;
	memset(line + 5, 'x', 2047);
	g = accept(line);
	done(&g);
	memset(line + 5, 'x', 2048);
	refuse(line, "--params: 2048 characters");
	strcat(line, " --flat");
	g = accept(line);
	done(&g);
}

static void bad_numbers_of_cpus_are_refused(void **state)
{
	static const char *const bad[] = { "0", "-1", "513", "1x", "99999999999999999999", "two" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[64];

		snprintf(line, sizeof(line), "k -c %s", bad[i]);
		refuse(line, "allowed: from 1 to 512, or auto");
	}
}

static void bad_memory_sizes_are_refused(void **state)
{
	static const char *const bad[] = { "0",  "-1",      "0G",    "99999999T",           "8P",
					   "1X", "512M@2G", "1025K", "10000000000000000000" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[64];

		snprintf(line, sizeof(line), "k -m %s", bad[i]);
		refuse(line, "allowed: from 1M to 4P, or auto");
	}
}

static void memory_backings(void **state)
{
	struct good g = accept("k --mem-backing memfd");

	(void)state;
	assert_int_equal(g.options.config.backing, MEM_MEMFD);
	done(&g);
	g = accept("k --mem-backing file=/x");
	assert_int_equal(g.options.config.backing, MEM_FILE);
	assert_string_equal(g.options.config.backing_path, "/x");
	done(&g);
	g = accept("k --hugetlbfs /huge");
	assert_int_equal(g.options.config.backing, MEM_HUGETLBFS);
	assert_string_equal(g.options.config.backing_path, "/huge");
	done(&g);
	g = accept("k --hugetlbfs /huge --mem-backing anon");
	assert_null(g.options.config.backing_path);
	done(&g);
	refuse("k --mem-backing file=", "has no path");
	refuse("k --mem-backing disk", "is not one of: anon, memfd, hugetlbfs=PATH, file=PATH");
}

static void consoles(void **state)
{
	struct good g = accept("k --console ./log");

	(void)state;
	assert_int_equal(g.options.config.console, CONSOLE_FILE);
	assert_string_equal(g.options.config.console_path, "./log");
	done(&g);
	g = accept("k --console file=pty");
	assert_int_equal(g.options.config.console, CONSOLE_FILE);
	assert_string_equal(g.options.config.console_path, "pty");
	done(&g);
	g = accept("k --console=pty");
	assert_int_equal(g.options.config.console, CONSOLE_PTY);
	done(&g);
	g = accept("k --console file=x --console none");
	assert_int_equal(g.options.config.console, CONSOLE_NONE);
	assert_null(g.options.config.console_path);
	done(&g);
	refuse("k --console log", "is not one of");
}

static void firmware_options_fill_the_tables(void **state)
{
	struct good g =
		accept("k -c 4 --psci-version 1.1 --psci-delay CPU_OFF=2ms --psci-fail "
		       "CPU_ON,cpu=3,count=2=DENIED --smccc sip=log --timeout 90 --trace t");
	const struct run_config *c = &g.options.config;

	(void)state;
	assert_int_equal(c->psci_version, PSCI_VERSION_1_1);
	assert_true(c->psci_version_given);
	assert_int_equal(c->faults.n, 2);
	assert_false(c->faults.rule[0].delay);
	assert_int_equal(c->faults.rule[0].code, PSCI_DENIED);
	assert_int_equal(c->faults.rule[0].pe, 3);
	assert_true(c->faults.rule[1].delay);
	assert_int_equal(c->faults.rule[1].delay_ns, 2 * NS_PER_MS);
	assert_true(c->nsmccc > 0);
	assert_int_equal(c->smccc[0].action, SMCCC_ACT_LOG);
	assert_int_equal(c->timeout_ns, 90 * NS_PER_SEC);
	assert_string_equal(c->trace_path, "t");
	done(&g);
}

static void bad_firmware_options_are_refused(void **state)
{
	(void)state;
	refuse("k --psci-version 2.0", "--psci-version: PSCI version \"2.0\" does not exist");
	refuse("k --psci-fail CPU_ONN=DENIED", "--psci-fail: \"CPU_ONN=DENIED\"");
	refuse("k -c 2 --psci-fail CPU_ON,cpu=2=DENIED", "cpu=2 does not exist");
	refuse("k --smccc sip=drop", "--smccc: \"sip=drop\"");
	refuse("k --smccc arch=deny", "--smccc: ");
	refuse("k --smccc sip=deny --smccc sip=log", "overlaps");
}

static void sdei_options_fill_the_tables(void **state)
{
	struct good g =
		accept("k -c 2 --sdei-trigger at=5s,event=0x40000200,cpu=1 --sdei-trigger "
		       "event=shared-normal,every=1s,count=3 --sdei-watchdog 10s --vendor-calls "
		       "--sdei-event 0x40000200,type=private,prio=critical --test-timer "
		       "--debug-single-step --no-pvpanic");
	const struct run_config *c = &g.options.config;

	(void)state;
	assert_true(c->sdei);
	assert_int_equal(c->nsdei_events, 1);
	assert_int_equal(c->sdei_event[0].num, 0x40000200);
	assert_int_equal(c->sdei_event[0].type, SDEI_PRIVATE);
	assert_int_equal(c->sdei_event[0].priority, SDEI_CRITICAL);
	assert_int_equal(c->nsdei_triggers, 2);
	assert_int_equal(c->sdei_trigger[0].at_ns, 5 * NS_PER_SEC);
	assert_int_equal(c->sdei_trigger[0].cpu, 1);
	assert_int_equal(c->sdei_trigger[1].event, SDEI_EVENT_SHARED_NORMAL);
	assert_int_equal(c->sdei_trigger[1].count, 3);
	assert_int_equal(c->sdei_watchdog_ns, 10 * NS_PER_SEC);
	assert_true(c->vendor_calls);
	assert_true(c->test_timer);
	assert_true(c->single_step);
	assert_false(c->pvpanic);
	done(&g);
}

static void bad_sdei_options_are_refused(void **state)
{
	(void)state;
	refuse("k --sdei-event 0x40000001,type=shared,prio=normal",
	       "--sdei-event: \"0x40000001,type=shared,prio=normal\" has the number of the "
	       "platform's event private-normal");
	refuse("k --sdei-event 3,type=shared,prio=normal", "\"3\"");
	refuse("k --sdei-trigger at=soon,event=0", "--sdei-trigger: \"at=soon,event=0\" has");
	refuse("k -c 2 --sdei-trigger event=private-normal,cpu=2",
	       "--sdei-trigger: \"at=0ns,event=0x40000001,cpu=2\" names cpu=2, which does not "
	       "exist: with --cpus 2 they are 0 to 1");
	refuse("k --sdei-trigger event=private-normal", "names no CPU");
	refuse("k --sdei-trigger event=shared-normal,cpu=0", "names a CPU");
	refuse("k --sdei-trigger event=0x40000200", "does not exist");
	refuse("k --sdei-trigger event=watchdog,cpu=0", "--sdei-watchdog");
	refuse("k --sdei-watchdog 0", "allowed: from 1ms to 24h, or none");
	refuse("k --sdei-watchdog 25h", "allowed: from 1ms to 24h, or none");
}

static void without_sdei_what_needs_it_is_refused(void **state)
{
	static const char *const needs_it[] = {
		"sdei-event 0x40000200,type=shared,prio=normal",
		"sdei-trigger event=shared-normal",
		"sdei-watchdog 1s",
	};
	struct good g = accept("k --psci kernel"), h = accept("k --no-sdei --vendor-calls");

	(void)state;
	assert_false(g.options.config.sdei);
	assert_false(h.options.config.sdei);
	done(&g);
	done(&h);
	for (unsigned i = 0; i < ARRAY_SIZE(needs_it); i++) {
		char line[128], part[128];
		int len = (int)strcspn(needs_it[i], " ");

		snprintf(line, sizeof(line), "k --psci kernel --%s", needs_it[i]);
		snprintf(part, sizeof(part), "--%.*s: needs --psci user", len, needs_it[i]);
		refuse(line, part);
		snprintf(line, sizeof(line), "k --%s --no-sdei", needs_it[i]);
		snprintf(part, sizeof(part), "--%.*s: has no meaning with --no-sdei", len,
			 needs_it[i]);
		refuse(line, part);
	}
}

static void error_options_fill_the_tables(void **state)
{
	struct good g = accept("k -c 2 -m 256 --ras ao=ged,limit=7 --ras ar=stop --inject "
			       "mem-ao,at=5s,gpa=0x8ffff000 --inject sdei,event=0x40000003 "
			       "--firmware-tables both --inject serror,no-esr,cpu=1");
	const struct run_config *c = &g.options.config;

	(void)state;
	assert_int_equal(c->tables, TABLES_BOTH);
	assert_true(c->ras.given);
	assert_int_equal(c->ras.ao, RAS_AO_GED);
	assert_int_equal(c->ras.limit_per_s, 7);
	assert_int_equal(c->ras.ar, RAS_AR_STOP);
	assert_int_equal(c->ninject, 3);
	assert_int_equal(c->inject[0].kind, INJECT_MEM_AO);
	assert_int_equal(c->inject[0].at_ns, 5 * NS_PER_SEC);
	assert_int_equal(c->inject[1].event, SDEI_EVENT_SHARED_NORMAL);
	assert_int_equal(c->inject[2].cpu, 1);
	done(&g);
}

static void bad_error_options_are_refused(void **state)
{
	(void)state;
	refuse("k --ras ao=loud", "--ras: \"ao=loud\" has");
	refuse("k --firmware-tables uefi", "--firmware-tables: \"uefi\"");
	refuse("k --inject mem", "--inject: \"mem\" has the kind \"mem\"");
	refuse("k --inject sea,at=soon", "--inject: \"sea,at=soon\" has \"at=soon\"");
	refuse("k -c 2 --inject mem-ar,cpu=2",
	       "--inject: \"mem-ar,cpu=2\" names cpu=2, which does not exist: with --cpus 2 they "
	       "are 0 to 1");
	refuse("k -m 256 --inject mem-ao,gpa=0x90000000",
	       "--inject: \"mem-ao,gpa=0x90000000\" names gpa=0x90000000");
	refuse("k --inject sdei,event=0x40000300",
	       "which does not exist: add it with --sdei-event");
	refuse("k --inject sdei,event=0x40000001", "is private: add cpu=0 or another");
	refuse("k --inject sdei,event=0x40000003,cpu=0", "is shared and goes where");
	refuse("k --inject sdei,event=ras-normal --no-sdei", "needs SDEI");
}

/* What is told to the guest by error sources needs them. */
static void ways_that_the_machine_does_not_have_are_refused(void **state)
{
	struct good g = accept("k --inject ghes --ras ce=polled");

	(void)state;
	assert_int_equal(config_tables(&g.options.config), BOARD_TABLES_ACPI);
	done(&g);
	g = accept("k --no-sdei --inject mem-ao --firmware-tables dt --ras ao=none");
	done(&g);
	refuse("k --inject ghes --firmware-tables dt", "--inject: \"ghes\" needs error sources");
	refuse("k --inject arm-proc --flat", "needs error sources");
	refuse("k --ras ao=ged --firmware-tables dt", "--ras: ged and polled need ACPI");
	refuse("k --ras ce=polled --flat", "--ras: ged and polled need ACPI");
	refuse("k --ras ao=sdei --no-sdei", "--ras: sdei needs SDEI");
	refuse("k --ras ce=sdei --psci kernel", "--ras: sdei needs SDEI");
	refuse("k --inject ghes,source=sdei-normal --no-sdei", "needs SDEI");
}

static void options_that_contradict_each_other_are_refused(void **state)
{
	struct good g;

	(void)state;
	refuse("k --no-sve --sve-max-vl 256", "--sve-max-vl: has no meaning with --no-sve");
	refuse("k --psci kernel --psci-fail CPU_ON=DENIED", "--psci-fail: needs --psci user");
	refuse("k --psci kernel --psci-delay CPU_ON=1s", "--psci-delay: needs --psci user");
	refuse("k --psci kernel --psci-on-pending", "--psci-on-pending: needs --psci user");
	refuse("k --psci kernel --vendor-calls", "--vendor-calls: needs --psci user");
	g = accept("k --no-sve --sve --sve-max-vl 256");
	done(&g);
}

static void script_options_are_kept_and_need_a_script(void **state)
{
	struct good g =
		accept("-k Image --script a.script --define A=b --define C= --tap t --junit j");

	(void)state;
	assert_string_equal(g.options.script.script, "a.script");
	assert_string_equal(g.options.script.tap, "t");
	assert_string_equal(g.options.script.junit, "j");
	assert_int_equal(g.options.script.ndefines, 2);
	assert_string_equal(g.options.script.define[1], "C=");
	done(&g);
	g = accept("-k Image --transcript t");
	assert_string_equal(g.options.script.transcript, "t");
	done(&g);
	g = accept("--script a.script --script-check");
	assert_true(g.options.script.check);
	done(&g);
	refuse("-k Image --tap t", "--tap: needs --script");
	refuse("-k Image --junit j", "--junit: needs --script");
	refuse("-k Image --script-check", "--script-check: needs --script");
	refuse("-k Image --define A=b", "--define: needs --script");
	refuse("-k Image --script s --define 1=b", "--define: \"1=b\" is not NAME=VALUE");
}

static void showing_something_needs_no_kernel(void **state)
{
	struct good g = accept("--print-config"), h = accept("--dry-run");

	(void)state;
	assert_true(g.options.print_config);
	assert_true(h.options.config.dry_run);
	done(&g);
	done(&h);
}

static void rows_are_complete_and_names_unique(void **state)
{
	const struct opt *rows = run_option_table.rows;

	(void)state;
	for (unsigned i = 0; i < run_option_table.nrows; i++) {
		if (opt_is_offered(&rows[i]) && !rows[i].help)
			fail_msg("--%s: expected a help text, found none", rows[i].name);
		if (opt_is_offered(&rows[i]) && opt_needs_value(&rows[i]) && !rows[i].arg)
			fail_msg("--%s: expected a name for its value, found none", rows[i].name);
		if (rows[i].kind == OPT_GROUP)
			continue;
		for (unsigned j = 0; j < i; j++) {
			if (rows[j].kind == OPT_GROUP)
				continue;
			if (strcmp(rows[i].name, rows[j].name) == 0)
				fail_msg("--%s is in the table twice", rows[i].name);
			if (rows[i].letter && rows[i].letter == rows[j].letter)
				fail_msg("-%c is in the table twice", rows[i].letter);
		}
	}
}

static void help_fits_80_columns(void **state)
{
	struct run_options defaults;
	char *text = NULL, *rest;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	assert_non_null(f);
	options_init(&defaults);
	opt_print_help(&run_option_table, &defaults, f);
	fclose(f);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strlen(line) > 80)
			fail_msg("expected at most 80 columns, found %zu: %s", strlen(line), line);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_for_lkvm_works),
		cmocka_unit_test(a_lone_argument_is_the_kernel),
		cmocka_unit_test(options_lkvm_has_and_rasvm_not_are_refused_by_name),
		cmocka_unit_test(turning_off_the_network_is_accepted),
		cmocka_unit_test(defaults_follow_the_host),
		cmocka_unit_test(other_defaults_are_the_documented_ones),
		cmocka_unit_test(parameters_are_joined_by_blanks),
		cmocka_unit_test(parameters_longer_than_linux_reads_are_refused),
		cmocka_unit_test(bad_numbers_of_cpus_are_refused),
		cmocka_unit_test(bad_memory_sizes_are_refused),
		cmocka_unit_test(memory_backings),
		cmocka_unit_test(consoles),
		cmocka_unit_test(firmware_options_fill_the_tables),
		cmocka_unit_test(bad_firmware_options_are_refused),
		cmocka_unit_test(sdei_options_fill_the_tables),
		cmocka_unit_test(bad_sdei_options_are_refused),
		cmocka_unit_test(without_sdei_what_needs_it_is_refused),
		cmocka_unit_test(error_options_fill_the_tables),
		cmocka_unit_test(bad_error_options_are_refused),
		cmocka_unit_test(ways_that_the_machine_does_not_have_are_refused),
		cmocka_unit_test(options_that_contradict_each_other_are_refused),
		cmocka_unit_test(script_options_are_kept_and_need_a_script),
		cmocka_unit_test(showing_something_needs_no_kernel),
		cmocka_unit_test(rows_are_complete_and_names_unique),
		cmocka_unit_test(help_fits_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
