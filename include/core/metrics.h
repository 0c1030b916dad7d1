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

#include "core/status.h"

typedef struct AdvInterval
{
	double value; /* NaN: no rows */
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
 * of the groups with rows (NaN without any). With n_models > 1, d_mean (n_models, n_groups) and d_gap (n_models) are each model's
 * difference from the first. Any output but mean and gap may be NULL. A replicate draws as many rows as a group has from that group;
 * rows within a group are numbered in the order given, and draws come from (seed, ADV_FOR_BOOTSTRAP, replicate, draw).
 * ADV_ABORTED when told to stop, ADV_LIMIT without memory.
 */
extern AdvStatus adv_bootstrap_groups(const AdvBootstrap *spec, size_t n, const int32_t *group, int n_groups,
									  int n_models, const double *const *value, AdvInterval *mean,
									  AdvInterval *gap, AdvInterval *d_mean, AdvInterval *d_gap,
									  int64_t *n_rows, const AdvAllocator *allocator, AdvError *err);

#endif
