/*
 * train.c
 *		The training loop of one member of a team. See train.h for the two phases of a minibatch.
 *
 * What a member computes is decided by slice and piece numbers alone, and every sum that crosses a slice, a piece or
 * a part is formed by one member in the order of those numbers: the team's size decides who, never what.
 *
 * The defence may replace the rows of a slice by adversarial ones before its passes, or lay those behind: a slice of r examples has 2r rows
 * from there on.
 */
#include <math.h>
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/network/loss.h"
#include "core/train/trainrun.h"

#define FETCH_AHEAD 24             /* examples */
#define FETCH_BYTES ((size_t) 512) /* of a row; the processor notices by itself when more of it is read */

/* ---- phase 1: slices ---- */

/* Let act[i] and the activations that share its memory be at memory. */
static void
redirect(float **act, int n, int i, float *memory)
{
	const float *old = act[i];

	for (int j = 0; j <= n; j++)
		if (act[j] == old)
			act[j] = memory;
}

/* Put dense inputs and output gradients of a slice at their place among the minibatch's. */
static void
place_slice(AdvTrainRun *run, size_t first)
{
	const AdvNetwork *net = run->net;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (adv_layer_type(l)->pieces != ADV_PIECES_PRODUCT)
			continue;
		redirect(run->ws.act, net->n_layers, i, run->shared.dense_src[i] + first * adv_shape_size(l->in));
		redirect(run->ws.d_act, net->n_layers, i + 1,
				 run->shared.dense_d_dst[i] + first * adv_shape_size(l->out));
	}
}

/* The data set of an example, a row or the twin of one, and which of its rows it is. */
static const AdvDataset *
set_of(const AdvTrain *t, uint32_t example, size_t *row)
{
	*row = t->example_row[example];
	if (!t->twins || *row < t->data->n_rows)
		return t->data;
	*row -= t->data->n_rows;
	return t->twins;
}

/* Expand an example into x; returns its label. */
static int32_t
load_example(const AdvTrain *t, uint32_t example, float *x)
{
	size_t row;
	const AdvDataset *set = set_of(t, example, &row);

	adv_layout_expand(&set->layout, adv_dataset_row(set, row), x);
	return t->data->label[row];
}

/* Have rows of the next minibatch brought into memory, this member's share of them. */
static void
look_ahead(const AdvTrainRun *run)
{
	const AdvTrain *t = run->t;
	size_t begin = run->begin + (size_t) run->rows, end = begin + (size_t) t->spec->batch_size;

	if (!t->data->will_need)
		return;
	end = end < t->n_examples ? end : t->n_examples;
	for (size_t i = begin + (size_t) run->team->rank; i < end; i += (size_t) run->team->size)
	{
		size_t row;
		const AdvDataset *set = set_of(t, run->shared.order[i], &row);

		t->data->will_need(adv_dataset_row(set, row), set->layout.row_bytes);
	}
}

/*
 * Examples lie anywhere in memory, and one that is first looked at when it is needed is waited for. So where the next ones lie is
 * looked up some of them ahead, and their rows are fetched a few ahead. (Inlined, because gcc takes a function that only fetches for one
 * that does nothing.)
 */
ADV_LOOP void
fetch_ahead(const AdvTrainRun *run, size_t at)
{
	const AdvTrain *t = run->t;
	size_t row;
	const AdvDataset *set;
	const unsigned char *memory;

	if (at + 2 * FETCH_AHEAD >= t->n_examples)
		return;
	__builtin_prefetch(&t->example_row[run->shared.order[at + 2 * FETCH_AHEAD]]);
	__builtin_prefetch(&t->example_key[run->shared.order[at + FETCH_AHEAD]]);
	set = set_of(t, run->shared.order[at + FETCH_AHEAD], &row);
	__builtin_prefetch(&t->data->label[row]);
	memory = adv_dataset_row(set, row);
	for (size_t i = 0; i < set->layout.row_bytes && i < FETCH_BYTES; i += 64)
		__builtin_prefetch(memory + i);
}

/* The objective's sum over a slice, its gradient, and how many are classified correctly. */
static double
slice_loss(AdvTrainRun *run, const AdvSlice *slice, int64_t *correct)
{
	const AdvNetwork *net = run->net;
	const float *logits = run->ws.act[net->n_layers];
	float *d_logits = run->ws.d_act[net->n_layers];
	float scale = 1.0f / (float) run->rows;
	size_t at = (size_t) run->defence->labelled * (size_t) slice->rows * (size_t) net->classes;
	AdvTrainOutputs outputs = {slice->rows, net->classes, logits + at, slice->label, scale, d_logits + at};
	double sum;

	sum = run->defence->loss ? run->defence->loss(&run->defending, slice, scale, correct)
							 : adv_cross_entropy(slice->rows, net->classes, logits, slice->label, scale, NULL,
												 d_logits, correct);
	return sum + adv_train_options_loss(&run->t->spec->options, &outputs);
}

/* Where in the minibatch a slice begins: slices are as even as can be. */
static int
slice_start(const AdvTrainRun *run, int slice)
{
	return (int) ((int64_t) run->rows * slice / run->n_slices);
}

/* Forward and backward pass of slice number slice. */
static AdvStatus
run_slice(AdvTrainRun *run, int slice)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	int per_example = run->defence->rows_per_example;
	int first = slice_start(run, slice);
	int rows = slice_start(run, slice + 1) - first;
	float *d_params = run->shared.slice_gradient + (size_t) slice * net->n_summed;
	int32_t label[ADV_SLICE_ROWS];
	uint64_t key[ADV_SLICE_ROWS];
	AdvSlice examples = {rows, label, key, (uint64_t) run->epoch};
	AdvStatus status;

	place_slice(run, (size_t) first * (size_t) per_example);
	for (int r = 0; r < rows; r++)
	{
		uint32_t example = run->shared.order[run->begin + first + r];
		float *x = run->ws.act[0] + (size_t) r * adv_shape_size(net->input);

		fetch_ahead(run, run->begin + first + r);
		label[r] = load_example(t, example, x);
		key[r] = t->example_key[example];
		adv_train_options_alter(&t->spec->options,
								&(AdvTrainExample){net->input, t->spec->seed, key[r], (uint64_t) run->epoch},
								x);
	}
	if (run->defence->craft && run->defence->craft(&run->defending, &examples) != ADV_OK)
		return ADV_ABORTED;
	run->ws.noise = (AdvNoise){key, rows, t->spec->seed, (uint64_t) run->epoch};
	if (adv_forward(&run->ws, rows * per_example) != ADV_OK)
		return ADV_ABORTED;

	if (run->defence->adds)
	{
		run->defending.gradient = run->shared.slice_extra + (size_t) slice * net->n_params;
		memset(run->defending.gradient, 0, sizeof(float) * net->n_params);
	}
	run->shared.slice_correct[slice] = 0;
	run->shared.slice_loss[slice] = slice_loss(run, &examples, &run->shared.slice_correct[slice]);
	memset(d_params, 0, sizeof(float) * net->n_summed);
	status = adv_backward(&run->ws, rows * per_example, d_params, true, false);
	run->ws.noise = (AdvNoise){NULL}; /* whoever passes through it next does not train */
	return status;
}

/* ---- minibatches and epochs ---- */

/* Every member comes to the same verdict; rank 0 reports it and stops the team. */
static AdvStatus
diverged(AdvTrainRun *run, const char *what, AdvError *err)
{
	AdvTrainState *state = run->t->state;
	int batch = (int) (run->begin / (size_t) run->t->spec->batch_size) + 1;

	if (run->team->rank != 0)
		return ADV_ABORTED;
	state->failed_epoch = run->epoch + 1;
	state->failed_batch = batch;
	atomic_store(&run->team->shared->abort, 1);
	adv_fail(err, ADV_DIVERGED, "training diverged in epoch %d, minibatch %d: %s", run->epoch + 1, batch,
			 what);
	adv_hint(err, "A smaller learning rate or scaled features may help.");
	return ADV_DIVERGED;
}

/* The optimizer for the minibatch number step. */
static AdvOptimizer
optimizer_of(const AdvTrainRun *run)
{
	const AdvTrainSpec *spec = run->t->spec;
	AdvOptimizer optimizer = spec->optimizer;
	size_t batch = (size_t) spec->batch_size;
	AdvTrainPlace place = {.step = run->step - 1,
						   .per_epoch = (int64_t) ((run->t->n_examples + batch - 1) / batch),
						   .epochs = spec->epochs};

	optimizer.learning_rate *= adv_train_options_rate(&spec->options, &place);
	return optimizer;
}

/* The minibatch that begins at run->begin. */
static AdvStatus
run_batch(AdvTrainRun *run, AdvError *err)
{
	size_t left = run->t->n_examples - run->begin;
	double sum = 0;

	run->rows = (int) (left < (size_t) run->t->spec->batch_size ? left : (size_t) run->t->spec->batch_size);
	run->n_slices = (run->rows + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	run->step++;
	run->optimizer = optimizer_of(run);
	run->defending.minibatch = run->step;
	run->defending.progress =
		(run->epoch + (double) run->begin / (double) run->t->n_examples) / run->t->spec->epochs;
	look_ahead(run);

	for (int s; (s = adv_team_claim(run->team, run->n_slices)) < run->n_slices;)
		if (run_slice(run, s) != ADV_OK)
			return ADV_ABORTED;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;

	for (int s = 0; s < run->n_slices; s++)
	{
		sum += run->shared.slice_loss[s];
		run->correct += run->shared.slice_correct[s];
	}
	if (!isfinite(sum))
		return diverged(run, "the loss is not finite", err);
	run->loss += sum;
	if (run->team->rank == 0)
	{
		atomic_store(&run->t->state->loss, sum / run->rows);
		atomic_fetch_add(&run->t->state->examples_done, (unsigned long long) run->rows);
	}

	if (adv_run_pieces(run) != ADV_OK)
		return ADV_ABORTED;
	return adv_team_barrier(run->team);
}

/* ---- epochs ---- */

/* The minibatches of an epoch, from run->begin on. */
static AdvStatus
run_batches(AdvTrainRun *run, AdvError *err)
{
	const AdvTrain *t = run->t;
	AdvStatus status;

	for (; run->begin < t->n_examples; run->begin += (size_t) t->spec->batch_size)
	{
		if (run->team->rank == 0 && t->checkpoint && atomic_load(&t->checkpoint->wanted))
			adv_checkpoint_take(run);
		if ((status = run_batch(run, err)) != ADV_OK)
			return status;
	}
	return ADV_OK;
}

/* Let the defence look at what the epoch has made of the network, and perhaps end the training. */
static AdvStatus
look_back(AdvTrainRun *run)
{
	AdvTrainState *state = run->t->state;
	AdvError why;

	adv_trainrun_workspace(run);
	if (run->defence->after_epoch(&run->defending, &run->ended, &why) != ADV_OK)
		return ADV_ABORTED;
	if (run->ended && run->team->rank == 0)
	{
		state->ended_epoch = run->epoch + 1;
		state->ended = why;
	}
	return ADV_OK;
}

/* An epoch, or what is left of it. */
static AdvStatus
run_epoch(AdvTrainRun *run, AdvError *err)
{
	const AdvTrain *t = run->t;
	AdvEpoch result = {.validation_loss = NAN, .validation_accuracy = NAN};
	AdvStatus status;

	run->start += t->now ? t->now() : 0;
	if (run->team->rank == 0 && adv_shuffle(run) != ADV_OK)
		return ADV_ABORTED;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;

	adv_trainrun_workspace(run);
	if ((status = run_batches(run, err)) != ADV_OK)
		return status;
	result.loss = run->loss / (double) t->n_examples;
	result.accuracy = (double) run->correct / (double) t->n_examples;

	if (t->validation && t->n_validation > 0 && (status = adv_validate(run, &result, err)) != ADV_OK)
		return status;
	if (run->defence->after_epoch && look_back(run) != ADV_OK)
		return ADV_ABORTED;
	adv_best_look(run, result.validation_loss);
	if (run->team->rank == 0)
	{
		result.seconds = t->now ? t->now() - run->start : 0;
		t->epochs[run->epoch] = result;
		atomic_store(&t->state->epochs_done, run->epoch + 1);
	}
	return ADV_OK;
}

static AdvStatus
check_spec(const AdvTrain *t, AdvError *err)
{
	if (t->n_examples < 1)
		return adv_fail(err, ADV_INVALID, "there are no examples to train on");
	if (t->n_examples >= UINT32_MAX)
		return adv_fail(err, ADV_LIMIT, "there are too many examples to train on");
	if (t->spec->batch_size < 1)
		return adv_fail(err, ADV_INVALID, "batch size must be at least 1");
	if (adv_train_options_patience(&t->spec->options) > 0 && (!t->validation || t->n_validation < 1))
		return adv_fail(err, ADV_INVALID, "patience needs validation rows");
	if (adv_train_options_check(&t->spec->options, t->net->input, err) != ADV_OK)
		return ADV_INVALID;
	return adv_defence_check(&t->spec->robust, t->net, err);
}

/* All epochs, or those until the training is ended. */
static AdvStatus
run_epochs(AdvTrainRun *run, AdvError *err)
{
	while (!run->ended && run->epoch < run->t->spec->epochs)
	{
		AdvStatus status = run_epoch(run, err);

		if (status != ADV_OK)
			return status;
		run->epoch++;
		run->begin = 0;
		run->correct = 0;
		run->loss = run->start = 0;
	}
	return ADV_OK;
}

AdvStatus
adv_train(AdvTrain *t, AdvTeam *team, AdvError *err)
{
	AdvTrainRun run;
	AdvStatus status = check_spec(t, err);

	if (status != ADV_OK)
		return status;
	adv_trainrun_open(&run, t, team);
	if (run.defence->open)
	{
		adv_trainrun_workspace(&run);
		run.defence->open(&run.defending);
	}
	if (team->rank == 0 && run.defence->start)
		run.defence->start(&run.defending);
	if (t->resume)
		adv_checkpoint_resume(&run);
	if (team->rank == 0)
		adv_pack(t->net, t->params, ADV_PASS_BACKWARD, run.shared.packed);
	status = run_epochs(&run, err);
	if (status == ADV_OK)
		status = adv_best_put_back(&run);
	if (status == ADV_OK && run.epoch > 0 && !adv_all_finite(t->net->n_params, t->params))
	{
		run.epoch--;
		run.begin = (t->n_examples - 1) / (size_t) t->spec->batch_size * (size_t) t->spec->batch_size;
		status = diverged(&run, "a parameter is not finite", err);
	}
	if (status == ADV_OK && team->rank == 0 && t->checkpoint && !run.ended)
		adv_checkpoint_take(&run);
	if (status == ADV_ABORTED)
		adv_fail(err, ADV_ABORTED, "training was stopped");
	return status;
}
