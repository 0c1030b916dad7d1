/*
 * batchnorm.c
 *		batchnorm: y = gamma (x - mean) / sqrt(variance + 1e-5) + beta, channel by channel (Ioffe and Szegedy 2015).
 *
 * In a pass that trains, mean and variance are those of a slice's rows: up to 32 examples, all their places. A slice is what one member of
 * a team computes, so nobody has to wait for the others in the middle of a pass, and what is in a slice depends on the task alone. Smaller
 * batches than a minibatch do no harm (Hoffer, Hubara and Soudry 2017, "ghost batch normalization"). Rows that lie behind and are of the same examples are
 * normalized by themselves, as if they were another batch.
 *
 * In every other pass they are the running mean and variance, which each minibatch moves by a tenth of the way to those of all its rows:
 * variance with n - 1, as PyTorch has it. Slices leave sums of x - m and (x - m)^2 for it, m the running mean, which all slices of a
 * minibatch see alike, so that sums are added in their order, as gradients are, and little is lost to rounding.
 *
 * Gradients: with z = (x - mean) / sqrt(variance + 1e-5) and sums over the n values of a batch,
 *		d_beta = sum d_y,	d_gamma = sum d_y z,	d_x = gamma / sqrt(variance + 1e-5) (d_y - d_beta / n - z d_gamma / n)
 * where the statistics are the running ones, d_x = gamma / sqrt(variance + 1e-5) d_y.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/dispatch.h"
#include "core/layer/layer.h"

#define EPSILON  1e-5
#define MOMENTUM 0.1 /* share of a minibatch in the running statistics */

/* What a channel is normalized by, and sums over its values; (c) each. */
typedef struct Channels
{
	float *mean;
	float *variance;
	float *inverse; /* 1 / sqrt(variance + epsilon) */
	float *line[2]; /* sums over a line */
	double *sum[2]; /* and over all */
	float *slope;   /* of what goes back: d_x = factor d_y - slope (x - mean) - offset */
	float *offset;
	float *factor; /* gamma * inverse */
} Channels;

/* Mean and variance of a batch are kept in the first row's memory for the way back. */
#define KEPT 2

static size_t
memory(const AdvLayer *l)
{
	return sizeof(float) * KEPT * (size_t) l->in.c;
}

static Channels
carve_channels(size_t c, void *scratch, size_t *size)
{
	AdvCarver carver = {scratch, 0};
	Channels x;

	x.mean = adv_carve_floats(&carver, c);
	x.variance = adv_carve_floats(&carver, c);
	x.inverse = adv_carve_floats(&carver, c);
	for (int i = 0; i < 2; i++)
	{
		x.line[i] = adv_carve_floats(&carver, c);
		x.sum[i] = adv_carve(&carver, c, sizeof(double));
	}
	x.slope = adv_carve_floats(&carver, c);
	x.offset = adv_carve_floats(&carver, c);
	x.factor = adv_carve_floats(&carver, c);
	*size = carver.used;
	return x;
}

static size_t
scratch_size(const AdvStep *s)
{
	size_t size;

	(void) carve_channels((size_t) s->layer->in.c, NULL, &size);
	return size;
}

/* ---- sums over a batch ---- */

/* Two sums over places (n, c): of x - mean and its square. */
ADV_LOOP void
sum_moments_loop(size_t n, size_t c, const float *x, const float *mean, float *restrict first,
				 float *restrict second)
{
	for (size_t p = 0; p < n; p++, x += c)
		for (size_t i = 0; i < c; i++)
		{
			float d = x[i] - mean[i];

			first[i] += d;
			second[i] += d * d;
		}
}
ADV_DISPATCH(static, sum_moments,
			 (size_t n, size_t c, const float *x, const float *mean, float *first, float *second),
			 (n, c, x, mean, first, second))

/* The same of d_y and d_y (x - mean). */
ADV_LOOP void
sum_gradients_loop(size_t n, size_t c, const float *x, const float *mean, const float *d_y,
				   float *restrict first, float *restrict second)
{
	for (size_t p = 0; p < n; p++, x += c, d_y += c)
		for (size_t i = 0; i < c; i++)
		{
			first[i] += d_y[i];
			second[i] += d_y[i] * (x[i] - mean[i]);
		}
}
ADV_DISPATCH(static, sum_gradients,
			 (size_t n, size_t c, const float *x, const float *mean, const float *d_y, float *first,
			  float *second),
			 (n, c, x, mean, d_y, first, second))

/* Both sums over places (n, c), line by line, so that single precision is enough for each. d_y NULL: of moments. */
static void
sum_places(Channels *ch, size_t n, size_t line, size_t c, const float *x, const float *d_y)
{
	memset(ch->sum[0], 0, sizeof(double) * c);
	memset(ch->sum[1], 0, sizeof(double) * c);
	for (size_t p = 0; p < n; p += line)
	{
		size_t places = n - p < line ? n - p : line;

		memset(ch->line[0], 0, sizeof(float) * c);
		memset(ch->line[1], 0, sizeof(float) * c);
		if (d_y)
			sum_gradients(places, c, x + p * c, ch->mean, d_y + p * c, ch->line[0], ch->line[1]);
		else
			sum_moments(places, c, x + p * c, ch->mean, ch->line[0], ch->line[1]);
		for (size_t i = 0; i < c; i++)
		{
			ch->sum[0][i] += ch->line[0][i];
			ch->sum[1][i] += ch->line[1][i];
		}
	}
}

#define LINE 64 /* places that are summed in single precision */

/*
 * Mean and variance of places (n, c): sums are taken twice, the second time around the mean that the first gave, and what rounding left there is
 * put right.
 */
static void
measure(Channels *ch, size_t n, size_t c, const float *x)
{
	memcpy(ch->mean, x, sizeof(float) * c);
	for (int round = 0; round < 2; round++)
	{
		sum_places(ch, n, LINE, c, x, NULL);
		for (size_t i = 0; i < c; i++)
		{
			double shift = ch->sum[0][i] / (double) n;
			double variance = ch->sum[1][i] / (double) n - shift * shift;

			ch->mean[i] = (float) (ch->mean[i] + shift);
			ch->variance[i] = variance > 0 || variance != variance ? (float) variance : 0;
		}
	}
}

static void
invert(Channels *ch, const AdvStep *s, size_t c)
{
	for (size_t i = 0; i < c; i++)
	{
		ch->inverse[i] = (float) (1 / sqrt((ch->variance[i] > 0 ? ch->variance[i] : 0) + EPSILON));
		ch->factor[i] = s->weight[i] * ch->inverse[i];
	}
}

/* ---- both ways ---- */

ADV_LOOP void
normalize_loop(size_t n, size_t c, const float *x, const float *mean, const float *factor, const float *beta,
			   float *restrict y)
{
	for (size_t p = 0; p < n; p++, x += c, y += c)
		for (size_t i = 0; i < c; i++)
			y[i] = (x[i] - mean[i]) * factor[i] + beta[i];
}
ADV_DISPATCH(static, normalize,
			 (size_t n, size_t c, const float *x, const float *mean, const float *factor, const float *beta,
			  float *y),
			 (n, c, x, mean, factor, beta, y))

ADV_LOOP void
give_back_loop(size_t n, size_t c, const float *x, const Channels *ch, const float *d_y, float *restrict d_x)
{
	const float *mean = ch->mean, *factor = ch->factor, *slope = ch->slope, *offset = ch->offset;

	for (size_t p = 0; p < n; p++, x += c, d_y += c, d_x += c)
		for (size_t i = 0; i < c; i++)
			d_x[i] = factor[i] * d_y[i] - slope[i] * (x[i] - mean[i]) - offset[i];
}
ADV_DISPATCH(static, give_back,
			 (size_t n, size_t c, const float *x, const Channels *ch, const float *d_y, float *d_x),
			 (n, c, x, ch, d_y, d_x))

static size_t
places_of(const AdvLayer *l)
{
	return (size_t) l->in.h * (size_t) l->in.w;
}

/* Rows that are normalized together. */
static int
batch_rows(const AdvStep *s, int rows)
{
	return s->noise->key && s->noise->rows < rows ? s->noise->rows : rows;
}

/* Statistics of a batch that trains are kept in the memory of its first row, r; those of others are the running ones. */
static void
keep(const AdvStep *s, const Channels *ch, int r, size_t c)
{
	float *kept = (float *) (void *) (s->memory + (size_t) r * memory(s->layer));

	memcpy(kept, ch->mean, sizeof(float) * c);
	memcpy(kept + c, ch->variance, sizeof(float) * c);
}

static void
recall(const AdvStep *s, Channels *ch, int r, size_t c)
{
	const float *from = s->noise->key
							? (const float *) (const void *) (s->memory + (size_t) r * memory(s->layer))
							: s->statistic;

	memcpy(ch->mean, from, sizeof(float) * c);
	memcpy(ch->variance, from + c, sizeof(float) * c);
	invert(ch, s, c);
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t c = (size_t) s->layer->in.c, size;
	Channels ch = carve_channels(c, s->scratch, &size);

	for (int r = 0, step = batch_rows(s, rows); r < rows; r += step)
	{
		size_t n = (size_t) (rows - r < step ? rows - r : step) * places_of(s->layer);
		size_t at = (size_t) r * places_of(s->layer) * c;

		if (adv_step_stops(s))
			return ADV_ABORTED;
		if (s->noise->key)
		{
			measure(&ch, n, c, src + at);
			keep(s, &ch, r, c);
		}
		recall(s, &ch, r, c);
		normalize(n, c, src + at, ch.mean, ch.factor, s->bias, dst + at);
	}
	return ADV_OK;
}

/* What a batch of n values leaves for the running statistics. */
static void
leave_sums(const AdvStep *s, const Channels *ch, size_t n, size_t c, float *sums)
{
	for (size_t i = 0; i < c; i++)
	{
		double shift = (double) ch->mean[i] - s->statistic[i];

		sums[i] += (float) ((double) n * shift);
		sums[c + i] += (float) ((double) n * (ch->variance[i] + shift * shift));
	}
}

/* ch->sum: of d_y and d_y (x - mean). */
static void
gradients(const AdvStep *s, Channels *ch, size_t n, size_t c, const AdvBack *b)
{
	bool trains = s->noise->key != NULL;

	for (size_t i = 0; i < c; i++)
	{
		double d_gamma = ch->sum[1][i] * ch->inverse[i];

		ch->slope[i] = trains ? (float) (ch->factor[i] * (double) ch->inverse[i] * d_gamma / (double) n) : 0;
		ch->offset[i] = trains ? (float) (ch->factor[i] * ch->sum[0][i] / (double) n) : 0;
		if (b->d_weight)
			b->d_weight[i] += (float) d_gamma;
		if (b->d_bias)
			b->d_bias[i] += (float) ch->sum[0][i];
	}
	if (trains && b->sums)
		leave_sums(s, ch, n, c, b->sums);
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	size_t c = (size_t) s->layer->in.c, size;
	Channels ch = carve_channels(c, s->scratch, &size);

	for (int r = 0, step = batch_rows(s, b->rows); r < b->rows; r += step)
	{
		size_t n = (size_t) (b->rows - r < step ? b->rows - r : step) * places_of(s->layer);
		size_t at = (size_t) r * places_of(s->layer) * c;

		if (adv_step_stops(s))
			return ADV_ABORTED;
		recall(s, &ch, r, c);
		memset(ch.sum[0], 0, sizeof(double) * c);
		memset(ch.sum[1], 0, sizeof(double) * c);
		if (s->noise->key || b->d_weight)
			sum_places(&ch, n, LINE, c, b->src + at, b->d_dst + at);
		gradients(s, &ch, n, c, b);
		if (b->d_src)
			give_back(n, c, b->src + at, &ch, b->d_dst + at, b->d_src + at);
	}
	return ADV_OK;
}

/* ---- running statistics ---- */

static void
absorb(const AdvLayer *l, AdvPart part, size_t rows, const float *sums, float *statistic)
{
	double n = (double) rows * (double) places_of(l);

	for (int i = 0; i < part.outputs; i++)
	{
		float *mean = statistic + part.output + i, *variance = mean + l->out.c;
		double shift = sums[i] / n;
		double spread = sums[part.outputs + i] / n - shift * shift;

		*mean = (float) (*mean + MOMENTUM * shift);
		if (n > 1) /* a single value has no variance */
			*variance = (float) ((1 - MOMENTUM) * *variance + MOMENTUM * fmax(spread, 0) * n / (n - 1));
	}
}

static void
affine(const AdvLayer *l, const float *params, int channel, double *factor, double *shift)
{
	const float *mean = params + l->statistic + channel, *variance = mean + l->out.c;

	*factor = params[l->weight + (size_t) channel] / sqrt((*variance > 0 ? *variance : 0) + EPSILON);
	*shift = params[l->bias + (size_t) channel] - *factor * *mean;
}

/* ---- as a layer ---- */

static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	uint64_t c = (uint64_t) b->shape.c;

	return b->add(b, word, b->shape, (AdvCount){c, c, 2 * c});
}

static int
weight_sizes(const AdvLayer *l, int *sizes)
{
	sizes[0] = l->out.c;
	return 1;
}

static const float initial_statistic[] = {0, 1};
static const char *const statistic_names[] = {"running_mean", "running_var", NULL};

const AdvLayerType adv_batchnorm_layer = {
	.word = "batchnorm",
	.form_words = "batchnorm without a number",
	.listed = "batchnorm",
	.needs_input = true,
	.pieces = ADV_PIECES_CHANNELS,
	.initial_weight = 1,
	.initial_bias = 0,
	.initial_statistic = initial_statistic,
	.weight_name = "weight",
	.bias_name = "bias",
	.statistic_names = statistic_names,
	.build = build,
	.weight_sizes = weight_sizes,
	.memory = memory,
	.scratch = scratch_size,
	.forward = forward,
	.backward = backward,
	.absorb = absorb,
	.affine = affine,
};
