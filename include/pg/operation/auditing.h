/*
 * auditing.h
 *		All scores of several models on the same rows, with bootstrap intervals, and paired differences between two models.
 */
#ifndef ADVPG_AUDITING_H
#define ADVPG_AUDITING_H

#include "postgres.h"

#include "core/score/bootstrap.h"
#include "pg/operation/evaluation.h"
#include "pg/task/task.h"

/* Share of the rows in which an attribute is NULL; there is no figure where it is 0. */
#define ADVPG_METRIC_MISSING "attribute_missing"

/* One figure, for each model. Texts that do not apply are NULL, eps NaN. */
typedef struct AdvpgFigure
{
	const char *metric;
	double eps;
	const char *class;
	const char *attribute;
	const char *group;
	AdvInterval *value;     /* (n_models); NaN: no rows */
	bool unbroken;          /* a value is NaN because no row's least eps was found */
	AdvInterval difference; /* of the second model from the first, with two models */
	int64 n;                /* rows */
} AdvpgFigure;

typedef struct AdvpgAudit
{
	int n_models;
	char **model; /* (n_models) name@version */
	int n_classes;
	List *figures; /* of AdvpgFigure * */
} AdvpgAudit;

/*
 * Audit as task says; task->models are the models. Errors: models whose classes or rows differ, a class or a column that is not there,
 * an attribute with one value. Results live in the current memory context; schema is the extension's.
 */
extern AdvpgAudit *advpg_audit(Oid schema, const AdvpgAuditTask *task);

/*
 * The same for models that need not be in the registry: entries (as many as task->models, whose names they have; NULL: all are), and on
 * those rows alone that a training with a fraction for validation holds out (held_out; NULL: on all).
 */
extern AdvpgAudit *advpg_audit_models(Oid schema, const AdvpgAuditTask *task, const AdvpgEntry **entries,
									  const AdvpgHeldOut *held_out);

#endif
