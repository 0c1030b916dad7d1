/*
 * outcome.h
 *		What an attack did to the rows of each class.
 */
#ifndef ADVPG_OUTCOME_H
#define ADVPG_OUTCOME_H

#include "postgres.h"

#include "pg/operation/means.h"
#include "pg/operation/robustness.h"

/* Of the rows that count; groups are the model's classes. */
typedef struct AdvpgOutcome
{
	AdvpgMeans *success;   /* share on which it succeeds */
	AdvpgMeans *right;     /* share classified correctly under it */
	AdvpgMeans *least_eps; /* without a search no row counts here */
	int64 *censored;       /* (classes) rows that withstood the search */
} AdvpgOutcome;

/* In the current memory context. Rows that are exempt do not count, and with ADVPG_DENOMINATOR_CORRECT those misclassified anyway. */
extern AdvpgOutcome *advpg_outcome(const AdvpgRobustness *robustness, const AdvpgAttacked *attacked,
								   int denominator);

#endif
