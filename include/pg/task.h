/*
 * task.h
 *		Tasks: the one description of a run. A task is a jsonb object, checked strictly against a table of its keys.
 */
#ifndef ADVPG_TASK_H
#define ADVPG_TASK_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "core/network.h"

typedef enum AdvpgMissing
{
	ADVPG_MISSING_ERROR,
	ADVPG_MISSING_DROP
} AdvpgMissing;

/* A training task, complete: what the user left out has its default. Strings that may be absent are NULL. */
typedef struct AdvpgTrainTask
{
	char *model; /* NULL for advfair_fit */
	char *data;
	char *label;
	List *features; /* of char *; NIL: all */
	List *exclude;
	char *id;
	char *arch;        /* NULL: the paper's network for the kind of data */
	List *input_shape; /* of double *: channels, height, width; NIL: not an image */
	int encoding;      /* AdvEncoding */
	int scale;         /* 1, 0, or -1: as the encoding wants it */
	char *oversample;  /* NULL, "balance" or "xN" */
	int missing;       /* AdvpgMissing */
	int unseen;        /* AdvUnseen */
	int optimizer;     /* AdvOptimizerKind */
	double learning_rate;
	double momentum;
	double weight_decay;
	int init; /* AdvInit */
	double epochs;
	double batch_size;
	char *validation; /* NULL, a fraction of the rows, or a relation or query */
	double seed;
	double workers; /* 0: advfair.workers */
} AdvpgTrainTask;

/*
 * Check a training task and fill in defaults. need_model says whether "model" must be there or must not. Errors
 * (22023) name the key, and list the allowed ones where it is unknown.
 */
extern void advpg_train_task_read(Jsonb *task, bool need_model, AdvpgTrainTask *result);

/* The task again, complete, as it is stored with the model. */
extern Jsonb *advpg_train_task_write(const AdvpgTrainTask *task);

/* jsonb_strip-free access to a text member of a stored task, NULL when absent. */
extern char *advpg_task_text(Jsonb *task, const char *key);

#endif
