/*
 * residual.c
 *		residual( ... ): a block whose input is added to its output (He et al. 2015, Deep residual learning).
 *
 *		y = f(x) + x, or where f changes the shape, y = f(x) + P x: P is a convolution of size 1 that takes as long strides as all of f
 *
 * In a network the block's layers lie between two that the system writes as "residual(" and ")". The first passes everything on. The last one
 * finds the block's input again, and takes along relus that follow. The gradient by that input stays where the last one leaves it, that of what
 * came out of the block or, behind P, in the memory of the first, which adds it to that of the block on the way back.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/layer/activation.h"
#include "core/layer/linear.h"

extern const AdvLayerType adv_conv_layer;
extern const AdvLayerType adv_add_layer;
extern const AdvLayerType adv_project_layer;

/* to = x + y, where to may be either; relu is a constant, and leaves NaN as it is. */
ADV_LOOP void
add_values(bool relu, size_t n, const float *x, const float *y, float *to)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		float sum = x[i] + y[i];

		to[i] = relu && sum < 0 ? 0 : sum;
	}
}

ADV_LOOP void
add_loop(bool relu, size_t n, const float *x, const float *y, float *to)
{
	if (relu)
		add_values(true, n, x, y, to);
	else
		add_values(false, n, x, y, to);
}
ADV_DISPATCH(static, add, (bool relu, size_t n, const float *x, const float *y, float *to),
			 (relu, n, x, y, to))

static size_t
floats_of(int rows, AdvShape shape)
{
	return (size_t) rows * adv_shape_size(shape);
}

static void
copy(size_t n, const float *from, float *to)
{
	if (from != to)
		memcpy(to, from, sizeof(float) * n);
}

/* ---- the beginning ---- */

static AdvStatus
begin_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	copy(floats_of(rows, s->layer->in), src, dst);
	return ADV_OK;
}

/* The end has been here before. */
static AdvStatus
begin_backward(const AdvStep *s, const AdvBack *b)
{
	const AdvStep *end = s->peer;

	if (b->d_src)
		add(false, floats_of(b->rows, s->layer->in), b->d_dst,
			end->type == &adv_project_layer ? (const float *) (const void *) s->memory : s->d_act[end->first],
			b->d_src);
	return ADV_OK;
}

/* The gradient by the block's input, as far as it does not come through the block but through P. */
static size_t
begin_memory(const AdvLayer *l)
{
	return sizeof(float) * adv_shape_size(l->in);
}

static AdvStatus
begin_build(AdvBuilder *b, const AdvLayerWord *word)
{
	return b->add(b, word, b->shape, (AdvCount){0});
}

static AdvStatus
close(AdvBuilder *b, AdvShape in, bool was_flat, int32_t stride)
{
	AdvShape out = b->shape;

	if (b->flat != was_flat)
	{
		adv_fail(b->err, ADV_INVALID,
				 "a residual block in arch string begins with an image and ends with a vector");
		adv_hint(
			b->err,
			"What is added to each other must be of one kind: close the block before the first dense layer.");
		return ADV_INVALID;
	}
	if (in.c == out.c && in.h == out.h && in.w == out.w)
		return b->add(b, &(AdvLayerWord){&adv_add_layer, .stride = 1}, out, (AdvCount){0});
	return b->add(b, &(AdvLayerWord){&adv_project_layer, .size = 1, .stride = stride}, out,
				  (AdvCount){(uint64_t) in.c * (uint64_t) out.c, (uint64_t) out.c});
}

const AdvLayerType adv_residual_layer = {
	.word = "residual",
	.form_words = "residual(layers), for example residual(conv 32x3, relu, conv 32x3)",
	.listed = "residual(layers)",
	.form = ADV_FORM_BLOCK,
	.build = begin_build,
	.close = close,
	.memory = begin_memory,
	.forward = begin_forward,
	.backward = begin_backward,
	.map = adv_linear_same,
};

/* ---- the end ---- */

/* (rows, in): what came into the block. */
static const float *
block_input(const AdvStep *s)
{
	return s->act[s->layer->peer];
}

static float *
block_gradient(const AdvStep *s)
{
	return (float *) (void *) s->peer->memory;
}

/* Whether relus are taken along. */
static bool
has_relu(const AdvStep *s)
{
	return s->end > s->first + 1;
}

static int
take_relus(AdvStep *s, int n, const AdvLayerType *const *types)
{
	int taken = 1;

	while (taken < n && types[s->layer[taken].kind]->fusion == ADV_FUSION_RELU)
		taken++;
	return taken;
}

static AdvStatus
add_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	add(has_relu(s), floats_of(rows, s->layer->out), src, block_input(s), dst);
	return ADV_OK;
}

/* The gradient by the sum, which is that by what came out of the block: written to where that lies, even if nothing in the block wants it. */
static const float *
sum_gradient(const AdvStep *s, const AdvBack *b)
{
	size_t n = floats_of(b->rows, s->layer->out);
	float *d = s->d_act[s->first];

	if (has_relu(s))
		adv_relu_backward(n, b->dst, b->d_dst, d);
	else
		copy(n, b->d_dst, d);
	return d;
}

static AdvStatus
add_backward(const AdvStep *s, const AdvBack *b)
{
	if (b->d_src)
		(void) sum_gradient(s, b);
	return ADV_OK;
}

const AdvLayerType adv_add_layer = {
	.word = "add",
	.ends_block = true,
	.take_along = take_relus,
	.forward = add_forward,
	.backward = add_backward,
	.map = adv_linear_same,
};

static AdvStatus
project_forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	AdvStatus status = adv_conv_layer.forward(s, rows, block_input(s), dst);

	if (status == ADV_OK)
		add(has_relu(s), floats_of(rows, s->layer->out), src, dst, dst);
	return status;
}

static AdvStatus
project_backward(const AdvStep *s, const AdvBack *b)
{
	AdvBack projection = *b;

	projection.src = block_input(s);
	projection.d_dst = sum_gradient(s, b);
	projection.d_src = b->d_src ? block_gradient(s) : NULL;
	return adv_conv_layer.backward(s, &projection);
}

/* A convolution that takes nothing along: relus wait for the sum. */
static int
project_along(AdvStep *s, int n, const AdvLayerType *const *types)
{
	(void) adv_conv_layer.take_along(s, 1, types);
	return take_relus(s, n, types);
}

static size_t
project_scratch(const AdvStep *s)
{
	return adv_conv_layer.scratch(s);
}

static AdvConvShape
project_product(const AdvLayer *l)
{
	return adv_conv_layer.product(l);
}

static int
project_sizes(const AdvLayer *l, int *sizes)
{
	return adv_conv_layer.weight_sizes(l, sizes);
}

const AdvLayerType adv_project_layer = {
	.word = "project",
	.ends_block = true,
	.pieces = ADV_PIECES_FILTERS,
	.drawn = true,
	.weight_name = "weight",
	.bias_name = "bias",
	.take_along = project_along,
	.weight_sizes = project_sizes,
	.scratch = project_scratch,
	.product = project_product,
	.forward = project_forward,
	.backward = project_backward,
	.map = adv_linear_full,
};
