/*
 * train.c
 *		The training loop of one member of a team. See train.h for the two phases of a minibatch.
 *
 * What a member computes is decided by slice and piece numbers alone, and every sum that crosses a slice, a piece or
 * a part is formed by one member in the order of those numbers: the team's size decides who, never what.
 */
#include <math.h>
#include <string.h>

#include "carve.h"
#include "core/layers.h"
#include "core/loss.h"
#include "core/rng.h"
#include "core/train.h"

#define PIECE_OUTPUTS    64 /* outputs of a dense piece, fewer when there are very many inputs: */
#define PIECE_WEIGHTS    ((size_t) 1 << 20) /* weights of a dense piece at most, unless one output has more */
#define PIECE_CONV       4096               /* parameters of a conv piece */
#define VALIDATION_PARTS 64                 /* sums that validation pieces are collected in */

/* The memory a team shares beside parameters and outcome. */
typedef struct Shared
{
	uint32_t *order;    /* (n_examples) examples in this epoch's order */
	uint64_t *random;   /* (n_examples) what they are ordered by */
	uint32_t *bucket;   /* (n_buckets + 1) */
	double *slice_loss; /* (n_slices) sums over the rows of a slice */
	int64_t *slice_correct;
	float *slice_gradient; /* (n_slices, n_conv) gradients of the parameters before the first dense layer */
	float *dense_src[ADV_MAX_LAYERS];   /* (batch, in) of each dense layer */
	float *dense_d_dst[ADV_MAX_LAYERS]; /* (batch, out) */
	float *m;                           /* (n_params) optimizer state */
	float *v;
	double *part_loss; /* (VALIDATION_PARTS) */
	int64_t *part_correct;
	size_t bytes;
} Shared;

/* A training under way, as one member sees it. */
typedef struct Run
{
	const AdvTrain *t;
	const AdvNetwork *net;
	AdvTeam *team;
	Shared shared;
	AdvWorkspace ws; /* of one slice */
	float *gradient; /* of one piece */
	size_t n_conv;
	int epoch;    /* from 0 */
	size_t begin; /* first example of the minibatch, in the epoch's order */
	int rows;     /* of the minibatch */
	int n_slices; /* of the minibatch */
	int64_t step; /* minibatches so far, this one included */
} Run;

/* ---- memory ---- */

static size_t
largest_batch(const AdvTrainSpec *spec, size_t n_examples)
{
	return (size_t) spec->batch_size < n_examples ? (size_t) spec->batch_size : n_examples;
}

/* Parameters before the first dense layer: convolutions never follow one. */
static size_t
conv_params(const AdvNetwork *net)
{
	int i = 0;

	while (net->layers[i].kind != ADV_LAYER_DENSE)
		i++;
	return net->layers[i].weight;
}

/* Outputs of a dense layer that form a piece. */
static int
piece_outputs(const AdvLayer *l)
{
	size_t outputs = PIECE_WEIGHTS / adv_shape_size(l->in);

	return outputs < 1 ? 1 : outputs < PIECE_OUTPUTS ? (int) outputs : PIECE_OUTPUTS;
}

/* Leading bits of the random numbers that choose a bucket: about one example per bucket. */
static int
bucket_bits(size_t n_examples)
{
	int bits = 1;

	while (bits < 24 && n_examples >> bits > 1)
		bits++;
	return bits;
}

static Shared
carve_shared(const AdvNetwork *net, const AdvTrainSpec *spec, size_t n_examples, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t batch = largest_batch(spec, n_examples);
	size_t n_slices = (batch + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	Shared s;

	memset(&s, 0, sizeof(s));
	s.order = adv_carve(&carver, n_examples, sizeof(uint32_t));
	s.random = adv_carve(&carver, n_examples, sizeof(uint64_t));
	s.bucket = adv_carve(&carver, ((size_t) 1 << bucket_bits(n_examples)) + 1, sizeof(uint32_t));
	s.slice_loss = adv_carve(&carver, n_slices, sizeof(double));
	s.slice_correct = adv_carve(&carver, n_slices, sizeof(int64_t));
	s.slice_gradient = adv_carve_floats(&carver, n_slices * conv_params(net));
	for (int i = 0; i < net->n_layers; i++)
		if (net->layers[i].kind == ADV_LAYER_DENSE)
		{
			s.dense_src[i] = adv_carve_floats(&carver, batch * adv_shape_size(net->layers[i].in));
			s.dense_d_dst[i] = adv_carve_floats(&carver, batch * adv_shape_size(net->layers[i].out));
		}
	s.m = adv_carve_floats(&carver, net->n_params);
	s.v = adv_carve_floats(&carver, net->n_params);
	s.part_loss = adv_carve(&carver, VALIDATION_PARTS, sizeof(double));
	s.part_correct = adv_carve(&carver, VALIDATION_PARTS, sizeof(int64_t));
	s.bytes = carver.used;
	return s;
}

size_t
adv_train_shared_size(const AdvNetwork *net, const AdvTrainSpec *spec, size_t n_examples)
{
	return carve_shared(net, spec, n_examples, NULL).bytes;
}

/* Floats of a piece's gradient, weight then bias. */
static size_t
gradient_size(const AdvNetwork *net)
{
	size_t largest = PIECE_CONV;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		size_t size = (adv_shape_size(l->in) + 1) * (size_t) piece_outputs(l);

		if (l->kind == ADV_LAYER_DENSE && size > largest)
			largest = size;
	}
	return largest;
}

/* Training and validation take turns in the same workspace memory. */
static size_t
workspace_size(const AdvNetwork *net)
{
	size_t training = adv_workspace_size(net, ADV_SLICE_ROWS, ADV_PASS_BACKWARD);
	size_t validation = adv_workspace_size(net, ADV_EVAL_ROWS, ADV_PASS_FORWARD);

	return training > validation ? training : validation;
}

size_t
adv_train_private_size(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	AdvCarver carver = {NULL, 0};

	(void) spec;
	adv_carve_floats(&carver, gradient_size(net));
	return carver.used + workspace_size(net);
}

static void
init_workspace(Run *run, int max_rows, AdvPass pass)
{
	AdvCarver carver = {run->t->private, 0};

	run->gradient = adv_carve_floats(&carver, gradient_size(run->net));
	adv_workspace_init(&run->ws, run->net, max_rows, pass, carver.base + carver.used);
	run->ws.should_stop = adv_team_should_stop;
	run->ws.stop_arg = run->team;
}

/* ---- order of examples ---- */

static bool
comes_before(const Run *run, uint32_t a, uint32_t b)
{
	const uint64_t *random = run->shared.random;
	const uint64_t *key = run->t->example_key;

	return random[a] != random[b] ? random[a] < random[b] : key[a] < key[b];
}

/*
 * Order the examples by (random, key, position). Leading bits of the random numbers put them into buckets of about one
 * example; an insertion sort, which is linear on a sequence so nearly sorted, does the rest.
 */
static void
shuffle(Run *run)
{
	const AdvTrain *t = run->t;
	uint32_t n = (uint32_t) t->n_examples;
	int bits = bucket_bits(n);
	uint32_t *order = run->shared.order;
	uint64_t *random = run->shared.random;
	uint32_t *next = run->shared.bucket;

	memset(next, 0, sizeof(uint32_t) * (((size_t) 1 << bits) + 1));
	for (uint32_t i = 0; i < n; i++)
	{
		random[i] = adv_random64(t->spec->seed, ADV_FOR_SHUFFLE, t->example_key[i], (uint64_t) run->epoch);
		next[(random[i] >> (64 - bits)) + 1]++;
	}
	for (size_t b = 0; b < (size_t) 1 << bits; b++)
		next[b + 1] += next[b];
	for (uint32_t i = 0; i < n; i++)
		order[next[random[i] >> (64 - bits)]++] = i;

	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t moved = order[i];
		uint32_t j = i;

		for (; j > 0 && comes_before(run, moved, order[j - 1]); j--)
			order[j] = order[j - 1];
		order[j] = moved;
	}
}

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
place_slice(Run *run, size_t first)
{
	const AdvNetwork *net = run->net;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (l->kind != ADV_LAYER_DENSE)
			continue;
		redirect(run->ws.act, net->n_layers, i, run->shared.dense_src[i] + first * adv_shape_size(l->in));
		redirect(run->ws.d_act, net->n_layers, i + 1,
				 run->shared.dense_d_dst[i] + first * adv_shape_size(l->out));
	}
}

/* Forward and backward pass of slice number slice. */
static AdvStatus
run_slice(Run *run, int slice)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	int first = slice * ADV_SLICE_ROWS;
	int rows = run->rows - first < ADV_SLICE_ROWS ? run->rows - first : ADV_SLICE_ROWS;
	float *d_params = run->shared.slice_gradient + (size_t) slice * run->n_conv;
	int32_t label[ADV_SLICE_ROWS];

	place_slice(run, (size_t) first);
	for (int r = 0; r < rows; r++)
	{
		uint32_t row = t->example_row[run->shared.order[run->begin + first + r]];

		adv_layout_expand(&t->data->layout, adv_dataset_row(t->data, row),
						  run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
		label[r] = t->data->label[row];
	}
	if (adv_forward(net, t->params, &run->ws, rows) != ADV_OK)
		return ADV_ABORTED;

	run->shared.slice_correct[slice] = 0;
	run->shared.slice_loss[slice] =
		adv_cross_entropy(rows, net->classes, run->ws.act[net->n_layers], label, 1.0f / (float) run->rows,
						  NULL, run->ws.d_act[net->n_layers], &run->shared.slice_correct[slice]);
	memset(d_params, 0, sizeof(float) * run->n_conv);
	return adv_backward(net, t->params, &run->ws, rows, d_params, true, false);
}

/* ---- phase 2: pieces ---- */

static void
update(Run *run, size_t first, size_t count, const float *gradient)
{
	adv_optimizer_update(&run->t->spec->optimizer, run->step, count, run->t->params + first, gradient,
						 run->shared.m + first, run->shared.v + first);
}

/* Outputs first .. first + count of dense layer i. */
static void
run_dense_piece(Run *run, int i, int first, int count)
{
	const AdvLayer *l = &run->net->layers[i];
	size_t in = adv_shape_size(l->in);
	float *d_bias = run->gradient + (size_t) count * in;

	adv_dense_gradient_rows(l, run->rows, first, count, run->shared.dense_src[i], run->shared.dense_d_dst[i],
							run->gradient, d_bias);
	update(run, l->weight + (size_t) first * in, (size_t) count * in, run->gradient);
	update(run, l->bias + (size_t) first, (size_t) count, d_bias);
}

/* Parameters first .. first + count of the convolutions. */
static void
run_conv_piece(Run *run, size_t first, size_t count)
{
	memset(run->gradient, 0, sizeof(float) * count);
	for (int s = 0; s < run->n_slices; s++)
	{
		const float *slice = run->shared.slice_gradient + (size_t) s * run->n_conv + first;

		for (size_t i = 0; i < count; i++)
			run->gradient[i] += slice[i];
	}
	update(run, first, count, run->gradient);
}

/* All pieces in order; every size-th is this member's. */
static AdvStatus
run_pieces(Run *run)
{
	const AdvNetwork *net = run->net;
	AdvTeam *team = run->team;
	int piece = 0;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		int outputs = (int) adv_shape_size(l->out);
		int step = piece_outputs(l);

		for (int first = 0; l->kind == ADV_LAYER_DENSE && first < outputs; first += step)
		{
			if (piece++ % team->size != team->rank)
				continue;
			if (adv_team_should_stop(team))
				return ADV_ABORTED;
			run_dense_piece(run, i, first, outputs - first < step ? outputs - first : step);
		}
	}
	for (size_t first = net->first_trained; first < run->n_conv; first += PIECE_CONV)
		if (piece++ % team->size == team->rank)
			run_conv_piece(run, first, run->n_conv - first < PIECE_CONV ? run->n_conv - first : PIECE_CONV);
	return ADV_OK;
}

/* ---- minibatches and epochs ---- */

/* Every member comes to the same verdict; rank 0 reports it and stops the team. */
static AdvStatus
diverged(Run *run, const char *what, AdvError *err)
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

/* The minibatch that begins at run->begin. Adds to *loss and *correct, sums over its rows. */
static AdvStatus
run_batch(Run *run, double *loss, int64_t *correct, AdvError *err)
{
	size_t left = run->t->n_examples - run->begin;
	double sum = 0;

	run->rows = (int) (left < (size_t) run->t->spec->batch_size ? left : (size_t) run->t->spec->batch_size);
	run->n_slices = (run->rows + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	run->step++;

	for (int s = run->team->rank; s < run->n_slices; s += run->team->size)
		if (run_slice(run, s) != ADV_OK)
			return ADV_ABORTED;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;

	for (int s = 0; s < run->n_slices; s++)
	{
		sum += run->shared.slice_loss[s];
		*correct += run->shared.slice_correct[s];
	}
	if (!isfinite(sum))
		return diverged(run, "the loss is not finite", err);
	*loss += sum;
	if (run->team->rank == 0)
	{
		atomic_store(&run->t->state->loss, sum / run->rows);
		atomic_fetch_add(&run->t->state->examples_done, (unsigned long long) run->rows);
	}

	if (run_pieces(run) != ADV_OK)
		return ADV_ABORTED;
	return adv_team_barrier(run->team);
}

/* Loss and correct rows of validation piece number piece are added to its part. */
static AdvStatus
validate_piece(Run *run, size_t piece)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	size_t first = piece * ADV_EVAL_ROWS;
	int rows = (int) (t->n_validation - first < ADV_EVAL_ROWS ? t->n_validation - first : ADV_EVAL_ROWS);
	int32_t label[ADV_EVAL_ROWS];

	for (int r = 0; r < rows; r++)
	{
		size_t row = t->validation_row ? t->validation_row[first + r] : first + r;

		adv_layout_expand(&t->validation->layout, adv_dataset_row(t->validation, row),
						  run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
		label[r] = t->validation->label[row];
	}
	if (adv_forward(net, t->params, &run->ws, rows) != ADV_OK)
		return ADV_ABORTED;
	run->shared.part_loss[piece % VALIDATION_PARTS] +=
		adv_cross_entropy(rows, net->classes, run->ws.act[net->n_layers], label, 1, NULL, NULL,
						  &run->shared.part_correct[piece % VALIDATION_PARTS]);
	return ADV_OK;
}

/* Pieces are dealt to parts, parts to members; both sums are formed in order. */
static AdvStatus
validate(Run *run, AdvEpoch *result)
{
	const AdvTrain *t = run->t;
	size_t n_pieces = (t->n_validation + ADV_EVAL_ROWS - 1) / ADV_EVAL_ROWS;
	double loss = 0;
	int64_t correct = 0;

	init_workspace(run, ADV_EVAL_ROWS, ADV_PASS_FORWARD);
	for (int part = run->team->rank; part < VALIDATION_PARTS; part += run->team->size)
	{
		run->shared.part_loss[part] = 0;
		run->shared.part_correct[part] = 0;
		for (size_t piece = (size_t) part; piece < n_pieces; piece += VALIDATION_PARTS)
			if (validate_piece(run, piece) != ADV_OK)
				return ADV_ABORTED;
	}
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	for (int part = 0; part < VALIDATION_PARTS; part++)
	{
		loss += run->shared.part_loss[part];
		correct += run->shared.part_correct[part];
	}
	result->validation_loss = loss / (double) t->n_validation;
	result->validation_accuracy = (double) correct / (double) t->n_validation;
	return ADV_OK;
}

static AdvStatus
run_epoch(Run *run, AdvError *err)
{
	const AdvTrain *t = run->t;
	double start = t->now ? t->now() : 0;
	AdvEpoch result = {.validation_loss = NAN, .validation_accuracy = NAN};
	double loss = 0;
	int64_t correct = 0;
	AdvStatus status;

	if (run->team->rank == 0)
		shuffle(run);
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;

	init_workspace(run, ADV_SLICE_ROWS, ADV_PASS_BACKWARD);
	for (run->begin = 0; run->begin < t->n_examples; run->begin += (size_t) t->spec->batch_size)
		if ((status = run_batch(run, &loss, &correct, err)) != ADV_OK)
			return status;
	result.loss = loss / (double) t->n_examples;
	result.accuracy = (double) correct / (double) t->n_examples;

	if (t->validation && t->n_validation > 0 && validate(run, &result) != ADV_OK)
		return ADV_ABORTED;
	if (run->team->rank == 0)
	{
		result.seconds = t->now ? t->now() - start : 0;
		t->epochs[run->epoch] = result;
		atomic_store(&t->state->epochs_done, run->epoch + 1);
	}
	return ADV_OK;
}

/* The last update has no loss to show that it went too far. */
static bool
all_finite(size_t n, const float *values)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(values[i]))
			return false;
	return true;
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
	return ADV_OK;
}

AdvStatus
adv_train(AdvTrain *t, AdvTeam *team, AdvError *err)
{
	Run run = {.t = t, .net = t->net, .team = team};
	AdvStatus status = check_spec(t, err);

	if (status != ADV_OK)
		return status;
	run.n_conv = conv_params(t->net);
	run.shared = carve_shared(t->net, t->spec, t->n_examples, t->shared);
	for (run.epoch = 0; run.epoch < t->spec->epochs; run.epoch++)
		if ((status = run_epoch(&run, err)) != ADV_OK)
			break;
	if (status == ADV_OK && run.epoch > 0 && !all_finite(t->net->n_params, t->params))
	{
		run.epoch--;
		run.begin -= (size_t) t->spec->batch_size;
		status = diverged(&run, "a parameter is not finite", err);
	}
	if (status == ADV_ABORTED)
		adv_fail(err, ADV_ABORTED, "training was stopped");
	return status;
}
