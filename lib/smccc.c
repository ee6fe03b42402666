/*
 * SMCCC function identifiers: argument width, table look-up, and names for a trace.
 *
 * Source: Arm DEN0028 (SMC Calling Convention): layout of the function identifier and the owner
 * ranges; DEN0098 (TRNG), DEN0057 (PV time) and the KVM documentation for their function numbers.
 * Holds no state. Names of PSCI and SDEI functions come from those services' own tables.
 */
#include "lib/smccc.h"

#include <stddef.h>

#include "lib/types.h"

/* Bits of a function identifier, DEN0028. */
#define FID_OWNER(fid)     (((fid) >> 24) & 0x3fu)
#define FID_NUMBER_MASK    UINT32_C(0x0000ffff)
#define FID_MUST_BE_ZERO   UINT32_C(0x00fe0000)
#define FID_SVE_HINT       UINT32_C(0x00010000)
#define OWNER_STANDARD     4u
#define STANDARD_PSCI_LAST 0x1fu
#define STANDARD_SDEI_LAST 0x3fu
#define OWNER_VENDOR_HYP   6u
#define RASVM_FIRST        0x5000u /* rasvm's own calls, SMC64 only: hypercall/vendor.h */
#define RASVM_LAST         0x500fu

struct fid_name {
	uint32_t fid;
	const char *name;
};

static const struct fid_name function_names[] = {
	/* clang-format off */
	{ 0x80000000, "SMCCC_VERSION"                             },
	{ 0x80000001, "SMCCC_ARCH_FEATURES"                       },
	{ 0x80000002, "SMCCC_ARCH_SOC_ID"                         },
	{ 0x80000004, "SMCCC_ARCH_WORKAROUND_4"                   },
	{ 0x80003fff, "SMCCC_ARCH_WORKAROUND_3"                   },
	{ 0x80007fff, "SMCCC_ARCH_WORKAROUND_2"                   },
	{ 0x80008000, "SMCCC_ARCH_WORKAROUND_1"                   },
	{ 0x84000050, "TRNG_VERSION"                              },
	{ 0x84000051, "TRNG_FEATURES"                             },
	{ 0x84000052, "TRNG_GET_UUID"                             },
	{ 0x84000053, "TRNG_RND"                                  },
	{ 0x86000000, "VENDOR_HYP_KVM_FEATURES"                   },
	{ 0x86000001, "VENDOR_HYP_KVM_PTP"                        },
	{ 0x8600ff01, "VENDOR_HYP_UID"                            },
	{ 0x95c1ba5e, "PSCI_0_1_CPU_SUSPEND"                      },
	{ 0x95c1ba5f, "PSCI_0_1_CPU_OFF"                          },
	{ 0x95c1ba60, "PSCI_0_1_CPU_ON"                           },
	{ 0x95c1ba61, "PSCI_0_1_MIGRATE"                          },
	{ 0xc0000002, "SMCCC_ARCH_SOC_ID"                         },
	{ 0xc0000003, "SMCCC_ARCH_FEATURE_AVAILABILITY"           },
	{ 0xc0000005, "SMCCC_ARCH_CLEAN_INV_MEMREGION"            },
	{ 0xc0000006, "SMCCC_ARCH_CLEAN_INV_MEMREGION_ATTRIBUTES" },
	{ 0xc4000053, "TRNG_RND"                                  },
	{ 0xc5000020, "PV_TIME_FEATURES"                          },
	{ 0xc5000021, "PV_TIME_ST"                                },
	/* clang-format on */
};

static const struct {
	uint32_t first, last;
	const char *name;
} owners[] = {
	/* clang-format off */
	{ 0,  0,  "arch"       },
	{ 1,  1,  "cpu"        },
	{ 2,  2,  "sip"        },
	{ 3,  3,  "oem"        },
	{ 4,  4,  "std"        },
	{ 5,  5,  "std-hyp"    },
	{ 6,  6,  "vendor-hyp" },
	{ 7,  7,  "vendor-el3" },
	{ 48, 49, "ta"         },
	{ 50, 63, "tos"        },
	/* clang-format on */
};

void smccc_truncate(struct smccc *call, unsigned nargs)
{
	if (call->fid & SMCCC_64BIT)
		return;
	for (unsigned i = 0; i < nargs && i < SMCCC_MAX_ARGS; i++)
		call->arg[i] = (uint32_t)call->arg[i];
}

void smccc_narrow(struct smccc *call, const struct fw_call *row)
{
	if (row->flags & FW_CALL_W1)
		call->arg[0] = (uint32_t)call->arg[0];
	if (row->flags & FW_CALL_W2)
		call->arg[1] = (uint32_t)call->arg[1];
}

const struct fw_call *fw_find(const struct fw_service *service, uint32_t fid)
{
	unsigned low = 0, high = service->ncalls;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct fw_call *row = &service->calls[middle];

		if (row->fid == fid)
			return row;
		if (row->fid < fid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const char *function_name(uint32_t fid)
{
	for (size_t i = 0; i < ARRAY_SIZE(function_names); i++)
		if (function_names[i].fid == fid)
			return function_names[i].name;
	return NULL;
}

static const char *standard_name(uint32_t fid)
{
	uint32_t number = fid & FID_NUMBER_MASK;

	if (number <= STANDARD_PSCI_LAST)
		return "psci";
	if (number <= STANDARD_SDEI_LAST)
		return "sdei";
	return "std";
}

static const char *vendor_hyp_name(uint32_t fid)
{
	uint32_t number = fid & FID_NUMBER_MASK;

	return fid & SMCCC_64BIT && number >= RASVM_FIRST && number <= RASVM_LAST ? "rasvm"
										  : "vendor-hyp";
}

const char *smccc_owner_name(uint32_t fid)
{
	const char *name = function_name(fid);

	if (name)
		return name;
	if (!(fid & SMCCC_FAST))
		return "yielding";
	/* A hinted identifier is another key to KVM's filter, so it is not the plain function. */
	if (fid & (FID_MUST_BE_ZERO | FID_SVE_HINT))
		return "unknown";
	if (FID_OWNER(fid) == OWNER_STANDARD)
		return standard_name(fid);
	if (FID_OWNER(fid) == OWNER_VENDOR_HYP)
		return vendor_hyp_name(fid);
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		if (FID_OWNER(fid) >= owners[i].first && FID_OWNER(fid) <= owners[i].last)
			return owners[i].name;
	return "unknown";
}
