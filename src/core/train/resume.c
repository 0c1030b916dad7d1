/*
 * resume.c
 *		Checkpoints: the state of a training between two minibatches, taken, checked, and gone on from.
 */
#include "core/train/trainrun.h"

#include <stdio.h>
#include <string.h>

/* Another one whenever the layout changes, a method's state included: what an earlier version has left is no checkpoint then. */
#define CHECKPOINT_MAGIC UINT64_C(0x3470636b76646131)
#define METHOD_BYTES     32

/* The head of a state. After it follow the epochs (spec->epochs), parameters, optimizer state, what the method keeps, and the best epoch's parameters. */
typedef struct Position
{
	uint64_t magic;
	uint64_t n_params;
	uint64_t n_examples;
	int64_t epochs; /* of the specification, as the next two */
	int64_t batch_size;
	char method[METHOD_BYTES]; /* by name: places in the table are those of one version */
	int64_t epoch;             /* from 0; those before it are done */
	uint64_t begin;            /* examples of it that are done */
	int64_t step;
	int64_t correct; /* sums over these examples */
	double loss;
	double seconds;     /* of this epoch so far */
	int64_t best_epoch; /* from 0; -1: none yet, or nobody looks for one */
	double best_loss;
} Position;

/* Where the parts of a state lie, in bytes. */
typedef struct StateLayout
{
	size_t epochs;
	size_t params;
	size_t m;
	size_t v;
	size_t defence;
	size_t best;
	size_t size;
} StateLayout;

static StateLayout
state_layout(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	size_t floats = sizeof(float) * net->n_params;
	StateLayout l = {.epochs = sizeof(Position)};

	l.params = l.epochs + sizeof(AdvEpoch) * (size_t) spec->epochs;
	l.m = l.params + floats;
	l.v = l.m + floats;
	l.defence = l.v + floats;
	l.best = l.defence + adv_defence_state_size(&spec->robust, net);
	l.size = l.best + (adv_train_options_patience(&spec->options) > 0 ? floats : 0);
	return l;
}

size_t
adv_checkpoint_size(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	return state_layout(net, spec).size;
}

void
adv_checkpoint_take(AdvTrainRun *run)
{
	const AdvTrain *t = run->t;
	StateLayout l = state_layout(run->net, t->spec);
	size_t floats = sizeof(float) * run->net->n_params;
	unsigned char *state = t->checkpoint->state;
	Position at = {.magic = CHECKPOINT_MAGIC,
				   .n_params = run->net->n_params,
				   .n_examples = t->n_examples,
				   .epochs = t->spec->epochs,
				   .batch_size = t->spec->batch_size,
				   .epoch = run->epoch,
				   .begin = run->begin,
				   .step = run->step,
				   .correct = run->correct,
				   .loss = run->loss,
				   .seconds = t->now ? t->now() - run->start : 0,
				   .best_epoch = run->best_epoch,
				   .best_loss = run->best_loss};

	snprintf(at.method, sizeof(at.method), "%s", run->defence->name);
	memcpy(state, &at, sizeof(at));
	memcpy(state + l.epochs, t->epochs, sizeof(AdvEpoch) * (size_t) t->spec->epochs);
	memcpy(state + l.params, t->params, floats);
	memcpy(state + l.m, run->shared.m, floats);
	memcpy(state + l.v, run->shared.v, floats);
	memcpy(state + l.defence, run->shared.defence, l.best - l.defence);
	if (l.size > l.best)
		memcpy(state + l.best, run->shared.best, floats);
	atomic_store(&t->checkpoint->wanted, 0);
	atomic_fetch_add(&t->checkpoint->taken, 1);
}

/* Whether there is a best epoch among those that are done, where one is looked for. */
static bool
best_fits(const AdvTrainSpec *spec, const Position *at)
{
	if (adv_train_options_patience(&spec->options) == 0 || at->epoch == 0)
		return at->best_epoch == -1;
	return at->best_epoch >= 0 && at->best_epoch < at->epoch;
}

AdvStatus
adv_checkpoint_check(const void *bytes, size_t size, const AdvNetwork *net, const AdvTrainSpec *spec,
					 size_t n_examples, AdvError *err)
{
	uint64_t batch = (uint64_t) spec->batch_size;
	uint64_t batches = (n_examples + batch - 1) / batch;
	Position at;

	if (size < sizeof(at))
		return adv_fail(err, ADV_CORRUPT, "checkpoint has only %zu bytes", size);
	memcpy(&at, bytes, sizeof(at));
	if (at.magic != CHECKPOINT_MAGIC)
		return adv_fail(err, ADV_CORRUPT, "checkpoint is none of this version");
	if (size != adv_checkpoint_size(net, spec))
		return adv_fail(err, ADV_CORRUPT, "checkpoint has %zu bytes, not %zu", size,
						adv_checkpoint_size(net, spec));
	if (at.n_params != net->n_params || at.n_examples != n_examples || at.epochs != spec->epochs ||
		at.batch_size != spec->batch_size ||
		strncmp(at.method, adv_defence_of(&spec->robust)->name, sizeof(at.method)) != 0)
		return adv_fail(err, ADV_CORRUPT, "checkpoint is that of another training");
	if (at.epoch < 0 || at.epoch > spec->epochs || at.begin >= n_examples || at.begin % batch != 0 ||
		(at.epoch == spec->epochs && at.begin > 0) ||
		(uint64_t) at.step != (uint64_t) at.epoch * batches + at.begin / batch || at.correct < 0 ||
		(uint64_t) at.correct > at.begin || !best_fits(spec, &at))
		return adv_fail(err, ADV_CORRUPT, "checkpoint is of no place in this training");
	return ADV_OK;
}

void
adv_checkpoint_resume(AdvTrainRun *run)
{
	const AdvTrain *t = run->t;
	StateLayout l = state_layout(run->net, t->spec);
	size_t floats = sizeof(float) * run->net->n_params;
	const unsigned char *state = t->resume;
	Position at;

	memcpy(&at, state, sizeof(at));
	run->epoch = (int) at.epoch;
	run->begin = at.begin;
	run->step = at.step;
	run->correct = at.correct;
	run->loss = at.loss;
	run->start = -at.seconds;
	run->best_epoch = (int) at.best_epoch;
	run->best_loss = at.best_loss;
	if (run->team->rank != 0)
		return;
	memcpy(t->epochs, state + l.epochs, sizeof(AdvEpoch) * (size_t) at.epoch);
	memcpy(t->params, state + l.params, floats);
	memcpy(run->shared.m, state + l.m, floats);
	memcpy(run->shared.v, state + l.v, floats);
	memcpy(run->shared.defence, state + l.defence, l.best - l.defence);
	if (l.size > l.best)
		memcpy(run->shared.best, state + l.best, floats);
	t->state->best_epoch = (int32_t) at.best_epoch + 1;
	atomic_store(&t->state->epochs_done, run->epoch);
	atomic_store(&t->state->examples_done, (unsigned long long) run->epoch * t->n_examples + run->begin);
}
