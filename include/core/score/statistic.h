/*
 * statistic.h
 *		What the means of groups come to: how far apart they are.
 */
#ifndef ADV_STATISTIC_H
#define ADV_STATISTIC_H

typedef enum AdvStatistic
{
	ADV_MEAN,  /* of each group: one number for each of them, those below are one for all */
	ADV_GAP,   /* largest minus smallest */
	ADV_RATIO, /* smallest over largest */
	ADV_STATISTICS
} AdvStatistic;

/*
 * Largest minus smallest of the means that are numbers (NaN: a group without rows). NaN with fewer than two of them: where there is nothing
 * to compare, a gap of 0 would look like fairness.
 */
extern double adv_gap(int n_groups, const double *mean);

/* Smallest over largest of them, for means that are not negative. NaN with fewer than two, and where all are 0: 0 / 0 is no ratio. */
extern double adv_ratio(int n_groups, const double *mean);

/* The statistic of that name, ADV_MEAN excepted. */
extern double adv_statistic(AdvStatistic statistic, int n_groups, const double *mean);

#endif
