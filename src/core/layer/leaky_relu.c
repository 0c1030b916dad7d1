/*
 * leaky_relu.c
 *		leaky_relu A: x for x > 0, else A x (Maas et al. 2013). 0 <= A < 1: then the sign of the result is that of x, and tells the slope.
 */
#include "core/kernel/dispatch.h"
#include "core/layer/linear.h"

ADV_LOOP void
forward_loop(size_t n, float slope, const float *src, float *dst)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] < 0 ? slope * src[i] : src[i];
}
ADV_DISPATCH(static, forward, (size_t n, float slope, const float *src, float *dst), (n, slope, src, dst))

ADV_LOOP void
backward_loop(size_t n, float slope, const float *dst, const float *d_dst, float *d_src)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		d_src[i] = dst[i] > 0 ? d_dst[i] : slope * d_dst[i];
}
ADV_DISPATCH(static, backward, (size_t n, float slope, const float *dst, const float *d_dst, float *d_src),
			 (n, slope, dst, d_dst, d_src))

static AdvStatus
leaky_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	forward((size_t) rows * adv_shape_size(s->layer->in), s->layer->factor, src, dst);
	return ADV_OK;
}

static AdvStatus
leaky_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		backward((size_t) b->rows * adv_shape_size(s->layer->in), s->layer->factor, b->dst, b->d_dst,
				 b->d_src);
	return ADV_OK;
}

static AdvReach
relax_one(const AdvLayer *l, double low, double high)
{
	return adv_reach_rounded(adv_relax_kink(l->factor, low, high), 1);
}

static void
relax(const AdvLayer *l, const double *low, const double *high, AdvRelaxed *to)
{
	adv_relax_each(l, relax_one, low, high, to);
}

static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvStatus status = adv_check_below_one(b, word, "slope");

	return status == ADV_OK ? b->add(b, word, b->shape, (AdvCount){0}) : status;
}

const AdvLayerType adv_leaky_relu_layer = {
	.word = "leaky_relu",
	.form_words = "leaky_relu A for a slope of A where the input is negative, for example leaky_relu 0.01",
	.listed = "leaky_relu A",
	.form = ADV_FORM_FACTOR,
	.element_wise = true,
	.build = build,
	.forward = leaky_forward,
	.backward = leaky_backward,
	.relax = relax,
};
