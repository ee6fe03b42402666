/*
 * Kernel and initrd files into guest RAM. What the file is, is told by its first bytes; every
 * number in it is checked before use, and data is read from the file straight to its place. A page of
 * RAM may be lost to a hardware memory error: read(2) says so by EFAULT, everything else goes through
 * mem_write().
 *
 * Sources: Linux Documentation/arch/arm64/booting.rst (Image header); RFC 1952 (gzip); the header
 * of Linux's compressed EFI image (drivers/firmware/efi/libstub/zboot-header.S); the ELF-64 Object
 * File Format; ELF for the Arm 64-bit Architecture; Microsoft's PE Format, sections 2 to 4 (an
 * Image for EFI is a PE file too).
 *
 * Left out: big-endian kernels, relocatable ELF files, compressions other than gzip, gzip files of
 * several members (what follows the first is ignored).
 */
#include "arm64/image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "arm64/board.h"

#define KERNEL_OPTION      "--kernel"
#define HEAD_BYTES         1024 /* enough to name every format */
#define IMAGE_HEADER_BYTES 64
#define IMAGE_ALIGN        MIB(2)
#define IMAGE_OLD_OFFSET   0x80000 /* text_offset where image_size is 0 */
#define IMAGE_BIG_ENDIAN   1       /* flags, bit 0 */
#define PE_OFFSET_AT       0x3c    /* where the PE header's offset is */
#define PE_HEADER_BYTES    24      /* signature and COFF file header */
#define PE_SECTION_BYTES   40
#define ZBOOT_TYPE_OFFSET  24
#define ZBOOT_TYPE_BYTES   32
#define MAX_SEGMENTS       64
#define READ_TWICE_BYTES   MIB(8) /* files from this size on are read by two threads */
#define INPUT_BYTES        KIB(256)
#define OUTPUT_BYTES       KIB(256) /* inflated at once, then copied to RAM */
#define ZERO_BYTES         KIB(4)
#define GZIP_WINDOW        (16 + MAX_WBITS) /* zlib: a gzip wrapper is expected */

/* The file being loaded and what its complaints begin with. */
struct source {
	const char *what; /* option */
	const char *path;
	int fd;
	uint64_t size;
	struct mem *mem;
	struct err *err;
	uint8_t head[HEAD_BYTES]; /* zeroes beyond the end of the file */
};

static int bad(const struct source *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "--kernel PATH: reason"; always -EINVAL. */
static int bad(const struct source *s, const char *fmt, ...)
{
	char reason[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return err_set(s->err, -EINVAL, "%s %s: %s", s->what, s->path, reason);
}

static unsigned get16(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* Files */

/* Test suites for lkvm try it with a kernel that is not there, and take it to be missing unless it says just these
 * words (kvm-unit-tests, scripts/vmm.bash). */
static int cannot_open(const struct source *s, int error)
{
	if (strcmp(s->what, KERNEL_OPTION) == 0)
		return err_set(s->err, -error,
			       KERNEL_OPTION ": Fatal: Unable to open kernel %s: %s", s->path,
			       strerror(error));
	return err_set(s->err, -error, "%s %s: cannot open it: %s", s->what, s->path,
		       strerror(error));
}

static int source_open(struct source *s)
{
	struct stat st;

	/* O_NONBLOCK: a FIFO is to be refused, not waited for. */
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0 || fstat(s->fd, &st))
		return cannot_open(s, errno);
	if (S_ISDIR(st.st_mode))
		return bad(s, "is a directory; name a file");
	if (!S_ISREG(st.st_mode))
		return bad(s, "is not a regular file");
	if (!st.st_size)
		return bad(s, "is empty");
	s->size = (uint64_t)st.st_size;
	return 0;
}

static void source_close(struct source *s)
{
	if (s->fd >= 0)
		close(s->fd);
}

/* `what` was to be written to RAM; `left` bytes of it could not. */
static int lost_page(struct err *err, const char *what, uint64_t left)
{
	return err_set(err, -EHWPOISON,
		       "%s: its last %" PRIu64
		       " bytes cannot be written to guest RAM: a page there is lost to a hardware "
		       "memory error; give --ras heal=reset, or start rasvm again",
		       what, left);
}

/* Read exactly `n` bytes at `offset`, which the caller knows to lie inside the file. */
static int read_at(const struct source *s, void *to, uint64_t n, uint64_t offset)
{
	uint8_t *at = to;

	while (n) {
		ssize_t got = pread(s->fd, at, n < GIB(1) ? n : GIB(1), (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		/* Only guest RAM has pages that are there and cannot be written. */
		if (got < 0 && errno == EFAULT)
			return lost_page(s->err, s->path, n);
		if (got < 0)
			return err_set(s->err, -errno, "%s %s: cannot read it: %s", s->what,
				       s->path, strerror(errno));
		if (!got)
			return bad(s, "became shorter while it was read");
		at += got;
		offset += (uint64_t)got;
		n -= (uint64_t)got;
	}
	return 0;
}

/* Half of a large read, with an error text of its own. */
struct half {
	struct source s;
	struct err err;
	void *to;
	uint64_t n, offset;
	int ret;
};

static void *read_half(void *arg)
{
	struct half *h = arg;

	h->s.err = &h->err;
	h->ret = read_at(&h->s, h->to, h->n, h->offset);
	return NULL;
}

/* The whole file to `to`. Most of the time goes into clearing fresh huge pages and copying, which
 * two CPUs do in half of it (bench/: exec to the first guest instruction). */
static int read_file(const struct source *s, uint8_t *to)
{
	uint64_t first = s->size < READ_TWICE_BYTES ? s->size : align_down(s->size / 2, MIB(2));
	struct half second = { .s = *s, .to = to + first, .n = s->size - first, .offset = first };
	pthread_t thread;
	bool threaded = second.n && pthread_create(&thread, NULL, read_half, &second) == 0;
	int ret = read_at(s, to, first, 0);

	if (threaded)
		pthread_join(thread, NULL);
	else if (second.n)
		read_half(&second);
	if (!ret && second.ret)
		return err_set(s->err, second.ret, "%s", second.err.text);
	return ret;
}

int image_write(const struct mem *mem, const char *what, gpa_t at, const void *data, uint64_t n,
		struct err *err)
{
	int ret = mem_write(mem, at, data, n);

	if (ret == -EHWPOISON)
		return lost_page(err, what, n);
	if (ret)
		return err_set(err, ret,
			       "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are not all guest RAM",
			       what, n, at.v);
	return 0;
}

/* Zeroes at `at`, which the caller knows to be in RAM. */
static int write_zeroes(const struct source *s, gpa_t at, uint64_t n)
{
	static const uint8_t zero[ZERO_BYTES];
	int ret = 0;

	while (!ret && n) {
		uint64_t part = n < sizeof(zero) ? n : sizeof(zero);

		ret = image_write(s->mem, s->path, at, zero, part, s->err);
		at.v += part;
		n -= part;
	}
	return ret;
}

static bool in_file(const struct source *s, uint64_t offset, uint64_t n)
{
	return offset <= s->size && n <= s->size - offset;
}

/* The host address of a range of RAM; NULL with a complaint if it does not fit. */
static void *ram(const struct source *s, const char *part, uint64_t at, uint64_t n)
{
	void *p = mem_ptr(s->mem, gpa(at), n);

	if (!p)
		bad(s,
		    "%s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") does not fit into guest RAM "
		    "(0x%" PRIx64 " bytes at 0x%" PRIx64 "); give more with -m",
		    part, n, at, s->mem->size, s->mem->base.v);
	return p;
}

/* PE, the second face of an Image for EFI. Only the length of the file is asked of it: the size in
 * the Image's own header is that in memory, bss included. */

static int expect_size(const struct source *s, const char *part, uint64_t bytes)
{
	if (bytes <= s->size)
		return 0;
	return bad(s,
		   "is truncated: its %s end at byte %" PRIu64 ", the file has %" PRIu64
		   " bytes; copy or build it again",
		   part, bytes, s->size);
}

/* `table`, of `n` sections, lies inside the file. */
static int check_pe_sections(const struct source *s, uint64_t table, unsigned n)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < n; i++) {
		uint8_t section[PE_SECTION_BYTES];
		int ret = read_at(s, section, sizeof(section), table + i * sizeof(section));
		uint64_t bytes, at;

		if (ret)
			return ret;
		bytes = get32(section + 16);
		at = get32(section + 20);
		if (bytes && at + bytes > end)
			end = at + bytes;
	}
	return expect_size(s, "PE sections", end);
}

/* Refuse an Image whose PE headers tell that its end is missing. */
static int check_pe(const struct source *s)
{
	uint8_t header[PE_HEADER_BYTES] = { 0 };
	uint64_t at = get32(s->head + PE_OFFSET_AT), table;
	unsigned n;
	int ret;

	if (memcmp(s->head, "MZ", 2) != 0)
		return 0;
	ret = expect_size(s, "PE headers", at + sizeof(header));
	if (!ret)
		ret = read_at(s, header, sizeof(header), at);
	if (ret || memcmp(header, "PE\0\0", 4) != 0)
		return ret;
	n = get16(header + 6);
	table = at + sizeof(header) + get16(header + 20);
	ret = expect_size(s, "PE section headers", table + (uint64_t)n * PE_SECTION_BYTES);
	return ret ? ret : check_pe_sections(s, table, n);
}

/* arm64 Image */

static bool is_arm64_image(const uint8_t *head)
{
	return get32(head + 0x38) == 0x644d5241;
}

/* Where an Image with this header goes and how much room it wants. `bytes`: what is known of its
 * length, 0 if nothing. */
static int image_place(const struct source *s, const uint8_t *head, uint64_t bytes,
		       struct image *out)
{
	uint64_t offset = get64(head + 8), size = get64(head + 16), flags = get64(head + 24);
	uint64_t base = align_up(s->mem->base.v, IMAGE_ALIGN);

	if (!size)
		offset = IMAGE_OLD_OFFSET; /* before Linux 3.17: fields not filled in */
	if (size && flags & IMAGE_BIG_ENDIAN)
		return bad(s, "is a big-endian arm64 Image; build the kernel little-endian");
	if (offset > s->mem->size)
		return bad(s,
			   "its arm64 Image header asks for offset 0x%" PRIx64
			   ", beyond the end of guest RAM (0x%" PRIx64 " bytes)",
			   offset, s->mem->size);
	out->base = out->entry = gpa(base + offset);
	size = size > bytes ? size : bytes;
	if (!ram(s, "the kernel image", out->base.v, size))
		return -EINVAL;
	out->end = gpa(out->base.v + size);
	return 0;
}

static int load_arm64(struct source *s, struct image *out)
{
	int ret;

	if (s->size < IMAGE_HEADER_BYTES)
		return bad(s, "is truncated: %" PRIu64 " bytes, an arm64 Image header has %d",
			   s->size, IMAGE_HEADER_BYTES);
	out->format = IMAGE_ARM64;
	ret = check_pe(s);
	if (!ret)
		ret = image_place(s, s->head, s->size, out);
	if (ret)
		return ret;
	return read_file(s, s->mem->hva + (out->base.v - s->mem->base.v));
}

/* gzip */

/* Compressed bytes [offset, offset + left) of the file, by way of a buffer. */
struct inflater {
	struct source *s;
	z_stream z;
	uint64_t offset, left;
	uint8_t *in, *out; /* INPUT_BYTES, OUTPUT_BYTES */
};

static int refill(struct inflater *f)
{
	uint64_t n = f->left < INPUT_BYTES ? f->left : INPUT_BYTES;
	int ret = read_at(f->s, f->in, n, f->offset);

	f->z.next_in = f->in;
	f->z.avail_in = (uInt)n;
	f->offset += n;
	f->left -= n;
	return ret;
}

/* Inflate up to `n` bytes to `to`. *got is less than n only at the end of the stream. */
static int inflate_some(struct inflater *f, uint8_t *to, uint64_t n, uint64_t *got)
{
	int z = Z_OK;

	*got = 0;
	while (*got < n && z != Z_STREAM_END) {
		uint64_t room = n - *got < GIB(1) ? n - *got : GIB(1);
		int ret = !f->z.avail_in && f->left ? refill(f) : 0;

		if (ret)
			return ret;
		f->z.next_out = to + *got;
		f->z.avail_out = (uInt)room;
		z = inflate(&f->z, Z_NO_FLUSH);
		*got += room - f->z.avail_out;
		if (z == Z_BUF_ERROR || (z == Z_OK && !f->z.avail_in && !f->left && f->z.avail_out))
			return bad(f->s, "its gzip data is truncated");
		if (z != Z_OK && z != Z_STREAM_END)
			return bad(f->s, "its gzip data is damaged: %s", f->z.msg ? f->z.msg : "?");
	}
	return 0;
}

/* True if nothing but the trailer was left; checks its CRC. */
static int expect_end(struct inflater *f, const struct image *out)
{
	uint8_t spare;
	uint64_t got;
	int ret = inflate_some(f, &spare, 1, &got);

	if (!ret && got)
		ret = bad(f->s,
			  "inflates to more than the guest RAM from 0x%" PRIx64
			  " on; give more with -m",
			  out->base.v);
	return ret;
}

/* Inflate up to `room` bytes to RAM at `at`. *got as inflate_some() has it. */
static int inflate_to_ram(struct inflater *f, gpa_t at, uint64_t room, uint64_t *got)
{
	uint64_t want, part;
	int ret;

	*got = 0;
	do {
		want = room - *got < OUTPUT_BYTES ? room - *got : OUTPUT_BYTES;
		ret = inflate_some(f, f->out, want, &part);
		if (!ret && part)
			ret = image_write(f->s->mem, f->s->path, gpa(at.v + *got), f->out, part,
					  f->s->err);
		*got += part;
	} while (!ret && part && part == want);
	return ret;
}

static int inflate_image(struct inflater *f, struct image *out)
{
	uint8_t head[IMAGE_HEADER_BYTES] = { 0 };
	struct mem *mem = f->s->mem;
	uint64_t got, room;
	int ret = inflate_some(f, head, sizeof(head), &got);

	if (ret)
		return ret;
	if (got < sizeof(head) || !is_arm64_image(head))
		return bad(f->s, "its gzip data is not an arm64 Image%s",
			   !memcmp(head, ELFMAG, SELFMAG) ? " but an ELF file; gunzip it" : "");
	ret = image_place(f->s, head, sizeof(head), out);
	if (!ret)
		ret = image_write(mem, f->s->path, out->base, head, sizeof(head), f->s->err);
	if (ret)
		return ret;
	room = mem->size - (out->base.v - mem->base.v) - sizeof(head);
	ret = inflate_to_ram(f, gpa(out->base.v + sizeof(head)), room, &got);
	if (!ret && got == room)
		ret = expect_end(f, out);
	if (!ret && out->base.v + sizeof(head) + got > out->end.v)
		out->end = gpa(out->base.v + sizeof(head) + got);
	return ret;
}

static int load_gzip_at(struct source *s, uint64_t offset, uint64_t bytes, struct image *out)
{
	uint8_t *buffer = malloc(INPUT_BYTES + OUTPUT_BYTES);
	struct inflater f = { .s = s, .offset = offset, .left = bytes, .in = buffer };
	int ret;

	if (!buffer || inflateInit2(&f.z, GZIP_WINDOW) != Z_OK) {
		free(buffer);
		return err_set(s->err, -ENOMEM, "%s %s: out of memory", s->what, s->path);
	}
	f.out = buffer + INPUT_BYTES;
	ret = inflate_image(&f, out);
	inflateEnd(&f.z);
	free(buffer);
	return ret;
}

static int load_gzip(struct source *s, struct image *out)
{
	out->format = IMAGE_GZIP;
	return load_gzip_at(s, 0, s->size, out);
}

/* EFI zboot */

static bool is_zboot(const uint8_t *head)
{
	return !memcmp(head, "MZ", 2) && !memcmp(head + 4, "zimg", 4);
}

static int load_zboot(struct source *s, struct image *out)
{
	uint32_t offset = get32(s->head + 8), bytes = get32(s->head + 12);
	char type[ZBOOT_TYPE_BYTES + 1] = { 0 };

	memcpy(type, s->head + ZBOOT_TYPE_OFFSET, ZBOOT_TYPE_BYTES);
	for (char *c = type; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?'; /* it goes to a terminal */
	}
	if (strcmp(type, "gzip") != 0)
		return bad(s,
			   "is an EFI zboot image compressed with \"%s\"; only gzip is "
			   "supported: extract the Image or build with CONFIG_KERNEL_GZIP",
			   type);
	if (!bytes || !in_file(s, offset, bytes))
		return bad(s,
			   "is truncated: its EFI zboot payload is 0x%" PRIx32
			   " bytes at 0x%" PRIx32 ", the file has 0x%" PRIx64,
			   bytes, offset, s->size);
	out->format = IMAGE_ZBOOT;
	return load_gzip_at(s, offset, bytes, out);
}

/* ELF */

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr load[MAX_SEGMENTS];
	unsigned n;
};

static int check_elf_header(const struct source *s, const Elf64_Ehdr *h)
{
	if (s->size < sizeof(*h))
		return bad(s, "is truncated: %" PRIu64 " bytes, an ELF header has %zu", s->size,
			   sizeof(*h));
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_ident[EI_DATA] != ELFDATA2LSB)
		return bad(s, "is an ELF file but not a 64-bit little-endian one");
	if (h->e_machine != EM_AARCH64)
		return bad(s, "is an ELF file for machine %u, not AArch64 (%u)", h->e_machine,
			   EM_AARCH64);
	if (h->e_type != ET_EXEC)
		return bad(s,
			   "is an ELF file of type %u, not an executable (%u); of a Linux kernel "
			   "use arch/arm64/boot/Image",
			   h->e_type, ET_EXEC);
	if (h->e_phentsize != sizeof(Elf64_Phdr))
		return bad(s, "its ELF program headers have %u bytes each, not %zu", h->e_phentsize,
			   sizeof(Elf64_Phdr));
	if (!in_file(s, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
		return bad(s,
			   "is truncated: its %u ELF program headers at 0x%" PRIx64
			   " pass the end of the file (0x%" PRIx64 " bytes)",
			   h->e_phnum, (uint64_t)h->e_phoff, s->size);
	return 0;
}

static bool segments_overlap(const Elf64_Phdr *a, const Elf64_Phdr *b)
{
	return a->p_paddr < b->p_paddr + b->p_memsz && b->p_paddr < a->p_paddr + a->p_memsz;
}

/* Check segment `i` by itself and against those before it. */
static int check_segment(const struct source *s, const struct elf *elf, unsigned i)
{
	const Elf64_Phdr *p = &elf->load[i];

	if (p->p_filesz > p->p_memsz)
		return bad(s,
			   "its ELF segment %u has more bytes in the file (0x%" PRIx64
			   ") than in memory (0x%" PRIx64 ")",
			   i, (uint64_t)p->p_filesz, (uint64_t)p->p_memsz);
	if (!in_file(s, p->p_offset, p->p_filesz))
		return bad(s,
			   "is truncated: its ELF segment %u (0x%" PRIx64 " bytes at 0x%" PRIx64
			   ") passes the end of the file (0x%" PRIx64 " bytes)",
			   i, (uint64_t)p->p_filesz, (uint64_t)p->p_offset, s->size);
	if (!ram(s, "an ELF segment", p->p_paddr, p->p_memsz))
		return -EINVAL;
	for (unsigned k = 0; k < i; k++) {
		if (segments_overlap(p, &elf->load[k]))
			return bad(s, "its ELF segments %u and %u overlap in memory", k, i);
	}
	return 0;
}

/* Collect the segments to load, checked. */
static int read_segments(const struct source *s, struct elf *elf)
{
	for (unsigned i = 0; i < elf->header.e_phnum; i++) {
		Elf64_Phdr p;
		int ret = read_at(s, &p, sizeof(p), elf->header.e_phoff + i * sizeof(p));

		if (ret)
			return ret;
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		if (elf->n == MAX_SEGMENTS)
			return bad(s, "has more than %d ELF segments to load", MAX_SEGMENTS);
		elf->load[elf->n++] = p;
		ret = check_segment(s, elf, elf->n - 1);
		if (ret)
			return ret;
	}
	return elf->n ? 0 : bad(s, "is an ELF file without a segment to load");
}

/* The entry is a virtual address; the MMU is off, so the physical one is wanted. A file whose entry
 * is in no segment's virtual range may give the physical address at once. */
static int elf_entry(const struct source *s, const struct elf *elf, gpa_t *entry)
{
	uint64_t at = elf->header.e_entry;

	for (unsigned i = 0; i < elf->n; i++) {
		const Elf64_Phdr *p = &elf->load[i];

		if (at >= p->p_vaddr && at - p->p_vaddr < p->p_memsz) {
			*entry = gpa(p->p_paddr + (at - p->p_vaddr));
			return 0;
		}
	}
	for (unsigned i = 0; i < elf->n; i++) {
		const Elf64_Phdr *p = &elf->load[i];

		if (at >= p->p_paddr && at - p->p_paddr < p->p_memsz) {
			*entry = gpa(at);
			return 0;
		}
	}
	return bad(s, "its ELF entry 0x%" PRIx64 " is in no loaded segment", at);
}

static int load_segment(const struct source *s, const Elf64_Phdr *p, struct image *out)
{
	uint8_t *to = mem_ptr(s->mem, gpa(p->p_paddr), p->p_memsz);
	int ret = read_at(s, to, p->p_filesz, p->p_offset);

	if (!ret)
		ret = write_zeroes(s, gpa(p->p_paddr + p->p_filesz), p->p_memsz - p->p_filesz);
	if (ret)
		return ret;
	if (p->p_paddr < out->base.v)
		out->base = gpa(p->p_paddr);
	if (p->p_paddr + p->p_memsz > out->end.v)
		out->end = gpa(p->p_paddr + p->p_memsz);
	return 0;
}

static int load_elf(struct source *s, struct image *out)
{
	struct elf elf = { .n = 0 };
	int ret;

	memcpy(&elf.header, s->head, sizeof(elf.header));
	ret = check_elf_header(s, &elf.header);
	if (!ret)
		ret = read_segments(s, &elf);
	if (!ret)
		ret = elf_entry(s, &elf, &out->entry);
	out->format = IMAGE_ELF;
	out->base = gpa(UINT64_MAX);
	out->end = gpa(0);
	for (unsigned i = 0; !ret && i < elf.n; i++)
		ret = load_segment(s, &elf.load[i], out);
	return ret;
}

/* Flat binary */

static int load_flat(struct source *s, struct image *out)
{
	uint64_t at = s->mem->base.v + BOARD_FLAT_LOAD_OFFSET;
	void *to = ram(s, "the flat binary", at, s->size);

	if (!to)
		return -EINVAL;
	out->format = IMAGE_FLAT;
	out->base = out->entry = gpa(at);
	out->end = gpa(at + s->size);
	return read_at(s, to, s->size, 0);
}

/* Formats that are known and not loaded; the first match counts. */

struct foreign {
	unsigned offset;
	uint8_t len;
	uint8_t magic[6];
	const char *name;
	const char *hint;
};

#define HINT_UNPACK  "decompress it first"
#define HINT_ARCH    "a kernel for arm64 is needed"
#define HINT_EXTRACT "extract the kernel Image from it"

static const struct foreign foreigns[] = {
	/* clang-format off */
	{ 0x202, 4, "HdrS",                         "an x86 bzImage",        HINT_ARCH },
	{ 0x24,  4, { 0x18, 0x28, 0x6f, 0x01 },     "a 32-bit Arm zImage",   HINT_ARCH },
	{ 0x38,  4, { 'R', 'S', 'C', 0x05 },        "a RISC-V Image",        HINT_ARCH },
	{ 0,     6, { 0xfd, '7', 'z', 'X', 'Z', 0 }, "xz-compressed",        HINT_UNPACK },
	{ 0,     4, { 0x04, 0x22, 0x4d, 0x18 },     "lz4-compressed",        HINT_UNPACK },
	{ 0,     4, { 0x02, 0x21, 0x4c, 0x18 },     "lz4-compressed",        HINT_UNPACK },
	{ 0,     4, { 0x28, 0xb5, 0x2f, 0xfd },     "zstd-compressed",       HINT_UNPACK },
	{ 0,     3, "BZh",                          "bzip2-compressed",      HINT_UNPACK },
	{ 0,     4, { 0x89, 'L', 'Z', 'O' },        "lzo-compressed",        HINT_UNPACK },
	{ 0,     3, { 0x5d, 0, 0 },                 "lzma-compressed",       HINT_UNPACK },
	{ 0,     4, { 0x27, 0x05, 0x19, 0x56 },     "a U-Boot uImage",       HINT_EXTRACT },
	{ 0,     4, { 0xd0, 0x0d, 0xfe, 0xed },     "a device tree or FIT image", HINT_EXTRACT },
	{ 0,     6, "070701",                       "a cpio archive",        "did you mean --initrd?" },
	{ 0,     2, "MZ", "an EFI program but neither an arm64 Image nor EFI zboot", HINT_EXTRACT },
	/* clang-format on */
};

static const struct foreign *find_foreign(const uint8_t *head)
{
	for (unsigned i = 0; i < ARRAY_SIZE(foreigns); i++)
		if (!memcmp(head + foreigns[i].offset, foreigns[i].magic, foreigns[i].len))
			return &foreigns[i];
	return NULL;
}

static int refuse(struct source *s, struct image *out)
{
	const struct foreign *f = find_foreign(s->head);

	(void)out;
	if (f)
		return bad(s, "is %s; %s", f->name, f->hint);
	return bad(s, "is in no known format (arm64 Image, that in gzip or EFI zboot, ELF); for a "
		      "raw binary give --flat");
}

typedef int loader(struct source *s, struct image *out);

static loader *choose_loader(const uint8_t *head)
{
	if (is_arm64_image(head))
		return load_arm64;
	if (is_zboot(head))
		return load_zboot;
	if (!memcmp(head, ELFMAG, SELFMAG))
		return load_elf;
	if (head[0] == 0x1f && head[1] == 0x8b)
		return load_gzip;
	return refuse;
}

static int read_head(struct source *s)
{
	return read_at(s, s->head, s->size < HEAD_BYTES ? s->size : HEAD_BYTES, 0);
}

int image_load(struct mem *mem, const char *path, bool flat, struct image *out, struct err *err)
{
	struct source s = { .what = KERNEL_OPTION, .path = path, .mem = mem, .err = err };
	int ret = source_open(&s);

	*out = (struct image){ .format = IMAGE_FLAT };
	if (!ret)
		ret = read_head(&s);
	if (!ret)
		ret = flat ? load_flat(&s, out) : choose_loader(s.head)(&s, out);
	source_close(&s);
	return ret;
}

bool image_is_unknown(const char *path)
{
	struct err ignored;
	struct source s = { .what = KERNEL_OPTION, .path = path, .err = &ignored };
	bool unknown = !source_open(&s) && !read_head(&s) && choose_loader(s.head) == refuse &&
		       !find_foreign(s.head);

	source_close(&s);
	return unknown;
}

int image_file_size(const char *what, const char *path, uint64_t *size, struct err *err)
{
	struct source s = { .what = what, .path = path, .err = err };
	int ret = source_open(&s);

	source_close(&s);
	*size = ret ? 0 : s.size;
	return ret;
}

int image_read(struct mem *mem, const char *what, const char *path, gpa_t at, uint64_t size,
	       struct err *err)
{
	struct source s = { .what = what, .path = path, .mem = mem, .err = err };
	int ret = source_open(&s);
	void *to;

	if (!ret && s.size != size)
		ret = bad(&s, "changed its size from %" PRIu64 " to %" PRIu64 " bytes", size,
			  s.size);
	if (!ret) {
		to = ram(&s, "its content", at.v, size);
		ret = to ? read_file(&s, to) : -EINVAL;
	}
	source_close(&s);
	return ret;
}

const char *image_format_name(enum image_format format)
{
	static const char *const names[] = {
		[IMAGE_ARM64] = "arm64 Image", [IMAGE_GZIP] = "arm64 Image in gzip",
		[IMAGE_ZBOOT] = "EFI zboot",   [IMAGE_ELF] = "ELF",
		[IMAGE_FLAT] = "flat binary",
	};

	return names[format];
}
