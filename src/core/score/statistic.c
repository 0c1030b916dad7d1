/*
 * statistic.c
 *		What the means of groups come to. See statistic.h.
 *
 * A further statistic is a function and a row here.
 */
#include "core/score/statistic.h"

#include <math.h>

/* The least and the largest mean that is a number; returns how many are. */
static int
extremes(int n_groups, const double *mean, double *min, double *max)
{
	int groups = 0;

	*min = *max = NAN;
	for (int g = 0; g < n_groups; g++)
	{
		groups += !isnan(mean[g]);
		*min = fmin(*min, mean[g]); /* of NaN and a number, the number */
		*max = fmax(*max, mean[g]);
	}
	return groups;
}

double
adv_gap(int n_groups, const double *mean)
{
	double min, max;

	return extremes(n_groups, mean, &min, &max) > 1 ? max - min : NAN;
}

double
adv_ratio(int n_groups, const double *mean)
{
	double min, max;

	return extremes(n_groups, mean, &min, &max) > 1 && max > 0 ? min / max : NAN;
}

double
adv_statistic(AdvStatistic statistic, int n_groups, const double *mean)
{
	static double (*const statistics[ADV_STATISTICS])(int, const double *) = {
		[ADV_GAP] = adv_gap, [ADV_RATIO] = adv_ratio};

	return statistics[statistic](n_groups, mean);
}
