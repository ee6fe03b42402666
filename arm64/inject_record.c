/*
 * Records that are injected: a memory or Arm processor section, or what a file holds.
 *
 * Source: ACPI 6.5 18.3.2.7.1, UEFI 2.10 N.2.4.4, N.2.5; their bytes are written by ras/cper.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arm64/inject_private.h"
#include "arm64/vm.h"
#include "lib/clock.h"
#include "ras/cper.h"

#define GUID_BYTES 16

/* UEFI 2.10 table N.15 (memory error types): single-bit, multi-bit ECC. */
#define MEMORY_SINGLE_BIT 2
#define MEMORY_MULTI_BIT  3

/* UEFI 2.10 N.2.4.4.1, a bit a type: a cache error, the kind that guests act on. */
#define ARM_ERROR_CACHE 2

/* A record, and how long it is. There is room for a byte too much, to see that a file has it. */
struct record {
	uint8_t bytes[CPER_BLOCK_BYTES + 1];
	size_t n;
};

static enum ghes_id source_of(const struct shot *s)
{
	if (s->rule->source_given)
		return s->rule->source;
	return s->vm->config->sdei ? GHES_SDEI_NORMAL : GHES_GED;
}

/* The CPU that an Arm processor section names. */
static int read_identity(const struct shot *s, struct cper_arm *arm)
{
	unsigned cpu = s->rule->cpu == INJECT_ANY_CPU ? 0 : s->rule->cpu;
	const struct vcpu *vcpu = &s->vm->vcpu[cpu];
	int rc;

	vm_hold_still(s->vm);
	rc = kvm_reg_get(vcpu->fd, kvm_reg_sys(3, 0, 0, 0, 5), &arm->mpidr);
	if (rc == 0)
		rc = kvm_reg_get(vcpu->fd, kvm_reg_sys(3, 0, 0, 0, 0), &arm->midr);
	vm_unhold(s->vm);
	return rc ? err_set(s->err, rc, "cannot read the identity of CPU %u: %s", cpu,
			    strerror(-rc))
		  : 0;
}

static int add_arm(const struct shot *s, struct cper_writer *w)
{
	struct cper_arm arm = {
		.type = ARM_ERROR_CACHE,
		.has_address = inject_has_place(s->rule),
		.address = s->at.v,
	};
	int rc = read_identity(s, &arm);

	if (rc == 0)
		cper_add_arm(w, &arm);
	return rc;
}

static int add_memory(const struct shot *s, struct cper_writer *w)
{
	const struct cper_memory memory = {
		.address = s->at.v,
		.type = s->rule->severity == CPER_CORRECTED ? MEMORY_SINGLE_BIT : MEMORY_MULTI_BIT,
	};

	cper_add_memory(w, &memory);
	return 0;
}

static ssize_t read_all(int fd, uint8_t *to, size_t room)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, to + n, room - n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n < room);
	return got < 0 ? -errno : (ssize_t)n;
}

static int read_file(const char *path, struct record *r, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -errno : read_all(fd, r->bytes, sizeof(r->bytes));

	r->n = 0;
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return err_set(err, (int)n, "file=%.200s: %s", path, strerror((int)-n));
	if (n <= GUID_BYTES || n > CPER_BLOCK_BYTES)
		return err_set(
			err, -EINVAL,
			"file=%.200s: a section with its GUID, or a record, has more than %d "
			"bytes and at most %d",
			path, GUID_BYTES, CPER_BLOCK_BYTES);
	r->n = (size_t)n;
	return 0;
}

static bool is_record(const struct record *r)
{
	struct err ignored;

	return cper_check(r->bytes, r->n, &ignored) > 0;
}

static int add_raw(const struct shot *s, struct cper_writer *w)
{
	struct record section;
	int rc = read_file(s->rule->file, &section, s->err);

	if (rc == 0)
		cper_add_raw(w, section.bytes, section.bytes + GUID_BYTES, section.n - GUID_BYTES);
	return rc;
}

static int add_section(const struct shot *s, struct cper_writer *w)
{
	if (s->rule->kind == INJECT_ARM_PROC || s->rule->section == INJECT_SECTION_ARM)
		return add_arm(s, w);
	return s->rule->section == INJECT_SECTION_RAW ? add_raw(s, w) : add_memory(s, w);
}

static int write_record(const struct shot *s, struct record *r)
{
	const struct ras_config *config = &s->vm->ras.config;
	struct cper_time time = config->ops->time(config->world);
	struct cper_writer w;
	int n;

	cper_begin(&w, r->bytes, CPER_BLOCK_BYTES, s->rule->severity, &time);
	n = add_section(s, &w);
	if (n == 0)
		n = cper_end(&w);
	if (n == -ENOSPC)
		return err_set(s->err, n, "the section does not fit a record of %d bytes",
			       CPER_BLOCK_BYTES);
	if (n < 0)
		return n;
	r->n = (size_t)n;
	return 0;
}

/* A file may be a whole record, which goes out as it is. */
static int make_record(const struct shot *s, struct record *r)
{
	int rc;

	if (s->rule->kind != INJECT_GHES || s->rule->section != INJECT_SECTION_RAW)
		return write_record(s, r);
	rc = read_file(s->rule->file, r, s->err);
	if (rc || is_record(r))
		return rc;
	return write_record(s, r);
}

static int send_record(const struct shot *s, const struct record *r)
{
	enum ghes_id source = source_of(s);
	struct fw_locked fw = fw_lock(&s->vm->fw);
	int rc = ras_send_record(fw, &s->vm->ras, source, r->bytes, r->n, s->id, clock_now_ns());

	fw_unlock(fw);
	if (rc == -ENOSPC)
		return err_set(s->err, rc, "%d records wait for the guest to acknowledge already",
			       RAS_MAX_RECORDS);
	if (rc)
		return err_set(s->err, rc, "the guest has no error source %s", ghes_name(source));
	return 0;
}

int inject_send_record(const struct shot *s)
{
	struct record r;
	int rc = make_record(s, &r);

	return rc ? rc : send_record(s, &r);
}

int inject_check_file(const struct inject_rule *rule, struct err *err)
{
	struct record r;
	int rc = rule->file[0] ? read_file(rule->file, &r, err) : 0;

	if (rc == 0 && rule->file[0] && rule->severity_given && is_record(&r))
		rc = err_set(err, -EINVAL,
			     "the file is a whole record, which has its own severity: leave sev= "
			     "out");
	return rc;
}
