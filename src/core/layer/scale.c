/*
 * scale.c
 *		A fixed affine map per channel in front of a network, so that attacks act on raw units while training is
 *		well conditioned: y = (x - shift_c) * factor_c.
 */
#include "core/layer/layers.h"

void
adv_scale_forward(const AdvLayer *l, int rows, const float *shift, const float *factor, const float *src,
				  float *dst)
{
	size_t positions = (size_t) rows * l->in.h * l->in.w;
	size_t channels = (size_t) l->in.c;

	for (size_t p = 0; p < positions; p++)
		for (size_t c = 0; c < channels; c++)
			dst[p * channels + c] = (src[p * channels + c] - shift[c]) * factor[c];
}

void
adv_scale_backward(const AdvLayer *l, int rows, const float *factor, const float *d_dst, float *d_src)
{
	size_t positions = (size_t) rows * l->in.h * l->in.w;
	size_t channels = (size_t) l->in.c;

	for (size_t p = 0; p < positions; p++)
		for (size_t c = 0; c < channels; c++)
			d_src[p * channels + c] = d_dst[p * channels + c] * factor[c];
}
