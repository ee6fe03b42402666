/*
 * The state the arm64 Linux boot protocol asks for: kernel at its offset, the device tree in x0; and what
 * a firmware leaves in RAM besides: the tables of UEFI and ACPI, and the region for hardware errors.
 *
 * Source: Linux Documentation/arch/arm64/booting.rst, sections 2 to 4: the tree lies on an 8-byte
 * boundary within 2 MiB that it shares with nothing; the initrd lies within the same 32 GiB as the
 * kernel. UEFI and ACPI: efi.c, acpi.c.
 *
 * All of it is made in buffers of our own and then copied: a page of RAM may be lost to a hardware memory
 * error, and a guest that still runs elsewhere in it does not see half a table.
 */
#include "arm64/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "arm64/acpi.h"
#include "arm64/efi.h"
#include "arm64/efi_runtime.h"
#include "arm64/fdt.h"
#include "arm64/image.h"
#include "ras/layout.h"

/* A flat binary does not say how much memory it uses after its end, so what it is given lies far
 * away, but where a 32-bit or small identity map reaches. */
#define FLAT_WINDOW GIB(1)

/* What a machine with ACPI has in RAM, one after the other. */
#define TABLES_BYTES (EFI_MAX_BYTES + ACPI_MAX_BYTES)

_Static_assert(TABLES_BYTES % EFI_GRAIN == 0, "UEFI's memory map cannot show the tables");

struct placement {
	uint64_t initrd, initrd_end, fdt; /* GPA, as the following */
	uint64_t efi, acpi, runtime;      /* without ACPI: 0 */
	uint64_t region;
};

/* Bytes of the firmware's part of RAM, device tree apart. */
static uint64_t firmware_bytes(const struct vm *vm)
{
	uint64_t tables = board_has_acpi(&vm->board) ? TABLES_BYTES + EFI_RUNTIME_BYTES : 0;

	return align_up(tables + RAS_REGION_BYTES, RAS_REGION_ALIGN);
}

/* `at` is a multiple of RAS_REGION_ALIGN. */
static void place_firmware(const struct vm *vm, uint64_t at, struct placement *p)
{
	if (board_has_acpi(&vm->board)) {
		p->efi = at;
		p->acpi = at + EFI_MAX_BYTES;
		p->runtime = at + TABLES_BYTES;
		at += TABLES_BYTES + EFI_RUNTIME_BYTES;
	}
	p->region = at;
}

static int place_after_kernel(struct vm *vm, const struct image *image, uint64_t initrd_bytes,
			      struct placement *p, struct err *err)
{
	uint64_t ram_end = vm->mem.base.v + vm->mem.size;
	uint64_t need = FDT_MAX_BYTES + firmware_bytes(vm);

	p->initrd = align_up(image->end.v, MIB(2));
	if (p->initrd > ram_end || initrd_bytes > ram_end - p->initrd)
		return err_set(
			err, -EINVAL,
			"--initrd %s: %llu bytes do not fit after the kernel, which ends at %#llx, "
			"into RAM that ends at %#llx; give the guest more with --mem",
			vm->config->initrd, (unsigned long long)initrd_bytes,
			(unsigned long long)image->end.v, (unsigned long long)ram_end);
	p->initrd_end = p->initrd + initrd_bytes;
	p->fdt = align_up(p->initrd_end, MIB(2));
	if (p->fdt > ram_end || ram_end - p->fdt < need)
		return err_set(
			err, -EINVAL,
			"--mem %llu bytes: too little for kernel, initrd and the %llu KiB of the "
			"device tree and other tables; %llu bytes more are needed",
			(unsigned long long)vm->mem.size, (unsigned long long)(need >> 10),
			(unsigned long long)(p->fdt + need - ram_end));
	place_firmware(vm, p->fdt + FDT_MAX_BYTES, p);
	return 0;
}

/* Initrd, firmware's part, device tree: the last at the very top. */
static int place_at_top(struct vm *vm, const struct image *image, uint64_t initrd_bytes,
			struct placement *p, struct err *err)
{
	uint64_t window = vm->mem.size < FLAT_WINDOW ? vm->mem.size : FLAT_WINDOW;
	uint64_t top = align_down(vm->mem.base.v + window, MIB(2));
	uint64_t firmware = firmware_bytes(vm);
	uint64_t need = FDT_MAX_BYTES + align_up(firmware + initrd_bytes, MIB(2));

	if (initrd_bytes > window || image->end.v > top || need > top - image->end.v)
		return err_set(
			err, -EINVAL,
			"--mem %llu bytes: the flat binary, the initrd and %llu KiB for the device "
			"tree and other tables do not fit",
			(unsigned long long)vm->mem.size,
			(unsigned long long)((FDT_MAX_BYTES + firmware) >> 10));
	p->fdt = top - FDT_MAX_BYTES;
	place_firmware(vm, p->fdt - firmware, p);
	p->initrd = top - need;
	p->initrd_end = p->initrd + initrd_bytes;
	return 0;
}

static uint64_t random_u64(void)
{
	uint64_t v = 0;

	if (getrandom(&v, sizeof(v), 0) != sizeof(v))
		return 0;
	return v;
}

/* ACPI's and UEFI's tables; `buf` has TABLES_BYTES of zeroes. */
static int write_tables(struct vm *vm, const struct efi_params *efi, uint8_t *buf,
			struct efi_handoff *handoff, struct err *err)
{
	const struct acpi_params acpi = { .at = efi->rsdp, .region = efi->region };
	int r = acpi_build(&vm->board, &acpi, buf + EFI_MAX_BYTES, ACPI_MAX_BYTES, err);

	if (r >= 0)
		r = efi_build(efi, buf, EFI_MAX_BYTES, handoff, err);
	if (r < 0)
		return r;
	return image_write(&vm->mem, "ACPI's and UEFI's tables", efi->at, buf, TABLES_BYTES, err);
}

static int write_runtime(struct vm *vm, const struct efi_params *efi, uint8_t *buf, struct err *err)
{
	int r = efi_build_runtime(efi, efi_runtime_code, efi_runtime_code_bytes, buf,
				  EFI_RUNTIME_BYTES, err);

	if (r < 0)
		return r;
	return image_write(&vm->mem, "UEFI's runtime services", efi->runtime, buf,
			   EFI_RUNTIME_BYTES, err);
}

static int write_firmware(struct vm *vm, const struct placement *p, struct efi_handoff *handoff,
			  struct err *err)
{
	const struct efi_params efi = {
		.at = gpa(p->efi),
		.ram = vm->mem.base,
		.ram_bytes = vm->mem.size,
		.acpi = gpa(p->efi),
		.acpi_bytes = TABLES_BYTES,
		.runtime = gpa(p->runtime),
		.region = gpa(p->region),
		.region_bytes = RAS_REGION_BYTES,
		.rsdp = gpa(p->acpi),
		.rtc = gpa(vm->board.block[BOARD_RTC].base),
	};
	uint8_t *buf = calloc(1, TABLES_BYTES + EFI_RUNTIME_BYTES);
	int r;

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory for ACPI's tables");
	r = write_tables(vm, &efi, buf, handoff, err);
	if (r == 0)
		r = write_runtime(vm, &efi, buf + TABLES_BYTES, err);
	free(buf);
	return r;
}

/* `buf` has FDT_MAX_BYTES. */
static int build_fdt(struct vm *vm, const struct placement *p, const struct efi_handoff *handoff,
		     void *buf, struct err *err)
{
	const struct run_config *c = vm->config;
	uint8_t seed[64];
	struct fdt_params params = {
		.cmdline = c->params ? c->params : "",
		.initrd_start = gpa(p->initrd),
		.initrd_end = gpa(p->initrd_end),
		.kaslr_seed = c->kaslr_seed_given ? c->kaslr_seed : random_u64(),
		.efi = p->efi ? handoff : NULL,
		.ras_region = gpa(p->region),
	};

	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed)) {
		params.rng_seed = seed;
		params.rng_seed_bytes = sizeof(seed);
	}
	return fdt_build(&vm->board, &params, buf, FDT_MAX_BYTES, err);
}

static int write_fdt(struct vm *vm, const struct placement *p, const struct efi_handoff *handoff,
		     struct err *err)
{
	void *buf = malloc(FDT_MAX_BYTES);
	int r;

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory for the device tree");
	r = build_fdt(vm, p, handoff, buf, err);
	if (r >= 0) {
		vm->dtb_bytes = (size_t)r;
		r = image_write(&vm->mem, "the device tree", gpa(p->fdt), buf, vm->dtb_bytes, err);
	}
	free(buf);
	return r;
}

static int place(struct vm *vm, const struct image *image, uint64_t initrd_bytes,
		 struct placement *p, struct err *err)
{
	if (image->format == IMAGE_FLAT)
		return place_at_top(vm, image, initrd_bytes, p, err);
	return place_after_kernel(vm, image, initrd_bytes, p, err);
}

int boot_load(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct placement p = { 0 };
	struct efi_handoff handoff;
	uint64_t initrd_bytes = 0;
	struct image image;
	int r = image_load(&vm->mem, c->kernel, c->flat, &image, err);

	if (r == 0 && c->initrd)
		r = image_file_size("--initrd", c->initrd, &initrd_bytes, err);
	if (r == 0)
		r = place(vm, &image, initrd_bytes, &p, err);
	if (r == 0 && initrd_bytes)
		r = image_read(&vm->mem, "--initrd", c->initrd, gpa(p.initrd), initrd_bytes, err);
	if (r == 0 && p.efi)
		r = write_firmware(vm, &p, &handoff, err);
	if (r == 0)
		r = write_fdt(vm, &p, &handoff, err);
	if (r)
		return r;
	vm->boot_entry = (struct psci_entry){ .pc = image.entry.v, .ctx = p.fdt };
	vm->ras_region = gpa(p.region);
	log_info("%s kernel at %#llx, initrd at %#llx, device tree at %#llx, error region at %#llx",
		 image_format_name(image.format), (unsigned long long)image.entry.v,
		 (unsigned long long)p.initrd, (unsigned long long)p.fdt,
		 (unsigned long long)p.region);
	if (p.efi)
		log_info("UEFI's tables at %#llx, ACPI's at %#llx, runtime services at %#llx",
			 (unsigned long long)p.efi, (unsigned long long)p.acpi,
			 (unsigned long long)p.runtime);
	return 0;
}

static int dump(const char *path, const void *dtb, size_t bytes, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n = fd < 0 ? -1 : write(fd, dtb, bytes);
	int e = n < 0 ? errno : ENOSPC;

	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)bytes)
		return err_set(err, -e, "--dump-dtb %s: %s", path, strerror(e));
	return 0;
}

int boot_dump_dtb(struct vm *vm, struct err *err)
{
	const char *path = vm->config->dump_dtb_path;
	void *dtb;
	int r;

	if (!path || !vm->dtb_bytes)
		return 0;
	dtb = malloc(vm->dtb_bytes);
	if (!dtb)
		return err_set(err, -ENOMEM, "out of memory for the device tree");
	r = mem_read(&vm->mem, gpa(vm->boot_entry.ctx), dtb, vm->dtb_bytes);
	if (r)
		err_set(err, r, "--dump-dtb %s: guest RAM cannot be read", path);
	else
		r = dump(path, dtb, vm->dtb_bytes, err);
	free(dtb);
	return r;
}
