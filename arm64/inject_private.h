/* What the parts of carrying out an injection share: inject_fire.c, inject_place.c, inject_record.c.
 * Main thread, without vm.fw. */
#ifndef ARM64_INJECT_PRIVATE_H
#define ARM64_INJECT_PRIVATE_H

#include "arm64/inject.h"
#include "lib/types.h"

/* An injection on its way. */
struct shot {
	struct vm *vm;
	const struct inject_rule *rule;
	const char *from;
	struct err *err;
	unsigned pe; /* RAS_NO_PE: none is concerned */
	gpa_t at;    /* the page, if one is concerned */
	uint32_t id;
};

/* ---- inject_fire.c ---- */

/* For inject_open(): can this host do it, and is the file readable. 0, or -errno with `err` a sentence. */
int inject_check_host(const struct vm *vm, const struct inject_rule *rule, struct err *err)
	__attribute__((warn_unused_result));

/* ---- inject_place.c: which page ---- */

/* True for what concerns a page: memory errors always, records if an address was given. */
bool inject_has_place(const struct inject_rule *rule);

/* Bytes from shot.at on that an error concerns; a storm's errors concern a page each. */
uint64_t inject_bytes(const struct inject_rule *rule);

/* Fill in shot.at: all of it is RAM. 0 or -errno. */
int inject_find_place(struct shot *s) __attribute__((warn_unused_result));

/* The pages of a storm: all over the span, none twice before all were hit. */
struct storm {
	uint64_t from, pages; /* span: GPA and number */
	uint64_t first, step; /* of page numbers; `step` has no factor in common with `pages` */
};
struct storm inject_storm(const struct shot *s);

/* The page of step `i`. False: it is the firmware's own, and was not asked for by address. */
bool inject_storm_page(const struct shot *s, const struct storm *storm, uint64_t i, gpa_t *page);

/* ---- inject_record.c: kinds ghes and arm-proc ---- */

/* Make the record and hand it to its source. 0 or -errno. */
int inject_send_record(const struct shot *s) __attribute__((warn_unused_result));

/* Can the file of the rule, if any, be sent. 0, or -errno with `err` a sentence. */
int inject_check_file(const struct inject_rule *rule, struct err *err)
	__attribute__((warn_unused_result));

#endif
