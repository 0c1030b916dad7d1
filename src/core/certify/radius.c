/*
 * radius.c
 *		The largest ball in which a margin stays above 0. See certify.h.
 *
 * A margin falls as the ball grows, first about as fast as at the row itself. So the first guess is where it would be 0 if it went on like that; then
 * secants, as long as they halve the interval every other time.
 */
#include <math.h>

#include "core/certify/certify.h"

#define MOST_STEPS 200 /* halving a double's whole range takes fewer than twice that from anywhere sensible */

/* Between an eps that is certified, low, and one that is not or has not been tried, high. */
typedef struct Bracket
{
	double low;
	double margin; /* at low */
	double steepness;
	double high;
	double deficit; /* the margin at high, below 0; NaN: unknown */
} Bracket;

static double
guess(const Bracket *b, bool halve)
{
	double by_slope = b->low + b->margin / b->steepness;
	double by_secant = b->low + (b->high - b->low) * (b->margin / (b->margin - b->deficit));

	if (halve)
		return b->low + (b->high - b->low) / 2;
	if (isfinite(by_secant))
		return by_secant;
	return b->steepness > 0 && by_slope < b->high ? by_slope : b->low + (b->high - b->low) / 2;
}

/* Not so near to an end that what is left would take more steps. */
static double
inside(const Bracket *b, double eps, double tol)
{
	if (b->high - eps < tol)
		eps = b->high - 0.9 * tol;
	return eps - b->low < tol ? b->low + 0.9 * tol : eps;
}

static AdvStatus
look(AdvMargin margin, void *arg, double eps, Bracket *b)
{
	double value, steepness = 0;
	AdvStatus status = margin(arg, eps, &value, &steepness);

	if (status != ADV_OK)
		return status;
	if (value > 0)
	{
		b->low = eps;
		b->margin = value;
		b->steepness = steepness;
	}
	else
	{
		b->high = eps;
		b->deficit = isfinite(value) ? value : NAN;
	}
	return ADV_OK;
}

AdvStatus
adv_radius(AdvMargin margin, void *arg, double eps_max, double tol, double *radius)
{
	Bracket b = {-1, 0, 0, eps_max, NAN};
	AdvStatus status = look(margin, arg, 0, &b);
	double width = INFINITY;

	*radius = 0;
	if (status != ADV_OK || b.low < 0)
		return status;
	if (!(b.steepness > 0 && b.margin / b.steepness < eps_max))
		status = look(margin, arg, eps_max, &b);
	for (int i = 0; status == ADV_OK && i < MOST_STEPS && b.high - b.low > tol; i++)
	{
		bool halve = i % 2 == 1 && b.high - b.low > width / 2;

		if (i % 2 == 1)
			width = b.high - b.low;
		status = look(margin, arg, inside(&b, guess(&b, halve), tol), &b);
	}
	*radius = b.low;
	return status;
}
