/*
 * radius.c
 *		The largest ball in which a margin stays above 0. See certify.h.
 *
 * A margin falls as the ball grows, first about as fast as at the row itself. So the first guess is a bit before where it would be 0 if it went on like
 * that; then secants, as long as three of them halve the interval.
 */
#include <math.h>

#include "core/certify/certify.h"

#define MOST_STEPS 200 /* halving a double's whole range takes fewer than twice that from anywhere sensible */

/* Between an eps that is certified, low, and one that is not or has not been tried, high. */
typedef struct Bracket
{
	double low;
	double margin; /* at low */
	double high;
	bool failed;         /* at high; else nobody has looked yet */
	double last[2];      /* the last two that were tried, the latest first */
	double margin_of[2]; /* NaN: not known */
} Bracket;

/* Where the margin would be 0 if it fell from the last two on as it fell between them; the end, if that lies beyond it and nobody has looked. */
static double
guess(const Bracket *b, bool halve)
{
	double fall = (b->margin_of[1] - b->margin_of[0]) / (b->last[0] - b->last[1]);
	double eps = b->last[0] + b->margin_of[0] / fall;

	if (!b->failed && (eps >= b->high || fall <= 0))
		return b->high;
	return !halve && eps > b->low && eps < b->high ? eps : b->low + (b->high - b->low) / 2;
}

/* Not so near to an end that what is left would take more steps. */
static double
inside(const Bracket *b, double eps, double tol)
{
	if (b->failed && b->high - eps < tol)
		eps = b->high - 0.9 * tol;
	return eps - b->low < tol && eps < b->high ? fmin(b->low + 0.9 * tol, b->high) : eps;
}

static AdvStatus
look(AdvMargin margin, void *arg, double eps, Bracket *b, double *steepness)
{
	double value;
	AdvStatus status = margin(arg, eps, &value, steepness);

	if (status != ADV_OK)
		return status;
	if (value > 0)
	{
		b->low = eps;
		b->margin = value;
	}
	else
	{
		b->high = eps;
		b->failed = true;
	}
	b->last[1] = b->last[0];
	b->margin_of[1] = b->margin_of[0];
	b->last[0] = eps;
	b->margin_of[0] = isfinite(value) ? value : NAN;
	return ADV_OK;
}

#define CAUTION                                                                                              \
	0.8 /* bounds get looser as balls grow: a margin is 0 before it would be by how it falls at first */

AdvStatus
adv_radius(AdvMargin margin, void *arg, double eps_max, double tol, double *radius)
{
	Bracket b = {-1, 0, eps_max, false, {NAN, NAN}, {NAN, NAN}};
	double steepness = 0, ignored, first;
	AdvStatus status = look(margin, arg, 0, &b, &steepness);
	double width = INFINITY;

	*radius = 0;
	if (status != ADV_OK || b.low < 0)
		return status;
	first = steepness > 0 ? CAUTION * b.margin / steepness : tol;
	status = look(margin, arg, first < eps_max ? first : eps_max, &b, &ignored);
	for (int i = 0; status == ADV_OK && i < MOST_STEPS && b.high - b.low > (b.failed ? tol : 0); i++)
	{
		bool halve = i % 3 == 2 && b.high - b.low > width / 2;

		if (i % 3 == 2)
			width = b.high - b.low;
		status = look(margin, arg, inside(&b, guess(&b, halve), tol), &b, &ignored);
	}
	*radius = b.low;
	return status;
}
