/*
 * Bad pages on demand: a poison marker in this process's page tables (userfaultfd), or a frame that
 * the host's kernel takes out of use as it would after a memory error.
 *
 * Holds no state: the host remembers. mem_heal() undoes the marker, and gives the guest another frame.
 * Left out: MADV_HWPOISON, which kills the thread that asks for it.
 */
#include "arm64/hostpoison.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"

/* Linux 6.6. Numbers are UAPI and never change. */
#ifndef UFFDIO_POISON
#define UFFD_FEATURE_POISON (1 << 14)
struct uffdio_poison {
	struct uffdio_range range;
	uint64_t mode;
	int64_t updated;
};
#define UFFDIO_POISON _IOWR(UFFDIO, 0x08, struct uffdio_poison)
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define OFFLINE_PATH "/sys/devices/system/memory/hard_offline_page"

/* mm/pagemap.rst: an entry is 64 bits. */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_PFN     ((UINT64_C(1) << 55) - 1)

/* ---- a marker ---- */

/* A descriptor that can poison, or -errno. */
static int open_uffd(struct err *err)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_POISON };
	/* Faults of the kernel are not for us: what may use that, anybody may. */
	int fd = (int)syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return err_set(err, -errno,
			       "level=uffd: this host's kernel has no userfaultfd: %s; use "
			       "level=model",
			       strerror(errno));
	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return fd;
	r = -errno;
	close(fd);
	return err_set(
		err, r,
		"level=uffd: this host's userfaultfd cannot poison pages: Linux 6.6 or newer "
		"is needed; use level=model");
}

int hostpoison_check_uffd(struct err *err)
{
	int fd = open_uffd(err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* The host pages that contain [at, at + bytes). -EFAULT: not RAM. */
static int host_range(const struct mem *mem, gpa_t at, uint64_t bytes, struct uffdio_range *range,
		      struct err *err)
{
	uint64_t page = mem_page_bytes(mem);
	uintptr_t start = (uintptr_t)mem_ptr(mem, at, bytes);

	if (!start || !bytes)
		return err_set(err, -EFAULT,
			       "guest memory at 0x%" PRIx64 ", %" PRIu64
			       " bytes, is not inside the guest's RAM",
			       at.v, bytes);
	range->start = align_down(start, page);
	range->len = align_up(start + bytes, page) - range->start;
	return 0;
}

/* Would the range take markers? Before anything is dropped: not every file's pages can have them. */
static int probe(int fd, gpa_t at, const struct uffdio_range *range, struct err *err)
{
	struct uffdio_register reg = { .range = *range, .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_range unregister = *range;

	if (ioctl(fd, UFFDIO_REGISTER, &reg) || ioctl(fd, UFFDIO_UNREGISTER, &unregister))
		return err_set(err, -errno,
			       "cannot poison guest memory at 0x%" PRIx64
			       ": UFFDIO_REGISTER: %s; RAM in a file must be on tmpfs or hugetlbfs",
			       at.v, strerror(errno));
	return 0;
}

/* In an empty range. */
static int put_markers(int fd, gpa_t at, const struct uffdio_range *range, struct err *err)
{
	struct uffdio_register reg = { .range = *range, .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_poison poison = { .range = *range };
	struct uffdio_range unregister = *range;
	int r = 0;

	if (ioctl(fd, UFFDIO_REGISTER, &reg))
		return err_set(err, -errno,
			       "cannot poison guest memory at 0x%" PRIx64 ": UFFDIO_REGISTER: %s",
			       at.v, strerror(errno));
	if (ioctl(fd, UFFDIO_POISON, &poison))
		r = err_set(err, -errno,
			    "cannot poison guest memory at 0x%" PRIx64 ", %" PRIu64
			    " bytes: UFFDIO_POISON: %s",
			    at.v, (uint64_t)range->len, strerror(errno));
	/* The markers stay. */
	if (ioctl(fd, UFFDIO_UNREGISTER, &unregister) && !r)
		r = err_set(err, -errno, "UFFDIO_UNREGISTER: %s", strerror(errno));
	return r;
}

int hostpoison_uffd(const struct mem *mem, gpa_t at, uint64_t bytes, struct err *err)
{
	struct uffdio_range range = { 0 };
	int r = host_range(mem, at, bytes, &range, err), fd;

	if (r)
		return r;
	fd = open_uffd(err);
	if (fd < 0)
		return fd;
	at = gpa(mem->base.v + (range.start - (uintptr_t)mem->hva));
	r = probe(fd, at, &range, err);
	if (r == 0)
		r = mem_heal(mem, at, range.len, err);
	if (r == 0)
		r = put_markers(fd, at, &range, err);
	close(fd);
	return r;
}

/* ---- a frame ---- */

/* Number of the frame behind a host address; 0: none there, or we may not know. */
static uint64_t frame_of(const void *at, uint64_t page_bytes)
{
	off_t where = (off_t)((uintptr_t)at / page_bytes * sizeof(uint64_t));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), where) != (ssize_t)sizeof(entry))
		entry = 0;
	close(fd);
	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_PFN : 0;
}

int hostpoison_check_real(struct err *err)
{
	int here = 0;

	if (access(OFFLINE_PATH, F_OK))
		return err_set(err, -errno,
			       "level=real: this host's kernel has no " OFFLINE_PATH
			       " (CONFIG_MEMORY_FAILURE); use level=uffd");
	if (access(OFFLINE_PATH, W_OK))
		return err_set(err, -errno,
			       "level=real: cannot write " OFFLINE_PATH
			       ": %s; run as root, or use level=uffd",
			       strerror(errno));
	if (!frame_of(&here, (uint64_t)sysconf(_SC_PAGESIZE)))
		return err_set(err, -EPERM,
			       "level=real: /proc/self/pagemap does not show frame numbers; run as "
			       "root (CAP_SYS_ADMIN), or use level=uffd");
	return 0;
}

static int offline(uint64_t physical, struct err *err)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "0x%" PRIx64 "\n", physical);
	int fd = open(OFFLINE_PATH, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0 || write(fd, text, (size_t)n) != n)
		r = err_set(err, -errno,
			    "level=real: the host's kernel did not take the frame at 0x%" PRIx64
			    " out of use: " OFFLINE_PATH ": %s",
			    physical, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r;
}

int hostpoison_real(const struct mem *mem, gpa_t at, struct err *err)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), frame;
	uint8_t *hva = mem_ptr(mem, gpa(align_down(at.v, page)), page);

	if (!hva)
		return err_set(err, -EFAULT, "0x%" PRIx64 " is not in the guest's RAM", at.v);
	/* A page that was never written has no frame of its own, and a clean one is not missed. */
	if (madvise(hva, page, MADV_POPULATE_WRITE))
		return err_set(err, -errno,
			       "level=real: cannot have the page at 0x%" PRIx64 " present: %s",
			       at.v, strerror(errno));
	frame = frame_of(hva, page);
	if (!frame)
		return err_set(
			err, -EPERM,
			"level=real: /proc/self/pagemap does not show the frame behind 0x%" PRIx64
			"; run as root (CAP_SYS_ADMIN), or use level=uffd",
			at.v);
	log_warn("level=real: the host loses the frame at physical address 0x%" PRIx64
		 " (guest address 0x%" PRIx64 ") until it reboots",
		 frame * page, at.v);
	return offline(frame * page, err);
}
