/*
 * Bytes as text, base 64 with padding. Pure.
 *
 * Source: RFC 4648, 4. Leaves out: line breaks and the URL alphabet, which are refused.
 */
#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Characters that n bytes take, without a final 0. */
#define BASE64_CHARS(n) (((n) + 2) / 3 * 4)

/* Write BASE64_CHARS(n) characters and a 0 to `text`. */
void base64_encode(char *text, const void *bytes, size_t n);

/* The bytes that text[0..n) stands for, to `bytes`, which may be `text` itself and needs n / 4 * 3. How many they
 * are, or -EINVAL: it is not base 64. */
ssize_t base64_decode(void *bytes, const char *text, size_t n);

#endif
