/*
 * training.h
 *		A training, step by step: from a task to a stored model.
 */
#ifndef ADVPG_TRAINING_H
#define ADVPG_TRAINING_H

#include "postgres.h"

#include "pg/operation/plan.h"

typedef struct AdvpgTrained
{
	bytea *model;
	AdvpgTrainTask task;
	char *digest;
	size_t n_rows;
	size_t n_examples;
	double seconds;      /* from reading the first row to the finished model */
	double read_seconds; /* of these for reading rows into shared memory */
	double twin_success; /* NaN without twins */
	AdvpgCourse course;
} AdvpgTrained;

/* Losses and accuracies of the model: those of the epoch whose parameters it has. */
static inline const AdvEpoch *
advpg_trained_epoch(const AdvpgTrained *trained)
{
	return &trained->course.epochs[trained->course.kept];
}

/*
 * Read the rows of a training task. schema is the extension's. Needs a connection to SPI; results live in the current memory context,
 * rows in shared memory until advpg_plan_release.
 */
extern AdvpgPlan *advpg_training_read(const AdvpgTrainTask *task, Oid schema);

/*
 * Make what the training needs of them: examples, network, and for merged adversarial training the adversarial twins, which may take a
 * training of its own. So whoever reads other rows, too, reads them before: a job has them of one transaction then.
 */
extern void advpg_training_make(AdvpgPlan *plan);

/* Carry out a training task. Needs a connection to SPI; results live in the current memory context. */
extern AdvpgTrained *advpg_training(const AdvpgTrainTask *task, Oid schema);

/*
 * The same with a connection of its own; with store, add the model to the registry, as *version. A memory context of its own becomes
 * current and outlives the connection.
 */
extern AdvpgTrained *advpg_training_run(const AdvpgTrainTask *task, Oid schema, bool store, int *version);

/* Add a trained model to the registry, promoted or not; returns its version. Needs a connection to SPI. */
extern int advpg_training_store(Oid schema, const char *model, AdvpgTrained *trained, bool promoted);

#endif
