/*
 * space.h
 *		What may change in rows as they are: which columns, how far, in which steps, and what it costs.
 *
 * A change is the values of all these columns, as move.h has them.
 */
#ifndef ADVPG_SPACE_H
#define ADVPG_SPACE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "pg/data/frame.h"
#include "pg/operation/move.h"
#include "pg/operation/rule.h"
#include "pg/task/task.h"

typedef struct AdvpgSpace
{
	const AdvpgFrame *frame;
	int n;
	AdvpgMove *moves;
	double *origin; /* (frame->n, n) */
	double budget;  /* infinite: none */
} AdvpgSpace;

/* What spaces are made of. */
typedef struct AdvpgSpaceSpec
{
	const AdvpgChangeSettings *change;
	const List *candidates; /* of char *: columns that may change when nobody says which; NIL: all */
	const JsonbValue *eps;  /* NULL: as far as the data reach */
	int eps_unit;           /* AdvpgEpsUnit */
	double fineness;        /* steps of numbers that have none, in standard deviations; 0: they have none */
} AdvpgSpaceSpec;

/*
 * Find out what may change. Label, id and derived columns do not. Errors name the column: unknown (42703), label, id, derived, or of a type that cannot
 * change (22023, 42804), a setting that does not fit it (22023), a number that is not finite (22000).
 */
extern AdvpgSpace *advpg_space_make(const AdvpgFrame *frame, const AdvpgRules *rules,
									const AdvpgSpaceSpec *spec);

/* Values that a row has. */
static inline const double *
advpg_space_origin(const AdvpgSpace *space, size_t row)
{
	return space->origin + row * (size_t) space->n;
}

/* What a change costs, and how far it is, in L-infinity and L2. */
extern double advpg_space_cost(const AdvpgSpace *space, size_t row, const double *x);
extern double advpg_space_linf(const AdvpgSpace *space, size_t row, const double *x);
extern double advpg_space_l2(const AdvpgSpace *space, size_t row, const double *x);

#endif
