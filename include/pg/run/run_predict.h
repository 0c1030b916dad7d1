/*
 * run_predict.h
 *		The prediction of rows as a run.
 */
#ifndef ADVPG_RUN_PREDICT_H
#define ADVPG_RUN_PREDICT_H

#include "postgres.h"

#include "core/network/network.h"
#include "pg/run/run.h"

/* What to predict, and the results. */
typedef struct AdvpgPrediction
{
	const AdvNetwork *net;
	const float *params;
	const AdvpgRows *rows; /* at least one */
	bool need_proba;
	int workers;
	int32_t *prediction; /* (n) out: class; -1 where the output is not finite */
	float *proba;        /* (n, classes) out, if wanted */
} AdvpgPrediction;

extern const AdvpgRunKind advpg_run_predict_kind;

/* Predict all rows. Results live in the current memory context. */
extern void advpg_run_predict(AdvpgPrediction *prediction);

#endif
