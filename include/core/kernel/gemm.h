/*
 * gemm.h
 *		Single-precision matrix product: OpenBLAS when it has been loaded, portable C otherwise.
 *
 * The only file that knows BLAS is gemm.c. The library is loaded on request (compute workers do, backends never:
 * linking it would start a thread pool in every backend) and runs on one thread: parallelism is by process.
 */
#ifndef ADV_GEMM_H
#define ADV_GEMM_H

#include <stdbool.h>

/*
 * c = op(a) op(b) + beta c, all row-major; op(a) is (m, k), op(b) is (k, n), c is (m, n). With ta, a is stored
 * (k, m) and lda is its row length, likewise tb. beta is 0 (c is not read) or 1.
 */
extern void adv_gemm(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
					 float beta, float *c, int ldc);

/*
 * Load OpenBLAS with the core that fits the processor and one thread. Returns false when the library cannot be
 * found (adv_gemm then stays portable). An OPENBLAS_CORETYPE already in the environment is kept.
 */
extern bool adv_gemm_load_blas(void);

/* "OpenBLAS 0.3.21 SkylakeX" or "portable": what adv_gemm runs on in this process. */
extern const char *adv_gemm_name(void);

#endif
