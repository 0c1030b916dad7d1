/*
 * pieces.c
 *		Phase 2 of a minibatch: parameters are cut into fixed pieces; whoever forms the gradient of a piece, over the whole minibatch, applies the
 *		update at once and packs the new weights.
 *
 * Where gradients are clipped nobody can update before the last piece's gradient is there: then all are kept, each with its sum of squares,
 * and a barrier lies between. The sums are added up in the order of pieces, by every member.
 */
#include "core/train/trainrun.h"

#include <math.h>
#include <string.h>

#define PIECE_OUTPUTS 256 /* outputs of a dense piece */
#define FEW_OUTPUTS   32  /* of a layer with few inputs, so that two members have as much to do */
#define FEW_INPUTS    256
#define PIECE_INPUTS  1024 /* its inputs */
#define PIECE_FILTERS 16   /* filters of a conv piece */

AdvPart
adv_largest_piece(const AdvLayer *l)
{
	AdvPart part = adv_whole_layer(l);
	int outputs = part.inputs <= FEW_INPUTS ? FEW_OUTPUTS : PIECE_OUTPUTS;

	if (adv_layer_type(l)->pieces == ADV_PIECES_FILTERS)
		outputs = PIECE_FILTERS;
	part.outputs = part.outputs < outputs ? part.outputs : outputs;
	if (adv_layer_type(l)->pieces == ADV_PIECES_PRODUCT && part.inputs > PIECE_INPUTS)
		part.inputs = PIECE_INPUTS;
	return part;
}

static void
begin_layer(const AdvNetwork *net, AdvPiece *p, int layer)
{
	while (layer < net->n_layers && adv_layer_type(&net->layers[layer])->pieces == ADV_PIECES_NONE)
		layer++;
	p->layer = layer;
	p->part = (AdvPart){0};
}

/* The layer's next part, or the first of the next layer. */
static void
step_on(const AdvNetwork *net, AdvPiece *p)
{
	const AdvLayer *l = &net->layers[p->layer];
	AdvPart whole = adv_whole_layer(l), step = adv_largest_piece(l);

	p->at += p->weights + (size_t) p->part.outputs;
	p->part.input += step.inputs;
	if (p->part.input < whole.inputs)
		return;
	p->part.input = 0;
	p->part.output += step.outputs;
	if (p->part.output >= whole.outputs)
		begin_layer(net, p, p->layer + 1);
}

bool
adv_next_piece(const AdvNetwork *net, AdvPiece *p)
{
	const AdvLayer *l;
	AdvPart whole, step;

	if (p->number++ == 0)
		begin_layer(net, p, 0);
	else
		step_on(net, p);
	if (p->layer == net->n_layers)
		return false;
	l = &net->layers[p->layer];
	whole = adv_whole_layer(l);
	step = adv_largest_piece(l);
	p->part.outputs =
		whole.outputs - p->part.output < step.outputs ? whole.outputs - p->part.output : step.outputs;
	p->part.inputs = whole.inputs - p->part.input < step.inputs ? whole.inputs - p->part.input : step.inputs;
	p->weights = l->n_weight / (size_t) whole.outputs / (size_t) whole.inputs * (size_t) p->part.outputs *
				 (size_t) p->part.inputs;
	p->has_bias = p->part.input == 0;
	return true;
}

/* ---- gradients ---- */

static void
dense_gradient(AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	memset(gradient, 0, sizeof(float) * (p->weights + (size_t) p->part.outputs));
	adv_part_gradient(&run->ws, p->layer, run->rows * run->defence->rows_per_example, p->part,
					  run->shared.dense_src[p->layer], run->shared.dense_d_dst[p->layer], gradient,
					  p->has_bias ? gradient + p->weights : NULL);
}

/* Add up the slices' gradients, of those that are summed numbers first .. first + count. */
static void
add_slices(const AdvTrainRun *run, size_t first, size_t count, float *gradient)
{
	memset(gradient, 0, sizeof(float) * count);
	for (int s = 0; s < run->n_slices; s++)
	{
		const float *slice = run->shared.slice_gradient + (size_t) s * run->net->n_summed + first;

		for (size_t i = 0; i < count; i++)
			gradient[i] += slice[i];
	}
}

/* Number of a piece's first weight among its layer's parameters. */
static size_t
first_weight(const AdvLayer *l, const AdvPiece *p)
{
	return (size_t) p->part.output * (l->n_weight / (size_t) l->out.c) + (size_t) p->part.input;
}

/* What the method has added for each slice, line by line. */
static void
add_extra(const AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	const AdvLayer *l = &run->net->layers[p->layer];
	size_t outputs = (size_t) p->part.outputs, line = p->weights / outputs,
		   in = l->n_weight / (size_t) l->out.c;

	for (int s = 0; s < run->n_slices; s++)
	{
		const float *extra = run->shared.slice_extra + (size_t) s * run->net->n_params;
		const float *weights = extra + l->weight + first_weight(l, p),
					*biases = extra + l->bias + p->part.output;

		for (size_t o = 0; o < outputs; o++)
			for (size_t i = 0; i < line; i++)
				gradient[o * line + i] += weights[o * in + i];
		for (size_t o = 0; p->has_bias && o < outputs; o++)
			gradient[p->weights + o] += biases[o];
	}
}

static void
form(AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	const AdvLayer *l = &run->net->layers[p->layer];

	if (adv_layer_type(l)->pieces == ADV_PIECES_PRODUCT)
		dense_gradient(run, p, gradient);
	else
	{
		add_slices(run, l->summed + first_weight(l, p), p->weights, gradient);
		add_slices(run, l->summed + l->n_weight + (size_t) p->part.output, (size_t) p->part.outputs,
				   gradient + p->weights);
	}
	if (run->shared.slice_extra)
		add_extra(run, p, gradient);
}

/* ---- updates ---- */

static void
update(AdvTrainRun *run, size_t first, size_t count, const float *gradient)
{
	adv_optimizer_update(&run->optimizer, run->step, count, run->t->params + first, gradient,
						 run->shared.m + first, run->shared.v + first);
}

/* Let statistics of a piece take in what the minibatch's slices have left, in the place of the gradient, which has been used. */
static void
absorb(AdvTrainRun *run, const AdvPiece *p)
{
	const AdvLayer *l = &run->net->layers[p->layer];
	size_t outputs = (size_t) p->part.outputs;
	size_t first = l->summed + l->n_weight + l->n_bias + (size_t) p->part.output;

	for (int kind = 0; kind < adv_statistic_kinds(l); kind++)
		add_slices(run, first + (size_t) kind * (size_t) l->out.c, outputs,
				   run->gradient + (size_t) kind * outputs);
	if (l->n_statistic > 0)
		adv_layer_type(l)->absorb(l, p->part, (size_t) run->rows * (size_t) run->defence->rows_per_example,
								  run->gradient, run->t->params + l->statistic);
}

/* Whole lines at once, or line by line. */
static void
apply(AdvTrainRun *run, const AdvPiece *p, const float *gradient)
{
	const AdvLayer *l = &run->net->layers[p->layer];
	size_t outputs = (size_t) p->part.outputs;
	size_t in = l->n_weight / (size_t) l->out.c, line = p->weights / outputs;
	size_t first = l->weight + first_weight(l, p);

	if (line == in)
		update(run, first, p->weights, gradient);
	else
		for (size_t o = 0; o < outputs; o++)
			update(run, first + o * in, line, gradient + o * line);
	if (p->has_bias)
		update(run, l->bias + (size_t) p->part.output, outputs, gradient + p->weights);
	absorb(run, p);
	adv_pack_part(run->net, p->layer, p->part, run->t->params, ADV_PASS_BACKWARD, run->shared.packed);
}

static void
form_and_apply(AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	form(run, p, gradient);
	apply(run, p, gradient);
}

/* ---- clipping ---- */

static size_t
values_of(const AdvPiece *p)
{
	return p->weights + (p->has_bias ? (size_t) p->part.outputs : 0);
}

static void
form_and_measure(AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	double squares = 0;

	form(run, p, gradient);
	for (size_t i = 0; i < values_of(p); i++)
		squares += (double) gradient[i] * gradient[i];
	run->shared.piece_squares[p->number - 1] = squares;
}

static void
shrink_and_apply(AdvTrainRun *run, const AdvPiece *p, float *gradient)
{
	for (size_t i = 0; run->shrink < 1 && i < values_of(p); i++)
		gradient[i] = (float) (run->shrink * gradient[i]);
	apply(run, p, gradient);
}

/* ---- all pieces ---- */

typedef void (*Visit)(AdvTrainRun *run, const AdvPiece *p, float *gradient);

/* Let p be piece number number. */
static void
seek(const AdvNetwork *net, AdvPiece *p, int number)
{
	if (p->number > number + 1)
		*p = (AdvPiece){0};
	while (p->number <= number && adv_next_piece(net, p))
		continue;
}

/* Visit the pieces that this member claims. Where gradients are kept, each has its own place. */
static AdvStatus
visit_claimed(AdvTrainRun *run, Visit visit, float *kept)
{
	AdvPiece p = {0};

	for (int i; (i = adv_team_claim(run->team, run->n_pieces)) < run->n_pieces;)
	{
		if (adv_team_should_stop(run->team))
			return ADV_ABORTED;
		seek(run->net, &p, i);
		visit(run, &p, kept ? kept + p.at : run->gradient);
	}
	return ADV_OK;
}

/* By how much the minibatch's gradient is to be shrunk. */
static double
shrink_of(const AdvTrainRun *run, double most)
{
	double squares = 0;

	for (AdvPiece p = {0}; adv_next_piece(run->net, &p);)
		squares += run->shared.piece_squares[p.number - 1];
	return sqrt(squares) > most ? most / sqrt(squares) : 1;
}

AdvStatus
adv_run_pieces(AdvTrainRun *run)
{
	double most = adv_train_options_norm(&run->t->spec->options);

	if (isinf(most))
		return visit_claimed(run, form_and_apply, NULL);
	if (visit_claimed(run, form_and_measure, run->shared.gradient) != ADV_OK ||
		adv_team_barrier(run->team) != ADV_OK)
		return ADV_ABORTED;
	run->shrink = shrink_of(run, most);
	return visit_claimed(run, shrink_and_apply, run->shared.gradient);
}
