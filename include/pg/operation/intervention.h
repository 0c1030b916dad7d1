/*
 * intervention.h
 *		Predictions of rows as if all of them had the same value of an attribute.
 */
#ifndef ADVPG_INTERVENTION_H
#define ADVPG_INTERVENTION_H

#include "postgres.h"

#include "pg/operation/evaluation.h"

/* Whether spec->attribute can be set: a number or category that is a feature of the model; anything else is an error (22023). */
extern void advpg_intervention_check(const AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec);

/*
 * Predict all rows once for each value that the attribute has in them, and fill e->intervened. The rows' own values of the
 * attribute are overwritten on the way.
 */
extern void advpg_intervene(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec);

#endif
