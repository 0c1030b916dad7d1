/*
 * means.c
 *		Means of groups, added row after row. See means.h.
 */
#include "pg/operation/means.h"

#include <math.h>

#include "mb/pg_wchar.h"

#include "core/score/statistic.h"

AdvpgMeans *
advpg_means(int n_groups)
{
	AdvpgMeans *means = palloc(sizeof(AdvpgMeans));

	means->n_groups = n_groups;
	means->n = palloc0(sizeof(int64) * (n_groups + 1));
	means->mean = palloc0(sizeof(double) * (n_groups + 1));
	return means;
}

void
advpg_means_end(AdvpgMeans *means)
{
	for (int g = 0; g < means->n_groups; g++)
		means->mean[g] = means->n[g] > 0 ? means->mean[g] / means->n[g] : NAN;
}

double
advpg_means_gap(const AdvpgMeans *means, const char *score, const char *groups, const AdvText *names)
{
	double gap = adv_gap(means->n_groups, means->mean);
	int one = -1;

	for (int g = 0; g < means->n_groups; g++)
		if (!isnan(means->mean[g]))
			one = g;
	if (isnan(gap))
		ereport(NOTICE, errmsg("%s is NULL, because fewer than two %s", score, groups),
				one < 0 ? errdetail("There is no row that counts.")
						: errdetail("All rows that count are of \"%.*s\".",
									pg_mbcliplen(names[one].data, names[one].len, 100), names[one].data));
	return gap;
}
