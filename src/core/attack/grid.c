/*
 * grid.c
 *		Rounding of an example to values that stand for something real, and how far apart such values are. See attack.h.
 *
 * A whole number and its input are both rounded to single precision, so inputs of numbers that differ by exactly eps may differ by a
 * little more, or less. What counts is the difference of the numbers: an image changes by 8 levels at eps = 8 / 255 wherever it starts.
 *
 * Each input, or block of a one-hot category, goes to the next value towards its row, or to the next one away from it. Under
 * L-infinity that is the nearer one of those in reach. Under L2 all share one distance: rounded towards the row an example stays in the ball,
 * rounded to what is nearest it may leave it. Then only those go away from the row that are on the last part of their way to the next
 * value; how long a part is found by bisection.
 */
#include <math.h>
#include <string.h>

#include "core/attack/attack.h"

#define NEAREST    0.5 /* share of the way */
#define NOWHERE    2
#define BISECTIONS 24

/* How an example is rounded. x is what it is, or what it becomes: an input is written once it has been read. */
typedef struct Rounding
{
	const AdvGrid *grid;
	const AdvBall *ball;
	const float *x0;
	const float *x;
	double eps;
	double away; /* what has come at least this share of the way to the next value goes there */
} Rounding;

/* Where an input may go. */
typedef struct Choice
{
	float near; /* the next value towards the row */
	float far;  /* the next one away from it */
	double share;
} Choice;

/* ---- whole numbers and inputs ---- */

/* The input that stands for a raw number, exactly as the encoder stores it (+ 0.0: no negative zero). */
static float
encoded(const AdvGrid *grid, double raw)
{
	return (float) ((raw + 0.0 - grid->shift) * grid->factor);
}

/* Whether an input stands for one whole number and no other: where these are too large there is more than one to an input. */
static bool
stands_for(const AdvGrid *grid, float x, double *raw)
{
	*raw = rint(x / grid->factor + grid->shift);
	return grid->kind == ADV_GRID_WHOLE && encoded(grid, *raw) == x && encoded(grid, *raw - 1) != x &&
		   encoded(grid, *raw + 1) != x;
}

/* x - x0 of an input: of the numbers they stand for, where they do. */
static double
difference(const AdvGrid *grid, float x0, float x)
{
	double raw0, raw;

	return stands_for(grid, x0, &raw0) && stands_for(grid, x, &raw) ? (raw - raw0) * grid->factor
																	: (double) x - x0;
}

static double
in_units(const AdvGrid *grid, const AdvBall *ball, size_t i, float x0, float x)
{
	double unit = ball->unit ? ball->unit[i] : 1;

	return x == x0 ? 0 : unit > 0 ? difference(&grid[i], x0, x) / unit : INFINITY;
}

double
adv_grid_distance(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, const float *x)
{
	double largest = 0;
	double squares = 0;

	if (grid == NULL)
		return adv_ball_distance(ball, n, x0, x);
	for (size_t i = 0; i < n; i++)
	{
		double u = in_units(grid, ball, i, x0[i], x[i]);

		largest = fmax(largest, fabs(u));
		squares += u * u;
	}
	return ball->norm == ADV_NORM_LINF ? largest : sqrt(squares);
}

/* ---- one input or block ---- */

static bool
allowed(const Rounding *r, size_t i, float x)
{
	const AdvBall *ball = r->ball;

	return x >= fmin(ball->low, r->x0[i]) && x <= fmax(ball->high, r->x0[i]) &&
		   fabs(in_units(r->grid, ball, i, r->x0[i], x)) <= r->eps * (1 + ADV_EPS_TOLERANCE);
}

/* Whether an input may become what stands for a raw number. */
static bool
becomes(const Rounding *r, size_t i, double raw, float *x)
{
	*x = encoded(&r->grid[i], raw);
	return raw >= r->grid[i].min && raw <= r->grid[i].max && allowed(r, i, *x);
}

/* The whole numbers before and after x on its way from x0, which is the first of all values whatever it stands for. */
static Choice
whole(const Rounding *r, size_t i)
{
	const AdvGrid *grid = &r->grid[i];
	float x0 = r->x0[i];
	Choice c = {x0, x0, 0};
	double from, to, near, far, first, last;
	int side;

	if (r->x[i] == x0)
		return c;
	if (!stands_for(grid, x0, &from))
		from = x0 / grid->factor + grid->shift;
	to = from + ((double) r->x[i] - x0) / grid->factor;
	side = to > from ? 1 : -1; /* positions times side grow on the way */
	first = side > 0 ? ceil(grid->min) : -floor(grid->max);
	last = side > 0 ? floor(grid->max) : -ceil(grid->min);
	near = fmin(floor(side * to), last);
	far = fmax(ceil(side * to), first);
	if (!(near > side * from && becomes(r, i, side * near, &c.near)))
	{
		near = side * from;
		c.near = x0;
	}
	if (far > near && becomes(r, i, side * far, &c.far))
		c.share = (side * to - near) / (far - near);
	return c;
}

/*
 * A block of a one-hot category goes to the category of largest weight, or stays as it was. Returns which input becomes 1, count for
 * staying, and how much of the way there it has come.
 */
static size_t
vertex(const Rounding *r, size_t first, size_t count, double *share)
{
	const float *x = r->x + first;
	const float *x0 = r->x0 + first;
	size_t largest = 0;
	double left = 0; /* of the category it had, if any */

	*share = 0;
	for (size_t i = 0; i < count; i++)
	{
		if (x[i] > x[largest])
			largest = i;
		if (x0[i] > 0)
			left = 1 - x[i];
	}
	if (x0[largest] > 0 || memcmp(x, x0, sizeof(float) * count) == 0)
		return count;
	for (size_t i = 0; i < count; i++)
		if (!allowed(r, first + i, i == largest))
			return count;
	*share = fmax(NEAREST, fmin((x[largest] + left) / 2, 1));
	return largest;
}

/* Inputs of the block that begins at an input. */
static size_t
block_size(const Rounding *r, size_t first, size_t n)
{
	size_t count = r->grid[first].kind == ADV_GRID_ONEHOT ? (size_t) r->grid[first].count : 1;

	return count < 1 ? 1 : count < n - first ? count : n - first;
}

/* ---- all of them ---- */

/* Round all inputs; returns |out - x0|_2 in units. out is NULL, or x itself. */
static double
round_all(const Rounding *r, size_t n, float *out)
{
	double squares = 0;
	size_t count;

	for (size_t first = 0; first < n; first += count)
	{
		int32_t kind = r->grid[first].kind;
		double share = 0;
		size_t hot;

		count = block_size(r, first, n);
		hot = kind == ADV_GRID_ONEHOT ? vertex(r, first, count, &share) : count;
		for (size_t i = first; i < first + count; i++)
		{
			Choice c = kind == ADV_GRID_WHOLE  ? whole(r, i)
					   : kind == ADV_GRID_FREE ? (Choice){r->x[i], r->x[i], 0}
											   : (Choice){r->x0[i], i - first == hot, share};
			float value = c.share > 0 && c.share >= r->away ? c.far : c.near;
			double u = in_units(r->grid, r->ball, i, r->x0[i], value);

			squares += u * u;
			if (out)
				out[i] = value;
		}
	}
	return sqrt(squares);
}

static bool
fits(const Rounding *r, size_t n)
{
	return r->ball->norm == ADV_NORM_LINF || round_all(r, n, NULL) <= r->eps * (1 + ADV_EPS_TOLERANCE);
}

void
adv_grid_round(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps, float *x)
{
	Rounding r = {grid, ball, x0, x, eps, NEAREST};

	if (!fits(&r, n))
	{
		double too_far = NEAREST;
		double within = NOWHERE;

		for (int i = 0; i < BISECTIONS; i++)
		{
			r.away = too_far + (within - too_far) / 2;
			if (fits(&r, n))
				within = r.away;
			else
				too_far = r.away;
		}
		r.away = within;
	}
	if (fits(&r, n))
		round_all(&r, n, x);
	else /* numbers so large that rounding them leaves the ball */
		memcpy(x, x0, sizeof(float) * n);
}

/* ---- categories in turn ---- */

bool
adv_grid_swap(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps,
			  const float *best, size_t *next, float *x)
{
	Rounding r = {grid, ball, x0, best, eps, NEAREST};
	size_t count;

	for (size_t first = 0; first < n; first += count)
	{
		count = block_size(&r, first, n);
		if (grid[first].kind != ADV_GRID_ONEHOT || *next >= first + count)
			continue;
		for (*next = *next > first ? *next : first; *next < first + count;)
		{
			size_t hot = (*next)++;

			if (best[hot] > 0)
				continue;
			memcpy(x, best, sizeof(float) * n);
			memset(x + first, 0, sizeof(float) * count);
			x[hot] = 1;
			if (allowed(&r, hot, 1) &&
				adv_grid_distance(grid, ball, n, x0, x) <= eps * (1 + ADV_EPS_TOLERANCE))
				return true;
		}
	}
	return false;
}
