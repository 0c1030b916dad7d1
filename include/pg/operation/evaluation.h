/*
 * evaluation.h
 *		A model of the registry applied to a whole data set in compute workers.
 */
#ifndef ADVPG_EVALUATION_H
#define ADVPG_EVALUATION_H

#include "postgres.h"

#include "core/network/model.h"
#include "pg/base/compat.h"
#include "pg/model/registry.h"
#include "pg/data/rows.h"
#include "pg/operation/means.h"

typedef struct AdvpgEvaluation
{
	AdvModel model;
	char *name; /* of the registry, with its version */
	AdvpgRows *rows;
	int32_t *prediction; /* (rows->n) */
	float *proba;        /* (rows->n, classes), NULL unless asked for */
	int class;           /* number of spec->class, spec->given; -1 when not named */
	int given;
	AdvpgMeans *
		intervened; /* with spec->intervene: of the probability of spec->class, all rows having each value of the attribute, over
							 * those whose label is spec->given, or all */
} AdvpgEvaluation;

/* Rows that a training holds out for validation. */
typedef struct AdvpgHeldOut
{
	double share;
	uint64_t seed;
} AdvpgHeldOut;

/* What to evaluate, and which of the results are wanted. */
typedef struct AdvpgEvaluationSpec
{
	Oid schema; /* the extension's */
	const char *model;
	const char *data;
	const char *id; /* column of data; NULL: the one named in training if data has it, or the primary key */
	bool need_label;
	bool need_proba;
	const char *attribute; /* or NULL */
	bool intervene; /* predict once for each value of attribute, set in all rows; needs class, need_proba */
	const char *class; /* classes to look up before anything is computed, or NULL */
	const char *given;
	bool quiet; /* another reading of the rows has said what is to be said of them */
	bool want_ids;
	Oid id_type;
	bool want_order;              /* rows->canonical; keys of rows are the same with it and without */
	int workers;                  /* 0: advfair.workers */
	const AdvpgEntry *entry;      /* the model, if it is not in the registry (yet); else NULL */
	const AdvpgHeldOut *held_out; /* only these rows, in canonical order, or NULL */
} AdvpgEvaluationSpec;

/* The first half: read the model, look up the classes, read the rows. Needs a connection to SPI. */
extern AdvpgEvaluation *advpg_evaluation_open(const AdvpgEvaluationSpec *spec);

/* Announce what a checkpoint of any computation on these rows is worth nothing without: rows, read with want_order, and the model. */
extern void advpg_evaluation_announce(const AdvpgEvaluation *e);

/* The second: predictions of all rows, and probabilities if wanted. Again, when rows have changed. */
extern void advpg_evaluation_predict(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec);

/* Evaluate. Results live in the current memory context. With need_label, labels that are no class are an error (22023). */
extern AdvpgEvaluation *advpg_evaluate(const AdvpgEvaluationSpec *spec);

/* How many rows that count are in no group, because the attribute is NULL there; if there are any, a NOTICE says so. */
extern size_t advpg_evaluation_missing(const AdvpgEvaluation *e, const char *attribute);

#endif
