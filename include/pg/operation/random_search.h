/*
 * random_search.h
 *		Random search for changes of rows that make a model err, or predict a class: by queries alone.
 */
#ifndef ADVPG_RANDOM_SEARCH_H
#define ADVPG_RANDOM_SEARCH_H

#include "postgres.h"

#include "pg/operation/candidate.h"
#include "pg/operation/oracle.h"

typedef enum AdvpgSearchFlag
{
	ADVPG_SEARCH_SUCCESS = 1,
	ADVPG_SEARCH_EXEMPT = 2, /* a row of the target class */
	ADVPG_SEARCH_BROKEN = 4  /* the row breaks a constraint as it is: it is not attacked */
} AdvpgSearchFlag;

typedef struct AdvpgSearch
{
	const AdvpgSpace *space;
	AdvpgCandidate *candidate;
	AdvpgOracle *oracle;
	const bool *wanted; /* (n) rows to search for; NULL: all */
	const int *label;   /* (n) classes of all rows; may be NULL where there is a target */
	int target;         /* a class; -1: any but the label */
	bool strict;        /* a tie with the target is no success */
	bool drawn;         /* changes are drawn even where all could be tried */
	int64 queries;      /* at most, for each row */
	uint64 seed;

	/* what came of it, for each row */
	int *prediction;  /* of the row as it is */
	int *adversarial; /* of x */
	double *ahead;    /* how far the wrong classes, or the target, are ahead there */
	uint8 *flags;
	int64 *asked;
	double *x; /* (n, space->n) the first success, or else the change that came nearest to it */
} AdvpgSearch;

/*
 * Search for all rows; fills in what came of it, in the current memory context. A row that is misclassified as it is, or predicted as the target, is
 * a success as it is. The result of a row depends on its values, its key, the seed, and what may change, alone.
 */
extern void advpg_search_run(AdvpgSearch *search);

#endif
