/*
 * pieces.c
 *		Phase 2 of a minibatch: parameters are cut into fixed pieces; whoever forms the gradient of a piece, over the whole minibatch, applies the
 *		update at once and packs the new weights.
 */
#include "core/train/trainrun.h"

#include <string.h>

#define PIECE_OUTPUTS 256  /* outputs of a dense piece */
#define PIECE_INPUTS  1024 /* its inputs */
#define PIECE_FILTERS 16   /* filters of a conv piece */

AdvPart
adv_largest_piece(const AdvLayer *l)
{
	AdvPart part = adv_whole_layer(l);
	int outputs = adv_layer_type(l)->pieces == ADV_PIECES_PRODUCT ? PIECE_OUTPUTS : PIECE_FILTERS;

	part.outputs = part.outputs < outputs ? part.outputs : outputs;
	if (adv_layer_type(l)->pieces == ADV_PIECES_PRODUCT && part.inputs > PIECE_INPUTS)
		part.inputs = PIECE_INPUTS;
	return part;
}

static void
update(AdvTrainRun *run, size_t first, size_t count, const float *gradient)
{
	adv_optimizer_update(&run->optimizer, run->step, count, run->t->params + first, gradient,
						 run->shared.m + first, run->shared.v + first);
}

/* The weights of a part, whole lines at once, or line by line. */
static void
update_part(AdvTrainRun *run, const AdvLayer *l, AdvPart part)
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
run_dense_piece(AdvTrainRun *run, int i, AdvPart part)
{
	const AdvLayer *l = &run->net->layers[i];
	size_t size = (size_t) part.outputs * (size_t) part.inputs;
	float *d_bias = part.input == 0 ? run->gradient + size : NULL;

	memset(run->gradient, 0, sizeof(float) * (size + (size_t) part.outputs));
	adv_part_gradient(&run->ws, i, run->rows * run->defence->rows_per_example, part, run->shared.dense_src[i],
					  run->shared.dense_d_dst[i], run->gradient, d_bias);
	update_part(run, l, part);
	if (d_bias)
		update(run, l->bias + (size_t) part.output, (size_t) part.outputs, d_bias);
	adv_pack_part(run->net, i, part, run->t->params, ADV_PASS_BACKWARD, run->shared.packed);
}

/* Add up the slices' gradients of parameters first .. first + count, which lie before the first dense layer, and update. */
static void
update_conv(AdvTrainRun *run, size_t first, size_t count)
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
run_conv_piece(AdvTrainRun *run, int i, AdvPart part)
{
	const AdvLayer *l = &run->net->layers[i];
	size_t filter = l->n_weight / (size_t) l->out.c;

	update_conv(run, l->weight + (size_t) part.output * filter, (size_t) part.outputs * filter);
	update_conv(run, l->bias + (size_t) part.output, (size_t) part.outputs);
	adv_pack_part(run->net, i, part, run->t->params, ADV_PASS_BACKWARD, run->shared.packed);
}

/* The pieces of layer i, of which every size-th is this member's; piece counts those of all layers. */
static AdvStatus
run_layer_pieces(AdvTrainRun *run, int i, int *piece)
{
	const AdvLayer *l = &run->net->layers[i];
	AdvPart whole = adv_whole_layer(l);
	AdvPart step = adv_largest_piece(l);
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
			if (adv_layer_type(l)->pieces == ADV_PIECES_PRODUCT)
				run_dense_piece(run, i, part);
			else
				run_conv_piece(run, i, part);
		}
	return ADV_OK;
}

AdvStatus
adv_run_pieces(AdvTrainRun *run)
{
	const AdvNetwork *net = run->net;
	int piece = 0;

	for (int i = 0; i < net->n_layers; i++)
		if (adv_layer_type(&net->layers[i])->pieces != ADV_PIECES_NONE &&
			run_layer_pieces(run, i, &piece) != ADV_OK)
			return ADV_ABORTED;
	return ADV_OK;
}
