/*
 * network.c
 *		A network at work: initial parameters, working memory, forward and backward pass.
 */
#include <math.h>
#include <string.h>

#include "carve.h"
#include "core/layers.h"
#include "core/rng.h"

/* Work of a convolution, in multiply-adds, after which the host is asked again whether to stop. */
#define STOP_WORK ((uint64_t) 1 << 30)

/* ---- parameters ---- */

static void
init_layer(const AdvLayer *l, int number, float *params, uint64_t seed, AdvInit init)
{
	size_t area = l->kind == ADV_LAYER_CONV ? (size_t) l->size * l->size : 1;
	double fan_in = (double) (l->in.c * area);
	double fan_out = (double) (l->out.c * area);
	double limit = sqrt(6 / (init == ADV_INIT_HE ? fan_in : fan_in + fan_out));

	for (size_t i = 0; i < l->n_weight; i++)
		params[l->weight + i] =
			(float) (limit * (2 * adv_uniform(seed, ADV_FOR_INIT, (uint64_t) number, i) - 1));
	memset(params + l->bias, 0, sizeof(float) * l->n_bias);
}

void
adv_network_init(const AdvNetwork *net, float *params, uint64_t seed, AdvInit init)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (l->kind == ADV_LAYER_SCALE)
			for (size_t c = 0; c < l->n_weight; c++)
			{
				params[l->weight + c] = 0;
				params[l->bias + c] = 1;
			}
		else if (l->n_weight > 0)
			init_layer(l, i, params, seed, init);
	}
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

/* Forward only: activations take turns in two buffers; the input has its own, so that it survives. */
static void
carve_forward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t largest = 0;
	float *buffer[2];
	int turn = 0;

	for (int i = 0; i < net->n_layers; i++)
	{
		size_t size = adv_shape_size(net->layers[i].out);

		largest = size > largest ? size : largest;
	}
	ws->act[0] = adv_carve_floats(carver, (size_t) ws->max_rows * adv_shape_size(net->input));
	for (int i = 0; i < 2; i++)
		buffer[i] = adv_carve_floats(carver, (size_t) ws->max_rows * largest);
	for (int i = 0; i < net->n_layers; i++)
		ws->act[i + 1] = in_place(net, i) ? ws->act[i] : buffer[turn++ % 2];
}

static void
carve_backward(AdvWorkspace *ws, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t rows = (size_t) ws->max_rows;

	ws->act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	ws->d_act[0] = adv_carve_floats(carver, rows * adv_shape_size(net->input));
	for (int i = 0; i < net->n_layers; i++)
	{
		size_t size = rows * adv_shape_size(net->layers[i].out);
		bool shared = in_place(net, i);

		ws->act[i + 1] = shared ? ws->act[i] : adv_carve_floats(carver, size);
		ws->d_act[i + 1] = shared ? ws->d_act[i] : adv_carve_floats(carver, size);
		if (net->layers[i].kind == ADV_LAYER_MAXPOOL)
			ws->argmax[i] = adv_carve(carver, size, sizeof(uint8_t));
	}
}

/* Buffers of convolutions are as large as the largest needs. */
static void
carve_conv(AdvWorkspace *ws, AdvPass pass, AdvCarver *carver)
{
	const AdvNetwork *net = ws->net;
	size_t cols = 0, weight = 0;

	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];

		if (l->kind != ADV_LAYER_CONV)
			continue;
		cols = adv_conv_cols_size(l) > cols ? adv_conv_cols_size(l) : cols;
		weight = l->n_weight > weight ? l->n_weight : weight;
	}
	ws->cols = adv_carve_floats(carver, cols);
	ws->packed = adv_carve_floats(carver, weight);
	if (pass == ADV_PASS_BACKWARD)
	{
		ws->d_cols = adv_carve_floats(carver, cols);
		ws->d_packed = adv_carve_floats(carver, weight);
	}
}

static size_t
carve_workspace(AdvWorkspace *ws, const AdvNetwork *net, int max_rows, AdvPass pass, void *memory)
{
	AdvCarver carver = {memory, 0};

	memset(ws, 0, sizeof(*ws));
	ws->net = net;
	ws->max_rows = max_rows;
	if (pass == ADV_PASS_BACKWARD)
		carve_backward(ws, &carver);
	else
		carve_forward(ws, &carver);
	carve_conv(ws, pass, &carver);
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

static AdvStatus
conv_forward(const AdvLayer *l, int i, const float *params, AdvWorkspace *ws, int rows)
{
	int step = rows_at_once(l, rows);

	for (int first = 0; first < rows; first += step)
	{
		if (should_stop(ws))
			return ADV_ABORTED;
		adv_conv_forward(l, rows - first < step ? rows - first : step, params + l->weight, params + l->bias,
						 ws->act[i] + (size_t) first * adv_shape_size(l->in),
						 ws->act[i + 1] + (size_t) first * adv_shape_size(l->out), ws->cols, ws->packed);
	}
	return ADV_OK;
}

static AdvStatus
conv_backward(const AdvLayer *l, int i, const float *params, AdvWorkspace *ws, int rows, float *d_params,
			  bool to_input)
{
	int step = rows_at_once(l, rows);

	for (int first = 0; first < rows; first += step)
	{
		size_t in = (size_t) first * adv_shape_size(l->in);

		if (should_stop(ws))
			return ADV_ABORTED;
		adv_conv_backward(l, rows - first < step ? rows - first : step, params + l->weight, ws->act[i] + in,
						  ws->d_act[i + 1] + (size_t) first * adv_shape_size(l->out),
						  to_input ? ws->d_act[i] + in : NULL, d_params ? d_params + l->weight : NULL,
						  d_params ? d_params + l->bias : NULL, ws->cols, ws->d_cols, ws->packed,
						  ws->d_packed);
	}
	return ADV_OK;
}

AdvStatus
adv_forward(const AdvNetwork *net, const float *params, AdvWorkspace *ws, int rows)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayer *l = &net->layers[i];
		const float *weight = params + l->weight;
		const float *bias = params + l->bias;
		const float *src = ws->act[i];
		float *dst = ws->act[i + 1];
		size_t size = adv_shape_size(l->out);

		if (should_stop(ws))
			return ADV_ABORTED;
		switch ((AdvLayerKind) l->kind)
		{
			case ADV_LAYER_SCALE:
				adv_scale_forward(l, rows, weight, bias, src, dst);
				break;
			case ADV_LAYER_CONV:
				if (conv_forward(l, i, params, ws, rows) != ADV_OK)
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
				adv_dense_forward(l, rows, weight, bias, src, dst);
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

AdvStatus
adv_backward(const AdvNetwork *net, const float *params, AdvWorkspace *ws, int rows, float *d_params,
			 bool skip_dense, bool input_gradient)
{
	int last = input_gradient ? 0 : first_trained_layer(net);

	for (int i = net->n_layers - 1; i >= last; i--)
	{
		const AdvLayer *l = &net->layers[i];
		const float *dst = ws->act[i + 1];
		const float *d_dst = ws->d_act[i + 1];
		float *d_src = ws->d_act[i];
		bool to_input = input_gradient || i > last;
		float *d_dense = skip_dense ? NULL : d_params;
		size_t size = adv_shape_size(l->in);

		if (should_stop(ws))
			return ADV_ABORTED;
		switch ((AdvLayerKind) l->kind)
		{
			case ADV_LAYER_SCALE:
				adv_scale_backward(l, rows, params + l->bias, d_dst, d_src);
				break;
			case ADV_LAYER_CONV:
				if (conv_backward(l, i, params, ws, rows, d_params, to_input) != ADV_OK)
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
				adv_dense_backward(l, rows, params + l->weight, ws->act[i], d_dst, to_input ? d_src : NULL,
								   d_dense ? d_dense + l->weight : NULL, d_dense ? d_dense + l->bias : NULL);
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
