/*
 * kernel_vector.c
 *		Convolutions in single precision, on vectors of 16 filters, for any processor.
 *
 * Results, weights' gradients and products of dense layers are all sums of products a * b over two indices, where a is
 * one number and b a vector (product.h).
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"
#include "core/kernel/product.h"

/* ---- images and weights ---- */

static size_t
width(const AdvConvShape *s)
{
	return adv_round_up((size_t) s->f, ADV_VECTOR);
}

/* Floats of a line of an image with its border, and of what comes before its first line. */
static size_t
line_floats(const AdvConvShape *s)
{
	return (size_t) adv_conv_pitch(s) * (size_t) s->c;
}

static size_t
image_floats(const AdvConvShape *s)
{
	int border = s->size / 2;

	return (size_t) border * (size_t) s->c + (size_t) (s->h + 2 * border) * line_floats(s);
}

static size_t
image_size(const AdvConvShape *s)
{
	return sizeof(float) * image_floats(s);
}

static const void *
put(const AdvConvShape *s, const float *src, void *image)
{
	size_t border = (size_t) (s->size / 2);
	size_t used = (size_t) s->w * (size_t) s->c;
	size_t line = line_floats(s);
	float *to = image;

	if (border == 0)
		return src;
	memset(to, 0, sizeof(float) * (border * line + border * s->c));
	to += border * line + border * s->c;
	for (int y = 0; y < s->h; y++, src += used, to += line)
	{
		memcpy(to, src, sizeof(float) * used);
		memset(to + used, 0, sizeof(float) * (line - used));
	}
	memset(to, 0, sizeof(float) * border * line);
	return image;
}

static size_t
packed_size(const AdvConvShape *s)
{
	return sizeof(float) * (size_t) (s->size * s->size) * (size_t) s->c * width(s);
}

/* (ky, kx, c, width) */
ADV_LOOP void
pack_loop(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
		  int f_first, int f_count, void *packed)
{
	for (int k = 0; k < s->size * s->size; k++)
	{
		const float *from = weight + (k / s->size) * view.ky + (k % s->size) * view.kx + f_first * view.f;
		float *to = (float *) packed + (size_t) k * (size_t) s->c * width(s) + f_first;

		for (int c = c_first; c < c_first + c_count; c++)
		{
			float *row = to + (size_t) c * width(s);

			if (view.f == 1)
				memcpy(row, from + c * view.c, sizeof(float) * (size_t) f_count);
			else
				for (int f = 0; f < f_count; f++)
					row[f] = from[c * view.c + f * view.f];
		}
	}
}
ADV_DISPATCH(static, pack,
			 (const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
			  int f_first, int f_count, void *packed),
			 (s, weight, view, c_first, c_count, f_first, f_count, packed))

/* ---- products ---- */

/* The size * c floats under a filter's line lie together, so (kx, c) is one index. */
static void
lines(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch, float *raw)
{
	size_t line = line_floats(s);
	int run = s->size * s->c;
	AdvProduct p = {.m = which.count * adv_conv_pitch(s) - s->size / 2,
					.n = (int) (width(s) / ADV_VECTOR),
					.s = s->size,
					.k = run,
					.a = (const float *) image + (size_t) which.y * line,
					.a_m = (size_t) s->c,
					.a_s = line,
					.a_k = 1,
					.b = packed,
					.b_s = (size_t) run * width(s),
					.b_k = width(s),
					.c = raw,
					.c_m = width(s)};

	adv_product(&p);
}

/* (ky, kx, c, width) */
static size_t
sum_size(const AdvConvShape *s)
{
	return packed_size(s);
}

static void
add_pairs(const AdvConvShape *s, const AdvPairs *pairs, void *scratch, void *sum, const AdvStop *stop)
{
	size_t line = s->size == 1 ? (size_t) s->w * (size_t) pairs->src_step : line_floats(s);
	const float *image = put(s, pairs->src, scratch);
	int run = s->size * s->c;
	AdvProduct p = {.m = run,
					.n = (int) (width(s) / ADV_VECTOR),
					.s = s->h,
					.k = s->w,
					.add = true,
					.a_m = 1,
					.a_s = line,
					.a_k = (size_t) pairs->src_step,
					.b = pairs->d,
					.b_s = (size_t) s->w * (size_t) pairs->d_step,
					.b_k = (size_t) pairs->d_step,
					.c_m = width(s)};

	for (int ky = 0; ky < s->size && !adv_stops(stop); ky++)
	{
		p.a = image + (size_t) ky * line;
		p.c = (float *) sum + (size_t) ky * (size_t) run * width(s);
		adv_product(&p);
	}
}

ADV_LOOP void
add_run(size_t n, const float *restrict from, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

ADV_LOOP void
add_sum_loop(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient)
{
	for (int k = 0; k < s->size * s->size; k++)
	{
		float *to = gradient + (k / s->size) * view.ky + (k % s->size) * view.kx;
		const float *from = (const float *) sum + (size_t) k * (size_t) s->c * width(s);

		for (int c = 0; c < s->c; c++)
		{
			const float *row = from + (size_t) c * width(s);
			float *at = to + c * view.c;

			if (view.f == 1)
				add_run((size_t) s->f, row, at);
			else
				for (int f = 0; f < s->f; f++)
					at[f * view.f] += row[f];
		}
	}
}
ADV_DISPATCH(static, add_sum, (const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient),
			 (s, sum, view, gradient))

const AdvKernel adv_vector_kernel = {
	.image_size = image_size,
	.put = put,
	.packed_size = packed_size,
	.pack = pack,
	.exact = true,
	.lines = lines,
	.sum_size = sum_size,
	.scratch_size = image_size,
	.add_pairs = add_pairs,
	.add_sum = add_sum,
};
