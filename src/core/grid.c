/*
 * grid.c
 *		Rounding of an example to values that stand for something real. See attack.h.
 *
 * Under L-infinity each input, or block of a one-hot category, keeps to its own bounds. Under L2 they share one distance: when
 * the rounded point is too far, the perturbation is halved and rounded again, until nothing is left of it.
 */
#include <math.h>
#include <string.h>

#include "core/attack.h"

#define HALVINGS 40

/* An example as it is rounded: x0 + t (x - x0). */
typedef struct Rounding
{
	const AdvGrid *grid;
	const float *x0;
	const float *low;
	const float *high;
	const float *x;
	double t;
} Rounding;

static float
shrunk(const Rounding *r, size_t i)
{
	return r->t == 1 ? r->x[i] : (float) (r->x0[i] + r->t * ((double) r->x[i] - r->x0[i]));
}

static bool
within(const Rounding *r, size_t i, float value)
{
	return value >= r->low[i] && value <= r->high[i];
}

/* The input that stands for a raw number, exactly as the encoder stores it (+ 0.0: no negative zero). */
static float
encoded(const AdvGrid *grid, double raw)
{
	return (float) ((raw + 0.0 - grid->shift) * grid->factor);
}

/*
 * The whole raw number nearest to value whose input lies within the bounds, or x0. Rounding leaves the bounds by less than 1, so
 * the next number towards x0 is the only other one to try.
 */
static float
whole(const Rounding *r, size_t i)
{
	const AdvGrid *grid = &r->grid[i];
	float x0 = r->x0[i];
	float value = shrunk(r, i);
	double raw0 = x0 / grid->factor + grid->shift;
	double raw = fmin(fmax(rint(value / grid->factor + grid->shift), ceil(grid->min)), floor(grid->max));
	float rounded = encoded(grid, raw);

	if (value == x0)
		return x0;
	if (!within(r, i, rounded))
	{
		raw += raw < raw0 ? 1 : -1;
		rounded = encoded(grid, raw);
		if (raw < grid->min || raw > grid->max || !within(r, i, rounded))
			return x0;
	}
	return fabs((double) value - x0) <= fabs((double) value - rounded) ? x0 : rounded;
}

static bool
unmoved(const Rounding *r, size_t first, size_t count)
{
	return memcmp(r->x + first, r->x0 + first, sizeof(float) * count) == 0;
}

/* Which input of a one-hot block becomes 1: the first largest; or count, when the block stays as it was. */
static size_t
vertex(const Rounding *r, size_t first, size_t count)
{
	size_t largest = 0;

	for (size_t i = 1; i < count; i++)
		if (shrunk(r, first + i) > shrunk(r, first + largest))
			largest = i;
	for (size_t i = 0; i < count; i++)
		if (!within(r, first + i, i == largest))
			return count;
	return unmoved(r, first, count) ? count : largest;
}

/* Inputs of the block that begins at an input. */
static size_t
block_size(const Rounding *r, size_t first, size_t n)
{
	size_t count = r->grid[first].kind == ADV_GRID_ONEHOT ? (size_t) r->grid[first].count : 1;

	return count < 1 ? 1 : count < n - first ? count : n - first;
}

/* Rounds all inputs; returns |out - x0|_2 in units. out is NULL, or x itself: a value is written once it has been read. */
static double
round_all(const Rounding *r, const AdvBall *ball, size_t n, float *out)
{
	double squares = 0;
	size_t count;

	for (size_t first = 0; first < n; first += count)
	{
		int32_t kind = r->grid[first].kind;
		size_t hot;

		count = block_size(r, first, n);
		hot = kind == ADV_GRID_ONEHOT ? vertex(r, first, count) : count;
		for (size_t i = first; i < first + count; i++)
		{
			float unit = ball->unit ? ball->unit[i] : 1;
			float value = kind == ADV_GRID_WHOLE  ? whole(r, i)
						  : kind == ADV_GRID_FREE ? shrunk(r, i)
						  : hot == count          ? r->x0[i]
												  : i - first == hot;
			double u = unit > 0 ? ((double) value - r->x0[i]) / unit : 0;

			squares += u * u;
			if (out)
				out[i] = value;
		}
	}
	return sqrt(squares);
}

void
adv_grid_round(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps,
			   const float *low, const float *high, float *x)
{
	Rounding r = {grid, x0, low, high, x, 1};

	if (ball->norm == ADV_NORM_L2)
		for (int i = 0; round_all(&r, ball, n, NULL) > eps; i++)
		{
			if (i == HALVINGS)
			{
				memcpy(x, x0, sizeof(float) * n);
				return;
			}
			r.t /= 2;
		}
	round_all(&r, ball, n, x);
}
