/*
 * move.c
 *		A column that may change, and its values. See move.h.
 */
#include "pg/operation/move.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* Of the digits of a number in double precision with ADVPG_MOVE_DECIMALS, and more. */
#define DECIMAL_BYTES 400

#define MOST_STEPS 1e15 /* that can be told apart */

/* Digits of a number with so many decimals. */
static void
write_decimal(const AdvpgMove *move, double x, char *text)
{
	snprintf(text, DECIMAL_BYTES, "%.*f", move->decimals, x);
}

/* The decimal that is nearest to a number. */
static double
nearest_decimal(const AdvpgMove *move, double x)
{
	char text[DECIMAL_BYTES];

	write_decimal(move, x, text);
	return strtod(text, NULL);
}

AdvpgRange
advpg_move_range(const AdvpgMove *move, double x0)
{
	AdvpgRange range = {x0, x0, 0, 0};

	if (isnan(x0) || move->kind == ADVPG_MOVE_CATEGORY)
		return range;
	range.low = fmax(x0 - move->reach, fmin(move->min, x0));
	range.high = fmin(x0 + move->reach, fmax(move->max, x0));
	if (move->step > 0)
	{
		range.down = fmin(floor((x0 - range.low) / move->step + ADVPG_MOVE_SHORT), MOST_STEPS);
		range.up = fmin(floor((range.high - x0) / move->step + ADVPG_MOVE_SHORT), MOST_STEPS);
	}
	return range;
}

bool
advpg_move_moves(const AdvpgMove *move, double x0)
{
	AdvpgRange range = advpg_move_range(move, x0);

	if (isnan(x0))
		return false;
	if (move->kind == ADVPG_MOVE_CATEGORY)
		return move->reach >= 1 - ADVPG_MOVE_SHORT && move->n_categories > 1;
	return move->step > 0 ? range.down + range.up > 0 : range.low < range.high;
}

double
advpg_move_step(const AdvpgMove *move, double x0, double steps)
{
	double x = x0 + steps * move->step;

	if (move->kind == ADVPG_MOVE_DECIMAL && steps != 0)
		x = nearest_decimal(move, x);
	return move->kind == ADVPG_MOVE_SINGLE ? (double) (float) x : x;
}

double
advpg_move_settle(const AdvpgMove *move, double x0, double x)
{
	AdvpgRange range = advpg_move_range(move, x0);

	if (move->kind == ADVPG_MOVE_CATEGORY)
		return x;
	if (move->step > 0)
		return advpg_move_step(move, x0, fmin(fmax(nearbyint((x - x0) / move->step), -range.down), range.up));
	x = fmin(fmax(x, range.low), range.high);
	if (move->kind == ADVPG_MOVE_SINGLE)
	{
		float single = (float) x;

		if (single > range.high)
			single = nextafterf(single, -INFINITY);
		if (single < range.low)
			single = nextafterf(single, INFINITY);
		x = single;
	}
	return x;
}

Datum
advpg_move_datum(const AdvpgMove *move, double x)
{
	char text[DECIMAL_BYTES];

	switch (move->kind)
	{
		case ADVPG_MOVE_WHOLE:
			if (move->type->type == INT2OID)
				return Int16GetDatum((int16) x);
			return move->type->type == INT8OID ? Int64GetDatum((int64) x) : Int32GetDatum((int32) x);
		case ADVPG_MOVE_DECIMAL:
			write_decimal(move, x, text);
			return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
									   Int32GetDatum(-1));
		case ADVPG_MOVE_SINGLE:
			return Float4GetDatum((float4) x);
		case ADVPG_MOVE_DOUBLE:
			return Float8GetDatum(x);
		case ADVPG_MOVE_CATEGORY:
			break;
	}
	return move->categories[(int) x];
}

double
advpg_move_difference(const AdvpgMove *move, double x0, double x)
{
	double by = fabs(x - x0);

	if (isnan(x0))
		return 0;
	if (move->kind == ADVPG_MOVE_CATEGORY)
		return x != x0;
	/* the difference of two decimals is one, too */
	return move->kind == ADVPG_MOVE_DECIMAL ? nearest_decimal(move, by) : by;
}
