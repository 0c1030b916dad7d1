/*
 * evaluation.h
 *		A model of the registry applied to a whole data set in compute workers.
 */
#ifndef ADVPG_EVALUATION_H
#define ADVPG_EVALUATION_H

#include "postgres.h"

#include "core/model.h"
#include "pg/rows.h"

typedef struct AdvpgEvaluation
{
	AdvModel model;
	AdvpgRows *rows;
	int32_t *prediction; /* (rows->n) */
	float *proba;        /* (rows->n, classes), NULL unless asked for */
	int class;           /* number of spec->class, spec->given; -1 when not named */
	int given;
} AdvpgEvaluation;

/* What to evaluate, and which of the results are wanted. */
typedef struct AdvpgEvaluationSpec
{
	Oid schema; /* the extension's */
	const char *model;
	const char *data;
	bool need_label;
	bool need_proba;
	const char *attribute; /* or NULL */
	const char *class;     /* classes to look up before anything is computed, or NULL */
	const char *given;
	bool want_ids;
	Oid id_type;
	int workers; /* 0: advfair.workers */
} AdvpgEvaluationSpec;

/* Evaluate. Results live in the current memory context. With need_label, labels that are no class are an error (22023). */
extern AdvpgEvaluation *advpg_evaluate(const AdvpgEvaluationSpec *spec);

#endif
