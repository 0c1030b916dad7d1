/*
 * kernel_panel.c
 *		Large dense layers in single precision: convolutions of size 1 over one line, cut into blocks for the caches.
 *
 * Weights are packed once into panels, (filters / 16, channels, 16), so that a column of sums reads one run of memory; a library that is
 * handed matrices copies them into such an order at each call. DEPTH channels at a time, a panel's part stays in the first-level cache
 * while all positions go over it. Each sum is added up block by block, in one order whatever is beside it.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"
#include "core/kernel/product.h"

#define DEPTH 256 /* channels of a block */
#define ROWS  48  /* sums of the weights' gradient whose factors lie together: whole blocks of registers */
#define GROUP (4 * ADV_VECTOR) /* columns of it that are copied at a time */
#define RUN   64               /* channels that are turned round at a time */

static size_t
width(const AdvConvShape *s)
{
	return adv_round_up((size_t) s->f, ADV_VECTOR);
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* ---- images and weights ---- */

static size_t
image_size(const AdvConvShape *s)
{
	return sizeof(float) * (size_t) s->w * (size_t) s->c;
}

/* (channels / DEPTH, w, DEPTH), the last block narrower: lines of a wide image would meet in the same places of the caches. */
static const void *
put(const AdvConvShape *s, const float *src, void *image)
{
	float *to = image;

	for (int c = 0; c < s->c; c += DEPTH)
	{
		size_t depth = (size_t) least(DEPTH, s->c - c);

		for (int x = 0; x < s->w; x++, to += depth)
			memcpy(to, src + (size_t) x * (size_t) s->c + c, sizeof(float) * depth);
	}
	return image;
}

static size_t
packed_size(const AdvConvShape *s)
{
	return sizeof(float) * (size_t) s->c * width(s);
}

/* Some channels of up to 16 filters to where they lie in their panel. */
ADV_LOOP void
pack_panel(const float *from, AdvWeightView view, int c_count, int f_count, float *to)
{
	for (int run = 0; run < c_count; run += RUN)
	{
		int end = run + RUN < c_count ? run + RUN : c_count;

		for (int f = 0; f < f_count; f++)
			for (int c = run; c < end; c++)
				to[c * ADV_VECTOR + f] = from[c * view.c + f * view.f];
	}
}

ADV_LOOP void
pack_loop(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
		  int f_first, int f_count, void *packed)
{
	for (int f = f_first; f < f_first + f_count; f += ADV_VECTOR)
	{
		int filters = f_first + f_count - f < ADV_VECTOR ? f_first + f_count - f : ADV_VECTOR;
		const float *from = weight + c_first * view.c + f * view.f;
		float *to = (float *) packed + (size_t) f * (size_t) s->c + (size_t) c_first * ADV_VECTOR;

		if (view.f == 1)
			for (int c = 0; c < c_count; c++)
				memcpy(to + c * ADV_VECTOR, from + c * view.c, sizeof(float) * (size_t) filters);
		else
			pack_panel(from, view, c_count, filters, to);
	}
}
ADV_DISPATCH(static, pack,
			 (const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
			  int f_first, int f_count, void *packed),
			 (s, weight, view, c_first, c_count, f_first, f_count, packed))

/* ---- products ---- */

static void
lines(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch, float *raw)
{
	const float *block = image;

	for (int c = 0; c < s->c; c += DEPTH)
	{
		int depth = least(DEPTH, s->c - c);
		AdvProduct p = {.m = s->w,
						.n = 1,
						.s = 1,
						.k = depth,
						.add = c > 0,
						.a = block,
						.a_m = (size_t) depth,
						.a_k = 1,
						.b_k = ADV_VECTOR,
						.c_m = width(s)};

		for (size_t f = 0; f < width(s); f += ADV_VECTOR)
		{
			p.b = (const float *) packed + f * (size_t) s->c + (size_t) c * ADV_VECTOR;
			p.c = raw + f;
			adv_product(&p);
		}
		block += (size_t) s->w * (size_t) depth;
	}
}

static size_t
sum_size(const AdvConvShape *s)
{
	return adv_vector_kernel.sum_size(s);
}

static size_t
rows_floats(const AdvConvShape *s)
{
	return (size_t) s->w * adv_round_up((size_t) s->c, ROWS);
}

static size_t
scratch_size(const AdvConvShape *s)
{
	return sizeof(float) * (rows_floats(s) + (size_t) s->w * GROUP);
}

/* Panels (n / size, w, size) of w lines of n floats that lie step floats apart. The last one ends with what was there before. */
static void
cut(int w, int n, int size, const float *from, size_t step, float *to)
{
	for (int x = 0; x < w; x++, from += step)
		for (int i = 0; i < n; i += size)
			memcpy(to + (size_t) (i * w + x * size), from + i, sizeof(float) * (size_t) least(size, n - i));
}

static void
add_pairs(const AdvConvShape *s, const AdvPairs *pairs, void *scratch, void *sum, const AdvStop *stop)
{
	float *rows = scratch, *columns = rows + rows_floats(s);
	AdvProduct p = {
		.s = 1, .n = 1, .k = s->w, .add = true, .a_m = 1, .a_k = ROWS, .b_k = ADV_VECTOR, .c_m = width(s)};

	cut(s->w, s->c, ROWS, pairs->src, (size_t) pairs->src_step, rows);
	for (int f = 0; f < s->f; f += GROUP)
	{
		int group = least(GROUP, s->f - f);

		cut(s->w, group, ADV_VECTOR, pairs->d + f, (size_t) pairs->d_step, columns);
		for (int n = 0; n < group; n += ADV_VECTOR)
			for (int c = 0; c < s->c; c += ROWS)
			{
				p.m = least(ROWS, s->c - c);
				p.a = rows + (size_t) c * (size_t) s->w;
				p.b = columns + (size_t) n * (size_t) s->w;
				p.c = (float *) sum + (size_t) c * width(s) + f + n;
				adv_product(&p);
			}
	}
}

static void
add_sum(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient)
{
	adv_vector_kernel.add_sum(s, sum, view, gradient);
}

const AdvKernel adv_panel_kernel = {
	.image_size = image_size,
	.put = put,
	.packed_size = packed_size,
	.pack = pack,
	.exact = true,
	.lines = lines,
	.sum_size = sum_size,
	.scratch_size = scratch_size,
	.add_pairs = add_pairs,
	.add_sum = add_sum,
};
