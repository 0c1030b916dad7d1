/*
 * means.h
 *		Means of a value in groups of rows, added row after row, and the gap between them.
 */
#ifndef ADVPG_MEANS_H
#define ADVPG_MEANS_H

#include "postgres.h"

#include "core/base/status.h"
#include "core/network/encoder.h"

typedef struct AdvpgMeans
{
	int n_groups;
	int64 *n;     /* (n_groups) rows */
	double *mean; /* (n_groups) NaN without rows; the sum until all rows are added */
} AdvpgMeans;

/* Means without rows, in the current memory context. */
extern AdvpgMeans *advpg_means(int n_groups);

static inline void
advpg_means_add(AdvpgMeans *means, int group, double value)
{
	means->n[group]++;
	means->mean[group] += value;
}

/* All rows are added: sums become means. */
extern void advpg_means_end(AdvpgMeans *means);

/*
 * The gap between them, NaN with fewer than two groups that have rows: then a NOTICE says why the score is NULL. groups says what there are too
 * few of: "classes have rows"; names (n_groups) are theirs.
 */
extern double advpg_means_gap(const AdvpgMeans *means, const char *score, const char *groups,
							  const AdvText *names);

#endif
