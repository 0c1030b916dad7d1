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
#include "core/network/packed.h"

#define RAW_FLOATS                                                                                           \
	((size_t) 20 << 10) /* of the lines computed at a time, unless fewer lines fill no window */

AdvConvBlock
adv_conv_block(const AdvNetwork *net, int i)
{
	const AdvLayer *l = &net->layers[i];
	AdvConvBlock b = {.shape = {l->in.h, l->in.w, l->in.c, l->out.c, l->size}, .pool = 1, .out = l->out};

	for (b.end = i + 1; b.end < net->n_layers; b.end++)
	{
		l = &net->layers[b.end];
		if (l->kind == ADV_LAYER_RELU)
			b.relu = true;
		else if (l->kind == ADV_LAYER_MAXPOOL && b.pool == 1)
		{
			b.pool = l->size;
			b.out = l->out;
		}
		else
			break;
	}
	return b;
}

/* The convolution that gives the gradient with respect to the input. */
static AdvConvShape
turned(const AdvConvShape *s)
{
	return (AdvConvShape){s->h, s->w, s->f, s->c, s->size};
}

/* Lines computed at a time: whole windows, in runs of about the same length. */
static int
strip_lines(const AdvConvShape *s, int pool)
{
	size_t most = RAW_FLOATS / adv_raw_size(s, 1);
	int runs = (int) ((size_t) s->h / (most < 1 ? 1 : most)) + 1;
	int lines = (s->h + runs - 1) / runs;

	return (lines + pool - 1) / pool * pool;
}

/* ---- scratch ---- */

typedef struct Scratch
{
	void *image;
	float *raw;
	float *d;    /* (h, w, f) gradient of the convolution's result */
	float *bias; /* (f) its sums, where nobody wants them */
	void *work;
	void *sum;
} Scratch;

static Scratch
carve_scratch(const AdvKernel *k, const AdvConvBlock *b, AdvPass pass, void *memory, size_t *size)
{
	AdvCarver carver = {memory, 0};
	AdvConvShape back = turned(&b->shape);
	size_t raw = adv_raw_size(&b->shape, strip_lines(&b->shape, b->pool));
	size_t image = k->image_size(&b->shape);
	Scratch s = {0};

	if (pass != ADV_PASS_FORWARD)
	{
		size_t back_raw = adv_raw_size(&back, strip_lines(&back, 1));
		size_t back_image = k->image_size(&back);

		raw = back_raw > raw ? back_raw : raw;
		image = back_image > image ? back_image : image;
		s.d = adv_carve_floats(&carver, (size_t) b->shape.h * b->shape.w * b->shape.f + ADV_VECTOR);
		s.bias = adv_carve_floats(&carver, (size_t) b->shape.f);
		s.work = adv_carve(&carver, k->scratch_size(&b->shape), 1);
		s.sum = adv_carve(&carver, k->sum_size(&b->shape), 1);
	}
	s.image = adv_carve(&carver, image, 1);
	s.raw = adv_carve_floats(&carver, raw);
	*size = carver.used;
	return s;
}

size_t
adv_conv_scratch_size(const AdvKernel *k, const AdvConvBlock *b, AdvPass pass)
{
	size_t size;

	(void) carve_scratch(k, b, pass, NULL, &size);
	return size;
}

/* ---- forward ---- */

/* One line of windows: raw (pool lines, positions, step) to dst (w, f); pool is a constant. */
ADV_LOOP void
finish_windows(int pool, bool relu, int w, int f, size_t step, size_t line, const float *raw,
			   const float *bias, float *dst, uint8_t *argmax)
{
	for (int x = 0; x < w; x++, raw += (size_t) pool * step, dst += f, argmax = argmax ? argmax + f : NULL)
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
	int w = b->out.w, f = b->out.c;

	if (b->pool == 1 && b->relu)
		finish_windows(1, true, w, f, step, line, raw, bias, dst, NULL);
	else if (b->pool == 1)
		finish_windows(1, false, w, f, step, line, raw, bias, dst, NULL);
	else if (b->pool == 2 && argmax)
		finish_windows(2, b->relu, w, f, step, line, raw, bias, dst, argmax);
	else if (b->pool == 2)
		finish_windows(2, b->relu, w, f, step, line, raw, bias, dst, NULL);
	else
		finish_windows(b->pool, b->relu, w, f, step, line, raw, bias, dst, argmax);
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

	for (int i = 0; i < count / b->pool && y / b->pool + i < b->out.h; i++)
	{
		size_t at = (size_t) (y / b->pool + i) * out_line;

		finish_line(b, raw + (size_t) i * (size_t) b->pool * raw_line, bias, dst + at,
					argmax ? argmax + at : NULL);
	}
}

void
adv_conv_forward(const AdvKernel *k, const AdvConvBlock *b, int rows, const void *packed, const float *bias,
				 const float *src, float *dst, uint8_t *argmax, AdvPass pass, void *memory,
				 const AdvStop *stop)
{
	size_t size;
	Scratch s = carve_scratch(k, b, pass, memory, &size);
	size_t in = (size_t) b->shape.h * (size_t) b->shape.w * (size_t) b->shape.c;
	size_t out = adv_shape_size(b->out);
	int strip = strip_lines(&b->shape, b->pool);

	for (int r = 0; r < rows; r++)
	{
		const void *image = k->put(&b->shape, src + (size_t) r * in, s.image);

		for (int y = 0; y < b->shape.h && !adv_stops(stop); y += strip)
		{
			int count = b->shape.h - y < strip ? b->shape.h - y : strip;

			k->lines(&b->shape, image, packed, y, count, s.raw);
			finish(b, y, count, s.raw, bias, dst + (size_t) r * out,
				   argmax ? argmax + (size_t) r * out : NULL);
		}
	}
}

/* ---- backward ---- */

/* The gradient of one line of windows goes to where each maximum came from, and to the bias; pool is a constant. */
ADV_LOOP void
spread_windows(int pool, bool relu, int w, int f, size_t line, const float *dst, const float *d_dst,
			   const uint8_t *argmax, float *d, float *d_bias)
{
	for (int x = 0; x < w;
		 x++, dst += f, d_dst += f, argmax = argmax ? argmax + f : NULL, d += (size_t) pool * f)
	{
		ADV_INDEPENDENT
		for (int i = 0; i < f; i++)
		{
			float g = relu && !(dst[i] > 0) ? 0 : d_dst[i];
			int32_t which = pool > 1 ? argmax[i] : 0;

			d_bias[i] += g;
			for (int place = 0; place < pool * pool; place++)
				d[(size_t) (place / pool) * line + (size_t) (place % pool) * f + i] = which == place ? g : 0;
		}
	}
}

ADV_LOOP void
spread_line_loop(const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
				 float *d_bias)
{
	size_t line = (size_t) b->shape.w * (size_t) b->shape.f;
	int w = b->out.w, f = b->out.c;

	if (b->pool == 1)
		spread_windows(1, b->relu, w, f, line, dst, d_dst, NULL, d, d_bias);
	else if (b->pool == 2)
		spread_windows(2, b->relu, w, f, line, dst, d_dst, argmax, d, d_bias);
	else
		spread_windows(b->pool, b->relu, w, f, line, dst, d_dst, argmax, d, d_bias);
}
ADV_DISPATCH(static, spread_line,
			 (const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
			  float *d_bias),
			 (b, dst, d_dst, argmax, d, d_bias))

/* d (h, w, f), the gradient of one image's raw result; positions that fill no window have none. */
static void
spread(const AdvConvBlock *b, const float *dst, const float *d_dst, const uint8_t *argmax, float *d,
	   float *d_bias)
{
	size_t line = (size_t) b->shape.w * (size_t) b->shape.f;
	size_t out_line = (size_t) b->out.w * (size_t) b->out.c;

	if (b->shape.h % b->pool || b->shape.w % b->pool)
		memset(d, 0, sizeof(float) * (size_t) b->shape.h * line);
	for (int y = 0; y < b->out.h; y++)
		spread_line(b, dst + (size_t) y * out_line, d_dst + (size_t) y * out_line,
					argmax ? argmax + (size_t) y * out_line : NULL, d + (size_t) (y * b->pool) * line,
					d_bias);
}

/* Lines of a raw result without what lies between them. */
static void
take_lines(const AdvConvShape *s, int count, const float *raw, float *dst)
{
	size_t step = adv_round_up((size_t) s->f, ADV_VECTOR);

	for (int y = 0; y < count; y++, raw += step * (size_t) adv_conv_pitch(s))
		for (int x = 0; x < s->w; x++, dst += s->f)
			memcpy(dst, raw + (size_t) x * step, sizeof(float) * (size_t) s->f);
}

/* d_src (h, w, c) of one image. */
static void
input_gradient(const AdvKernel *k, const AdvConvShape *back, const void *packed, const Scratch *s,
			   const float *d, float *d_src, const AdvStop *stop)
{
	const void *image = k->put(back, d, s->image);
	int strip = strip_lines(back, 1);

	for (int y = 0; y < back->h && !adv_stops(stop); y += strip)
	{
		int count = back->h - y < strip ? back->h - y : strip;

		k->lines(back, image, packed, y, count, s->raw);
		take_lines(back, count, s->raw, d_src + (size_t) y * (size_t) back->w * (size_t) back->f);
	}
}

void
adv_conv_backward(const AdvKernel *k, const AdvConvBlock *b, int rows, const void *packed, const float *src,
				  const float *dst, const float *d_dst, const uint8_t *argmax, float *d_src, float *d_weight,
				  float *d_bias, void *memory, const AdvStop *stop)
{
	size_t size;
	Scratch s = carve_scratch(k, b, ADV_PASS_BACKWARD, memory, &size);
	AdvConvShape back = turned(&b->shape);
	size_t in = (size_t) b->shape.h * (size_t) b->shape.w * (size_t) b->shape.c;
	size_t out = adv_shape_size(b->out);

	if (d_weight)
		memset(s.sum, 0, k->sum_size(&b->shape));
	for (int r = 0; r < rows; r++)
	{
		spread(b, dst + (size_t) r * out, d_dst + (size_t) r * out, argmax ? argmax + (size_t) r * out : NULL,
			   s.d, d_bias ? d_bias : s.bias);
		if (d_weight)
			k->add_image(&b->shape, src + (size_t) r * in, b->shape.c, s.d, b->shape.f, s.work, s.sum, stop);
		if (d_src)
			input_gradient(k, &back, packed, &s, s.d, d_src + (size_t) r * in, stop);
	}
	if (d_weight)
		k->add_sum(&b->shape, s.sum, adv_conv_weights(&b->shape), d_weight);
}
