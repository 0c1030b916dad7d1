/*
 * move.h
 *		A column that may change, and the values that it may have in a row.
 *
 * A value is a double here: the number, or the place of a category in the list of those that the data have. NaN: NULL, which stays.
 */
#ifndef ADVPG_MOVE_H
#define ADVPG_MOVE_H

#include "postgres.h"

#include "core/network/encoder.h"
#include "pg/data/value.h"

#define ADVPG_MOVE_SHORT    1e-6 /* of a step, that a range may lack */
#define ADVPG_MOVE_DECIMALS 15   /* that double precision has room for: numeric changes to no more */

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

/* How far two values are apart: other categories by 1, NULL not at all. */
extern double advpg_move_difference(const AdvpgMove *move, double x0, double x);

#endif
