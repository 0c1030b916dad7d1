/*
 * run_luf.h
 *		A leave-one-out run: many trainings of one specification, each without one row, with a keeper beside it.
 */
#ifndef ADVPG_RUN_LUF_H
#define ADVPG_RUN_LUF_H

#include "postgres.h"

#include "core/train/luf.h"
#include "pg/run/run_train.h"

/* What to run. Arrays are the caller's. */
typedef struct AdvpgLufSpec
{
	const AdvpgTraining *training; /* of the base model */
	const AdvpgRows *eval;         /* rows whose predictions are compared */
	int64 n_models;
	const AdvLufModel *models; /* (n_models) */
	const int64 *part;         /* (n_models) what tells a model's result apart, whatever else is in the run */
	int init;                  /* AdvInit */
	bool warm;
	const AdvAttack *craft; /* how twins are crafted again, for each model; NULL: they stay as they are */
	const AdvTrainSpec *source_spec; /* with craft: how their source is trained */
	Oid schema;                      /* the extension's */
	const char *digest;              /* what finished parts are kept under: of all that they depend on */
} AdvpgLufSpec;

/* Results, element i for row i of eval. */
typedef struct AdvpgLufResult
{
	int32_t *prediction; /* of the base model */
	double *luf;         /* largest change over all models and classes */
	int64 *changed;      /* models whose prediction differs */
	int resumed;         /* models whose result was there already */
} AdvpgLufResult;

extern const AdvpgRunKind advpg_run_luf_kind;

/*
 * Train all models. Those that an earlier run of the same digest has finished are not trained again; what this one finishes is kept, should
 * it not come to its end. Results live in the current memory context. Needs a connection to SPI.
 */
extern void advpg_run_luf(const AdvpgLufSpec *spec, AdvpgLufResult *result);

#endif
