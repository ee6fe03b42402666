/*
 * kexec for the lab's guest: starts the kernel in /boot/Image again, in place of the running one,
 * by kexec_load(2) (Debian's arm64 kernel has no kexec_file_load). Usage: kexec COMMAND-LINE
 *
 * Boot protocol: Documentation/arch/arm64/booting.rst of Linux: x0 holds the device tree, x1 to x3
 * are zero. The device tree is the running kernel's, with new bootargs; its initrd is read from
 * /boot/initrd. Leaves out: compressed kernels, ELF, crash kernels.
 */
#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB              (1024ul * 1024)
#define DTB_SPARE_BYTES  8192
#define IMAGE_SIZE_FIELD 16 /* offset of image_size in the arm64 Image header */

struct blob {
	void *data;
	size_t size;
};

/* The five instructions that set the boot registers, then kernel address and device tree. */
struct trampoline {
	uint32_t code[6];
	uint64_t kernel, dtb;
};

static void die(const char *what)
{
	fprintf(stderr, "kexec: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct blob read_file(const char *path, size_t spare_bytes)
{
	struct blob blob = { NULL, 0 };
	size_t room = 1 * MIB;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		die(path);
	for (;;) {
		blob.data = realloc(blob.data, room + spare_bytes);
		if (!blob.data)
			die(path);
		ssize_t n = read(fd, (char *)blob.data + blob.size, room - blob.size);
		if (n < 0)
			die(path);
		if (n == 0)
			break;
		blob.size += (size_t)n;
		if (blob.size == room)
			room *= 2;
	}
	close(fd);
	return blob;
}

static uint64_t image_memory_bytes(const struct blob *image)
{
	uint64_t size;

	if (image->size < 64) {
		errno = ENOEXEC;
		die("/boot/Image");
	}
	memcpy(&size, (const char *)image->data + IMAGE_SIZE_FIELD, sizeof(size));
	return size;
}

/* First byte of the RAM the running kernel calls its own, from /proc/iomem. */
static uint64_t ram_base(void)
{
	char line[256];
	unsigned long long start;
	FILE *file = fopen("/proc/iomem", "r");

	if (!file)
		die("/proc/iomem");
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, "System RAM") && sscanf(line, "%llx-", &start) == 1) {
			fclose(file);
			return start;
		}
	}
	errno = ENOENT;
	die("System RAM in /proc/iomem");
	return 0;
}

static void set_u64(void *fdt, int node, const char *name, uint64_t value)
{
	if (fdt_setprop_u64(fdt, node, name, value)) {
		errno = ENOSPC;
		die(name);
	}
}

static void edit_dtb(struct blob *dtb, const char *command_line, uint64_t initrd,
		     size_t initrd_bytes)
{
	int room = (int)dtb->size + DTB_SPARE_BYTES;

	errno = EINVAL;
	if (fdt_open_into(dtb->data, dtb->data, room))
		die("/sys/firmware/fdt");
	int chosen = fdt_path_offset(dtb->data, "/chosen");

	if (chosen < 0 || fdt_setprop_string(dtb->data, chosen, "bootargs", command_line))
		die("/chosen");
	set_u64(dtb->data, chosen, "linux,initrd-start", initrd);
	set_u64(dtb->data, chosen, "linux,initrd-end", initrd + initrd_bytes);
	dtb->size = (size_t)room;
}

static struct kexec_segment segment(const void *data, size_t bytes, uint64_t address, size_t memory)
{
	struct kexec_segment s;

	s.buf = data;
	s.bufsz = bytes;
	s.mem = (void *)(uintptr_t)address; /* NOLINT: a physical address */
	s.memsz = (memory + 0xffff) & ~0xfffful;
	return s;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: kexec COMMAND-LINE\n");
		return 2;
	}
	struct blob image = read_file("/boot/Image", 0);
	struct blob initrd = read_file("/boot/initrd", 0);
	struct blob dtb = read_file("/sys/firmware/fdt", DTB_SPARE_BYTES);

	uint64_t kernel_at = (ram_base() + 2 * MIB - 1) & ~(2 * MIB - 1);
	uint64_t dtb_at = (kernel_at + image_memory_bytes(&image) + 2 * MIB) & ~(2 * MIB - 1);
	uint64_t jump_at = dtb_at + 2 * MIB;
	uint64_t initrd_at = dtb_at + 4 * MIB;

	edit_dtb(&dtb, argv[1], initrd_at, initrd.size);
	struct trampoline jump = {
		.code =
			{
				0x580000d1, /* ldr x17, kernel */
				0x580000e0, /* ldr x0, dtb */
				0xaa1f03e1, /* mov x1, xzr */
				0xaa1f03e2, /* mov x2, xzr */
				0xaa1f03e3, /* mov x3, xzr */
				0xd61f0220, /* br x17 */
			},
		.kernel = kernel_at,
		.dtb = dtb_at,
	};
	struct kexec_segment segments[] = {
		segment(image.data, image.size, kernel_at, image.size),
		segment(dtb.data, dtb.size, dtb_at, dtb.size),
		segment(&jump, sizeof(jump), jump_at, sizeof(jump)),
		segment(initrd.data, initrd.size, initrd_at, initrd.size),
	};
	if (syscall(SYS_kexec_load, jump_at, 4ul, segments, (unsigned long)KEXEC_ARCH_AARCH64))
		die("kexec_load");
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	die("reboot");
}
