/*
 * dense.c
 *		Fully connected layers: three matrix products, on a kernel or, where that is none, by adv_gemm.
 *
 *		dst = src W^T + b,	d_src = d_dst W,	d_W = d_dst^T src,	d_b = sum of d_dst over rows
 */
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/gemm.h"
#include "core/kernel/dispatch.h"
#include "core/layer/linear.h"

/* The gradient of the weights is formed in blocks that stay in the second-level cache. */
#define BLOCK_OUTPUTS 256
#define BLOCK_INPUTS  512
#define BLOCK_ROWS    256

typedef struct Scratch
{
	void *image;
	float *raw;
	void *work; /* of a block of the gradient */
	void *sum;
} Scratch;

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* The convolution of size 1 that a product is. */
static AdvConvShape
product_shape(int rows, int in, int out)
{
	return (AdvConvShape){1, rows, in, out, 1};
}

/* A block of the gradient: columns of d_dst are its channels, those of src its filters, so that its lines are weights'. */
static AdvConvShape
block_shape(const AdvLayer *l)
{
	return product_shape(BLOCK_ROWS, least(BLOCK_OUTPUTS, (int) adv_shape_size(l->out)),
						 least(BLOCK_INPUTS, (int) adv_shape_size(l->in)));
}

static Scratch
carve_scratch(const AdvKernel *k, const AdvLayer *l, int rows, AdvPass pass, void *memory, size_t *size)
{
	AdvCarver carver = {memory, 0};
	int in = (int) adv_shape_size(l->in), out = (int) adv_shape_size(l->out);
	AdvConvShape forward = product_shape(rows, in, out);
	AdvConvShape back = product_shape(rows, out, in);
	AdvConvShape block = block_shape(l);
	size_t image = k->image_size(&forward), raw = adv_raw_size(&forward, 1);
	Scratch s = {0};

	if (pass != ADV_PASS_FORWARD)
	{
		image = k->image_size(&back) > image ? k->image_size(&back) : image;
		raw = adv_raw_size(&back, 1) > raw ? adv_raw_size(&back, 1) : raw;
		s.work = adv_carve(&carver, k->scratch_size(&block), 1);
		s.sum = adv_carve(&carver, k->sum_size(&block), 1);
	}
	s.image = adv_carve(&carver, image, 1);
	s.raw = adv_carve_floats(&carver, raw);
	*size = carver.used;
	return s;
}

/* Whether a raw result of n columns can be written to where it shall be in the end. */
static bool
in_place(const AdvKernel *k, int n)
{
	return k->exact && n % ADV_VECTOR == 0;
}

/* dst (rows, n) = raw (rows, n rounded up) + bias. */
ADV_LOOP void
take_rows_loop(int rows, int n, const float *raw, const float *bias, float *dst)
{
	size_t step = (n + ADV_VECTOR - 1) / ADV_VECTOR * ADV_VECTOR;

	for (int r = 0; r < rows; r++, raw += step, dst += n)
		ADV_INDEPENDENT
	for (int i = 0; i < n; i++)
		dst[i] = raw[i] + bias[i];
}
ADV_DISPATCH(static, take_rows, (int rows, int n, const float *raw, const float *bias, float *dst),
			 (rows, n, raw, bias, dst))

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	const AdvKernel *k = s->kernel;
	int in = (int) adv_shape_size(s->layer->in), out = (int) adv_shape_size(s->layer->out);
	AdvConvShape shape = product_shape(rows, in, out);
	size_t size;
	Scratch scratch;
	float *raw;

	if (!k)
	{
		for (int r = 0; r < rows; r++)
			memcpy(dst + (size_t) r * out, s->bias, sizeof(float) * (size_t) out);
		adv_gemm(false, true, rows, out, in, src, in, s->weight, in, 1, dst, out);
		return ADV_OK;
	}
	scratch = carve_scratch(k, s->layer, rows, s->pass, s->scratch, &size);
	raw = in_place(k, out) ? dst : scratch.raw;
	k->lines(&shape, k->put(&shape, src, scratch.image), s->forward, (AdvLines){1, 0, 1}, NULL, raw);
	take_rows(rows, out, raw, s->bias, dst);
	return ADV_OK;
}

/* d_src = d_dst W. */
static void
input_gradient(const AdvStep *s, int rows, const float *d_dst, float *d_src)
{
	const AdvKernel *k = s->kernel;
	int in = (int) adv_shape_size(s->layer->in), out = (int) adv_shape_size(s->layer->out);
	size_t step = adv_round_up((size_t) in, ADV_VECTOR);
	AdvConvShape shape = product_shape(rows, out, in);
	size_t size;
	Scratch scratch;
	float *raw;

	if (!k)
	{
		adv_gemm(false, false, rows, in, out, d_dst, out, s->weight, in, 0, d_src, in);
		return;
	}
	scratch = carve_scratch(k, s->layer, rows, ADV_PASS_BACKWARD, s->scratch, &size);
	raw = in_place(k, in) ? d_src : scratch.raw;
	k->lines(&shape, k->put(&shape, d_dst, scratch.image), s->back, (AdvLines){1, 0, 1}, NULL, raw);
	for (int r = 0; r < rows && raw != d_src; r++)
		memcpy(d_src + (size_t) r * (size_t) in, raw + (size_t) r * step, sizeof(float) * (size_t) in);
}

/* sum (n) += rows (rows, n), which lie step floats apart. */
ADV_LOOP void
add_rows_loop(int rows, int n, size_t step, const float *x, float *sum)
{
	for (int r = 0; r < rows; r++, x += step)
		ADV_INDEPENDENT
	for (int i = 0; i < n; i++)
		sum[i] += x[i];
}
ADV_DISPATCH(static, add_rows, (int rows, int n, size_t step, const float *x, float *sum),
			 (rows, n, step, x, sum))

/* A block of the gradient of a part, to where it lies in d_weight, whose lines are step floats apart. */
static void
add_block(const AdvKernel *k, const Scratch *s, const AdvLayer *l, int rows, AdvPart block, const float *src,
		  const float *d_dst, size_t step, float *d_weight)
{
	int in = (int) adv_shape_size(l->in), out = (int) adv_shape_size(l->out);
	AdvConvShape shape = product_shape(0, block.outputs, block.inputs);

	memset(s->sum, 0, k->sum_size(&shape));
	for (int r = 0; r < rows; r += BLOCK_ROWS)
	{
		AdvPairs pairs = {1, d_dst + (size_t) r * (size_t) out + block.output, out,
						  src + (size_t) r * (size_t) in + block.input, in};

		shape.w = least(BLOCK_ROWS, rows - r);
		k->add_pairs(&shape, &pairs, s->work, s->sum, NULL);
	}
	k->add_sum(&shape, s->sum, (AdvWeightView){.c = (ptrdiff_t) step, .f = 1}, d_weight);
}

static void
part_gradient(const AdvStep *s, int rows, AdvPart part, const float *src, const float *d_dst, float *d_weight,
			  float *d_bias)
{
	const AdvKernel *k = s->kernel;
	int in = (int) adv_shape_size(s->layer->in), out = (int) adv_shape_size(s->layer->out);
	size_t size;
	Scratch scratch;

	if (!k)
		adv_gemm(true, false, part.outputs, part.inputs, rows, d_dst + part.output, out, src + part.input, in,
				 1, d_weight, part.inputs);
	else
		scratch = carve_scratch(k, s->layer, 0, ADV_PASS_BACKWARD, s->scratch, &size);
	for (int o = 0; k && o < part.outputs; o += BLOCK_OUTPUTS)
		for (int i = 0; i < part.inputs; i += BLOCK_INPUTS)
		{
			AdvPart block = {part.output + o, least(BLOCK_OUTPUTS, part.outputs - o), part.input + i,
							 least(BLOCK_INPUTS, part.inputs - i)};

			add_block(k, &scratch, s->layer, rows, block, src, d_dst, (size_t) part.inputs,
					  d_weight + (size_t) o * (size_t) part.inputs + i);
		}
	if (d_bias)
		add_rows(rows, part.outputs, (size_t) out, d_dst + part.output, d_bias);
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	AdvPart whole = {0, (int) adv_shape_size(s->layer->out), 0, (int) adv_shape_size(s->layer->in)};

	if (b->d_src)
		input_gradient(s, b->rows, b->d_dst, b->d_src);
	if (b->d_weight)
		part_gradient(s, b->rows, whole, b->src, b->d_dst, b->d_weight, b->d_bias);
	return ADV_OK;
}

/* ---- as a layer ---- */

/* Behind an image a flatten layer comes first. */
static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	AdvShape flat = {(int32_t) adv_shape_size(b->shape), 1, 1};
	AdvStatus status;

	if ((status = adv_check_positive(b, "dense", "number of outputs", word->width)) != ADV_OK ||
		(status = adv_check_at_most(b, "dense", "number of outputs", word->width, ADV_MAX_INPUTS)) != ADV_OK)
		return status;
	if (!b->flat &&
		(status = b->add(b, &(AdvLayerWord){&adv_flatten_layer, .stride = 1}, flat, (AdvCount){0})) != ADV_OK)
		return status;
	b->flat = true;
	return b->add(b, word, (AdvShape){word->width, 1, 1},
				  (AdvCount){(uint64_t) word->width * (uint64_t) b->shape.c, (uint64_t) word->width});
}

static int
weight_sizes(const AdvLayer *l, int *sizes)
{
	sizes[0] = l->out.c;
	sizes[1] = (int) adv_shape_size(l->in);
	return 2;
}

static AdvConvShape
product(const AdvLayer *l)
{
	return product_shape(0, (int) adv_shape_size(l->in), (int) adv_shape_size(l->out));
}

static size_t
scratch_size(const AdvStep *s)
{
	size_t size = 0;

	if (s->kernel)
		(void) carve_scratch(s->kernel, s->layer, s->max_rows, s->pass, NULL, &size);
	return size;
}

const AdvLayerType adv_dense_layer = {
	.word = "dense",
	.form_words = "dense N for N outputs, for example dense 128",
	.listed = "dense N",
	.form = ADV_FORM_WIDTH,
	.linear = true,
	.needs_input = true,
	.pieces = ADV_PIECES_PRODUCT,
	.drawn = true,
	.weight_name = "weight",
	.bias_name = "bias",
	.build = build,
	.weight_sizes = weight_sizes,
	.scratch = scratch_size,
	.product = product,
	.forward = forward,
	.backward = backward,
	.map = adv_linear_full,
	.part = part_gradient,
};
