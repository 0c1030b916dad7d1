/*
 * candidate.h
 *		A changed row as SQL would have it: typed, with what is derived filled in, and whether it may be.
 */
#ifndef ADVPG_CANDIDATE_H
#define ADVPG_CANDIDATE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "utils/jsonb.h"

#include "pg/operation/rule.h"
#include "pg/operation/space.h"

/* Where rows are changed, one at a time. */
typedef struct AdvpgCandidate
{
	const AdvpgSpace *space;
	AdvpgRules *rules;
	TupleTableSlot *row;  /* the changed row */
	TupleTableSlot *old;  /* the row it was, */
	size_t at;            /* which is this one */
	MemoryContext values; /* what they are made of, until the next one */
} AdvpgCandidate;

/* Slots for rows of a space, in the current memory context; errors name the row. */
extern AdvpgCandidate *advpg_candidate_make(const AdvpgSpace *space, AdvpgRules *rules);

/* Whether a row, as it is, satisfies all constraints. The slot row has it then. */
extern bool advpg_candidate_original(AdvpgCandidate *c, size_t row);

/*
 * Change a row; whether anything is another value, and the result satisfies all constraints and costs no more than the budget. The slot row has it
 * then. Where nothing is, it is the row as it is, whatever would be derived of it.
 */
extern bool advpg_candidate_change(AdvpgCandidate *c, size_t row, const double *x);

/* What differs from the row as it is, derived columns included: an object of columns, in the current memory context. */
extern Jsonb *advpg_candidate_changes(AdvpgCandidate *c, size_t row, const double *x);

#endif
