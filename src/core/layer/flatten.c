/*
 * flatten.c
 *		Between an image and a dense layer: (h, w, c) order becomes (c, h, w), which is that of weights. The system adds it.
 */
#include "core/layer/linear.h"
#include "core/layer/order.h"

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

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t size = adv_shape_size(s->layer->in);

	for (int r = 0; r < rows; r++)
		adv_to_channels_first(s->layer->in, src + r * size, dst + r * size);
	return ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	size_t size = adv_shape_size(s->layer->in);

	for (int r = 0; b->d_src && r < b->rows; r++)
		adv_to_channels_last(s->layer->in, b->d_dst + r * size, b->d_src + r * size);
	return ADV_OK;
}

static void
describe(const AdvLayer *l, const float *params, AdvLinear *to)
{
	(void) l;
	(void) params;
	to->kind = ADV_LINEAR_CHANNELS_FIRST;
}

const AdvLayerType adv_flatten_layer = {
	.word = "flatten",
	.forward = forward,
	.backward = backward,
	.map = describe,
};
