/*
 * scale.c
 *		A fixed affine map per channel in front of a network, so that attacks act on raw units while training is
 *		well conditioned: y = (x - shift_c) * factor_c. The system adds it; it is fitted, never trained.
 */
#include <math.h>

#include "core/layer/linear.h"

static int
weight_sizes(const AdvLayer *l, int *sizes)
{
	sizes[0] = l->in.c;
	return 1;
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t positions = (size_t) rows * s->layer->in.h * s->layer->in.w;
	size_t channels = (size_t) s->layer->in.c;
	const float *shift = s->weight, *factor = s->bias;

	for (size_t p = 0; p < positions; p++)
		for (size_t c = 0; c < channels; c++)
			dst[p * channels + c] = (src[p * channels + c] - shift[c]) * factor[c];
	return ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	size_t positions = (size_t) b->rows * s->layer->in.h * s->layer->in.w;
	size_t channels = (size_t) s->layer->in.c;
	const float *factor = s->bias;

	for (size_t p = 0; b->d_src && p < positions; p++)
		for (size_t c = 0; c < channels; c++)
			b->d_src[p * channels + c] = b->d_dst[p * channels + c] * factor[c];
	return ADV_OK;
}

static void
describe(const AdvLayer *l, const float *params, AdvLinear *to)
{
	to->kind = ADV_LINEAR_BY_CHANNEL;
	to->h = to->w = to->stride = 1;
	to->roundings = 4;
	for (size_t c = 0; to->weight && c < (size_t) l->in.c; c++)
	{
		to->weight[c] = params[l->bias + c];
		to->bias[c] = -(double) params[l->weight + c] * to->weight[c];
		to->fixed[c] = fabs(to->bias[c]);
	}
}

const AdvLayerType adv_scale_layer = {
	.word = "scale",
	.element_wise = true,
	.initial_weight = 0,
	.initial_bias = 1,
	.weight_name = "shift",
	.bias_name = "factor",
	.weight_sizes = weight_sizes,
	.forward = forward,
	.backward = backward,
	.map = describe,
};
