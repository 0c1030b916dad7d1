/*
 * kernel_tile.c
 *		Convolutions on matrix tiles (AMX): bfloat16 products, summed in single precision.
 *
 * A number x is split into two of 8 bits of mantissa, high = bf16(x) and low = bf16(x - high), which together hold it to
 * 17 bits (2^-18 relative). Of the product of two such sums all but low * low, which is below what the splitting
 * loses, is computed: three products of tiles for one, still several times as fast as single precision. (Henry, Tang,
 * Heinecke: Leveraging the bfloat16 Artificial Intelligence Datatype for Higher-Precision Computations, ARITH 2019.)
 *
 * A tile of the first factor is 16 rows of 32 numbers, read with a stride from where they lie; one of the second is 16 pairs
 * of rows with 16 columns, the two numbers of a pair side by side. One instruction adds their product to a tile of 16 x 16 sums.
 * Four tiles of sums are formed at a time. Each sum's terms are added in the same order whatever is formed beside it.
 */
#include <string.h>

#include "core/kernel/cpu.h"
#include "core/kernel/kernel.h"

#ifdef ADV_CPU_TILES
#include <immintrin.h>

#define TILES                                                                                                \
	__attribute__((                                                                                          \
		target("avx2,fma,avx512f,avx512cd,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")))
#define ALWAYS static inline __attribute__((always_inline)) TILES

#define SIDE  16             /* rows of a tile, and columns of one of sums */
#define DEPTH 32             /* numbers of a row of the first factor */
#define TILE  (SIDE * DEPTH) /* numbers of a tile of a factor */
#define RUN   128            /* positions that are summed over at a time */

typedef uint16_t Bf16;

/* A factor: where the high parts lie, and how far behind them the low parts. */
typedef struct Split
{
	const Bf16 *high;
	size_t low;
} Split;

/* ---- splitting ---- */

typedef struct Parts
{
	__m256i high;
	__m256i low;
} Parts;

ALWAYS Parts
split(__m512 x)
{
	__m256i high = (__m256i) _mm512_cvtneps_pbh(x);
	__m512 whole = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(high), 16));

	return (Parts){high, (__m256i) _mm512_cvtneps_pbh(_mm512_sub_ps(x, whole))};
}

ALWAYS __mmask16
first_lanes(int n)
{
	return n >= SIDE ? 0xffff : (__mmask16) ((1u << n) - 1);
}

/* n numbers that lie step floats apart. */
ALWAYS __m512
load(const float *src, ptrdiff_t step, int n)
{
	__m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

	if (step == 1)
		return _mm512_maskz_loadu_ps(first_lanes(n), src);
	return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), first_lanes(n),
									_mm512_mullo_epi32(lane, _mm512_set1_epi32((int) step)), src, 4);
}

ALWAYS void
store_split(__m512 x, int n, Bf16 *high, size_t low)
{
	Parts parts = split(x);

	_mm256_mask_storeu_epi16(high, first_lanes(n), parts.high);
	_mm256_mask_storeu_epi16(high + low, first_lanes(n), parts.low);
}

/* bf16 of a and b, those of a in the even places. */
ALWAYS __m512i
interleave(__m512 a, __m512 b)
{
	__m512i order = _mm512_or_si512(
		_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
		_mm512_setr_epi32(16 << 16, 17 << 16, 18 << 16, 19 << 16, 20 << 16, 21 << 16, 22 << 16, 23 << 16,
						  24 << 16, 25 << 16, 26 << 16, 27 << 16, 28 << 16, 29 << 16, 30 << 16, 31 << 16));

	return _mm512_permutexvar_epi16(order, (__m512i) _mm512_cvtne2ps_pbh(b, a));
}

/* 16 columns of the pair of rows a and b. */
ALWAYS void
store_pairs(__m512 a, __m512 b, Bf16 *high, size_t low)
{
	__m512i both = interleave(a, b);
	__m512 whole_a = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
	__m512 whole_b = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32((int) 0xffff0000)));

	_mm512_storeu_si512(high, both);
	_mm512_storeu_si512(high + low, interleave(_mm512_sub_ps(a, whole_a), _mm512_sub_ps(b, whole_b)));
}

/* ---- tiles: 0 to 3 are sums, 4 and 5 the first factor, 6 and 7 the second ---- */

/*
 * gcc's functions for tiles are assembler that does not say what memory it reads and writes. So nothing that tiles load
 * may still wait in a register when they are, and nothing they store may have been read before.
 */
ALWAYS void
settle_memory(void)
{
	__asm__ __volatile__("" ::: "memory");
}

typedef struct TileConfig
{
	uint8_t palette;
	uint8_t start_row;
	uint8_t reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
} TileConfig;

static const TileConfig config __attribute__((aligned(64))) = {
	.palette = 1,
	.row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
	.rows = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE},
};

/* Between these two tiles may be used. */
ALWAYS void
begin_tiles(void)
{
	settle_memory();
	_tile_loadconfig(&config);
}

ALWAYS void
end_tiles(void)
{
	_tile_release();
	settle_memory();
}

/* One block of up to 2 x 2 tiles of sums; m and n, how many there are, are constants. */
typedef struct Block
{
	Split a[2];
	size_t a_step; /* bytes from row to row */
	Split b[2];
	size_t b_step;
	float *c[2][2];
	size_t c_step;
} Block;

ALWAYS void
load_sums(int m, int n, const Block *b)
{
	_tile_loadd(0, b->c[0][0], b->c_step);
	if (n > 1)
		_tile_loadd(1, b->c[0][1], b->c_step);
	if (m > 1)
		_tile_loadd(2, b->c[1][0], b->c_step);
	if (m > 1 && n > 1)
		_tile_loadd(3, b->c[1][1], b->c_step);
}

ALWAYS void
store_sums(int m, int n, const Block *b)
{
	_tile_stored(0, b->c[0][0], b->c_step);
	if (n > 1)
		_tile_stored(1, b->c[0][1], b->c_step);
	if (m > 1)
		_tile_stored(2, b->c[1][0], b->c_step);
	if (m > 1 && n > 1)
		_tile_stored(3, b->c[1][1], b->c_step);
}

ALWAYS void
zero_sums(void)
{
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
}

ALWAYS void
multiply(int m, int n)
{
	_tile_dpbf16ps(0, 4, 6);
	if (n > 1)
		_tile_dpbf16ps(1, 4, 7);
	if (m > 1)
		_tile_dpbf16ps(2, 5, 6);
	if (m > 1 && n > 1)
		_tile_dpbf16ps(3, 5, 7);
}

/* Add the product of the tiles that begin a and b numbers further. */
ALWAYS void
add_product(int m, int n, const Block *k, size_t a, size_t b)
{
	_tile_loadd(4, k->a[0].high + a, k->a_step);
	if (m > 1)
		_tile_loadd(5, k->a[1].high + a, k->a_step);
	_tile_loadd(6, k->b[0].high + k->b[0].low + b, k->b_step);
	if (n > 1)
		_tile_loadd(7, k->b[1].high + k->b[1].low + b, k->b_step);
	multiply(m, n);
	_tile_loadd(6, k->b[0].high + b, k->b_step);
	if (n > 1)
		_tile_loadd(7, k->b[1].high + b, k->b_step);
	multiply(m, n);
	_tile_loadd(4, k->a[0].high + k->a[0].low + a, k->a_step);
	if (m > 1)
		_tile_loadd(5, k->a[1].high + k->a[1].low + a, k->a_step);
	multiply(m, n);
}

/* ---- images and weights ---- */

static size_t
width(const AdvConvShape *s)
{
	return adv_round_up((size_t) s->f, SIDE);
}

/* Steps of depth under one line of a filter, whose size * c numbers lie together in an image. */
static size_t
steps(const AdvConvShape *s)
{
	return ((size_t) s->size * (size_t) s->c + DEPTH - 1) / DEPTH;
}

/* Numbers of one part of an image: the last tile of positions and the last step reach beyond what there is. */
static size_t
image_part(const AdvConvShape *s)
{
	size_t positions = (size_t) (s->h + s->size - 1) * (size_t) adv_conv_pitch(s) + SIDE;

	return adv_round_up(positions * (size_t) s->c + steps(s) * DEPTH, DEPTH);
}

static size_t
image_size(const AdvConvShape *s)
{
	return 2 * sizeof(Bf16) * image_part(s);
}

TILES static void
split_run(size_t n, const float *src, Bf16 *high, size_t low)
{
	size_t i = 0;

	for (; i + SIDE <= n; i += SIDE)
		store_split(_mm512_loadu_ps(src + i), SIDE, high + i, low);
	if (i < n)
		store_split(load(src + i, 1, (int) (n - i)), (int) (n - i), high + i, low);
}

static void
zero_run(size_t n, Bf16 *high, size_t low)
{
	memset(high, 0, sizeof(Bf16) * n);
	memset(high + low, 0, sizeof(Bf16) * n);
}

static const void *
put(const AdvConvShape *s, const float *src, void *image)
{
	size_t border = (size_t) (s->size / 2);
	size_t used = (size_t) s->w * (size_t) s->c;
	size_t line = (size_t) adv_conv_pitch(s) * (size_t) s->c;
	size_t part = image_part(s);
	Bf16 *at = image;
	Bf16 *end = at + part;

	zero_run(border * (line + (size_t) s->c), at, part);
	at += border * (line + (size_t) s->c);
	for (int y = 0; y < s->h; y++, src += used, at += line)
	{
		split_run(used, src, at, part);
		zero_run(line - used, at + used, part);
	}
	zero_run((size_t) (end - at), at, part);
	return image;
}

/* Tiles (width / 16, ky, steps), high and low beside each other. */
static size_t
packed_size(const AdvConvShape *s)
{
	return 2 * sizeof(Bf16) * TILE * width(s) / SIDE * (size_t) s->size * steps(s);
}

TILES static void
pack(const AdvConvShape *s, const float *weight, AdvWeightView view, int c_first, int c_count, int f_first,
	 int f_count, void *packed)
{
	for (int f = f_first; f < f_first + f_count; f += SIDE)
		for (int k = 0; k < s->size * s->size; k++)
		{
			int ky = k / s->size, kx = k % s->size;
			const float *from = weight + ky * view.ky + kx * view.kx + f * view.f;
			Bf16 *tiles = (Bf16 *) packed +
						  ((size_t) (f / SIDE) * (size_t) s->size + (size_t) ky) * steps(s) * 2 * TILE;
			int n = f_first + f_count - f;

			for (int c = c_first; c < c_first + c_count; c++)
			{
				size_t j = (size_t) kx * (size_t) s->c + (size_t) c;
				Bf16 *to = tiles + j / DEPTH * 2 * TILE + j % DEPTH / 2 * DEPTH;

				if (j % 2 == 0 && c + 1 < c_first + c_count)
				{
					store_pairs(load(from + c * view.c, view.f, n), load(from + (c + 1) * view.c, view.f, n),
								to, TILE);
					c++;
				}
				else
				{
					Parts parts = split(load(from + c * view.c, view.f, n));
					__mmask32 half = j % 2 ? 0xaaaaaaaa : 0x55555555;
					int shift = j % 2 ? 16 : 0;

					_mm512_mask_storeu_epi16(to, half,
											 _mm512_slli_epi32(_mm512_cvtepu16_epi32(parts.high), shift));
					_mm512_mask_storeu_epi16(to + TILE, half,
											 _mm512_slli_epi32(_mm512_cvtepu16_epi32(parts.low), shift));
				}
			}
		}
}

/* ---- results ---- */

/* m tiles of positions from position q on, n tiles of filters from tile f on. */
ALWAYS void
line_block(int m, int n, const AdvConvShape *s, const Bf16 *image, const Bf16 *packed, size_t q, size_t f,
		   float *raw)
{
	size_t filter_tiles = (size_t) s->size * steps(s) * 2 * TILE;
	size_t line = (size_t) adv_conv_pitch(s) * (size_t) s->c;
	Block b = {.a_step = (size_t) s->c * sizeof(Bf16),
			   .b_step = DEPTH * sizeof(Bf16),
			   .c_step = width(s) * sizeof(float)};

	for (size_t i = 0; i < 2; i++)
	{
		b.a[i] = (Split){image + (q + i * SIDE) * (size_t) s->c, image_part(s)};
		b.b[i] = (Split){packed + (f + i) * filter_tiles, TILE};
		for (size_t j = 0; j < 2; j++)
			b.c[i][j] = raw + i * SIDE * width(s) + (f + j) * SIDE;
	}
	zero_sums();
	for (size_t ky = 0, tile = 0; ky < (size_t) s->size; ky++)
		for (size_t step = 0; step < steps(s); step++, tile += 2 * TILE)
			add_product(m, n, &b, ky * line + step * DEPTH, tile);
	store_sums(m, n, &b);
}

TILES static void
lines(const AdvConvShape *s, const void *image, const void *packed, AdvLines which, void *scratch, float *raw)
{
	size_t first = (size_t) which.y * (size_t) adv_conv_pitch(s);
	size_t positions = adv_round_up((size_t) which.count * (size_t) adv_conv_pitch(s), SIDE);
	size_t f_tiles = width(s) / SIDE;

	(void) scratch;
	begin_tiles();
	for (size_t f = 0; f < f_tiles; f += 2)
		for (size_t q = 0; q < positions; q += 2 * SIDE)
		{
			bool two_m = q + SIDE < positions, two_n = f + 1 < f_tiles;
			float *to = raw + q * width(s);

			if (two_m && two_n)
				line_block(2, 2, s, image, packed, first + q, f, to);
			else if (two_m)
				line_block(2, 1, s, image, packed, first + q, f, to);
			else if (two_n)
				line_block(1, 2, s, image, packed, first + q, f, to);
			else
				line_block(1, 1, s, image, packed, first + q, f, to);
		}
	end_tiles();
}

/*
 * ---- gradients of weights: depth runs over positions ----
 *
 * The first factor is the image with its channels as rows ("planes"), the second the result's gradient in pairs of
 * positions. A place in a filter is a shift along the planes. Where channels are few, each is there once for each column
 * of a filter, shifted, so that these share a tile. Lines are an even number of positions apart, so that no pair crosses one.
 */
typedef struct Planes
{
	size_t pitch;
	size_t depth;  /* positions of d: whole steps */
	size_t length; /* of a plane */
	size_t shifts; /* copies of a plane, shifted by 0, 1, ... */
	size_t tiles;  /* of planes */
	size_t plane_part;
	size_t pair_part;
	size_t rows; /* tiles of the gradient: (ky, kx, tiles), or (ky, tiles) with shifts */
} Planes;

static Planes
planes(const AdvConvShape *s)
{
	Planes p;

	p.pitch = adv_round_up((size_t) adv_conv_pitch(s), 2);
	p.depth = adv_round_up((size_t) s->h * p.pitch, DEPTH);
	p.length = adv_round_up(p.depth + (size_t) (s->size - 1) * (p.pitch + 1), DEPTH);
	p.shifts = s->c < SIDE ? (size_t) s->size : 1;
	p.tiles = (p.shifts * (size_t) s->c + SIDE - 1) / SIDE;
	p.plane_part = p.tiles * SIDE * p.length;
	p.pair_part = p.depth * width(s);
	p.rows = p.tiles * (size_t) s->size * (p.shifts > 1 ? 1 : (size_t) s->size);
	return p;
}

static size_t
scratch_size(const AdvConvShape *s)
{
	Planes p = planes(s);

	return 2 * sizeof(Bf16) * (p.plane_part + p.pair_part);
}

static size_t
sum_size(const AdvConvShape *s)
{
	return sizeof(float) * planes(s).rows * SIDE * width(s);
}

/* Columns of 16 rows of 16 become rows. */
ALWAYS void
transpose(__m512 *r)
{
	__m512 t[SIDE];

#pragma GCC unroll 8
	for (int i = 0; i < SIDE; i += 2)
	{
		t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
		t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < SIDE; i += 4)
		for (int j = 0; j < 2; j++)
		{
			__m512d low = _mm512_castps_pd(t[i + j]), high = _mm512_castps_pd(t[i + j + 2]);

			r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
			r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
		}
		/* r[4 g + k] holds, in its four quarters q, column 4 q + k of rows 4 g to 4 g + 3. */
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++)
	{
		__m512 even_low = _mm512_shuffle_f32x4(r[k], r[k + 4], 0x88);
		__m512 odd_low = _mm512_shuffle_f32x4(r[k], r[k + 4], 0xdd);
		__m512 even_high = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0x88);
		__m512 odd_high = _mm512_shuffle_f32x4(r[k + 8], r[k + 12], 0xdd);

		t[k] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
		t[k + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
		t[k + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
		t[k + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
	}
#pragma GCC unroll 16
	for (int i = 0; i < SIDE; i++)
		r[i] = t[i];
}

/* Up to 16 channels of up to 16 positions, which lie step floats apart, into planes from to on. */
ALWAYS void
put_square(const float *src, int step, int positions, int channels, Bf16 *to, const Planes *p)
{
	__m512 r[SIDE];

#pragma GCC unroll 16
	for (int i = 0; i < SIDE; i++)
		r[i] = i < positions ? load(src + (ptrdiff_t) i * step, 1, channels) : _mm512_setzero_ps();
	transpose(r);
#pragma GCC unroll 16
	for (int i = 0; i < SIDE; i++)
		if (i < channels)
			store_split(r[i], positions, to + (size_t) i * p->length, p->plane_part);
}

/* Plane c from its first position, then shifted by one, two ... in those that follow c planes apart. */
static void
shift_planes(const AdvConvShape *s, const Planes *p, Bf16 *to)
{
	size_t block = (size_t) s->c * p->length;

	for (size_t shift = 1; shift < p->shifts; shift++)
		for (size_t i = 0; i < 2; i++)
			memcpy(to + shift * block + i * p->plane_part, to + i * p->plane_part + shift,
				   sizeof(Bf16) * (block - shift));
}

TILES static void
put_planes(const AdvConvShape *s, const Planes *p, const float *src, int step, Bf16 *to)
{
	size_t border = (size_t) (s->size / 2);

	zero_run(p->plane_part, to, p->plane_part);
	for (int y = 0; y < s->h; y++)
		for (int x = 0; x < s->w; x += SIDE)
			for (int c = 0; c < s->c; c += SIDE)
			{
				const float *from = src + ((size_t) y * (size_t) s->w + (size_t) x) * (size_t) step + c;
				size_t at = border + ((size_t) y + border) * p->pitch + (size_t) x + (size_t) c * p->length;

				if (s->w - x >= SIDE && s->c - c >= SIDE)
					put_square(from, step, SIDE, SIDE, to + at, p);
				else
					put_square(from, step, s->w - x, s->c - c, to + at, p);
			}
	shift_planes(s, p, to);
}

TILES static void
put_pairs(const AdvConvShape *s, const Planes *p, const float *d, int step, Bf16 *to)
{
	size_t pair = 2 * width(s);

	for (int y = 0; y < s->h; y++)
		for (size_t x = 0; x < p->pitch; x += 2, to += pair)
		{
			const float *a = d + ((size_t) y * (size_t) s->w + x) * (size_t) step;
			int have = x >= (size_t) s->w ? 0 : x + 1 == (size_t) s->w ? 1 : 2;

			for (int f = 0; f < s->f; f += SIDE)
				store_pairs(have > 0 ? load(a + f, 1, s->f - f) : _mm512_setzero_ps(),
							have > 1 ? load(a + step + f, 1, s->f - f) : _mm512_setzero_ps(), to + 2 * f,
							p->pair_part);
		}
	zero_run((p->depth - (size_t) s->h * p->pitch) * width(s), to, p->pair_part);
}

/* Where in a plane the depth of a row of tiles begins. */
static size_t
row_start(const AdvConvShape *s, const Planes *p, size_t row)
{
	size_t place = row / p->tiles;
	size_t ky = p->shifts > 1 ? place : place / (size_t) s->size;
	size_t kx = p->shifts > 1 ? 0 : place % (size_t) s->size;

	return row % p->tiles * SIDE * p->length + ky * p->pitch + kx;
}

ALWAYS void
gradient_block(int m, int n, const AdvConvShape *s, const Planes *p, const Bf16 *plane, const Bf16 *pair,
			   size_t row, size_t f, size_t q, size_t end, float *sum)
{
	Block b = {.a_step = p->length * sizeof(Bf16),
			   .b_step = 2 * width(s) * sizeof(Bf16),
			   .c_step = width(s) * sizeof(float)};

	for (size_t i = 0; i < 2; i++)
	{
		b.a[i] = (Split){plane + row_start(s, p, row + (i < (size_t) m ? i : 0)), p->plane_part};
		b.b[i] = (Split){pair + (f + i) * DEPTH, p->pair_part};
		for (size_t j = 0; j < 2; j++)
			b.c[i][j] = sum + ((row + i) * width(s) + f + j) * SIDE;
	}
	load_sums(m, n, &b);
	for (; q < end; q += DEPTH)
		add_product(m, n, &b, q, q * width(s));
	store_sums(m, n, &b);
}

/* Positions from q to end, few enough for the factors of a block to stay in the first-level cache while places change. */
TILES static void
add_positions(const AdvConvShape *s, const Planes *p, const Bf16 *plane, const Bf16 *pair, size_t q,
			  size_t end, float *sum, const AdvStop *stop)
{
	size_t f_tiles = width(s) / SIDE;

	for (size_t f = 0; f < f_tiles && !adv_stops(stop); f += 2)
		for (size_t row = 0; row < p->rows; row += 2)
		{
			bool two_m = row + 1 < p->rows, two_n = f + 1 < f_tiles;

			if (two_m && two_n)
				gradient_block(2, 2, s, p, plane, pair, row, f, q, end, sum);
			else if (two_m)
				gradient_block(2, 1, s, p, plane, pair, row, f, q, end, sum);
			else if (two_n)
				gradient_block(1, 2, s, p, plane, pair, row, f, q, end, sum);
			else
				gradient_block(1, 1, s, p, plane, pair, row, f, q, end, sum);
		}
}

TILES static void
add_pairs(const AdvConvShape *s, const AdvPairs *pairs, void *scratch, void *sum, const AdvStop *stop)
{
	Planes p = planes(s);
	Bf16 *plane = scratch;
	Bf16 *pair = plane + 2 * p.plane_part;
	size_t runs = (p.depth + RUN - 1) / RUN;
	size_t run = adv_round_up((p.depth + runs - 1) / runs, DEPTH);

	put_planes(s, &p, pairs->src, pairs->src_step, plane);
	put_pairs(s, &p, pairs->d, pairs->d_step, pair);
	begin_tiles();
	for (size_t q = 0; q < p.depth; q += run)
		add_positions(s, &p, plane, pair, q, q + run < p.depth ? q + run : p.depth, sum, stop);
	end_tiles();
}

TILES static void
add_run(size_t n, const float *restrict from, float *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] += from[i];
}

static void
add_sum(const AdvConvShape *s, const void *sum, AdvWeightView view, float *gradient)
{
	Planes p = planes(s);

	for (int ky = 0; ky < s->size; ky++)
		for (int kx = 0; kx < s->size; kx++)
			for (int c = 0; c < s->c; c++)
			{
				size_t plane = p.shifts > 1 ? (size_t) kx * (size_t) s->c + (size_t) c : (size_t) c;
				size_t place = p.shifts > 1 ? (size_t) ky : (size_t) ky * (size_t) s->size + (size_t) kx;
				const float *from =
					(const float *) sum + ((place * p.tiles + plane / SIDE) * SIDE + plane % SIDE) * width(s);
				float *to = gradient + ky * view.ky + kx * view.kx + c * view.c;

				if (view.f == 1)
					add_run((size_t) s->f, from, to);
				else
					for (int f = 0; f < s->f; f++)
						to[f * view.f] += from[f];
			}
}

const AdvKernel adv_tile_kernel = {
	.image_size = image_size,
	.put = put,
	.packed_size = packed_size,
	.pack = pack,
	.exact = false,
	.more = 8,
	.loss = 0x1p-15,
	.lines = lines,
	.sum_size = sum_size,
	.scratch_size = scratch_size,
	.add_pairs = add_pairs,
	.add_sum = add_sum,
};

#else

const AdvKernel adv_tile_kernel = {0}; /* never asked for */

#endif
