/* Text output and the handful of string functions the payloads need. Boot CPU only, but for
 * crash reports when the boot CPU is off. */
#ifndef GUEST_LIB_PRINT_H
#define GUEST_LIB_PRINT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum console_kind { CONSOLE_NONE, CONSOLE_PL011, CONSOLE_NS16550 };

void console_init(enum console_kind kind, uint64_t base, unsigned reg_shift);
void console_putc(char c);

/* %s %c %d %u %x %% with l or ll, zero or space padding and a width. Output past `size` is cut;
 * the result is always terminated. Returns the length written. */
size_t format_text(char *buf, size_t size, const char *format, va_list args);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

void *memset(void *dst, int byte, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Decimal, or hexadecimal with 0x. Stops at the first other character. */
uint64_t parse_number(const char *s);

#endif
