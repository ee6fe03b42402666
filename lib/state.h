/*
 * State declared once. A device's migrated data lives in a struct without pointers, descriptors or
 * padding; one table of its fields drives saving, loading, printing and comparing. A test sums the
 * table against sizeof, so that a forgotten field fails.
 */
#ifndef LIB_STATE_H
#define LIB_STATE_H

#include <stddef.h>
#include <stdint.h>

struct state_field {
	uint16_t id;    /* never reused within one struct; 0 ends the table */
	uint16_t size;  /* bytes of one element: 1, 2, 4 or 8 */
	uint32_t count; /* elements */
	size_t offset;  /* in the state struct */
	const char *name;
};

struct state_desc {
	const char *name;
	size_t size;   /* sizeof the state struct */
	size_t offset; /* of the state struct in the object that contains it */
	const struct state_field *fields;
};

/* Macros, because offsetof and the field's name have to come from one word. */
#define STATE_FIELD(id_, type_, field_)                                                            \
	{                                                                                          \
		.id = (id_), .size = sizeof(((type_ *)0)->field_), .count = 1,                     \
		.offset = offsetof(type_, field_), .name = #field_                                 \
	}
#define STATE_ARRAY(id_, type_, field_)                                                            \
	{                                                                                          \
		.id = (id_), .size = sizeof(((type_ *)0)->field_[0]),                              \
		.count = sizeof(((type_ *)0)->field_) / sizeof(((type_ *)0)->field_[0]),           \
		.offset = offsetof(type_, field_), .name = #field_                                 \
	}
#define STATE_LAST                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

/* Bytes the table covers; equals desc->size when nothing was forgotten. */
size_t state_covered(const struct state_desc *desc);

#endif
