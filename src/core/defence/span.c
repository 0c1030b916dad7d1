/*
 * span.c
 *		Intervals through a network, forward and back. See span.h.
 */
#include "core/defence/span.h"

#include <math.h>
#include <string.h>

#include "core/base/carve.h"

AdvStatus
adv_span_check(const AdvNetwork *net, AdvError *err)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayerType *type = adv_layer_type(&net->layers[i]);

		if ((type->map || type->relax) && !(type->ends_block && adv_layer_is_trained(&net->layers[i])))
			continue;
		if (type->ends_block)
		{
			adv_fail(err, ADV_INVALID,
					 "method ibp trains no residual block that changes the shape of what comes in");
			adv_hint(err, "Put the layer that changes it in front of the block.");
		}
		else
		{
			adv_fail(err, ADV_INVALID, "method ibp trains no network with a layer of kind %s", type->word);
			adv_hint(err, "There are no intervals of what it gives: take relu or tanh.");
		}
		return ADV_INVALID;
	}
	return ADV_OK;
}

/* ---- memory ---- */

static size_t
largest_activation(const AdvNetwork *net)
{
	size_t largest = adv_shape_size(net->input);

	for (int i = 0; i < net->n_layers; i++)
	{
		size_t size = adv_shape_size(net->layers[i].out);

		largest = size > largest ? size : largest;
	}
	return largest;
}

static size_t
carve(AdvSpan *s, const AdvNetwork *net, int max_rows, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t size = (size_t) max_rows * largest_activation(net);
	void *ends = adv_carve(&carver, adv_workspace_size(net, 2 * max_rows, ADV_PASS_APART), 1);
	void *reach = adv_carve(&carver, adv_workspace_size(net, max_rows, ADV_PASS_APART), 1);

	if (memory)
	{
		adv_workspace_init(&s->ends, net, 2 * max_rows, ADV_PASS_APART, ends);
		adv_workspace_init(&s->reach, net, max_rows, ADV_PASS_APART, reach);
	}
	s->magnitude = adv_carve_floats(&carver, net->n_params);
	s->gradient = adv_carve_floats(&carver, net->n_params);
	s->middle = adv_carve_floats(&carver, size + ADV_ALIGN);
	s->half = adv_carve_floats(&carver, size + ADV_ALIGN);
	s->d_middle = adv_carve_floats(&carver, size + ADV_ALIGN);
	s->d_half = adv_carve_floats(&carver, size + ADV_ALIGN);
	s->to_middle = adv_carve_floats(&carver, size + ADV_ALIGN);
	s->to_half = adv_carve_floats(&carver, size + ADV_ALIGN);
	return carver.used;
}

size_t
adv_span_size(const AdvNetwork *net, int max_rows)
{
	AdvSpan measured;

	return carve(&measured, net, max_rows, NULL);
}

void
adv_span_init(AdvSpan *s, const AdvNetwork *net, int max_rows, void *memory)
{
	(void) carve(s, net, max_rows, memory);
}

/* Magnitudes of weights, nothing that is added, and of statistics what is divided by: means are taken away. */
void
adv_span_load(AdvSpan *s, const float *params)
{
	const AdvNetwork *net = s->ends.net;

	memset(s->magnitude, 0, sizeof(float) * net->n_params);
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		for (size_t k = 0; adv_layer_is_trained(l) && k < l->n_weight; k++)
			s->magnitude[l->weight + k] = fabsf(params[l->weight + k]);
		for (size_t k = (size_t) l->out.c; k < l->n_statistic; k++)
			s->magnitude[l->statistic + k] = params[l->statistic + k];
	}
	adv_workspace_load(&s->ends, params);
	adv_workspace_load(&s->reach, s->magnitude);
}

/* ---- from ends to middles and back ---- */

/* middle and half (n) of low and high (n). */
static void
to_middles(size_t n, const float *ends, float *middle, float *half)
{
	for (size_t i = 0; i < n; i++)
	{
		middle[i] = (ends[i] + ends[n + i]) / 2;
		half[i] = (ends[n + i] - ends[i]) / 2;
	}
}

static void
to_ends(size_t n, const float *middle, const float *half, float *ends)
{
	for (size_t i = 0; i < n; i++)
	{
		ends[i] = middle[i] - half[i];
		ends[n + i] = middle[i] + half[i];
	}
}

/* The gradient by ends that were made by to_ends, as one by middles. */
static void
d_to_middles(size_t n, const float *d_ends, float *d_middle, float *d_half)
{
	for (size_t i = 0; i < n; i++)
	{
		d_middle[i] = d_ends[i] + d_ends[n + i];
		d_half[i] = d_ends[n + i] - d_ends[i];
	}
}

/* The gradient by middles that were made by to_middles, as one by ends. */
static void
d_to_ends(size_t n, const float *d_middle, const float *d_half, float *d_ends)
{
	for (size_t i = 0; i < n; i++)
	{
		d_ends[i] = (d_middle[i] - d_half[i]) / 2;
		d_ends[n + i] = (d_middle[i] + d_half[i]) / 2;
	}
}

static size_t
values(int rows, AdvShape shape)
{
	return (size_t) rows * adv_shape_size(shape);
}

static bool
stops(const AdvSpan *s)
{
	return s->ends.stop.ask && s->ends.stop.ask(s->ends.stop.arg);
}

/* ---- forward ---- */

static AdvStatus
weigh(AdvSpan *s, int k, int rows)
{
	const AdvStep *step = &s->ends.steps[k], *reach = &s->reach.steps[k];

	to_middles(values(rows, step->layer->in), s->ends.act[step->first], s->middle, s->half);
	if (step->type->forward(step, rows, s->middle, s->to_middle) != ADV_OK ||
		reach->type->forward(reach, rows, s->half, s->to_half) != ADV_OK)
		return ADV_ABORTED;
	to_ends(values(rows, step->layer->out), s->to_middle, s->to_half, s->ends.act[step->end]);
	return ADV_OK;
}

AdvStatus
adv_span_forward(AdvSpan *s, int rows)
{
	for (int k = 0; k < s->ends.n_steps; k++)
	{
		const AdvStep *step = &s->ends.steps[k];
		AdvStatus status;

		if (stops(s))
			return ADV_ABORTED;
		if (adv_layer_is_trained(step->layer))
			status = weigh(s, k, rows);
		else
			status = step->type->forward(step, 2 * rows, s->ends.act[step->first], s->ends.act[step->end]);
		if (status != ADV_OK)
			return status;
	}
	return ADV_OK;
}

/* ---- back ---- */

/* What goes back through one of the two passes of a layer of weights, whose results it no longer needs. */
static AdvBack
back_of(const AdvLayer *l, int rows, const float *src, const float *d_dst, float *d_src, float *gradient)
{
	return (AdvBack){.rows = rows,
					 .src = src,
					 .d_dst = d_dst,
					 .d_src = d_src,
					 .d_weight = gradient + l->weight,
					 .d_bias = gradient + l->bias};
}

static AdvStatus
weigh_back(AdvSpan *s, int k, int rows, float *gradient)
{
	const AdvStep *step = &s->ends.steps[k], *reach = &s->reach.steps[k];
	const AdvLayer *l = step->layer;
	AdvBack by_middle = back_of(l, rows, s->middle, s->to_middle, s->d_middle, gradient);
	AdvBack by_half = back_of(l, rows, s->half, s->to_half, s->d_half, s->gradient);

	to_middles(values(rows, l->in), s->ends.act[step->first], s->middle, s->half);
	d_to_middles(values(rows, l->out), s->ends.d_act[step->end], s->to_middle, s->to_half);
	memset(s->gradient + l->weight, 0, sizeof(float) * (l->n_weight + l->n_bias));
	if (step->type->backward(step, &by_middle) != ADV_OK || reach->type->backward(reach, &by_half) != ADV_OK)
		return ADV_ABORTED;
	for (size_t i = l->weight; i < l->weight + l->n_weight; i++)
		gradient[i] += s->ends.params[i] < 0 ? -s->gradient[i] : s->gradient[i];
	d_to_ends(values(rows, l->in), s->d_middle, s->d_half, s->ends.d_act[step->first]);
	return ADV_OK;
}

AdvStatus
adv_span_backward(AdvSpan *s, int rows, float *gradient)
{
	for (int k = s->ends.n_steps - 1; k >= 0; k--)
	{
		const AdvStep *step = &s->ends.steps[k];
		AdvBack back = {.rows = 2 * rows,
						.src = s->ends.act[step->first],
						.dst = s->ends.act[step->end],
						.d_dst = s->ends.d_act[step->end],
						.d_src = s->ends.d_act[step->first]};
		AdvStatus status;

		if (stops(s))
			return ADV_ABORTED;
		status = adv_layer_is_trained(step->layer) ? weigh_back(s, k, rows, gradient)
												   : step->type->backward(step, &back);
		if (status != ADV_OK)
			return status;
	}
	return ADV_OK;
}
