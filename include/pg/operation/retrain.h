/*
 * retrain.h
 *		A model's training again, on the rows of today, and whether the new version takes the old one's place.
 */
#ifndef ADVPG_RETRAIN_H
#define ADVPG_RETRAIN_H

#include "postgres.h"

#include "pg/task/task.h"
#include "pg/operation/training.h"

typedef struct AdvpgRetrained
{
	AdvpgTrained *trained;
	char *model;
	int version;
	bool promoted;
	char *reason; /* why not; NULL when promoted */
} AdvpgRetrained;

/* Check all that can be checked without data; for those who run the task later. */
extern void advpg_retrain_check(const AdvpgRetrainTask *task);

/*
 * Retrain: train by the model's stored task; with a condition, or whatever else says how to judge, audit the new and the old version on the
 * same rows and promote the new one only if the condition holds. Rows are task->audit's data, or the training's validation rows, or
 * those it holds out. Model, promotion and rows of advfair_metric_log are stored together in the end. Errors: the model is not the
 * current role's own (42501), there are no rows to judge by or an unknown metric (22023), all before the training. Memory is taken from
 * the current context; schema is the extension's.
 */
extern AdvpgRetrained *advpg_retrain(Oid schema, const AdvpgRetrainTask *task);

#endif
