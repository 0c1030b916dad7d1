/*
 * train.h
 *		Minibatch training by a team, with the same bits for any number of members.
 *
 * A minibatch is cut into even slices of at most ADV_SLICE_ROWS examples. Phase 1: members take their slices (slice s belongs to rank
 * s mod size) through forward and backward; conv gradients go to the slice's own buffer, dense layers leave their inputs and
 * output gradients in minibatch-wide shared buffers. Phase 2: parameters are cut into fixed pieces; a piece's gradient is
 * formed over the whole minibatch (dense: one product; conv: the sum of the slices in order) and its update applied at once
 * by one member, so no large gradient is ever summed between processes. A barrier follows each phase.
 *
 * Examples are rows, possibly repeated (oversampling). Each has a 64-bit key; every epoch visits them in the order of
 * (random64(seed, ADV_FOR_SHUFFLE, key, epoch), key), which depends neither on the order of rows nor on which other examples
 * there are. Random starts of adversarial examples are drawn from (seed, ADV_FOR_ATTACK, key), with the epoch, from 0, as restart.
 *
 * A checkpoint holds all that a training has become between two minibatches. One that goes on from it ends with the bits of one that
 * was never interrupted. Nothing random is part of it: random numbers are functions of seed, key and epoch.
 */
#ifndef ADV_TRAIN_H
#define ADV_TRAIN_H

#include "core/defence/defence.h"
#include "core/network/dataset.h"
#include "core/train/optimizer.h"
#include "core/train/option.h"
#include "core/base/team.h"

typedef struct AdvTrainSpec
{
	AdvOptimizer optimizer;
	int32_t epochs;
	int32_t batch_size;
	uint64_t seed;
	AdvRobust robust;        /* zero: standard training */
	AdvTrainOptions options; /* complete; zero: none of them */
} AdvTrainSpec;

/* What one epoch gave. Loss and accuracy are means over the epoch's minibatches as they were trained on. */
typedef struct AdvEpoch
{
	double loss;
	double accuracy;
	double validation_loss; /* NaN without validation rows */
	double validation_accuracy;
	double seconds; /* since the start of the epoch */
} AdvEpoch;

/* Progress and outcome, in shared memory, written by rank 0 alone (the failing member for status). */
typedef struct AdvTrainState
{
	atomic_int epochs_done;      /* epochs[0 .. epochs_done - 1] can be read */
	atomic_ullong examples_done; /* over all epochs */
	_Atomic double loss;         /* of the last minibatch */
	int32_t failed_epoch;        /* with ADV_DIVERGED: where, counted from 1 */
	int32_t failed_batch;
	int32_t
		best_epoch; /* from 1, whose parameters the training has ended with; 0: it looked for none, they are the last epoch's */
	int32_t ended_epoch; /* from 1, after which the defence ended the training; 0: it did not */
	AdvError ended;      /* why: message, detail and hint */
} AdvTrainState;

/*
 * A checkpoint as it is taken while the training goes on; in shared memory. The host sets wanted; at the next minibatch rank 0 fills
 * the state, adv_checkpoint_size bytes that follow in memory, clears wanted and counts taken. The state is the host's until it sets
 * wanted again. One more is taken at the end, if the training came to it (the host may read it when all members are through).
 */
typedef struct AdvCheckpoint
{
	atomic_int wanted;
	atomic_int taken;
	_Alignas(64) unsigned char state[];
} AdvCheckpoint;

/* One training as a member sees it: every pointer is to memory of this process's address space. */
typedef struct AdvTrain
{
	const AdvNetwork *net;
	const AdvTrainSpec *spec;
	const AdvDataset *data;  /* labelled */
	const AdvDataset *twins; /* adversarial twins of data's rows, in the same order, unlabelled; or NULL */
	size_t n_examples;
	const uint32_t *example_row;  /* (n_examples) row r of data, or data->n_rows + r for the twin of row r */
	const uint64_t *example_key;  /* (n_examples) */
	const AdvDataset *validation; /* labelled, or NULL */
	size_t n_validation;
	const uint32_t *validation_row; /* (n_validation) rows of validation, or NULL for all of them */
	float *params;                  /* shared, (n_params): initial values in, trained values out */
	AdvTrainState *state;           /* shared */
	AdvEpoch *epochs;               /* shared, (spec->epochs) */
	AdvCheckpoint *checkpoint;      /* shared, zeroed; NULL: none are taken */
	const void *resume;  /* the state of a checkpoint to go on from (params are then ignored), or NULL */
	void *shared;        /* shared, adv_train_shared_size bytes, zeroed, 64-byte aligned */
	void *private;       /* this member's, adv_train_private_size bytes, 64-byte aligned */
	double (*now)(void); /* seconds, for AdvEpoch.seconds and nothing else */
} AdvTrain;

/* Whether a training's outcome depends on validation rows. */
extern bool adv_train_heeds_validation(const AdvTrainSpec *spec);

extern size_t adv_train_shared_size(const AdvNetwork *net, const AdvTrainSpec *spec, size_t n_examples);
extern size_t adv_train_private_size(const AdvNetwork *net, const AdvTrainSpec *spec);

/* Bytes of a checkpoint's state. */
extern size_t adv_checkpoint_size(const AdvNetwork *net, const AdvTrainSpec *spec);

/*
 * Whether bytes are the state of a checkpoint of such a training, from which it can go on; ADV_CORRUPT otherwise. Any bytes may be
 * given, at any alignment.
 */
extern AdvStatus adv_checkpoint_check(const void *bytes, size_t size, const AdvNetwork *net,
									  const AdvTrainSpec *spec, size_t n_examples, AdvError *err);

/*
 * Train; run by every member of the team with the same shared memory. ADV_DIVERGED names epoch and minibatch when a loss is
 * not finite, that of validation rows included, ADV_ABORTED when the team stops; either way the other members return ADV_ABORTED.
 */
extern AdvStatus adv_train(AdvTrain *t, AdvTeam *team, AdvError *err);

#endif
