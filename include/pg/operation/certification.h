/*
 * certification.h
 *		A model of the registry certified on a whole data set.
 */
#ifndef ADVPG_CERTIFICATION_H
#define ADVPG_CERTIFICATION_H

#include "postgres.h"

#include "pg/operation/evaluation.h"
#include "pg/task/task.h"

/* A model, its rows, and what is certain about them. */
typedef struct AdvpgCertified
{
	AdvpgEvaluation *e;
	AdvCertificate *certificate; /* (e->rows->n); radii in units of the task's ball */
} AdvpgCertified;

/*
 * Read model and rows, with ids of type id_type if that is valid, and certify. Errors: what the method cannot certify (22023), an output that is not finite
 * (22003). Results live in the current memory context; schema is the extension's.
 */
extern AdvpgCertified *advpg_certification(Oid schema, const AdvpgCertifyTask *task, Oid id_type);

/* The certification that a task means for a model as it is used (folded). Errors: what the method cannot certify, settings that an attack could not have either. */
extern AdvCertify advpg_certification_resolve(const AdvpgCertifyTask *task, const AdvModel *model);

/* The second half of advpg_certification, for rows that have been read. */
extern AdvCertificate *advpg_certify_rows(const AdvpgEvaluation *e, const AdvpgCertifyTask *task);

#endif
