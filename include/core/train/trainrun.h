/*
 * trainrun.h
 *		A training under way, as its parts see it: its memory, the order of examples, updates by pieces, validation, checkpoints. The loop is
 *		train.c.
 */
#ifndef ADV_TRAINRUN_H
#define ADV_TRAINRUN_H

#include "core/defence/craft.h"
#include "core/train/train.h"

#define ADV_VALIDATION_PARTS 64 /* sums that validation pieces are collected in */

/* The memory a team shares beside parameters and outcome. */
typedef struct AdvTrainShared
{
	uint32_t *order;    /* (n_examples) examples in this epoch's order */
	uint64_t *random;   /* (n_examples) what they are ordered by */
	uint32_t *bucket;   /* (n_buckets + 1) */
	double *slice_loss; /* (n_slices) sums over the rows of a slice */
	int64_t *slice_correct;
	float *slice_gradient;              /* (n_slices, n_summed) gradients that are sums over slices */
	float *slice_extra;                 /* (n_slices, n_params) what the method adds; NULL: nothing */
	float *dense_src[ADV_MAX_LAYERS];   /* (rows of a minibatch, in) of each dense layer */
	float *dense_d_dst[ADV_MAX_LAYERS]; /* (rows of a minibatch, out) */
	void *packed; /* parameters as kernels read them, kept up to date by whoever changes them */
	float *m;     /* (n_params) optimizer state */
	float *v;
	float *gradient;       /* of all pieces, one after another; NULL: gradients are not clipped */
	double *piece_squares; /* (pieces) the sum of squares of each; likewise */
	double *part_loss;     /* (ADV_VALIDATION_PARTS) */
	int64_t *part_correct;
	void *defence; /* the method's state, which checkpoints keep */
	float *best;   /* (n_params) parameters after the best epoch; NULL: nobody looks for one */
	size_t bytes;
} AdvTrainShared;

/* A training under way, as one member sees it. */
typedef struct AdvTrainRun
{
	const AdvTrain *t;
	const AdvNetwork *net;
	AdvTeam *team;
	AdvTrainShared shared;
	AdvWorkspace ws; /* of one slice */
	const AdvDefence *defence;
	AdvCraft craft; /* of one slice; it has no memory unless the method attacks */
	AdvDefending defending;
	float *gradient;        /* of one piece; or sums that statistics are made of */
	double shrink;          /* of the minibatch's gradient, where it is clipped */
	int epoch;              /* from 0 */
	size_t begin;           /* first example of the minibatch, in the epoch's order */
	int rows;               /* of the minibatch */
	int n_slices;           /* of the minibatch */
	int n_pieces;           /* of the parameters */
	int64_t step;           /* minibatches so far, this one included */
	AdvOptimizer optimizer; /* the specification's, with the learning rate of this minibatch */
	bool ended;             /* the training has ended before its time */
	int best_epoch;         /* from 0; -1: none yet, or nobody looks for one */
	double best_loss;       /* of its validation rows */
	double loss;            /* of this epoch, sums over the rows that were trained on so far */
	int64_t correct;
	double start; /* of this epoch, by the host's clock */
} AdvTrainRun;

/* ---- trainrun.c ---- */

/* A run at its beginning; it points into itself. */
extern void adv_trainrun_open(AdvTrainRun *run, const AdvTrain *t, AdvTeam *team);

/* Give a member its workspace; to be called again when a pass shall not write where slices have been placed. */
extern void adv_trainrun_workspace(AdvTrainRun *run);

/* Expand the i-th validation row of a training (const AdvTrain *) into x (inputs); returns its label. */
extern int32_t adv_validation_row(const void *training, size_t i, float *x);

/* ---- shuffle.c ---- */

/* Leading bits of the random numbers that choose a bucket: about one example per bucket. */
extern int adv_shuffle_bits(size_t n_examples);

/* Rank 0 alone: order the examples of this epoch. ADV_ABORTED when told to stop. */
extern AdvStatus adv_shuffle(AdvTrainRun *run);

/* ---- pieces.c ---- */

/* A piece of a layer's parameters: weights of some outputs (filters), and their biases. */
typedef struct AdvPiece
{
	int number; /* from 1 */
	int layer;
	AdvPart part;
	size_t weights; /* a gradient has so many floats, then one for each output */
	bool has_bias;  /* the part with the first inputs has it */
	size_t at;      /* floats of the gradients of those before */
} AdvPiece;

/* Go on to the next piece of all parameters, from {0}; false behind the last one, where at is how many floats there are. */
extern bool adv_next_piece(const AdvNetwork *net, AdvPiece *p);

/* The largest piece of a layer's weights: a part of a dense layer, or some whole filters. */
extern AdvPart adv_largest_piece(const AdvLayer *l);

/* This member's pieces of all parameters: their gradients over the minibatch, and the update. */
extern AdvStatus adv_run_pieces(AdvTrainRun *run);

/* ---- validate.c ---- */

/* Loss and accuracy of the validation rows. ADV_DIVERGED when the loss is not finite. */
extern AdvStatus adv_validate(AdvTrainRun *run, AdvEpoch *result, AdvError *err);

/* ---- best.c ---- */

/* Look at an epoch's validation loss, by all members; nobody changes parameters before rank 0 has come to the next barrier. */
extern void adv_best_look(AdvTrainRun *run, double validation_loss);

/* In the end, by all members: parameters are those after the best epoch. */
extern AdvStatus adv_best_put_back(AdvTrainRun *run);

/* ---- resume.c ---- */

/* Rank 0 alone, while the others change nothing: up to the first barrier of a minibatch, or after the last one of all. */
extern void adv_checkpoint_take(AdvTrainRun *run);

/* All members: go on from t->resume; rank 0 restores what is shared. */
extern void adv_checkpoint_resume(AdvTrainRun *run);

#endif
