/*
 * run_train.h
 *		A training as a run: what it puts before its workers, what these make of it, what comes back.
 */
#ifndef ADVPG_RUN_TRAIN_H
#define ADVPG_RUN_TRAIN_H

#include "postgres.h"

#include "core/train/train.h"
#include "pg/run/run.h"

/* Everything a training needs. Arrays are the caller's. */
typedef struct AdvpgTraining
{
	const AdvNetwork *net;
	const AdvTrainSpec *spec;
	const float *params;         /* (n_params) initial */
	const AdvpgRows *rows;       /* labelled */
	const AdvpgRows *twins;      /* adversarial twins of the rows, or NULL */
	const AdvpgRows *validation; /* rows from elsewhere, or NULL */
	size_t n_listed;             /* validation rows: of validation, or else of rows */
	const uint32_t *listed;
	size_t n_examples;
	const uint32_t *example_row; /* row r, or rows->n + r for its twin */
	const uint64_t *example_key;
	int workers;
	const char *phase; /* for progress, and in front of the notices of epochs unless it is "computing" */
	const char *name;  /* of its checkpoints */
} AdvpgTraining;

extern const AdvpgRunKind advpg_run_train_kind;

/*
 * Train: params (n_params) and epochs (spec->epochs), which may be those of the training, receive the results. Returns how it ended; the
 * number of workers in *n_workers. Needs a connection to SPI.
 */
extern AdvTrainState advpg_run_train(const AdvpgTraining *training, float *params, AdvEpoch *epochs,
									 int *n_workers);

/* For runs of other kinds that train, too: state a training's arrays, and how far it is. */
extern void advpg_run_train_put(AdvpgRun *run, const AdvpgTraining *training);
extern AdvTrainState *advpg_run_train_state(shm_toc *toc);

/* A training as a worker has it, with what it points to. */
typedef struct AdvpgAttachedTraining
{
	AdvTrain train;
	AdvTrainSpec spec;
	AdvDataset data;
	AdvDataset twins;
	AdvDataset elsewhere;
} AdvpgAttachedTraining;

/* Rebuild a training, all but its private memory; false when the leader is gone. */
extern bool advpg_run_train_attach(shm_toc *toc, AdvpgAttachedTraining *training);

#endif
