/*
 * audit.h
 *		All scores of several models on the same rows, with bootstrap intervals, and paired differences between two models.
 */
#ifndef ADVPG_AUDIT_H
#define ADVPG_AUDIT_H

#include "postgres.h"

#include "pg/operation/evaluation.h"
#include "pg/operation/figure.h"
#include "pg/task/task.h"

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

/* An error (22023) where the task says how to attack but not, by eps or eps_max, that anything is attacked. */
extern void advpg_audit_check_attack(const AdvpgAuditTask *task);

/*
 * An error (22023) where a model, as it is used (folded), cannot be certified as the task says, or not up to each eps of its list. Nothing, where
 * nothing is to be certified.
 */
extern void advpg_audit_check_certify(const AdvpgAuditTask *task, const AdvModel *model);

#endif
