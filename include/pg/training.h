/*
 * training.h
 *		From a training task to model bytes: rows, examples, network, run.
 */
#ifndef ADVPG_TRAINING_H
#define ADVPG_TRAINING_H

#include "postgres.h"

#include "core/train.h"
#include "pg/task.h"

typedef struct AdvpgTrained
{
	bytea *model;
	AdvpgTrainTask task; /* complete: data qualified, arch filled in */
	char *digest;
	size_t n_rows;
	size_t n_examples;
	int n_workers;
	double seconds;      /* from reading the first row to the finished model */
	double read_seconds; /* of these for reading rows into shared memory */
	AdvEpoch *epochs;
	int n_epochs;
} AdvpgTrained;

/* Carry out a training task. Needs a connection to SPI; results live in the current memory context. */
extern AdvpgTrained *advpg_training(const AdvpgTrainTask *task);

#endif
