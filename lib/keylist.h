/*
 * Values with parts, as options and scripts write them: "at=5s,event=3", "mem-ao,gpa=0x1000". A part
 * is name=value, or a name alone where its key says so; order is free and each part comes once.
 * Errors are sentences that continue after the quoted text. Pure.
 */
#ifndef LIB_KEYLIST_H
#define LIB_KEYLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

#define KEYLIST_MAX_BYTES 512 /* longest text, with its final 0 */
#define KEYLIST_MAX_KEYS  32

/* Longest time keylist_time() takes: can be added to any clock without a thought. */
#define KEYLIST_MAX_TIME_NS (UINT64_C(1000000000) * 3600 * 24 * 366)

/* A part of the list: its name, and what takes its value. `value` is NULL for a name alone, which is
 * an error unless `bare` is set; with `bare` set both forms are let through. 0 or -errno with `err`. */
struct keylist_key {
	const char *name;
	int (*take)(void *target, const char *value, struct err *err);
	bool bare;
};

struct keylist {
	const struct keylist_key *keys;
	unsigned nkeys;   /* at most KEYLIST_MAX_KEYS */
	const char *form; /* the whole text, for messages */
};

/* Read `text` into `target`. `first` takes what stands before the first comma, if not NULL. *given
 * gets a bit for each key that was there. A backslash before a comma makes it part of a value; before
 * another character, a second backslash too, both stay as they are: regular expressions need them.
 * 0, or -errno with `err` written; `target` may have been changed in part. */
int keylist_parse(const struct keylist *list, void *target,
		  int (*first)(void *target, const char *text, struct err *err), const char *text,
		  unsigned *given, struct err *err) __attribute__((warn_unused_result));

/* For take functions: a duration from min_ns to KEYLIST_MAX_TIME_NS, and a number in [min, max]. 0, or
 * -EINVAL with `err` naming `name`, the value and what is allowed. */
int keylist_time(const char *name, const char *value, uint64_t min_ns, uint64_t *ns,
		 struct err *err) __attribute__((warn_unused_result));
int keylist_number(const char *name, const char *value, uint64_t min, uint64_t max,
		   uint64_t *number, struct err *err) __attribute__((warn_unused_result));

/* One of choices[0..n): its index. 0, or -EINVAL with `err` listing them. */
int keylist_choice(const char *name, const char *value, const char *const *choices, unsigned n,
		   unsigned *index, struct err *err) __attribute__((warn_unused_result));

#endif
