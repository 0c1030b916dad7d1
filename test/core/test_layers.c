/*
 * test_layers.c
 *		What gradients do not show: precision of tanh, ties and NaN in pooling, extreme logits, stored rows.
 */
#include <float.h>
#include <stdlib.h>

#include "core/network/dataset.h"
#include "core/layer/activation.h"
#include "core/layer/pool.h"
#include "core/network/loss.h"
#include "tap.h"

/* Distance of a result from the exact value, in units in the last place of the exact value. */
static double
ulps(float found, double exact)
{
	int exponent;

	frexp(exact, &exponent);
	return fabs(found - exact) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static void
test_tanh(void)
{
	enum
	{
		n = 200001
	};
	float *x = malloc(sizeof(float) * n), *y = malloc(sizeof(float) * n), *z = malloc(sizeof(float) * n);
	double worst = 0;
	bool odd = true;
	float special[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 100, FLT_MIN / 8, 9.02f, 1e30f};

	for (int i = 0; i < n; i++)
		x[i] = i % 2 ? (float) i * (12.0f / n) : ldexpf(1 + (float) i / n, -i % 130);
	adv_tanh_forward(n, x, y);
	for (int i = 0; i < n; i++)
	{
		worst = fmax(worst, ulps(y[i], tanh((double) x[i])));
		x[i] = -x[i];
	}
	adv_tanh_forward(n, x, z);
	for (int i = 0; i < n; i++)
		odd = odd && z[i] == -y[i];
	okf(worst < 3, "tanh is exact to %.2f units in the last place", worst);
	ok(odd, "tanh is odd");
	adv_tanh_forward(n, x, x);
	ok(memcmp(x, z, sizeof(float) * n) == 0, "tanh works in place");

	adv_tanh_forward(9, special, y);
	ok(y[0] == 0 && !signbit(y[0]) && y[1] == 0 && signbit(y[1]), "tanh keeps signed zeros");
	ok(y[2] == 1 && y[3] == -1 && y[5] == 1 && y[7] == 1 && y[8] == 1, "tanh saturates");
	ok(isnan(y[4]), "tanh keeps NaN");
	ok(y[6] == FLT_MIN / 8, "tanh keeps denormal numbers");
	free(x);
	free(y);
	free(z);
}

/* A step of one layer of the kind of a word, with room for what it keeps beside activations. */
static AdvStep
step_of(const char *word, const AdvLayer *l)
{
	static _Alignas(64) char scratch[1024];
	AdvStep s = {.layer = l, .scratch = scratch};

	for (int i = 0; adv_layer_types[i]; i++)
		if (strcmp(adv_layer_types[i]->word, word) == 0)
			s.type = adv_layer_types[i];
	if (!s.type)
		bail_out(word);
	return s;
}

/* A kind of element-wise layer on n values. */
static void
pass_forward(const char *word, size_t n, const float *x, float *y)
{
	AdvLayer l = {.in = {(int32_t) n, 1, 1}};
	AdvStep s = step_of(word, &l);

	s.type->forward(&s, 1, x, y);
}

static void
test_sigmoid(void)
{
	enum
	{
		n = 100001
	};
	float *x = malloc(sizeof(float) * n), *y = malloc(sizeof(float) * n);
	double worst = 0;
	float special[] = {0, INFINITY, -INFINITY, NAN, 100, -100};

	for (int i = 0; i < n; i++)
		x[i] = (float) i * (170.0f / n) - 85;
	pass_forward("sigmoid", n, x, y);
	for (int i = 0; i < n; i++)
		worst = fmax(worst, ulps(y[i], 1 / (1 + exp(-(double) x[i]))));
	okf(worst < 4, "sigmoid is exact to %.2f units in the last place", worst);
	pass_forward("sigmoid", 6, special, y);
	ok(y[0] == 0.5f && y[1] == 1 && y[2] >= 0 && y[2] < 1e-37 && isnan(y[3]) && y[4] == 1 && y[5] > 0 &&
		   y[5] < 1e-37,
	   "and saturates");
	free(x);
	free(y);
}

static void
test_gelu(void)
{
	enum
	{
		n = 100001
	};
	float *x = malloc(sizeof(float) * n), *y = malloc(sizeof(float) * n);
	double worst = 0;
	float special[] = {0, INFINITY, -INFINITY, NAN, 30, -30};

	for (int i = 0; i < n; i++)
		x[i] = (float) i * (24.0f / n) - 12;
	pass_forward("gelu", n, x, y);
	for (int i = 0; i < n; i++)
		worst = fmax(worst, fabs(y[i] - x[i] * 0.5 * erfc(-(double) x[i] / sqrt(2))) / fmax(1, fabs(x[i])));
	okf(worst < 2e-7, "gelu is exact to %.2g", worst);
	pass_forward("gelu", 6, special, y);
	ok(y[0] == 0 && y[1] == INFINITY && y[2] == 0 && isnan(y[3]) && y[4] == 30 && fabsf(y[5]) < 1e-30f,
	   "and goes on as it should");
	free(x);
	free(y);
}

static void
test_relu(void)
{
	float x[] = {-1, 0, 2, NAN, -INFINITY, INFINITY}, d[] = {1, 2, 3, 4, 5, 6};

	adv_relu_forward(6, x, x);
	ok(x[0] == 0 && x[1] == 0 && x[2] == 2 && isnan(x[3]) && x[4] == 0 && isinf(x[5]), "relu keeps NaN");
	adv_relu_backward(6, x, d, d);
	ok(d[0] == 0 && d[1] == 0 && d[2] == 3 && d[5] == 6, "the derivative of relu is 0 at 0");
}

static void
test_maxpool(void)
{
	AdvLayer l = {.size = 2, .stride = 2, .in = {2, 3, 2}, .out = {2, 1, 1}};
	float src[] = {1, 5, 3, 5, 3, 2, 0, 5, 9, 9, 9, 9}, dst[2], d_dst[] = {7, 8}, d_src[12];
	uint8_t argmax[2];
	bool same = true;

	adv_maxpool_forward(&l, 1, src, dst, argmax);
	ok(dst[0] == 3 && dst[1] == 5 && argmax[0] == 1 && argmax[1] == 0, "the first maximum wins");
	adv_maxpool_backward(&l, 1, argmax, d_dst, d_src);
	for (int i = 0; i < 12; i++)
		same = same && d_src[i] == (i == 2 ? 7 : i == 1 ? 8 : 0);
	ok(same, "its place gets the gradient, dropped lines get none");
	src[0] = src[7] = NAN;
	adv_maxpool_forward(&l, 1, src, dst, NULL);
	ok(isnan(dst[0]) && isnan(dst[1]), "NaN is not lost");
}

/* Windows that overlap, and those with places between them. */
static void
test_maxpool_stride(void)
{
	AdvLayer l = {.size = 3, .stride = 2, .in = {1, 3, 5}, .out = {1, 1, 2}};
	AdvLayer sparse = {.size = 1, .stride = 2, .in = {1, 3, 5}, .out = {1, 2, 3}};
	float x[] = {1, 2, 3, 4, 5, 6, 7, 99, 8, 9, 10, 11, 12, 13, 14}, d_y[] = {3, 5, 7, 11, 13, 17};
	float y[6], d_x[15];
	uint8_t which[6];

	memset(d_x, 0xff, sizeof(d_x));
	adv_maxpool_forward(&l, 1, x, y, which);
	adv_maxpool_backward(&l, 1, which, d_y, d_x);
	ok(y[0] == 99 && y[1] == 99 && d_x[7] == 8 && d_x[6] == 0 && d_x[14] == 0,
	   "the maximum of two windows has the gradients of both");
	memset(d_x, 0xff, sizeof(d_x));
	adv_maxpool_forward(&sparse, 1, x, y, which);
	adv_maxpool_backward(&sparse, 1, which, d_y, d_x);
	ok(y[0] == 1 && y[1] == 3 && y[2] == 5 && y[3] == 10 && y[5] == 14 && d_x[2] == 5 && d_x[12] == 13 &&
		   d_x[1] == 0 && d_x[7] == 0,
	   "what lies in no window has none");
}

/* Two batches of two rows each, three channels of 2 x 2 values, against the formulas in double precision. */
static void
test_batchnorm(void)
{
	enum
	{
		c = 3,
		places = 8,
		n = 2 * places * c
	};
	AdvLayer l = {.in = {c, 2, 2}, .out = {c, 2, 2}, .n_weight = c, .n_bias = c, .n_statistic = 2 * c};
	AdvStep s = step_of("batchnorm", &l);
	AdvNoise noise = {(uint64_t[]){1, 2}, 2, 0, 0};
	AdvStop stop = {NULL, NULL};
	_Alignas(64) float kept[4][2 * c];
	float gamma[] = {2, -1, 0.5f}, beta[] = {0.25f, 3, -1}, running[] = {1, 2, 3, 4, 5, 6};
	float x[n], y[n], sums[2 * c] = {0}, moved[2 * c];
	double worst = 0, worst_running = 0, worst_fixed = 0;

	s.weight = gamma;
	s.bias = beta;
	s.statistic = running;
	s.noise = &noise;
	s.stop = &stop;
	s.memory = (uint8_t *) kept;
	for (int i = 0; i < n; i++)
		x[i] = (float) (1000 * (i % c) + 3 * sin(i * i) + (i >= n / 2 ? 10 : 0));
	s.type->forward(&s, 4, x, y);
	s.type->backward(&s, &(AdvBack){.rows = 4, .src = x, .dst = y, .d_dst = y, .sums = sums});
	memcpy(moved, running, sizeof(moved));
	s.type->absorb(&l, (AdvPart){0, c, 0, 1}, 4, sums, moved);
	for (int i = 0; i < c; i++)
	{
		double mean[3] = {0}, variance[3] = {0}; /* of each batch, and of all */

		for (int k = i; k < n; k += c)
		{
			mean[k >= n / 2] += x[k] / places;
			mean[2] += x[k] / (2 * places);
		}
		for (int k = i; k < n; k += c)
		{
			variance[k >= n / 2] += pow(x[k] - mean[k >= n / 2], 2) / places;
			variance[2] += pow(x[k] - mean[2], 2) / (2 * places - 1);
		}
		for (int k = i; k < n; k += c)
			worst =
				fmax(worst, fabs(gamma[i] * (x[k] - mean[k >= n / 2]) / sqrt(variance[k >= n / 2] + 1e-5) +
								 beta[i] - y[k]));
		worst_running = fmax(worst_running, fabs(0.9 * running[i] + 0.1 * mean[2] - moved[i]) / 100);
		worst_running = fmax(worst_running, fabs(0.9 * running[c + i] + 0.1 * variance[2] - moved[c + i]));
	}
	okf(worst < 1e-4, "batchnorm normalizes each batch, to %.2g", worst);
	okf(worst_running < 0.05, "and moves the running statistics by a tenth, to %.2g", worst_running);

	noise.key = NULL;
	s.type->forward(&s, 4, x, y);
	for (int k = 0; k < n; k++)
		worst_fixed =
			fmax(worst_fixed, fabs(gamma[k % c] * (x[k] - running[k % c]) / sqrt(running[c + k % c] + 1e-5) +
								   beta[k % c] - y[k]));
	okf(worst_fixed < 1e-3, "a pass that does not train goes by them, to %.2g", worst_fixed);
}

/* The largest difference of n numbers. */
static double
farthest(int n, const float *a, const float *b)
{
	double far = 0;

	for (int i = 0; i < n; i++)
		far = fmax(far, fabs((double) a[i] - b[i]));
	return far;
}

/* Relu and a maxpool computed along with batchnorm, against the same layers one by one: two batches of an image of 4 x 6, three channels. */
static void
test_batchnorm_along(int window)
{
	enum
	{
		c = 3,
		n = 2 * 4 * 6 * c
	};
	AdvLayer l = {.in = {c, 4, 6}, .out = {c, 4, 6}, .n_weight = c, .n_bias = c, .n_statistic = 2 * c};
	AdvLayer pool = {.size = window, .stride = window, .in = {c, 4, 6}, .out = {c, 4 / window, 6 / window}};
	AdvStep alone = step_of("batchnorm", &l), along = alone;
	AdvNoise noise = {(uint64_t[]){1}, 1, 0, 0};
	AdvStop stop = {NULL, NULL};
	_Alignas(64) uint8_t memory[2 * 2 * c * sizeof(float) + n];
	uint8_t which[n];
	float gamma[] = {2, -1, 0.5f}, beta[] = {0.25f, 0, -0.1f}, running[] = {0, 0, 0, 1, 1, 1};
	float x[n], y[n], pooled[n], y_along[n], d[n], d_pooled[n], d_y[n], d_x[n], d_x_along[n];
	float d_w[2][c] = {{0}}, d_b[2][c] = {{0}};
	size_t out = 2 * adv_shape_size(pool.out);
	double worst;

	alone.weight = gamma;
	alone.bias = beta;
	alone.statistic = running;
	alone.noise = &noise;
	alone.stop = &stop;
	alone.memory = memory;
	alone.max_rows = 2;
	along = alone;
	along.block = (AdvConvBlock){.pool = window, .stride = window, .relu = true, .out = pool.out};
	for (int i = 0; i < n; i++)
	{
		x[i] = (float) (20 * (i % c) + 3 * sin(i * i));
		d[i] = (float) cos(3 * i);
	}
	alone.type->forward(&alone, 2, x, y);
	adv_relu_forward(n, y, y);
	adv_maxpool_forward(&pool, 2, y, pooled, which);
	adv_maxpool_backward(&pool, 2, which, d, d_pooled);
	adv_relu_backward(n, y, d_pooled, d_y);
	alone.type->backward(&alone, &(AdvBack){2, x, y, d_y, d_x, d_w[0], d_b[0], NULL});
	along.type->forward(&along, 2, x, y_along);
	along.type->backward(&along, &(AdvBack){2, x, y_along, d, d_x_along, d_w[1], d_b[1], NULL});
	worst = fmax(farthest(n, d_x, d_x_along), fmax(farthest(c, d_w[0], d_w[1]), farthest(c, d_b[0], d_b[1])));
	okf(memcmp(pooled, y_along, sizeof(float) * out) == 0,
		"batchnorm takes relu and maxpool %d along, to the same bits", window);
	okf(worst < 1e-5 && d_x[0] != 0, "and back, to %.2g", worst);
}

static void
test_avgpool(void)
{
	AdvLayer l = {.size = 2, .in = {2, 3, 4}, .out = {2, 1, 2}};
	AdvStep s = step_of("avgpool", &l);
	float src[2 * 24], dst[8], d_src[24];
	bool same = true;

	for (int i = 0; i < 48; i++)
		src[i] = (float) (i % 24 + i / 24 * 100);
	s.type->forward(&s, 2, src, dst);
	ok(memcmp(dst, (float[]){5, 6, 9, 10, 105, 106, 109, 110}, sizeof(dst)) == 0,
	   "avgpool forms means of windows");
	s.type->backward(&s, &(AdvBack){1, src, dst, (float[]){4, 8, 12, 16}, d_src});
	for (int i = 0; i < 24; i++)
		same = same && d_src[i] == (i >= 16 ? 0 : (float) (i % 8 / 4 * 2 + i % 2 + 1));
	ok(same, "each place gets its part of the gradient, dropped lines get none");
	src[11] = NAN;
	s.type->forward(&s, 1, src, dst);
	ok(dst[0] == 5 && isnan(dst[1]) && dst[2] == 9, "NaN stays in its window and channel");
}

static void
test_globalpool(void)
{
	enum
	{
		side = 301
	};
	AdvLayer l = {.in = {2, side, side}, .out = {2, 1, 1}};
	AdvStep s = step_of("globalpool", &l);
	float *src = malloc(sizeof(float) * 2 * side * side), dst[2];
	double sum[2] = {0}, worst = 0;

	for (int i = 0; i < 2 * side * side; i++)
		sum[i % 2] += src[i] = 1 + (float) (i * 37 % 101) / 3;
	s.type->forward(&s, 1, src, dst);
	for (int i = 0; i < 2; i++)
		worst = fmax(worst, fabs(dst[i] - sum[i] / (side * side)) / dst[i]);
	okf(worst < 2e-6, "globalpool forms means of large images, within %.1e", worst);
	s.type->backward(&s, &(AdvBack){1, src, dst, (float[]){side * side, -side * side}, src});
	ok(src[0] == 1 && src[1] == -1 && src[2 * side * side - 2] == 1 && src[2 * side * side - 1] == -1,
	   "each place gets its part of the gradient");
	free(src);
}

/* Rows of ones through dropout, in a pass that trains with noise. */
static size_t
dropped(const AdvLayer *l, int number, AdvNoise noise, int rows, float *dst, uint8_t *memory)
{
	AdvStep s = step_of("dropout", l);
	size_t n = (size_t) rows * adv_shape_size(l->in), zero = 0;

	for (size_t i = 0; i < n; i++)
		dst[i] = 1;
	s.first = number;
	s.noise = &noise;
	s.stop = &(AdvStop){NULL};
	s.memory = memory;
	s.type->forward(&s, rows, dst, dst);
	for (size_t i = 0; i < n; i++)
		zero += dst[i] == 0;
	return zero;
}

static void
test_dropout(void)
{
	enum
	{
		n = 9999
	};
	static float x[4 * n], y[4 * n], d[n];
	static uint8_t memory[4 * n], other[4 * n];
	AdvLayer l = {.factor = 0.3f, .in = {n, 1, 1}, .out = {n, 1, 1}};
	const uint64_t key[] = {7, 8};
	AdvNoise noise = {key, 2, 1, 5};
	AdvStep s = step_of("dropout", &l);
	size_t zero = dropped(&l, 2, noise, 4, x, memory);
	bool same = true;

	okf(fabs((double) zero / (4 * n) - 0.3) < 0.01, "dropout drops %zu of %d values at 0.3", zero, 4 * n);
	for (int i = 0; i < 4 * n; i++)
		same = same && (x[i] == 0 || fabsf(x[i] - 1 / 0.7f) < 1e-6f);
	ok(same, "and scales the others");
	ok(memcmp(x, x + n, sizeof(d)) != 0, "rows have values of their own dropped");
	ok(memcmp(x, x + 2 * n, 2 * sizeof(d)) == 0, "but not those that lie behind");
	(void) dropped(&l, 2, (AdvNoise){key + 1, 1, 1, 5}, 1, y, other);
	ok(memcmp(x + n, y, sizeof(d)) == 0, "they are the example's, wherever its row is");
	for (int change = 0; change < 3; change++)
	{
		(void) dropped(&l, 2 + (change == 0), (AdvNoise){key, 2, 1 + (change == 1), 5 + (change == 2)}, 2, y,
					   other);
		okf(memcmp(x, y, 2 * sizeof(d)) != 0, "another %s drops others",
			(const char *[]){"layer", "seed", "epoch"}[change]);
	}

	s.noise = &noise;
	s.memory = memory;
	for (int i = 0; i < n; i++)
		d[i] = 1;
	s.type->backward(&s, &(AdvBack){1, NULL, NULL, d, y});
	ok(memcmp(x, y, sizeof(d)) == 0, "gradients are scaled like values");
	s.noise = &(AdvNoise){NULL};
	s.type->forward(&s, 1, d, y);
	same = memcmp(d, y, sizeof(d)) == 0;
	s.type->backward(&s, &(AdvBack){1, NULL, NULL, d, y});
	ok(same && memcmp(d, y, sizeof(d)) == 0, "a pass that does not train changes nothing");
	l.factor = 0;
	ok(dropped(&l, 2, noise, 2, y, memory) == 0 && y[0] == 1, "nor does dropout 0");
	l.factor = 0x1.fffffep-1f;
	ok(dropped(&l, 2, noise, 2, y, memory) == 2 * n,
	   "almost all are dropped with the largest probability below 1");
	s.noise = &noise;
	d[0] = NAN;
	s.type->backward(&s, &(AdvBack){1, NULL, NULL, d, y});
	ok(isnan(y[0]), "NaN is not dropped");
}

static void
test_loss(void)
{
	float z[] = {1e30f, -1e30f, 0, 1000, 1000, -1000}, p[6], d[6], rows[2];
	int32_t label[] = {0, 2};
	int64_t correct = 0;
	double loss = adv_cross_entropy(2, 3, z, label, 0.5f, rows, d, &correct);

	ok(rows[0] == 0 && fabs(rows[1] - 2000 - log(2)) < 1e-3 && fabs(loss - rows[1]) < 1e-3,
	   "extreme logits are no problem");
	ok(d[0] == 0 && d[1] == 0 && d[3] == 0.25f && d[4] == 0.25f && d[5] == -0.5f, "nor are their gradients");
	ok(correct == 1, "correct rows are counted");
	adv_softmax(2, 3, z, p);
	ok(p[0] == 1 && p[1] == 0 && p[3] == 0.5f && p[4] == 0.5f && p[5] == 0, "nor probabilities");
	adv_softmax(2, 3, z, z);
	ok(memcmp(p, z, sizeof(p)) == 0, "softmax works in place");
	ok(adv_argmax(4, (float[]){1, 3, 3, 2}) == 1, "the first largest counts");
	z[1] = NAN;
	ok(!isfinite(adv_cross_entropy(2, 3, z, label, 1, NULL, NULL, &correct)), "NaN reaches the loss");
	for (int i = 0; i < 3; i++)
	{
		float odd[] = {1, (float[]){NAN, INFINITY, -INFINITY}[i], 0};

		adv_softmax(1, 3, odd, p);
		ok(isnan(p[0]) && isnan(p[1]) && isnan(p[2]), "logits that are not finite have no probabilities");
	}
	correct = 0;
	(void) adv_cross_entropy(1, 2, (float[]){NAN, 1}, (int32_t[]){0}, 1, NULL, NULL, &correct);
	(void) adv_cross_entropy(1, 2, (float[]){INFINITY, 1}, (int32_t[]){0}, 1, NULL, NULL, &correct);
	ok(correct == 0, "nor are they right");
}

static void
test_rows(void)
{
	AdvField fields[] = {{ADV_FIELD_FLOAT, 2}, {ADV_FIELD_ONEHOT, 3}, {ADV_FIELD_ONEHOT, 2}};
	AdvField image = {ADV_FIELD_IMAGE, 6};
	AdvLayout rows = {fields, 3, {7, 1, 1}, 16}, images = {&image, 1, {3, 1, 2}, 8};
	unsigned char stored[16], bytes[8] = {0, 51, 102, 153, 204, 255};
	float values[] = {1.5f, -2}, x[7];
	int32_t codes[] = {2, -1};

	ok(adv_layout_row_bytes(fields, 3) == 16 && adv_layout_row_bytes(&image, 1) == 8,
	   "rows are multiples of 4 bytes");
	memcpy(stored, values, 8);
	memcpy(stored + 8, codes, 8);
	adv_layout_expand(&rows, stored, x);
	ok(memcmp(x, (float[]){1.5f, -2, 0, 0, 1, 0, 0}, sizeof(x)) == 0, "floats and codes are expanded");
	adv_layout_expand(&images, bytes, x);
	ok(memcmp(x, (float[]){0, 102 / 255.0f, 204 / 255.0f, 51 / 255.0f, 153 / 255.0f, 1}, 24) == 0,
	   "images too, channels last");
}

int
main(void)
{
	test_tanh();
	test_relu();
	test_sigmoid();
	test_gelu();
	test_maxpool();
	test_maxpool_stride();
	test_batchnorm();
	test_batchnorm_along(1);
	test_batchnorm_along(2);
	test_avgpool();
	test_dropout();
	test_globalpool();
	test_loss();
	test_rows();
	done_testing();
	return 0;
}
