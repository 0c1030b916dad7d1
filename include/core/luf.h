/*
 * luf.h
 *		Leave-one-out unfairness: many trainings of one specification, each without one row, and how far their
 *		predictions are from those of the training on all rows (Sooksatra and Rivas; Black and Fredrikson 2021).
 *
 * The base model is trained by the whole team. The others are trained by one member each, which takes the next one when it is
 * through; as training gives the same bits for any team, it does not matter who trains what. Rows are held once, in shared memory.
 *
 * Leaving out row i leaves out all its examples (repetitions and its adversarial twin); everything else stays as it is: initial
 * parameters, order of the remaining examples, encoder, scaling.
 */
#ifndef ADV_LUF_H
#define ADV_LUF_H

#include "core/attack.h"
#include "core/train.h"

/* Model m of a run: trained without a row, or with another seed (the seed-noise baseline). */
typedef struct AdvLufModel
{
	int64_t left_row; /* row of train->data; -1: none */
	uint64_t seed;    /* of initial parameters, order and random starts */
	atomic_int done;  /* 1: its result is complete. Set beforehand, the model is not trained again */
} AdvLufModel;

/* One run as a member sees it. Shared unless it says otherwise. */
typedef struct AdvLuf
{
	const AdvTrain
		*train; /* what to train; params, state, epochs, shared and validation are those of the base model */
	const float *initial;   /* (n_params) parameters before training, for the base seed */
	int32_t init;           /* AdvInit, for models of other seeds; a scaling layer is copied from initial */
	const AdvDataset *eval; /* rows whose predictions are compared */
	size_t n_models;
	AdvLufModel *models; /* (n_models) */
	float *
		change; /* (n_models, eval->n_rows) max over classes |F(x)_y - F'(x)_y|; negated when the argmax differs
							  * (-0.0 when it differs at no distance) */
	float *base_proba;        /* (eval->n_rows, classes) out */
	int32_t *base_prediction; /* (eval->n_rows) out */
	const AdvAttack *
		regenerate; /* merged training: how twins are crafted again for each model, with source_spec's model; or NULL */
	const AdvTrainSpec
		*source_spec;    /* how the model that crafts is trained, on the same examples without twins */
	const uint64_t *key; /* (train->data->n_rows) for crafting */
	atomic_ullong *examples_done;                /* over all models, for progress */
	void (*model_done)(void *arg, size_t model); /* called by the member that finished a model; may be NULL */
	void *model_done_arg;
	AdvAllocator allocator; /* of the member: memory for one training, asked for once */
} AdvLuf;

/*
 * Run; by every member. ADV_ABORTED when the team stops: models that are done stay so. ADV_DIVERGED names the row left out. ADV_LIMIT
 * when the allocator has nothing left.
 */
extern AdvStatus adv_luf(const AdvLuf *luf, AdvTeam *team, AdvError *err);

#endif
