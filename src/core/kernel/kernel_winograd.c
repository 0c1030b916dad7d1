/*
 * kernel_winograd.c
 *		Convolutions of size 3 in single precision by Winograd's algorithm F(4 x 4, 3 x 3): Lavin and Gray 2016, "Fast algorithms for
 *		convolutional neural networks".
 *
 * A tile of 4 x 4 results depends on a patch of 6 x 6 inputs. Both, and the filter, are polynomials; they are looked at in
 * 36 points, where a convolution is a product: 36 products for each pair of channels take the place of 144. Points are 0, 1/a, -1/a,
 * a, -a with a = sqrt(2), and infinity, for each direction. With the usual 0, 1, -1, 2, -2 results are off by twice as much.
 * What it adds to the error of a direct convolution is told, and held to, by test_kernels.
 *
 * With B, G and A of the paper, transforms along one direction, results are Y = A' [(G g G') (B' d B)] A, the product being
 * point by point, summed over channels. For the weights' gradient, with D the gradient of Y: G' [(B' d B) (A D A')] G.
 *
 * All that has points in it is (point, ...), the points so far apart that no two fall into one set of the cache.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/dispatch.h"
#include "core/kernel/kernel.h"
#include "core/kernel/product.h"

#define SIZE    3
#define TILE    4
#define PATCH   6
#define POINTS  (PATCH * PATCH)
#define FILTERS 32 /* of a block, whose points lie in the cache while they are summed */
#define TILES   16 /* computed at a time: enough that weights are worth loading */

static const float root = 1.41421356237309505f; /* a */
static const float half = 0.70710678118654752f; /* 1/a */

/* ---- one direction, for n channels that lie together ---- */

/* B': 6 numbers in, 6 points out. */
ADV_LOOP void
points_of_input(int n, const float *in, size_t step, float *out, size_t next)
{
	ADV_INDEPENDENT
	for (int i = 0; i < n; i++)
	{
		float d0 = in[i], d1 = in[step + i], d2 = in[2 * step + i], d3 = in[3 * step + i];
		float d4 = in[4 * step + i], d5 = in[5 * step + i];
		float even = d4 - 2 * d2, odd = half * (d3 - 2 * d1);
		float far_even = d4 - 0.5f * d2, far_odd = root * (d3 - 0.5f * d1);

		out[i] = d0 - 2.5f * d2 + d4;
		out[next + i] = even + odd;
		out[2 * next + i] = even - odd;
		out[3 * next + i] = far_even + far_odd;
		out[4 * next + i] = far_even - far_odd;
		out[5 * next + i] = d1 - 2.5f * d3 + d5;
	}
}

/* A': 6 points in, 4 results out. */
ADV_LOOP void
results_of_points(int n, const float *in, size_t step, float *const *out)
{
	float *out0 = out[0], *out1 = out[1], *out2 = out[2], *out3 = out[3];

	ADV_INDEPENDENT
	for (int i = 0; i < n; i++)
	{
		float near_sum = in[step + i] + in[2 * step + i], near_gap = half * (in[step + i] - in[2 * step + i]);
		float far_sum = in[3 * step + i] + in[4 * step + i];
		float far_gap = root * (in[3 * step + i] - in[4 * step + i]);

		out0[i] = in[i] + near_sum + far_sum;
		out1[i] = near_gap + far_gap;
		out2[i] = 0.5f * near_sum + 2 * far_sum;
		out3[i] = 0.5f * near_gap + 2 * far_gap + in[5 * step + i];
	}
}

/* A: the gradient of 4 results in, 6 points out. */
ADV_LOOP void
points_of_gradient(int n, const float *in, size_t step, float *out, size_t next)
{
	ADV_INDEPENDENT
	for (int i = 0; i < n; i++)
	{
		float d0 = in[i], d1 = in[step + i], d2 = in[2 * step + i], d3 = in[3 * step + i];
		float even = d0 + 0.5f * d2, odd = half * (d1 + 0.5f * d3);
		float far_even = d0 + 2 * d2, far_odd = root * (d1 + 2 * d3);

		out[i] = d0;
		out[next + i] = even + odd;
		out[2 * next + i] = even - odd;
		out[3 * next + i] = far_even + far_odd;
		out[4 * next + i] = far_even - far_odd;
		out[5 * next + i] = d3;
	}
}

/* G: 3 weights in, 6 points out. */
ADV_LOOP void
points_of_weights(int n, const float *in, size_t step, float *out, size_t next)
{
	for (int i = 0; i < n; i++)
	{
		float g0 = in[i], g1 = in[step + i], g2 = in[2 * step + i];
		float even = (g0 + 0.5f * g2) * (-2.0f / 3), odd = half * g1 * (-2.0f / 3);
		float far_even = (g0 + 2 * g2) * (1.0f / 6), far_odd = root * g1 * (1.0f / 6);

		out[i] = g0;
		out[next + i] = even + odd;
		out[2 * next + i] = even - odd;
		out[3 * next + i] = far_even + far_odd;
		out[4 * next + i] = far_even - far_odd;
		out[5 * next + i] = g2;
	}
}

/* G': 6 points in, the gradient of 3 weights out. */
ADV_LOOP void
weights_of_points(int n, const float *in, size_t step, float *out, size_t next)
{
	for (int i = 0; i < n; i++)
	{
		float near_sum = (in[step + i] + in[2 * step + i]) * (-2.0f / 3);
		float near_gap = half * (in[step + i] - in[2 * step + i]) * (-2.0f / 3);
		float far_sum = (in[3 * step + i] + in[4 * step + i]) * (1.0f / 6);
		float far_gap = root * (in[3 * step + i] - in[4 * step + i]) * (1.0f / 6);

		out[i] = in[i] + near_sum + far_sum;
		out[next + i] = near_gap + far_gap;
		out[2 * next + i] = 0.5f * near_sum + 2 * far_sum + in[5 * step + i];
	}
}

/* ---- both directions, for up to ADV_VECTOR channels ---- */

typedef float Square[POINTS][ADV_VECTOR];

/* From a patch, positions step and lines line floats apart, to its points. */
ADV_LOOP void
patch_points(int n, const float *patch, size_t line, size_t step, float *out, size_t next)
{
	Square half_way;

	for (int x = 0; x < PATCH; x++)
		points_of_input(n, patch + (size_t) x * step, line, half_way[x], PATCH * ADV_VECTOR);
	for (int y = 0; y < PATCH; y++)
		points_of_input(n, half_way[y * PATCH], ADV_VECTOR, out + (size_t) y * PATCH * next, next);
}

/* From a tile of the results' gradient to its points. */
ADV_LOOP void
gradient_points(int n, const float *tile, size_t line, size_t step, float *out, size_t next)
{
	Square half_way;

	for (int x = 0; x < TILE; x++)
		points_of_gradient(n, tile + (size_t) x * step, line, half_way[x], TILE * ADV_VECTOR);
	for (int y = 0; y < PATCH; y++)
		points_of_gradient(n, half_way[y * TILE], ADV_VECTOR, out + (size_t) y * PATCH * next, next);
}

/* From points to the h x w results of a tile that are within the image. */
ADV_LOOP void
tile_results(int n, const float *points, size_t next, int h, int w, float *raw, size_t line, size_t step)
{
	Square half_way;
	float beyond[ADV_VECTOR];

	for (int x = 0; x < PATCH; x++)
	{
		float *to[TILE];

		for (int y = 0; y < TILE; y++)
			to[y] = half_way[y * PATCH + x];
		results_of_points(n, points + (size_t) x * next, PATCH * next, to);
	}
	for (int y = 0; y < h; y++)
	{
		float *to[TILE];

		for (int x = 0; x < TILE; x++)
			to[x] = x < w ? raw + (size_t) y * line + (size_t) x * step : beyond;
		results_of_points(n, half_way[y * PATCH], ADV_VECTOR, to);
	}
}

/* ---- which tiles are computed at a time ---- */

/* Tiles of some lines, and how many they are. */
typedef struct Tiles
{
	AdvLines of;
	int down;
	int across;
	int count;
} Tiles;

static int
tiles_of(int length)
{
	return (length + TILE - 1) / TILE;
}

static Tiles
tiles(const AdvConvShape *s, AdvLines of)
{
	Tiles t = {of, tiles_of(of.count), tiles_of(s->w), 0};

	t.count = of.images * t.down * t.across;
	return t;
}

/* Whole images as long as there are few tiles in them, else whole lines of tiles. */
static AdvLines
run(const AdvConvShape *s)
{
	int across = tiles_of(s->w), down = tiles_of(s->h);

	if (across * down >= TILES)
	{
		int lines = (TILES + across - 1) / across * TILE;

		return (AdvLines){1, 0, lines < s->h ? lines : s->h};
	}
	return (AdvLines){TILES / (across * down), 0, s->h};
}

/* Floats from one point of n floats to the next: an odd number of the cache's lines. */
static size_t
point(size_t n)
{
	return (adv_round_up(n, ADV_VECTOR) / ADV_VECTOR | 1) * ADV_VECTOR;
}

/* ---- blocks of filters ---- */

static size_t
width(const AdvConvShape *s)
{
	return adv_round_up((size_t) s->f, ADV_VECTOR);
}

/* Columns of the block that begins at filter f: FILTERS, or what is left. */
static int
block_width(const AdvConvShape *s, int f)
{
	size_t left = width(s) - (size_t) f;

	return left < FILTERS ? (int) left : FILTERS;
}

/* ---- from images to points ---- */

/* A patch or tile of size x size positions from (y, x) on, for n channels: what is not in the image is zero. */
ADV_LOOP void
take_square(int size, const float *image, int h, int w, size_t step, int y, int x, int n, Square square)
{
	for (int i = 0; i < size; i++)
		for (int j = 0; j < size; j++)
		{
			float *to = square[i * size + j];

			if (y + i < 0 || y + i >= h || x + j < 0 || x + j >= w)
				memset(to, 0, sizeof(float) * (size_t) n);
			else
				memcpy(to, image + ((size_t) (y + i) * (size_t) w + (size_t) (x + j)) * step,
					   sizeof(float) * (size_t) n);
		}
}

/* What becomes of squares: patches of an image around tiles (border 1), or tiles of a gradient. */
typedef struct Squares
{
	bool gradient;
	int h;
	int w;
	int channels;
	size_t step; /* floats from position to position */
	size_t next; /* from point to point */
	size_t row;  /* from tile to tile */
} Squares;

ADV_LOOP void
square_points(const Squares *q, int n, const float *from, size_t line, size_t step, float *to)
{
	if (q->gradient)
		gradient_points(n, from, line, step, to, q->next);
	else
		patch_points(n, from, line, step, to, q->next);
}

ADV_LOOP void
one_square(const Squares *q, const float *image, int y, int x, float *to)
{
	int size = q->gradient ? TILE : PATCH;
	size_t line = (size_t) q->w * q->step;
	bool inside = y >= 0 && x >= 0 && y + size <= q->h && x + size <= q->w;

	for (int c = 0; c < q->channels; c += ADV_VECTOR)
	{
		int n = q->channels - c < ADV_VECTOR ? q->channels - c : ADV_VECTOR;
		const float *from = image + c + (inside ? (size_t) y * line + (size_t) x * q->step : 0);
		size_t from_line = line, from_step = q->step;
		Square square;

		if (!inside)
		{
			if (n == ADV_VECTOR)
				take_square(size, from, q->h, q->w, q->step, y, x, ADV_VECTOR, square);
			else
				take_square(size, from, q->h, q->w, q->step, y, x, n, square);
			from = square[0];
			from_line = (size_t) size * ADV_VECTOR;
			from_step = ADV_VECTOR;
		}
		if (n == ADV_VECTOR)
			square_points(q, ADV_VECTOR, from, from_line, from_step, to + c);
		else
			square_points(q, n, from, from_line, from_step, to + c);
	}
}

/* Points of all tiles' squares: (point, tile, channels). */
ADV_LOOP void
all_squares_loop(const Squares *q, const Tiles *t, const float *images, float *to)
{
	int border = q->gradient ? 0 : SIZE / 2;

	for (int i = 0; i < t->of.images; i++, images += (size_t) q->h * (size_t) q->w * q->step)
		for (int y = 0; y < t->down; y++)
			for (int x = 0; x < t->across; x++, to += q->row)
				one_square(q, images, t->of.y + y * TILE - border, x * TILE - border, to);
}
ADV_DISPATCH(static, all_squares, (const Squares *q, const Tiles *t, const float *images, float *to),
			 (q, t, images, to))

/* ---- weights ---- */

/* (block, point, c, columns of the block) */
static size_t
packed_size(const AdvConvShape *s)
{
	return sizeof(float) * POINTS * (size_t) s->c * width(s);
}

/* Where filter f of channel c has its first point; the next is s->c * block_width() floats on. */
static size_t
weight_at(const AdvConvShape *s, int c, int f)
{
	int first = f / FILTERS * FILTERS;

	return POINTS * (size_t) s->c * (size_t) first + (size_t) c * (size_t) block_width(s, first) +
		   (size_t) (f - first);
}

ADV_LOOP void
pack_loop(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
		  int f_first, int f_count, void *packed)
{
	for (int f = f_first; f < f_first + f_count; f += ADV_VECTOR)
	{
		int n = f_first + f_count - f < ADV_VECTOR ? f_first + f_count - f : ADV_VECTOR;
		size_t next = (size_t) s->c * (size_t) block_width(s, f / FILTERS * FILTERS);

		for (int c = c_first; c < c_first + c_count; c++)
		{
			const float *from = weight + c * view.c + f * view.f;
			float *to = (float *) packed + weight_at(s, c, f);
			Square g = {{0}}, half_way;

			for (int k = 0; k < SIZE * SIZE; k++)
				for (int i = 0; i < n; i++)
					g[k][i] = from[(k / SIZE) * view.ky + (k % SIZE) * view.kx + i * view.f];
			for (int x = 0; x < SIZE; x++)
				points_of_weights(ADV_VECTOR, g[x], SIZE * ADV_VECTOR, half_way[x], SIZE * ADV_VECTOR);
			for (int y = 0; y < PATCH; y++)
				points_of_weights(ADV_VECTOR, half_way[y * SIZE], ADV_VECTOR, to + (size_t) y * PATCH * next,
								  next);
		}
	}
}
ADV_DISPATCH(static, pack,
			 (const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count,
			  int f_first, int f_count, void *packed),
			 (s, weight, view, c_first, c_count, f_first, f_count, packed))

/* ---- results ---- */

typedef struct Lines
{
	float *patches; /* (point, tile, c) */
	float *sums;    /* (point, tile, columns of a block) */
} Lines;

static Lines
carve_lines(const AdvConvShape *s, int count, void *memory, size_t *size)
{
	AdvCarver carver = {memory, 0};
	Lines l;

	l.patches = adv_carve_floats(&carver, POINTS * point((size_t) count * (size_t) s->c));
	l.sums = adv_carve_floats(&carver, POINTS * point((size_t) count * FILTERS));
	*size = carver.used;
	return l;
}

static size_t
lines_scratch(const AdvConvShape *s, AdvLines which)
{
	size_t size;

	(void) carve_lines(s, tiles(s, which).count, NULL, &size);
	return size;
}

/* Points of a block of filters, (point, tile, columns), become results in raw. */
ADV_LOOP void
all_results_loop(const AdvConvShape *s, const Tiles *t, const float *sums, int columns, size_t next,
				 float *raw)
{
	size_t step = width(s), line = step * (size_t) adv_conv_pitch(s);

	for (int i = 0; i < t->of.images; i++, raw += adv_raw_size(s, t->of.count))
		for (int y = 0; y < t->down; y++)
			for (int x = 0; x < t->across; x++, sums += columns)
			{
				int h = t->of.count - y * TILE, w = s->w - x * TILE;
				float *to = raw + (size_t) (y * TILE) * line + (size_t) (x * TILE) * step;

				for (int f = 0; f < columns; f += ADV_VECTOR)
					tile_results(ADV_VECTOR, sums + f, next, h < TILE ? h : TILE, w, to + f, line, step);
			}
}
ADV_DISPATCH(static, all_results,
			 (const AdvConvShape *s, const Tiles *t, const float *sums, int columns, size_t next, float *raw),
			 (s, t, sums, columns, next, raw))

static void
lines(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch, float *raw)
{
	Tiles t = tiles(s, which);
	size_t unused;
	Lines l = carve_lines(s, t.count, scratch, &unused);
	Squares patches = {false,        s->h, s->w, s->c, (size_t) s->c, point((size_t) t.count * (size_t) s->c),
					   (size_t) s->c};

	all_squares(&patches, &t, image, l.patches);
	for (int f = 0; f < (int) width(s); f += FILTERS)
	{
		int columns = block_width(s, f);
		size_t next = point((size_t) t.count * (size_t) columns);
		AdvProduct p = {.m = t.count,
						.n = columns / ADV_VECTOR,
						.s = 1,
						.k = s->c,
						.a = l.patches,
						.a_m = (size_t) s->c,
						.a_k = 1,
						.b = (const float *) packed + weight_at(s, 0, f),
						.b_k = (size_t) columns,
						.c = l.sums,
						.c_m = (size_t) columns};

		for (int k = 0; k < POINTS; k++, p.a += patches.next, p.b += s->c * columns, p.c += next)
			adv_product(&p);
		all_results(s, &t, l.sums, columns, next, raw + f);
	}
}

/* ---- the gradient of the weights ---- */

typedef struct Sums
{
	float *patches;  /* (point, tile, c) */
	float *gradient; /* (point, tile, width) */
} Sums;

static Sums
carve_sums(const AdvConvShape *s, int count, void *memory, size_t *size)
{
	AdvCarver carver = {memory, 0};
	Sums l;

	l.patches = adv_carve_floats(&carver, POINTS * point((size_t) count * (size_t) s->c));
	l.gradient = adv_carve_floats(&carver, POINTS * point((size_t) count * width(s)));
	*size = carver.used;
	return l;
}

static size_t
scratch_size(const AdvConvShape *s)
{
	size_t size;

	(void) carve_sums(s, tiles(s, run(s)).count, NULL, &size);
	return size;
}

/* What some lines add to sum (block, point, c, columns). */
static void
add_lines(const AdvConvShape *s, const AdvPairs *pairs, AdvLines which, void *scratch, float *sum)
{
	Tiles t = tiles(s, which);
	size_t unused;
	Sums l = carve_sums(s, t.count, scratch, &unused);
	Squares patches = {
		false,        s->h, s->w, s->c, (size_t) pairs->src_step, point((size_t) t.count * (size_t) s->c),
		(size_t) s->c};
	Squares gradient = {true,    s->h, s->w, s->f, (size_t) pairs->d_step, point((size_t) t.count * width(s)),
						width(s)};

	all_squares(&patches, &t, pairs->src, l.patches);
	all_squares(&gradient, &t, pairs->d, l.gradient);
	for (int f = 0; f < (int) width(s); f += FILTERS)
	{
		int columns = block_width(s, f);
		AdvProduct p = {.m = s->c,
						.n = columns / ADV_VECTOR,
						.s = 1,
						.k = t.count,
						.add = true,
						.a = l.patches,
						.a_m = 1,
						.a_k = (size_t) s->c,
						.b = l.gradient + f,
						.b_k = width(s),
						.c = sum + weight_at(s, 0, f),
						.c_m = (size_t) columns};

		for (int k = 0; k < POINTS; k++, p.a += patches.next, p.b += gradient.next, p.c += s->c * columns)
			adv_product(&p);
	}
}

static void
add_pairs(const AdvConvShape *s, const AdvPairs *pairs, void *scratch, void *sum, const AdvStop *stop)
{
	AdvLines which = run(s);
	int step = which.count;

	which.images = pairs->images;
	for (; which.y < s->h && !adv_stops(stop); which.y += step)
	{
		which.count = s->h - which.y < step ? s->h - which.y : step;
		add_lines(s, pairs, which, scratch, sum);
	}
}

ADV_LOOP void
add_sum_loop(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient)
{
	for (int f = 0; f < s->f; f += ADV_VECTOR)
	{
		int n = s->f - f < ADV_VECTOR ? s->f - f : ADV_VECTOR;
		size_t next = (size_t) s->c * (size_t) block_width(s, f / FILTERS * FILTERS);

		for (int c = 0; c < s->c; c++)
		{
			const float *from = (const float *) sum + weight_at(s, c, f);
			float *to = gradient + c * view.c + f * view.f;
			Square half_way, g;

			for (int x = 0; x < PATCH; x++)
				weights_of_points(ADV_VECTOR, from + (size_t) x * next, PATCH * next, half_way[x],
								  PATCH * ADV_VECTOR);
			for (int y = 0; y < SIZE; y++)
				weights_of_points(ADV_VECTOR, half_way[y * PATCH], ADV_VECTOR, g[y * SIZE], ADV_VECTOR);
			for (int k = 0; k < SIZE * SIZE; k++)
				for (int i = 0; i < n; i++)
					to[(k / SIZE) * view.ky + (k % SIZE) * view.kx + i * view.f] += g[k][i];
		}
	}
}
ADV_DISPATCH(static, add_sum, (const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient),
			 (s, sum, view, gradient))

/* ---- as a kernel ---- */

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

bool
adv_winograd_pays(const AdvConvShape *s)
{
	int64_t direct = (int64_t) (SIZE * SIZE) * s->h * s->w;
	int64_t points = (int64_t) POINTS * tiles_of(s->h) * tiles_of(s->w);

	return s->size == SIZE && s->c >= ADV_VECTOR && s->f >= ADV_VECTOR && 5 * points <= 3 * direct;
}

/* ---- rounding ---- */

/* The largest magnitude that each of n points or results may come to: the transforms above, of magnitudes. */
static void
size_of_weights(const double *in, size_t step, double *out, size_t next)
{
	double g0 = in[0], g1 = in[step], g2 = in[2 * step];
	double near = (g0 + g2 / 2 + half * g1) * 2 / 3, far = (g0 + 2 * g2 + root * g1) / 6;
	double points[PATCH] = {g0, near, near, far, far, g2};

	for (int i = 0; i < PATCH; i++)
		out[(size_t) i * next] = points[i];
}

/* Of an input whose numbers are all 1. */
static const double input_size[PATCH] = {4.5,
										 3 + 3 * 0.70710678118654752,
										 3 + 3 * 0.70710678118654752,
										 1.5 + 1.5 * 1.41421356237309505,
										 1.5 + 1.5 * 1.41421356237309505,
										 4.5};

static double
size_of_results(const double *in, size_t step, int result)
{
	double near = in[step] + in[2 * step], far = in[3 * step] + in[4 * step];

	switch (result)
	{
		case 0:
			return in[0] + near + far;
		case 1:
			return half * near + root * far;
		case 2:
			return near / 2 + 2 * far;
		default:
			return half * near / 2 + 2 * root * far + in[5 * step];
	}
}

/* The magnitude of the terms that a result is summed of, for one channel whose inputs are at most 1. */
static double
gain(const float *weight, AdvWeightView view)
{
	double filter[SIZE * SIZE], half_way[PATCH * SIZE], point[POINTS], line[PATCH * TILE];
	double most = 0;

	for (int y = 0; y < SIZE; y++)
		for (int x = 0; x < SIZE; x++)
			filter[y * SIZE + x] = fabs(weight[y * view.ky + x * view.kx]);
	for (int x = 0; x < SIZE; x++)
		size_of_weights(filter + x, SIZE, half_way + x, SIZE);
	for (int y = 0; y < PATCH; y++)
		size_of_weights(half_way + y * SIZE, 1, point + y * PATCH, 1);
	for (int i = 0; i < POINTS; i++)
		point[i] *= input_size[i / PATCH] * input_size[i % PATCH];
	for (int y = 0; y < TILE; y++)
		for (int x = 0; x < PATCH; x++)
			line[y * PATCH + x] = size_of_results(point + x, PATCH, y);
	for (int y = 0; y < TILE; y++)
		for (int x = 0; x < TILE; x++)
			most = fmax(most, size_of_results(line + y * PATCH, 1, x));
	return most;
}

const AdvKernel adv_winograd_kernel = {
	.image_size = image_size,
	.put = put,
	.packed_size = packed_size,
	.pack = pack,
	.exact = true,
	.gain = gain,
	.more = 40, /* the three transforms, of two directions each, and their constants: 8, 10 and 10 */
	.run = run,
	.lines_scratch = lines_scratch,
	.lines = lines,
	.sum_size = packed_size,
	.scratch_size = scratch_size,
	.add_pairs = add_pairs,
	.add_sum = add_sum,
};
