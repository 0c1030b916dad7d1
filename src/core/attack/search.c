/*
 * search.c
 *		Which eps is tried next in the search for the least one that breaks a row. See search.h.
 */
#include <math.h>

#include "core/attack/search.h"

#define DOUBLINGS 8 /* from eps_max / 256 */

/* Multiples of step: products, because sums of it would drift; eps_max may be a product that was rounded. */
static double
next_multiple(const AdvSearch *search, const AdvBracket *bracket)
{
	double eps = (double) (bracket->n_tries + 1) * search->step;

	return !bracket->broken && eps <= search->eps_max * (1 + 1e-9) ? eps : 0;
}

/* Double until something breaks the row, then halve what lies between failure and example. */
static double
next_bisection(const AdvSearch *search, const AdvBracket *bracket)
{
	double width = bracket->nearest - bracket->failed;
	double middle = bracket->failed + width / 2;
	bool divisible = middle > bracket->failed && middle < bracket->nearest;

	if (bracket->broken)
		return width > search->tol && divisible ? middle : 0;
	return bracket->n_tries <= DOUBLINGS ? ldexp(search->eps_max, (int) bracket->n_tries - DOUBLINGS) : 0;
}

bool
adv_search_next(const AdvSearch *search, AdvBracket *bracket)
{
	double eps =
		search->mode == ADV_SEARCH_GRID ? next_multiple(search, bracket) : next_bisection(search, bracket);

	if (!(eps > 0))
		return false;
	bracket->eps = eps;
	bracket->n_tries++;
	return true;
}

/*
 * An example nearer than an eps that failed shows that the failure said nothing: how little can fail is then unknown. A distance that
 * rounding makes larger than eps must not keep the bracket from shrinking.
 */
void
adv_search_broken(AdvBracket *bracket, double distance)
{
	double bound = fmin(distance, bracket->eps);

	bracket->nearest = bracket->broken ? fmin(bracket->nearest, bound) : bound;
	bracket->broken = true;
	if (bracket->failed >= bracket->nearest)
		bracket->failed = 0;
}

void
adv_search_failed(AdvBracket *bracket)
{
	bracket->failed = bracket->eps;
}

double
adv_search_result(const AdvSearch *search, const AdvBracket *bracket)
{
	if (!bracket->broken)
		return search->eps_max;
	return search->mode == ADV_SEARCH_GRID ? bracket->eps : bracket->nearest;
}
