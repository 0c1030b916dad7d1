/*
 * leave_out.h
 *		Leave-one-out unfairness of a model of the registry: its training again and again, each time without one row.
 */
#ifndef ADVPG_LEAVE_OUT_H
#define ADVPG_LEAVE_OUT_H

#include "postgres.h"

#include "pg/data/rows.h"
#include "pg/task/task.h"

typedef struct AdvpgLeft
{
	AdvpgRows *rows;     /* those whose predictions are compared */
	AdvText *classes;    /* of the model */
	int32_t *prediction; /* (rows->n) of the model trained on all rows */
	double *luf;         /* (rows->n) largest change over all models and classes */
	int64 *changed;      /* (rows->n) models whose prediction differs */
	int64 n_models;
	int resumed; /* of these whose result was there already */
} AdvpgLeft;

/*
 * Train and compare. Rows are read as the model's stored task says, on the data of today; task->data are the rows that are
 * compared, with ids of type id_type if that is valid. Errors: more rows to leave out than there are, an id no row has (22023). A run that does not
 * come to its end keeps what it finished, and the same call later goes on from there. Results live in the current memory
 * context; schema is the extension's.
 */
extern AdvpgLeft *advpg_leave_out(Oid schema, const AdvpgLufTask *task, Oid id_type);

#endif
