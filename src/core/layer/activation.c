/*
 * activation.c
 *		relu and tanh, and their derivatives in terms of their results. All loops are free of branches.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/layer/activation.h"

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

/*
 * tanh a = t / (t + 2) with t = exp(2a) - 1, for a = |x|; the sign is put back at the end. With 2a = n ln 2 + r,
 * |r| <= ln 2 / 2, t is 2^n (exp(r) - 1) + (2^n - 1), and exp(r) - 1 is its Taylor series up to r^7, which leaves an
 * error below 2e-8 of r. From a = 9.02 on the result is 1 in single precision.
 */
ADV_LOOP float
tanh_one(float x)
{
	const float ln2_high = 0x1.62e4p-1f;   /* so short that its product with n is exact */
	const float ln2_low = 0x1.7f7d1cp-20f; /* ln 2 - ln2_high */
	const float log2_e = 0x1.715476p+0f;
	const float round = 0x1.8p+23f; /* adding it rounds to whole numbers, which end up in the low bits */
	float a = __builtin_fabsf(x);
	float shifted, n, r, series, power, t;
	uint32_t bits;

	a = a > 10 ? 10 : a;
	shifted = 2 * a * log2_e + round;
	n = shifted - round;
	r = 2 * a - n * ln2_high - n * ln2_low;

	series = 1.0f / 5040;
	series = series * r + 1.0f / 720;
	series = series * r + 1.0f / 120;
	series = series * r + 1.0f / 24;
	series = series * r + 1.0f / 6;
	series = series * r + 1.0f / 2;
	series = series * r * r + r;

	memcpy(&bits, &shifted, sizeof(bits));
	bits = (bits + 127) << 23; /* the exponent of 2^n */
	memcpy(&power, &bits, sizeof(power));
	t = power * series + (power - 1);
	return __builtin_copysignf(t / (t + 2), x);
}

ADV_LOOP void
adv_tanh_forward_loop(size_t n, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = tanh_one(src[i]);
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
relu_backward(const AdvStep *s, int rows, const float *src, const float *dst, const float *d_dst, float *d_src,
			  float *d_weight, float *d_bias)
{
	if (d_src)
		adv_relu_backward(values(s, rows), dst, d_dst, d_src);
	return ADV_OK;
}

const AdvLayerType adv_relu_layer = {
	.word = "relu",
	.form_words = "relu without a number",
	.listed = "relu",
	.element_wise = true,
	.fusion = ADV_FUSION_RELU,
	.forward = relu_forward,
	.backward = relu_backward,
};

static AdvStatus
tanh_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	adv_tanh_forward(values(s, rows), src, dst);
	return ADV_OK;
}

static AdvStatus
tanh_backward(const AdvStep *s, int rows, const float *src, const float *dst, const float *d_dst, float *d_src,
			  float *d_weight, float *d_bias)
{
	if (d_src)
		adv_tanh_backward(values(s, rows), dst, d_dst, d_src);
	return ADV_OK;
}

const AdvLayerType adv_tanh_layer = {
	.word = "tanh",
	.form_words = "tanh without a number",
	.listed = "tanh",
	.element_wise = true,
	.forward = tanh_forward,
	.backward = tanh_backward,
};
