/*
 * explore --list | [--max-states N] [CONFIG...]: visit every state of each machine, breadth first,
 * so that the first violation found has a shortest way there, and print that. TAP on standard
 * output.
 *
 * A state is the packed machine; all of them are kept, in the order of their discovery, and compared
 * in full. For each the state it came from and the move are kept (the way back), and the state that
 * the moves towards rest lead to: following those, every state must come to rest.
 */
#include "tests/model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/types.h"

#define NONE UINT32_MAX

#define DEFAULT_MAX_STATES 6000000u
#define STEPS_TO_REST      64 /* more than enough to empty two PEs and a few events */

struct node {
	struct packed state;
	uint32_t parent;
	uint32_t rest;  /* next state on the way to rest, or NONE: it rests */
	uint16_t move;  /* that led here from the parent */
	uint16_t depth; /* moves from the first state */
};

struct search {
	struct world world;
	const struct config *config;
	struct move moves[MAX_MOVES];
	unsigned nmoves;
	bool useful[MAX_MOVES]; /* the move changed some state */
	struct node *node;
	uint32_t n, max;
	uint32_t *table; /* open addressing: indices of nodes, NONE if empty */
	uint32_t table_mask;
	uint64_t transitions;
};

/* ---- the set of states ---- */

static uint32_t hash(const struct packed *p)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15);

	for (unsigned i = 0; i < PACKED_WORDS; i++) {
		h = (h ^ p->word[i]) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return (uint32_t)h;
}

/* Index of the state, new or known; NONE: there is no room. */
static uint32_t insert(struct search *s, const struct packed *p, uint32_t parent, uint16_t move)
{
	uint32_t i = hash(p) & s->table_mask;

	for (; s->table[i] != NONE; i = (i + 1) & s->table_mask)
		if (!memcmp(&s->node[s->table[i]].state, p, sizeof(*p)))
			return s->table[i];
	if (s->n == s->max)
		return NONE;
	s->node[s->n] = (struct node){
		.state = *p,
		.parent = parent,
		.rest = NONE,
		.move = move,
		.depth = parent == NONE ? 0 : s->node[parent].depth + 1,
	};
	s->table[i] = s->n;
	return s->n++;
}

static int search_alloc(struct search *s, uint32_t max)
{
	uint64_t size = 1024;

	while (size < (uint64_t)max * 2)
		size *= 2;
	s->max = max;
	s->table_mask = (uint32_t)(size - 1);
	s->node = malloc(max * sizeof(*s->node));
	s->table = malloc(size * sizeof(*s->table));
	if (!s->node || !s->table)
		return -ENOMEM;
	memset(s->table, 0xff, size * sizeof(*s->table));
	return 0;
}

static void search_free(struct search *s)
{
	free(s->node);
	free(s->table);
	world_destroy(&s->world);
}

/* ---- one step ---- */

/* Do the move in the state that is loaded and judge the step; the new state packed. */
static struct outcome step(struct world *w, const struct state *before, struct move m,
			   struct packed *p)
{
	struct outcome out = move_apply(w, m);

	rules_move(w, before, m, &out);
	if (!w->fail[0])
		pack(w, p);
	return out;
}

/* ---- the way to a violation ---- */

static unsigned path_to(const struct search *s, uint32_t i, uint16_t *path)
{
	unsigned n = s->node[i].depth;

	for (unsigned k = n; k > 0; k--, i = s->node[i].parent)
		path[k - 1] = s->node[i].move;
	return n;
}

static void show_step(struct world *w, unsigned number, struct move m)
{
	struct state before;
	struct packed p;
	struct outcome out;

	world_save(w, &before);
	out = step(w, &before, m, &p);
	printf("# %3u  ", number);
	move_print(w, m, &out);
	printf("\n#      ");
	state_print(w);
}

/* From the first state to state `i` and, unless NONE, the move `last`. */
static void show_path(struct search *s, uint32_t i, unsigned last)
{
	unsigned n = s->node[i].depth;
	uint16_t *path = calloc(n + 1u, sizeof(*path));

	if (!path)
		return;
	path_to(s, i, path);
	unpack(&s->world, &s->node[0].state);
	printf("#   0  first state\n#      ");
	state_print(&s->world);
	for (unsigned k = 0; k < n; k++)
		show_step(&s->world, k + 1, s->moves[path[k]]);
	if (last != NONE)
		show_step(&s->world, n + 1, s->moves[last]);
	free(path);
}

/* The search may have stopped in rules_state(), which show_step() does not ask. */
static bool violated(struct search *s, uint32_t i, unsigned last)
{
	char text[sizeof(s->world.fail)];

	memcpy(text, s->world.fail, sizeof(text));
	printf("not ok - %s: %s\n", s->config->name, text);
	show_path(s, i, last);
	return false;
}

/* ---- the search ---- */

static uint32_t arrive(struct search *s, const struct packed *p, uint32_t from, unsigned move)
{
	uint32_t known = s->n, to = insert(s, p, from, (uint16_t)move);

	s->transitions++;
	if (to == NONE)
		world_fail(&s->world, "more than %u states; --max-states allows more", s->max);
	else if (to == known)
		rules_state(&s->world);
	return to;
}

/* All moves from state `i`. False: a rule is broken, and said so. */
static bool expand_state(struct search *s, uint32_t i)
{
	struct world *w = &s->world;
	struct state state;
	struct packed p;
	int rest;

	unpack(w, &s->node[i].state);
	world_save(w, &state);
	rest = move_to_rest(w, s->moves, s->nmoves);
	for (unsigned m = 0; m < s->nmoves; m++) {
		uint32_t to = NONE;

		world_load(w, &state);
		if (!move_possible(w, s->moves[m]))
			continue;
		step(w, &state, s->moves[m], &p);
		if (!w->fail[0])
			to = arrive(s, &p, i, m);
		if (w->fail[0])
			return violated(s, i, m);
		s->useful[m] |= to != i;
		if ((int)m == rest)
			s->node[i].rest = to;
	}
	return true;
}

/* A move that never changes anything was put there in vain, or the machine never got far. */
static bool check_useful(struct search *s)
{
	const struct move *m = s->moves;

	for (unsigned i = 0; i < s->nmoves; i++) {
		if (s->useful[i])
			continue;
		printf("not ok - %s: never of use: PE%u %s, object %u, argument %u\n",
		       s->config->name, m[i].pe, move_name(m[i]), m[i].obj, m[i].arg);
		return false;
	}
	return true;
}

/* Following the way to rest must end. Returns the longest way, or -1. */
static int check_rest(struct search *s)
{
	int longest = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t at = i;
		int steps = 0;

		for (; s->node[at].rest != NONE && steps <= STEPS_TO_REST; steps++)
			at = s->node[at].rest;
		if (steps > STEPS_TO_REST) {
			world_fail(&s->world, "looking and completing never comes to rest");
			violated(s, i, NONE);
			return -1;
		}
		if (steps > longest)
			longest = steps;
	}
	return longest;
}

static bool run_prelude(struct search *s)
{
	struct state before;
	struct packed p;
	struct outcome out;
	struct world *w = &s->world;

	for (const struct move *m = s->config->prelude; m->kind != MV_NR; m++) {
		world_save(w, &before);
		out = step(w, &before, *m, &p);
		if (!w->fail[0] && out.called && out.ret < 0)
			world_fail(w, "a call of the prelude failed: %lld", (long long)out.ret);
		if (!w->fail[0])
			rules_state(w);
		if (w->fail[0]) {
			printf("not ok - %s, on the way to the first state: ", s->config->name);
			move_print(w, *m, &out);
			printf(": %s\n", w->fail);
			return false;
		}
	}
	pack(w, &p);
	return insert(s, &p, NONE, 0) == 0;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool search_run(struct search *s)
{
	double begin = seconds();
	int longest;

	if (!run_prelude(s))
		return false;
	for (uint32_t i = 0; i < s->n; i++)
		if (!expand_state(s, i))
			return false;
	longest = check_rest(s);
	if (longest < 0 || !check_useful(s))
		return false;
	printf("ok - %s: %u states, %llu transitions, depth %u, at most %d steps to rest, %.1f s\n",
	       s->config->name, s->n, (unsigned long long)s->transitions, s->node[s->n - 1].depth,
	       longest, seconds() - begin);
	return true;
}

static bool explore(const struct config *config, uint32_t max_states)
{
	struct search *s = calloc(1, sizeof(*s));
	struct err err = { .text = "out of memory" };
	bool ok = false;

	if (!s)
		return false;
	s->config = config;
	s->nmoves = moves_list(config, s->moves);
	if (world_init(&s->world, config, &err) || !s->nmoves || search_alloc(s, max_states))
		printf("not ok - %s: %s\n", config->name, s->nmoves ? err.text : "too many moves");
	else
		ok = search_run(s);
	search_free(s);
	free(s);
	fflush(stdout);
	return ok;
}

static const struct config *find_config(const char *name)
{
	for (unsigned i = 0; i < nconfigs; i++)
		if (!strcmp(configs[i].name, name))
			return &configs[i];
	return NULL;
}

static void list(FILE *out)
{
	for (unsigned i = 0; i < nconfigs; i++)
		fprintf(out, "%-14s %s\n", configs[i].name, configs[i].what);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: explore --list | [--max-states N] [CONFIG...], where CONFIG is of\n");
	list(stderr);
	return 2;
}

int main(int argc, char **argv)
{
	uint32_t max_states = DEFAULT_MAX_STATES;
	unsigned failed = 0;
	int first = 1;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list(stdout);
		return 0;
	}
	if (argc > 2 && !strcmp(argv[1], "--max-states")) {
		max_states = (uint32_t)strtoul(argv[2], NULL, 0);
		first = 3;
	}
	for (int i = first; i < argc; i++)
		if (!find_config(argv[i]))
			return usage();
	for (unsigned i = 0; first == argc && i < nconfigs; i++)
		failed += !explore(&configs[i], max_states);
	for (int i = first; i < argc; i++)
		failed += !explore(find_config(argv[i]), max_states);
	return failed ? 1 : 0;
}
