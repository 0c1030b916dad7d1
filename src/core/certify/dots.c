/*
 * dots.c
 *		Sums in double precision. See dots.h. They are formed in lanes, so that they can be vectorised, in the same order everywhere.
 */
#include "core/certify/dots.h"

#include <stdbool.h>
#include <string.h>

#include "core/kernel/dispatch.h"

#define LANES 4 /* of 256 bits: compilers make of longer vectors, where there are none, a lot of moves */
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef long long Bits __attribute__((vector_size(LANES * sizeof(double))));

/* Vectors that are wider than the processor's are no arguments and no results: what follows are macros, and functions that take pointers. */

ADV_LOOP void
load(const double *x, size_t count, Lanes *v)
{
	if (count >= LANES)
		memcpy(v, x, sizeof(*v));
	else
	{
		*v = (Lanes){0};
		memcpy(v, x, sizeof(double) * count);
	}
}

#define MAGNITUDE(x) ((Lanes) ((Bits) (x) &0x7fffffffffffffff))

/* x where by has no sign, else y. */
ADV_LOOP void
choose(const Lanes *by, const Lanes *x, const Lanes *y, Lanes *to)
{
	Bits negative = (Bits) *by >> 63;

	*to = (Lanes) (((Bits) *x & ~negative) | ((Bits) *y & negative));
}

ADV_LOOP double
total(const Lanes *x)
{
	return ((*x)[0] + (*x)[2]) + ((*x)[1] + (*x)[3]);
}

/* ---- windows ---- */

/* Of two filters, or one: each number of the input is read once for both. */
ADV_LOOP void
sums_of(int filters, const double *weight, size_t step, const AdvRuns *runs, const AdvSpans *in,
		AdvSums *sums)
{
	Lanes middle[2] = {{0}}, reach[2] = {{0}}, size[2] = {{0}};

	for (int r = 0; r < runs->count; r++)
	{
		size_t from = runs->input + (size_t) r * runs->input_step;
		const double *w = weight + runs->weight + (size_t) r * runs->weight_step;

		for (size_t i = 0; i < runs->length; i += LANES)
		{
			size_t left = runs->length - i;
			Lanes m, d, s, v;

			load(in->middle + from + i, left, &m);
			load(in->reach + from + i, left, &d);
			load(in->size + from + i, left, &s);
			for (int f = 0; f < filters; f++)
			{
				load(w + (size_t) f * step + i, left, &v);
				middle[f] += v * m;
				v = MAGNITUDE(v);
				reach[f] += v * d;
				size[f] += v * s;
			}
		}
	}
	for (int f = 0; f < filters; f++)
		sums[f] = (AdvSums){total(&middle[f]), total(&reach[f]), total(&size[f])};
}

ADV_LOOP void
adv_window_sums_loop(int filters, const double *weight, size_t step, const AdvRuns *runs, const AdvSpans *in,
					 AdvSums *sums)
{
	int f = 0;

	for (; f + 2 <= filters; f += 2)
		sums_of(2, weight + (size_t) f * step, step, runs, in, sums + f);
	if (f < filters)
		sums_of(1, weight + (size_t) f * step, step, runs, in, sums + f);
}
ADV_DISPATCH(extern, adv_window_sums,
			 (int filters, const double *weight, size_t step, const AdvRuns *runs, const AdvSpans *in,
			  AdvSums *sums),
			 (filters, weight, step, runs, in, sums))

/* ---- products ---- */

#define ROWS    4
#define COLUMNS (2 * LANES)

/* Some rows, a constant, of COLUMNS columns. */
ADV_LOOP void
block(int rows, size_t n, size_t k, const double *a, const double *b, double *c)
{
	Lanes left[ROWS] = {{0}}, right[ROWS] = {{0}};

	for (size_t p = 0; p < k; p++)
	{
		Lanes first, second;

		memcpy(&first, b + p * n, sizeof(Lanes));
		memcpy(&second, b + p * n + LANES, sizeof(Lanes));
		for (int r = 0; r < rows; r++)
		{
			left[r] += a[(size_t) r * k + p] * first;
			right[r] += a[(size_t) r * k + p] * second;
		}
	}
	for (int r = 0; r < rows; r++)
	{
		memcpy(c + (size_t) r * n, &left[r], sizeof(Lanes));
		memcpy(c + (size_t) r * n + LANES, &right[r], sizeof(Lanes));
	}
}

/* One row of what columns are left. */
ADV_LOOP void
rest(size_t columns, size_t n, size_t k, const double *a, const double *b, double *c)
{
	double sum[COLUMNS] = {0};

	for (size_t p = 0; p < k; p++)
		for (size_t j = 0; j < columns; j++)
			sum[j] += a[p] * b[p * n + j];
	memcpy(c, sum, sizeof(double) * columns);
}

ADV_LOOP void
adv_double_product_loop(size_t m, size_t n, size_t k, const double *a, const double *b, double *c)
{
	size_t j = 0;

	for (; j + COLUMNS <= n; j += COLUMNS)
	{
		size_t i = 0;

		for (; i + ROWS <= m; i += ROWS)
			block(ROWS, n, k, a + i * k, b + j, c + i * n + j);
		for (; i < m; i++)
			block(1, n, k, a + i * k, b + j, c + i * n + j);
	}
	for (size_t i = 0; j < n && i < m; i++)
		rest(n - j, n, k, a + i * k, b + j, c + i * n + j);
}
ADV_DISPATCH(extern, adv_double_product,
			 (size_t m, size_t n, size_t k, const double *a, const double *b, double *c), (m, n, k, a, b, c))

ADV_LOOP void
adv_double_add_loop(size_t n, const double *x, double *restrict to)
{
	for (size_t i = 0; i < n; i++)
		to[i] += x[i];
}
ADV_DISPATCH(extern, adv_double_add, (size_t n, const double *x, double *to), (n, x, to))

/* ---- lines ---- */

typedef struct Sums
{
	Lanes sum;
	Lanes cost;
	Lanes magnitude;
} Sums;

ADV_LOOP AdvLineSums
totals(const Sums *s)
{
	return (AdvLineSums){total(&s->sum), total(&s->cost), total(&s->magnitude)};
}

/* Steps over n numbers, whole lanes and what is left: each is written as what it does with up to LANES of them. */
#define EACH_LANES(n, i, count)                                                                              \
	for (size_t i = 0, count; count = (n) -i < LANES ? (n) -i : LANES, i < (n); i += LANES)

ADV_LOOP void
line_sums_loop(size_t n, const double *x, const double *y, const double *z, AdvLineSums *to)
{
	Sums s = {{0}, {0}, {0}};

	EACH_LANES(n, i, count)
	{
		Lanes v, w, term;

		load(x + i, count, &v);
		load(y + i, count, &w);
		term = v * w;
		s.sum += term;
		s.magnitude += MAGNITUDE(term);
		load(z + i, count, &w);
		s.cost += MAGNITUDE(v) * w;
	}
	*to = totals(&s);
}
ADV_DISPATCH(static, line_sums,
			 (size_t n, const double *x, const double *y, const double *z, AdvLineSums *to), (n, x, y, z, to))

AdvLineSums
adv_line_sums(size_t n, const double *x, const double *y, const double *z)
{
	AdvLineSums sums;

	line_sums(n, x, y, z, &sums);
	return sums;
}

ADV_LOOP void
least_loop(size_t n, const double *x, const double *low, const double *high, AdvLineSums *to)
{
	Sums s = {{0}, {0}, {0}};

	EACH_LANES(n, i, count)
	{
		Lanes v, below, above, term;

		load(x + i, count, &v);
		load(low + i, count, &below);
		load(high + i, count, &above);
		choose(&v, &below, &above, &term);
		term *= v;
		s.sum += term;
		s.magnitude += MAGNITUDE(term);
	}
	*to = totals(&s);
}
ADV_DISPATCH(static, least,
			 (size_t n, const double *x, const double *low, const double *high, AdvLineSums *to),
			 (n, x, low, high, to))

AdvLineSums
adv_least(size_t n, const double *x, const double *low, const double *high)
{
	AdvLineSums sums;

	least(n, x, low, high, &sums);
	return sums;
}

ADV_LOOP void
dual_loop(size_t n, const double *x, const double *unit, const double *reach, AdvLineSums *to)
{
	Sums s = {{0}, {0}, {0}};

	EACH_LANES(n, i, count)
	{
		Lanes v, w;

		load(x + i, count, &v);
		load(unit + i, count, &w);
		w *= v;
		s.sum += w * w;
		load(reach + i, count, &w);
		s.cost += MAGNITUDE(v) * w;
	}
	*to = totals(&s);
}
ADV_DISPATCH(static, dual,
			 (size_t n, const double *x, const double *unit, const double *reach, AdvLineSums *to),
			 (n, x, unit, reach, to))

AdvLineSums
adv_dual(size_t n, const double *x, const double *unit, const double *reach)
{
	AdvLineSums sums;

	dual(n, x, unit, reach, &sums);
	return sums;
}

ADV_LOOP void
through_lines_loop(size_t n, double *x, double *const *slope, double *const *at, AdvLineSums *to)
{
	Sums s = {{0}, {0}, {0}};

	EACH_LANES(n, i, count)
	{
		Lanes v, low, high, line;

		load(x + i, count, &v);
		load(at[0] + i, count, &low);
		load(at[1] + i, count, &high);
		choose(&v, &low, &high, &line);
		line *= v;
		s.sum += line;
		s.magnitude += MAGNITUDE(line);
		load(slope[0] + i, count, &low);
		load(slope[1] + i, count, &high);
		choose(&v, &low, &high, &line);
		v *= line;
		memcpy(x + i, &v, sizeof(double) * count);
	}
	*to = totals(&s);
}
ADV_DISPATCH(static, through_lines,
			 (size_t n, double *x, double *const *slope, double *const *at, AdvLineSums *to),
			 (n, x, slope, at, to))

AdvLineSums
adv_through_lines(size_t n, double *x, double *const *slope, double *const *at)
{
	AdvLineSums sums;

	through_lines(n, x, slope, at, &sums);
	return sums;
}
