/*
 * verdict.c
 *		What the logits of an example mean to an attack. See verdict.h.
 */
#include <float.h>
#include <math.h>

#include "core/network/loss.h"
#include "core/attack/verdict.h"

#define MARGIN 1e-4 /* of logits, relative to the largest: far above what kernels differ by */
#define TERMS                                                                                                \
	1 /* a logit may be a sum of terms of about this size that cancel, whose rounding it does not show */

/* Logits that agree this nearly are tied. */
static double
margin(int classes, const float *z)
{
	double largest = 0;

	for (int j = 0; j < classes; j++)
		largest = fmax(largest, fabs(z[j]));
	return MARGIN * (TERMS + largest);
}

/* How much larger the largest logit is than the next. */
static double
lead(int classes, const float *z, int largest)
{
	double second = -INFINITY;

	for (int j = 0; j < classes; j++)
		if (j != largest)
			second = fmax(second, z[j]);
	return z[largest] - second;
}

AdvVerdict
adv_judge(int classes, const float *logits, int32_t label, int32_t target, float *direction)
{
	AdvVerdict v = {.level = ADV_WITHSTOOD, .class = adv_argmax(classes, logits)};
	double tie = margin(classes, logits);
	bool broken = target >= 0 ? v.class == target : v.class != label;

	v.near_tie = lead(classes, logits, v.class) <= tie;
	v.odds = adv_log_odds(classes, logits, label, target >= 0 ? NULL : direction);
	v.loss = (float) (fmax(v.odds, 0) + log1p(exp(-fabs(v.odds))));
	if (target >= 0)
		v.odds = -adv_log_odds(classes, logits, target, direction);
	if (broken)
	{
		bool clear = target >= 0 ? !v.near_tie : (double) logits[v.class] - logits[label] > tie;

		v.level = clear ? ADV_BROKEN : ADV_BARELY_BROKEN;
	}
	return v;
}
