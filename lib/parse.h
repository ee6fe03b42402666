/*
 * Values as people write them: numbers, sizes, durations. The whole text must be the value; nothing
 * may follow. Errors are sentences that continue after the quoted value: `"12x" is not a number`.
 * Pure.
 */
#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Room for anything the print functions below write. */
#define PARSE_TEXT_BYTES 32

/* Decimal, or hexadecimal after 0x. No sign. 0, or -EINVAL/-ERANGE with `err` written. */
int parse_u64(const char *text, uint64_t *value, struct err *err)
	__attribute__((warn_unused_result));

/* A number of bytes with one of the suffixes B K M G T P (powers of 1024, either case). Without one
 * the unit is `unit` bytes. 0, or -EINVAL/-ERANGE with `err` written. */
int parse_size(const char *text, uint64_t unit, uint64_t *bytes, struct err *err)
	__attribute__((warn_unused_result));

/* A time with one of the suffixes ns us ms s m h; without one, seconds. 0, or -EINVAL/-ERANGE with
 * `err` written. */
int parse_duration(const char *text, uint64_t *ns, struct err *err)
	__attribute__((warn_unused_result));

/* The shortest exact form, with a suffix, that parse_size() reads back: 1536M, 2G, 100B. */
void parse_print_size(uint64_t bytes, char text[PARSE_TEXT_BYTES]);

/* The shortest exact form, with a suffix, that parse_duration() reads back. */
void parse_print_duration(uint64_t ns, char text[PARSE_TEXT_BYTES]);

#endif
