/* PSCI as a client sees it (Arm DEN0022F.b). Values are those of the document. */
#ifndef GUEST_LIB_PSCI_H
#define GUEST_LIB_PSCI_H

#include <stdint.h>

#define PSCI_VERSION           UINT64_C(0x84000000)
#define PSCI_CPU_SUSPEND32     UINT64_C(0x84000001)
#define PSCI_CPU_SUSPEND       UINT64_C(0xc4000001)
#define PSCI_CPU_OFF           UINT64_C(0x84000002)
#define PSCI_CPU_ON32          UINT64_C(0x84000003)
#define PSCI_CPU_ON            UINT64_C(0xc4000003)
#define PSCI_AFFINITY_INFO32   UINT64_C(0x84000004)
#define PSCI_AFFINITY_INFO     UINT64_C(0xc4000004)
#define PSCI_MIGRATE           UINT64_C(0x84000005)
#define PSCI_MIGRATE_INFO_TYPE UINT64_C(0x84000006)
#define PSCI_SYSTEM_OFF        UINT64_C(0x84000008)
#define PSCI_SYSTEM_RESET      UINT64_C(0x84000009)
#define PSCI_FEATURES          UINT64_C(0x8400000a)
#define PSCI_CPU_FREEZE        UINT64_C(0x8400000b)
#define PSCI_DEFAULT_SUSPEND   UINT64_C(0xc400000c)
#define PSCI_NODE_HW_STATE     UINT64_C(0xc400000d)
#define PSCI_SYSTEM_SUSPEND    UINT64_C(0xc400000e)
#define PSCI_SET_SUSPEND_MODE  UINT64_C(0x8400000f)
#define PSCI_STAT_RESIDENCY    UINT64_C(0xc4000010)
#define PSCI_STAT_COUNT        UINT64_C(0xc4000011)
#define PSCI_SYSTEM_RESET2_32  UINT64_C(0x84000012)
#define PSCI_SYSTEM_RESET2     UINT64_C(0xc4000012)
#define PSCI_MEM_PROTECT       UINT64_C(0x84000013)
#define PSCI_MEM_CHECK_RANGE32 UINT64_C(0x84000014)
#define PSCI_MEM_CHECK_RANGE   UINT64_C(0xc4000014)
#define PSCI_SYSTEM_OFF2_32    UINT64_C(0x84000015)
#define PSCI_SYSTEM_OFF2       UINT64_C(0xc4000015)

#define SMCCC_64BIT         UINT64_C(0x40000000)
#define SMCCC_VERSION       UINT64_C(0x80000000)
#define SMCCC_ARCH_FEATURES UINT64_C(0x80000001)
#define SDEI_VERSION        UINT64_C(0xc4000020)

enum {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_DENIED = -3,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INVALID_ADDRESS = -9,
};

enum { AFFINITY_ON = 0, AFFINITY_OFF = 1, AFFINITY_ON_PENDING = 2 };

/* All through the run's conduit. */
int64_t psci_cpu_on(uint64_t mpidr, uint64_t entry, uint64_t ctx);
int64_t psci_affinity(uint64_t mpidr, uint64_t level);
int64_t psci_features(uint64_t fid);
void psci_cpu_off(void); /* returns only if refused */
_Noreturn void psci_system_off(void);

struct suspend_result {
	int64_t ret; /* x0, if the call returned */
	uint64_t via_entry, ctx;
	uint64_t elapsed_us;
};

/* Make a suspend call that may return or come back through secondary_entry; interrupts stay as they
 * were. x1..x3 are the call's arguments. */
struct suspend_result psci_suspend(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3);

#endif
