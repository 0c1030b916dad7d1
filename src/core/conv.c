/*
 * conv.c
 *		Convolution (stride 1, odd kernel, zero padding that keeps the size) as matrix products over patches.
 *
 * With channels last, the patch around a position is k runs of k * channels neighbouring values, so gathering
 * patches is a few memcpy each and no value moves within a run:
 *
 *		cols (positions, k * k * c),	packed (k * k * c, filters)
 *		dst = cols packed + b,	d_packed = cols^T d_dst,	d_cols = d_dst packed^T
 *
 * Positions of all rows form one sequence, worked through in chunks whose patches fit the second-level cache.
 * A chunk may begin and end anywhere, even within an image.
 */
#include <string.h>

#include "core/gemm.h"
#include "core/layers.h"

#define CHUNK_FLOATS (128 * 1024) /* of patches: 512 kB, leaving room for what is multiplied with them */

static size_t
patch_size(const AdvLayer *l)
{
	return (size_t) l->size * l->size * l->in.c;
}

/* Positions of a chunk: depends on the layer alone, so that results do too. */
static size_t
chunk_positions(const AdvLayer *l)
{
	size_t positions = CHUNK_FLOATS / patch_size(l);

	return positions > 16 ? positions : 16;
}

size_t
adv_conv_cols_size(const AdvLayer *l)
{
	return chunk_positions(l) * patch_size(l);
}

/* (filters, c, k, k) -> (k, k, c, filters) */
static void
pack_weight(const AdvLayer *l, const float *weight, float *restrict packed)
{
	int area = l->size * l->size;
	int filters = l->out.c;
	int channels = l->in.c;

	for (int f = 0; f < filters; f++)
		for (int c = 0; c < channels; c++)
			for (int i = 0; i < area; i++)
				packed[((size_t) i * channels + c) * filters + f] = *weight++;
}

/* The way back, added to d_weight. */
static void
add_unpacked(const AdvLayer *l, const float *d_packed, float *restrict d_weight)
{
	int area = l->size * l->size;
	int filters = l->out.c;
	int channels = l->in.c;

	for (int f = 0; f < filters; f++)
		for (int c = 0; c < channels; c++)
			for (int i = 0; i < area; i++)
				*d_weight++ += d_packed[((size_t) i * channels + c) * filters + f];
}

/* Where the next patch is: position (y, x) of row r. */
typedef struct Cursor
{
	size_t row;
	int y;
	int x;
} Cursor;

static Cursor
cursor_at(const AdvLayer *l, size_t position)
{
	size_t area = (size_t) l->in.h * l->in.w;

	return (Cursor){position / area, (int) (position % area / l->in.w), (int) (position % l->in.w)};
}

static void
cursor_next(const AdvLayer *l, Cursor *at)
{
	if (++at->x < l->in.w)
		return;
	at->x = 0;
	if (++at->y < l->in.h)
		return;
	at->y = 0;
	at->row++;
}

/* The part of a patch's lines that lies inside the image: columns [from, to) of it, in floats from the run's start. */
typedef struct Run
{
	size_t skip;   /* floats left of the image */
	size_t count;  /* floats inside */
	size_t offset; /* of the first value inside, within an image line */
} Run;

static Run
run_at(const AdvLayer *l, int x)
{
	int half = l->size / 2;
	int left = x - half < 0 ? half - x : 0;
	int right = x + half >= l->in.w ? x + half - l->in.w + 1 : 0;
	size_t c = (size_t) l->in.c;

	return (Run){left * c, (size_t) (l->size - left - right) * c, (size_t) (x - half + left) * c};
}

/* Patches of count positions from first on: src (rows, h, w, c) -> cols (count, k, k, c), zeros outside the image. */
static void
gather_patches(const AdvLayer *l, size_t first, size_t count, const float *src, float *restrict cols)
{
	size_t line = (size_t) l->in.w * l->in.c;
	size_t length = (size_t) l->size * l->in.c;
	Cursor at = cursor_at(l, first);

	for (size_t p = 0; p < count; p++, cursor_next(l, &at))
	{
		const float *image = src + at.row * l->in.h * line;
		Run run = run_at(l, at.x);

		for (int y = at.y - l->size / 2; y <= at.y + l->size / 2; y++, cols += length)
		{
			if (y < 0 || y >= l->in.h)
				memset(cols, 0, sizeof(float) * length);
			else
			{
				if (run.count < length)
					memset(cols, 0, sizeof(float) * length);
				memcpy(cols + run.skip, image + (size_t) y * line + run.offset, sizeof(float) * run.count);
			}
		}
	}
}

/* The transpose of gather_patches: every patch is added back to where it came from. */
static void
scatter_patches(const AdvLayer *l, size_t first, size_t count, const float *cols, float *restrict d_src)
{
	size_t line = (size_t) l->in.w * l->in.c;
	size_t length = (size_t) l->size * l->in.c;
	Cursor at = cursor_at(l, first);

	for (size_t p = 0; p < count; p++, cursor_next(l, &at))
	{
		float *image = d_src + at.row * l->in.h * line;
		Run run = run_at(l, at.x);

		for (int y = at.y - l->size / 2; y <= at.y + l->size / 2; y++, cols += length)
			if (y >= 0 && y < l->in.h)
			{
				float *to = image + (size_t) y * line + run.offset;

				for (size_t i = 0; i < run.count; i++)
					to[i] += cols[run.skip + i];
			}
	}
}

void
adv_conv_forward(const AdvLayer *l, int rows, const float *weight, const float *bias, const float *src,
				 float *dst, float *cols, float *packed)
{
	size_t positions = (size_t) rows * l->in.h * l->in.w;
	size_t chunk = chunk_positions(l);
	int patch = (int) patch_size(l);
	int filters = l->out.c;

	pack_weight(l, weight, packed);
	for (size_t first = 0; first < positions; first += chunk)
	{
		size_t count = positions - first < chunk ? positions - first : chunk;
		float *to = dst + first * filters;

		gather_patches(l, first, count, src, cols);
		for (size_t p = 0; p < count; p++)
			memcpy(to + p * filters, bias, sizeof(float) * (size_t) filters);
		adv_gemm(false, false, (int) count, filters, patch, cols, patch, packed, filters, 1, to, filters);
	}
}

void
adv_conv_backward(const AdvLayer *l, int rows, const float *weight, const float *src, const float *d_dst,
				  float *d_src, float *d_weight, float *d_bias, float *cols, float *d_cols, float *packed,
				  float *d_packed)
{
	size_t positions = (size_t) rows * l->in.h * l->in.w;
	size_t chunk = chunk_positions(l);
	int patch = (int) patch_size(l);
	int filters = l->out.c;

	if (d_src)
	{
		pack_weight(l, weight, packed);
		memset(d_src, 0, sizeof(float) * positions * l->in.c);
	}
	for (size_t first = 0; first < positions; first += chunk)
	{
		size_t count = positions - first < chunk ? positions - first : chunk;
		const float *d_to = d_dst + first * filters;

		if (d_weight)
		{
			gather_patches(l, first, count, src, cols);
			adv_gemm(true, false, patch, filters, (int) count, cols, patch, d_to, filters, first > 0,
					 d_packed, filters);
			for (size_t p = 0; p < count; p++)
				for (int f = 0; f < filters; f++)
					d_bias[f] += d_to[p * filters + f];
		}
		if (d_src)
		{
			adv_gemm(false, true, (int) count, patch, filters, d_to, filters, packed, filters, 0, d_cols,
					 patch);
			scatter_patches(l, first, count, d_cols, d_src);
		}
	}
	if (d_weight)
		add_unpacked(l, d_packed, d_weight);
}
