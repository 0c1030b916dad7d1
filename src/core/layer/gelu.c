/*
 * gelu.c
 *		gelu: x P(X <= x) for a standard normal X (Hendrycks and Gimpel 2016), not its approximation by tanh. The probability by formula 7.1.26 of
 *		Abramowitz and Stegun (1964), whose error is below 1.5e-7 for erf: so below 1e-7 here.
 *
 * Its derivative, P(X <= x) + x phi(x), is not to be had from the result alone: what comes in is kept.
 */
#include "core/kernel/elementary.h"
#include "core/layer/layer.h"

/* P(X <= x), and *bell = exp(-x^2 / 2). */
ADV_LOOP float
normal_one(float x, float *bell)
{
	float z = __builtin_fabsf(x);
	float t = 1 / (1 + 0.3275911f * 0x1.6a09e6p-1f * z); /* of z / sqrt(2) */
	float series = 1.061405429f;
	float tail;

	*bell = adv_exp_one(-0.5f * z * z);
	series = series * t - 1.453152027f;
	series = series * t + 1.421413741f;
	series = series * t - 0.284496736f;
	series = series * t + 0.254829592f;
	tail = 0.5f * series * t * *bell;
	return x < 0 ? tail : 1 - tail;
}

/* Where a factor is infinite the product is meant as its limit. */
ADV_LOOP void
forward_loop(size_t n, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		float bell;
		float p = normal_one(src[i], &bell);

		dst[i] = src[i] < -14 ? 0 : src[i] * p;
	}
}
ADV_DISPATCH(static, forward, (size_t n, const float *src, float *dst), (n, src, dst))

ADV_LOOP void
backward_loop(size_t n, const float *src, const float *d_dst, float *d_src)
{
	const float peak = 0x1.988454p-2f; /* 1 / sqrt(2 pi) */

	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		float bell;
		float p = normal_one(src[i], &bell);
		float slope = p + (__builtin_fabsf(src[i]) > 14 ? 0 : src[i] * peak * bell);

		d_src[i] = d_dst[i] * slope;
	}
}
ADV_DISPATCH(static, backward, (size_t n, const float *src, const float *d_dst, float *d_src),
			 (n, src, d_dst, d_src))

static AdvStatus
gelu_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	forward((size_t) rows * adv_shape_size(s->layer->in), src, dst);
	return ADV_OK;
}

static AdvStatus
gelu_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		backward((size_t) b->rows * adv_shape_size(s->layer->in), b->src, b->d_dst, b->d_src);
	return ADV_OK;
}

const AdvLayerType adv_gelu_layer = {
	.word = "gelu",
	.form_words = "gelu without a number",
	.listed = "gelu",
	.element_wise = true,
	.needs_input = true,
	.forward = gelu_forward,
	.backward = gelu_backward,
};
