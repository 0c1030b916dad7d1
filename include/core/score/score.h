/*
 * score.h
 *		Scores as a table: what each is a statistic of, what it is called, and what it says to people.
 *
 * A score is one number for each row, a way to put rows into groups, and a statistic of the groups' means. Audits, comparisons, conditions of
 * retrainings, charts and reports take names, order and words from this table. So a further statistic of a value that there is, is a
 * row here and nothing else; a further value also wants a function that tells it of a row (pg/operation/figure.c).
 */
#ifndef ADV_SCORE_H
#define ADV_SCORE_H

#include <stdbool.h>

#include "core/score/statistic.h"

/* The number of a row. */
typedef enum AdvScoreValue
{
	ADV_VALUE_CORRECT, /* 1 when the prediction is the label, else 0 */
	ADV_VALUE_ROBUST,  /* the same under attack */
	ADV_VALUE_SUCCESS, /* 1 when the attack succeeds */
	ADV_VALUE_LEAST_EPS, /* the least eps that does; rows that withstand a search count with the largest eps it tried */
	ADV_VALUE_CERTIFIED, /* 1 when the prediction is the label and it is proven that no perturbation of this size changes it, else 0 */
	ADV_VALUE_RADIUS,  /* up to which eps that is proven; 0 where the prediction is wrong, or none was made */
	ADV_VALUE_MISSING, /* 1 when the protected attribute is NULL */
	ADV_VALUE_PROBABILITY, /* of one class */
	ADV_VALUE_PREDICTED,   /* 1 when the prediction is one class */
	ADV_VALUE_CHANGE,      /* largest change of a probability when another row is left out of the training */
	ADV_VALUES
} AdvScoreValue;

/* What tells groups of rows apart. */
typedef enum AdvGrouping
{
	ADV_GROUP_ALL,      /* nothing: all rows are one */
	ADV_GROUP_CLASS,    /* the label */
	ADV_GROUP_ATTRIBUTE /* a protected attribute */
} AdvGrouping;

/* What a score cannot be measured without, as bits. */
typedef enum AdvScoreNeeds
{
	ADV_NEEDS_ATTACK = 1,      /* eps */
	ADV_NEEDS_SEARCH = 2,      /* eps_max */
	ADV_NEEDS_ATTRIBUTE = 4,   /* protected */
	ADV_NEEDS_TRAININGS = 8,   /* leave_out: each takes a training; not for audits */
	ADV_NEEDS_CERTIFICATE = 16 /* certify */
} AdvScoreNeeds;

typedef enum AdvBetter
{
	ADV_BETTER_NEITHER,
	ADV_BETTER_HIGHER,
	ADV_BETTER_LOWER
} AdvBetter;

/* What a row leaves out: all rows are one group, its mean, neither is better. */
typedef struct AdvScore
{
	const char *name;
	const char *title; /* a few words; what stands before a colon is what people call it */
	const char *words; /* what it says, in sentences */
	AdvScoreValue value;
	AdvGrouping grouping;
	AdvStatistic statistic;
	AdvBetter better;
	bool unless_zero; /* there is no figure where the value is 0 in all rows */
} AdvScore;

/* All of them, in the order of audits and reports: means stand before what is a statistic of them. The last one has no name. */
extern const AdvScore adv_scores[];

/* Bits of AdvScoreNeeds. */
extern int adv_score_needs(const AdvScore *score);

/* Whether a row has one value for each class; then groups are not classes. */
extern bool adv_value_of_class(AdvScoreValue value);

/* Whether there is one of a score for each class; with an attribute, of two classes one says it all. */
extern bool adv_score_of_class(const AdvScore *score);

/* Whether there is one for each value of an attribute. */
extern bool adv_score_of_group(const AdvScore *score);

/* Whether the value of one of two scores' rows is that of the other's, and they are in the same groups. */
extern bool adv_score_same_means(const AdvScore *a, const AdvScore *b);

#endif
