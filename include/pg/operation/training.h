/*
 * training.h
 *		From a training task to model bytes: rows, examples, network, run.
 */
#ifndef ADVPG_TRAINING_H
#define ADVPG_TRAINING_H

#include "postgres.h"

#include "core/attack/attack.h"
#include "core/network/model.h"
#include "core/train/train.h"
#include "pg/run/run_train.h"
#include "pg/data/rows.h"
#include "pg/task/task.h"

/* Everything a training needs, read and made: what remains is to run it. */
typedef struct AdvpgPlan
{
	AdvpgTrainTask task; /* complete: data qualified, arch and the attack's numbers filled in */
	AdvTrainSpec spec;   /* robust.ball.unit lies in private memory */
	AdvpgRows *rows;
	AdvpgRows *validation; /* rows from elsewhere, or NULL */
	AdvNetwork net;
	float *params; /* (n_params) initial, the scaling layer fitted */
	size_t n_examples;
	uint32_t *example_row; /* row r, or rows->n + r for its twin */
	uint64_t *example_key;
	size_t n_listed; /* validation rows: of rows, or of validation if there is one */
	uint32_t *listed;

	/* merged adversarial training */
	AdvpgRows *twins;         /* NULL: none */
	AdvAttack craft;          /* how they were made */
	AdvModel source;          /* by attacking this model */
	AdvTrainSpec source_spec; /* how a source is trained on the way */
	double twin_success;      /* share of the rows whose twin the source misclassifies */
	double read_seconds;
} AdvpgPlan;

typedef struct AdvpgTrained
{
	bytea *model;
	AdvpgTrainTask task;
	char *digest;
	size_t n_rows;
	size_t n_examples;
	int n_workers;
	double seconds;      /* from reading the first row to the finished model */
	double read_seconds; /* of these for reading rows into shared memory */
	double twin_success; /* NaN without twins */
	AdvEpoch *epochs;
	int n_epochs;
} AdvpgTrained;

/*
 * Read the rows of a training task. schema is the extension's. Needs a connection to SPI; results live in the current memory context,
 * rows in shared memory until advpg_plan_release.
 */
extern AdvpgPlan *advpg_plan_read(const AdvpgTrainTask *task, Oid schema);

/*
 * Make what the training needs of them: examples, network, and for merged adversarial training the adversarial twins, which may take a
 * training of its own. So whoever reads other rows, too, reads them before: a job has them of one transaction then.
 */
extern void advpg_plan_make(AdvpgPlan *plan);
extern void advpg_plan_release(AdvpgPlan *plan);

/* What a run of a plan needs: examples, rows, twins, validation rows, initial parameters. It points into the plan. */
extern AdvpgTraining advpg_plan_training(const AdvpgPlan *plan);

/* The plan's network with its initial parameters, encoder and classes. */
extern AdvModel advpg_plan_model(const AdvpgPlan *plan);

/* The share of its rows that a training holds out for validation, 0 when it validates on others or on none. Error: not below 1 (22023). */
extern double advpg_validation_fraction(const AdvpgTrainTask *task);

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
