/*
 * train.c
 *		The training loop of one member of a team. See train.h for the two phases of a minibatch.
 *
 * What a member computes is decided by slice and piece numbers alone, and every sum that crosses a slice, a piece or
 * a part is formed by one member in the order of those numbers: the team's size decides who, never what.
 *
 * Adversarial methods replace the rows of a slice before its passes (craft.c); trades lays the crafted rows behind the natural ones,
 * so that a slice of r examples has 2r rows from there on.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/defence/craft.h"
#include "core/layer/layers.h"
#include "core/network/loss.h"
#include "core/base/rng.h"
#include "core/train/train.h"

#define PIECE_OUTPUTS     256  /* outputs of a dense piece */
#define PIECE_INPUTS      1024 /* its inputs */
#define PIECE_FILTERS     16   /* filters of a conv piece */
#define VALIDATION_PARTS  64   /* sums that validation pieces are collected in */
#define EXAMPLES_PER_POLL 65536
#define PROBE_STEPS       5
#define PROBE_ALPHA       (2.5 / PROBE_STEPS) /* in eps */
#define PROBE_PIECES      (ADV_PROBE_ROWS / ADV_SLICE_ROWS)

/* The memory a team shares beside parameters and outcome. */
typedef struct Shared
{
	uint32_t *order;    /* (n_examples) examples in this epoch's order */
	uint64_t *random;   /* (n_examples) what they are ordered by */
	uint32_t *bucket;   /* (n_buckets + 1) */
	double *slice_loss; /* (n_slices) sums over the rows of a slice */
	int64_t *slice_correct;
	float *slice_gradient; /* (n_slices, n_conv) gradients of the parameters before the first dense layer */
	float *dense_src[ADV_MAX_LAYERS];   /* (rows of a minibatch, in) of each dense layer */
	float *dense_d_dst[ADV_MAX_LAYERS]; /* (rows of a minibatch, out) */
	void *packed; /* parameters as kernels read them, kept up to date by whoever changes them */
	float *m;     /* (n_params) optimizer state */
	float *v;
	double *part_loss; /* (VALIDATION_PARTS) */
	int64_t *part_correct;
	float *before;          /* fast: (n_params) parameters after the last epoch whose probe was well */
	int64_t *probe_correct; /* fast: (PROBE_PIECES) */
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
	AdvCraft craft;  /* of one slice; without a method it has no memory */
	float *gradient; /* of one piece */
	size_t n_conv;
	int epoch;    /* from 0 */
	size_t begin; /* first example of the minibatch, in the epoch's order */
	int rows;     /* of the minibatch */
	int n_slices; /* of the minibatch */
	int64_t step; /* minibatches so far, this one included */
	double probe; /* fast: accuracy under attack after the last epoch; NaN before the first has ended */
	bool overfitted;
	double loss; /* of this epoch, sums over the rows that were trained on so far */
	int64_t correct;
	double start; /* of this epoch, by the host's clock */
} Run;

/* ---- memory ---- */

static size_t
largest_batch(const AdvTrainSpec *spec, size_t n_examples)
{
	return (size_t) spec->batch_size < n_examples ? (size_t) spec->batch_size : n_examples;
}

/* Rows that an example becomes: its natural one, or an adversarial one in its place, or both. */
static size_t
rows_per_example(const AdvTrainSpec *spec)
{
	return spec->robust.method == ADV_METHOD_TRADES ? 2 : 1;
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

/* The largest piece of a layer's weights: a part of a dense layer, or some whole filters. */
static AdvPart
largest_piece(const AdvLayer *l)
{
	AdvPart part = adv_whole_layer(l);
	int outputs = l->kind == ADV_LAYER_DENSE ? PIECE_OUTPUTS : PIECE_FILTERS;

	part.outputs = part.outputs < outputs ? part.outputs : outputs;
	if (l->kind == ADV_LAYER_DENSE && part.inputs > PIECE_INPUTS)
		part.inputs = PIECE_INPUTS;
	return part;
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
	size_t rows = batch * rows_per_example(spec);
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
			s.dense_src[i] = adv_carve_floats(&carver, rows * adv_shape_size(net->layers[i].in));
			s.dense_d_dst[i] = adv_carve_floats(&carver, rows * adv_shape_size(net->layers[i].out));
		}
	s.packed = adv_carve(&carver, adv_packed_size(net, ADV_PASS_BACKWARD), 1);
	s.m = adv_carve_floats(&carver, net->n_params);
	s.v = adv_carve_floats(&carver, net->n_params);
	s.part_loss = adv_carve(&carver, VALIDATION_PARTS, sizeof(double));
	s.part_correct = adv_carve(&carver, VALIDATION_PARTS, sizeof(int64_t));
	if (spec->robust.method == ADV_METHOD_FAST)
	{
		s.before = adv_carve_floats(&carver, net->n_params);
		s.probe_correct = adv_carve(&carver, PROBE_PIECES, sizeof(int64_t));
	}
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
	size_t largest = 0;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		AdvPart piece = largest_piece(l);
		size_t size = 0;

		if (l->kind == ADV_LAYER_DENSE)
			size = ((size_t) piece.inputs + 1) * (size_t) piece.outputs;
		else if (l->kind == ADV_LAYER_CONV)
			size = l->n_weight / (size_t) l->out.c * (size_t) piece.outputs;
		largest = size > largest ? size : largest;
	}
	return largest;
}

/* Rows of a slice's workspace. */
static int
slice_rows(const AdvTrainSpec *spec)
{
	return ADV_SLICE_ROWS * (int) rows_per_example(spec);
}

/* A member's memory, all but the workspace, which begins where the carver ends. */
static void
carve_private(const AdvNetwork *net, const AdvTrainSpec *spec, AdvCarver *carver, Run *run)
{
	run->gradient = adv_carve_floats(carver, gradient_size(net));
	if (spec->robust.method != ADV_METHOD_NONE)
	{
		void *memory = adv_carve(carver, adv_craft_size(net, ADV_SLICE_ROWS), 1);

		if (memory)
			adv_craft_init(&run->craft, net, ADV_SLICE_ROWS, memory);
	}
}

size_t
adv_train_private_size(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	AdvCarver carver = {NULL, 0};
	Run measured;

	carve_private(net, spec, &carver, &measured);
	return carver.used + adv_workspace_size(net, slice_rows(spec), ADV_PASS_TRAINING);
}

/* To be called again when a pass shall not write where slices have been placed. */
static void
init_workspace(Run *run)
{
	AdvCarver carver = {run->t->private, 0};

	carve_private(run->net, run->t->spec, &carver, run);
	adv_workspace_init(&run->ws, run->net, slice_rows(run->t->spec), ADV_PASS_TRAINING,
					   carver.base + carver.used);
	run->ws.should_stop = adv_team_should_stop;
	run->ws.stop_arg = run->team;
	adv_workspace_attach(&run->ws, run->t->params, run->shared.packed);
}

/* ---- order of examples ---- */

static bool
comes_before(const Run *run, uint32_t a, uint32_t b)
{
	const uint64_t *random = run->shared.random;
	const uint64_t *key = run->t->example_key;

	return random[a] != random[b] ? random[a] < random[b] : key[a] < key[b];
}

/* Asked of each example, of which there may be millions. */
static bool
stops_at(const Run *run, uint32_t i)
{
	return i % EXAMPLES_PER_POLL == 0 && adv_team_should_stop(run->team);
}

/*
 * Order the examples by (random, key, position). Leading bits of the random numbers put them into buckets of about one
 * example; an insertion sort, which is linear on a sequence so nearly sorted, does the rest.
 */
static AdvStatus
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
		if (stops_at(run, i))
			return ADV_ABORTED;
		random[i] = adv_random64(t->spec->seed, ADV_FOR_SHUFFLE, t->example_key[i], (uint64_t) run->epoch);
		next[(random[i] >> (64 - bits)) + 1]++;
	}
	for (size_t b = 0; b < (size_t) 1 << bits; b++)
		next[b + 1] += next[b];
	for (uint32_t i = 0; i < n; i++)
	{
		if (stops_at(run, i))
			return ADV_ABORTED;
		order[next[random[i] >> (64 - bits)]++] = i;
	}

	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t moved = order[i];
		uint32_t j = i;

		if (stops_at(run, i))
			return ADV_ABORTED;
		for (; j > 0 && comes_before(run, moved, order[j - 1]); j--)
			order[j] = order[j - 1];
		order[j] = moved;
	}
	return ADV_OK;
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

/* Expand an example, a row or the twin of one, into x; returns its label. */
static int32_t
load_example(const AdvTrain *t, uint32_t example, float *x)
{
	const AdvDataset *set = t->data;
	size_t row = t->example_row[example];

	if (t->twins && row >= t->data->n_rows)
	{
		set = t->twins;
		row -= t->data->n_rows;
	}
	adv_layout_expand(&set->layout, adv_dataset_row(set, row), x);
	return t->data->label[row];
}

/* How rows of the training are made adversarial; fast is one step from a random start. */
static AdvRobust
training_attack(const AdvRobust *robust)
{
	AdvRobust how = *robust;

	if (how.method == ADV_METHOD_FAST)
	{
		how.steps = 1;
		how.random_start = true;
	}
	return how;
}

/* Put adversarial examples in the place of the slice's rows, or behind them for trades. */
static AdvStatus
make_adversarial(Run *run, int rows, const int32_t *label, const uint64_t *key)
{
	size_t size = (size_t) rows * adv_shape_size(run->net->input);
	float *x = run->ws.act[0];

	if (adv_craft(&run->craft, rows, label, key, (uint64_t) run->epoch) != ADV_OK)
		return ADV_ABORTED;
	if (run->craft.how.method == ADV_METHOD_TRADES)
	{
		memcpy(x + size, x, sizeof(float) * size);
		memcpy(x, run->craft.x0, sizeof(float) * size);
	}
	return ADV_OK;
}

/* The objective's sum over a slice of rows examples, its gradient, and how many are classified correctly. */
static double
slice_loss(Run *run, int rows, const int32_t *label, int64_t *correct)
{
	const AdvNetwork *net = run->net;
	const float *logits = run->ws.act[net->n_layers];
	float *d_logits = run->ws.d_act[net->n_layers];
	size_t behind = (size_t) rows * (size_t) net->classes;
	float scale = 1.0f / (float) run->rows;

	if (run->craft.how.method == ADV_METHOD_TRADES)
		return adv_trades_loss(rows, net->classes, logits, logits + behind, label, run->craft.how.beta, scale,
							   d_logits, d_logits + behind, correct);
	return adv_cross_entropy(rows, net->classes, logits, label, scale, NULL, d_logits, correct);
}

/* Where in the minibatch a slice begins: slices are as even as can be. */
static int
slice_start(const Run *run, int slice)
{
	return (int) ((int64_t) run->rows * slice / run->n_slices);
}

/* Forward and backward pass of slice number slice. */
static AdvStatus
run_slice(Run *run, int slice)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	size_t per_example = rows_per_example(t->spec);
	int first = slice_start(run, slice);
	int rows = slice_start(run, slice + 1) - first;
	float *d_params = run->shared.slice_gradient + (size_t) slice * run->n_conv;
	int32_t label[ADV_SLICE_ROWS];
	uint64_t key[ADV_SLICE_ROWS];

	place_slice(run, (size_t) first * per_example);
	for (int r = 0; r < rows; r++)
	{
		uint32_t example = run->shared.order[run->begin + first + r];

		label[r] = load_example(t, example, run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
		key[r] = t->example_key[example];
	}
	if (run->craft.how.method != ADV_METHOD_NONE && make_adversarial(run, rows, label, key) != ADV_OK)
		return ADV_ABORTED;
	if (adv_forward(&run->ws, rows * (int) per_example) != ADV_OK)
		return ADV_ABORTED;

	run->shared.slice_correct[slice] = 0;
	run->shared.slice_loss[slice] = slice_loss(run, rows, label, &run->shared.slice_correct[slice]);
	memset(d_params, 0, sizeof(float) * run->n_conv);
	return adv_backward(&run->ws, rows * (int) per_example, d_params, true, false);
}

/* ---- phase 2: pieces ---- */

static void
update(Run *run, size_t first, size_t count, const float *gradient)
{
	adv_optimizer_update(&run->t->spec->optimizer, run->step, count, run->t->params + first, gradient,
						 run->shared.m + first, run->shared.v + first);
}

/* The weights of a part, whole lines at once, or line by line. */
static void
update_part(Run *run, const AdvLayer *l, AdvPart part)
{
	size_t in = adv_shape_size(l->in);
	size_t line = (size_t) part.inputs, lines = (size_t) part.outputs;
	size_t first = l->weight + (size_t) part.output * in + (size_t) part.input;

	if (line == in)
		update(run, first, lines * line, run->gradient);
	else
		for (size_t o = 0; o < lines; o++)
			update(run, first + o * in, line, run->gradient + o * line);
}

/* A part of dense layer i; the one with the first inputs has the bias as well. */
static void
run_dense_piece(Run *run, int i, AdvPart part)
{
	const AdvLayer *l = &run->net->layers[i];
	size_t size = (size_t) part.outputs * (size_t) part.inputs;
	float *d_bias = part.input == 0 ? run->gradient + size : NULL;

	memset(run->gradient, 0, sizeof(float) * (size + (size_t) part.outputs));
	adv_dense_part(&run->ws, i, run->rows * (int) rows_per_example(run->t->spec), part,
				   run->shared.dense_src[i], run->shared.dense_d_dst[i], run->gradient, d_bias);
	update_part(run, l, part);
	if (d_bias)
		update(run, l->bias + (size_t) part.output, (size_t) part.outputs, d_bias);
	adv_pack_part(run->net, i, part, run->t->params, ADV_PASS_BACKWARD, run->shared.packed);
}

/* Add up the slices' gradients of parameters first .. first + count, which lie before the first dense layer, and update. */
static void
update_conv(Run *run, size_t first, size_t count)
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

/* Some filters of convolution i. */
static void
run_conv_piece(Run *run, int i, AdvPart part)
{
	const AdvLayer *l = &run->net->layers[i];
	size_t filter = l->n_weight / (size_t) l->out.c;

	update_conv(run, l->weight + (size_t) part.output * filter, (size_t) part.outputs * filter);
	update_conv(run, l->bias + (size_t) part.output, (size_t) part.outputs);
	adv_pack_part(run->net, i, part, run->t->params, ADV_PASS_BACKWARD, run->shared.packed);
}

/* The pieces of layer i, of which every size-th is this member's; piece counts those of all layers. */
static AdvStatus
run_layer_pieces(Run *run, int i, int *piece)
{
	const AdvLayer *l = &run->net->layers[i];
	AdvPart whole = adv_whole_layer(l);
	AdvPart step = largest_piece(l);
	AdvPart part;

	for (part.output = 0; part.output < whole.outputs; part.output += step.outputs)
		for (part.input = 0; part.input < whole.inputs; part.input += step.inputs)
		{
			if ((*piece)++ % run->team->size != run->team->rank)
				continue;
			if (adv_team_should_stop(run->team))
				return ADV_ABORTED;
			part.outputs =
				whole.outputs - part.output < step.outputs ? whole.outputs - part.output : step.outputs;
			part.inputs = whole.inputs - part.input < step.inputs ? whole.inputs - part.input : step.inputs;
			if (l->kind == ADV_LAYER_DENSE)
				run_dense_piece(run, i, part);
			else
				run_conv_piece(run, i, part);
		}
	return ADV_OK;
}

static AdvStatus
run_pieces(Run *run)
{
	const AdvNetwork *net = run->net;
	int piece = 0;

	for (int i = 0; i < net->n_layers; i++)
		if ((net->layers[i].kind == ADV_LAYER_DENSE || net->layers[i].kind == ADV_LAYER_CONV) &&
			run_layer_pieces(run, i, &piece) != ADV_OK)
			return ADV_ABORTED;
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

/* The minibatch that begins at run->begin. */
static AdvStatus
run_batch(Run *run, AdvError *err)
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

	if (run_pieces(run) != ADV_OK)
		return ADV_ABORTED;
	return adv_team_barrier(run->team);
}

/* Expand the i-th validation row into x; returns its label. */
static int32_t
load_validation(const AdvTrain *t, size_t i, float *x)
{
	size_t row = t->validation_row ? t->validation_row[i] : i;

	adv_layout_expand(&t->validation->layout, adv_dataset_row(t->validation, row), x);
	return t->validation->label[row];
}

/* Loss and correct rows of validation piece number piece are added to its part. */
static AdvStatus
validate_piece(Run *run, size_t piece)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	size_t first = piece * ADV_SLICE_ROWS;
	int rows = (int) (t->n_validation - first < ADV_SLICE_ROWS ? t->n_validation - first : ADV_SLICE_ROWS);
	int32_t label[ADV_SLICE_ROWS];

	for (int r = 0; r < rows; r++)
		label[r] = load_validation(t, first + r, run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
	if (adv_forward(&run->ws, rows) != ADV_OK)
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
	size_t n_pieces = (t->n_validation + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	double loss = 0;
	int64_t correct = 0;

	init_workspace(run);
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

/* Every member comes to this verdict, too. */
static AdvStatus
validation_not_finite(Run *run, AdvError *err)
{
	if (run->team->rank != 0)
		return ADV_ABORTED;
	run->t->state->failed_epoch = run->epoch + 1;
	atomic_store(&run->team->shared->abort, 1);
	adv_fail(err, ADV_DIVERGED, "the loss of the validation rows is not finite after epoch %d",
			 run->epoch + 1);
	adv_hint(
		err,
		"A validation row may be far outside of what the model is trained on, or the training diverges: a "
		"smaller learning rate may help.");
	return ADV_DIVERGED;
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

/* ---- the probe of method fast ---- */

static AdvRobust
probe_attack(const AdvRobust *robust)
{
	AdvRobust how = *robust;

	how.method = ADV_METHOD_PGD;
	how.attack = 0; /* pgd */
	how.steps = PROBE_STEPS;
	how.alpha = PROBE_ALPHA * how.eps;
	how.random_start = true;
	return how;
}

static size_t
probe_rows(const AdvTrain *t)
{
	size_t rows = t->validation ? t->n_validation : 0;

	return rows < ADV_PROBE_ROWS ? rows : ADV_PROBE_ROWS;
}

/* Count the rows of probe piece number piece that withstand the attack. */
static AdvStatus
probe_piece(Run *run, size_t piece)
{
	const AdvTrain *t = run->t;
	const AdvNetwork *net = run->net;
	size_t first = piece * ADV_SLICE_ROWS;
	size_t left = probe_rows(t) - first;
	int rows = (int) (left < ADV_SLICE_ROWS ? left : ADV_SLICE_ROWS);
	int32_t label[ADV_SLICE_ROWS];
	uint64_t key[ADV_SLICE_ROWS];

	for (int r = 0; r < rows; r++)
	{
		key[r] = first + (size_t) r;
		label[r] = load_validation(t, key[r], run->ws.act[0] + (size_t) r * adv_shape_size(net->input));
	}
	if (adv_craft(&run->craft, rows, label, key, 0) != ADV_OK || adv_forward(&run->ws, rows) != ADV_OK)
		return ADV_ABORTED;
	run->shared.probe_correct[piece] = 0;
	adv_cross_entropy(rows, net->classes, run->ws.act[net->n_layers], label, 1, NULL, NULL,
					  &run->shared.probe_correct[piece]);
	return ADV_OK;
}

/* Accuracy of the probe under attack. Its random starts are the same each time, so that only parameters make a difference. */
static AdvStatus
measure_probe(Run *run, double *accuracy)
{
	const AdvTrain *t = run->t;
	size_t n_pieces = (probe_rows(t) + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	int64_t correct = 0;

	init_workspace(run);
	run->craft.how = probe_attack(&t->spec->robust);
	for (size_t piece = (size_t) run->team->rank; piece < n_pieces; piece += (size_t) run->team->size)
		if (probe_piece(run, piece) != ADV_OK)
			return ADV_ABORTED;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	for (size_t piece = 0; piece < n_pieces; piece++)
		correct += run->shared.probe_correct[piece];
	*accuracy = (double) correct / (double) probe_rows(t);
	run->craft.how = training_attack(&t->spec->robust);
	return ADV_OK;
}

/*
 * After an epoch of method fast: keep its parameters, or put back those from before it and end the training. Nothing is
 * compared with untrained parameters: a network that gives one class to all has that class's share of the rows right under any attack.
 */
static AdvStatus
probe_epoch(Run *run)
{
	const AdvTrain *t = run->t;
	size_t bytes = sizeof(float) * run->net->n_params;
	double last = run->probe;

	if (measure_probe(run, &run->probe) != ADV_OK)
		return ADV_ABORTED;
	run->overfitted = last - run->probe > ADV_PROBE_FALL && all_finite(run->net->n_params, t->params);
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	if (run->team->rank == 0 && run->overfitted)
	{
		memcpy(t->params, run->shared.before, bytes);
		t->state->overfitted_epoch = run->epoch + 1;
		t->state->probe_before = last;
		t->state->probe_after = run->probe;
	}
	else if (run->team->rank == 0)
		memcpy(run->shared.before, t->params, bytes);
	return adv_team_barrier(run->team);
}

/* ---- checkpoints ---- */

#define CHECKPOINT_MAGIC UINT64_C(0x3170636b76646131)

/* The head of a state. After it follow the epochs (spec->epochs), parameters, optimizer state and, for method fast, parameters before. */
typedef struct Position
{
	uint64_t magic;
	uint64_t n_params;
	uint64_t n_examples;
	int64_t epochs; /* of the specification, as the next two */
	int64_t batch_size;
	int64_t method;
	int64_t epoch;  /* from 0; those before it are done */
	uint64_t begin; /* examples of it that are done */
	int64_t step;
	int64_t correct; /* sums over these examples */
	double loss;
	double probe;
	double seconds; /* of this epoch so far */
} Position;

/* Where the parts of a state lie, in bytes. */
typedef struct StateLayout
{
	size_t epochs;
	size_t params;
	size_t m;
	size_t v;
	size_t before;
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
	l.before = l.v + floats;
	l.size = l.before + (spec->robust.method == ADV_METHOD_FAST ? floats : 0);
	return l;
}

size_t
adv_checkpoint_size(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	return state_layout(net, spec).size;
}

/* Rank 0 alone, while the others change nothing: up to the first barrier of a minibatch, or after the last one of all. */
static void
take_checkpoint(Run *run)
{
	const AdvTrain *t = run->t;
	StateLayout l = state_layout(run->net, t->spec);
	size_t floats = sizeof(float) * run->net->n_params;
	unsigned char *state = t->checkpoint->state;
	Position at = {CHECKPOINT_MAGIC,
				   run->net->n_params,
				   t->n_examples,
				   t->spec->epochs,
				   t->spec->batch_size,
				   t->spec->robust.method,
				   run->epoch,
				   run->begin,
				   run->step,
				   run->correct,
				   run->loss,
				   run->probe,
				   t->now ? t->now() - run->start : 0};

	memcpy(state, &at, sizeof(at));
	memcpy(state + l.epochs, t->epochs, sizeof(AdvEpoch) * (size_t) t->spec->epochs);
	memcpy(state + l.params, t->params, floats);
	memcpy(state + l.m, run->shared.m, floats);
	memcpy(state + l.v, run->shared.v, floats);
	if (l.size > l.before)
		memcpy(state + l.before, run->shared.before, floats);
	atomic_store(&t->checkpoint->wanted, 0);
	atomic_fetch_add(&t->checkpoint->taken, 1);
}

AdvStatus
adv_checkpoint_check(const void *bytes, size_t size, const AdvNetwork *net, const AdvTrainSpec *spec,
					 size_t n_examples, AdvError *err)
{
	uint64_t batch = (uint64_t) spec->batch_size;
	uint64_t batches = (n_examples + batch - 1) / batch;
	Position at;

	if (size != adv_checkpoint_size(net, spec))
		return adv_fail(err, ADV_CORRUPT, "checkpoint has %zu bytes, not %zu", size,
						adv_checkpoint_size(net, spec));
	memcpy(&at, bytes, sizeof(at));
	if (at.magic != CHECKPOINT_MAGIC || at.n_params != net->n_params || at.n_examples != n_examples ||
		at.epochs != spec->epochs || at.batch_size != spec->batch_size || at.method != spec->robust.method)
		return adv_fail(err, ADV_CORRUPT, "checkpoint is that of another training");
	if (at.epoch < 0 || at.epoch > spec->epochs || at.begin >= n_examples || at.begin % batch != 0 ||
		(at.epoch == spec->epochs && at.begin > 0) ||
		(uint64_t) at.step != (uint64_t) at.epoch * batches + at.begin / batch || at.correct < 0 ||
		(uint64_t) at.correct > at.begin)
		return adv_fail(err, ADV_CORRUPT, "checkpoint is of no place in this training");
	return ADV_OK;
}

/* All members; rank 0 restores what is shared. */
static void
resume(Run *run)
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
	run->probe = at.probe;
	run->start = -at.seconds;
	if (run->team->rank != 0)
		return;
	memcpy(t->epochs, state + l.epochs, sizeof(AdvEpoch) * (size_t) at.epoch);
	memcpy(t->params, state + l.params, floats);
	memcpy(run->shared.m, state + l.m, floats);
	memcpy(run->shared.v, state + l.v, floats);
	if (l.size > l.before)
		memcpy(run->shared.before, state + l.before, floats);
	atomic_store(&t->state->epochs_done, run->epoch);
	atomic_store(&t->state->examples_done, (unsigned long long) run->epoch * t->n_examples + run->begin);
}

/* ---- epochs ---- */

/* The minibatches of an epoch, from run->begin on. */
static AdvStatus
run_batches(Run *run, AdvError *err)
{
	const AdvTrain *t = run->t;
	AdvStatus status;

	for (; run->begin < t->n_examples; run->begin += (size_t) t->spec->batch_size)
	{
		if (run->team->rank == 0 && t->checkpoint && atomic_load(&t->checkpoint->wanted))
			take_checkpoint(run);
		if ((status = run_batch(run, err)) != ADV_OK)
			return status;
	}
	return ADV_OK;
}

/* An epoch, or what is left of it. */
static AdvStatus
run_epoch(Run *run, AdvError *err)
{
	const AdvTrain *t = run->t;
	AdvEpoch result = {.validation_loss = NAN, .validation_accuracy = NAN};
	AdvStatus status;

	run->start += t->now ? t->now() : 0;
	if (run->team->rank == 0 && shuffle(run) != ADV_OK)
		return ADV_ABORTED;
	if (adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;

	init_workspace(run);
	if ((status = run_batches(run, err)) != ADV_OK)
		return status;
	result.loss = run->loss / (double) t->n_examples;
	result.accuracy = (double) run->correct / (double) t->n_examples;

	if (t->validation && t->n_validation > 0)
	{
		if (validate(run, &result) != ADV_OK)
			return ADV_ABORTED;
		if (!isfinite(result.validation_loss))
			return validation_not_finite(run, err);
	}
	if (t->spec->robust.method == ADV_METHOD_FAST && probe_rows(t) > 0 && probe_epoch(run) != ADV_OK)
		return ADV_ABORTED;
	if (run->team->rank == 0)
	{
		result.seconds = t->now ? t->now() - run->start : 0;
		t->epochs[run->epoch] = result;
		atomic_store(&t->state->epochs_done, run->epoch + 1);
	}
	return ADV_OK;
}

static AdvStatus
check_robust(const AdvRobust *robust, AdvError *err)
{
	if (robust->method < ADV_METHOD_NONE || robust->method > ADV_METHOD_FAST)
		return adv_fail(err, ADV_INVALID, "unknown method of adversarial training");
	if (robust->method == ADV_METHOD_NONE)
		return ADV_OK;
	if (!(robust->eps >= 0) || !(robust->alpha >= 0) || isinf(robust->eps) || isinf(robust->alpha))
		return adv_fail(err, ADV_INVALID,
						"eps and alpha of adversarial training must be finite and not negative");
	if (robust->method != ADV_METHOD_FAST && robust->steps < 1)
		return adv_fail(err, ADV_INVALID, "steps of adversarial training must be at least 1");
	if (robust->method == ADV_METHOD_TRADES && (!(robust->beta >= 0) || isinf(robust->beta)))
		return adv_fail(err, ADV_INVALID, "beta must be finite and not negative");
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
	return check_robust(&t->spec->robust, err);
}

/* All epochs, or those until the probe of method fast ends the training. */
static AdvStatus
run_epochs(Run *run, AdvError *err)
{
	while (!run->overfitted && run->epoch < run->t->spec->epochs)
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
	Run run = {.t = t, .net = t->net, .team = team, .probe = NAN};
	AdvStatus status = check_spec(t, err);

	if (status != ADV_OK)
		return status;
	run.n_conv = conv_params(t->net);
	run.shared = carve_shared(t->net, t->spec, t->n_examples, t->shared);
	run.craft = (AdvCraft){.how = training_attack(&t->spec->robust), .seed = t->spec->seed, .ws = &run.ws};
	if (t->resume)
		resume(&run);
	if (team->rank == 0)
		adv_pack(t->net, t->params, ADV_PASS_BACKWARD, run.shared.packed);
	status = run_epochs(&run, err);
	if (status == ADV_OK && run.epoch > 0 && !all_finite(t->net->n_params, t->params))
	{
		run.epoch--;
		run.begin = (t->n_examples - 1) / (size_t) t->spec->batch_size * (size_t) t->spec->batch_size;
		status = diverged(&run, "a parameter is not finite", err);
	}
	if (status == ADV_OK && team->rank == 0 && t->checkpoint && !run.overfitted)
		take_checkpoint(&run);
	if (status == ADV_ABORTED)
		adv_fail(err, ADV_ABORTED, "training was stopped");
	return status;
}
