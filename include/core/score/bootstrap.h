/*
 * bootstrap.h
 *		Means of groups, statistics of them, and percentile bootstrap intervals (Efron 1979), stratified by group.
 *
 * Several models are looked at over the same rows with the same resampled rows, so that differences between them are paired.
 */
#ifndef ADV_BOOTSTRAP_H
#define ADV_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/score/statistic.h"

typedef struct AdvInterval
{
	double value; /* NaN: no rows; of a statistic of groups, where there is none */
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

/* Rows in groups, with a value of each for each model. */
typedef struct AdvGrouped
{
	size_t n;
	const int32_t *group; /* (n) -1: takes no part */
	int n_groups;
	int n_models;
	const double *const *value; /* (n_models) arrays of n; NaN: takes no part, in all models alike */
} AdvGrouped;

/* What is wanted of them; any may be NULL. Shapes: (n_models, n_groups) of ADV_MEAN, (n_models) of the others. */
typedef struct AdvEstimates
{
	AdvInterval *of[ADV_STATISTICS];
	AdvInterval *change[ADV_STATISTICS]; /* each model's difference from the first */
	int64_t *n;                          /* (n_groups) rows that took part */
} AdvEstimates;

/*
 * Fill what is wanted. The replicates of means take memory (replicates * n_models * n_groups doubles) only when they are.
 *
 * A replicate draws as many rows as a group has from that group, with replacement; rows within a group are numbered in the order
 * given, and draws come from (seed, ADV_FOR_BOOTSTRAP, replicate, draw / 4). Draws are numbered group after group; each group's
 * begin at a multiple of 4. Limits of an interval are the (1 - level) / 2 and (1 + level) / 2 quantiles of the replicates, linear
 * between order statistics (type 7 of Hyndman and Fan 1996). A replicate whose groups have no such statistic (a ratio of rates that are all 0) is
 * left out. The numbers are the same on every machine.
 *
 * ADV_INVALID: replicates or level out of range, no model, an unknown group. ADV_DATA: values that are infinite or too large to be
 * summed. ADV_ABORTED when told to stop, ADV_LIMIT without memory or with 2^32 rows and more.
 */
extern AdvStatus adv_bootstrap(const AdvBootstrap *spec, const AdvGrouped *rows, const AdvEstimates *wanted,
							   const AdvAllocator *allocator, AdvError *err);

#endif
