/*
 * plan.h
 *		A plan: everything a training needs, read and made, so that what remains is to run it. training.h makes one step by step.
 */
#ifndef ADVPG_PLAN_H
#define ADVPG_PLAN_H

#include "postgres.h"

#include "core/attack/attack.h"
#include "core/network/model.h"
#include "core/train/train.h"
#include "pg/data/rows.h"
#include "pg/run/run_train.h"
#include "pg/task/task.h"

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

static inline uint64_t
advpg_plan_seed(const AdvpgTrainTask *task)
{
	return (uint64_t) (int64) task->seed;
}

/* The share of its rows that a training holds out for validation, 0 when it validates on others or on none. Error: not below 1 (22023). */
extern double advpg_plan_validation_fraction(const AdvpgTrainTask *task);

/* Read the rows of the plan's task, those for validation too, and have its data qualified. */
extern void advpg_plan_read_rows(AdvpgPlan *plan);

/* Make examples of them, and a network with initial parameters. */
extern void advpg_plan_make_network(AdvpgPlan *plan);
extern void advpg_plan_release(AdvpgPlan *plan);

/* The plan's network with its initial parameters, encoder and classes. */
extern AdvModel advpg_plan_model(const AdvpgPlan *plan);

/* What a run of a plan needs: examples, rows, twins, validation rows, initial parameters. It points into the plan. */
extern AdvpgTraining advpg_plan_training(const AdvpgPlan *plan);

/* How a training went. */
typedef struct AdvpgCourse
{
	AdvEpoch *epochs; /* (n_epochs) */
	int n_epochs;
	int kept; /* the epoch whose parameters it ended with, from 0 */
	int n_workers;
} AdvpgCourse;

/*
 * Train the plan's network: params (n_params) receive the results. phase is NULL for what the task asks for, else what is done on the way,
 * which is called so in checkpoints, too.
 */
extern AdvpgCourse advpg_plan_run(const AdvpgPlan *plan, const char *phase, float *params);

#endif
