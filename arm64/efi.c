/*
 * UEFI's tables for a kernel that is entered as if its stub had run.
 *
 * Source: UEFI 2.10: 4.3 (system table), 4.5 (runtime services table), 4.6 (configuration tables), 7.2.3
 * (memory map), appendix "GUID and Time Formats"; ACPI 6.5 5.2.5.2. LINUX_EFI_MEMRESERVE is Linux's own:
 * a list that its GICv3 driver extends by the tables which have to outlive a kexec.
 *
 * Everything here is stateless. Left out: SMBIOS; a seed for the random number generator, which /chosen
 * has; the memory attributes table. MMIO is not in the map, save for the clock of the runtime services:
 * what the map does not name, Linux takes for a device.
 */
#include "arm64/efi.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

#include "arm64/efi_runtime.h"

/* Offsets from p->at. */
#define SYSTEM_TABLE  0x000
#define CONFIGURATION 0x080
#define VENDOR        0x100
#define RT_PROPERTIES 0x140
#define MEMRESERVE    0x150
#define MEMORY_MAP    0x180

#define SIGNATURE_SYSTEM  UINT64_C(0x5453595320494249) /* "IBI SYST" */
#define SIGNATURE_RUNTIME UINT64_C(0x56524553544e5552) /* "RUNTSERV" */
#define REVISION_2_70     (2u << 16 | 70)
#define HEADER_CRC_AT     16 /* in EFI_TABLE_HEADER */
#define CONSOLE_BYTES     48 /* of the system table: handles and protocols of three consoles */

#define GUID_ACPI_2_0      "8868e871-e4f1-11d3-bc22-0080c73c8881"
#define GUID_RT_PROPERTIES "eb66918a-7eef-402a-842e-931d21c38ae9"
#define GUID_MEMRESERVE    "888eb0c6-8ede-4ff5-a8f0-9aee5cb977c2"
#define NR_CONFIGURATION   3

/* EFI_MEMORY_DESCRIPTOR */
#define DESCRIPTOR_BYTES   40
#define DESCRIPTOR_VERSION 1
#define EFI_PAGE_SHIFT     12

enum { /* EFI_MEMORY_TYPE */
       TYPE_RESERVED = 0,
       TYPE_RUNTIME_CODE = 5,
       TYPE_CONVENTIONAL = 7,
       TYPE_ACPI_RECLAIM = 9,
       TYPE_MMIO = 11,
};

#define MEMORY_UC      UINT64_C(0x1)
#define MEMORY_WB      UINT64_C(0x8)
#define MEMORY_RO      UINT64_C(0x20000)
#define MEMORY_RUNTIME (UINT64_C(1) << 63)

/* EFI_RT_PROPERTIES_TABLE.RuntimeServicesSupported */
#define RT_GET_TIME 0x1u
#define RT_SET_TIME 0x2u
#define RT_WAKEUP   0xcu /* get and set */

static void pad_to(struct bytes *b, size_t at)
{
	if (b->used < at)
		bytes_zero(b, at - b->used);
}

/* EFI_TABLE_HEADER; header_end() fills in the checksum of the table that begins at `at`. */
static size_t header_begin(struct bytes *b, uint64_t signature, uint32_t bytes)
{
	size_t at = b->used;

	bytes_u64(b, signature);
	bytes_u32(b, REVISION_2_70);
	bytes_u32(b, bytes);
	bytes_u32(b, 0);
	bytes_u32(b, 0);
	return at;
}

static void header_end(struct bytes *b, size_t at)
{
	if (!b->full)
		bytes_set_u32(b, at + HEADER_CRC_AT,
			      (uint32_t)crc32(0, b->data + at, (uInt)(b->used - at)));
}

static void system_table(struct bytes *b, const struct efi_params *p)
{
	size_t at = header_begin(b, SIGNATURE_SYSTEM, 120);

	bytes_u64(b, p->at.v + VENDOR);
	bytes_u32(b, 0); /* revision of the firmware */
	bytes_u32(b, 0);
	bytes_zero(b, CONSOLE_BYTES);
	bytes_u64(b, p->runtime.v);
	bytes_u64(b, 0); /* boot services are over */
	bytes_u64(b, NR_CONFIGURATION);
	bytes_u64(b, p->at.v + CONFIGURATION);
	header_end(b, at);
}

static void configuration(struct bytes *b, const struct efi_params *p)
{
	pad_to(b, CONFIGURATION);
	bytes_guid(b, GUID_ACPI_2_0);
	bytes_u64(b, p->rsdp.v);
	bytes_guid(b, GUID_RT_PROPERTIES);
	bytes_u64(b, p->at.v + RT_PROPERTIES);
	bytes_guid(b, GUID_MEMRESERVE);
	bytes_u64(b, p->at.v + MEMRESERVE);
}

/* UTF-16. */
static void vendor(struct bytes *b)
{
	pad_to(b, VENDOR);
	for (const char *c = "rasvm"; *c; c++)
		bytes_u16(b, (uint8_t)*c);
	bytes_u16(b, 0);
}

/* Without this table a kernel takes all services for given and calls them. */
static void rt_properties(struct bytes *b, const struct efi_params *p)
{
	pad_to(b, RT_PROPERTIES);
	bytes_u16(b, 1); /* version */
	bytes_u16(b, 8); /* length */
	bytes_u32(b, p->runtime.v ? RT_GET_TIME | RT_SET_TIME | RT_WAKEUP : 0);
}

/* An empty list: the kernel hangs pages of its own onto it. */
static void memreserve(struct bytes *b)
{
	pad_to(b, MEMRESERVE);
	bytes_u32(b, 0); /* size */
	bytes_u32(b, 0); /* count */
	bytes_u64(b, 0); /* next */
}

/* Memory map */

struct range {
	uint32_t type;
	uint64_t at, bytes, attribute;
};

static uint64_t range_end(const struct range *r)
{
	return r->at + r->bytes;
}

static void descriptor(struct bytes *b, const struct range *r)
{
	if (!r->bytes)
		return;
	bytes_u32(b, r->type);
	bytes_u32(b, 0);
	bytes_u64(b, r->at);
	/* Runtime services run where they lie: no call of SetVirtualAddressMap() is needed. */
	bytes_u64(b, r->attribute & MEMORY_RUNTIME ? r->at : 0);
	bytes_u64(b, r->bytes >> EFI_PAGE_SHIFT);
	bytes_u64(b, r->attribute);
}

/* The ranges in RAM, what is between them conventional memory. */
static int ram_descriptors(struct bytes *b, const struct efi_params *p, const struct range *used,
			   unsigned n, struct err *err)
{
	struct range rest = { TYPE_CONVENTIONAL, p->ram.v, 0, MEMORY_WB };
	uint64_t end = align_down(p->ram.v + p->ram_bytes, EFI_GRAIN);

	for (unsigned i = 0; i < n; i++) {
		const struct range *r = &used[i];

		if (!r->bytes)
			continue;
		if (r->at % EFI_GRAIN || r->bytes % EFI_GRAIN || r->at < rest.at || r->at > end ||
		    r->bytes > end - r->at)
			return err_set(err, -EINVAL,
				       "UEFI memory map: the range 0x%" PRIx64 "+0x%" PRIx64
				       " of type %u is not between 0x%" PRIx64 " and 0x%" PRIx64
				       " in steps of 64 KiB",
				       r->at, r->bytes, r->type, rest.at, end);
		rest.bytes = r->at - rest.at;
		descriptor(b, &rest);
		descriptor(b, r);
		rest.at = range_end(r);
	}
	rest.bytes = end - rest.at;
	descriptor(b, &rest);
	return 0;
}

static int memory_map(struct bytes *b, const struct efi_params *p, struct err *err)
{
	uint64_t runtime = p->runtime.v ? EFI_RUNTIME_BYTES : 0;
	const struct range rtc = { TYPE_MMIO, align_down(p->rtc.v, EFI_GRAIN),
				   runtime ? EFI_GRAIN : 0, MEMORY_UC | MEMORY_RUNTIME };
	const struct range used[] = {
		{ TYPE_ACPI_RECLAIM, p->acpi.v, p->acpi_bytes, MEMORY_WB },
		{ TYPE_RUNTIME_CODE, p->runtime.v, runtime,
		  MEMORY_WB | MEMORY_RO | MEMORY_RUNTIME },
		{ TYPE_RESERVED, p->region.v, p->region_bytes, MEMORY_WB },
	};

	pad_to(b, MEMORY_MAP);
	descriptor(b, &rtc);
	return ram_descriptors(b, p, used, ARRAY_SIZE(used), err);
}

int efi_build(const struct efi_params *p, void *buf, size_t size, struct efi_handoff *handoff,
	      struct err *err)
{
	struct bytes b = bytes_in(buf, size);
	int ret;

	system_table(&b, p);
	configuration(&b, p);
	vendor(&b);
	rt_properties(&b, p);
	memreserve(&b);
	ret = memory_map(&b, p, err);
	if (ret)
		return ret;
	if (b.full)
		return err_set(err, -ENOSPC, "UEFI's tables do not fit in %zu bytes", size);
	*handoff = (struct efi_handoff){
		.system_table = gpa(p->at.v + SYSTEM_TABLE),
		.memory_map = gpa(p->at.v + MEMORY_MAP),
		.memory_map_bytes = (uint32_t)(b.used - MEMORY_MAP),
		.descriptor_bytes = DESCRIPTOR_BYTES,
		.descriptor_version = DESCRIPTOR_VERSION,
	};
	return (int)b.used;
}

/* Runtime services */

/* EFI_RUNTIME_SERVICES, in its order; the time services are the first four of 14. */
static void runtime_table(struct bytes *b, uint64_t code)
{
	static const uint8_t entry[14] = {
		RUNTIME_GET_TIME,    RUNTIME_SET_TIME,    RUNTIME_GET_WAKEUP,  RUNTIME_SET_WAKEUP,
		RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED,
		RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED,
		RUNTIME_UNSUPPORTED, RUNTIME_UNSUPPORTED,
	};
	size_t at = header_begin(b, SIGNATURE_RUNTIME, 24 + 8 * ARRAY_SIZE(entry));

	for (unsigned i = 0; i < ARRAY_SIZE(entry); i++)
		bytes_u64(b, code + entry[i]);
	header_end(b, at);
}

int efi_build_runtime(const struct efi_params *p, const void *code, size_t code_bytes, void *buf,
		      size_t size, struct err *err)
{
	struct bytes b = bytes_in(buf, size);

	runtime_table(&b, p->runtime.v + RUNTIME_CODE);
	pad_to(&b, RUNTIME_CODE);
	bytes_copy(&b, code, code_bytes);
	bytes_set_u64(&b, RUNTIME_CODE + RUNTIME_RTC, p->rtc.v);
	if (b.full || code_bytes < RUNTIME_HEAD_BYTES)
		return err_set(err, -ENOSPC,
			       "the runtime services, a program of %zu bytes, do not fit in %zu "
			       "or are no such program",
			       code_bytes, size);
	return (int)b.used;
}
