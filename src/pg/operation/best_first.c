/*
 * best_first.c
 *		All changes of a row, the cheapest first. See best_first.h.
 *
 * Each column has a list of options, the cheapest first: what the row has, then steps away from it on either side, or other categories. A change is a
 * place in each list. It is reached from one other change alone, which costs no more: columns being sorted by the cost of their first option, by
 * moving on in the last column that has changed, by changing the next column, too, or by changing that one instead, where the last has moved but
 * once. So a heap of those that were reached but have not come yet gives all of them, each once, and never holds more than twice as many as have come.
 */
#include "pg/operation/best_first.h"

#include <math.h>

#include "utils/memutils.h"

#define MAX_OPTIONS 1e9 /* of a column */

/* A column of the row that can change. */
typedef struct Choice
{
	int column;     /* of the space */
	double options; /* how many, what the row has included */
	double first;   /* the cost of the first change */
} Choice;

/* A change that was reached. */
typedef struct Entry
{
	double cost;
	uint32 state; /* its number: of changes that cost the same, the one that was reached first comes first */
} Entry;

struct AdvpgBestFirst
{
	MemoryContext context;
	const AdvpgSpace *space;
	size_t row;
	int n; /* of choices */
	Choice *choices;
	uint32 n_states;
	uint32 max_states;
	uint32
		*places; /* (n_states, n + 1): the place in each list, and which was the last to be changed, from 1 */
	int n_heap;
	Entry *heap; /* (max_states) */
	double *x;   /* (space->n) for costs */
};

/* ---- options of a column ---- */

static double
count_options(const AdvpgMove *move, double x0)
{
	AdvpgRange range = advpg_move_range(move, x0);

	if (move->kind == ADVPG_MOVE_CATEGORY)
		return move->n_categories;
	if (move->step == 0)
		return INFINITY;
	return fmin(1 + range.down + range.up, MAX_OPTIONS);
}

/* The option at a place: nearer ones first, one up before one down. */
static double
option(const AdvpgMove *move, double x0, uint32 place)
{
	AdvpgRange range = advpg_move_range(move, x0);
	double both = 2 * fmin(range.down, range.up), steps;

	if (place == 0)
		return x0;
	if (move->kind == ADVPG_MOVE_CATEGORY)
		return place > x0 ? place : place - 1.0;
	if (place <= both)
		steps = place % 2 == 1 ? (place + 1) / 2 : -(double) (place / 2);
	else
		steps = (range.up > range.down ? 1 : -1) * (place - both / 2);
	return advpg_move_step(move, x0, steps);
}

static int
compare_choices(const void *a, const void *b)
{
	const Choice *p = a, *q = b;

	if (p->first != q->first)
		return p->first < q->first ? -1 : 1;
	return p->column - q->column;
}

/* ---- states ---- */

static uint32 *
places_of(const AdvpgBestFirst *b, uint32 state)
{
	return b->places + (size_t) state * (b->n + 1);
}

static void
fill(const AdvpgBestFirst *b, uint32 state, double *x)
{
	const double *origin = advpg_space_origin(b->space, b->row);
	const uint32 *places = places_of(b, state);

	memcpy(x, origin, sizeof(double) * b->space->n);
	for (int i = 0; i < b->n; i++)
		if (places[i] > 0)
			x[b->choices[i].column] =
				option(&b->space->moves[b->choices[i].column], origin[b->choices[i].column], places[i]);
}

static bool
comes_before(const Entry *a, const Entry *b)
{
	return a->cost != b->cost ? a->cost < b->cost : a->state < b->state;
}

static void
push(AdvpgBestFirst *b, Entry entry)
{
	int at = b->n_heap++;

	while (at > 0 && comes_before(&entry, &b->heap[(at - 1) / 2]))
	{
		b->heap[at] = b->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	b->heap[at] = entry;
}

static Entry
pop(AdvpgBestFirst *b)
{
	Entry top = b->heap[0], last = b->heap[--b->n_heap];
	int at = 0;

	for (;;)
	{
		int child = 2 * at + 1;

		if (child + 1 < b->n_heap && comes_before(&b->heap[child + 1], &b->heap[child]))
			child++;
		if (child >= b->n_heap || !comes_before(&b->heap[child], &last))
			break;
		b->heap[at] = b->heap[child];
		at = child;
	}
	b->heap[at] = last;
	return top;
}

static uint32 *
add_state(AdvpgBestFirst *b)
{
	if (b->n_states == b->max_states)
	{
		b->max_states *= 2;
		b->places = repalloc_huge(b->places, sizeof(uint32) * (b->n + 1) * (size_t) b->max_states);
		b->heap = repalloc_huge(b->heap, sizeof(Entry) * (size_t) b->max_states);
	}
	return places_of(b, b->n_states++);
}

/* Reach a state from another one: column move is moved on, column back, unless -1, is put back. */
static void
reach(AdvpgBestFirst *b, uint32 from, int move, int back)
{
	uint32 *places;

	if (move >= b->n || places_of(b, from)[move] + 1 >= b->choices[move].options)
		return;
	places = add_state(b);
	memcpy(places, places_of(b, from), sizeof(uint32) * (b->n + 1));
	places[move]++;
	if (back >= 0)
		places[back] = 0;
	places[b->n] = move + 1;
	fill(b, b->n_states - 1, b->x);
	push(b, (Entry){advpg_space_cost(b->space, b->row, b->x), b->n_states - 1});
}

/* ---- from outside ---- */

AdvpgBestFirst *
advpg_best_first_begin(const AdvpgSpace *space, size_t row)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair changes", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	AdvpgBestFirst *b = palloc0(sizeof(AdvpgBestFirst));
	const double *origin = advpg_space_origin(space, row);

	b->context = context;
	b->space = space;
	b->row = row;
	b->choices = palloc(sizeof(Choice) * (space->n + 1));
	b->x = palloc(sizeof(double) * space->n);
	for (int j = 0; j < space->n; j++)
		if (advpg_move_moves(&space->moves[j], origin[j]))
		{
			const AdvpgMove *move = &space->moves[j];
			double first = move->weight * advpg_move_difference(move, origin[j], option(move, origin[j], 1));

			b->choices[b->n++] = (Choice){j, count_options(move, origin[j]), first};
		}
	qsort(b->choices, b->n, sizeof(Choice), compare_choices);
	b->max_states = 64;
	b->places = palloc(sizeof(uint32) * (b->n + 1) * b->max_states);
	b->heap = palloc(sizeof(Entry) * b->max_states);
	memset(add_state(b), 0, sizeof(uint32) * (b->n + 1));
	push(b, (Entry){0, 0});
	MemoryContextSwitchTo(old);
	return b;
}

bool
advpg_best_first_next(AdvpgBestFirst *b, double *x, double *cost)
{
	Entry entry;
	int last;

	if (b->n_heap == 0)
		return false;
	entry = pop(b);
	last = (int) places_of(b, entry.state)[b->n] - 1;
	fill(b, entry.state, x);
	*cost = entry.cost;
	if (last >= 0)
		reach(b, entry.state, last, -1);
	reach(b, entry.state, last + 1, -1);
	if (last >= 0 && places_of(b, entry.state)[last] == 1)
		reach(b, entry.state, last + 1, last);
	return true;
}

double
advpg_best_first_count(const AdvpgBestFirst *b)
{
	double count = 1;

	for (int i = 0; i < b->n; i++)
		count *= b->choices[i].options;
	return count;
}

void
advpg_best_first_end(AdvpgBestFirst *b)
{
	MemoryContextDelete(b->context);
}
