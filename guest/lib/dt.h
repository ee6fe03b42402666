/* Reader of a flattened device tree (Devicetree Specification v0.4, chapter 5). Never writes to the
 * tree; works with the MMU off (aligned reads only). */
#ifndef GUEST_LIB_DT_H
#define GUEST_LIB_DT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DT_MAX_DEPTH 12
#define DT_MAX_PATH  160

struct dt_node {
	const char *path;  /* "/cpus/cpu@0"; the root is "" ; valid during the visit */
	const char *name;  /* last component, with unit address */
	const char *props; /* where its properties start */
	unsigned depth;
	uint32_t address_cells, size_cells; /* of the parent: they rule this node's reg */
};

/* Visit every node in tree order until `fn` returns false. False: not a device tree. */
bool dt_walk(const void *dtb, bool (*fn)(const void *dtb, const struct dt_node *, void *arg),
	     void *arg);

bool dt_valid(const void *dtb);
uint32_t dt_total_bytes(const void *dtb);

/* Value of a property of the visited node, or NULL; its length in *bytes. */
const void *dt_prop(const void *dtb, const struct dt_node *node, const char *name, uint32_t *bytes);

/* The n-th 32-bit cell of a property, or `absent`. */
uint32_t dt_cell(const void *dtb, const struct dt_node *node, const char *name, unsigned n,
		 uint32_t absent);

/* True if the string list property holds `value`. */
bool dt_has_string(const void *dtb, const struct dt_node *node, const char *name,
		   const char *value);

/* The n-th (address, size) pair of reg. False if there is none. */
bool dt_reg(const void *dtb, const struct dt_node *node, unsigned n, uint64_t *address,
	    uint64_t *size);

#endif
