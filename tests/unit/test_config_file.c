/* Config files: what a line means, where an error is, and that what is printed reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/config_file.h"
#include "hypercall/psci.h"
#include "lib/types.h"

static const struct host_facts host = { .online_cpus = 4, .ram_bytes = GIB(16) };

/* Parse a copy of `text`, which the options own. */
static int parse(struct run_options *options, const char *text, struct err *err)
{
	char *copy = options_room(options, strlen(text) + 1);

	assert_non_null(copy);
	strcpy(copy, text);
	err->text[0] = '\0';
	return config_file_parse(options, "vm.conf", copy, err);
}

static void accept(struct run_options *options, const char *text)
{
	struct err err;

	options_init(options);
	if (parse(options, text, &err) != 0)
		fail_msg("expected to be accepted, found: %s\n%s", err.text, text);
}

static void refuse(const char *text, const char *expected)
{
	struct run_options options;
	struct err err;

	options_init(&options);
	if (parse(&options, text, &err) == 0)
		fail_msg("expected \"%s\", found it accepted:\n%s", expected, text);
	if (strncmp(err.text, expected, strlen(expected)) != 0)
		fail_msg("expected \"%s\", found \"%s\"", expected, err.text);
	options_free(&options);
}

static void lines_set_options(void **state)
{
	struct run_options o;

	(void)state;
	accept(&o, "# a comment\n\n  kernel=Image\ncpus = 2 # two\nmem = 1G\r\nflat = yes\n"
		   "pmu = off\nloglevel = info\npsci-fail = CPU_ON=DENIED\n"
		   "sdei = no\nsdei-trigger = at=5s,event=shared-normal");
	assert_string_equal(o.config.kernel, "Image");
	assert_int_equal(o.config.cpus, 2);
	assert_int_equal(o.config.ram_bytes, GIB(1));
	assert_true(o.config.flat);
	assert_int_equal(o.config.pmu, FEATURE_OFF);
	assert_int_equal(o.loglevel, LOG_LEVEL_INFO);
	assert_int_equal(o.config.faults.n, 1);
	assert_false(o.config.sdei);
	assert_int_equal(o.config.nsdei_triggers, 1);
	options_free(&o);
}

static void a_value_may_contain_equals_signs_and_quotes(void **state)
{
	struct run_options o;

	(void)state;
	accept(&o, "params = root=/dev/vda dyndbg=\"file x +p\" a#b\nparams = c\\d");
	assert_string_equal(o.config.params, "root=/dev/vda dyndbg=\"file x +p\" a#b c\\d");
	options_free(&o);
}

static void quoted_values_keep_everything(void **state)
{
	struct run_options o;

	(void)state;
	accept(&o, "name = \" a # \\\"b\\\" \\\\ \\x41\\t\" # comment\n");
	assert_string_equal(o.config.name, " a # \"b\" \\ A\t");
	options_free(&o);
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	refuse("cpus = 1\n\n# x\ncpus = 0\n", "vm.conf:4: cpus: \"0\" is too small");
	refuse("cpsu = 1", "vm.conf:1: cpsu: no such option; did you mean cpus?");
	refuse("\nstats\n", "vm.conf:2: there is no =");
	refuse("= 3", "vm.conf:1: there is no name");
	refuse("cpus =", "vm.conf:1: cpus: \"\" is not a number");
	refuse("name = \"x", "vm.conf:1: the closing \" is missing");
	refuse("name = \"x\\", "vm.conf:1: no such escape");
	refuse("name = \"x\" y", "vm.conf:1: only a comment may follow");
	refuse("name = \"\\q\"", "vm.conf:1: no such escape");
	refuse("name = \"\\x00\"", "vm.conf:1: no such escape");
	refuse("name = \"\\x4\"", "vm.conf:1: no such escape");
	refuse("name =", "vm.conf:1: name: \"\" is empty");
	refuse("vsock = 3", "vm.conf:1: vsock: not available in this version");
	refuse("config = x", "vm.conf:1: config: works on the command line only");
	refuse("print-config = yes", "vm.conf:1: print-config: works on the command line only");
	refuse("cp = 1", "vm.conf:1: cp: no such option");
}

/* Write `bytes` of `text` to a new file; the caller unlinks it. */
static void write_file(char *path, const char *text, size_t bytes)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, bytes), bytes);
	close(fd);
}

static void later_options_win_over_the_file(void **state)
{
	static const char text[] = "cpus = 2\nmem = 1G\nparams = b\n";
	char path[] = "/tmp/test_config_file.XXXXXX";
	const char *argv[] = { "-c", "8", "-p", "a", "--config", path, "-m", "2G", "-p", "c" };
	struct run_options o;
	struct err err;

	(void)state;
	write_file(path, text, strlen(text));
	options_init(&o);
	if (options_parse(&o, ARRAY_SIZE(argv), argv, &err) != 0)
		fail_msg("expected to be accepted, found: %s", err.text);
	assert_int_equal(o.config.cpus, 2);
	assert_int_equal(o.config.ram_bytes, GIB(2));
	assert_string_equal(o.config.params, "a b c");
	unlink(path);
	options_free(&o);
}

static void refuse_file(const char *path, const char *part)
{
	struct run_options o;
	struct err err = { "" };

	options_init(&o);
	assert_int_not_equal(config_file_load(&o, path, &err), 0);
	if (!strstr(err.text, part))
		fail_msg("expected \"%s\", found \"%s\"", part, err.text);
	options_free(&o);
}

static void files_that_are_no_config_are_refused(void **state)
{
	char path[] = "/tmp/test_config_file.XXXXXX";

	(void)state;
	refuse_file("/nonexistent/file", "cannot open: No such file");
	refuse_file("/tmp", "cannot read: Is a directory");
	refuse_file("/dev/zero", "larger than 1 MiB");
	write_file(path, "cpus = 1\0", 9);
	refuse_file(path, "zero byte");
	unlink(path);
}

static char *print(const struct run_options *o)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(config_file_print(o, f), 0);
	fclose(f);
	return text;
}

static void same_string(const char *name, const char **a, const char **b)
{
	if ((*a == NULL) != (*b == NULL) || (*a && strcmp(*a, *b) != 0))
		fail_msg("%s: expected \"%s\", found \"%s\"", name, *a ? *a : "(none)",
			 *b ? *b : "(none)");
	*a = *b = NULL;
}

/* Strings by their text, everything else by its bytes: a field that is forgotten fails. */
static void same_options(struct run_options a, struct run_options b)
{
	struct run_config *x = &a.config, *y = &b.config;

	same_string("kernel", &x->kernel, &y->kernel);
	same_string("initrd", &x->initrd, &y->initrd);
	same_string("params", &x->params, &y->params);
	same_string("name", &x->name, &y->name);
	same_string("backing path", &x->backing_path, &y->backing_path);
	same_string("affinity", &x->vcpu_affinity, &y->vcpu_affinity);
	same_string("console path", &x->console_path, &y->console_path);
	same_string("trace", &x->trace_path, &y->trace_path);
	same_string("dump-dtb", &x->dump_dtb_path, &y->dump_dtb_path);
	same_string("script", &a.script.script, &b.script.script);
	same_string("tap", &a.script.tap, &b.script.tap);
	same_string("junit", &a.script.junit, &b.script.junit);
	same_string("transcript", &a.script.transcript, &b.script.transcript);
	for (unsigned i = 0; i < SCRIPT_MAX_VARIABLES; i++)
		same_string("define", &a.script.define[i], &b.script.define[i]);
	assert_memory_equal(&a.script, &b.script, sizeof(a.script));
	assert_int_equal(a.loglevel, b.loglevel);
	assert_memory_equal(x, y, sizeof(*x));
}

static void check_round_trip(struct run_options *o)
{
	char *text = print(o), *again;
	struct run_options back;
	struct err err = { "" };

	options_init(&back);
	if (parse(&back, text, &err) != 0 || options_finish(&back, &host, &err) != 0)
		fail_msg("expected the printed config to be accepted, found: %s\n%s", err.text,
			 text);
	again = print(&back);
	assert_string_equal(again, text);
	same_options(*o, back);
	options_free(&back);
	free(again);
	free(text);
}

static void the_printed_defaults_read_back(void **state)
{
	struct run_options o;
	struct err err;

	(void)state;
	options_init(&o);
	o.print_config = true;
	assert_int_equal(options_finish(&o, &host, &err), 0);
	o.config.kernel = "Image";
	check_round_trip(&o);
	options_free(&o);
}

static unsigned below(unsigned n)
{
	return (unsigned)rand() % n;
}

/* A text of any bytes but 0, with those that mean something in a config file more often. */
static const char *random_text(struct run_options *o)
{
	static const char special[] = " \t\"\\#=\n\r'x";
	size_t n = 1 + below(12);
	char *text = options_room(o, n + 1);

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = below(2) ? special[below(sizeof(special) - 1)] : (char)(1 + below(255));
	text[n] = '\0';
	return text;
}

static const char *maybe_text(struct run_options *o)
{
	return below(3) ? random_text(o) : NULL;
}

static void random_faults(struct fault_table *t)
{
	static const char *const function[] = { "CPU_ON", "CPU_OFF", "SYSTEM_RESET2" };
	unsigned n = below(6), fails = below(n + 1);

	for (t->n = 0; t->n < n; t->n++) {
		struct fault_rule *r = &t->rule[t->n];

		strcpy(r->function, function[below(3)]);
		r->pe = below(2) ? below(1) : FAULT_ANY_PE;
		r->remaining = below(2) ? 1 + below(100) : UINT32_MAX;
		r->delay = t->n >= fails;
		if (r->delay)
			r->delay_ns = (uint64_t)below(1000) * (below(2) ? 1 : 1000000);
		else
			r->code = below(2) ? -(int64_t)below(10) : (int64_t)below(1000) - 500;
	}
}

static void random_smccc(struct run_config *c)
{
	c->nsmccc = below(CONFIG_MAX_SMCCC_RANGES + 1);
	for (unsigned i = 0; i < c->nsmccc; i++)
		c->smccc[i] = (struct smccc_range){
			.base = 0x82000000u + 0x100 * i,
			.count = 1 + below(0x100),
			.action = (enum smccc_action)below(3),
		};
}

static struct sdei_trigger_rule random_trigger(const struct run_config *c)
{
	bool shared = below(2);
	struct sdei_trigger_rule rule;

	memset(&rule, 0, sizeof(rule));
	rule.at_ns = (uint64_t)below(1000) * (below(2) ? 1 : 1000000);
	rule.event = shared ? SDEI_EVENT_SHARED_NORMAL : SDEI_EVENT_SIGNALLED;
	if (c->nsdei_events && below(2)) {
		const struct sdei_event_def *own = &c->sdei_event[below(c->nsdei_events)];

		shared = own->type == SDEI_SHARED;
		rule.event = own->num;
	}
	rule.cpu = shared ? SDEI_NO_CPU : below(c->cpus);
	if (below(2)) {
		rule.every_ns = 1000 * (uint64_t)(1 + below(100000));
		rule.count = below(3);
	}
	return rule;
}

static void random_sdei(struct run_config *c)
{
	c->sdei = below(4);
	if (!c->sdei)
		return;
	c->nsdei_events = below(SDEI_MAX_USER_EVENTS + 1);
	for (unsigned i = 0; i < c->nsdei_events; i++)
		c->sdei_event[i] = (struct sdei_event_def){
			.num = SDEI_EVENT_VENDOR_LAST - 0x1000 * i - below(0x1000),
			.type = (enum sdei_type)below(2),
			.priority = (enum sdei_priority)below(2),
		};
	c->nsdei_triggers = below(SDEI_MAX_TRIGGERS + 1);
	for (unsigned i = 0; i < c->nsdei_triggers; i++) {
		struct sdei_trigger_rule rule = random_trigger(c);

		memcpy(&c->sdei_trigger[i], &rule, sizeof(rule));
	}
	c->sdei_watchdog_ns = below(2) ? 1000000 + (uint64_t)rand() * 1000 : 0;
}

static void random_ras(struct run_config *c)
{
	static const uint64_t serror[] = { RAS_SERROR_AUTO, RAS_SERROR_NO_ESR, 0x411, 0 };
	bool by_record;

	c->tables = (enum tables_choice)below(4);
	by_record = c->tables == TABLES_ACPI || c->tables == TABLES_BOTH;
	c->ras.given = below(2);
	if (!c->ras.given)
		return;
	c->ras.ao = (enum ras_ao_choice)below(RAS_AO_STOP + 1);
	c->ras.ar = (enum ras_ar_choice)below(RAS_AR_STOP + 1);
	c->ras.ce = (enum ras_ce_choice)below(RAS_CE_POLLED + 1);
	c->ras.heal = (enum ras_heal_choice)below(RAS_HEAL_AFTER_KILL + 1);
	c->ras.limit_per_s = 1 + below(10000);
	c->ras.serror = serror[below(4)];
	c->ras.ack_ns = 1000000 * (uint64_t)(1 + below(100000));
	c->ras.fallback_ns = 1000000 * (uint64_t)(1 + below(100000));
	/* What the machine does not have is refused. */
	if (!c->sdei || !by_record)
		c->ras.ao = (enum ras_ao_choice)below(2);
	if (!c->sdei || !by_record)
		c->ras.ce = (enum ras_ce_choice)below(2);
}

static void random_when(struct inject_rule *r)
{
	static const char *const regex[] = { "a,b", "^# \"x\" $", "\\.\\\\", "(0x[0-9a-f]{1,16})" };

	r->when = (enum inject_when)below(3);
	r->at_ns = (uint64_t)below(1000) * (below(2) ? 1 : 1000000);
	r->every_ns = below(2) ? 1000 * (uint64_t)(1 + below(100000)) : 0;
	r->count = r->every_ns ? below(3) : 1;
	if (r->when == INJECT_EXIT)
		r->exit = 1 + (uint64_t)rand();
	if (r->when != INJECT_CONSOLE)
		return;
	strcpy(r->console, regex[below(4)]);
	r->count = below(5);
}

/* Where a memory error is. */
static void random_place(const struct run_config *c, struct inject_rule *r)
{
	uint64_t page = BOARD_RAM_BASE + align_down(c->ram_bytes / (1 + below(5)), 4096) - 4096;

	r->place = (enum inject_place)below(4);
	if (r->place == INJECT_CAPTURE) {
		r->when = INJECT_CONSOLE;
		r->exit = 0;
		memset(r->console, 0, sizeof(r->console));
		strcpy(r->console, "(.*)");
	}
	if (r->place == INJECT_GPA)
		r->address = page + below(4096);
	if (r->place == INJECT_VA)
		r->address = ~(uint64_t)rand();
	if (r->place == INJECT_RANDOM && below(2)) {
		r->range_from = BOARD_RAM_BASE;
		r->range_to = page + 4096;
	}
}

/* A rule of some kind that this machine can carry out. */
static struct inject_rule random_injection(const struct run_config *c)
{
	static const enum inject_kind kinds[] = { INJECT_MEM_AO, INJECT_MEM_AR, INJECT_MEM_CE,
						  INJECT_STORM,  INJECT_SERROR, INJECT_SEA,
						  INJECT_SDEI };
	struct inject_rule r;

	memset(&r, 0, sizeof(r));
	r.kind = kinds[below(c->sdei ? 7 : 6)];
	r.pages = r.kind == INJECT_STORM ? 32 : 1;
	r.cpu = INJECT_ANY_CPU;
	random_when(&r);
	if (r.kind <= INJECT_MEM_CE || r.kind == INJECT_STORM)
		random_place(c, &r);
	if (r.kind == INJECT_STORM && r.place == INJECT_GPA)
		r.pages = 1;
	if (r.kind == INJECT_MEM_AO || r.kind == INJECT_MEM_AR)
		r.level = (enum inject_level)below(3);
	r.threshold = r.kind == INJECT_MEM_CE && below(2);
	r.ifetch = (r.kind == INJECT_SEA || (r.kind == INJECT_MEM_AR && !r.level)) && below(2);
	if (r.kind == INJECT_SERROR)
		r.serror = below(2) ? RAS_SERROR_NO_ESR : below(0x2000000);
	if (r.kind == INJECT_SDEI)
		r.event = SDEI_EVENT_SHARED_NORMAL;
	if ((r.kind == INJECT_SERROR || r.kind == INJECT_SEA || r.place == INJECT_VA) && below(2))
		r.cpu = below(c->cpus);
	return r;
}

static void random_injections(struct run_config *c)
{
	c->ninject = below(3) ? below(4) : below(INJECT_MAX_RULES + 1);
	for (unsigned i = 0; i < c->ninject; i++) {
		struct inject_rule rule = random_injection(c);

		memcpy(&c->inject[i], &rule, sizeof(rule));
	}
}

static void random_machine(struct run_options *o)
{
	struct run_config *c = &o->config;

	c->kernel = random_text(o);
	c->initrd = maybe_text(o);
	c->params = maybe_text(o);
	c->name = maybe_text(o);
	c->flat = below(2);
	c->cpus = 1 + below(BOARD_MAX_CPUS);
	c->ram_bytes = MIB(1) + 4096 * (uint64_t)below(1u << 30);
	c->backing = (enum mem_backing)below(4);
	if (c->backing == MEM_HUGETLBFS || c->backing == MEM_FILE)
		c->backing_path = random_text(o);
	c->irqchip = (enum irqchip_choice)below(5);
	c->sve = (enum feature)below(3);
	c->pauth = (enum feature)below(3);
	c->pmu = (enum feature)below(3);
	c->pvtime = (enum feature)below(3);
	if (c->sve != FEATURE_OFF)
		c->sve_max_vl = 128 * below(17);
	c->kaslr_seed_given = below(2);
	if (c->kaslr_seed_given)
		c->kaslr_seed = ((uint64_t)rand() << 33) ^ (uint64_t)rand();
	c->vcpu_affinity = below(2) ? "0-3,7" : NULL;
	c->cpuidle = below(2);
}

static void random_script(struct run_options *o)
{
	static const char *const defines[] = { "A=", "b_2=x=y", "LONG= \"#\\" };

	o->script.transcript = maybe_text(o);
	o->script.script = maybe_text(o);
	if (!o->script.script)
		return;
	o->script.tap = maybe_text(o);
	o->script.junit = maybe_text(o);
	o->script.check = below(2);
	while (o->script.ndefines < ARRAY_SIZE(defines) && below(2)) {
		o->script.define[o->script.ndefines] = defines[o->script.ndefines];
		o->script.ndefines++;
	}
}

static void random_rest(struct run_options *o)
{
	static const uint32_t version[] = { PSCI_VERSION_0_2, PSCI_VERSION_1_0, PSCI_VERSION_1_2 };
	struct run_config *c = &o->config;

	c->console = (enum console_kind)below(4);
	if (c->console == CONSOLE_FILE)
		c->console_path = random_text(o);
	c->psci = (enum psci_owner)below(2);
	c->psci_version_given = below(2);
	if (c->psci_version_given)
		c->psci_version = version[below(3)];
	if (c->psci == PSCI_USER) {
		c->psci_on_pending = below(2);
		random_faults(&c->faults);
		random_sdei(c);
		c->vendor_calls = below(2);
	} else {
		c->sdei = false;
	}
	random_ras(c);
	random_injections(c);
	random_smccc(c);
	c->on_reset = (enum on_reset)below(2);
	c->on_panic = (enum on_panic)below(2);
	c->all_off = (enum all_off)below(2);
	c->timeout_ns = below(2) ? (uint64_t)rand() * (below(2) ? 1 : 1000) : 0;
	random_script(o);
	c->trace_path = maybe_text(o);
	c->dump_dtb_path = maybe_text(o);
	c->stats = below(2);
	c->test_timer = below(2);
	c->pvpanic = below(2);
	c->single_step = below(2);
	c->dry_run = below(2);
	o->loglevel = (enum log_level)below(4);
}

static void random_configs_read_back_as_they_were(void **state)
{
	(void)state;
	srand(1);
	for (unsigned i = 0; i < 3000; i++) {
		struct run_options o;

		options_init(&o);
		random_machine(&o);
		random_rest(&o);
		check_round_trip(&o);
		options_free(&o);
	}
}

static void every_option_that_can_be_set_is_printed(void **state)
{
	struct run_options o;
	char *text, name[64];

	(void)state;
	options_init(&o);
	text = print(&o);
	for (unsigned i = 0; i < run_option_table.nrows; i++) {
		const struct opt *row = &run_option_table.rows[i];

		if (!opt_is_offered(row) || row->flags & OPT_COMMAND_LINE ||
		    strcmp(row->name, "hugetlbfs") == 0) /* mem-backing by another name */
			continue;
		snprintf(name, sizeof(name), "%s =", row->name);
		if (!strstr(text, name))
			fail_msg("expected a line \"%s\", found none", name);
	}
	free(text);
	options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_set_options),
		cmocka_unit_test(a_value_may_contain_equals_signs_and_quotes),
		cmocka_unit_test(quoted_values_keep_everything),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(later_options_win_over_the_file),
		cmocka_unit_test(files_that_are_no_config_are_refused),
		cmocka_unit_test(the_printed_defaults_read_back),
		cmocka_unit_test(random_configs_read_back_as_they_were),
		cmocka_unit_test(every_option_that_can_be_set_is_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
