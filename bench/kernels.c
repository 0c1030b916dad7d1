/*
 * kernels.c
 *		Kernels alone: GFLOP/s per core of each trained layer of the paper's two networks and each direction, beside the limit: what
 *		OpenBLAS reaches on two matrices of 1024 x 1024.
 *
 * Usage: kernels [widest instruction set: amx, avx512, avx2, generic]
 * Build and run: make bench-core
 *
 * "forward" and "back" are the results of a convolution (back: that of the gradient with the filters turned round), "weights" is the
 * gradient of the weights; each includes putting images and gradients into the kernel's order. Best of 7. Only useful work
 * counts: a tile of 16 filters for an image's three channels is a waste, and looks like one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/kernel/kernel.h"
#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"

#define TRIALS 7
#define LIMIT  1024

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static void *
zeros(size_t bytes)
{
	void *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);

	if (!memory)
		exit(1);
	return memset(memory, 0, bytes);
}

static float *
numbers(size_t n)
{
	float *x = zeros(sizeof(float) * (n + ADV_VECTOR));

	for (size_t i = 0; i < n; i++)
		x[i] = (float) rand() / (float) RAND_MAX - 0.5f;
	return x;
}

/* Of one layer. */
typedef struct Work
{
	const AdvKernel *kernel;
	AdvConvShape s;
	float *src;
	float *d;
	void *image;
	void *packed;
	float *raw;
	void *scratch;
	void *lines;
	int images; /* at a time */
	void *sum;
} Work;

static void
result(Work *w)
{
	w->kernel->lines(&w->s, w->kernel->put(&w->s, w->src, w->image), w->packed,
					 (AdvLines){w->images, 0, w->s.h}, w->lines, w->raw);
}

static void
gradient(Work *w)
{
	w->kernel->add_pairs(&w->s, &(AdvPairs){w->images, w->src, w->s.c, w->d, w->s.f}, w->scratch, w->sum,
						 NULL);
}

/* GFLOP/s of something done to some images. */
static double
speed(Work *w, void (*what)(Work *w))
{
	double flops = 2.0 * w->images * w->s.h * w->s.w * w->s.c * w->s.f * w->s.size * w->s.size;
	int times = 1 + (int) (2e8 / flops);
	double best = 0;

	for (int trial = 0; trial < TRIALS; trial++)
	{
		double start = now();

		for (int i = 0; i < times; i++)
			what(w);
		start = flops * times / (now() - start) * 1e-9;
		best = start > best ? start : best;
	}
	return best;
}

static Work
work(const AdvKernel *kernel, AdvConvShape s)
{
	size_t area = (size_t) s.h * (size_t) s.w;
	Work w = {.kernel = kernel, .s = s, .images = kernel->run ? kernel->run(&s).images : 1};
	float *weight = numbers((size_t) (s.size * s.size * s.c * s.f));

	w.src = numbers((size_t) w.images * area * (size_t) s.c);
	w.d = numbers((size_t) w.images * area * (size_t) s.f);
	w.image = zeros(kernel->image_size(&s));
	w.packed = zeros(kernel->packed_size(&s));
	w.raw = zeros(sizeof(float) * (size_t) w.images * adv_raw_size(&s, s.h));
	w.scratch = zeros(kernel->scratch_size ? kernel->scratch_size(&s) : 0);
	w.lines = zeros(kernel->lines_scratch ? kernel->lines_scratch(&s, (AdvLines){w.images, 0, s.h}) : 0);
	w.sum = zeros(kernel->sum_size ? kernel->sum_size(&s) : 0);
	kernel->pack(&s, weight, (AdvWeightView){s.size, 1, s.size * s.size, (ptrdiff_t) s.size * s.size * s.c},
				 0, s.c, 0, s.f, w.packed);
	free(weight);
	return w;
}

static void
done(Work *w)
{
	free(w->src);
	free(w->d);
	free(w->image);
	free(w->packed);
	free(w->raw);
	free(w->scratch);
	free(w->lines);
	free(w->sum);
}

static void
measure(const char *name, const AdvKernel *kernel, AdvConvShape s)
{
	AdvConvShape turned = {s.h, s.w, s.f, s.c, s.size};
	Work forward = work(kernel, s);
	Work back = work(kernel != &adv_tile_kernel && adv_few_pays(&turned) ? &adv_few_kernel : kernel, turned);

	printf("%-28s %8.0f %8.0f %8.0f\n", name, speed(&forward, result), speed(&back, result),
		   speed(&forward, gradient));
	done(&forward);
	done(&back);
}

/* A dense layer as adv_gemm computes it, which is handed matrices. */
static double
gemm_speed(bool trans_a, bool trans_b, int m, int n, int k, const float *a, int lda, const float *b, int ldb,
		   float *c)
{
	double flops = 2.0 * m * n * k, best = 0;
	int times = 1 + (int) (2e8 / flops);

	for (int trial = 0; trial < TRIALS; trial++)
	{
		double start = now();

		for (int i = 0; i < times; i++)
			adv_gemm(trans_a, trans_b, m, n, k, a, lda, b, ldb, 0, c, n);
		start = flops * times / (now() - start) * 1e-9;
		best = start > best ? start : best;
	}
	return best;
}

static void
measure_gemm(const char *name, int rows, int in, int out)
{
	size_t weights = (size_t) in * (size_t) out;
	float *src = numbers((size_t) rows * (size_t) in), *d = numbers((size_t) rows * (size_t) out);
	float *weight = numbers(weights), *to = numbers(weights + (size_t) rows * (size_t) (in + out));

	printf("%-28s %8.0f %8.0f %8.0f\n", name, gemm_speed(false, true, rows, out, in, src, in, weight, in, to),
		   gemm_speed(false, false, rows, in, out, d, out, weight, in, to),
		   gemm_speed(true, false, out, in, rows, d, out, src, in, to));
	free(src);
	free(d);
	free(weight);
	free(to);
}

static void
measure_limit(void)
{
	float *a = numbers(LIMIT * LIMIT), *b = numbers(LIMIT * LIMIT), *c = numbers(LIMIT * LIMIT);
	double best = 0;

	for (int trial = 0; trial < TRIALS; trial++)
	{
		double start = now();

		adv_gemm(false, false, LIMIT, LIMIT, LIMIT, a, LIMIT, b, LIMIT, 0, c, LIMIT);
		start = 2.0 * LIMIT * LIMIT * LIMIT / (now() - start) * 1e-9;
		best = start > best ? start : best;
	}
	printf("limit %s %.1f\n", adv_gemm_name(), best);
	free(a);
	free(b);
	free(c);
}

int
main(int argc, char **argv)
{
	AdvIsa isa = ADV_ISA_AMX;
	const AdvKernel *kernel;

	while (argc > 1 && isa > ADV_ISA_GENERIC && strcmp(argv[1], adv_cpu_name(isa)) != 0)
		isa--;
	isa = adv_cpu_use(isa);
	adv_gemm_load_blas();
	measure_limit();
	printf("%-28s %8s %8s %8s   GFLOP/s, %s\n", "layer", "forward", "back", "weights", adv_cpu_name(isa));
	kernel = isa == ADV_ISA_AMX ? &adv_tile_kernel : &adv_vector_kernel;
	measure("conv 32x3 on 3 x 32 x 32", kernel, (AdvConvShape){32, 32, 3, 32, 3});
	measure("conv 64x3 on 32 x 16 x 16", kernel, (AdvConvShape){16, 16, 32, 64, 3});
	measure("  the same, Winograd", &adv_winograd_kernel, (AdvConvShape){16, 16, 32, 64, 3});
	measure("conv 64x3 on 64 x 32 x 32", kernel, (AdvConvShape){32, 32, 64, 64, 3});
	measure("  the same, Winograd", &adv_winograd_kernel, (AdvConvShape){32, 32, 64, 64, 3});
	measure("conv 128x3 on 128 x 8 x 8", kernel, (AdvConvShape){8, 8, 128, 128, 3});
	measure("  the same, Winograd", &adv_winograd_kernel, (AdvConvShape){8, 8, 128, 128, 3});
	measure("dense 256 on 4096, 32 rows", kernel, (AdvConvShape){1, 32, 4096, 256, 1});
	measure("  the same, panels", &adv_panel_kernel, (AdvConvShape){1, 32, 4096, 256, 1});
	measure_gemm("  the same, BLAS", 32, 4096, 256);
	measure("dense 256 on 512, 250 rows", &adv_panel_kernel, (AdvConvShape){1, 250, 512, 256, 1});
	measure_gemm("  the same, BLAS", 250, 512, 256);
	measure("dense 128 on 256, 32 rows", kernel, (AdvConvShape){1, 32, 256, 128, 1});
	measure("dense 64 on 104, 32 rows", &adv_vector_kernel, (AdvConvShape){1, 32, 104, 64, 1});
	measure("dense 64 on 64, 32 rows", &adv_vector_kernel, (AdvConvShape){1, 32, 64, 64, 1});
	return 0;
}
