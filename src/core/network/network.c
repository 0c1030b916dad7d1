/*
 * network.c
 *		A network at work: initial parameters, working memory, forward and backward pass.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/base/rng.h"
#include "core/network/packed.h"

/* ---- parameters ---- */

/* Parameters first .. end of a layer. */
static void
init_layer(const AdvLayer *l, int number, float *params, uint64_t seed, AdvInit init, size_t first,
		   size_t end)
{
	const AdvLayerType *type = adv_layer_type(l);
	double area = (double) l->n_weight / ((double) l->in.c * l->out.c); /* of a kernel */
	double fan_in = l->in.c * area;
	double fan_out = l->out.c * area;
	double limit = sqrt(6 / (init == ADV_INIT_HE ? fan_in : fan_in + fan_out));

	for (size_t i = first; i < end; i++)
		if (i >= l->n_weight + l->n_bias)
			params[l->weight + i] =
				type->initial_statistic[(i - l->n_weight - l->n_bias) / (size_t) l->out.c];
		else if (i >= l->n_weight)
			params[l->weight + i] = type->initial_bias;
		else
			params[l->weight + i] =
				type->drawn
					? (float) (limit * (2 * adv_uniform(seed, ADV_FOR_INIT, (uint64_t) number, i) - 1))
					: type->initial_weight;
}

void
adv_network_init_some(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init, size_t first,
					  size_t count)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		size_t n = l->n_weight + l->n_bias + l->n_statistic;
		size_t from = first > l->weight ? first - l->weight : 0;
		size_t to = first + count > l->weight ? first + count - l->weight : 0;

		if (n > 0)
			init_layer(l, i, params, seed, init, from, to < n ? to : n);
	}
}

void
adv_network_init(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init)
{
	adv_network_init_some(net, params, seed, init, 0, net->n_params);
}

void
adv_network_copy_fixed(const AdvNetwork *net, const float *from, float *to)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (!adv_layer_is_trained(l))
			memcpy(to + l->weight, from + l->weight, sizeof(float) * (l->n_weight + l->n_bias));
	}
}

/* ---- working memory ---- */

static const AdvLayerType *
type_of(const AdvNetwork *net, int i)
{
	return adv_layer_type(&net->layers[i]);
}

/* The step of layer i, which is the first of it. */
static const AdvStep *
step_of(const AdvWorkspace *ws, int i)
{
	int k = 0;

	while (ws->steps[k].first != i)
		k++;
	return &ws->steps[k];
}

/* Layers from i on that its step may compute along with it, itself included. */
static int
may_take(const AdvWorkspace *ws, int i)
{
	return ws->pass == ADV_PASS_APART ? 1 : ws->net->n_layers - i;
}

/* What a network does, step by step: layers that are computed together are one. Filled in as far as the network alone tells. */
static void
compile(AdvWorkspace *ws)
{
	const AdvNetwork *net = ws->net;

	ws->n_steps = 0;
	for (int i = 0; i < net->n_layers; i = ws->steps[ws->n_steps - 1].end)
	{
		AdvStep *s = &ws->steps[ws->n_steps++];

		s->type = type_of(net, i);
		s->layer = &net->layers[i];
		s->first = i;
		s->end = i + (s->type->take_along ? s->type->take_along(s, may_take(ws, i), adv_layer_types) : 1);
		s->pass = ws->pass;
		s->max_rows = ws->max_rows;
		s->kernel = adv_layer_kernel(net, i, false);
		s->back_kernel = adv_layer_kernel(net, i, true);
	}
	for (int k = 0; k < ws->n_steps; k++)
		ws->steps[k].peer = step_of(ws, ws->steps[k].layer->peer);
}

/* Whether the way back through a step needs its result: that of an element-wise layer does, also of one that a convolution takes along. */
static bool
keeps_result(const AdvNetwork *net, const AdvStep *s)
{
	for (int i = s->first; i < s->end; i++)
		if (type_of(net, i)->element_wise)
			return true;
	return false;
}

/*
 * Whether step k works in place: not where what it would overwrite is needed on the way back, by the step before or by itself, or at the end
 * of a block, whose beginning wants the gradient that comes in there. The beginning changes nothing.
 */
static bool
in_place(const AdvWorkspace *ws, int k)
{
	const AdvLayerType *type = ws->steps[k].type;

	if (type->form == ADV_FORM_BLOCK)
		return true;
	if (k + 1 < ws->n_steps && ws->steps[k + 1].type->ends_block)
		return false;
	return k > 0 && type->element_wise && !type->needs_input &&
		   ws->steps[k - 1].type->form != ADV_FORM_BLOCK && !keeps_result(ws->net, &ws->steps[k - 1]);
}

/* Bytes of memory that a step's layers ask for, for each row. */
static size_t
step_memory(const AdvNetwork *net, const AdvStep *s)
{
	size_t size = 0;

	for (int i = s->first; i < s->end; i++)
		size += type_of(net, i)->memory ? type_of(net, i)->memory(&net->layers[i]) : 0;
	return size;
}

#define TURNS (2 + ADV_MAX_DEPTH) /* buffers that activations of a forward pass take turns in */
#define INPUT (-1)

/* A buffer for the result of step k: not the one with its input, and none with the input of a block that is open. place is that of each activation. */
static int
free_buffer(const AdvWorkspace *ws, int k, const int *place)
{
	const AdvStep *s = &ws->steps[k];
	bool taken[TURNS] = {false};
	int b = 0;

	for (int i = 0; i <= s->first; i++)
	{
		bool open = i < s->first && type_of(ws->net, i)->form == ADV_FORM_BLOCK &&
					ws->net->layers[i].peer >= s->first;

		if ((i == s->first || open) && place[i] != INPUT)
			taken[place[i]] = true;
	}
	while (taken[b])
		b++;
	return b;
}

/* Forward only: activations take turns in as few buffers as can be; the input has its own, so that it survives. */
static void
carve_forward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t largest[TURNS] = {0};
	float *buffer[TURNS];
	int place[ADV_MAX_LAYERS + 1] = {INPUT};

	for (int k = 0; k < ws->n_steps; k++)
	{
		const AdvStep *s = &ws->steps[k];
		size_t size = adv_shape_size(net->layers[s->end - 1].out);
		int to = in_place(ws, k) ? place[s->first] : free_buffer(ws, k, place);

		for (int j = s->first + 1; j <= s->end; j++)
			place[j] = to;
		if (to != INPUT && size > largest[to])
			largest[to] = size;
	}
	ws->act[0] = adv_carve_floats(carver, (size_t) ws->max_rows * adv_shape_size(net->input));
	for (int b = 0; b < TURNS; b++)
		buffer[b] = adv_carve_floats(carver, (size_t) ws->max_rows * largest[b]);
	for (int i = 1; i <= net->n_layers; i++)
		ws->act[i] = place[i] == INPUT ? ws->act[0] : buffer[place[i]];
}

static void
carve_backward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t rows = (size_t) ws->max_rows;

	ws->act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	ws->d_act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	for (int k = 0; k < ws->n_steps; k++)
	{
		AdvStep *s = &ws->steps[k];
		bool shared = in_place(ws, k);
		size_t size = rows * adv_shape_size(net->layers[s->end - 1].out);
		size_t memory = step_memory(net, s);
		float *to = shared ? ws->act[s->first] : adv_carve_floats(carver, size);
		float *d_to = shared ? ws->d_act[s->first] : adv_carve_floats(carver, size);

		for (int j = s->first + 1; j <= s->end; j++)
		{
			ws->act[j] = to;
			ws->d_act[j] = d_to;
		}
		if (memory > 0)
			s->memory = adv_carve(carver, rows * memory, sizeof(uint8_t));
	}
}

/* Scratch is as large as the layer needs that needs most. */
static size_t
scratch_size(const AdvWorkspace *ws)
{
	size_t largest = 0;

	for (int k = 0; k < ws->n_steps; k++)
	{
		const AdvStep *s = &ws->steps[k];
		size_t size = s->type->scratch ? s->type->scratch(s) : 0;

		largest = size > largest ? size : largest;
	}
	return largest;
}

static size_t
carve_workspace(AdvWorkspace *ws, const AdvNetwork *net, int max_rows, AdvPass pass, void *memory)
{
	AdvCarver carver = {memory, 0};

	memset(ws, 0, sizeof(*ws));
	ws->net = net;
	ws->max_rows = max_rows;
	ws->pass = pass;
	compile(ws);
	if (pass == ADV_PASS_FORWARD)
		carve_forward(ws, &carver);
	else
		carve_backward(ws, &carver);
	ws->scratch = adv_carve(&carver, scratch_size(ws), 1);
	if (pass != ADV_PASS_TRAINING)
		ws->packed = adv_carve(&carver, adv_packed_size(net, pass), 1);
	return carver.used;
}

size_t
adv_workspace_size(const AdvNetwork *net, int max_rows, AdvPass pass)
{
	AdvWorkspace measured;

	return carve_workspace(&measured, net, max_rows, pass, NULL);
}

void
adv_workspace_init(AdvWorkspace *ws, const AdvNetwork *net, int max_rows, AdvPass pass, void *memory)
{
	carve_workspace(ws, net, max_rows, pass, memory);
	if (ws->packed)
		memset(ws->packed, 0, adv_packed_size(net, pass));
}

void
adv_workspace_load(AdvWorkspace *ws, const float *params)
{
	adv_workspace_attach(ws, params, ws->packed);
	adv_pack(ws->net, params, ws->pass, ws->packed);
}

void
adv_workspace_attach(AdvWorkspace *ws, const float *params, void *packed)
{
	ws->params = params;
	ws->packed = packed;
	for (int k = 0; k < ws->n_steps; k++)
	{
		AdvStep *s = &ws->steps[k];

		s->weight = params + s->layer->weight;
		s->bias = params + s->layer->bias;
		s->statistic = params + s->layer->statistic;
		s->forward = adv_packed_forward(ws->net, s->first, packed);
		s->back = ws->pass == ADV_PASS_FORWARD ? NULL : adv_packed_back(ws->net, s->first, packed);
		s->scratch = ws->scratch;
		s->act = ws->act;
		s->d_act = ws->d_act;
		s->noise = &ws->noise;
		s->stop = &ws->stop;
	}
}

/* ---- passes ---- */

static bool
should_stop(const AdvWorkspace *ws)
{
	return ws->stop.ask && ws->stop.ask(ws->stop.arg);
}

AdvStatus
adv_forward(AdvWorkspace *ws, int rows)
{
	for (int k = 0; k < ws->n_steps; k++)
	{
		const AdvStep *s = &ws->steps[k];

		if (should_stop(ws) || s->type->forward(s, rows, ws->act[s->first], ws->act[s->end]) != ADV_OK)
			return ADV_ABORTED;
	}
	return ADV_OK;
}

/* The first step whose parameters are trained. There always is one: the output layer. */
static int
first_trained_step(const AdvWorkspace *ws)
{
	int k = 0;

	while (!adv_layer_is_trained(ws->steps[k].layer))
		k++;
	return k;
}

AdvStatus
adv_backward(AdvWorkspace *ws, int rows, float *d_params, bool skip_products, bool input_gradient)
{
	int last = input_gradient ? 0 : first_trained_step(ws);

	for (int k = ws->n_steps - 1; k >= last; k--)
	{
		const AdvStep *s = &ws->steps[k];
		const AdvLayer *l = s->layer;
		bool to_input = input_gradient || k > last;
		bool to_params = d_params && (skip_products ? adv_layer_is_summed(l) : adv_layer_is_trained(l));
		float *d = to_params ? d_params + (skip_products ? l->summed : l->weight) : NULL;
		AdvBack back = {rows,
						ws->act[s->first],
						ws->act[s->end],
						ws->d_act[s->end],
						to_input ? ws->d_act[s->first] : NULL,
						d,
						d ? d + l->n_weight : NULL,
						d ? d + l->n_weight + l->n_bias : NULL};

		if (should_stop(ws) || s->type->backward(s, &back) != ADV_OK)
			return ADV_ABORTED;
	}
	return ADV_OK;
}

void
adv_part_gradient(AdvWorkspace *ws, int i, int rows, AdvPart part, const float *src, const float *d_dst,
				  float *d_weight, float *d_bias)
{
	const AdvStep *s = step_of(ws, i);

	s->type->part(s, rows, part, src, d_dst, d_weight, d_bias);
}
