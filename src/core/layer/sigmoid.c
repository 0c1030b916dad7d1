/*
 * sigmoid.c
 *		sigmoid: 1 / (1 + exp(-x)). By e = exp(-|x|) <= 1: 1 / (1 + e) for x >= 0, else e / (1 + e), so that small results keep their digits. Below 4
 *		units in the last place where |x| <= 87; beyond, it stays at what it is there.
 */
#include "core/kernel/elementary.h"
#include "core/layer/linear.h"

ADV_LOOP void
forward_loop(size_t n, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		float e = adv_exp_one(-__builtin_fabsf(src[i]));

		dst[i] = (src[i] < 0 ? e : 1) / (1 + e);
	}
}
ADV_DISPATCH(static, forward, (size_t n, const float *src, float *dst), (n, src, dst))

ADV_LOOP void
backward_loop(size_t n, const float *dst, const float *d_dst, float *d_src)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		d_src[i] = d_dst[i] * dst[i] * (1 - dst[i]);
}
ADV_DISPATCH(static, backward, (size_t n, const float *dst, const float *d_dst, float *d_src),
			 (n, dst, d_dst, d_src))

static AdvStatus
sigmoid_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	forward((size_t) rows * adv_shape_size(s->layer->in), src, dst);
	return ADV_OK;
}

static AdvStatus
sigmoid_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		backward((size_t) b->rows * adv_shape_size(s->layer->in), b->dst, b->d_dst, b->d_src);
	return ADV_OK;
}

/* sigmoid(x) = (1 + tanh(x / 2)) / 2. What forward gives is off by less than 4 units in the last place, each of at most 2^-23. */
static AdvReach
finish(AdvReach r)
{
	r.low = (1 + r.low) / 2;
	r.high = (1 + r.high) / 2;
	for (int side = 0; side < 2; side++)
	{
		r.slope[side] /= 2;
		r.at[side] = (1 + r.at[side]) / 2;
	}
	return adv_reach_rounded(r, 8);
}

static void
relax(const AdvLayer *l, const double *low, const double *high, AdvRelaxed *to)
{
	adv_relax_tanh(l, 0.5, low, high, finish, to);
}

const AdvLayerType adv_sigmoid_layer = {
	.word = "sigmoid",
	.form_words = "sigmoid without a number",
	.listed = "sigmoid",
	.element_wise = true,
	.forward = sigmoid_forward,
	.backward = sigmoid_backward,
	.relax = relax,
};
