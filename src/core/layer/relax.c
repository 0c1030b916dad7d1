/*
 * relax.c
 *		Activations between two lines. See linear.h.
 *
 * All is computed in double precision, and then moved outwards by more than that can be off.
 */
#include <float.h>
#include <math.h>
#include <stdatomic.h>

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

	while (excess(below, u) > 0 && below > -300)
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

#define TABLED  8.0 /* u up to here */
#define ENTRIES 1024

/*
 * Roots fall as u grows, so that the next entry's is safe. The table is the same whoever fills it, and is filled in before ready tells so; two
 * who do so at once write the same numbers.
 */
double
adv_tanh_tangent(double u)
{
	static double root[ENTRIES + 1];
	static atomic_int ready;

	if (!(u <= TABLED))
		return find_tangent(u);
	if (!atomic_load(&ready))
	{
		for (int i = 0; i <= ENTRIES; i++)
			root[i] = find_tangent(i * (TABLED / ENTRIES));
		atomic_store(&ready, 1);
	}
	return root[(int) ceil(fmax(u, 0) * (ENTRIES / TABLED))];
}

static void
tangent(AdvReach *r, int side, double x)
{
	double y = tanh(x);

	r->slope[side] = slope_of(y);
	r->at[side] = y - r->slope[side] * x;
}

static void
chord(AdvReach *r, int side, double low, double high)
{
	r->slope[side] = (r->high - r->low) / (high - low);
	r->at[side] = r->low - r->slope[side] * low;
}

/* Lower line, side 0, of a piece that bends both ways, from its chord; the upper one is that of the piece turned round, where numbers change sign. */
static void
bent(AdvReach *r, int side, double low, double high)
{
	double sign = side == 0 ? 1 : -1;
	double from = side == 0 ? low : -high, to = side == 0 ? high : -low;
	double end = side == 0 ? r->low : -r->high;

	chord(r, side, low, high);
	if (r->slope[side] >= slope_of(end))
		tangent(r, side, sign * fmax(from, adv_tanh_tangent(to)));
}

AdvReach
adv_relax_tanh(double low, double high)
{
	AdvReach r = {tanh(low), tanh(high), {0, 0}, {0, 0}};
	double extra = 0;

	if (high - low <= NARROW)
	{
		tangent(&r, 0, (low + high) / 2);
		tangent(&r, 1, (low + high) / 2);
		extra = (high - low) * (high - low); /* its curvature is below 0.77 */
	}
	else if (low >= 0)
	{
		chord(&r, 0, low, high);
		tangent(&r, 1, (low + high) / 2);
	}
	else if (high <= 0)
	{
		tangent(&r, 0, (low + high) / 2);
		chord(&r, 1, low, high);
	}
	else
	{
		bent(&r, 0, low, high);
		bent(&r, 1, low, high);
	}
	r.low -= SLACK;
	r.high += SLACK;
	return outwards(r, low, high, extra);
}

void
adv_relax_each(const AdvLayer *l, AdvReach (*one)(const AdvLayer *l, double low, double high),
			   const double *low, const double *high, AdvRelaxed *to)
{
	size_t n = adv_shape_size(l->in);

	for (size_t i = 0; i < n; i++)
	{
		AdvReach r = one(l, low[i], high[i]);

		to->low[i] = r.low;
		to->high[i] = r.high;
		for (int side = 0; to->slope[0] && side < 2; side++)
		{
			to->slope[side][i] = r.slope[side];
			to->at[side][i] = r.at[side];
		}
	}
}
