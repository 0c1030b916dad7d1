/*
 * test_gemm.c
 *		Both providers of adv_gemm against the definition, for all transpositions and awkward sizes.
 */
#include <stdlib.h>

#include "core/kernel/gemm.h"
#include "core/base/rng.h"
#include "tap.h"

/* Row lengths are larger than the matrices are wide, by: */
#define SLACK 3

static void
fill(size_t n, float *x, uint64_t key)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float) (2 * adv_uniform(1, ADV_FOR_INIT, key, i) - 1);
}

/* Largest error of one product, relative to what its k roundings explain; infinite when c's slack was touched. */
static double
product_error(bool ta, bool tb, int m, int n, int k, float beta)
{
	int lda = (ta ? m : k) + SLACK;
	int ldb = (tb ? k : n) + SLACK;
	int ldc = n + SLACK;
	size_t size_a = (size_t) lda * (ta ? k : m);
	size_t size_b = (size_t) ldb * (tb ? n : k);
	size_t size_c = (size_t) ldc * m;
	float *a = malloc(sizeof(float) * size_a);
	float *b = malloc(sizeof(float) * size_b);
	float *c = malloc(sizeof(float) * size_c);
	float *before = malloc(sizeof(float) * size_c);
	double worst = 0;

	fill(size_a, a, 1);
	fill(size_b, b, 2);
	fill(size_c, before, 3);
	memcpy(c, before, sizeof(float) * size_c);
	if (beta == 0) /* c is not read */
		for (int i = 0; i < m; i++)
			for (int j = 0; j < n; j++)
				c[i * ldc + j] = NAN;
	adv_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);

	for (int i = 0; i < m; i++)
		for (int j = 0; j < ldc; j++)
		{
			double expected = before[i * ldc + j];

			if (j < n)
			{
				expected *= beta;
				for (int p = 0; p < k; p++)
					expected += (double) (ta ? a[p * lda + i] : a[i * lda + p]) *
								(tb ? b[j * ldb + p] : b[p * ldb + j]);
				worst =
					fmax(worst, isnan(c[i * ldc + j]) ? INFINITY
													  : fabs(c[i * ldc + j] - expected) / (1e-7 * (k + 4)));
			}
			else if (c[i * ldc + j] != before[i * ldc + j])
				worst = INFINITY;
		}
	free(a);
	free(b);
	free(c);
	free(before);
	return worst;
}

static void
test_products(void)
{
	static const int sizes[][3] = {
		{1, 1, 1},    {1, 7, 5},     {3, 2, 100},  {5, 17, 33},  {6, 16, 256},  {7, 15, 257}, {13, 97, 31},
		{64, 64, 64}, {1, 100, 300}, {250, 3, 40}, {31, 193, 7}, {100, 32, 27}, {33, 1, 513},
	};

	for (int t = 0; t < 4; t++)
		for (int beta = 0; beta <= 1; beta++)
		{
			double worst = 0;

			for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
				worst = fmax(
					worst, product_error(t & 1, t >> 1, sizes[i][0], sizes[i][1], sizes[i][2], (float) beta));
			okf(worst < 1, "%s, %s * %s, beta %d", adv_gemm_name(), t & 1 ? "a^T" : "a", t >> 1 ? "b^T" : "b",
				beta);
			if (!(worst < 1))
				diag("error %g times the tolerance", worst);
		}
}

int
main(void)
{
	plan(16);
	test_products();
	if (adv_gemm_load_blas())
		test_products();
	else
		for (int i = 0; i < 8; i++)
			skip("OpenBLAS", "it is not installed");
	return 0;
}
