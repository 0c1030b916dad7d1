/*
 * activation.c
 *		relu and tanh, and their derivatives in terms of their results. All loops are free of branches.
 */
#include "core/kernel/elementary.h"
#include "core/layer/activation.h"
#include "core/layer/linear.h"

/* NaN stays NaN: a network that has diverged must not look healthy. */
ADV_LOOP void
adv_relu_forward_loop(size_t n, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] < 0 ? 0 : src[i];
}
ADV_DISPATCH(extern, adv_relu_forward, (size_t n, const float *src, float *dst), (n, src, dst))

ADV_LOOP void
adv_relu_backward_loop(size_t n, const float *dst, const float *d_dst, float *d_src)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		d_src[i] = dst[i] > 0 ? d_dst[i] : 0;
}
ADV_DISPATCH(extern, adv_relu_backward, (size_t n, const float *dst, const float *d_dst, float *d_src),
			 (n, dst, d_dst, d_src))

ADV_LOOP void
adv_tanh_forward_loop(size_t n, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = adv_tanh_one(src[i]);
}
ADV_DISPATCH(extern, adv_tanh_forward, (size_t n, const float *src, float *dst), (n, src, dst))

ADV_LOOP void
adv_tanh_backward_loop(size_t n, const float *dst, const float *d_dst, float *d_src)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		d_src[i] = d_dst[i] * (1 - dst[i] * dst[i]);
}
ADV_DISPATCH(extern, adv_tanh_backward, (size_t n, const float *dst, const float *d_dst, float *d_src),
			 (n, dst, d_dst, d_src))

/* ---- as layers: both know their derivative by their result ---- */

static size_t
values(const AdvStep *s, int rows)
{
	return (size_t) rows * adv_shape_size(s->layer->in);
}

static AdvStatus
relu_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	adv_relu_forward(values(s, rows), src, dst);
	return ADV_OK;
}

static AdvStatus
relu_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		adv_relu_backward(values(s, b->rows), b->dst, b->d_dst, b->d_src);
	return ADV_OK;
}

static AdvReach
relax_relu(const AdvLayer *l, double low, double high)
{
	(void) l;
	return adv_relax_kink(0, low, high);
}

static void
relu_relax(const AdvLayer *l, const double *low, const double *high, AdvRelaxed *to)
{
	adv_relax_each(l, relax_relu, low, high, to);
}

const AdvLayerType adv_relu_layer = {
	.word = "relu",
	.form_words = "relu without a number",
	.listed = "relu",
	.element_wise = true,
	.fusion = ADV_FUSION_RELU,
	.forward = relu_forward,
	.backward = relu_backward,
	.relax = relu_relax,
};

static AdvStatus
tanh_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	adv_tanh_forward(values(s, rows), src, dst);
	return ADV_OK;
}

static AdvStatus
tanh_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		adv_tanh_backward(values(s, b->rows), b->dst, b->d_dst, b->d_src);
	return ADV_OK;
}

/* adv_tanh_one is off by less than 3 units in the last place, each of at most 2^-23. */
static AdvReach
finish_tanh(AdvReach r)
{
	return adv_reach_rounded(r, 6);
}

static void
tanh_relax(const AdvLayer *l, const double *low, const double *high, AdvRelaxed *to)
{
	adv_relax_tanh(l, 1, low, high, finish_tanh, to);
}

const AdvLayerType adv_tanh_layer = {
	.word = "tanh",
	.form_words = "tanh without a number",
	.listed = "tanh",
	.element_wise = true,
	.forward = tanh_forward,
	.backward = tanh_backward,
	.relax = tanh_relax,
};
