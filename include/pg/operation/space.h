/*
 * space.h
 *		What may change in rows as they are: which columns, how far, in which steps, and what it costs.
 *
 * A value of such a column is a double here: the number, or the place of a category in the list of those that the data have. NaN: NULL, which
 * stays. A change is the values of all these columns.
 */
#ifndef ADVPG_SPACE_H
#define ADVPG_SPACE_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "pg/data/frame.h"
#include "pg/operation/rule.h"
#include "pg/task/task.h"

typedef enum AdvpgMoveKind
{
	ADVPG_MOVE_WHOLE,   /* integers */
	ADVPG_MOVE_DECIMAL, /* numeric, with as many decimals as the data have */
	ADVPG_MOVE_SINGLE,  /* real */
	ADVPG_MOVE_DOUBLE,
	ADVPG_MOVE_CATEGORY /* text, boolean, enum */
} AdvpgMoveKind;

/* A column that may change. */
typedef struct AdvpgMove
{
	int attribute;
	const char *name;
	AdvpgMoveKind kind;
	AdvpgValueType *type;
	double sd;  /* of the data's values, that of the whole population */
	double min; /* values to stay between, as far as the row's own does */
	double max;
	double unit; /* of distances; a changed category is 1 / unit away */
	double
		reach;   /* the most that it may change by: infinite where there is no eps; a changed category is 1 */
	double step; /* from the row's own value; 0: any number */
	double weight; /* of cost: for each 1 that a number changes by, or of another category */
	int decimals;
	int n_categories;
	AdvText *texts; /* (n_categories) in the order of their bytes */
	Datum *categories;
} AdvpgMove;

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

/* Steps that a number may go down and up from x0 (those that are nothing but steps), and the range of any number; none for NULL. */
typedef struct AdvpgRange
{
	double low;
	double high;
	double down; /* whole, 0 for numbers without steps */
	double up;
} AdvpgRange;

extern AdvpgRange advpg_move_range(const AdvpgMove *move, double x0);

/* Whether a column of a row can have another value at all. */
extern bool advpg_move_moves(const AdvpgMove *move, double x0);

/* The value there is that is nearest to x, and the one that is so many steps away from x0. */
extern double advpg_move_settle(const AdvpgMove *move, double x0, double x);
extern double advpg_move_step(const AdvpgMove *move, double x0, double steps);

/* The value as SQL has it, in the current memory context. */
extern Datum advpg_move_datum(const AdvpgMove *move, double x);

/* What a change costs, and how far it is, in L-infinity and L2. */
extern double advpg_space_cost(const AdvpgSpace *space, size_t row, const double *x);
extern double advpg_space_linf(const AdvpgSpace *space, size_t row, const double *x);
extern double advpg_space_l2(const AdvpgSpace *space, size_t row, const double *x);

#endif
