/*
 * The firmware's region of guest RAM as a test has it: memory that records every access, has bad pages,
 * and lets the guest act between two accesses; and a guest that reads records as ACPI 6.5 18.3.2.7 and
 * 18.3.2.8 ask.
 */
#ifndef TESTS_GHES_FIXTURE_H
#define TESTS_GHES_FIXTURE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "ras/ghes.h"

#define REGION     UINT64_C(0x90000000)
#define NR_PAGES   (128 * 1024 / 4096)
#define MAX_ACCESS 64

enum access_kind { ACCESS_READ, ACCESS_WRITE, ACCESS_RENEW };

struct access {
	enum access_kind kind;
	uint64_t offset; /* in the region */
	size_t n;
	uint64_t value; /* the first bytes of a write */
};

struct fake {
	uint8_t ram[128 * 1024];
	bool bad[NR_PAGES];
	size_t host_page;                 /* bytes a renewal replaces */
	int renew_rc;                     /* != 0: renewing fails */
	int access_rc;                    /* != 0: reading and writing fail */
	void (*guest)(struct fake *fake); /* after each access */
	void *guest_data;
	struct access access[MAX_ACCESS];
	unsigned accesses; /* in all; the first MAX_ACCESS are kept */
};

static inline bool fake_outside(uint64_t at, size_t n)
{
	return at < REGION || at - REGION > sizeof(((struct fake *)0)->ram) ||
	       n > sizeof(((struct fake *)0)->ram) - (at - REGION);
}

static inline void fake_record(struct fake *fake, enum access_kind kind, uint64_t at,
			       const void *data, size_t n)
{
	struct access access = { .kind = kind, .offset = at - REGION, .n = n };

	if (data)
		memcpy(&access.value, data, n < 8 ? n : 8);
	if (fake->accesses < MAX_ACCESS)
		fake->access[fake->accesses] = access;
	fake->accesses++;
	if (fake->guest)
		fake->guest(fake);
}

static inline int fake_check(const struct fake *fake, uint64_t at, size_t n)
{
	if (fake_outside(at, n))
		return -EFAULT;
	if (fake->access_rc)
		return fake->access_rc;
	for (uint64_t page = (at - REGION) / 4096; page <= (at - REGION + n - 1) / 4096; page++)
		if (fake->bad[page])
			return -EHWPOISON;
	return 0;
}

static inline int fake_read(void *world, gpa_t at, void *data, size_t n)
{
	struct fake *fake = world;
	int rc = fake_check(fake, at.v, n);

	if (!rc)
		memcpy(data, fake->ram + (at.v - REGION), n);
	fake_record(fake, ACCESS_READ, at.v, NULL, n);
	return rc;
}

static inline int fake_write(void *world, gpa_t at, const void *data, size_t n)
{
	struct fake *fake = world;
	int rc = fake_check(fake, at.v, n);

	if (!rc)
		memcpy(fake->ram + (at.v - REGION), data, n);
	fake_record(fake, ACCESS_WRITE, at.v, data, n);
	return rc;
}

static inline int fake_renew(void *world, gpa_t page)
{
	struct fake *fake = world;
	uint64_t start;

	if (fake_outside(page.v, 4096) || page.v % 4096)
		return -EINVAL;
	fake_record(fake, ACCESS_RENEW, page.v, NULL, 4096);
	if (fake->renew_rc)
		return fake->renew_rc;
	start = (page.v - REGION) / fake->host_page * fake->host_page;
	memset(fake->ram + start, 0, fake->host_page);
	for (uint64_t i = start / 4096; i < (start + fake->host_page) / 4096; i++)
		fake->bad[i] = false;
	return 0;
}

/* Memory with leftovers in it, and sources that were not reset. */
static inline void fake_init(struct fake *fake, struct ghes *ghes)
{
	memset(fake, 0, sizeof(*fake));
	memset(fake->ram, 0xa5, sizeof(fake->ram));
	fake->host_page = 4096;
	*ghes = (struct ghes){
		.memory = { .read = fake_read,
			    .write = fake_write,
			    .renew = fake_renew,
			    .world = fake },
		.region = gpa(REGION),
	};
}

static inline uint64_t fake_get(const struct fake *fake, uint64_t offset, size_t n)
{
	uint64_t value = 0;

	memcpy(&value, fake->ram + offset, n);
	return value;
}

static inline void fake_set(struct fake *fake, uint64_t offset, uint64_t value, size_t n)
{
	memcpy(fake->ram + offset, &value, n);
}

/* Where things are for the guest: by number, not by layout.h. */
static inline uint64_t cell_of(unsigned id)
{
	return 8 * id;
}

static inline uint64_t ack_of(unsigned id)
{
	return 0x100 + 8 * id;
}

static inline uint64_t block_of(unsigned id)
{
	return 0x4000 + 0x1000 * id;
}

/* The guest's half of the protocol, in three steps. */

/* Copy the record of a source. Its length, 0: none there. -1: the address cell leads out of the region. */
static inline int guest_copy(const struct fake *fake, unsigned id, uint8_t record[4096])
{
	uint64_t at = fake_get(fake, cell_of(id), 8), n;

	if (fake_outside(at, 4096))
		return -1;
	if (!fake_get(fake, at - REGION, 4))
		return 0;
	n = 20 + fake_get(fake, at - REGION + 12, 4);
	n = n < 4096 ? n : 4096;
	memcpy(record, fake->ram + (at - REGION), n);
	return (int)n;
}

static inline void guest_clear(struct fake *fake, unsigned id)
{
	fake_set(fake, block_of(id), 0, 4);
}

static inline void guest_ack(struct fake *fake, unsigned id)
{
	uint64_t ack = fake_get(fake, ack_of(id), 8);

	fake_set(fake, ack_of(id), (ack & UINT64_C(0xfffffffffffffffe)) | 1, 8);
}

/* A record of n bytes whose payload is recognised by `mark`: status 0x12, data_length n - 20. */
static inline size_t make_record(uint8_t *record, size_t n, uint8_t mark)
{
	uint32_t status = 0x12, data = (uint32_t)(n - 20);

	memset(record, mark, n);
	memcpy(record, &status, 4);
	memset(record + 4, 0, 8);
	memcpy(record + 12, &data, 4);
	return n;
}

#endif
