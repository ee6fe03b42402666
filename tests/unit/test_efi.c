/* UEFI's tables, read back byte by byte; and the clock of the runtime services, run on this host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "arm64/efi.h"
#include "arm64/efi_runtime.h"
#include "guest/runtime/efi_time.h"

#define RAM     UINT64_C(0x80000000)
#define AT      UINT64_C(0x84200000)
#define RSDP    (AT + EFI_MAX_BYTES)
#define RUNTIME UINT64_C(0x84250000)
#define REGION  UINT64_C(0x84260000)
#define RTC     UINT64_C(0x01010000)

#define WB   UINT64_C(8)
#define UC   UINT64_C(1)
#define RO   UINT64_C(0x20000)
#define RUNS (UINT64_C(1) << 63)

static uint8_t blob[EFI_MAX_BYTES];
static struct efi_handoff handoff;

static struct efi_params full(void)
{
	return (struct efi_params){
		.at = { AT },
		.ram = { RAM },
		.ram_bytes = MIB(256),
		.acpi = { AT },
		.acpi_bytes = 0x50000,
		.runtime = { RUNTIME },
		.region = { REGION },
		.region_bytes = 0x20000,
		.rsdp = { RSDP },
		.rtc = { RTC },
	};
}

static void build(const struct efi_params *p)
{
	struct err err = { "" };
	int ret;

	memset(blob, 0xee, sizeof(blob));
	ret = efi_build(p, blob, sizeof(blob), &handoff, &err);
	if (ret <= 0)
		fail_msg("efi_build: %d (%s)", ret, err.text);
}

/* The bytes at a guest address. */
static const uint8_t *at(uint64_t address)
{
	if (address < AT || address >= AT + sizeof(blob))
		fail_msg("0x%llx is not within the tables", (unsigned long long)address);
	return blob + (address - AT);
}

static void expect_u64(const char *what, uint64_t found, uint64_t want)
{
	if (found != want)
		fail_msg("%s: expected 0x%llx, found 0x%llx", what, (unsigned long long)want,
			 (unsigned long long)found);
}

/* CRC-32 of UEFI and Ethernet, bit by bit, over a table whose own field at 16 counts as 0. */
static uint32_t table_crc(const uint8_t *table, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= i >= 16 && i < 20 ? 0 : table[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void expect_header(const uint8_t *table, const char *signature, uint32_t bytes)
{
	assert_memory_equal(table, signature, 8);
	expect_u64("revision", le32_at(table + 8), 2 << 16 | 70);
	expect_u64("header size", le32_at(table + 12), bytes);
	expect_u64("CRC", le32_at(table + 16), table_crc(table, bytes));
	expect_u64("reserved", le32_at(table + 20), 0);
}

static void the_system_table_leads_to_everything(void **unused)
{
	static const char vendor[] = "r\0a\0s\0v\0m\0\0";
	struct efi_params p = full();
	const uint8_t *t;

	(void)unused;
	build(&p);
	t = at(handoff.system_table.v);
	expect_u64("alignment", handoff.system_table.v % 8, 0);
	expect_header(t, "IBI SYST", 120);
	assert_memory_equal(at(le64_at(t + 24)), vendor, sizeof(vendor));
	for (unsigned i = 40; i < 88; i += 8)
		expect_u64("console", le64_at(t + i), 0);
	expect_u64("runtime services", le64_at(t + 88), RUNTIME);
	expect_u64("boot services", le64_at(t + 96), 0);
	expect_u64("configuration tables", le64_at(t + 104), 3);
	expect_u64("their alignment", le64_at(t + 112) % 8, 0);
	at(le64_at(t + 112) + 3 * 24 - 1);
}

/* The address a configuration table's entry has, by its GUID in memory order. */
static uint64_t configured(const char *name, const uint8_t *guid)
{
	const uint8_t *t = at(handoff.system_table.v);
	const uint8_t *entry = at(le64_at(t + 112));

	for (uint64_t i = 0; i < le64_at(t + 104); i++, entry += 24)
		if (memcmp(entry, guid, 16) == 0)
			return le64_at(entry + 16);
	fail_msg("%s: expected a configuration table, found none", name);
	return 0;
}

static const uint8_t acpi_2_0[16] = { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
				      0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 };
static const uint8_t rt_properties[16] = { 0x8a, 0x91, 0x66, 0xeb, 0xef, 0x7e, 0x2a, 0x40,
					   0x84, 0x2e, 0x93, 0x1d, 0x21, 0xc3, 0x8a, 0xe9 };
static const uint8_t memreserve[16] = { 0xc6, 0xb0, 0x8e, 0x88, 0xde, 0x8e, 0xf5, 0x4f,
					0xa8, 0xf0, 0x9a, 0xee, 0x5c, 0xb9, 0x77, 0xc2 };

static void the_configuration_tables_are_those_linux_needs(void **unused)
{
	struct efi_params p = full();
	const uint8_t *t;
	uint64_t list;

	(void)unused;
	build(&p);
	expect_u64("RSDP", configured("ACPI 2.0", acpi_2_0), RSDP);
	t = at(configured("RT_PROPERTIES", rt_properties));
	expect_u64("version", le16_at(t), 1);
	expect_u64("length", le16_at(t + 2), 8);
	expect_u64("services", le32_at(t + 4), 15);
	list = configured("LINUX_EFI_MEMRESERVE", memreserve);
	expect_u64("alignment of the list", list % 8, 0);
	expect_u64("size and count", le64_at(at(list)), 0);
	expect_u64("next", le64_at(at(list) + 8), 0);
}

static void without_runtime_services_none_are_promised(void **unused)
{
	struct efi_params p = full();

	(void)unused;
	p.runtime = gpa(0);
	build(&p);
	expect_u64("runtime services", le64_at(at(handoff.system_table.v) + 88), 0);
	expect_u64("services", le32_at(at(configured("RT_PROPERTIES", rt_properties)) + 4), 0);
}

struct entry {
	uint32_t type;
	uint64_t at, bytes, attribute;
};

static void expect_map(const struct entry *want, unsigned n)
{
	const uint8_t *d = at(handoff.memory_map.v);

	expect_u64("alignment of the map", handoff.memory_map.v % 8, 0);
	expect_u64("descriptor size", handoff.descriptor_bytes, 40);
	expect_u64("descriptor version", handoff.descriptor_version, 1);
	expect_u64("size of the map", handoff.memory_map_bytes, n * 40);
	at(handoff.memory_map.v + n * 40 - 1);
	for (unsigned i = 0; i < n; i++, d += 40) {
		char what[24];

		snprintf(what, sizeof(what), "descriptor %u", i);
		expect_u64(what, le32_at(d), want[i].type);
		expect_u64(what, le32_at(d + 4), 0);
		expect_u64(what, le64_at(d + 8), want[i].at);
		expect_u64(what, le64_at(d + 16), want[i].attribute & RUNS ? want[i].at : 0);
		expect_u64(what, le64_at(d + 24), want[i].bytes / 4096);
		expect_u64(what, le64_at(d + 32), want[i].attribute);
	}
}

static void the_map_says_what_each_part_of_ram_is(void **unused)
{
	static const struct entry want[] = {
		{ 11, RTC, 0x10000, UC | RUNS },
		{ 7, RAM, AT - RAM, WB },
		{ 9, AT, 0x50000, WB },
		{ 5, RUNTIME, 0x10000, WB | RO | RUNS },
		{ 0, REGION, 0x20000, WB },
		{ 7, REGION + 0x20000, RAM + MIB(256) - REGION - 0x20000, WB },
	};
	struct efi_params p = full();

	(void)unused;
	build(&p);
	expect_map(want, ARRAY_SIZE(want));
}

static void ram_that_ends_in_a_broken_grain_ends_before_it(void **unused)
{
	static const struct entry want[] = {
		{ 7, RAM, AT - RAM, WB },
		{ 9, AT, 0x50000, WB },
		{ 7, AT + 0x50000, REGION - AT - 0x50000, WB },
		{ 0, REGION, 0x20000, WB },
	};
	struct efi_params p = full();

	(void)unused;
	p.runtime = gpa(0);
	p.ram_bytes = REGION + 0x20000 - RAM;
	build(&p);
	expect_map(want, ARRAY_SIZE(want));
	p.ram_bytes += 0xf000;
	build(&p);
	expect_map(want, ARRAY_SIZE(want));
}

static void every_boundary_is_a_multiple_of_64k(void **unused)
{
	struct efi_params p = full();
	const uint8_t *d;
	uint64_t end = 0;

	(void)unused;
	build(&p);
	d = at(handoff.memory_map.v);
	for (unsigned i = 0; i < handoff.memory_map_bytes / 40; i++, d += 40) {
		expect_u64("start", le64_at(d + 8) % KIB(64), 0);
		expect_u64("pages", le64_at(d + 24) % 16, 0);
		assert_true(le64_at(d + 8) >= end);
		end = le64_at(d + 8) + le64_at(d + 24) * 4096;
	}
}

static void ranges_that_lie_wrong_are_refused(void **unused)
{
	struct efi_params p[5];

	(void)unused;
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = full();
	p[0].acpi.v += 0x1000;                    /* not aligned */
	p[1].runtime.v = AT;                      /* overlaps */
	p[2].region.v = RAM + MIB(256) - 0x10000; /* sticks out */
	p[3].region_bytes = 0x1000;               /* not a multiple */
	p[4].acpi.v = RAM - 0x10000;              /* before RAM */
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		struct err err = { "" };
		int ret = efi_build(&p[i], blob, sizeof(blob), &handoff, &err);

		if (ret != -EINVAL || !strstr(err.text, "64 KiB"))
			fail_msg("case %u: expected %d, found %d (%s)", i, -EINVAL, ret, err.text);
	}
}

static void a_buffer_that_is_too_small_is_an_error(void **unused)
{
	struct efi_params p = full();
	struct err err = { "" };
	int need = efi_build(&p, blob, sizeof(blob), &handoff, &err);

	(void)unused;
	for (int size = 0; size < need; size++) {
		uint8_t *exact = malloc((size_t)size + 1); /* a sanitizer sees an overrun */
		int ret = efi_build(&p, exact, (size_t)size, &handoff, &err);

		free(exact);
		if (ret != -ENOSPC)
			fail_msg("%d bytes: expected %d, found %d", size, -ENOSPC, ret);
	}
}

/* Runtime services */

static const uint8_t program[RUNTIME_HEAD_BYTES + 5] = {
	[0] = 1, [4] = 2, [8] = 3, [12] = 4, [16] = 5, [RUNTIME_HEAD_BYTES] = 'c',
	'o',     'd',     'e',     '!',
};

static void the_runtime_table_points_into_the_program(void **unused)
{
	struct efi_params p = full();
	struct err err = { "" };
	uint64_t code = RUNTIME + RUNTIME_CODE;
	int ret = efi_build_runtime(&p, program, sizeof(program), blob, EFI_RUNTIME_BYTES, &err);

	(void)unused;
	expect_u64("length", (uint64_t)ret, RUNTIME_CODE + sizeof(program));
	expect_header(blob, "RUNTSERV", 136);
	expect_u64("GetTime", le64_at(blob + 24), code + RUNTIME_GET_TIME);
	expect_u64("SetTime", le64_at(blob + 32), code + RUNTIME_SET_TIME);
	expect_u64("GetWakeupTime", le64_at(blob + 40), code + RUNTIME_GET_WAKEUP);
	expect_u64("SetWakeupTime", le64_at(blob + 48), code + RUNTIME_SET_WAKEUP);
	for (unsigned i = 56; i < 136; i += 8)
		expect_u64("unsupported", le64_at(blob + i), code + RUNTIME_UNSUPPORTED);
	assert_memory_equal(blob + RUNTIME_CODE, program, RUNTIME_RTC);
	expect_u64("clock", le64_at(blob + RUNTIME_CODE + RUNTIME_RTC), RTC);
	assert_memory_equal(blob + RUNTIME_CODE + RUNTIME_HEAD_BYTES, "code!", 5);
}

static void a_program_of_the_wrong_size_is_refused(void **unused)
{
	struct efi_params p = full();
	struct err err = { "" };

	(void)unused;
	assert_int_equal(
		efi_build_runtime(&p, program, RUNTIME_HEAD_BYTES - 1, blob, sizeof(blob), &err),
		-ENOSPC);
	assert_int_equal(efi_build_runtime(&p, program, sizeof(program), blob,
					   RUNTIME_CODE + sizeof(program) - 1, &err),
			 -ENOSPC);
	assert_non_null(strstr(err.text, "do not fit"));
}

/* The clock */

static void expect_time(uint32_t seconds, unsigned year, unsigned month, unsigned day,
			unsigned hour, unsigned minute, unsigned second)
{
	struct efi_time t;
	uint32_t back = ~seconds;

	memset(&t, 0xff, sizeof(t));
	efi_time_from_seconds(seconds, &t);
	if (t.year != year || t.month != month || t.day != day || t.hour != hour ||
	    t.minute != minute || t.second != second)
		fail_msg("%u: expected %u-%02u-%02u %02u:%02u:%02u, found %u-%02u-%02u "
			 "%02u:%02u:%02u",
			 seconds, year, month, day, hour, minute, second, t.year, t.month, t.day,
			 t.hour, t.minute, t.second);
	assert_int_equal(t.nanosecond, 0);
	assert_int_equal(t.zone, 0);
	assert_int_equal(t.daylight | t.pad1 | t.pad2, 0);
	assert_true(efi_time_to_seconds(&t, &back));
	expect_u64("and back", back, seconds);
}

static void known_times_convert(void **unused)
{
	(void)unused;
	assert_int_equal(sizeof(struct efi_time), 16);
	expect_time(0, 1970, 1, 1, 0, 0, 0);
	expect_time(86399, 1970, 1, 1, 23, 59, 59);
	expect_time(86400, 1970, 1, 2, 0, 0, 0);
	expect_time(68169600, 1972, 2, 29, 0, 0, 0);
	expect_time(951782400, 2000, 2, 29, 0, 0, 0);
	expect_time(951868800, 2000, 3, 1, 0, 0, 0);
	expect_time(978307199, 2000, 12, 31, 23, 59, 59);
	expect_time(2147483648, 2038, 1, 19, 3, 14, 8);
	expect_time(4102444799, 2099, 12, 31, 23, 59, 59);
	expect_time(4107542399, 2100, 2, 28, 23, 59, 59);
	expect_time(4107542400, 2100, 3, 1, 0, 0, 0);
	expect_time(UINT32_MAX, 2106, 2, 7, 6, 28, 15);
}

static void every_day_is_that_of_the_c_library(void **unused)
{
	(void)unused;
	for (uint64_t s = 43210; s <= UINT32_MAX; s += 86400) {
		time_t when = (time_t)s;
		struct tm tm;

		gmtime_r(&when, &tm);
		expect_time((uint32_t)s, (unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1,
			    (unsigned)tm.tm_mday, 12, 0, 10);
	}
}

static void times_that_are_none_are_refused(void **unused)
{
	static const struct efi_time good = { 2024, 2, 29, 12, 30, 30, 0, 0, 0, 0, 0 };
	struct efi_time t[] = {
		{ 1969, 12, 31, 23, 59, 59, 0, 0, 0, 0, 0 },
		{ 2107, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2106, 2, 7, 6, 28, 16, 0, 0, 0, 0, 0 },
		{ 2100, 2, 29, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2023, 2, 29, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 255, 1, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 4, 31, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 4, 1, 24, 0, 0, 0, 0, 0, 0, 0 },
		{ 2024, 4, 1, 0, 60, 0, 0, 0, 0, 0, 0 },
		{ 2024, 4, 1, 0, 0, 60, 0, 0, 0, 0, 0 },
		{ 2024, 4, 1, 0, 0, 0, 0, 1000000000, 0, 0, 0 },
		{ 2024, 4, 1, 0, 0, 0, 0, 0, 1441, 0, 0 },
		{ 2024, 4, 1, 0, 0, 0, 0, 0, -1441, 0, 0 },
		{ 1970, 1, 1, 0, 0, 59, 0, 0, -1, 0, 0 },
		{ 2106, 2, 7, 6, 28, 0, 0, 0, 1, 0, 0 },
	};
	uint32_t s = 0;

	(void)unused;
	assert_true(efi_time_to_seconds(&good, &s));
	expect_u64("2024-02-29 12:30:30", s, 1709209830);
	for (unsigned i = 0; i < ARRAY_SIZE(t); i++)
		if (efi_time_to_seconds(&t[i], &s))
			fail_msg("case %u: expected to be refused, found %u", i, s);
}

static void a_time_zone_is_minutes_to_add(void **unused)
{
	struct efi_time t = { 2024, 2, 29, 12, 30, 30, 0, 0, -60, 0, 0 };
	uint32_t s = 0;

	(void)unused;
	assert_true(efi_time_to_seconds(&t, &s));
	expect_u64("one hour east", s, 1709209830 - 3600);
	t.zone = 300;
	assert_true(efi_time_to_seconds(&t, &s));
	expect_u64("five hours west", s, 1709209830 + 18000);
	t.zone = EFI_TIME_NO_ZONE;
	assert_true(efi_time_to_seconds(&t, &s));
	expect_u64("none", s, 1709209830);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_system_table_leads_to_everything),
		cmocka_unit_test(the_configuration_tables_are_those_linux_needs),
		cmocka_unit_test(without_runtime_services_none_are_promised),
		cmocka_unit_test(the_map_says_what_each_part_of_ram_is),
		cmocka_unit_test(ram_that_ends_in_a_broken_grain_ends_before_it),
		cmocka_unit_test(every_boundary_is_a_multiple_of_64k),
		cmocka_unit_test(ranges_that_lie_wrong_are_refused),
		cmocka_unit_test(a_buffer_that_is_too_small_is_an_error),
		cmocka_unit_test(the_runtime_table_points_into_the_program),
		cmocka_unit_test(a_program_of_the_wrong_size_is_refused),
		cmocka_unit_test(known_times_convert),
		cmocka_unit_test(every_day_is_that_of_the_c_library),
		cmocka_unit_test(times_that_are_none_are_refused),
		cmocka_unit_test(a_time_zone_is_minutes_to_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
