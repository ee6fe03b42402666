/* SMCCC: argument width, table look-up, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hypercall/psci.h"
#include "lib/smccc.h"
#include "lib/types.h"

static void a_32_bit_call_has_32_bit_arguments(void **state)
{
	struct smccc call = { .fid = 0x84000003 };

	(void)state;
	for (unsigned i = 0; i < SMCCC_MAX_ARGS; i++)
		call.arg[i] = UINT64_C(0xdeadbeef00000000) + i;
	smccc_truncate(&call, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(call.arg[i], i);
	assert_int_equal(call.arg[3], UINT64_C(0xdeadbeef00000003));
}

static void a_64_bit_call_keeps_its_arguments(void **state)
{
	struct smccc call = { .fid = 0xc4000003, .arg = { UINT64_MAX, UINT64_MAX } };

	(void)state;
	smccc_truncate(&call, 2);
	assert_int_equal(call.arg[0], UINT64_MAX);
	assert_int_equal(call.arg[1], UINT64_MAX);
}

static void more_arguments_than_there_are_is_no_overrun(void **state)
{
	struct {
		struct smccc call;
		uint64_t guard;
	} s = { .call = { .fid = 0x84000000 }, .guard = UINT64_MAX };

	(void)state;
	smccc_truncate(&s.call, SMCCC_MAX_ARGS + 8);
	assert_int_equal(s.guard, UINT64_MAX);
}

static void every_row_is_found_by_its_id(void **state)
{
	const struct fw_service psci = { .calls = psci_calls, .ncalls = psci_ncalls };

	(void)state;
	for (unsigned i = 0; i < psci_ncalls; i++)
		assert_ptr_equal(fw_find(&psci, psci_calls[i].fid), &psci_calls[i]);
}

static void an_id_that_is_not_in_the_table_is_not_found(void **state)
{
	static const uint32_t absent[] = { 0,          0x83ffffff, 0x84000016, 0xc4000000,
					   0xc4000002, 0xc4000016, 0xffffffff };
	const struct fw_service psci = { .calls = psci_calls, .ncalls = psci_ncalls };
	const struct fw_service empty = { .calls = NULL, .ncalls = 0 };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
		assert_null(fw_find(&psci, absent[i]));
		assert_null(fw_find(&empty, absent[i]));
	}
}

static void ids_have_names(void **state)
{
	static const struct {
		uint32_t fid;
		const char *name;
	} expected[] = {
		/* clang-format off */
		{ 0x80000000, "SMCCC_VERSION"           },
		{ 0x80008000, "SMCCC_ARCH_WORKAROUND_1" },
		{ 0x80001234, "arch"                    },
		{ 0x81000000, "cpu"                     },
		{ 0xc2000001, "sip"                     },
		{ 0x83000000, "oem"                     },
		{ 0x84000000, "psci"                    },
		{ 0xc400001f, "psci"                    },
		{ 0xc4000020, "sdei"                    },
		{ 0xc400003f, "sdei"                    },
		{ 0x84000040, "std"                     },
		{ 0x84000050, "TRNG_VERSION"            },
		{ 0xc4000053, "TRNG_RND"                },
		{ 0xc5000020, "PV_TIME_FEATURES"        },
		{ 0xc5000000, "std-hyp"                 },
		{ 0x8600ff01, "VENDOR_HYP_UID"          },
		{ 0x86000002, "vendor-hyp"              },
		{ 0x86005000, "vendor-hyp"              },
		{ 0xc6004fff, "vendor-hyp"              },
		{ 0xc6005000, "rasvm"                   },
		{ 0xc600500f, "rasvm"                   },
		{ 0xc6005010, "vendor-hyp"              },
		{ 0xc6015000, "unknown"                 },
		{ 0x87000000, "vendor-el3"              },
		{ 0x88000000, "unknown"                 },
		{ 0x95c1ba5e, "PSCI_0_1_CPU_SUSPEND"    },
		{ 0x95c1ba61, "PSCI_0_1_MIGRATE"        },
		{ 0xaf000000, "unknown"                 },
		{ 0xb0000000, "ta"                      },
		{ 0xb2000000, "tos"                     },
		{ 0xff000000, "tos"                     },
		{ 0x84010000, "unknown"                 },
		{ 0x84020000, "unknown"                 },
		{ 0x04000000, "yielding"                },
		{ 0,          "yielding"                },
		/* clang-format on */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(smccc_owner_name(expected[i].fid), expected[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_32_bit_call_has_32_bit_arguments),
		cmocka_unit_test(a_64_bit_call_keeps_its_arguments),
		cmocka_unit_test(more_arguments_than_there_are_is_no_overrun),
		cmocka_unit_test(every_row_is_found_by_its_id),
		cmocka_unit_test(an_id_that_is_not_in_the_table_is_not_found),
		cmocka_unit_test(ids_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
