/*
 * relax.c
 *		Activations between two lines. See linear.h.
 *
 * All is computed in double precision, and then moved outwards by more than that can be off.
 */
#include <float.h>
#include <math.h>
#include <stdatomic.h>

#include "core/kernel/elementary.h"
#include "core/layer/linear.h"

#define SLACK  1e-12    /* of the largest number that a line is computed from */
#define NARROW 1e-4     /* where a chord's slope would be noise */
#define TINY   0x1p-120 /* more than what single precision loses near 0 */

static double
largest(double a, double b)
{
	return fmax(fabs(a), fabs(b));
}

/* Move lines outwards by what computing them may have lost, and values by extra. */
static AdvReach
outwards(AdvReach r, double low, double high, double extra)
{
	for (int side = 0; side < 2; side++)
	{
		double size = fabs(r.slope[side]) * largest(low, high) + fabs(r.at[side]) + largest(r.low, r.high);

		r.at[side] += (side == 0 ? -1 : 1) * (SLACK * size + extra);
	}
	return r;
}

AdvReach
adv_reach_rounded(AdvReach r, double ulps)
{
	double extra = ulps * 0x1p-24 * largest(r.low, r.high) + TINY;

	r.low -= extra;
	r.high += extra;
	r.at[0] -= extra;
	r.at[1] += extra;
	return r;
}

AdvReach
adv_relax_kink(double factor, double low, double high)
{
	AdvReach r = {low < 0 ? factor * low : low, high < 0 ? factor * high : high, {1, 1}, {0, 0}};

	if (low >= 0)
		return r;
	if (high <= 0)
	{
		r.slope[0] = r.slope[1] = factor;
		return r;
	}
	r.slope[0] = high > -low ? 1 : factor;
	r.slope[1] = (high - factor * low) / (high - low);
	r.at[1] = high - r.slope[1] * high;
	return outwards(r, low, high, 0);
}

/* ---- tanh ---- */

static double
slope_of(double y)
{
	return 1 - y * y;
}

/* tanh'(d) (u - d) + tanh(d) - tanh(u): negative where the tangent at d passes under tanh at u. */
static double
excess(double d, double u)
{
	double y = tanh(d);

	return slope_of(y) * (u - d) + y - tanh(u);
}

/* The root, from below: what is left over is given to the safe side. */
static double
find_tangent(double u)
{
	double below = -1, above = 0;

	while (excess(below, u) > 0)
		below *= 2;
	for (int i = 0; i < 50; i++)
	{
		double middle = (below + above) / 2;

		if (excess(middle, u) > 0)
			above = middle;
		else
			below = middle;
	}
	return below;
}

#define TABLED  8.0 /* u up to here, in steps of one size; then steps grow with u */
#define ENTRIES 1024
#define GROWING 512
#define GROWTH  32 /* steps in which u doubles */

static double
entry(int i)
{
	return i <= ENTRIES ? i * (TABLED / ENTRIES) : TABLED * exp2((double) (i - ENTRIES) / GROWTH);
}

/* The entry that is not below u. */
static int
entry_of(double u)
{
	int i = u <= TABLED ? (int) ceil(u * (ENTRIES / TABLED))
						: ENTRIES + (int) ceil(log2(u / TABLED) * GROWTH + SLACK);

	return u <= 0 ? 0 : i;
}

/* Where tangents of tanh touch, and tanh there. */
typedef struct Touch
{
	double x;
	double y;
} Touch;

/*
 * Roots fall as u grows, so that the next entry's is safe. The table is the same whoever fills it, and is filled in before ready tells so; two
 * who do so at once write the same numbers.
 */
static Touch
touch_of(double u)
{
	static Touch table[ENTRIES + GROWING + 1];
	static atomic_int ready;

	if (!(u < entry(ENTRIES + GROWING)))
		return (Touch){-INFINITY, -1};
	if (!atomic_load(&ready))
	{
		for (int i = 0; i <= ENTRIES + GROWING; i++)
		{
			table[i].x = find_tangent(entry(i));
			table[i].y = tanh(table[i].x);
		}
		atomic_store(&ready, 1);
	}
	return table[entry_of(u)];
}

double
adv_tanh_tangent(double u)
{
	return touch_of(u).x;
}

/* tanh at both ends of an interval and in its middle; each is off by NEAR at most. */
typedef struct Piece
{
	double low;
	double high;
	double at_low;
	double at_high;
	double at_middle;
} Piece;

/* What adv_tanh_one is off by: 3 units in the last place, and what rounding its argument does, whose slope times size is below 0.45. */
#define NEAR (8 * 0x1p-24)

/* The tangent at x, where tanh is y, moved outwards by what may be off with y up to the farther end. */
static void
tangent(AdvReach *r, int side, const Piece *p, double x, double y)
{
	double off = NEAR * (1 + 2.01 * fmax(p->high - x, x - p->low));

	r->slope[side] = slope_of(y);
	r->at[side] = y - r->slope[side] * x + (side == 0 ? -off : off);
}

static void
chord(AdvReach *r, int side, const Piece *p)
{
	r->slope[side] = (p->at_high - p->at_low) / (p->high - p->low);
	r->at[side] = p->at_low - r->slope[side] * p->low + (side == 0 ? -NEAR : NEAR);
}

/*
 * Lower line, side 0, of a piece that bends both ways; the upper one is that of the piece turned round, where numbers change sign. A tangent that touches
 * no farther right than the one through the other end is below, whether or not it touches within the piece; a chord is, if it clearly is not as steep as tanh at
 * its low end.
 */
static void
bent(AdvReach *r, int side, const Piece *p)
{
	double sign = side == 0 ? 1 : -1;
	double from = side == 0 ? p->low : -p->high, to = side == 0 ? p->high : -p->low;
	double end = side == 0 ? p->at_low : p->at_high;
	double doubt = 2.1 * NEAR * (1 + 1 / (to - from));
	Touch touch = touch_of(to);

	chord(r, side, p);
	if (touch.x > from || r->slope[side] + doubt > slope_of(end))
		tangent(r, side, p, sign * touch.x, sign * touch.y);
}

/* The lines alone. */
static AdvReach
lines_of(const Piece *p)
{
	double middle = (p->low + p->high) / 2;
	AdvReach r = {p->at_low - NEAR, p->at_high + NEAR, {0, 0}, {0, 0}};
	double extra = 0;

	if (p->high - p->low <= NARROW)
	{
		tangent(&r, 0, p, middle, p->at_middle);
		tangent(&r, 1, p, middle, p->at_middle);
		extra = (p->high - p->low) * (p->high - p->low); /* its curvature is below 0.77 */
	}
	else if (p->low >= 0)
	{
		chord(&r, 0, p);
		tangent(&r, 1, p, middle, p->at_middle);
	}
	else if (p->high <= 0)
	{
		tangent(&r, 0, p, middle, p->at_middle);
		chord(&r, 1, p);
	}
	else
	{
		bent(&r, 0, p);
		bent(&r, 1, p);
	}
	return outwards(r, p->low, p->high, extra);
}

static void
put(AdvRelaxed *to, size_t i, const AdvReach *r)
{
	to->low[i] = r->low;
	to->high[i] = r->high;
	for (int side = 0; to->slope[0] && side < 2; side++)
	{
		to->slope[side][i] = r->slope[side];
		to->at[side][i] = r->at[side];
	}
}

ADV_LOOP void
tanh_all_loop(size_t n, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = adv_tanh_one(x[i]);
}
ADV_DISPATCH(static, tanh_all, (size_t n, float *x), (n, x))

#define BATCH 64 /* of which tanh is computed at a time */

void
adv_relax_tanh(const AdvLayer *l, double factor, const double *low, const double *high,
			   AdvReach (*finish)(AdvReach r), AdvRelaxed *to)
{
	size_t n = adv_shape_size(l->in);

	for (size_t first = 0; first < n; first += BATCH)
	{
		size_t count = n - first < BATCH ? n - first : BATCH;
		float x[3 * BATCH];

		for (size_t k = 0; k < count; k++)
		{
			x[k] = (float) (factor * low[first + k]);
			x[count + k] = (float) (factor * high[first + k]);
			x[2 * count + k] = (float) (factor * (low[first + k] + high[first + k]) / 2);
		}
		tanh_all((to->slope[0] ? 3 : 2) * count, x);
		for (size_t k = 0; k < count; k++)
		{
			Piece p = {factor * low[first + k], factor * high[first + k], x[k], x[count + k],
					   x[2 * count + k]};
			AdvReach r =
				to->slope[0] ? lines_of(&p) : (AdvReach){p.at_low - NEAR, p.at_high + NEAR, {0, 0}, {0, 0}};

			r.slope[0] *= factor;
			r.slope[1] *= factor;
			r = finish(r);
			put(to, first + k, &r);
		}
	}
}

void
adv_relax_each(const AdvLayer *l, AdvReach (*one)(const AdvLayer *l, double low, double high),
			   const double *low, const double *high, AdvRelaxed *to)
{
	for (size_t i = 0; i < adv_shape_size(l->in); i++)
	{
		AdvReach r = one(l, low[i], high[i]);

		put(to, i, &r);
	}
}
