/*
 * metrics.h
 *		Means of groups, the gap between them, and percentile bootstrap intervals (Efron 1979), stratified by group.
 *
 * Several models are looked at over the same rows with the same resampled rows, so that differences between them are paired.
 */
#ifndef ADV_METRICS_H
#define ADV_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/*
 * Largest minus smallest of the means that are numbers (NaN: a group without rows). NaN with fewer than two of them: where there is nothing
 * to compare, a gap of 0 would look like fairness.
 */
extern double adv_gap(int n_groups, const double *mean);

typedef struct AdvInterval
{
	double value; /* NaN: no rows; of a gap, fewer than two groups with rows */
	double low;
	double high;
} AdvInterval;

typedef struct AdvBootstrap
{
	int32_t replicates; /* 1000; 0: no intervals (low and high are NaN) */
	double level;       /* 0.95 */
	uint64_t seed;
	int (*should_stop)(void *arg); /* may be NULL */
	void *stop_arg;
} AdvBootstrap;

/*
 * For n rows with group (n; -1: takes no part) of n_groups and value (n_models arrays of n; NaN: takes no part, in all models alike):
 * mean (n_models, n_groups) of each group, n_rows (n_groups) that took part, gap (n_models) between the largest and the smallest mean
 * of the groups with rows (adv_gap). With n_models > 1, d_mean (n_models, n_groups) and d_gap (n_models) are each model's
 * difference from the first. Any output may be NULL; the replicates of means take memory (replicates * n_models * n_groups
 * doubles) only when mean or d_mean is wanted.
 *
 * A replicate draws as many rows as a group has from that group, with replacement; rows within a group are numbered in the order
 * given, and draws come from (seed, ADV_FOR_BOOTSTRAP, replicate, draw / 4). Draws are numbered group after group; each group's
 * begin at a multiple of 4. Limits of an interval are the (1 - level) / 2 and (1 + level) / 2 quantiles of the replicates, linear
 * between order statistics (type 7 of Hyndman and Fan 1996). The numbers are the same on every machine.
 *
 * ADV_INVALID: replicates or level out of range, no model, an unknown group. ADV_DATA: values that are infinite or too large to be
 * summed. ADV_ABORTED when told to stop, ADV_LIMIT without memory or with 2^32 rows and more.
 */
extern AdvStatus adv_bootstrap_groups(const AdvBootstrap *spec, size_t n, const int32_t *group, int n_groups,
									  int n_models, const double *const *value, AdvInterval *mean,
									  AdvInterval *gap, AdvInterval *d_mean, AdvInterval *d_gap,
									  int64_t *n_rows, const AdvAllocator *allocator, AdvError *err);

#endif
