/*
 * trainrun.c
 *		The memory of a training: what the team shares, and what a member has for itself.
 */
#include "core/train/trainrun.h"

#include <math.h>
#include <string.h>

#include "core/base/carve.h"

static size_t
largest_batch(const AdvTrainSpec *spec, size_t n_examples)
{
	return (size_t) spec->batch_size < n_examples ? (size_t) spec->batch_size : n_examples;
}

/* Rows that an example becomes: its natural one, or an adversarial one in its place, or both. */
static size_t
rows_per_example(const AdvTrainSpec *spec)
{
	return (size_t) adv_defence_of(&spec->robust)->rows_per_example;
}

/* What a team shares; without memory, only measured. */
static AdvTrainShared
carve_shared(const AdvNetwork *net, const AdvTrainSpec *spec, size_t n_examples, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t batch = largest_batch(spec, n_examples);
	size_t rows = batch * rows_per_example(spec);
	size_t n_slices = (batch + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	AdvTrainShared s;

	memset(&s, 0, sizeof(s));
	s.order = adv_carve(&carver, n_examples, sizeof(uint32_t));
	s.random = adv_carve(&carver, n_examples, sizeof(uint64_t));
	s.bucket = adv_carve(&carver, ((size_t) 1 << adv_shuffle_bits(n_examples)) + 1, sizeof(uint32_t));
	s.slice_loss = adv_carve(&carver, n_slices, sizeof(double));
	s.slice_correct = adv_carve(&carver, n_slices, sizeof(int64_t));
	s.slice_gradient = adv_carve_floats(&carver, n_slices * net->n_summed);
	if (adv_defence_of(&spec->robust)->adds)
		s.slice_extra = adv_carve_floats(&carver, n_slices * net->n_params);
	for (int i = 0; i < net->n_layers; i++)
		if (adv_layer_type(&net->layers[i])->pieces == ADV_PIECES_PRODUCT)
		{
			s.dense_src[i] = adv_carve_floats(&carver, rows * adv_shape_size(net->layers[i].in));
			s.dense_d_dst[i] = adv_carve_floats(&carver, rows * adv_shape_size(net->layers[i].out));
		}
	s.packed = adv_carve(&carver, adv_packed_size(net, ADV_PASS_BACKWARD), 1);
	s.m = adv_carve_floats(&carver, net->n_params);
	s.v = adv_carve_floats(&carver, net->n_params);
	if (isfinite(adv_train_options_norm(&spec->options)))
	{
		AdvPiece p = {0};

		while (adv_next_piece(net, &p))
			;
		s.gradient = adv_carve_floats(&carver, p.at);
		s.piece_squares = adv_carve(&carver, (size_t) p.number, sizeof(double));
	}
	s.part_loss = adv_carve(&carver, ADV_VALIDATION_PARTS, sizeof(double));
	s.part_correct = adv_carve(&carver, ADV_VALIDATION_PARTS, sizeof(int64_t));
	s.defence = adv_carve(&carver, adv_defence_state_size(&spec->robust, net), 1);
	if (adv_train_options_patience(&spec->options) > 0)
		s.best = adv_carve_floats(&carver, net->n_params);
	s.bytes = carver.used;
	return s;
}

bool
adv_train_heeds_validation(const AdvTrainSpec *spec)
{
	return adv_defence_of(&spec->robust)->after_epoch || adv_train_options_patience(&spec->options) > 0;
}

size_t
adv_train_shared_size(const AdvNetwork *net, const AdvTrainSpec *spec, size_t n_examples)
{
	return carve_shared(net, spec, n_examples, NULL).bytes;
}

static int
count_pieces(const AdvNetwork *net)
{
	AdvPiece p = {0};

	while (adv_next_piece(net, &p))
		continue;
	return p.number - 1;
}

/* Floats of a piece's gradient, weights then biases, or of the sums that statistics are made of. */
static size_t
gradient_size(const AdvNetwork *net)
{
	size_t largest = 0;

	for (AdvPiece p = {0}; adv_next_piece(net, &p);)
	{
		size_t outputs = (size_t) p.part.outputs;
		size_t sums = outputs * (size_t) adv_statistic_kinds(&net->layers[p.layer]);
		size_t size = p.weights + outputs > sums ? p.weights + outputs : sums;

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
carve_private(const AdvNetwork *net, const AdvTrainSpec *spec, AdvCarver *carver, AdvTrainRun *run)
{
	run->gradient = adv_carve_floats(carver, gradient_size(net));
	if (adv_defence_of(&spec->robust)->craft && !adv_defence_of(&spec->robust)->noise)
	{
		void *memory = adv_carve(carver, adv_craft_size(net, ADV_SLICE_ROWS), 1);

		if (memory)
			adv_craft_init(&run->craft, net, ADV_SLICE_ROWS, memory);
	}
	if (adv_defence_of(&spec->robust)->memory)
		run->defending.memory = adv_carve(carver, adv_defence_of(&spec->robust)->memory(net), 1);
}

size_t
adv_train_private_size(const AdvNetwork *net, const AdvTrainSpec *spec)
{
	AdvCarver carver = {NULL, 0};
	AdvTrainRun measured;

	carve_private(net, spec, &carver, &measured);
	return carver.used + adv_workspace_size(net, slice_rows(spec), ADV_PASS_TRAINING);
}

void
adv_trainrun_workspace(AdvTrainRun *run)
{
	AdvCarver carver = {run->t->private, 0};

	carve_private(run->net, run->t->spec, &carver, run);
	adv_workspace_init(&run->ws, run->net, slice_rows(run->t->spec), ADV_PASS_TRAINING,
					   carver.base + carver.used);
	run->ws.stop = (AdvStop){adv_team_should_stop, run->team};
	adv_workspace_attach(&run->ws, run->t->params, run->shared.packed);
}

int32_t
adv_validation_row(const void *training, size_t i, float *x)
{
	const AdvTrain *t = training;
	size_t row = t->validation_row ? t->validation_row[i] : i;

	adv_layout_expand(&t->validation->layout, adv_dataset_row(t->validation, row), x);
	return t->validation->label[row];
}

void
adv_trainrun_open(AdvTrainRun *run, const AdvTrain *t, AdvTeam *team)
{
	*run = (AdvTrainRun){.t = t,
						 .net = t->net,
						 .team = team,
						 .defence = adv_defence_of(&t->spec->robust),
						 .n_pieces = count_pieces(t->net),
						 .best_epoch = -1,
						 .shared = carve_shared(t->net, t->spec, t->n_examples, t->shared),
						 .craft = {.seed = t->spec->seed, .ws = &run->ws}};
	run->defending = (AdvDefending){.robust = &t->spec->robust,
									.team = team,
									.ws = &run->ws,
									.craft = &run->craft,
									.params = t->params,
									.state = run->shared.defence,
									.n_validation = t->validation ? t->n_validation : 0,
									.validation_row = adv_validation_row,
									.validation_arg = t};
}
