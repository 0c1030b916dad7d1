/*
 * kernel_few.c
 *		Convolutions with few filters, above all the gradient with respect to images of a few channels.
 *
 * Where filters are few they fill few places of a vector. Here a vector holds them for all places of the filter's window: what each
 * position of the image adds to the results around it is one product, and a result is the sum of what size x size positions
 * have for it. For a window of 3 x 3 and 3 filters that is 32 sums for each position in place of 9 times 16.
 */
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"
#include "core/kernel/product.h"

#define MOST      8 /* filters */
#define MOST_SIZE 7 /* of their windows */

typedef float Four __attribute__((vector_size(4 * sizeof(float)), aligned(4), may_alias));

/* Sums of a position: (ky, kx, f), rounded up to whole vectors. */
static size_t
sums(const AdvConvShape *s)
{
	return adv_round_up((size_t) (s->size * s->size * s->f), ADV_VECTOR);
}

/* With few channels, too, gathering four filters and more takes longer than their products. */
bool
adv_few_pays(const AdvConvShape *s)
{
	return s->f <= (s->c < 16 ? 3 : MOST) && s->size > 1 && s->size <= MOST_SIZE &&
		   2 * sums(s) <= (size_t) (s->size * s->size) * ADV_VECTOR;
}

/* Images are read where they lie. */
static size_t
image_size(const AdvConvShape *s)
{
	(void) s;
	return 0;
}

static const void *
put(const AdvConvShape *s, const float *src, void *image)
{
	(void) s;
	(void) image;
	return src;
}

/* (c, sums) */
static size_t
packed_size(const AdvConvShape *s)
{
	return sizeof(float) * (size_t) s->c * sums(s);
}

static void
pack(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count, int f_first,
	 int f_count, void *packed)
{
	for (int c = c_first; c < c_first + c_count; c++)
		for (int k = 0; k < s->size * s->size; k++)
		{
			const float *from = weight + (k / s->size) * view.ky + (k % s->size) * view.kx + c * view.c;
			float *to = (float *) packed + (size_t) c * sums(s) + (size_t) (k * s->f);

			for (int f = f_first; f < f_first + f_count; f++)
				to[f] = from[f * view.f];
		}
}

/* ---- results ---- */

/* Lines of sums, (positions, sums) each, as many as a window has: line y lies in place y % size. Vectors may reach beyond the last. */
static size_t
lines_scratch(const AdvConvShape *s, AdvLines which)
{
	(void) which;
	return sizeof(float) * ((size_t) s->size * (size_t) s->w * sums(s) + MOST);
}

/* Columns first .. end of a line of results; border: not all of their windows lie within the line. Filters are one or two fours, a constant. */
ADV_LOOP void
gather(const AdvConvShape *s, int fours, const float *const *lines, int first, int end, bool border,
	   float *raw)
{
	int half = s->size / 2;

	for (int x = first; x < end; x++)
	{
		Four low = {0}, high = {0};

		for (int ky = 0; ky < s->size; ky++)
			for (int kx = 0; kx < s->size && lines[ky]; kx++)
				if (!border || (x + kx >= half && x + kx - half < s->w))
				{
					const Four *from = (const Four *) (lines[ky] + (size_t) (x + kx - half) * sums(s) +
													   (size_t) ((ky * s->size + kx) * s->f));

					low += from[0];
					if (fours > 1)
						high += from[1];
				}
		*(Four *) (raw + (size_t) x * ADV_VECTOR) = low;
		if (fours > 1)
			*(Four *) (raw + (size_t) x * ADV_VECTOR + 4) = high;
	}
}

ADV_LOOP void
gather_all(const AdvConvShape *s, int fours, const float *const *lines, float *raw)
{
	int half = s->size / 2, left = half < s->w ? half : s->w, right = s->w - half;

	right = right < left ? left : right;
	gather(s, fours, lines, 0, left, true, raw);
	gather(s, fours, lines, left, right, false, raw);
	gather(s, fours, lines, right, s->w, true, raw);
}

/* A line of results from the size lines around it; those that are not in the image are NULL. */
ADV_LOOP void
gather_line_loop(const AdvConvShape *s, const float *const *lines, float *raw)
{
	AdvConvShape three = {s->h, s->w, s->c, 3, 3};

	if (s->f == 3 && s->size == 3)
		gather_all(&three, 1, lines, raw);
	else if (s->f <= 4)
		gather_all(s, 1, lines, raw);
	else
		gather_all(s, 2, lines, raw);
}
ADV_DISPATCH(static, gather_line, (const AdvConvShape *s, const float *const *lines, float *raw),
			 (s, lines, raw))

static void
lines(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch, float *raw)
{
	int half = s->size / 2, next = which.y - half;
	size_t line = (size_t) s->w * sums(s);

	for (int y = which.y; y < which.y + which.count; y++, raw += (size_t) adv_conv_pitch(s) * ADV_VECTOR)
	{
		const float *around[MOST_SIZE];

		for (next = next < 0 ? 0 : next; next <= y + half && next < s->h; next++)
		{
			AdvProduct p = {.m = s->w,
							.n = (int) (sums(s) / ADV_VECTOR),
							.s = 1,
							.k = s->c,
							.a = (const float *) image + (size_t) next * (size_t) s->w * (size_t) s->c,
							.a_m = (size_t) s->c,
							.a_k = 1,
							.b = packed,
							.b_k = sums(s),
							.c = (float *) scratch + (size_t) (next % s->size) * line,
							.c_m = sums(s)};

			adv_product(&p);
		}
		for (int ky = 0; ky < s->size; ky++)
		{
			int from = y + ky - half;

			around[ky] =
				from < 0 || from >= s->h ? NULL : (float *) scratch + (size_t) (from % s->size) * line;
		}
		gather_line(s, around, raw);
	}
}

/* No gradient of weights: these are products of the layer the other way round. */
const AdvKernel adv_few_kernel = {
	.image_size = image_size,
	.put = put,
	.packed_size = packed_size,
	.pack = pack,
	.exact = true,
	.lines_scratch = lines_scratch,
	.lines = lines,
};
