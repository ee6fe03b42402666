/* Kernel files: each format loads where it should, and each kind of damage is one clear line. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "arm64/board.h"
#include "arm64/image.h"
#include "lib/guard.h"

#define BASE     BOARD_RAM_BASE
#define RAM      MIB(8)
#define UNLOADED 0x5a /* what RAM holds before */

/* A file being put together. */
struct file {
	uint8_t bytes[MIB(4)];
	size_t n;
};

struct world {
	struct mem mem;
	struct file file;
	char path[40];
	struct image image;
	struct err err;
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (!w)
		return -1;
	snprintf(w->path, sizeof(w->path), "/tmp/rasvm-test-XXXXXX");
	if (mem_map(&w->mem, gpa(BASE), RAM, MEM_ANON, NULL, &w->err))
		return -1;
	memset(w->mem.hva, UNLOADED, RAM);
	close(mkstemp(w->path));
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	unlink(w->path);
	mem_unmap(&w->mem);
	free(w);
	return 0;
}

static void put32(uint8_t *at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *at, uint64_t v)
{
	put32(at, (uint32_t)v);
	put32(at + 4, (uint32_t)(v >> 32));
}

static void save(struct world *w)
{
	int fd = open(w->path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, w->file.bytes, w->file.n), w->file.n);
	close(fd);
}

static int load_as(struct world *w, bool flat)
{
	save(w);
	w->err.text[0] = 0;
	return image_load(&w->mem, w->path, flat, &w->image, &w->err);
}

static void expect_loaded(struct world *w, enum image_format format, uint64_t entry, uint64_t base,
			  uint64_t end)
{
	int ret = load_as(w, false);

	if (ret)
		fail_msg("expected it to load, found %d (%s)", ret, w->err.text);
	if (w->image.format != format || w->image.entry.v != entry || w->image.base.v != base ||
	    w->image.end.v != end)
		fail_msg("expected %s entry 0x%llx [0x%llx, 0x%llx), "
			 "found %s entry 0x%llx [0x%llx, 0x%llx)",
			 image_format_name(format), (unsigned long long)entry,
			 (unsigned long long)base, (unsigned long long)end,
			 image_format_name(w->image.format), (unsigned long long)w->image.entry.v,
			 (unsigned long long)w->image.base.v, (unsigned long long)w->image.end.v);
}

/* One line that names option, path and reason. */
static void expect_error_text(struct world *w, const char *what, const char *reason)
{
	if (!strstr(w->err.text, what) || !strstr(w->err.text, reason) || strchr(w->err.text, '\n'))
		fail_msg("expected \"%s ... %s\" in one line, found \"%s\"", what, reason,
			 w->err.text);
}

static void expect_refused(struct world *w, const char *reason)
{
	int ret = load_as(w, false);

	if (ret != -EINVAL)
		fail_msg("expected %d and \"%s\", found %d (%s)", -EINVAL, reason, ret,
			 w->err.text);
	expect_error_text(w, "--kernel /tmp/rasvm-test-", reason);
}

static const uint8_t *ram_at(struct world *w, uint64_t at)
{
	return w->mem.hva + (at - BASE);
}

/* An arm64 Image of n bytes with recognisable content. */
static void make_image(struct file *f, size_t n, uint64_t text_offset, uint64_t image_size)
{
	for (size_t i = 0; i < n; i++)
		f->bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	memset(f->bytes, 0, 64);
	put64(f->bytes + 8, text_offset);
	put64(f->bytes + 16, image_size);
	put64(f->bytes + 24, 0xa); /* little-endian, 4 KiB pages, anywhere */
	put32(f->bytes + 0x38, 0x644d5241);
	f->n = n;
}

/* The file's content as gzip at `offset` of the file. */
static void compress_to(struct file *f, size_t offset)
{
	static uint8_t plain[sizeof(f->bytes)];
	z_stream z = { 0 };

	memcpy(plain, f->bytes, f->n);
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.next_in = plain;
	z.avail_in = (uInt)f->n;
	z.next_out = f->bytes + offset;
	z.avail_out = (uInt)(sizeof(f->bytes) - offset);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	f->n = offset + z.total_out;
	deflateEnd(&z);
}

static void make_zboot(struct file *f, const char *type)
{
	compress_to(f, 4096);
	memset(f->bytes, 0, 4096);
	memcpy(f->bytes, "MZ", 2);
	memcpy(f->bytes + 4, "zimg", 4);
	put32(f->bytes + 8, 4096);
	put32(f->bytes + 12, (uint32_t)(f->n - 4096));
	strcpy((char *)f->bytes + 24, type);
	put32(f->bytes + 0x38, 0x818223cd);
	memset(f->bytes + f->n, 0xee, 100); /* sections after the payload */
	f->n += 100;
}

static void put16(uint8_t *at, unsigned v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

#define PE        64
#define PE_TABLE  (PE + 24 + 160) /* behind an optional header of 160 bytes */
#define PE_NTH(n) (PE_TABLE + 40 * (n))

/* Make the Image a PE file too, as a kernel with EFI is, of two sections of which the second ends
 * at `bytes`, and one of bss. */
static void make_pe(struct file *f, uint32_t bytes)
{
	memcpy(f->bytes, "MZ", 2);
	put32(f->bytes + 0x3c, PE);
	memset(f->bytes + PE, 0, PE_NTH(3) - PE);
	memcpy(f->bytes + PE, "PE", 2);
	put16(f->bytes + PE + 4, 0xaa64);
	put16(f->bytes + PE + 6, 3);
	put16(f->bytes + PE + 20, 160);
	put32(f->bytes + PE_NTH(0) + 16, 4096);
	put32(f->bytes + PE_NTH(0) + 20, 4096);
	put32(f->bytes + PE_NTH(1) + 16, bytes - 8192);
	put32(f->bytes + PE_NTH(1) + 20, 8192);
	put32(f->bytes + PE_NTH(2) + 20, 0xfffffff0); /* no data: where it would be is no matter */
}

/* arm64 Image */

static void an_image_is_loaded_at_its_text_offset(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0x80000, 200000);
	expect_loaded(w, IMAGE_ARM64, BASE + 0x80000, BASE + 0x80000, BASE + 0x80000 + 200000);
	assert_memory_equal(ram_at(w, BASE + 0x80000), w->file.bytes, 100000);
	assert_int_equal(*ram_at(w, BASE + 0x80000 - 1), UNLOADED);
	assert_int_equal(*ram_at(w, BASE + 0x80000 + 100000), UNLOADED);
	make_image(&w->file, 100000, 0, 200000);
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
}

static void an_old_image_goes_to_the_default_offset(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0x1234567812345678, 0);
	expect_loaded(w, IMAGE_ARM64, BASE + 0x80000, BASE + 0x80000, BASE + 0x80000 + 100000);
}

static void an_image_longer_than_its_size_keeps_its_tail(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0, 64);
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 100000);
}

static void an_image_may_fill_ram_but_not_pass_it(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0, RAM);
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + RAM);
	make_image(&w->file, 100000, 0, RAM + 1);
	expect_refused(w, "-m");
	make_image(&w->file, 100000, 1, RAM);
	expect_refused(w, "-m");
}

static void hostile_image_headers_are_refused(void **state)
{
	static const struct {
		uint64_t offset, size;
	} cases[] = {
		{ 0, UINT64_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX, UINT64_MAX },
		{ 1, UINT64_MAX },
		{ UINT64_MAX - BASE, 4096 },
		{ UINT64_MAX - BASE + 1, 4096 },
		{ RAM, 1 },
		{ RAM - 1, 2 },
		{ RAM + 1, 1 },
		{ 0x8000000000000000, 0x8000000000000000 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_image(&w->file, 1000, cases[i].offset, cases[i].size);
		expect_refused(w, "guest RAM");
		compress_to(&w->file, 0);
		expect_refused(w, "guest RAM");
	}
}

static void a_big_endian_image_is_refused(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 1000, 0, 1000);
	w->file.bytes[24] |= 1;
	expect_refused(w, "big-endian");
}

static void an_image_shorter_than_its_header_is_refused(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 1000, 0, 1000);
	w->file.n = 60;
	expect_refused(w, "truncated");
	w->file.n = 64;
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 1000);
}

static void an_efi_image_is_whole_if_its_sections_are(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0, 200000);
	make_pe(&w->file, 100000);
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
	w->file.n += 7; /* a signature */
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
}

static void an_efi_image_cut_short_is_refused_at_every_length(void **state)
{
	struct world *w = *state;
	char sizes[80];

	make_image(&w->file, 100000, 0, 200000);
	make_pe(&w->file, 100000);
	for (size_t n = 64; n < 100000; n += n < 400 || n > 99990 ? 1 : 997) {
		w->file.n = n;
		expect_refused(w, "is truncated");
		snprintf(sizes, sizeof(sizes), "the file has %zu bytes", n);
		expect_error_text(w, n < PE_NTH(3) ? "PE" : "100000", sizes);
	}
}

/* As a kernel built by another tool may have it. */
static void the_order_of_sections_does_not_matter(void **state)
{
	struct world *w = *state;
	uint8_t first[40];

	make_image(&w->file, 100000, 0, 200000);
	make_pe(&w->file, 100001);
	memcpy(first, w->file.bytes + PE_NTH(0), 40);
	memcpy(w->file.bytes + PE_NTH(0), w->file.bytes + PE_NTH(1), 40);
	memcpy(w->file.bytes + PE_NTH(1), first, 40);
	expect_refused(w, "100001");
}

static void hostile_pe_headers_are_refused(void **state)
{
	static const struct {
		unsigned at, bytes;
		uint32_t value;
	} cases[] = {
		{ 0x3c, 4, UINT32_MAX },      { 0x3c, 4, 100000 - 23 },
		{ PE + 6, 2, 0xffff },        { PE + 20, 2, 0xffff },
		{ PE_NTH(0) + 16, 4, 95905 }, { PE_NTH(0) + 16, 4, UINT32_MAX },
		{ PE_NTH(0) + 20, 4, 95905 }, { PE_NTH(0) + 20, 4, UINT32_MAX },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_image(&w->file, 100000, 0, 200000);
		make_pe(&w->file, 100000);
		if (cases[i].bytes == 2)
			put16(w->file.bytes + cases[i].at, cases[i].value);
		else
			put32(w->file.bytes + cases[i].at, cases[i].value);
		/* 65535 sections are 2.6 MB of table; 0xffff of optional header leaves room. */
		if (cases[i].at == PE + 20)
			w->file.n = 0xffff;
		expect_refused(w, "is truncated");
	}
}

static void an_image_that_only_begins_like_a_pe_file_is_loaded(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0, 200000);
	make_pe(&w->file, 200000);
	w->file.bytes[PE + 3] = 1; /* no signature */
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
	make_pe(&w->file, 200000);
	put32(w->file.bytes, 0x91005a4d); /* MZ, and nothing at 0x3c */
	put32(w->file.bytes + 0x3c, 0);
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
	make_pe(&w->file, 200000);
	w->file.bytes[0] = 0; /* no MZ */
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
	make_pe(&w->file, 200000);
	put16(w->file.bytes + PE + 6, 0); /* no sections */
	expect_loaded(w, IMAGE_ARM64, BASE, BASE, BASE + 200000);
}

static void ram_that_is_not_2m_aligned_is_rounded_up(void **state)
{
	struct world *w = *state;

	w->mem.base.v = BASE + 0x1000;
	make_image(&w->file, 1000, 0, 1000);
	expect_loaded(w, IMAGE_ARM64, BASE + MIB(2), BASE + MIB(2), BASE + MIB(2) + 1000);
	assert_memory_equal(w->mem.hva + MIB(2) - 0x1000, w->file.bytes, 1000);
	make_image(&w->file, 1000, UINT64_MAX - 0xfff, 1000); /* may not wrap back into RAM */
	expect_refused(w, "guest RAM");
	make_image(&w->file, 1000, 0, 1000);
	w->mem.size = 0x1000; /* all of it below the aligned base */
	expect_refused(w, "guest RAM");
}

/* gzip */

static void a_gzip_image_is_inflated_into_place(void **state)
{
	struct world *w = *state;
	struct file plain;

	make_image(&w->file, 3000000, 0x80000, 4000000);
	memcpy(&plain, &w->file, sizeof(plain));
	compress_to(&w->file, 0);
	expect_loaded(w, IMAGE_GZIP, BASE + 0x80000, BASE + 0x80000, BASE + 0x80000 + 4000000);
	assert_memory_equal(ram_at(w, BASE + 0x80000), plain.bytes, plain.n);
	assert_int_equal(*ram_at(w, BASE + 0x80000 + plain.n), UNLOADED);
}

static void the_length_of_an_old_gzip_image_is_what_it_inflates_to(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100000, 0, 0);
	compress_to(&w->file, 0);
	expect_loaded(w, IMAGE_GZIP, BASE + 0x80000, BASE + 0x80000, BASE + 0x80000 + 100000);
}

static void a_truncated_gzip_is_refused_at_every_length(void **state)
{
	struct world *w = *state;
	size_t full;

	make_image(&w->file, 20000, 0, 20000);
	compress_to(&w->file, 0);
	full = w->file.n;
	for (size_t n = 2; n < full; n += n < 100 || n > full - 20 ? 1 : 97) {
		w->file.n = n;
		expect_refused(w, "gzip data is truncated");
	}
	w->file.n = full;
	assert_int_equal(load_as(w, false), 0);
}

static void damaged_gzip_data_is_refused(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 20000, 0, 20000);
	compress_to(&w->file, 0);
	w->file.bytes[w->file.n - 8] ^= 1; /* CRC */
	expect_refused(w, "damaged");
	w->file.bytes[w->file.n - 8] ^= 1;
	w->file.bytes[w->file.n - 1] ^= 0x80; /* ISIZE */
	expect_refused(w, "damaged");
	w->file.bytes[w->file.n - 1] ^= 0x80;
	w->file.bytes[2] = 9; /* method */
	expect_refused(w, "damaged");
}

static void bytes_after_the_gzip_data_are_ignored(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 20000, 0, 20000);
	compress_to(&w->file, 0);
	memset(w->file.bytes + w->file.n, 0, 100);
	w->file.n += 100;
	expect_loaded(w, IMAGE_GZIP, BASE, BASE, BASE + 20000);
}

/* ISIZE and image_size both lie: only RAM bounds what is written. */
static void a_gzip_bomb_ends_at_the_end_of_ram(void **state)
{
	struct world *w = *state;

	w->mem.size = MIB(2);
	make_image(&w->file, MIB(2), 0, 4096);
	compress_to(&w->file, 0);
	expect_loaded(w, IMAGE_GZIP, BASE, BASE, BASE + MIB(2));
	make_image(&w->file, MIB(2) + 1, 0, 4096);
	compress_to(&w->file, 0);
	expect_refused(w, "inflates to more");
	assert_int_equal(w->mem.hva[MIB(2)], UNLOADED);
	make_image(&w->file, MIB(4), 0, 4096);
	compress_to(&w->file, 0);
	expect_refused(w, "inflates to more");
	assert_int_equal(w->mem.hva[MIB(2)], UNLOADED);
}

static void a_gzip_of_something_else_is_refused(void **state)
{
	struct world *w = *state;

	memset(w->file.bytes, 'x', 1000);
	w->file.n = 1000;
	compress_to(&w->file, 0);
	expect_refused(w, "not an arm64 Image");
	memcpy(w->file.bytes, "\177ELF", 4);
	w->file.n = 1000;
	compress_to(&w->file, 0);
	expect_refused(w, "ELF");
	make_image(&w->file, 63, 0, 63);
	compress_to(&w->file, 0);
	expect_refused(w, "not an arm64 Image");
	make_image(&w->file, 64, 0, 64);
	compress_to(&w->file, 0);
	expect_loaded(w, IMAGE_GZIP, BASE, BASE, BASE + 64);
}

/* EFI zboot */

static void a_zboot_image_is_unpacked(void **state)
{
	struct world *w = *state;
	struct file plain;

	make_image(&w->file, 1000000, 0, 1500000);
	memcpy(&plain, &w->file, sizeof(plain));
	make_zboot(&w->file, "gzip");
	expect_loaded(w, IMAGE_ZBOOT, BASE, BASE, BASE + 1500000);
	assert_memory_equal(ram_at(w, BASE), plain.bytes, plain.n);
}

static void zboot_with_another_compression_names_it(void **state)
{
	static const char *const types[] = {
		"lzma", "lzo", "xzkern", "zstd22", "lz4", "", "gzip2"
	};
	struct world *w = *state;
	char reason[40];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		make_image(&w->file, 1000, 0, 1000);
		make_zboot(&w->file, types[i]);
		snprintf(reason, sizeof(reason), "\"%s\"", types[i]);
		expect_refused(w, reason);
	}
}

static void a_zboot_type_cannot_write_to_the_terminal(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 1000, 0, 1000);
	make_zboot(&w->file, "\033[2Jx\n");
	expect_refused(w, "\"?[2Jx?\"");
	memset(w->file.bytes + 24, 'y', 32); /* no end */
	expect_refused(w, "\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"");
}

static void a_zboot_payload_beyond_the_file_is_refused(void **state)
{
	struct world *w = *state;
	static const struct {
		uint32_t offset, size;
	} cases[] = { { 4096, 0 },       { 4096, UINT32_MAX },
		      { UINT32_MAX, 1 }, { UINT32_MAX, UINT32_MAX },
		      { 5000000, 1 },    { 1, UINT32_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_image(&w->file, 1000, 0, 1000);
		make_zboot(&w->file, "gzip");
		put32(w->file.bytes + 8, cases[i].offset);
		put32(w->file.bytes + 12, cases[i].size);
		expect_refused(w, "truncated");
	}
	make_image(&w->file, 100000, 0, 100000);
	make_zboot(&w->file, "gzip");
	w->file.n = 5000;
	expect_refused(w, "truncated");
	w->file.n = 30;
	expect_refused(w, "truncated");
}

/* ELF */

static Elf64_Phdr *segment(struct file *f, unsigned i)
{
	return (Elf64_Phdr *)(void *)(f->bytes + sizeof(Elf64_Ehdr)) + i;
}

static Elf64_Ehdr *elf_header(struct file *f)
{
	return (Elf64_Ehdr *)(void *)f->bytes;
}

/* Two segments, the second with bss, at virtual addresses that are not the physical ones. */
static void make_elf(struct file *f)
{
	Elf64_Ehdr *h = elf_header(f);

	memset(f->bytes, 0, 0x1000);
	memset(f->bytes + 0x1000, 0xc1, 0x1000);
	memset(f->bytes + 0x2000, 0xd2, 0x1000);
	f->n = 0x3000;
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_type = ET_EXEC;
	h->e_machine = EM_AARCH64;
	h->e_entry = 0xffff000000001010;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(Elf64_Phdr);
	h->e_phnum = 3;
	*segment(f, 0) = (Elf64_Phdr){ .p_type = PT_LOAD,
				       .p_offset = 0x1000,
				       .p_vaddr = 0xffff000000001000,
				       .p_paddr = BASE + 0x100000,
				       .p_filesz = 0x1000,
				       .p_memsz = 0x1000 };
	*segment(f, 1) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = UINT64_MAX, .p_filesz = 9 };
	*segment(f, 2) = (Elf64_Phdr){ .p_type = PT_LOAD,
				       .p_offset = 0x2000,
				       .p_vaddr = 0xffff000000002000,
				       .p_paddr = BASE + 0x101000,
				       .p_filesz = 0x800,
				       .p_memsz = 0x3000 };
}

static void an_elf_file_is_loaded_by_physical_address(void **state)
{
	struct world *w = *state;

	make_elf(&w->file);
	expect_loaded(w, IMAGE_ELF, BASE + 0x100010, BASE + 0x100000, BASE + 0x104000);
	assert_int_equal(*ram_at(w, BASE + 0x100000 - 1), UNLOADED);
	assert_int_equal(*ram_at(w, BASE + 0x100000), 0xc1);
	assert_int_equal(*ram_at(w, BASE + 0x100fff), 0xc1);
	assert_int_equal(*ram_at(w, BASE + 0x101000), 0xd2);
	assert_int_equal(*ram_at(w, BASE + 0x1017ff), 0xd2);
	for (uint64_t at = BASE + 0x101800; at < BASE + 0x104000; at++)
		assert_int_equal(*ram_at(w, at), 0);
	assert_int_equal(*ram_at(w, BASE + 0x104000), UNLOADED);
}

static void an_elf_entry_may_be_physical(void **state)
{
	struct world *w = *state;

	make_elf(&w->file);
	elf_header(&w->file)->e_entry = BASE + 0x101004;
	expect_loaded(w, IMAGE_ELF, BASE + 0x101004, BASE + 0x100000, BASE + 0x104000);
}

/* Each breaks one thing in a good file. */
static void e_class(struct file *f)
{
	f->bytes[EI_CLASS] = ELFCLASS32;
}
static void e_data(struct file *f)
{
	f->bytes[EI_DATA] = ELFDATA2MSB;
}
static void e_x86(struct file *f)
{
	elf_header(f)->e_machine = EM_X86_64;
}
static void e_dyn(struct file *f)
{
	elf_header(f)->e_type = ET_DYN;
}
static void e_short(struct file *f)
{
	f->n = 40;
}
static void e_phentsize(struct file *f)
{
	elf_header(f)->e_phentsize = 32;
}
static void e_phoff(struct file *f)
{
	elf_header(f)->e_phoff = 0x3000 - 56;
}
static void e_phoff_max(struct file *f)
{
	elf_header(f)->e_phoff = UINT64_MAX - 55;
}
static void e_phnum(struct file *f)
{
	elf_header(f)->e_phnum = 0xffff;
}
static void e_phnum_0(struct file *f)
{
	elf_header(f)->e_phnum = 0;
}
static void e_entry(struct file *f)
{
	elf_header(f)->e_entry = BASE;
}
static void e_entry_max(struct file *f)
{
	elf_header(f)->e_entry = UINT64_MAX;
}
static void e_no_load(struct file *f)
{
	segment(f, 0)->p_type = segment(f, 2)->p_type = PT_NOTE;
}
static void e_offset(struct file *f)
{
	segment(f, 0)->p_offset = 0x2001;
}
static void e_offset_max(struct file *f)
{
	segment(f, 0)->p_offset = UINT64_MAX;
}
static void e_filesz_max(struct file *f)
{
	segment(f, 0)->p_filesz = segment(f, 0)->p_memsz = UINT64_MAX;
}
static void e_filesz(struct file *f)
{
	segment(f, 0)->p_filesz = 0x1001;
}
static void e_memsz_max(struct file *f)
{
	segment(f, 2)->p_memsz = UINT64_MAX;
}
static void e_below(struct file *f)
{
	segment(f, 0)->p_paddr = BASE - 1;
}
static void e_above(struct file *f)
{
	segment(f, 2)->p_paddr = BASE + RAM - 0x2fff;
}
static void e_paddr_0(struct file *f)
{
	segment(f, 0)->p_paddr = 0;
}
static void e_paddr_max(struct file *f)
{
	segment(f, 0)->p_paddr = UINT64_MAX;
}
static void e_overlap(struct file *f)
{
	segment(f, 2)->p_paddr = BASE + 0x100fff;
}
static void e_inside(struct file *f)
{
	segment(f, 0)->p_paddr = BASE + 0x102000;
}
static void e_cut(struct file *f)
{
	f->n = 0x27ff;
}

static void each_defect_of_an_elf_file_is_named(void **state)
{
	static const struct {
		void (*spoil)(struct file *f);
		const char *reason;
	} cases[] = {
		{ e_class, "64-bit" },
		{ e_data, "little-endian" },
		{ e_x86, "machine 62" },
		{ e_dyn, "type 3" },
		{ e_short, "truncated" },
		{ e_phentsize, "32 bytes" },
		{ e_phoff, "truncated" },
		{ e_phoff_max, "truncated" },
		{ e_phnum, "truncated" },
		{ e_phnum_0, "without a segment" },
		{ e_entry, "entry" },
		{ e_entry_max, "entry" },
		{ e_no_load, "without a segment" },
		{ e_offset, "truncated" },
		{ e_offset_max, "truncated" },
		{ e_filesz_max, "truncated" },
		{ e_filesz, "more bytes in the file" },
		{ e_memsz_max, "does not fit" },
		{ e_below, "does not fit" },
		{ e_above, "does not fit" },
		{ e_paddr_0, "does not fit" },
		{ e_paddr_max, "does not fit" },
		{ e_overlap, "overlap" },
		{ e_inside, "overlap" },
		{ e_cut, "truncated" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_elf(&w->file);
		cases[i].spoil(&w->file);
		expect_refused(w, cases[i].reason);
	}
}

static void a_file_of_too_many_segments_is_refused(void **state)
{
	struct world *w = *state;

	make_elf(&w->file);
	elf_header(&w->file)->e_phnum = 65;
	for (unsigned i = 0; i < 65; i++)
		*segment(&w->file, i) = (Elf64_Phdr){
			.p_type = PT_LOAD, .p_paddr = BASE + i * 16, .p_vaddr = i, .p_memsz = 16
		};
	w->file.n = 0x4000;
	expect_refused(w, "more than 64");
}

static void empty_segments_are_skipped(void **state)
{
	struct world *w = *state;

	make_elf(&w->file);
	*segment(&w->file, 1) = (Elf64_Phdr){ .p_type = PT_LOAD }; /* at 0, of 0 bytes */
	expect_loaded(w, IMAGE_ELF, BASE + 0x100010, BASE + 0x100000, BASE + 0x104000);
}

/* Flat */

static void a_flat_file_is_entered_at_0x80000(void **state)
{
	struct world *w = *state;

	make_elf(&w->file); /* content does not matter */
	assert_int_equal(load_as(w, true), 0);
	assert_int_equal(w->image.format, IMAGE_FLAT);
	assert_int_equal(w->image.entry.v, BASE + 0x80000);
	assert_int_equal(w->image.base.v, BASE + 0x80000);
	assert_int_equal(w->image.end.v, BASE + 0x80000 + w->file.n);
	assert_memory_equal(ram_at(w, BASE + 0x80000), w->file.bytes, w->file.n);
}

static void a_flat_file_that_does_not_fit_is_refused(void **state)
{
	struct world *w = *state;

	w->mem.size = 0x80000 + 99;
	w->file.n = 100;
	assert_int_equal(load_as(w, true), -EINVAL);
	expect_error_text(w, "--kernel", "-m");
	w->mem.size = 0x1000; /* the load address itself is outside */
	assert_int_equal(load_as(w, true), -EINVAL);
	w->mem.size = 0x80000 + 100;
	assert_int_equal(load_as(w, true), 0);
}

/* What is not supported */

static void known_foreign_formats_are_named(void **state)
{
	static const struct {
		size_t offset, n;
		const char *magic, *reason;
	} cases[] = {
		{ 0x202, 4, "HdrS", "bzImage" },
		{ 0, 6,
		  "\xfd"
		  "7zXZ\0",
		  "xz" },
		{ 0, 4, "\x04\x22\x4d\x18", "lz4" },
		{ 0, 4, "\x02\x21\x4c\x18", "lz4" },
		{ 0, 4, "\x28\xb5\x2f\xfd", "zstd" },
		{ 0, 4, "BZh9", "bzip2" },
		{ 0, 4, "\x5d\0\0\0", "lzma" },
		{ 0, 4, "\x89LZO", "lzo" },
		{ 0, 4, "\x27\x05\x19\x56", "uImage" },
		{ 0, 4, "\xd0\x0d\xfe\xed", "FIT" },
		{ 0, 6, "070701", "--initrd" },
		{ 0, 2, "MZ", "EFI" },
		{ 0x24, 4, "\x18\x28\x6f\x01", "32-bit Arm" },
		{ 0x38, 4, "RSC\x05", "RISC-V" },
		{ 0, 4, "abcd", "--flat" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(w->file.bytes, 0, 4096);
		w->file.n = 4096;
		memcpy(w->file.bytes + cases[i].offset, cases[i].magic, cases[i].n);
		expect_refused(w, cases[i].reason);
	}
}

static void tiny_files_are_refused(void **state)
{
	static const char *const starts[] = { "MZ", "\177ELF", "\x1f\x8b", "MZ@\0zimg", "BZh" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		memset(w->file.bytes, 0, 64);
		strcpy((char *)w->file.bytes, starts[i]);
		if (i == 3)
			memcpy(w->file.bytes, "MZ@\0zimg", 8);
		for (w->file.n = 1; w->file.n < 60; w->file.n++)
			assert_int_equal(load_as(w, false), -EINVAL);
	}
}

/* Anything that passes the magic, byte by byte: never out of bounds (the sanitizers watch). */
static void random_headers_do_no_harm(void **state)
{
	struct world *w = *state;
	unsigned seed = 1;

	w->mem.size = KIB(64);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned kind = round % 4;

		if (kind == 0)
			make_elf(&w->file);
		else
			make_image(&w->file, 2000, 0, 2000);
		if (kind == 2)
			compress_to(&w->file, 0);
		if (kind == 3)
			make_zboot(&w->file, "gzip");
		for (unsigned i = 0; i < 8; i++) {
			size_t at = (size_t)rand_r(&seed) % (kind == 0 ? 240 : 64);

			w->file.bytes[at] = (uint8_t)(rand_r(&seed) % 3 ? rand_r(&seed) : 0xff);
		}
		(void)!load_as(w, false);
		assert_int_equal(w->mem.hva[KIB(64)], UNLOADED);
	}
}

/* Files */

static void what_is_not_a_regular_file_is_refused(void **state)
{
	static const struct {
		const char *path;
		int error;
		const char *kernel, *initrd; /* what is said of it as such */
	} cases[] = {
		{ "/nonexistent/Image", -ENOENT,
		  "Unable to open kernel /nonexistent/Image: No such",
		  "/nonexistent/Image: cannot open" },
		{ "/tmp", -EINVAL, "/tmp: is a directory", "/tmp: is a directory" },
		{ "/dev/null", -EINVAL, "/dev/null: is not a regular file",
		  "/dev/null: is not a regular file" },
		{ "", -ENOENT, "Unable to open kernel : No such", "cannot open" },
	};
	struct world *w = *state;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(image_load(&w->mem, cases[i].path, false, &w->image, &w->err),
				 cases[i].error);
		expect_error_text(w, "--kernel", cases[i].kernel);
		assert_int_equal(image_file_size("--initrd", cases[i].path, &size, &w->err),
				 cases[i].error);
		expect_error_text(w, "--initrd", cases[i].initrd);
		assert_int_equal(
			image_read(&w->mem, "--initrd", cases[i].path, gpa(BASE), 1, &w->err),
			cases[i].error);
	}
}

static void a_suite_for_lkvm_finds_the_words_it_looks_for(void **state)
{
	struct world *w = *state;

	assert_int_equal(image_load(&w->mem, "_NO_FILE_4Uhere_", false, &w->image, &w->err),
			 -ENOENT);
	expect_error_text(w, "--kernel", "Fatal: Unable to open kernel _NO_FILE_4Uhere_");
}

static void only_what_begins_like_nothing_known_is_unknown(void **state)
{
	static const struct {
		const char *head;
		bool unknown;
	} cases[] = {
		{ "a branch, say", true },
		{ "\x7f"
		  "ELF and more",
		  false },
		{ "\x1f\x8b gzip", false },
		{ "070701 cpio", false },
		{ "MZ, and no header", false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		w->file.n = strlen(cases[i].head);
		memcpy(w->file.bytes, cases[i].head, w->file.n);
		save(w);
		if (image_is_unknown(w->path) != cases[i].unknown)
			fail_msg("\"%s\": expected unknown to be %d", cases[i].head,
				 cases[i].unknown);
	}
	assert_false(image_is_unknown("/nonexistent"));
	assert_false(image_is_unknown("/tmp"));
}

static void a_fifo_does_not_block(void **state)
{
	struct world *w = *state;
	uint64_t size;

	unlink(w->path);
	assert_int_equal(mkfifo(w->path, 0600), 0);
	assert_int_equal(image_file_size("--initrd", w->path, &size, &w->err), -EINVAL);
	expect_error_text(w, "--initrd", "not a regular file");
}

static void an_empty_file_is_refused(void **state)
{
	struct world *w = *state;
	uint64_t size;

	w->file.n = 0;
	expect_refused(w, "is empty");
	assert_int_equal(image_file_size("--initrd", w->path, &size, &w->err), -EINVAL);
	expect_error_text(w, "--initrd", "is empty");
}

static void an_initrd_is_read_to_its_place(void **state)
{
	struct world *w = *state;
	uint64_t size;

	make_image(&w->file, 12345, 0, 0);
	save(w);
	assert_int_equal(image_file_size("--initrd", w->path, &size, &w->err), 0);
	assert_int_equal(size, 12345);
	assert_int_equal(image_read(&w->mem, "--initrd", w->path, gpa(BASE + 77), size, &w->err),
			 0);
	assert_memory_equal(ram_at(w, BASE + 77), w->file.bytes, size);
	assert_int_equal(*ram_at(w, BASE + 76), UNLOADED);
	assert_int_equal(*ram_at(w, BASE + 77 + size), UNLOADED);
}

/* Large files are read in two halves. Each 8-byte word holds its own offset. */
static void a_large_initrd_arrives_whole_and_in_order(void **state)
{
	const uint64_t last = MIB(19), size = last + 5;
	struct world *w = *state;
	struct mem big = { .fd = -1 };
	FILE *f = fopen(w->path, "w");
	const uint8_t *at;

	assert_non_null(f);
	for (uint64_t i = 0; i < size; i += 8)
		assert_int_equal(fwrite(&i, i + 8 > size ? size - i : 8, 1, f), 1);
	fclose(f);
	assert_int_equal(mem_map(&big, gpa(BASE), MIB(32), MEM_ANON, NULL, &w->err), 0);
	assert_int_equal(image_read(&big, "--initrd", w->path, gpa(BASE + MIB(2)), size, &w->err),
			 0);
	at = big.hva + MIB(2);
	for (uint64_t i = 0; i + 8 <= size; i += 8)
		if (memcmp(at + i, &i, 8) != 0)
			fail_msg("the word at offset 0x%llx is another one", (unsigned long long)i);
	assert_memory_equal(at + last, &last, 5);
	assert_int_equal(at[size], 0);
	mem_unmap(&big);
}

static void an_initrd_outside_ram_or_of_another_size_is_refused(void **state)
{
	struct world *w = *state;

	make_image(&w->file, 100, 0, 0);
	save(w);
	assert_int_equal(
		image_read(&w->mem, "--initrd", w->path, gpa(BASE + RAM - 99), 100, &w->err),
		-EINVAL);
	expect_error_text(w, "--initrd", "-m");
	assert_int_equal(image_read(&w->mem, "--initrd", w->path, gpa(0), 100, &w->err), -EINVAL);
	assert_int_equal(image_read(&w->mem, "--initrd", w->path, gpa(BASE), 101, &w->err),
			 -EINVAL);
	expect_error_text(w, "--initrd", "changed its size");
	assert_int_equal(
		image_read(&w->mem, "--initrd", w->path, gpa(BASE + RAM - 100), 100, &w->err), 0);
}

/* RAM with pages that are lost. */

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (guard_catch((uintptr_t)info->si_addr))
		return;
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Beyond the end of its file, RAM answers as a poisoned page does: SIGBUS, and EFAULT from read(2). */
static void lose_ram_from(struct world *w, uint64_t offset)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
	mem_unmap(&w->mem);
	assert_int_equal(mem_map(&w->mem, gpa(BASE), RAM, MEM_MEMFD, NULL, &w->err), 0);
	assert_int_equal(ftruncate(w->mem.fd, (off_t)offset), 0);
}

static void expect_lost(struct world *w, const char *what, int ret)
{
	signal(SIGBUS, SIG_DFL);
	if (ret != -EHWPOISON)
		fail_msg("%s: expected %d, found %d (%s)", what, -EHWPOISON, ret, w->err.text);
	expect_error_text(w, what, "hardware memory error");
}

static void an_image_on_a_lost_page_is_an_error(void **state)
{
	struct world *w = *state;

	make_image(&w->file, MIB(1), 0, MIB(2));
	lose_ram_from(w, KIB(512));
	expect_lost(w, "/tmp/rasvm-test-", load_as(w, false));
}

static void a_gzip_image_on_a_lost_page_is_an_error(void **state)
{
	struct world *w = *state;

	make_image(&w->file, MIB(2), 0, MIB(2));
	compress_to(&w->file, 0);
	lose_ram_from(w, MIB(1));
	expect_lost(w, "/tmp/rasvm-test-", load_as(w, false));
	make_image(&w->file, MIB(2), 0, MIB(2));
	compress_to(&w->file, 0);
	lose_ram_from(w, 0);
	expect_lost(w, "/tmp/rasvm-test-", load_as(w, false));
}

static void elf_zeroes_on_a_lost_page_are_an_error(void **state)
{
	struct world *w = *state;

	make_elf(&w->file);
	segment(&w->file, 2)->p_memsz = MIB(5);
	lose_ram_from(w, MIB(4));
	expect_lost(w, "/tmp/rasvm-test-", load_as(w, false));
}

static void an_initrd_on_a_lost_page_is_an_error(void **state)
{
	struct world *w = *state;

	make_image(&w->file, MIB(1), 0, 0);
	save(w);
	lose_ram_from(w, MIB(2));
	expect_lost(w, "/tmp/rasvm-test-",
		    image_read(&w->mem, "--initrd", w->path, gpa(BASE + MIB(1) + KIB(512)), MIB(1),
			       &w->err));
}

static void bytes_on_a_lost_page_are_an_error(void **state)
{
	struct world *w = *state;

	assert_int_equal(image_write(&w->mem, "the table", gpa(BASE + 5), "abc", 3, &w->err), 0);
	assert_memory_equal(ram_at(w, BASE + 5), "abc", 3);
	assert_int_equal(image_write(&w->mem, "the table", gpa(BASE + RAM - 2), "abc", 3, &w->err),
			 -EFAULT);
	expect_error_text(w, "the table", "not all guest RAM");
	lose_ram_from(w, MIB(2));
	expect_lost(w, "the table",
		    image_write(&w->mem, "the table", gpa(BASE + MIB(2)), "abc", 3, &w->err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, build, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_image_is_loaded_at_its_text_offset),
		TEST(an_old_image_goes_to_the_default_offset),
		TEST(an_image_longer_than_its_size_keeps_its_tail),
		TEST(an_image_may_fill_ram_but_not_pass_it),
		TEST(hostile_image_headers_are_refused),
		TEST(a_big_endian_image_is_refused),
		TEST(an_image_shorter_than_its_header_is_refused),
		TEST(an_efi_image_is_whole_if_its_sections_are),
		TEST(an_efi_image_cut_short_is_refused_at_every_length),
		TEST(the_order_of_sections_does_not_matter),
		TEST(hostile_pe_headers_are_refused),
		TEST(an_image_that_only_begins_like_a_pe_file_is_loaded),
		TEST(ram_that_is_not_2m_aligned_is_rounded_up),
		TEST(a_gzip_image_is_inflated_into_place),
		TEST(the_length_of_an_old_gzip_image_is_what_it_inflates_to),
		TEST(a_truncated_gzip_is_refused_at_every_length),
		TEST(damaged_gzip_data_is_refused),
		TEST(bytes_after_the_gzip_data_are_ignored),
		TEST(a_gzip_bomb_ends_at_the_end_of_ram),
		TEST(a_gzip_of_something_else_is_refused),
		TEST(a_zboot_image_is_unpacked),
		TEST(zboot_with_another_compression_names_it),
		TEST(a_zboot_type_cannot_write_to_the_terminal),
		TEST(a_zboot_payload_beyond_the_file_is_refused),
		TEST(an_elf_file_is_loaded_by_physical_address),
		TEST(an_elf_entry_may_be_physical),
		TEST(each_defect_of_an_elf_file_is_named),
		TEST(a_file_of_too_many_segments_is_refused),
		TEST(empty_segments_are_skipped),
		TEST(a_flat_file_is_entered_at_0x80000),
		TEST(a_flat_file_that_does_not_fit_is_refused),
		TEST(known_foreign_formats_are_named),
		TEST(tiny_files_are_refused),
		TEST(random_headers_do_no_harm),
		TEST(what_is_not_a_regular_file_is_refused),
		TEST(a_suite_for_lkvm_finds_the_words_it_looks_for),
		TEST(only_what_begins_like_nothing_known_is_unknown),
		TEST(a_fifo_does_not_block),
		TEST(an_empty_file_is_refused),
		TEST(an_initrd_is_read_to_its_place),
		TEST(a_large_initrd_arrives_whole_and_in_order),
		TEST(an_initrd_outside_ram_or_of_another_size_is_refused),
		TEST(an_image_on_a_lost_page_is_an_error),
		TEST(a_gzip_image_on_a_lost_page_is_an_error),
		TEST(elf_zeroes_on_a_lost_page_are_an_error),
		TEST(an_initrd_on_a_lost_page_is_an_error),
		TEST(bytes_on_a_lost_page_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
