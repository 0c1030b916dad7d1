/*
 * test_kernels.c
 *		The kernels of every instruction set this processor has, against the definition in double precision.
 */
#include "core/kernel/kernel.h"
#include "core/kernel/product.h"
#include "core/kernel/cpu.h"
#include "core/base/rng.h"
#include "tap.h"
#include "training.h"

/* An image, filters and a gradient of the result, with the memory a kernel needs, all of it garbage at first. */
typedef struct Case
{
	const AdvKernel *kernel;
	AdvConvShape s;
	AdvWeightView view;
	size_t n_weight;
	float *x;
	float *weight;
	float *d;
	void *image;
	void *packed;
	float *raw;
	void *scratch;
	void *lines;
	void *sum;
} Case;

static void *
garbage(size_t bytes)
{
	return memset(zeros(bytes), 0xff, bytes);
}

static float *
numbers(size_t n, uint64_t stream)
{
	float *x = garbage(sizeof(float) * (n + ADV_VECTOR));

	for (size_t i = 0; i < n; i++)
		x[i] = (float) (2 * adv_uniform(7, ADV_FOR_ATTACK, stream, i) - 1);
	return x;
}

static void
make(Case *c, const AdvKernel *kernel, AdvConvShape s)
{
	size_t area = (size_t) s.h * (size_t) s.w;

	*c = (Case){.kernel = kernel, .s = s};
	c->n_weight = (size_t) (s.size * s.size * s.c * s.f);
	c->view = (AdvWeightView){s.size, 1, s.size * s.size, (ptrdiff_t) s.size * s.size * s.c};
	c->x = numbers(area * (size_t) s.c, 1);
	c->weight = numbers(c->n_weight, 2);
	c->d = numbers(area * (size_t) s.f, 3);
	c->image = garbage(kernel->image_size(&s));
	c->packed = zeros(kernel->packed_size(&s));
	c->raw = garbage(sizeof(float) * adv_raw_size(&s, s.h));
	c->scratch = garbage(kernel->scratch_size ? kernel->scratch_size(&s) : 0);
	c->lines = garbage(kernel->lines_scratch ? kernel->lines_scratch(&s, (AdvLines){1, 0, s.h}) : 0);
	c->sum = zeros(kernel->sum_size ? kernel->sum_size(&s) : 0);
	kernel->pack(&s, c->weight, c->view, 0, s.c, 0, s.f, c->packed);
}

static void
release(Case *c)
{
	free(c->x);
	free(c->weight);
	free(c->d);
	free(c->image);
	free(c->packed);
	free(c->raw);
	free(c->scratch);
	free(c->lines);
	free(c->sum);
}

/* The result (h, w, f), and the gradient of the weights in their own order. */
static void
define(const Case *c, double *result, double *gradient)
{
	const AdvConvShape *s = &c->s;
	int border = s->size / 2;

	for (int y = 0; y < s->h; y++)
		for (int x = 0; x < s->w; x++)
			for (int ky = 0; ky < s->size; ky++)
				for (int kx = 0; kx < s->size; kx++)
				{
					int from_y = y + ky - border, from_x = x + kx - border;

					if (from_y < 0 || from_y >= s->h || from_x < 0 || from_x >= s->w)
						continue;
					for (int ch = 0; ch < s->c; ch++)
						for (int f = 0; f < s->f; f++)
						{
							size_t at =
								((size_t) y * (size_t) s->w + (size_t) x) * (size_t) s->f + (size_t) f;
							size_t w =
								(size_t) (ky * c->view.ky + kx * c->view.kx + ch * c->view.c + f * c->view.f);
							double value = c->x[(from_y * s->w + from_x) * s->c + ch];

							result[at] += value * c->weight[w];
							gradient[w] += value * c->d[at];
						}
				}
}

/* |x - expected| / |expected|. */
static double
error(size_t n, const double *expected, const float *x)
{
	double off = 0, all = 0;

	for (size_t i = 0; i < n; i++)
	{
		off += (x[i] - expected[i]) * (x[i] - expected[i]);
		all += expected[i] * expected[i];
	}
	return sqrt(off / all);
}

/* All lines, count at a time, without what lies between them. */
static float *
compute(Case *c, int count)
{
	const AdvConvShape *s = &c->s;
	size_t width = adv_round_up((size_t) s->f, ADV_VECTOR);
	float *result = zeros(sizeof(float) * (size_t) (s->h * s->w * s->f));
	const void *image = c->kernel->put(s, c->x, c->image);

	for (int y = 0; y < s->h; y += count)
	{
		int n = s->h - y < count ? s->h - y : count;

		c->kernel->lines(s, image, c->packed, (AdvLines){1, y, n}, c->lines, c->raw);
		for (int i = 0; i < n; i++)
			for (int x = 0; x < s->w; x++)
				memcpy(result + (size_t) (((y + i) * s->w + x) * s->f),
					   c->raw + (size_t) (i * adv_conv_pitch(s) + x) * width, sizeof(float) * (size_t) s->f);
	}
	return result;
}

static void
test_shape(const AdvKernel *kernel, AdvConvShape s, const char *isa, double tolerance)
{
	int part = kernel->run ? kernel->run(&(AdvConvShape){s.h, 1 << 20, s.c, s.f, s.size}).count : 2;
	size_t n = (size_t) (s.h * s.w * s.f);
	Case c;
	double *result = zeros(sizeof(double) * n), *gradient;
	float *whole, *in_parts, *d_weight;
	void *packed;
	bool same;

	make(&c, kernel, s);
	gradient = zeros(sizeof(double) * c.n_weight);
	d_weight = zeros(sizeof(float) * c.n_weight);
	define(&c, result, gradient);
	whole = compute(&c, s.h);
	in_parts = compute(&c, part);
	okf(error(n, result, whole) < tolerance, "%s: %d x %d, %d to %d channels, %d x %d filters: result", isa,
		s.h, s.w, s.c, s.f, s.size, s.size);
	okf(memcmp(whole, in_parts, sizeof(float) * n) == 0, "%s: the same bits for %d lines at a time", isa,
		part);

	for (int i = 0; i < 2 && kernel->add_pairs; i++)
		kernel->add_pairs(&s, &(AdvPairs){1, c.x, s.c, c.d, s.f}, c.scratch, c.sum, NULL);
	for (size_t i = 0; i < c.n_weight; i++)
		gradient[i] *= 2;
	if (kernel->add_pairs)
	{
		kernel->add_sum(&s, c.sum, c.view, d_weight);
		okf(error(c.n_weight, gradient, d_weight) < tolerance,
			"%s: gradient of the weights, summed over two images", isa);
	}

	packed = zeros(kernel->packed_size(&s));
	for (int ch = 0; ch < s.c; ch += ADV_VECTOR)
		for (int f = 0; f < s.f; f += ADV_VECTOR)
			kernel->pack(&s, c.weight, c.view, ch, s.c - ch < ADV_VECTOR ? s.c - ch : ADV_VECTOR, f,
						 s.f - f < ADV_VECTOR ? s.f - f : ADV_VECTOR, packed);
	same = memcmp(packed, c.packed, kernel->packed_size(&s)) == 0;
	okf(same, "%s: weights packed in parts are the same", isa);

	free(packed);
	free(result);
	free(gradient);
	free(whole);
	free(in_parts);
	free(d_weight);
	release(&c);
}

/* As many images as the kernel takes at a time have the bits of each alone; their weights' gradient is the sum. */
static void
test_images(const AdvKernel *kernel, AdvConvShape s, const char *isa)
{
	AdvLines all = kernel->run(&s);
	size_t in = (size_t) (s.h * s.w * s.c), out = (size_t) (s.h * s.w * s.f);
	float *x = numbers((size_t) all.images * in, 11), *d = numbers((size_t) all.images * out, 12);
	size_t raw_size;
	float *raw, *together, *apart;
	void *lines;
	bool same = true;
	double *expected;
	Case c;

	make(&c, kernel, s);
	all.count = s.h;
	raw_size = adv_raw_size(&s, s.h);
	raw = garbage(sizeof(float) * (size_t) all.images * raw_size);
	lines = garbage(kernel->lines_scratch(&s, all));
	kernel->lines(&s, kernel->put(&s, x, c.image), c.packed, all, lines, raw);
	for (int i = 0; i < all.images; i++)
	{
		float *one;

		memcpy(c.x, x + (size_t) i * in, sizeof(float) * in);
		one = compute(&c, s.h);
		for (int y = 0; y < s.h; y++)
			for (int at = 0; at < s.w; at++)
				same = same && memcmp(one + (y * s.w + at) * s.f,
									  raw + (size_t) i * raw_size +
										  (size_t) (y * adv_conv_pitch(&s) + at) *
											  adv_round_up((size_t) s.f, ADV_VECTOR),
									  sizeof(float) * (size_t) s.f) == 0;
		free(one);
	}
	okf(same, "%s: %d images at a time have the bits of each alone", isa, all.images);

	together = zeros(sizeof(float) * c.n_weight);
	apart = zeros(sizeof(float) * c.n_weight);
	expected = zeros(sizeof(double) * c.n_weight);
	kernel->add_pairs(&s, &(AdvPairs){all.images, x, s.c, d, s.f}, c.scratch, c.sum, NULL);
	kernel->add_sum(&s, c.sum, c.view, together);
	for (int i = 0; i < all.images; i++)
	{
		memset(c.sum, 0, kernel->sum_size(&s));
		kernel->add_pairs(&s, &(AdvPairs){1, x + (size_t) i * in, s.c, d + (size_t) i * out, s.f}, c.scratch,
						  c.sum, NULL);
		kernel->add_sum(&s, c.sum, c.view, apart);
	}
	for (size_t i = 0; i < c.n_weight; i++)
		expected[i] = apart[i];
	okf(error(c.n_weight, expected, together) < 3e-6, "%s: and the sum of their gradients", isa);
	free(x);
	free(d);
	free(raw);
	free(lines);
	free(together);
	free(apart);
	free(expected);
	release(&c);
}

/* Columns of wider matrices, as dense layers have them. */
static void
test_steps(const AdvKernel *kernel, const char *isa, double tolerance)
{
	AdvConvShape s = {1, 37, 19, 21, 1};
	int step = 50, d_step = 33;
	float *src = numbers((size_t) (s.w * step), 4), *d = numbers((size_t) (s.w * d_step), 5);
	double *expected = zeros(sizeof(double) * (size_t) (s.c * s.f));
	float *gradient = zeros(sizeof(float) * (size_t) (s.c * s.f));
	void *scratch = garbage(kernel->scratch_size(&s)), *sum = zeros(kernel->sum_size(&s));

	for (int r = 0; r < s.w; r++)
		for (int ch = 0; ch < s.c; ch++)
			for (int f = 0; f < s.f; f++)
				expected[ch * s.f + f] += (double) src[r * step + ch] * d[r * d_step + f];
	kernel->add_pairs(&s, &(AdvPairs){1, src, step, d, d_step}, scratch, sum, NULL);
	kernel->add_sum(&s, sum, (AdvWeightView){.c = s.f, .f = 1}, gradient);
	okf(error((size_t) (s.c * s.f), expected, gradient) < tolerance,
		"%s: gradient from columns of wider matrices", isa);
	free(src);
	free(d);
	free(expected);
	free(gradient);
	free(scratch);
	free(sum);
}

/* What is not a number must not be lost on the way, nor what is too large for one. */
static void
test_not_finite(const AdvKernel *kernel, const char *isa, float value)
{
	Case c;
	float *result;
	bool reached = true;

	make(&c, kernel, (AdvConvShape){6, 7, 18, 5, 3});
	c.x[(3 * 7 + 2) * 18 + 4] = value;
	result = compute(&c, 6);
	for (int y = 2; y <= 4; y++)
		for (int x = 1; x <= 3; x++)
			for (int f = 0; f < 5; f++)
				reached = reached && !isfinite(result[(y * 7 + x) * 5 + f]);
	okf(reached, "%s: %f reaches the result", isa, value);
	free(result);
	release(&c);
}

/* Rows of k factors, all but every apart-th of them zero: each alone gives the bits that it gives in company. */
static void
test_factors(int k, int apart, const char *isa)
{
	enum
	{
		ROWS = 5,
		COLUMNS = 7,
		WIDTH = COLUMNS * ADV_VECTOR
	};
	float *a = zeros(sizeof(float) * (size_t) (ROWS * k)), *b = zeros(sizeof(float) * (size_t) (k * WIDTH));
	static float together[ROWS * WIDTH], alone[ROWS * WIDTH];
	AdvProduct p = {ROWS, COLUMNS, 1, k, true, a, (size_t) k, 0, 1, b, 0, WIDTH, together, WIDTH};

	for (int i = 0; i < ROWS * k; i++)
		a[i] = i % apart == 0 ? (float) sin(i + 1) : 0;
	for (int i = 0; i < k * WIDTH; i++)
		b[i] = (float) cos(i);
	for (int i = 0; i < ROWS * WIDTH; i++)
		together[i] = alone[i] = (float) i;
	adv_product(&p);
	p.m = 1;
	for (int r = 0; r < ROWS; r++)
	{
		p.a = a + (size_t) r * (size_t) k;
		p.c = alone + (size_t) r * WIDTH;
		adv_product(&p);
	}
	okf(memcmp(together, alone, sizeof(alone)) == 0 && together[3] != 3,
		"%s: a row of %d factors, one of %d not zero, has the same bits alone", isa, k, apart);
	free(a);
	free(b);
}

int
main(void)
{
	static const AdvConvShape shapes[] = {
		{32, 32, 3, 32, 3}, {16, 16, 32, 64, 3}, {16, 16, 64, 32, 3}, {8, 8, 40, 17, 3},  {7, 5, 5, 7, 5},
		{3, 2, 2, 1, 7},    {1, 1, 1, 1, 3},     {2, 3, 1, 40, 31},   {5, 33, 16, 48, 1}, {1, 32, 104, 64, 1},
		{1, 1, 700, 33, 1}, {1, 50, 33, 300, 1}, {4, 40, 15, 16, 3},
	};
	static const AdvConvShape winograd[] = {
		{16, 16, 32, 64, 3}, {16, 16, 64, 32, 3}, {8, 8, 40, 17, 3}, {7, 5, 16, 20, 3},   {1, 1, 1, 1, 3},
		{33, 9, 17, 33, 3},  {4, 4, 16, 16, 3},   {2, 3, 5, 7, 3},   {3, 70, 16, 100, 3},
	};
	static const AdvConvShape few[] = {
		{32, 32, 32, 3, 3}, {7, 9, 17, 1, 3}, {3, 2, 16, 4, 3}, {1, 1, 5, 2, 3},  {9, 11, 33, 3, 5},
		{6, 3, 4, 2, 7},    {9, 8, 20, 5, 3}, {4, 5, 16, 6, 5}, {2, 1, 17, 7, 3},
	};
	static const AdvConvShape panels[] = {
		{1, 32, 700, 48, 1}, {1, 37, 513, 100, 1}, {1, 1, 256, 17, 1}, {1, 250, 70, 130, 1}, {1, 5, 3, 1, 1},
	};
	AdvIsa widest = adv_cpu_widest();

	for (AdvIsa isa = ADV_ISA_GENERIC; isa <= ADV_ISA_AMX; isa++)
	{
		const AdvKernel *kernel = isa == ADV_ISA_AMX ? &adv_tile_kernel : &adv_vector_kernel;
		double tolerance = isa == ADV_ISA_AMX ? 1e-5 : 2e-6;
		const char *name = adv_cpu_name(isa);

		if (isa > widest || adv_cpu_use(isa) != isa)
		{
			skip(name, "this processor does not have it");
			continue;
		}
		for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			test_shape(kernel, shapes[i], name, tolerance);
		test_steps(kernel, name, tolerance);
		for (int apart = 1; apart <= 9; apart += 4)
		{
			test_factors(104, apart, name);
			test_factors(1025, apart, name);
		}
		test_not_finite(kernel, name, NAN);
		test_not_finite(kernel, name, INFINITY);
		test_not_finite(kernel, name, -INFINITY);
		for (size_t i = 0; i < sizeof(winograd) / sizeof(winograd[0]); i++)
		{
			test_shape(&adv_winograd_kernel, winograd[i], name, 3e-6);
			test_images(&adv_winograd_kernel, winograd[i], name);
		}
		test_not_finite(&adv_winograd_kernel, name, NAN);
		for (size_t i = 0; i < sizeof(panels) / sizeof(panels[0]); i++)
			test_shape(&adv_panel_kernel, panels[i], name, tolerance);
		test_steps(&adv_panel_kernel, name, tolerance);
		for (size_t i = 0; i < sizeof(few) / sizeof(few[0]); i++)
		{
			okf(adv_few_pays(&few[i]), "%s: these are few filters", name);
			test_shape(&adv_few_kernel, few[i], name, tolerance);
		}
	}
	done_testing();
	return 0;
}
