/*
 * network.c
 *		A network at work: initial parameters, working memory, forward and backward pass.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/layer/layers.h"
#include "core/base/rng.h"
#include "core/network/packed.h"

/* Work of a convolution, in multiply-adds, after which the host is asked again whether to stop. */
#define STOP_WORK ((uint64_t) 1 << 28)

/* ---- parameters ---- */

/* Parameters first .. end of a layer. */
static void
init_layer(const AdvLayer *l, int number, float *params, uint64_t seed, AdvInit init, size_t first,
		   size_t end)
{
	size_t area = l->kind == ADV_LAYER_CONV ? (size_t) l->size * l->size : 1;
	double fan_in = (double) (l->in.c * area);
	double fan_out = (double) (l->out.c * area);
	double limit = sqrt(6 / (init == ADV_INIT_HE ? fan_in : fan_in + fan_out));
	bool scale = l->kind == ADV_LAYER_SCALE;

	for (size_t i = first; i < end; i++)
		if (i >= l->n_weight)
			params[l->weight + i] = scale ? 1 : 0;
		else
			params[l->weight + i] =
				scale ? 0 : (float) (limit * (2 * adv_uniform(seed, ADV_FOR_INIT, (uint64_t) number, i) - 1));
}

void
adv_network_init_some(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init, size_t first,
					  size_t count)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		size_t n = l->n_weight + l->n_bias;
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

/* ---- layouts ---- */

void
adv_to_channels_last(AdvShape shape, const float *src, float *dst)
{
	size_t area = (size_t) shape.h * shape.w;
	size_t channels = (size_t) shape.c;

	for (size_t p = 0; p < area; p++)
		for (size_t c = 0; c < channels; c++)
			dst[p * channels + c] = src[c * area + p];
}

void
adv_to_channels_first(AdvShape shape, const float *src, float *dst)
{
	size_t area = (size_t) shape.h * shape.w;
	size_t channels = (size_t) shape.c;

	for (size_t c = 0; c < channels; c++)
		for (size_t p = 0; p < area; p++)
			dst[c * area + p] = src[p * channels + c];
}

/* ---- working memory ---- */

static bool
element_wise(int kind)
{
	return kind == ADV_LAYER_SCALE || kind == ADV_LAYER_RELU || kind == ADV_LAYER_TANH;
}

/* Whether layer i works in place. Not after another element-wise layer, whose backward pass needs its result. */
static bool
in_place(const AdvNetwork *net, int i)
{
	return i > 0 && element_wise(net->layers[i].kind) && !element_wise(net->layers[i - 1].kind);
}

/* The layer behind those that are computed together with layer i. */
static int
next_layer(const AdvNetwork *net, int i)
{
	return net->layers[i].kind == ADV_LAYER_CONV ? adv_conv_block(net, i).end : i + 1;
}

/* Where the maximum of the pooling that is computed together with convolution i came from. */
static uint8_t **
block_argmax(AdvWorkspace *ws, int i)
{
	int j = i;

	while (j < next_layer(ws->net, i) - 1 && ws->net->layers[j].kind != ADV_LAYER_MAXPOOL)
		j++;
	return &ws->argmax[j];
}

/* Forward only: activations take turns in two buffers; the input has its own, so that it survives. */
static void
carve_forward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t largest = 0;
	float *buffer[2];
	int turn = 0;

	for (int i = 0, next; i < net->n_layers; i = next)
	{
		size_t size;

		next = next_layer(net, i);
		size = adv_shape_size(net->layers[next - 1].out);
		largest = size > largest ? size : largest;
	}
	ws->act[0] = adv_carve_floats(carver, (size_t) ws->max_rows * adv_shape_size(net->input));
	for (int i = 0; i < 2; i++)
		buffer[i] = adv_carve_floats(carver, (size_t) ws->max_rows * largest);
	for (int i = 0, next; i < net->n_layers; i = next)
	{
		float *to = in_place(net, i) ? ws->act[i] : buffer[turn++ % 2];

		next = next_layer(net, i);
		for (int j = i + 1; j <= next; j++)
			ws->act[j] = to;
	}
}

static void
carve_backward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t rows = (size_t) ws->max_rows;

	ws->act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	ws->d_act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	for (int i = 0, next; i < net->n_layers; i = next)
	{
		bool shared = in_place(net, i);
		size_t size;
		float *to, *d_to;

		next = next_layer(net, i);
		size = rows * adv_shape_size(net->layers[next - 1].out);
		to = shared ? ws->act[i] : adv_carve_floats(carver, size);
		d_to = shared ? ws->d_act[i] : adv_carve_floats(carver, size);
		for (int j = i; j < next; j++)
		{
			ws->act[j + 1] = to;
			ws->d_act[j + 1] = d_to;
			if (net->layers[j].kind == ADV_LAYER_MAXPOOL)
				ws->argmax[j] = adv_carve(carver, size, sizeof(uint8_t));
		}
	}
}

/* Scratch is as large as the layer needs that needs most. */
static size_t
scratch_size(const AdvWorkspace *ws)
{
	const AdvNetwork *net = ws->net;
	size_t largest = 0;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		const AdvKernel *k = adv_layer_kernel(net, i);
		size_t size = 0;

		if (l->kind == ADV_LAYER_CONV)
		{
			AdvConvBlock block = adv_conv_block(net, i);

			size = adv_conv_scratch_size(k, &block, ws->pass);
		}
		else if (l->kind == ADV_LAYER_DENSE)
			size = adv_dense_scratch_size(k, l, ws->max_rows, ws->pass);
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
	for (int i = 0; i < ws->net->n_layers; i++)
	{
		ws->forward[i] = adv_packed_forward(ws->net, i, packed);
		ws->back[i] = ws->pass == ADV_PASS_FORWARD ? NULL : adv_packed_back(ws->net, i, packed);
	}
}

/* ---- passes ---- */

static bool
should_stop(const AdvWorkspace *ws)
{
	return ws->should_stop && ws->should_stop(ws->stop_arg);
}

/* Rows of a convolution between two questions whether to stop: all of them, unless images are large. */
static int
rows_at_once(const AdvLayer *l, int rows)
{
	uint64_t work = (uint64_t) l->n_weight * (uint64_t) l->in.h * (uint64_t) l->in.w;
	uint64_t most = STOP_WORK / work + 1;

	return most < (uint64_t) rows ? (int) most : rows;
}

/* Whom to ask within a row: nobody, unless it is that much work. */
static const AdvStop *
stop_within(const AdvWorkspace *ws, const AdvLayer *l, AdvStop *stop)
{
	*stop = (AdvStop){ws->should_stop, ws->stop_arg};
	return ws->should_stop && rows_at_once(l, 2) == 1 ? stop : NULL;
}

static AdvStatus
conv_forward(AdvWorkspace *ws, int i, int rows)
{
	const AdvLayer *l = &ws->net->layers[i];
	AdvConvBlock b = adv_conv_block(ws->net, i);
	uint8_t *argmax = *block_argmax(ws, i);
	int step = rows_at_once(l, rows);
	AdvStop stop;
	const AdvStop *within = stop_within(ws, l, &stop);

	for (int first = 0; first < rows; first += step)
	{
		size_t out = (size_t) first * adv_shape_size(b.out);

		if (should_stop(ws))
			return ADV_ABORTED;
		adv_conv_forward(adv_layer_kernel(ws->net, i), &b, rows - first < step ? rows - first : step,
						 ws->forward[i], ws->params + l->bias,
						 ws->act[i] + (size_t) first * adv_shape_size(l->in), ws->act[b.end] + out,
						 argmax ? argmax + out : NULL, ws->pass, ws->scratch, within);
	}
	return adv_stops(within) ? ADV_ABORTED : ADV_OK;
}

static AdvStatus
conv_backward(AdvWorkspace *ws, int i, int rows, float *d_params, bool to_input)
{
	const AdvLayer *l = &ws->net->layers[i];
	AdvConvBlock b = adv_conv_block(ws->net, i);
	uint8_t *argmax = *block_argmax(ws, i);
	int step = rows_at_once(l, rows);
	AdvStop stop;
	const AdvStop *within = stop_within(ws, l, &stop);

	for (int first = 0; first < rows; first += step)
	{
		size_t in = (size_t) first * adv_shape_size(l->in);
		size_t out = (size_t) first * adv_shape_size(b.out);

		if (should_stop(ws))
			return ADV_ABORTED;
		adv_conv_backward(adv_layer_kernel(ws->net, i), &b, rows - first < step ? rows - first : step,
						  ws->back[i], ws->act[i] + in, ws->act[b.end] + out, ws->d_act[b.end] + out,
						  argmax ? argmax + out : NULL, to_input ? ws->d_act[i] + in : NULL,
						  d_params ? d_params + l->weight : NULL, d_params ? d_params + l->bias : NULL,
						  ws->scratch, within);
	}
	return adv_stops(within) ? ADV_ABORTED : ADV_OK;
}

static void
dense_forward(AdvWorkspace *ws, int i, int rows)
{
	const AdvLayer *l = &ws->net->layers[i];

	adv_dense_forward(adv_layer_kernel(ws->net, i), l, rows, ws->params + l->weight, ws->forward[i],
					  ws->params + l->bias, ws->act[i], ws->act[i + 1], ws->pass, ws->scratch);
}

void
adv_dense_part(AdvWorkspace *ws, int i, int rows, AdvPart part, const float *src, const float *d_dst,
			   float *d_weight, float *d_bias)
{
	adv_dense_gradient(adv_layer_kernel(ws->net, i), &ws->net->layers[i], rows, part, src, d_dst, d_weight,
					   d_bias, ws->scratch);
}

static void
dense_backward(AdvWorkspace *ws, int i, int rows, float *d_params, bool to_input)
{
	const AdvLayer *l = &ws->net->layers[i];

	if (to_input)
		adv_dense_backward(adv_layer_kernel(ws->net, i), l, rows, ws->params + l->weight, ws->back[i],
						   ws->d_act[i + 1], ws->d_act[i], ws->scratch);
	if (d_params)
		adv_dense_part(ws, i, rows, adv_whole_layer(l), ws->act[i], ws->d_act[i + 1], d_params + l->weight,
					   d_params + l->bias);
}

AdvStatus
adv_forward(AdvWorkspace *ws, int rows)
{
	const AdvNetwork *net = ws->net;

	for (int i = 0; i < net->n_layers; i = next_layer(net, i))
	{
		const AdvLayer *l = &net->layers[i];
		const float *src = ws->act[i];
		float *dst = ws->act[i + 1];
		size_t size = adv_shape_size(l->out);

		if (should_stop(ws))
			return ADV_ABORTED;
		switch ((AdvLayerKind) l->kind)
		{
			case ADV_LAYER_SCALE:
				adv_scale_forward(l, rows, ws->params + l->weight, ws->params + l->bias, src, dst);
				break;
			case ADV_LAYER_CONV:
				if (conv_forward(ws, i, rows) != ADV_OK)
					return ADV_ABORTED;
				break;
			case ADV_LAYER_MAXPOOL:
				adv_maxpool_forward(l, rows, src, dst, ws->argmax[i]);
				break;
			case ADV_LAYER_FLATTEN:
				for (int r = 0; r < rows; r++)
					adv_to_channels_first(l->in, src + r * size, dst + r * size);
				break;
			case ADV_LAYER_DENSE:
				dense_forward(ws, i, rows);
				break;
			case ADV_LAYER_RELU:
				adv_relu_forward(rows * size, src, dst);
				break;
			case ADV_LAYER_TANH:
				adv_tanh_forward(rows * size, src, dst);
				break;
		}
	}
	return ADV_OK;
}

/* The first layer whose parameters are trained. There always is one: the output layer. */
static int
first_trained_layer(const AdvNetwork *net)
{
	int i = 0;

	while (net->layers[i].n_weight == 0 || net->layers[i].kind == ADV_LAYER_SCALE)
		i++;
	return i;
}

/* The layer that is computed together with layer i and others before it: itself, or the convolution of its block. */
static int
leading_layer(const AdvNetwork *net, int i)
{
	int first = i;

	while (first >= 0 && net->layers[first].kind != ADV_LAYER_CONV)
		first--;
	return first >= 0 && next_layer(net, first) > i ? first : i;
}

AdvStatus
adv_backward(AdvWorkspace *ws, int rows, float *d_params, bool skip_dense, bool input_gradient)
{
	const AdvNetwork *net = ws->net;
	int last = input_gradient ? 0 : first_trained_layer(net);

	for (int i = leading_layer(net, net->n_layers - 1); i >= last; i = leading_layer(net, i - 1))
	{
		const AdvLayer *l = &net->layers[i];
		const float *dst = ws->act[i + 1];
		const float *d_dst = ws->d_act[i + 1];
		float *d_src = ws->d_act[i];
		bool to_input = input_gradient || i > last;
		size_t size = adv_shape_size(l->in);

		if (should_stop(ws))
			return ADV_ABORTED;
		switch ((AdvLayerKind) l->kind)
		{
			case ADV_LAYER_SCALE:
				adv_scale_backward(l, rows, ws->params + l->bias, d_dst, d_src);
				break;
			case ADV_LAYER_CONV:
				if (conv_backward(ws, i, rows, d_params, to_input) != ADV_OK)
					return ADV_ABORTED;
				break;
			case ADV_LAYER_MAXPOOL:
				adv_maxpool_backward(l, rows, ws->argmax[i], d_dst, d_src);
				break;
			case ADV_LAYER_FLATTEN:
				for (int r = 0; r < rows; r++)
					adv_to_channels_last(l->in, d_dst + r * size, d_src + r * size);
				break;
			case ADV_LAYER_DENSE:
				dense_backward(ws, i, rows, skip_dense ? NULL : d_params, to_input);
				break;
			case ADV_LAYER_RELU:
				adv_relu_backward(rows * size, dst, d_dst, d_src);
				break;
			case ADV_LAYER_TANH:
				adv_tanh_backward(rows * size, dst, d_dst, d_src);
				break;
		}
	}
	return ADV_OK;
}
