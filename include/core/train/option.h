/*
 * option.h
 *		What a training may be told beside what every training is told: a row of a table for each matter. A new one is its file and its row
 *		(options.c), and trainings of all kinds take its settings.
 *
 * What an option does depends on where the training is and on settings, on nothing that a member has seen or done: so any team gives the
 * same bits, and so does a training that goes on from a checkpoint.
 */
#ifndef ADV_OPTION_H
#define ADV_OPTION_H

#include <stdint.h>

#include "core/base/parameter.h"
#include "core/base/status.h"
#include "core/layer/layer.h"

#define ADV_MAX_OPTIONS  8
#define ADV_OPTION_BYTES 64 /* of settings of one of them */

/* What users say of each option, in the order of the table. Plain data: it crosses to workers as it is. Zero: nothing was said. */
typedef struct AdvTrainOptions
{
	struct
	{
		_Alignas(8) unsigned char own[ADV_OPTION_BYTES];
	} of[ADV_MAX_OPTIONS];
} AdvTrainOptions;

/* Where a training is. */
typedef struct AdvTrainPlace
{
	int64_t step;      /* minibatches before this one */
	int64_t per_epoch; /* minibatches of an epoch */
	int32_t epochs;    /* of the training */
} AdvTrainPlace;

/* Which example is to be trained on, and when. */
typedef struct AdvTrainExample
{
	AdvShape shape;
	uint64_t seed;
	uint64_t key;
	uint64_t epoch;
} AdvTrainExample;

/* Rows whose cross-entropy is part of what is minimized, after it has been put into d_logits. */
typedef struct AdvTrainOutputs
{
	int rows;
	int classes;
	const float *logits;  /* (rows, classes) */
	const int32_t *label; /* (rows) */
	float scale;          /* of the objective's gradient */
	float *d_logits;      /* (rows, classes) to be added to */
} AdvTrainOutputs;

typedef struct AdvTrainOption
{
	const char *name;
	const char *words;              /* what it is, for people */
	const AdvParameter *parameters; /* of the struct that its file keeps in own */
	void (*set)(void *own);         /* before anything is said */

	/* Fill in what was left open, if anything was said at all. ADV_INVALID when that cannot be. */
	AdvStatus (*complete)(void *own, int32_t epochs, AdvError *err);

	/* ADV_INVALID when rows of this shape cannot be trained on so; NULL: they can */
	AdvStatus (*check)(const void *own, AdvShape input, AdvError *err);

	/* change an example x (h, w, c) before it is trained on, or attacked for that; NULL: it stays as it is */
	void (*alter)(const void *own, const AdvTrainExample *example, float *x);

	/* what the learning rate is multiplied by for a minibatch; NULL: 1 */
	double (*rate)(const void *own, const AdvTrainPlace *place);

	/* the largest L2 norm that the gradient of a minibatch may have; NULL: any */
	double (*norm)(const void *own);

	/* what it adds to the objective's sum over the rows; NULL: 0 */
	double (*loss)(const void *own, const AdvTrainOutputs *outputs);

	/* how many epochs a training waits for a smaller validation loss, before it ends with the best epoch's parameters; 0 or NULL: none */
	int32_t (*patience)(const void *own);
} AdvTrainOption;

/* All options; the list ends with NULL. */
extern const AdvTrainOption *const adv_train_options[];

/* All options before anything is said. */
extern AdvTrainOptions adv_train_options_unset(void);

/* Fill in what was left open, for a training of so many epochs. ADV_INVALID names what cannot be. */
extern AdvStatus adv_train_options_complete(AdvTrainOptions *options, int32_t epochs, AdvError *err);

/* ADV_INVALID names what cannot be with rows of this shape. */
extern AdvStatus adv_train_options_check(const AdvTrainOptions *options, AdvShape input, AdvError *err);

/* Change an example x (h, w, c) as all of them say. */
extern void adv_train_options_alter(const AdvTrainOptions *options, const AdvTrainExample *example, float *x);

/* The largest L2 norm that the gradient of a minibatch may have; INFINITY: any. */
extern double adv_train_options_norm(const AdvTrainOptions *options);

/* What all of them add to the objective's sum over rows; its gradient, times scale, is added to d_logits. */
extern double adv_train_options_loss(const AdvTrainOptions *options, const AdvTrainOutputs *outputs);

/* How many epochs a training waits for a smaller validation loss; 0: it does not look, and goes on to the end. */
extern int32_t adv_train_options_patience(const AdvTrainOptions *options);

/* What the learning rate is multiplied by for a minibatch. */
extern double adv_train_options_rate(const AdvTrainOptions *options, const AdvTrainPlace *place);

#endif
