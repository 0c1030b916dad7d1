/*
 * interval.h
 *		Bootstrap intervals in a backend: the core's, with cancellation and errors as the server wants them.
 */
#ifndef ADVPG_INTERVAL_H
#define ADVPG_INTERVAL_H

#include "postgres.h"

#include "core/score/bootstrap.h"

#define ADVPG_MAX_REPLICATES 1000000

/* Level and replicates as a user gave them: 22023 when out of range. */
extern void advpg_interval_check(double level, int replicates);

/*
 * adv_bootstrap with how's level, replicates and seed; an error is raised, the query can be cancelled meanwhile, and memory is given back. Where
 * replicates of means would take more than advfair.max_memory that is an error (53400).
 */
extern void advpg_interval_estimate(AdvBootstrap how, const AdvGrouped *rows, const AdvEstimates *wanted);

#endif
