/*
 * PSCI: the table of functions, discovery (VERSION, FEATURES), versions, and the life of the
 * service. psci_power.c, psci_suspend.c and psci_system.c hold the other calls.
 *
 * Source: Arm DEN0022F.b, section 5. The older versions differ by the functions they lack and by
 * INVALID_ADDRESS, which came with 1.0.
 * State: struct psci and its PEs, owned by the caller, under the firmware lock.
 * Left out: MIGRATE and MIGRATE_INFO_UP_CPU (there is no Trusted OS), the 0.1 function ids,
 * AArch32 callers.
 */
#include "hypercall/psci_private.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#define FID_SMCCC_VERSION UINT32_C(0x80000000)
#define FID_CPU_SUSPEND   UINT32_C(0x84000001)
#define FID_SYSTEM_OFF2   UINT32_C(0x84000015)

/* A function that has a name and a number but that no version of this firmware has. */
#define NEVER UINT32_MAX

/* MIGRATE_INFO_TYPE: no Trusted OS that would have to move. */
#define MIGRATE_TYPE_NONE 2

#define V0_2  PSCI_VERSION_0_2
#define V1_0  PSCI_VERSION_1_0
#define V1_1  PSCI_VERSION_1_1
#define V1_3  PSCI_VERSION_1_3
#define ENTRY FW_CALL_ENTRY
#define SLEEP (FW_CALL_ENTRY | FW_CALL_SUSPEND)

/* The functions of DEN0022F.b section 5, sorted by function id: since, name, number of arguments
 * (CPU_OFF has one in PSCI 0.1 only). */
const struct fw_call psci_calls[] = {
	/* clang-format off */
	{ 0x84000000, V0_2,  "PSCI_VERSION",            0, 0,     psci_call_version             },
	{ 0x84000001, V0_2,  "CPU_SUSPEND",             3, SLEEP, psci_call_cpu_suspend         },
	{ 0x84000002, V0_2,  "CPU_OFF",                 0, 0,     psci_call_cpu_off             },
	{ 0x84000003, V0_2,  "CPU_ON",                  3, ENTRY, psci_call_cpu_on              },
	{ 0x84000004, V0_2,  "AFFINITY_INFO",           2, 0,     psci_call_affinity_info       },
	{ 0x84000005, NEVER, "MIGRATE",                 1, 0,     NULL                          },
	{ 0x84000006, V0_2,  "MIGRATE_INFO_TYPE",       0, 0,     psci_call_migrate_info_type   },
	{ 0x84000007, NEVER, "MIGRATE_INFO_UP_CPU",     0, 0,     NULL                          },
	{ 0x84000008, V0_2,  "SYSTEM_OFF",              0, 0,     psci_call_system_off          },
	{ 0x84000009, V0_2,  "SYSTEM_RESET",            0, 0,     psci_call_system_reset        },
	{ 0x8400000a, V1_0,  "PSCI_FEATURES",           1, 0,     psci_call_features            },
	{ 0x8400000b, V1_0,  "CPU_FREEZE",              0, 0,     psci_call_cpu_freeze          },
	{ 0x8400000c, V1_0,  "CPU_DEFAULT_SUSPEND",     2, SLEEP, psci_call_cpu_default_suspend },
	{ 0x8400000d, V1_0,  "NODE_HW_STATE",           2, 0,     psci_call_node_hw_state       },
	{ 0x8400000e, V1_0,  "SYSTEM_SUSPEND",          2, SLEEP, psci_call_system_suspend      },
	{ 0x8400000f, V1_0,  "PSCI_SET_SUSPEND_MODE",   1, 0,     psci_call_set_suspend_mode    },
	{ 0x84000010, V1_0,  "PSCI_STAT_RESIDENCY",     2, 0,     psci_call_stat_residency      },
	{ 0x84000011, V1_0,  "PSCI_STAT_COUNT",         2, 0,     psci_call_stat_count          },
	{ 0x84000012, V1_1,  "SYSTEM_RESET2",           2, 0,     psci_call_system_reset2       },
	{ 0x84000013, V1_1,  "MEM_PROTECT",             1, 0,     psci_call_mem_protect         },
	{ 0x84000014, V1_1,  "MEM_PROTECT_CHECK_RANGE", 2, 0,     psci_call_mem_check_range     },
	{ 0x84000015, V1_3,  "SYSTEM_OFF2",             2, 0,     psci_call_system_off2         },
	{ 0xc4000001, V0_2,  "CPU_SUSPEND",             3, SLEEP, psci_call_cpu_suspend         },
	{ 0xc4000003, V0_2,  "CPU_ON",                  3, ENTRY, psci_call_cpu_on              },
	{ 0xc4000004, V0_2,  "AFFINITY_INFO",           2, 0,     psci_call_affinity_info       },
	{ 0xc4000005, NEVER, "MIGRATE",                 1, 0,     NULL                          },
	{ 0xc4000007, NEVER, "MIGRATE_INFO_UP_CPU",     0, 0,     NULL                          },
	{ 0xc400000c, V1_0,  "CPU_DEFAULT_SUSPEND",     2, SLEEP, psci_call_cpu_default_suspend },
	{ 0xc400000d, V1_0,  "NODE_HW_STATE",           2, 0,     psci_call_node_hw_state       },
	{ 0xc400000e, V1_0,  "SYSTEM_SUSPEND",          2, SLEEP, psci_call_system_suspend      },
	{ 0xc4000010, V1_0,  "PSCI_STAT_RESIDENCY",     2, 0,     psci_call_stat_residency      },
	{ 0xc4000011, V1_0,  "PSCI_STAT_COUNT",         2, 0,     psci_call_stat_count          },
	{ 0xc4000012, V1_1,  "SYSTEM_RESET2",           2, 0,     psci_call_system_reset2       },
	{ 0xc4000014, V1_1,  "MEM_PROTECT_CHECK_RANGE", 2, 0,     psci_call_mem_check_range     },
	{ 0xc4000015, V1_3,  "SYSTEM_OFF2",             2, 0,     psci_call_system_off2         },
	/* clang-format on */
};
const unsigned psci_ncalls = ARRAY_SIZE(psci_calls);

static const struct {
	const char *text;
	uint32_t version;
} versions[] = {
	/* clang-format off */
	{ "0.2", PSCI_VERSION_0_2 },
	{ "1.0", PSCI_VERSION_1_0 },
	{ "1.1", PSCI_VERSION_1_1 },
	{ "1.2", PSCI_VERSION_1_2 },
	{ "1.3", PSCI_VERSION_1_3 },
	/* clang-format on */
};

/* Indexed by the negated code. */
static const char *const error_names[] = {
	"SUCCESS",    "NOT_SUPPORTED",    "INVALID_PARAMETERS", "DENIED",   "ALREADY_ON",
	"ON_PENDING", "INTERNAL_FAILURE", "NOT_PRESENT",        "DISABLED", "INVALID_ADDRESS",
};

int psci_parse_version(const char *text, uint32_t *version, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		if (!strcmp(text, versions[i].text)) {
			*version = versions[i].version;
			return 0;
		}
	}
	return err_set(err, -EINVAL,
		       "PSCI version \"%s\" does not exist: use 0.2, 1.0, 1.1, 1.2 or 1.3", text);
}

const char *psci_error_name(int64_t code)
{
	if (code > 0 || code <= -(int64_t)ARRAY_SIZE(error_names))
		return NULL;
	return error_names[-code];
}

static bool version_known(uint32_t version)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (versions[i].version == version)
			return true;
	return false;
}

static int check_config(const struct psci_config *c, struct err *err)
{
	if (!version_known(c->version))
		return err_set(err, -EINVAL, "PSCI version 0x%x does not exist", c->version);
	if (!c->npe || c->npe > PSCI_MAX_PES)
		return err_set(err, -EINVAL, "PSCI serves 1 to %d PEs, not %u", PSCI_MAX_PES,
			       c->npe);
	if (c->boot_pe >= c->npe)
		return err_set(err, -EINVAL, "boot PE %u of %u does not exist", c->boot_pe, c->npe);
	if (!c->ram_bytes || c->ram_base.v + (c->ram_bytes - 1) < c->ram_base.v)
		return err_set(err, -EINVAL, "RAM 0x%llx+0x%llx is empty or wraps",
			       (unsigned long long)c->ram_base.v, (unsigned long long)c->ram_bytes);
	return 0;
}

static int check_mpidrs(const struct psci_pe *pe, unsigned npe, struct err *err)
{
	for (unsigned i = 0; i < npe; i++) {
		if (pe[i].mpidr & ~PSCI_AFFINITY_MASK)
			return err_set(err, -EINVAL,
				       "MPIDR 0x%llx of PE %u has bits outside the affinity fields",
				       (unsigned long long)pe[i].mpidr, i);
		for (unsigned j = 0; j < i; j++)
			if (pe[j].mpidr == pe[i].mpidr)
				return err_set(err, -EINVAL, "PE %u and PE %u share MPIDR 0x%llx",
					       j, i, (unsigned long long)pe[i].mpidr);
	}
	return 0;
}

static void reset_state(struct psci *psci)
{
	for (unsigned i = 0; i < psci->config.npe; i++)
		psci->pe[i] = (struct psci_pe){ .mpidr = psci->pe[i].mpidr, .power = PSCI_PE_OFF };
	psci->osi = false;
	psci->suspended_since_mode = false;
	psci->mem_protect = false;
}

int psci_init(struct psci *psci, const struct psci_config *config, struct psci_pe *pe,
	      struct err *err)
{
	int rc = check_config(config, err);

	if (!rc)
		rc = check_mpidrs(pe, config->npe, err);
	if (rc)
		return rc;
	*psci = (struct psci){ .config = *config, .pe = pe };
	reset_state(psci);
	return 0;
}

void psci_reset(struct fw_locked locked, struct psci *psci, struct psci_entry boot, bool warm)
{
	bool mem_protect = warm && psci->mem_protect;

	(void)locked;
	reset_state(psci);
	psci->mem_protect = mem_protect;
	psci_power_on(psci, &psci->pe[psci->config.boot_pe], boot);
}

bool psci_in_ram(const struct psci *psci, uint64_t base, uint64_t len)
{
	const struct psci_config *c = &psci->config;

	if (!len || len > c->ram_bytes || base < c->ram_base.v)
		return false;
	return base - c->ram_base.v <= c->ram_bytes - len;
}

int64_t psci_check_entry(const struct psci *psci, uint64_t pc)
{
	const uint64_t insn_bytes = 4;

	if (pc % insn_bytes == 0 && psci_in_ram(psci, pc, insn_bytes))
		return PSCI_SUCCESS;
	return psci->config.version < PSCI_VERSION_1_0 ? PSCI_INVALID_PARAMETERS
						       : PSCI_INVALID_ADDRESS;
}

struct psci_entry psci_entry_of(const struct smccc *call, unsigned first)
{
	return (struct psci_entry){
		.pc = call->arg[first],
		.ctx = call->arg[first + 1],
		.big_endian = call->big_endian,
	};
}

/* The presented version has this function. */
static bool present(const struct psci *psci, const struct fw_call *row)
{
	return row && row->since <= psci->config.version;
}

enum fw_result psci_call(struct fw_locked locked, struct psci *psci, const struct fw_call *row,
			 struct smccc *call)
{
	int64_t code;

	assert(call->pe < psci->config.npe);
	if (!present(psci, row))
		return psci_return(call, PSCI_NOT_SUPPORTED);
	if (psci->config.faults && fault_fail(locked, psci->config.faults, row, call->pe, &code))
		return psci_return(call, code);
	smccc_truncate(call, row->nargs);
	return row->fn(locked, psci, call);
}

enum fw_result psci_call_version(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct psci *psci = self;

	(void)locked;
	return psci_return(call, psci->config.version);
}

enum fw_result psci_call_migrate_info_type(struct fw_locked locked, void *self, struct smccc *call)
{
	(void)locked;
	(void)self;
	return psci_return(call, MIGRATE_TYPE_NONE);
}

static int64_t feature_flags(uint32_t fid)
{
	uint32_t function = fid & ~SMCCC_64BIT;

	if (function == FID_CPU_SUSPEND)
		return PSCI_FEATURE_OS_INITIATED;
	if (function == FID_SYSTEM_OFF2)
		return PSCI_FEATURE_HIBERNATE_OFF;
	return 0;
}

/* SMCCC_VERSION is answered by KVM, but this is where a guest asks for it. */
enum fw_result psci_call_features(struct fw_locked locked, void *self, struct smccc *call)
{
	const struct fw_service table = { .calls = psci_calls, .ncalls = psci_ncalls };
	const struct psci *psci = self;
	uint32_t fid = (uint32_t)call->arg[0];

	(void)locked;
	if (fid == FID_SMCCC_VERSION)
		return psci_return(call, PSCI_SUCCESS);
	if (!present(psci, fw_find(&table, fid)))
		return psci_return(call, PSCI_NOT_SUPPORTED);
	return psci_return(call, feature_flags(fid));
}
