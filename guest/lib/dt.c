/*
 * Flattened device tree reader (Devicetree Specification v0.4, chapter 5). State-free: each walk
 * starts at the root. `ranges` is not translated: the machines this runs on map buses one to one.
 */
#include "guest/lib/dt.h"

#include "guest/lib/print.h"

#define FDT_MAGIC      0xd00dfeedu
#define FDT_BEGIN_NODE 1u
#define FDT_END_NODE   2u
#define FDT_PROP       3u
#define FDT_NOP        4u

enum { HEADER_MAGIC = 0, HEADER_TOTAL = 4, HEADER_STRUCT = 8, HEADER_STRINGS = 12 };

static uint32_t be32(const void *at)
{
	return __builtin_bswap32(*(const volatile uint32_t *)at);
}

static uint32_t header(const void *dtb, unsigned offset)
{
	return be32((const char *)dtb + offset);
}

static const char *align4(const char *p)
{
	return (const char *)(((uint64_t)p + 3) & ~UINT64_C(3));
}

bool dt_valid(const void *dtb)
{
	return dtb && !((uint64_t)dtb & 3) && header(dtb, HEADER_MAGIC) == FDT_MAGIC;
}

uint32_t dt_total_bytes(const void *dtb)
{
	return header(dtb, HEADER_TOTAL);
}

static const char *skip_prop(const char *p)
{
	return align4(p + 12 + be32(p + 4));
}

const void *dt_prop(const void *dtb, const struct dt_node *node, const char *name, uint32_t *bytes)
{
	const char *strings = (const char *)dtb + header(dtb, HEADER_STRINGS);
	const char *p = node->props;

	for (;;) {
		uint32_t token = be32(p);

		if (token == FDT_NOP) {
			p += 4;
			continue;
		}
		if (token != FDT_PROP)
			return NULL;
		if (!strcmp(strings + be32(p + 8), name)) {
			if (bytes)
				*bytes = be32(p + 4);
			return p + 12;
		}
		p = skip_prop(p);
	}
}

uint32_t dt_cell(const void *dtb, const struct dt_node *node, const char *name, unsigned n,
		 uint32_t absent)
{
	uint32_t bytes;
	const char *value = dt_prop(dtb, node, name, &bytes);

	return value && bytes >= 4 * (n + 1) ? be32(value + 4 * n) : absent;
}

bool dt_has_string(const void *dtb, const struct dt_node *node, const char *name, const char *value)
{
	uint32_t bytes;
	const char *list = dt_prop(dtb, node, name, &bytes);

	for (uint32_t at = 0; list && at < bytes; at += (uint32_t)strlen(list + at) + 1)
		if (!strcmp(list + at, value))
			return true;
	return false;
}

static uint64_t cells(const char *at, unsigned n)
{
	uint64_t value = 0;

	for (; n; n--, at += 4)
		value = value << 32 | be32(at);
	return value;
}

bool dt_reg(const void *dtb, const struct dt_node *node, unsigned n, uint64_t *address,
	    uint64_t *size)
{
	uint32_t bytes, pair = 4 * (node->address_cells + node->size_cells);
	const char *reg = dt_prop(dtb, node, "reg", &bytes);

	if (!reg || !pair || bytes < pair * (n + 1))
		return false;
	*address = cells(reg + pair * n, node->address_cells);
	*size = cells(reg + pair * n + 4 * node->address_cells, node->size_cells);
	return true;
}

struct walk {
	struct dt_node node;
	char path[DT_MAX_PATH];
	size_t path_length[DT_MAX_DEPTH];
	uint32_t child_address_cells[DT_MAX_DEPTH], child_size_cells[DT_MAX_DEPTH];
};

/* Fill in the node whose name is at `name`, `depth` levels down. */
static void enter_node(const void *dtb, struct walk *w, const char *name, unsigned depth)
{
	size_t base = depth ? w->path_length[depth - 1] : 0;
	size_t length = strlen(name);

	if (depth && base + 1 + length + 1 <= sizeof(w->path)) {
		w->path[base] = '/';
		memcpy(w->path + base + 1, name, length + 1);
		base += 1 + length;
	}
	w->path[base] = 0;
	w->path_length[depth] = base;
	w->node = (struct dt_node){ .path = w->path,
				    .name = name,
				    .props = align4(name + length + 1),
				    .depth = depth,
				    .address_cells = depth ? w->child_address_cells[depth - 1] : 2,
				    .size_cells = depth ? w->child_size_cells[depth - 1] : 1 };
	w->child_address_cells[depth] = dt_cell(dtb, &w->node, "#address-cells", 0, 2);
	w->child_size_cells[depth] = dt_cell(dtb, &w->node, "#size-cells", 0, 1);
}

bool dt_walk(const void *dtb, bool (*fn)(const void *, const struct dt_node *, void *), void *arg)
{
	struct walk w;
	unsigned depth = 0;
	const char *p;

	if (!dt_valid(dtb))
		return false;
	p = (const char *)dtb + header(dtb, HEADER_STRUCT);
	for (;;) {
		uint32_t token = be32(p);

		if (token == FDT_PROP) {
			p = skip_prop(p);
			continue;
		}
		p += 4;
		if (token == FDT_NOP)
			continue;
		if (token == FDT_BEGIN_NODE && depth < DT_MAX_DEPTH) {
			enter_node(dtb, &w, p, depth++);
			if (!fn(dtb, &w.node, arg))
				return true;
			p = w.node.props;
		} else if (token == FDT_END_NODE && depth > 1) {
			depth--;
		} else {
			return true;
		}
	}
}
