/*
 * Kernel and initrd files: which format it is, and putting it into guest RAM. Pure but for reading
 * the file. Files are hostile: every field is checked against the file's and RAM's size.
 *
 * Formats: arm64 Image (Linux Documentation/arch/arm64/booting.rst), that in gzip, EFI zboot with a
 * gzip payload (the "zimg" header of an EFI stub), ELF64 AArch64 executable, flat binary.
 */
#ifndef ARM64_IMAGE_H
#define ARM64_IMAGE_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/mem.h"

enum image_format { IMAGE_ARM64, IMAGE_GZIP, IMAGE_ZBOOT, IMAGE_ELF, IMAGE_FLAT };

struct image {
	enum image_format format;
	gpa_t entry; /* first instruction */
	gpa_t base;  /* first byte loaded */
	gpa_t end;   /* first byte after the image and its bss */
};

/* Load the kernel file `path` into `mem`. `flat`: raw bytes at RAM + BOARD_FLAT_LOAD_OFFSET,
 * entered there. 0, or -errno with `err` naming the file, what was found and the reason (-EHWPOISON: a
 * page of RAM is lost to a hardware memory error); RAM may have been written to. */
int image_load(struct mem *mem, const char *path, bool flat, struct image *out, struct err *err)
	__attribute__((warn_unused_result));

/* Whether `path` is a file that begins as no kernel or other thing that is known by its first bytes does. False,
 * too, if it cannot be read: image_load() says why. */
bool image_is_unknown(const char *path);

/* Size of the regular file `path` in bytes; -errno with `err` for a missing file, a directory, an
 * empty file or anything that cannot be read. `what` is the option it came with ("--initrd"). */
int image_file_size(const char *what, const char *path, uint64_t *size, struct err *err)
	__attribute__((warn_unused_result));

/* Read all of `path` to `at`. 0 or -errno with `err`. */
int image_read(struct mem *mem, const char *what, const char *path, gpa_t at, uint64_t size,
	       struct err *err) __attribute__((warn_unused_result));

/* Copy `n` bytes into RAM, of which a page may be lost. 0; -EHWPOISON or -EFAULT with `err`, which calls the
 * bytes `what` ("the device tree"). */
int image_write(const struct mem *mem, const char *what, gpa_t at, const void *data, uint64_t n,
		struct err *err) __attribute__((warn_unused_result));

const char *image_format_name(enum image_format format);

#endif
