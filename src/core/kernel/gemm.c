/*
 * gemm.c
 *		Matrix products: a portable blocked kernel, and OpenBLAS once a process has asked for it.
 *
 * The portable kernel copies blocks of both factors into panels (which makes the four transpositions one case and
 * all inner accesses contiguous) and forms c in tiles of MR x NR that stay in registers.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernel/dispatch.h"
#include "core/kernel/gemm.h"

#define MR 6   /* rows of a tile */
#define NR 16  /* columns of a tile: one vector */
#define KC 256 /* depth of a block: a panel of b (KC x NR) stays in the first-level cache */
#define NC 96  /* columns of a block: on the stack, KC x NC floats are 96 kB */

typedef float Vector __attribute__((vector_size(NR * sizeof(float)), aligned(64)));
typedef float LooseVector __attribute__((vector_size(NR * sizeof(float)), aligned(4), may_alias));

/* How a factor is read: element (i, j) of op(x) is x[i * row + j * col]. */
typedef struct View
{
	const float *x;
	size_t row;
	size_t col;
} View;

/* c (m, n) += sum over depth of a panel (depth, MR) and b panel (depth, NR); the panels are padded with zeros. */
ADV_LOOP void
tile(int depth, const float *a, const Vector *b, float *c, size_t ldc, int m, int n)
{
	Vector acc[MR] = {{0}};

	for (int p = 0; p < depth; p++)
		for (int i = 0; i < MR; i++)
			acc[i] += a[p * MR + i] * b[p];

	if (m == MR && n == NR)
	{
		for (int i = 0; i < MR; i++)
			*(LooseVector *) (c + i * ldc) += acc[i];
	}
	else
	{
		for (int i = 0; i < m; i++)
			for (int j = 0; j < n; j++)
				c[i * ldc + j] += acc[i][j];
	}
}

/* Rows first .. first + count of op(a), columns from .. from + depth, as a (depth, MR) panel. */
ADV_LOOP void
pack_a(View a, size_t first, int count, size_t from, int depth, float *panel)
{
	if (count < MR)
		memset(panel, 0, sizeof(float) * (size_t) depth * MR);
	for (int p = 0; p < depth; p++)
		for (int i = 0; i < count; i++)
			panel[p * MR + i] = a.x[(first + i) * a.row + (from + p) * a.col];
}

/* Rows from .. from + depth of op(b), columns first .. first + count, as (depth, NR) panels. */
ADV_LOOP void
pack_b(View b, size_t from, int depth, size_t first, int count, float *panels)
{
	for (int j0 = 0; j0 < count; j0 += NR, panels += depth * NR)
	{
		int width = count - j0 < NR ? count - j0 : NR;

		if (width < NR)
			memset(panels, 0, sizeof(float) * (size_t) depth * NR);
		if (b.col == 1)
			for (int p = 0; p < depth; p++)
				memcpy(panels + p * NR, b.x + (from + p) * b.row + first + j0,
					   sizeof(float) * (size_t) width);
		else
			for (int j = 0; j < width; j++)
				for (int p = 0; p < depth; p++)
					panels[p * NR + j] = b.x[(from + p) * b.row + (first + j0 + j) * b.col];
	}
}

/* c += op(a) op(b), in blocks of depth KC and width NC. */
ADV_LOOP void
blocked_loop(int m, int n, int k, View a, View b, float *c, size_t ldc)
{
	Vector b_panels[KC * NC / NR];
	float a_panel[KC * MR];

	for (int p0 = 0; p0 < k; p0 += KC)
	{
		int depth = k - p0 < KC ? k - p0 : KC;

		for (int j0 = 0; j0 < n; j0 += NC)
		{
			int width = n - j0 < NC ? n - j0 : NC;

			pack_b(b, (size_t) p0, depth, (size_t) j0, width, (float *) b_panels);
			for (int i0 = 0; i0 < m; i0 += MR)
			{
				int height = m - i0 < MR ? m - i0 : MR;
				float *c_block = c + (size_t) i0 * ldc + j0;

				pack_a(a, (size_t) i0, height, (size_t) p0, depth, a_panel);
				for (int j = 0; j < width; j += NR)
					tile(depth, a_panel, b_panels + (size_t) (j / NR) * depth, c_block + j, ldc, height,
						 width - j < NR ? width - j : NR);
			}
		}
	}
}
ADV_DISPATCH(static, blocked, (int m, int n, int k, View a, View b, float *c, size_t ldc),
			 (m, n, k, a, b, c, ldc))

/* c (m, n) += a (m, k) b^T, where each row of b (n, k) is used too seldom to be worth a copy. */
ADV_LOOP void
dots_loop(int m, int n, int k, const float *a, size_t lda, const float *b, size_t ldb, float *c, size_t ldc)
{
	for (int j = 0; j < n; j++)
		for (int i = 0; i < m; i++)
		{
			const float *x = a + (size_t) i * lda;
			const float *y = b + (size_t) j * ldb;
			Vector sums = {0};
			float sum = 0;
			int p = 0;

			for (; p + NR <= k; p += NR)
				sums += *(const LooseVector *) (x + p) * *(const LooseVector *) (y + p);
			for (; p < k; p++)
				sum += x[p] * y[p];
			for (int l = 0; l < NR; l++)
				sum += sums[l];
			c[(size_t) i * ldc + j] += sum;
		}
}
ADV_DISPATCH(static, dots,
			 (int m, int n, int k, const float *a, size_t lda, const float *b, size_t ldb, float *c,
			  size_t ldc),
			 (m, n, k, a, lda, b, ldb, c, ldc))

static void
portable(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
		 float *c, int ldc)
{
	View a_view = {a, ta ? 1 : (size_t) lda, ta ? (size_t) lda : 1};
	View b_view = {b, tb ? 1 : (size_t) ldb, tb ? (size_t) ldb : 1};

	if (beta == 0)
		for (int i = 0; i < m; i++)
			memset(c + (size_t) i * ldc, 0, sizeof(float) * (size_t) n);
	if (m < MR && !ta && tb)
		dots(m, n, k, a, (size_t) lda, b, (size_t) ldb, c, (size_t) ldc);
	else
		blocked(m, n, k, a_view, b_view, c, (size_t) ldc);
}

/* cblas_sgemm and the numbers of its enums. */
typedef void (*CblasSgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
						   int lda, const float *b, int ldb, float beta, float *c, int ldc);
enum
{
	CBLAS_ROW_MAJOR = 101,
	CBLAS_NO_TRANS = 111,
	CBLAS_TRANS = 112
};

/* What adv_gemm runs on: the only mutable state of the core, set once before any work. */
static struct
{
	CblasSgemm sgemm; /* NULL: portable */
	char name[64];
} provider;

void
adv_gemm(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb, float beta,
		 float *c, int ldc)
{
	if (provider.sgemm)
		provider.sgemm(CBLAS_ROW_MAJOR, ta ? CBLAS_TRANS : CBLAS_NO_TRANS, tb ? CBLAS_TRANS : CBLAS_NO_TRANS,
					   m, n, k, 1.0f, a, lda, b, ldb, beta, c, ldc);
	else
		portable(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

/* dlsym gives an object pointer where a function pointer is meant; POSIX promises that the bytes agree. */
static bool
find_function(void *library, const char *symbol, void *function)
{
	void *found = dlsym(library, symbol);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

/* "OpenBLAS 0.3.21 SkylakeX", from the first two words of its configuration and the core in use. */
static void
name_blas(void *library)
{
	char *(*get_config)(void);
	char *(*get_core)(void);
	char version[24] = "";

	if (find_function(library, "openblas_get_config", &get_config))
		sscanf(get_config(), "%*s %23s", version);
	snprintf(provider.name, sizeof(provider.name), "OpenBLAS%s%s", version[0] ? " " : "", version);
	if (find_function(library, "openblas_get_corename", &get_core))
	{
		size_t used = strlen(provider.name);

		snprintf(provider.name + used, sizeof(provider.name) - used, " %s", get_core());
	}
}

bool
adv_gemm_load_blas(void)
{
	const char *core = adv_cpu_blas_core(adv_cpu_isa());
	void *library;

	if (provider.sgemm)
		return true;

	/* The library reads these when it is loaded; a thread pool would be started there and then. */
	setenv("OPENBLAS_NUM_THREADS", "1", 1);
	setenv("OMP_NUM_THREADS", "1", 1);
	if (core)
		setenv("OPENBLAS_CORETYPE", core, 0);

	library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		library = dlopen("libopenblas.so", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return false;
	if (!find_function(library, "cblas_sgemm", &provider.sgemm))
	{
		dlclose(library);
		return false;
	}
	name_blas(library);
	return true;
}

const char *
adv_gemm_name(void)
{
	return provider.sgemm ? provider.name : "portable";
}
