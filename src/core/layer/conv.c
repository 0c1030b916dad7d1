/*
 * conv.c
 *		Convolutions, together with the maximum over windows and the relu that may follow them.
 *
 * A kernel leaves the raw result of some lines in memory small enough for the cache; pooling, bias and relu take it from
 * there, so that the large result of a convolution is never stored. (The maximum of x + b is that of x, plus b, rounding
 * included, and the gradient of relu before pooling is that of relu behind it.)
 */
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/dispatch.h"
#include "core/layer/linear.h"

#define RAW_FLOATS                                                                                           \
	((size_t) 20 << 10) /* of the lines computed at a time, unless fewer lines fill no window */

/* Work of a convolution, in multiply-adds, after which the host is asked again whether to stop. */
#define STOP_WORK ((uint64_t) 1 << 28)

static AdvConvShape
product(const AdvLayer *l)
{
	return (AdvConvShape){l->in.h, l->in.w, l->in.c, l->out.c, l->size};
}

/* The convolution that gives the gradient with respect to the input. */
static AdvConvShape
turned(const AdvConvShape *s)
{
	return (AdvConvShape){s->h, s->w, s->f, s->c, s->size};
}

/* Weights (filters, channels, h, w) as a kernel reads them. */
static AdvWeightView
weights_view(const AdvConvShape *s)
{
	return (AdvWeightView){s->size, 1, s->size * s->size, (ptrdiff_t) s->size * s->size * s->c};
}

/* The least multiple of unit that is no less than n; unit > 0. */
static int
whole(int n, int unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Lines of how many images are computed at a time: whole windows, in runs of about the same length, unless the kernel has a wish. */
static AdvLines
run_of(const AdvKernel *k, const AdvConvShape *s, int pool)
{
	AdvLines run = {1, 0, 0};
	size_t most = RAW_FLOATS / adv_raw_size(s, 1);
	int runs = (int) ((size_t) s->h / (most < 1 ? 1 : most)) + 1;

	if (k->run)
		run = k->run(s);
	else
		run.count = whole((s->h + runs - 1) / runs, pool);
	while (run.count < s->h && run.count % pool)
		run.count += k->run(s).count;
	return run;
}

/* A convolution with a stride has lines that nobody looks at: they are not computed, so the others are one at a time. */
static AdvLines
forward_run(const AdvKernel *k, const AdvConvBlock *b)
{
	return b->stride > b->pool ? (AdvLines){1, 0, 1} : run_of(k, &b->shape, b->pool);
}

static size_t
lines_scratch(const AdvKernel *k, const AdvConvShape *s, AdvLines run)
{
	return k->lines_scratch ? k->lines_scratch(s, run) : 0;
}

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* ---- scratch ---- */

typedef struct Scratch
{
	void *image;
	void *lines; /* the kernel's own, while it computes lines */
	float *raw;
	float *d;    /* (images, h, w, f) gradients of the convolution's results */
	float *bias; /* (f) its sums, where nobody wants them */
	void *work;
	void *sum;
} Scratch;

static Scratch
carve_scratch(const AdvStep *step, AdvPass pass, void *memory, size_t *size)
{
	const AdvKernel *k = step->kernel, *back_kernel = step->back_kernel;
	const AdvConvBlock *b = &step->block;
	AdvCarver carver = {memory, 0};
	AdvConvShape back = turned(&b->shape);
	AdvLines run = forward_run(k, b), back_run = run_of(back_kernel, &back, 1);
	size_t raw = (size_t) run.images * adv_raw_size(&b->shape, run.count);
	size_t image = k->image_size(&b->shape), lines = lines_scratch(k, &b->shape, run);
	Scratch s = {0};

	if (pass != ADV_PASS_FORWARD)
	{
		raw = larger(raw, (size_t) back_run.images * adv_raw_size(&back, back_run.count));
		image = larger(image, back_kernel->image_size(&back));
		lines = larger(lines, lines_scratch(back_kernel, &back, back_run));
		s.d = adv_carve_floats(&carver, (size_t) back_run.images * (size_t) b->shape.h * (size_t) b->shape.w *
												(size_t) b->shape.f +
											ADV_VECTOR);
		s.bias = adv_carve_floats(&carver, (size_t) b->shape.f);
		s.work = adv_carve(&carver, k->scratch_size(&b->shape), 1);
		s.sum = adv_carve(&carver, k->sum_size(&b->shape), 1);
	}
	s.image = adv_carve(&carver, image, 1);
	s.lines = adv_carve(&carver, lines, 1);
	s.raw = adv_carve_floats(&carver, raw);
	*size = carver.used;
	return s;
}

/* ---- forward ---- */

/* One line of windows, next floats apart: raw (pool lines, positions, step) to dst (w, f); pool is a constant. */
ADV_LOOP void
finish_windows(int pool, bool relu, int w, int f, size_t step, size_t line, size_t next, const float *raw,
			   const float *bias, float *dst, uint8_t *argmax)
{
	for (int x = 0; x < w; x++, raw += next, dst += f, argmax = argmax ? argmax + f : NULL)
	{
		ADV_INDEPENDENT
		for (int i = 0; i < f; i++)
		{
			float best = raw[i];
			int32_t which = 0;

			for (int place = 1; place < pool * pool; place++)
			{
				float value = raw[(size_t) (place / pool) * line + (size_t) (place % pool) * step + i];
				bool larger = value > best || value != value;

				best = larger ? value : best;
				which = larger ? place : which;
			}
			best += bias[i];
			dst[i] = relu && best < 0 ? 0 : best;
			if (argmax)
				argmax[i] = (uint8_t) which;
		}
	}
}

ADV_LOOP void
finish_line_loop(const AdvConvBlock *b, const float *raw, const float *bias, float *dst, uint8_t *argmax)
{
	size_t step = adv_round_up((size_t) b->shape.f, ADV_VECTOR);
	size_t line = step * (size_t) adv_conv_pitch(&b->shape);
	size_t next = step * (size_t) b->stride;
	int w = b->out.w, f = b->out.c;

	if (b->pool == 1 && b->relu)
		finish_windows(1, true, w, f, step, line, next, raw, bias, dst, NULL);
	else if (b->pool == 1)
		finish_windows(1, false, w, f, step, line, next, raw, bias, dst, NULL);
	else if (b->pool == 2 && argmax)
		finish_windows(2, b->relu, w, f, step, line, next, raw, bias, dst, argmax);
	else if (b->pool == 2)
		finish_windows(2, b->relu, w, f, step, line, next, raw, bias, dst, NULL);
	else
		finish_windows(b->pool, b->relu, w, f, step, line, next, raw, bias, dst, argmax);
}
ADV_DISPATCH(static, finish_line,
			 (const AdvConvBlock *b, const float *raw, const float *bias, float *dst, uint8_t *argmax),
			 (b, raw, bias, dst, argmax))

/* Lines y .. y + count of the raw result become lines of dst. */
static void
finish(const AdvConvBlock *b, int y, int count, const float *raw, const float *bias, float *dst,
	   uint8_t *argmax)
{
	size_t raw_line = adv_round_up((size_t) b->shape.f, ADV_VECTOR) * (size_t) adv_conv_pitch(&b->shape);
	size_t out_line = (size_t) b->out.w * (size_t) b->out.c;

	for (int i = 0; i * b->stride + b->pool <= count && y / b->stride + i < b->out.h; i++)
	{
		size_t at = (size_t) (y / b->stride + i) * out_line;

		finish_line(b, raw + (size_t) i * (size_t) b->stride * raw_line, bias, dst + at,
					argmax ? argmax + at : NULL);
	}
}

/* Some images. Told to stop within one it leaves what it likes. */
static void
forward_rows(const AdvStep *step, int rows, const float *src, float *dst, uint8_t *argmax,
			 const AdvStop *stop)
{
	const AdvKernel *k = step->kernel;
	const AdvConvBlock *b = &step->block;
	size_t size;
	Scratch s = carve_scratch(step, step->pass, step->scratch, &size);
	size_t in = (size_t) b->shape.h * (size_t) b->shape.w * (size_t) b->shape.c;
	size_t out = adv_shape_size(b->out);
	AdvLines run = forward_run(k, b);

	for (int r = 0; r < rows; r += run.images)
	{
		const void *image = k->put(&b->shape, src + (size_t) r * in, s.image);
		AdvLines at = {rows - r < run.images ? rows - r : run.images, 0, run.count};

		for (; at.y < b->shape.h && !adv_stops(stop); at.y += run.count > b->stride ? run.count : b->stride)
		{
			at.count = b->shape.h - at.y < run.count ? b->shape.h - at.y : run.count;
			k->lines(&b->shape, image, step->forward, at, s.lines, s.raw);
			for (int i = 0; i < at.images; i++)
				finish(b, at.y, at.count, s.raw + (size_t) i * adv_raw_size(&b->shape, at.count), step->bias,
					   dst + (size_t) (r + i) * out, argmax ? argmax + (size_t) (r + i) * out : NULL);
		}
	}
}

/* ---- backward ---- */

/* x, or 0 unless wanted: by its bits, because compilers make of a choice between floats loads and stores that are skipped. */
ADV_LOOP float
kept(float x, bool wanted)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	bits &= 0 - (uint32_t) wanted;
	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* The gradient of one line of windows, next floats apart, goes to where each maximum came from, and to the bias; pool is a constant. */
ADV_LOOP void
spread_windows(int pool, bool relu, int w, int f, size_t line, size_t next, const float *dst,
			   const float *d_dst, const uint8_t *argmax, float *d, float *d_bias)
{
	for (int x = 0; x < w; x++, dst += f, d_dst += f, argmax = argmax ? argmax + f : NULL, d += next)
	{
		ADV_INDEPENDENT
		for (int i = 0; i < f; i++)
		{
			float g = kept(d_dst[i], !relu || dst[i] > 0);
			int32_t which = pool > 1 ? argmax[i] : 0;

			d_bias[i] += g;
			for (int place = 0; place < pool * pool; place++)
				d[(size_t) (place / pool) * line + (size_t) (place % pool) * f + i] = kept(g, which == place);
		}
	}
}

ADV_LOOP void
spread_line_loop(const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
				 float *d_bias)
{
	size_t line = (size_t) b->shape.w * (size_t) b->shape.f;
	size_t next = (size_t) b->stride * (size_t) b->shape.f;
	int w = b->out.w, f = b->out.c;

	if (b->pool == 1)
		spread_windows(1, b->relu, w, f, line, next, dst, d_dst, NULL, d, d_bias);
	else if (b->pool == 2)
		spread_windows(2, b->relu, w, f, line, next, dst, d_dst, argmax, d, d_bias);
	else
		spread_windows(b->pool, b->relu, w, f, line, next, dst, d_dst, argmax, d, d_bias);
}
ADV_DISPATCH(static, spread_line,
			 (const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
			  float *d_bias),
			 (b, dst, d_dst, argmax, d, d_bias))

/* d (h, w, f), the gradient of one image's raw result; positions in no window have none. */
static void
spread(const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
	   float *d_bias)
{
	size_t line = (size_t) b->shape.w * (size_t) b->shape.f;
	size_t out_line = (size_t) b->out.w * (size_t) b->out.c;

	if (b->stride > b->pool || b->shape.h % b->pool || b->shape.w % b->pool)
		memset(d, 0, sizeof(float) * (size_t) b->shape.h * line);
	for (int y = 0; y < b->out.h; y++)
		spread_line(b, dst + (size_t) y * out_line, d_dst + (size_t) y * out_line,
					argmax ? argmax + (size_t) y * out_line : NULL, d + (size_t) (y * b->stride) * line,
					d_bias);
}

/* A line of a raw result, steps of whole vectors, as one of f floats to a position: fours and eights are written whole where those behind cover the rest. */
ADV_LOOP void
take_line(int w, int f, size_t step, const float *restrict raw, float *restrict dst)
{
	int x = 0;

	for (; f <= 4 && x < w - 4; x++, raw += step, dst += f)
		memcpy(dst, raw, 4 * sizeof(float));
	for (; f > 4 && f < 8 && x < w - 2; x++, raw += step, dst += f)
		memcpy(dst, raw, 8 * sizeof(float));
	for (; x < w; x++, raw += step, dst += f)
		for (int i = 0; i < f; i++)
			dst[i] = raw[i];
}

/* Lines of a raw result without what lies between them. */
ADV_LOOP void
take_lines_loop(const AdvConvShape *s, int count, const float *raw, float *dst)
{
	size_t step = adv_round_up((size_t) s->f, ADV_VECTOR);
	size_t line = (size_t) s->w * (size_t) s->f;

	for (int y = 0; y < count; y++, raw += step * (size_t) adv_conv_pitch(s), dst += line)
		if (step == (size_t) s->f)
			memcpy(dst, raw, sizeof(float) * line);
		else
			take_line(s->w, s->f, step, raw, dst);
}
ADV_DISPATCH(static, take_lines, (const AdvConvShape *s, int count, const float *raw, float *dst),
			 (s, count, raw, dst))

/* d_src (images, h, w, c) of some images. */
static void
input_gradient(const AdvKernel *k, const AdvConvShape *back, const void *packed, const Scratch *s, int images,
			   float *d_src, const AdvStop *stop)
{
	const void *image = k->put(back, s->d, s->image);
	AdvLines at = run_of(k, back, 1);
	int step = at.count;
	size_t line = (size_t) back->w * (size_t) back->f;

	at.images = images;
	for (; at.y < back->h && !adv_stops(stop); at.y += step)
	{
		at.count = back->h - at.y < step ? back->h - at.y : step;
		k->lines(back, image, packed, at, s->lines, s->raw);
		for (int i = 0; i < images; i++)
			take_lines(back, at.count, s->raw + (size_t) i * adv_raw_size(back, at.count),
					   d_src + (size_t) (i * back->h + at.y) * line);
	}
}

/* Some images at once. argmax is theirs; NULL: the step does not pool. */
static void
backward_rows(const AdvStep *step, const AdvBack *x, const uint8_t *argmax, const AdvStop *stop)
{
	const AdvKernel *k = step->kernel;
	const AdvConvBlock *b = &step->block;
	size_t size;
	Scratch s = carve_scratch(step, ADV_PASS_BACKWARD, step->scratch, &size);
	AdvConvShape back = turned(&b->shape);
	size_t in = (size_t) b->shape.h * (size_t) b->shape.w * (size_t) b->shape.c;
	size_t d_image = (size_t) b->shape.h * (size_t) b->shape.w * (size_t) b->shape.f;
	size_t out = adv_shape_size(b->out);
	int most = run_of(step->back_kernel, &back, 1).images;

	if (x->d_weight)
		memset(s.sum, 0, k->sum_size(&b->shape));
	for (int r = 0; r < x->rows; r += most)
	{
		int images = x->rows - r < most ? x->rows - r : most;
		AdvPairs pairs = {images, x->src + (size_t) r * in, b->shape.c, s.d, b->shape.f};

		for (int i = 0; i < images; i++)
			spread(b, x->dst + (size_t) (r + i) * out, x->d_dst + (size_t) (r + i) * out,
				   argmax ? argmax + (size_t) (r + i) * out : NULL, s.d + (size_t) i * d_image,
				   x->d_bias ? x->d_bias : s.bias);
		if (x->d_weight)
			k->add_pairs(&b->shape, &pairs, s.work, s.sum, stop);
		if (x->d_src)
			input_gradient(step->back_kernel, &back, step->back, &s, images, x->d_src + (size_t) r * in,
						   stop);
	}
	if (x->d_weight)
		k->add_sum(&b->shape, s.sum, weights_view(&b->shape), x->d_weight);
}

/* ---- as a layer ---- */

/* Images between two questions whether to stop: all of them, unless they are large. */
static int
rows_at_once(const AdvLayer *l, int rows)
{
	uint64_t work = (uint64_t) l->n_weight * (uint64_t) l->in.h * (uint64_t) l->in.w;
	uint64_t most = STOP_WORK / work + 1;

	return most < (uint64_t) rows ? (int) most : rows;
}

/* Whom to ask within an image: nobody, unless it is that much work. */
static const AdvStop *
stop_within(const AdvStep *s)
{
	return s->stop->ask && rows_at_once(s->layer, 2) == 1 ? s->stop : NULL;
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t in = adv_shape_size(s->layer->in), out = adv_shape_size(s->block.out);
	int step = rows_at_once(s->layer, rows);
	const AdvStop *within = stop_within(s);

	for (int first = 0; first < rows; first += step)
	{
		if (adv_step_stops(s))
			return ADV_ABORTED;
		forward_rows(s, rows - first < step ? rows - first : step, src + (size_t) first * in,
					 dst + (size_t) first * out, s->memory ? s->memory + (size_t) first * out : NULL, within);
	}
	return adv_stops(within) ? ADV_ABORTED : ADV_OK;
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	size_t in = adv_shape_size(s->layer->in), out = adv_shape_size(s->block.out);
	int step = rows_at_once(s->layer, b->rows);
	const AdvStop *within = stop_within(s);

	for (int first = 0; first < b->rows; first += step)
	{
		size_t i = (size_t) first * in, o = (size_t) first * out;
		AdvBack some = {b->rows - first < step ? b->rows - first : step,
						b->src + i,
						b->dst + o,
						b->d_dst + o,
						b->d_src ? b->d_src + i : NULL,
						b->d_weight,
						b->d_bias,
						b->sums};

		if (adv_step_stops(s))
			return ADV_ABORTED;
		backward_rows(s, &some, s->memory ? s->memory + o : NULL, within);
	}
	return adv_stops(within) ? ADV_ABORTED : ADV_OK;
}

static AdvStatus
check_kernel(const AdvBuilder *b, int32_t size)
{
	if (size % 2 == 1)
		return ADV_OK;
	adv_fail(b->err, ADV_INVALID, "kernel size %d of conv in arch string is even", (int) size);
	adv_hint(b->err, "A kernel has a middle: its size must be odd.");
	return ADV_INVALID;
}

/* "Same" zero padding: the middle of the first filter is the first place, that of the next stride places on. */
static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	int32_t filters = word->width, size = word->size;
	AdvStatus status;

	if ((status = adv_check_image(b, "conv")) != ADV_OK ||
		(status = adv_check_positive(b, "conv", "number of filters", filters)) != ADV_OK ||
		(status = adv_check_positive(b, "conv", "kernel size", size)) != ADV_OK ||
		(status = adv_check_at_most(b, "conv", "number of filters", filters, ADV_MAX_INPUTS)) != ADV_OK ||
		(status = adv_check_at_most(b, "conv", "kernel size", size, ADV_MAX_KERNEL)) != ADV_OK ||
		(status = check_kernel(b, size)) != ADV_OK || (status = adv_check_stride(b, word)) != ADV_OK)
		return status;
	return b->add(
		b, word,
		(AdvShape){filters, (b->shape.h - 1) / word->stride + 1, (b->shape.w - 1) / word->stride + 1},
		(AdvCount){(uint64_t) filters * (uint64_t) b->shape.c * (uint64_t) (size * size),
				   (uint64_t) filters});
}

/* Relus, wherever, and one maxpool whose windows lie side by side; without a stride of its own. */
static int
take_along(AdvStep *s, int n, const AdvLayerType *const *types)
{
	const AdvLayer *l = s->layer;
	AdvConvBlock b = {.shape = product(l), .pool = 1, .stride = l->stride, .out = l->out};
	int taken = 1;

	for (; taken < n; taken++)
	{
		AdvFusion fusion = types[l[taken].kind]->fusion;

		if (fusion == ADV_FUSION_NONE ||
			(fusion == ADV_FUSION_MAXPOOL && (b.stride > 1 || l[taken].stride != l[taken].size)))
			break;
		b.relu = b.relu || fusion == ADV_FUSION_RELU;
		if (fusion == ADV_FUSION_MAXPOOL)
			b.pool = b.stride = l[taken].size;
		b.out = l[taken].out;
	}
	s->block = b;
	return taken;
}

static int
weight_sizes(const AdvLayer *l, int *sizes)
{
	sizes[0] = l->out.c;
	sizes[1] = l->in.c;
	sizes[2] = sizes[3] = l->size;
	return 4;
}

static size_t
scratch_size(const AdvStep *s)
{
	size_t size;

	(void) carve_scratch(s, s->pass, NULL, &size);
	return size;
}

const AdvLayerType adv_conv_layer = {
	.word = "conv",
	.form_words = "conv NxS for N filters of S x S, for example conv 32x3 or conv 32x3 stride 2",
	.listed = "conv NxS [stride T]",
	.form = ADV_FORM_FILTERS,
	.strides = true,
	.linear = true,
	.needs_input = true,
	.pieces = ADV_PIECES_FILTERS,
	.drawn = true,
	.weight_name = "weight",
	.bias_name = "bias",
	.build = build,
	.weight_sizes = weight_sizes,
	.take_along = take_along,
	.scratch = scratch_size,
	.product = product,
	.forward = forward,
	.backward = backward,
	.map = adv_linear_full,
};
