/*
 * training.h
 *		A training with everything it needs, run by a team of threads.
 */
#ifndef ADV_TRAINING_H
#define ADV_TRAINING_H

#include "core/train/train.h"

#define MAX_TEAM 8

typedef struct Training
{
	AdvNetwork net;
	AdvTrainSpec spec; /* Adam, 0.001, 1 epoch, 250 rows, seed 1 until changed */
	AdvField field;
	const unsigned char *chunk;
	float *x;       /* (n_rows, inputs) */
	int32_t *label; /* (n_rows) */
	AdvDataset data;
	uint32_t *row; /* examples: each row once, its number as key, until changed */
	uint64_t *key;
	size_t n_examples;      /* 0 until changed: as many as data has rows */
	AdvDataset *twins;      /* NULL until changed */
	AdvDataset *validation; /* NULL until changed; all of its rows */
	float *params;
	AdvEpoch *epochs;
	AdvTrainState state;
	AdvTeamShared team;
	AdvCheckpoint *checkpoint; /* NULL until changed */
	const void *resume;        /* NULL until changed */
	void (*poll)(void *arg);
	void *poll_arg;
	AdvStatus status[MAX_TEAM]; /* outcome of each member */
	AdvError error[MAX_TEAM];
} Training;

/* A learnable problem: n_rows random rows of floats, labelled by a random linear rule, and a network for it. */
extern void training_make(Training *t, const char *arch, AdvShape shape, int classes, size_t n_rows);
extern void training_free(Training *t);

/* Train t->params as they are, by a team of that size. */
extern void training_run(Training *t, int members);

/* 64-byte aligned zeros. */
extern void *zeros(size_t bytes);

/* Seconds of a clock that never goes back. */
extern double seconds_now(void);

/* Places of methods in adv_defences; training_make fails when they are others. */
enum
{
	ADV_METHOD_NONE,
	ADV_METHOD_PGD,
	ADV_METHOD_TRADES,
	ADV_METHOD_FAST,
	ADV_METHOD_MART,
	ADV_METHOD_GAUSSIAN,
	ADV_METHOD_IBP
};

#endif
