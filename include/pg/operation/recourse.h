/*
 * recourse.h
 *		The cheapest changes of rows that a model gives a class to.
 */
#ifndef ADVPG_RECOURSE_H
#define ADVPG_RECOURSE_H

#include "postgres.h"

#include "pg/operation/candidate.h"
#include "pg/operation/oracle.h"

/* A change that reaches the target; x has the values of the space's columns. */
typedef struct AdvpgWay
{
	double cost;
	double *x;
} AdvpgWay;

typedef struct AdvpgRecourse
{
	const AdvpgSpace *space; /* all numbers have steps */
	AdvpgCandidate *candidate;
	AdvpgOracle *oracle;
	int target;
	int k;
	int64
		queries; /* of the cheapest changes, to be looked at for each row; 0: all where they are few, else some */
	uint64 seed;

	/* what came of it, for each row */
	int *n_ways;     /* at most k, by cost; one that costs nothing: the row has the class as it is */
	AdvpgWay **ways; /* (n_ways) */

	/* and of all */
	size_t broken; /* rows that break a constraint as they are: no way is looked for */
	size_t found;  /* rows with a way that was found at random: there may be a cheaper one */
	size_t lost;   /* rows without any, though not all changes were looked at */
} AdvpgRecourse;

/* Look for ways; fills in what came of it, in the current memory context. */
extern void advpg_recourse_run(AdvpgRecourse *recourse);

#endif
