/* SDEI as a client sees it (Arm DEN0054C). Numbers are those of the document. */
#ifndef GUEST_LIB_SDEI_H
#define GUEST_LIB_SDEI_H

#include <stdint.h>

/* DEN0054C 5.1, function identifiers. */
#define SDEI_FID_VERSION             UINT64_C(0xc4000020)
#define SDEI_FID_REGISTER            UINT64_C(0xc4000021)
#define SDEI_FID_ENABLE              UINT64_C(0xc4000022)
#define SDEI_FID_DISABLE             UINT64_C(0xc4000023)
#define SDEI_FID_CONTEXT             UINT64_C(0xc4000024)
#define SDEI_FID_COMPLETE            UINT64_C(0xc4000025)
#define SDEI_FID_COMPLETE_AND_RESUME UINT64_C(0xc4000026)
#define SDEI_FID_UNREGISTER          UINT64_C(0xc4000027)
#define SDEI_FID_STATUS              UINT64_C(0xc4000028)
#define SDEI_FID_GET_INFO            UINT64_C(0xc4000029)
#define SDEI_FID_ROUTING_SET         UINT64_C(0xc400002a)
#define SDEI_FID_PE_MASK             UINT64_C(0xc400002b)
#define SDEI_FID_PE_UNMASK           UINT64_C(0xc400002c)
#define SDEI_FID_BIND                UINT64_C(0xc400002d)
#define SDEI_FID_RELEASE             UINT64_C(0xc400002e)
#define SDEI_FID_SIGNAL              UINT64_C(0xc400002f)
#define SDEI_FID_FEATURES            UINT64_C(0xc4000030)
#define SDEI_FID_PRIVATE_RESET       UINT64_C(0xc4000031)
#define SDEI_FID_SHARED_RESET        UINT64_C(0xc4000032)
#define SDEI_FID_FIRST               SDEI_FID_VERSION
#define SDEI_FID_LAST                UINT64_C(0xc400003f) /* end of SDEI's range */

/* rasvm's call to trigger an event: x1 event, x2 MPIDR of the PE for a private event, all ones for a
 * shared one. -3: nobody registered the event. */
#define VENDOR_FID_SDEI_TRIGGER UINT64_C(0xc6005000)
/* Another: x1 period of the watchdog in milliseconds, 0 to stop it. */
#define VENDOR_FID_SDEI_WATCHDOG UINT64_C(0xc6005001)

enum {
	SDEI_SUCCESS = 0,
	SDEI_NOT_SUPPORTED = -1,
	SDEI_INVALID_PARAMETERS = -2,
	SDEI_DENIED = -3,
	SDEI_PENDING = -5,
	SDEI_OUT_OF_RESOURCE = -10,
};

/* EVENT_STATUS. */
#define SDEI_REGISTERED 1
#define SDEI_ENABLED    2
#define SDEI_RUNNING    4

/* EVENT_GET_INFO. */
enum {
	SDEI_INFO_TYPE,
	SDEI_INFO_SIGNALABLE,
	SDEI_INFO_PRIORITY,
	SDEI_INFO_MODE,
	SDEI_INFO_AFFINITY
};
enum { SDEI_TYPE_PRIVATE = 0, SDEI_TYPE_SHARED = 1 };
enum { SDEI_PRIORITY_NORMAL = 0, SDEI_PRIORITY_CRITICAL = 1 };
enum { SDEI_CAN_BE_SIGNALLED = 0, SDEI_CANNOT_BE_SIGNALLED = 1 };

/* EVENT_REGISTER flags, EVENT_ROUTING_SET modes. */
#define SDEI_RM_ANY   UINT64_C(0)
#define SDEI_RM_PE    UINT64_C(1)
#define SDEI_RELATIVE UINT64_C(2)

/* EVENT_COMPLETE status. */
enum { SDEI_HANDLED = 0, SDEI_FAILED = 1 };

/* SDEI_FEATURES. */
enum { SDEI_BIND_SLOTS, SDEI_RELATIVE_MODE };

#define SDEI_EVENT_SIGNALLED UINT64_C(0)
#define SDEI_NO_PE           UINT64_MAX

/* Any call through the run's conduit: x0 after it. */
int64_t sdei_call(uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4, uint64_t x5);

int64_t sdei_version(void);
int64_t sdei_register(uint64_t event, uint64_t ep, uint64_t arg, uint64_t flags, uint64_t affinity);
int64_t sdei_enable(uint64_t event);
int64_t sdei_disable(uint64_t event);
int64_t sdei_context(uint64_t param);
int64_t sdei_unregister(uint64_t event);
int64_t sdei_status(uint64_t event);
int64_t sdei_info(uint64_t event, uint64_t info);
int64_t sdei_routing_set(uint64_t event, uint64_t mode, uint64_t affinity);
int64_t sdei_pe_mask(void);
int64_t sdei_pe_unmask(void);
int64_t sdei_bind(uint64_t intid);
int64_t sdei_release(uint64_t event);
int64_t sdei_signal(uint64_t mpidr); /* event 0 */
int64_t sdei_features(uint64_t feature);
int64_t sdei_private_reset(void);
int64_t sdei_shared_reset(void);

/* VENDOR_FID_SDEI_TRIGGER. */
int64_t vendor_trigger(uint64_t event, uint64_t mpidr);

#endif
