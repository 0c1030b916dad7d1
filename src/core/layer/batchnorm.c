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
 *
 * Relus and a maxpool that follow are computed along with it: some places at a time, which stay in the cache between one and the next.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/kernel/dispatch.h"
#include "core/layer/activation.h"
#include "core/layer/linear.h"
#include "core/layer/pool.h"

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
	const float *beta;
	float *band;   /* (places, c) of a band: what is pooled, or the gradient by it */
	float *masked; /* the gradient by what a band is pooled to, behind relu */
} Channels;

#define LINE 64 /* places that are summed in single precision */

static bool
pools(const AdvStep *s)
{
	return s->block.pool > 1;
}

/* Places that are pooled at a time: lines as high as a window. */
static size_t
band_places(const AdvStep *s)
{
	return (size_t) s->block.pool * (size_t) s->layer->in.w;
}

/* Places of which one of the result is made. */
static size_t
window_places(const AdvStep *s)
{
	return pools(s) ? (size_t) s->block.pool * (size_t) s->block.pool : 1;
}

/* The maxpool of a band. */
static AdvLayer
band_pool(const AdvStep *s)
{
	int c = s->layer->in.c, w = s->layer->in.w, pool = s->block.pool;

	return (AdvLayer){
		.size = pool, .stride = pool, .in = {c, pool, w}, .out = {c, 1, pools(s) ? w / pool : w}};
}

/* Mean and variance of a batch are kept in the first row's memory for the way back. */
#define KEPT 2

static size_t
memory(const AdvLayer *l)
{
	return sizeof(float) * KEPT * (size_t) l->in.c;
}

static Channels
carve_channels(const AdvStep *s, void *scratch, size_t *size)
{
	size_t c = (size_t) s->layer->in.c;
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
	x.beta = s->bias;
	x.band = adv_carve_floats(&carver, pools(s) ? band_places(s) * c : 0);
	x.masked = adv_carve_floats(&carver, pools(s) ? band_places(s) / window_places(s) * c : 0);
	*size = carver.used;
	return x;
}

static size_t
scratch_size(const AdvStep *s)
{
	size_t size;

	(void) carve_channels(s, NULL, &size);
	return size;
}

/* ---- sums over a batch ---- */

/*
 * Two sums over places (n, c): of x - mean and its square. Four places at a time, so that sums are not read and written for
 * each.
 */
ADV_LOOP void
sum_moments_loop(size_t n, size_t c, const float *x, const float *mean, float *restrict first,
				 float *restrict second)
{
	size_t p = 0;

	for (; p + 4 <= n; p += 4, x += 4 * c)
		for (size_t i = 0; i < c; i++)
		{
			float d0 = x[i] - mean[i], d1 = x[c + i] - mean[i];
			float d2 = x[2 * c + i] - mean[i], d3 = x[3 * c + i] - mean[i];

			first[i] += (d0 + d1) + (d2 + d3);
			second[i] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
		}
	for (; p < n; p++, x += c)
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

/* The gradient by a result before relu, which is as it was on the way forward. relu, a constant, may be none. */
ADV_LOOP float
before_relu(bool relu, float x, float mean, float factor, float beta, float d_y)
{
	return relu && !((x - mean) * factor + beta > 0) ? 0 : d_y;
}

/* The same of d_y and d_y (x - mean). */
ADV_LOOP void
sum_gradients_of(bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
				 float *restrict first, float *restrict second)
{
	const float *mean = ch->mean, *factor = ch->factor, *beta = ch->beta;
	size_t p = 0;

	for (; p + 4 <= n; p += 4, x += 4 * c, d_y += 4 * c)
		for (size_t i = 0; i < c; i++)
		{
			float d0 = before_relu(relu, x[i], mean[i], factor[i], beta[i], d_y[i]);
			float d1 = before_relu(relu, x[c + i], mean[i], factor[i], beta[i], d_y[c + i]);
			float d2 = before_relu(relu, x[2 * c + i], mean[i], factor[i], beta[i], d_y[2 * c + i]);
			float d3 = before_relu(relu, x[3 * c + i], mean[i], factor[i], beta[i], d_y[3 * c + i]);

			first[i] += (d0 + d1) + (d2 + d3);
			second[i] += (d0 * (x[i] - mean[i]) + d1 * (x[c + i] - mean[i])) +
						 (d2 * (x[2 * c + i] - mean[i]) + d3 * (x[3 * c + i] - mean[i]));
		}
	for (; p < n; p++, x += c, d_y += c)
		for (size_t i = 0; i < c; i++)
		{
			float d = before_relu(relu, x[i], mean[i], factor[i], beta[i], d_y[i]);

			first[i] += d;
			second[i] += d * (x[i] - mean[i]);
		}
}

ADV_LOOP void
sum_gradients_loop(bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
				   float *first, float *second)
{
	if (relu)
		sum_gradients_of(true, n, c, x, ch, d_y, first, second);
	else
		sum_gradients_of(false, n, c, x, ch, d_y, first, second);
}
ADV_DISPATCH(static, sum_gradients,
			 (bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
			  float *first, float *second),
			 (relu, n, c, x, ch, d_y, first, second))

static void
clear_sums(Channels *ch, size_t c)
{
	memset(ch->sum[0], 0, sizeof(double) * c);
	memset(ch->sum[1], 0, sizeof(double) * c);
}

/* Both sums over places (n, c) are added, line by line, so that single precision is enough for each. d_y NULL: of
 * moments. */
static void
add_places(Channels *ch, bool relu, size_t n, size_t c, const float *x, const float *d_y)
{
	for (size_t p = 0; p < n; p += LINE)
	{
		size_t places = n - p < LINE ? n - p : LINE;

		memset(ch->line[0], 0, sizeof(float) * c);
		memset(ch->line[1], 0, sizeof(float) * c);
		if (d_y)
			sum_gradients(relu, places, c, x + p * c, ch, d_y + p * c, ch->line[0], ch->line[1]);
		else
			sum_moments(places, c, x + p * c, ch->mean, ch->line[0], ch->line[1]);
		for (size_t i = 0; i < c; i++)
		{
			ch->sum[0][i] += ch->line[0][i];
			ch->sum[1][i] += ch->line[1][i];
		}
	}
}

#define ROUNDS 3
#define NEAR   16 /* square of how many standard deviations off costs no more than four bits of a variance */

/*
 * Mean and variance of places (n, c), from sums around the running mean. Where that is so far off that rounding would be felt they are taken
 * again, around the mean that was found, and what rounding left there is put right.
 */
static void
measure(Channels *ch, const AdvStep *s, size_t n, size_t c, const float *x)
{
	bool near = false;

	memcpy(ch->mean, s->statistic, sizeof(float) * c);
	for (int round = 0; round < ROUNDS && !near; round++)
	{
		clear_sums(ch, c);
		add_places(ch, false, n, c, x, NULL);
		near = true;
		for (size_t i = 0; i < c; i++)
		{
			double shift = ch->sum[0][i] / (double) n;
			double variance = ch->sum[1][i] / (double) n - shift * shift;

			near = near && shift * shift <= NEAR * variance;
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

/* relu is a constant; NaN stays NaN. */
ADV_LOOP void
normalize_places(bool relu, size_t n, size_t c, const float *x, const Channels *ch, float *restrict y)
{
	const float *mean = ch->mean, *factor = ch->factor, *beta = ch->beta;

	for (size_t p = 0; p < n; p++, x += c, y += c)
		for (size_t i = 0; i < c; i++)
		{
			float value = (x[i] - mean[i]) * factor[i] + beta[i];

			y[i] = relu && value < 0 ? 0 : value;
		}
}

ADV_LOOP void
normalize_loop(bool relu, size_t n, size_t c, const float *x, const Channels *ch, float *y)
{
	if (relu)
		normalize_places(true, n, c, x, ch, y);
	else
		normalize_places(false, n, c, x, ch, y);
}
ADV_DISPATCH(static, normalize, (bool relu, size_t n, size_t c, const float *x, const Channels *ch, float *y),
			 (relu, n, c, x, ch, y))

ADV_LOOP void
give_back_of(bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
			 float *restrict d_x)
{
	const float *mean = ch->mean, *factor = ch->factor, *beta = ch->beta, *slope = ch->slope,
				*offset = ch->offset;

	for (size_t p = 0; p < n; p++, x += c, d_y += c, d_x += c)
		for (size_t i = 0; i < c; i++)
			d_x[i] = factor[i] * before_relu(relu, x[i], mean[i], factor[i], beta[i], d_y[i]) -
					 slope[i] * (x[i] - mean[i]) - offset[i];
}

ADV_LOOP void
give_back_loop(bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
			   float *d_x)
{
	if (relu)
		give_back_of(true, n, c, x, ch, d_y, d_x);
	else
		give_back_of(false, n, c, x, ch, d_y, d_x);
}
ADV_DISPATCH(static, give_back,
			 (bool relu, size_t n, size_t c, const float *x, const Channels *ch, const float *d_y,
			  float *d_x),
			 (relu, n, c, x, ch, d_y, d_x))

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

/* Which places won windows, from float number at of src on; NULL: nobody asks. */
static uint8_t *
winners(const AdvStep *s, size_t at)
{
	return s->memory ? s->memory + (size_t) s->max_rows * memory(s->layer) + at / window_places(s) : NULL;
}

/* Places (n, c) from float number at of src on. */
static void
forward_places(const AdvStep *s, const Channels *ch, size_t n, size_t c, size_t at, const float *src,
			   float *dst)
{
	size_t end = at + n * c, band = pools(s) ? band_places(s) : n;
	AdvLayer pool = band_pool(s);

	for (; at < end; at += band * c)
	{
		float *to = pools(s) ? ch->band : dst + at;

		normalize(s->block.relu, band, c, src + at, ch, to);
		if (pools(s))
			adv_maxpool_forward(&pool, 1, to, dst + at / window_places(s), winners(s, at));
	}
}

static AdvStatus
forward(const AdvStep *s, int rows, const float *src, float *dst)
{
	size_t c = (size_t) s->layer->in.c, size;
	Channels ch = carve_channels(s, s->scratch, &size);

	for (int r = 0, step = batch_rows(s, rows); r < rows; r += step)
	{
		size_t n = (size_t) (rows - r < step ? rows - r : step) * places_of(s->layer);
		size_t at = (size_t) r * places_of(s->layer) * c;

		if (adv_step_stops(s))
			return ADV_ABORTED;
		if (s->noise->key)
		{
			measure(&ch, s, n, c, src + at);
			keep(s, &ch, r, c);
		}
		recall(s, &ch, r, c);
		forward_places(s, &ch, n, c, at, src, dst);
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

/* The gradient by what a band, from float number at of src on, has of results before maxpool. */
static const float *
band_gradient(const AdvStep *s, const Channels *ch, size_t c, size_t at, const AdvBack *b)
{
	AdvLayer pool = band_pool(s);
	size_t window = window_places(s);
	const float *d = b->d_dst + at / window;

	if (s->block.relu)
	{
		adv_relu_backward(band_places(s) / window * c, b->dst + at / window, d, ch->masked);
		d = ch->masked;
	}
	adv_maxpool_backward(&pool, 1, winners(s, at), d, ch->band);
	return ch->band;
}

/* Places (n, c) from float number at of src on, one band after the other if they are pooled: their sums, or what goes back from them. */
static void
backward_places(const AdvStep *s, Channels *ch, size_t n, size_t c, size_t at, const AdvBack *b, bool sums)
{
	size_t end = at + n * c, band = pools(s) ? band_places(s) : n;
	bool relu = s->block.relu && !pools(s);

	for (; at < end; at += band * c)
	{
		const float *d = pools(s) ? band_gradient(s, ch, c, at, b) : b->d_dst + at;

		if (sums)
			add_places(ch, relu, band, c, b->src + at, d);
		else
			give_back(relu, band, c, b->src + at, ch, d, b->d_src + at);
	}
}

static AdvStatus
backward(const AdvStep *s, const AdvBack *b)
{
	size_t c = (size_t) s->layer->in.c, size;
	Channels ch = carve_channels(s, s->scratch, &size);

	for (int r = 0, step = batch_rows(s, b->rows); r < b->rows; r += step)
	{
		size_t n = (size_t) (b->rows - r < step ? b->rows - r : step) * places_of(s->layer);
		size_t at = (size_t) r * places_of(s->layer) * c;

		if (adv_step_stops(s))
			return ADV_ABORTED;
		recall(s, &ch, r, c);
		clear_sums(&ch, c);
		if (s->noise->key || b->d_weight)
			backward_places(s, &ch, n, c, at, b, true);
		gradients(s, &ch, n, c, b);
		if (b->d_src)
			backward_places(s, &ch, n, c, at, b, false);
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

static void
describe(const AdvLayer *l, const float *params, AdvLinear *to)
{
	to->kind = ADV_LINEAR_BY_CHANNEL;
	to->h = to->w = to->stride = 1;
	to->roundings = 10; /* the factor has some, too */
	for (int c = 0; to->weight && c < l->in.c; c++)
	{
		affine(l, params, c, &to->weight[c], &to->bias[c]);
		to->fixed[c] =
			fabs(params[l->statistic + (size_t) c] * to->weight[c]) + fabs(params[l->bias + (size_t) c]);
	}
}

/* ---- as a layer ---- */

static AdvStatus
build(AdvBuilder *b, const AdvLayerWord *word)
{
	uint64_t c = (uint64_t) b->shape.c;

	return b->add(b, word, b->shape, (AdvCount){c, c, 2 * c});
}

/* Relus, wherever, and one maxpool whose windows lie side by side and leave nothing out. */
static int
take_along(AdvStep *s, int n, const AdvLayerType *const *types)
{
	const AdvLayer *l = s->layer;
	AdvConvBlock b = {.pool = 1, .stride = 1, .out = l->out};
	int taken = 1;

	for (; taken < n; taken++)
	{
		const AdvLayer *next = &l[taken];
		AdvFusion fusion = types[next->kind]->fusion;

		if (fusion == ADV_FUSION_NONE)
			break;
		if (fusion == ADV_FUSION_MAXPOOL &&
			(b.pool > 1 || next->stride != next->size || next->in.h % next->size || next->in.w % next->size))
			break;
		b.relu = b.relu || fusion == ADV_FUSION_RELU;
		if (fusion == ADV_FUSION_MAXPOOL)
			b.pool = b.stride = next->size;
		b.out = next->out;
	}
	s->block = b;
	return taken;
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
	.take_along = take_along,
	.weight_sizes = weight_sizes,
	.memory = memory,
	.scratch = scratch_size,
	.forward = forward,
	.backward = backward,
	.absorb = absorb,
	.affine = affine,
	.map = describe,
};
