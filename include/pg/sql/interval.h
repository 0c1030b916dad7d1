/*
 * interval.h
 *		Bootstrap intervals in a backend: the core's, with cancellation and errors as the server wants them.
 */
#ifndef ADVPG_INTERVAL_H
#define ADVPG_INTERVAL_H

#include "postgres.h"

#include "core/score/metrics.h"

#define ADVPG_MAX_REPLICATES 1000000

/* Level and replicates as a user gave them: 22023 when out of range. */
extern void advpg_check_interval(double level, int replicates);

/* adv_bootstrap_groups; an error is raised, the query can be cancelled meanwhile, and memory is given back. */
extern void advpg_bootstrap(double level, int replicates, uint64 seed, size_t n, const int32_t *group,
							int n_groups, int n_models, const double *const *value, AdvInterval *mean,
							AdvInterval *gap, AdvInterval *d_mean, AdvInterval *d_gap, int64_t *n_rows);

#endif
