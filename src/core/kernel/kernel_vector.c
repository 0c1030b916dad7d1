/*
 * kernel_vector.c
 *		Convolutions in single precision, on vectors of 16 filters, for any processor.
 *
 * Results, weights' gradients and products of dense layers are all sums of products a * b over two indices, where a is
 * one number and b a vector. A block of sums stays in registers while both indices run; how many sums make a block is
 * all that instruction sets differ in.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"

/* c(m, n) = [c(m, n) +] sum over s and k of a(m, s, k) * b(s, k, n), where n is a column of ADV_VECTOR. */
typedef struct Product
{
	int m; /* sums */
	int n; /* columns of ADV_VECTOR sums */
	int s;
	int k;
	bool add;
	const float *a; /* element (m, s, k) is a[m * a_m + s * a_s + k * a_k] */
	size_t a_m;
	size_t a_s;
	size_t a_k;
	const float *b; /* column n of (s, k) begins at b[s * b_s + k * b_k + n * ADV_VECTOR] */
	size_t b_s;
	size_t b_k;
	float *c; /* column n of m begins at c[m * c_m + n * ADV_VECTOR] */
	size_t c_m;
} Product;

/* A loop whose number of turns is a constant, without the loop: only then do sums stay in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH(i, n) UNROLL for (int i = 0; i < (n); i++)

#define LANES 16
#include "core/kernel/block.h"
#undef LANES
#define LANES 8
#include "core/kernel/block.h"
#undef LANES
#define LANES 4
#include "core/kernel/block.h"
#undef LANES

/* A block of rows x columns sums: columns of 16 are as many vectors as the instruction set makes of them. */
ADV_LOOP void
block(AdvIsa isa, int rows, int columns, const Product *p, int m, int n)
{
	if (isa == ADV_ISA_AVX512)
		block_16(rows, columns, p, m, n);
	else if (isa == ADV_ISA_AVX2)
		block_8(rows, 2 * columns, p, m, n);
	else
		block_4(rows, 4 * columns, p, m, n);
}

/* All sums of the columns from n on, in blocks of most rows and what is left. */
ADV_LOOP void
column(AdvIsa isa, int most, int columns, const Product *p, int n)
{
	int m = 0;

	for (; m + most <= p->m; m += most)
		block(isa, most, columns, p, m, n);
	for (; most > 4 && m + 4 <= p->m; m += 4)
		block(isa, 4, columns, p, m, n);
	switch (p->m - m)
	{
		case 3:
			block(isa, 3, columns, p, m, n);
			break;
		case 2:
			block(isa, 2, columns, p, m, n);
			break;
		case 1:
			block(isa, 1, columns, p, m, n);
			break;
		default:
			break;
	}
}

/* Sums in registers: 24 of 32 of AVX-512, 12 of 16 of AVX2, 8 of 16 otherwise. */
ADV_LOOP void
product_loop(AdvIsa isa, const Product *p)
{
	int n = 0;

	if (isa == ADV_ISA_AVX512)
	{
		for (; n + 4 <= p->n; n += 4)
			column(isa, 6, 4, p, n);
		for (; n + 2 <= p->n; n += 2)
			column(isa, 12, 2, p, n);
	}
	for (; n < p->n; n++)
		column(isa, isa == ADV_ISA_AVX512 ? 12 : isa == ADV_ISA_AVX2 ? 6 : 2, 1, p, n);
}
ADV_DISPATCH_SIZED(static, product, (const Product *p), (p))

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
lines(const AdvConvShape *s, const void *image, const void *packed, int y, int count, float *raw)
{
	size_t line = line_floats(s);
	int run = s->size * s->c;
	Product p = {.m = count * adv_conv_pitch(s) - s->size / 2,
				 .n = (int) (width(s) / ADV_VECTOR),
				 .s = s->size,
				 .k = run,
				 .a = (const float *) image + (size_t) y * line,
				 .a_m = (size_t) s->c,
				 .a_s = line,
				 .a_k = 1,
				 .b = packed,
				 .b_s = (size_t) run * width(s),
				 .b_k = width(s),
				 .c = raw,
				 .c_m = width(s)};

	product(&p);
}

/* (ky, kx, c, width) */
static size_t
sum_size(const AdvConvShape *s)
{
	return packed_size(s);
}

static void
add_image(const AdvConvShape *s, const float *src, int src_step, const float *d, int d_step, void *scratch,
		  void *sum, const AdvStop *stop)
{
	size_t line = s->size == 1 ? (size_t) s->w * (size_t) src_step : line_floats(s);
	const float *image = put(s, src, scratch);
	int run = s->size * s->c;
	Product p = {.m = run,
				 .n = (int) (width(s) / ADV_VECTOR),
				 .s = s->h,
				 .k = s->w,
				 .add = true,
				 .a_m = 1,
				 .a_s = line,
				 .a_k = (size_t) src_step,
				 .b = d,
				 .b_s = (size_t) s->w * (size_t) d_step,
				 .b_k = (size_t) d_step,
				 .c_m = width(s)};

	for (int ky = 0; ky < s->size && !adv_stops(stop); ky++)
	{
		p.a = image + (size_t) ky * line;
		p.c = (float *) sum + (size_t) ky * (size_t) run * width(s);
		product(&p);
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
	.add_image = add_image,
	.add_sum = add_sum,
};
