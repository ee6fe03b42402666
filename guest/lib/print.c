/*
 * Console output: PL011 (Arm DDI0183) and ns16550 (PC16550D data sheet), polled, output only; a
 * small printf; the string functions the compiler may call. The UART is left as the loader set it
 * up, which every virtual machine accepts.
 */
#include "guest/lib/print.h"

#include "guest/lib/io.h"

#define PL011_DR       0x00
#define PL011_FR       0x18
#define PL011_FR_TXFF  (1u << 5)
#define NS16550_THR    0
#define NS16550_LSR    5
#define NS16550_THRE   (1u << 5)
#define TX_POLL_LIMIT  1000000u /* a dead UART must not hang the run */
#define PRINT_MAX_TEXT 512

static struct {
	enum console_kind kind;
	uint64_t base;
	unsigned reg_shift;
} console;

void console_init(enum console_kind kind, uint64_t base, unsigned reg_shift)
{
	console.kind = kind;
	console.base = base;
	console.reg_shift = reg_shift;
}

static bool tx_full(void)
{
	if (console.kind == CONSOLE_PL011)
		return mmio_read32(console.base + PL011_FR) & PL011_FR_TXFF;
	return !(mmio_read8(console.base + (NS16550_LSR << console.reg_shift)) & NS16550_THRE);
}

static void tx_byte(uint8_t byte)
{
	for (unsigned i = 0; i < TX_POLL_LIMIT && tx_full(); i++)
		cpu_relax();
	if (console.kind == CONSOLE_PL011)
		mmio_write32(console.base + PL011_DR, byte);
	else
		mmio_write8(console.base + (NS16550_THR << console.reg_shift), byte);
}

void console_putc(char c)
{
	if (console.kind == CONSOLE_NONE)
		return;
	if (c == '\n')
		tx_byte('\r');
	tx_byte((uint8_t)c);
}

struct out {
	char *buf;
	size_t size, len;
};

static void out_char(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len++] = c;
}

static void out_number(struct out *out, uint64_t value, unsigned base, bool negative,
		       unsigned width, char pad)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative && pad == '0')
		out_char(out, '-');
	for (unsigned i = n + negative; i < width; i++)
		out_char(out, pad);
	if (negative && pad != '0')
		out_char(out, '-');
	while (n)
		out_char(out, digits[--n]);
}

static void out_string(struct out *out, const char *s, unsigned width)
{
	size_t length;

	if (!s)
		s = "(null)";
	length = strlen(s);
	while (*s)
		out_char(out, *s++);
	for (; length < width; length++)
		out_char(out, ' ');
}

static void out_signed(struct out *out, int64_t value, unsigned width, char pad)
{
	bool negative = value < 0;

	out_number(out, negative ? 0 - (uint64_t)value : (uint64_t)value, 10, negative, width, pad);
}

struct spec {
	unsigned width;
	char pad;
	bool wide;
};

static const char *parse_spec(const char *f, struct spec *spec)
{
	*spec = (struct spec){ .pad = ' ' };
	if (*f == '0') {
		spec->pad = '0';
		f++;
	}
	while (*f >= '0' && *f <= '9')
		spec->width = spec->width * 10 + (unsigned)(*f++ - '0');
	for (; *f == 'l' || *f == 'z'; f++)
		spec->wide = true;
	return f;
}

size_t format_text(char *buf, size_t size, const char *f, va_list args)
{
	struct out out = { buf, size, 0 };
	va_list ap;

	va_copy(ap, args);
	for (; *f; f++) {
		struct spec spec;

		if (*f != '%') {
			out_char(&out, *f);
			continue;
		}
		f = parse_spec(f + 1, &spec);
		if (*f == 's')
			out_string(&out, va_arg(ap, const char *), spec.width);
		else if (*f == 'c')
			out_char(&out, (char)va_arg(ap, int));
		else if (*f == 'd')
			out_signed(&out, spec.wide ? va_arg(ap, long) : va_arg(ap, int), spec.width,
				   spec.pad);
		else if (*f == 'u' || *f == 'x')
			out_number(&out,
				   spec.wide ? va_arg(ap, unsigned long) : va_arg(ap, unsigned),
				   *f == 'u' ? 10 : 16, false, spec.width, spec.pad);
		else if (*f == '%')
			out_char(&out, '%');
		else
			break;
	}
	va_end(ap);
	buf[out.len] = 0;
	return out.len;
}

void vprint(const char *format, va_list args)
{
	char text[PRINT_MAX_TEXT];
	size_t length = format_text(text, sizeof(text), format, args);

	for (size_t i = 0; i < length; i++)
		console_putc(text[i]);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
}

void *memset(void *dst, int byte, size_t n)
{
	char *d = dst;

	while (n--)
		*d++ = (char)byte;
	return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	char *d = dst;
	const char *s = src;

	while (n--)
		*d++ = *s++;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (!*a)
			return 0;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

uint64_t parse_number(const char *s)
{
	int base = 10;
	uint64_t value = 0;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	for (; digit_value(*s) < base; s++)
		value = value * (uint64_t)base + (uint64_t)digit_value(*s);
	return value;
}
