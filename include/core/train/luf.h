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

#include "core/attack/attack.h"
#include "core/train/train.h"

/* Where the result of a model is. */
typedef enum AdvLufStage
{
	ADV_LUF_OPEN = 0,
	ADV_LUF_TRAINED, /* complete, by this run */
	ADV_LUF_GIVEN    /* complete beforehand, set by the host: the model is not trained again */
} AdvLufStage;

/* Model m of a run: trained without a row, or with another seed (the seed-noise baseline). */
typedef struct AdvLufModel
{
	int64_t left_row; /* row of train->data, counted from 0; -1: none */
	uint64_t seed;    /* of initial parameters, order and random starts */
	atomic_int stage; /* AdvLufStage */
} AdvLufModel;

/* Progress and outcome, in shared memory, zeroed. */
typedef struct AdvLufState
{
	atomic_ullong examples_done; /* over all models and their sources; the base model's are in train->state */
	atomic_ullong failed_model;  /* 1 + number of the model that ended the run by failing; 0: none did */
} AdvLufState;

/*
 * One run as a member sees it. Shared unless it says otherwise.
 *
 * train says what to train; its params, state, epochs, shared and validation are those of the base model, its private is not used.
 * Models of other seeds start from parameters drawn by init, but for the scaling layer, which is that of initial.
 *
 * regenerate, for merged adversarial training: the twins are crafted again for each model, just as the base model's were. A source model
 * is trained as source_spec says, on the examples that are not twins and from parameters drawn from its seed, and all rows are
 * attacked (the row left out too, but its twin is not trained on). Models of other seeds use other seeds here as well.
 *
 * change is the largest difference between the two models, max over classes y of |F(x)_y - F'(x)_y|. Its sign bit is set when the
 * argmax differs too (so it may be -0.0).
 */
typedef struct AdvLuf
{
	const AdvTrain *train;
	const float *initial; /* (n_params) parameters before training, for the base seed */
	int32_t init;         /* AdvInit */
	bool warm;            /* initial are the source model's trained ones: every model starts from them */
	const AdvAttack *regenerate;     /* how twins are crafted again; NULL: they stay as they are */
	const AdvTrainSpec *source_spec; /* with regenerate */
	const uint64_t *key;             /* (train->data->n_rows) of rows, with regenerate */
	const AdvDataset *eval;          /* rows whose predictions are compared */
	size_t n_models;
	AdvLufModel *models;      /* (n_models) */
	float *change;            /* (n_models, eval->n_rows) out */
	float *base_proba;        /* (eval->n_rows, classes) out */
	int32_t *base_prediction; /* (eval->n_rows) out */
	AdvLufState *state;
	void (*model_done)(void *arg, size_t model); /* called by the member that finished a model; may be NULL */
	void *model_done_arg;
	AdvAllocator allocator; /* of the member: asked once, for adv_luf_private_size bytes */
} AdvLuf;

/* Bytes that each member has of its own: one training, its predictions and, with regenerate, twins of all rows. */
extern size_t adv_luf_private_size(const AdvLuf *luf);

/*
 * Run; by every member. The first to fail stops the others, which return ADV_ABORTED; models that are done stay so.
 * ADV_DIVERGED: a training did, or a model has predictions that are not finite; when it was not the base model, failed_model tells
 * which, and the error's detail the number of the row left out (messages count from 1). ADV_LIMIT when the allocator has nothing left.
 */
extern AdvStatus adv_luf(const AdvLuf *luf, AdvTeam *team, AdvError *err);

#endif
