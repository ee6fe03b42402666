/*
 * The state the arm64 Linux boot protocol asks for: kernel at its offset, the device tree in x0.
 *
 * Source: Linux Documentation/arch/arm64/booting.rst, sections 2 to 4: the tree lies on an 8-byte
 * boundary within 2 MiB that it shares with nothing; the initrd lies within the same 32 GiB as the
 * kernel.
 */
#include "arm64/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "arm64/fdt.h"
#include "arm64/image.h"

/* A flat binary does not say how much memory it uses after its end, so what it is given lies far
 * away, but where a 32-bit or small identity map reaches. */
#define FLAT_WINDOW GIB(1)

struct placement {
	uint64_t initrd, initrd_end, fdt; /* GPA */
};

static int place_after_kernel(struct vm *vm, const struct image *image, uint64_t initrd_bytes,
			      struct placement *p, struct err *err)
{
	uint64_t ram_end = vm->mem.base.v + vm->mem.size;

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
	if (p->fdt > ram_end || ram_end - p->fdt < FDT_MAX_BYTES)
		return err_set(
			err, -EINVAL,
			"--mem %llu bytes: too little for kernel, initrd and the 2 MiB of the "
			"device tree; %llu more are needed",
			(unsigned long long)vm->mem.size,
			(unsigned long long)(p->fdt + FDT_MAX_BYTES - ram_end));
	return 0;
}

static int place_at_top(struct vm *vm, const struct image *image, uint64_t initrd_bytes,
			struct placement *p, struct err *err)
{
	uint64_t window = vm->mem.size < FLAT_WINDOW ? vm->mem.size : FLAT_WINDOW;
	uint64_t top = align_down(vm->mem.base.v + window, MIB(2));
	uint64_t need = FDT_MAX_BYTES + align_up(initrd_bytes, MIB(2));

	if (initrd_bytes > window || image->end.v > top || need > top - image->end.v)
		return err_set(
			err, -EINVAL,
			"--mem %llu bytes: the flat binary, the initrd and the 2 MiB of the device "
			"tree do not fit",
			(unsigned long long)vm->mem.size);
	p->fdt = top - FDT_MAX_BYTES;
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

static int write_fdt(struct vm *vm, const struct placement *p, struct err *err)
{
	const struct run_config *c = vm->config;
	uint8_t seed[64];
	struct fdt_params params = {
		.cmdline = c->params ? c->params : "",
		.initrd_start = gpa(p->initrd),
		.initrd_end = gpa(p->initrd_end),
		.kaslr_seed = c->kaslr_seed_given ? c->kaslr_seed : random_u64(),
	};
	void *dtb = mem_ptr(&vm->mem, gpa(p->fdt), FDT_MAX_BYTES);
	int bytes;

	if (!dtb)
		return err_set(err, -EINVAL, "the device tree does not fit into RAM");
	if (getrandom(seed, sizeof(seed), 0) == sizeof(seed)) {
		params.rng_seed = seed;
		params.rng_seed_bytes = sizeof(seed);
	}
	bytes = fdt_build(&vm->board, &params, dtb, FDT_MAX_BYTES, err);
	if (bytes < 0)
		return bytes;
	vm->dtb_bytes = (size_t)bytes;
	return 0;
}

int boot_load(struct vm *vm, struct err *err)
{
	const struct run_config *c = vm->config;
	struct placement p = { 0 };
	uint64_t initrd_bytes = 0;
	struct image image;
	int r = image_load(&vm->mem, c->kernel, c->flat, &image, err);

	if (r == 0 && c->initrd)
		r = image_file_size("--initrd", c->initrd, &initrd_bytes, err);
	if (r)
		return r;
	if (image.format == IMAGE_FLAT)
		r = place_at_top(vm, &image, initrd_bytes, &p, err);
	else
		r = place_after_kernel(vm, &image, initrd_bytes, &p, err);
	if (r == 0 && initrd_bytes)
		r = image_read(&vm->mem, "--initrd", c->initrd, gpa(p.initrd), initrd_bytes, err);
	if (r == 0)
		r = write_fdt(vm, &p, err);
	if (r)
		return r;
	vm->boot_entry = (struct psci_entry){ .pc = image.entry.v, .ctx = p.fdt };
	log_info("%s kernel at %#llx, initrd at %#llx, device tree at %#llx",
		 image_format_name(image.format), (unsigned long long)image.entry.v,
		 (unsigned long long)p.initrd, (unsigned long long)p.fdt);
	return 0;
}

int boot_dump_dtb(struct vm *vm, struct err *err)
{
	const char *path = vm->config->dump_dtb_path;
	const void *dtb = mem_ptr(&vm->mem, gpa(vm->boot_entry.ctx), vm->dtb_bytes);
	ssize_t n;
	int fd, e;

	if (!path || !dtb)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	n = fd < 0 ? -1 : write(fd, dtb, vm->dtb_bytes);
	e = n < 0 ? errno : ENOSPC;
	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)vm->dtb_bytes)
		return err_set(err, -e, "--dump-dtb %s: %s", path, strerror(e));
	return 0;
}
