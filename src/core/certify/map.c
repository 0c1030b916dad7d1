/*
 * map.c
 *		Linear maps at work. See map.h.
 */
#include "core/certify/map.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/network/packed.h"

#define MOST_AT_ONCE                                                                                         \
	4096 /* inputs of a window: of more, a few results take long enough to ask whether to stop */

#define UNIT 0x1p-24 /* of single precision: what rounding to the nearest may lose, relative */

static bool
stops(const AdvMap *map)
{
	return map->stop && map->stop->ask && adv_stops(map->stop);
}

/* n roundings one after the other; none of it known where they are as many as a float has places. */
static double
roundings(int n)
{
	double all = (double) n * UNIT;

	return all < 0.5 ? all / (1 - all) : INFINITY;
}

static int
window(const AdvMap *map)
{
	return map->linear.h * map->linear.w;
}

static size_t
filter_size(const AdvMap *map)
{
	return (size_t) window(map) * (size_t) map->layer->in.c;
}

/* What roundings of a convolution on this kernel are relative to, channel by channel. */
static void
measure(AdvMap *map, const AdvKernel *kernel, const float *weight)
{
	const AdvLayer *l = map->layer;
	int area = window(map);
	AdvWeightView view = {l->size, 1, area, (ptrdiff_t) area * l->in.c};

	for (int f = 0; f < l->out.c; f++)
		for (int c = 0; c < l->in.c; c++)
			map->gain[(size_t) f * (size_t) l->in.c + (size_t) c] =
				kernel->gain(weight + f * view.f + c * view.c, view);
}

/* Roundings of a result but for those of the kernel's own. What has a gain sums channels alone: it has one term for a whole window. */
static int
terms(const AdvMap *map)
{
	return map->linear.roundings - (map->gain ? (window(map) - 1) * map->layer->in.c : 0);
}

void
adv_map_carve(AdvMap *map, const AdvNetwork *net, int i, const float *params, AdvCarver *carver)
{
	const AdvLayer *l = &net->layers[i];
	const AdvKernel *kernel = adv_layer_kernel(net, i, false);
	size_t c = (size_t) l->in.c, f = (size_t) l->out.c;

	memset(map, 0, sizeof(*map));
	map->layer = l;
	adv_layer_type(l)->map(l, params, &map->linear);
	if (!adv_map_weighs(map))
		return;
	map->linear.weight = adv_carve(carver, adv_linear_weights(l, &map->linear), sizeof(double));
	map->linear.bias = adv_carve(carver, f, sizeof(double));
	map->linear.fixed = adv_carve(carver, f, sizeof(double));
	map->most = adv_carve(carver, c, sizeof(double));
	if (map->linear.kind == ADV_LINEAR_FULL)
		map->patches = adv_carve(carver, (size_t) l->out.w * filter_size(map), sizeof(double));
	if (kernel && kernel->gain)
		map->gain = adv_carve(carver, c * f, sizeof(double));
	if (!carver->base)
		return;
	adv_layer_type(l)->map(l, params, &map->linear);
	map->more = kernel ? kernel->more : 0;
	map->rounding = roundings(terms(map) + map->more) + (kernel ? kernel->loss : 0);
	if (map->gain)
		measure(map, kernel, params + l->weight);
}

void
adv_map_as_sums(AdvMap *map)
{
	if (!map->gain)
		return;
	map->gain = NULL;
	map->rounding = roundings(terms(map) + map->more);
}

/* ---- windows ---- */

/* The part of the window of result (y, x) that lies within the image. */
static AdvRuns
runs_of(const AdvMap *map, int y, int x)
{
	const AdvLinear *m = &map->linear;
	AdvShape in = map->layer->in;
	int top = y * m->stride - m->before, left = x * m->stride - m->before;
	int y0 = top < 0 ? -top : 0, x0 = left < 0 ? -left : 0;
	int y1 = in.h - top < m->h ? in.h - top : m->h, x1 = in.w - left < m->w ? in.w - left : m->w;
	size_t c = (size_t) in.c;

	return (AdvRuns){y1 - y0,
					 (size_t) (x1 - x0) * c,
					 ((size_t) (top + y0) * (size_t) in.w + (size_t) (left + x0)) * c,
					 (size_t) in.w * c,
					 ((size_t) y0 * (size_t) m->w + (size_t) x0) * c,
					 (size_t) m->w * c};
}

/* Sums of one result of each channel. */
static void
channel_sums(const AdvMap *map, const AdvRuns *runs, const AdvSpans *in, AdvSums *sums)
{
	size_t c = (size_t) map->layer->in.c;

	memset(sums, 0, sizeof(AdvSums) * c);
	for (int r = 0; r < runs->count; r++)
		for (size_t i = 0; i < runs->length; i++)
		{
			size_t from = runs->input + (size_t) r * runs->input_step + i;
			double weight = map->linear.weight[i % c];

			sums[i % c].middle += weight * in->middle[from];
			sums[i % c].reach += fabs(weight) * in->reach[from];
			sums[i % c].size += fabs(weight) * in->size[from];
		}
}

/* The same of all channels, some filters at a time. */
static void
full_sums(const AdvMap *map, const AdvRuns *runs, const AdvSpans *in, AdvSums *sums)
{
	int filters = map->layer->out.c, some = filter_size(map) > MOST_AT_ONCE ? 2 : filters;

	for (int f = 0; f < filters && !(f > 0 && stops(map)); f += some)
		adv_window_sums(filters - f < some ? filters - f : some,
						map->linear.weight + (size_t) f * filter_size(map), filter_size(map), runs, in,
						sums + f);
}

/* Sizes by the largest input of each channel, where that is what a kernel's roundings are relative to. */
static void
sizes_by_gain(const AdvMap *map, const double *size, AdvSums *sums)
{
	const AdvLayer *l = map->layer;
	size_t c = (size_t) l->in.c, f = (size_t) l->out.c;

	memset(map->most, 0, sizeof(double) * c);
	for (size_t i = 0; i < adv_shape_size(l->in); i++)
		map->most[i % c] = fmax(map->most[i % c], size[i]);
	for (size_t o = 0; o < f; o++)
	{
		double sum = 0;

		for (size_t i = 0; i < c; i++)
			sum += map->gain[o * c + i] * map->most[i];
		for (size_t at = o; at < adv_shape_size(l->out); at += f)
			sums[at].size = sum;
	}
}

void
adv_map_sums(const AdvMap *map, const AdvSpans *in, AdvSums *sums)
{
	AdvShape out = map->layer->out;

	for (int y = 0; y < out.h && !stops(map); y++)
		for (int x = 0; x < out.w; x++)
		{
			AdvRuns runs = runs_of(map, y, x);
			AdvSums *to = sums + ((size_t) y * (size_t) out.w + (size_t) x) * (size_t) out.c;

			if (map->linear.kind == ADV_LINEAR_BY_CHANNEL)
				channel_sums(map, &runs, in, to);
			else
				full_sums(map, &runs, in, to);
		}
	if (map->gain)
		sizes_by_gain(map, in->size, sums);
}

/* ---- order ---- */

/* to[turned(p, c)] = from[p, c], or the other way round. */
static void
reorder(AdvShape s, bool back, const double *from, double *to)
{
	size_t area = (size_t) s.h * (size_t) s.w, channels = (size_t) s.c;

	for (size_t p = 0; p < area; p++)
		for (size_t c = 0; c < channels; c++)
		{
			size_t last = p * channels + c, first = c * area + p;

			to[back ? last : first] = from[back ? first : last];
		}
}

void
adv_map_move(const AdvMap *map, const double *from, double *to)
{
	if (map->linear.kind == ADV_LINEAR_SAME)
		memcpy(to, from, sizeof(double) * adv_shape_size(map->layer->in));
	else
		reorder(map->layer->in, false, from, to);
}

/* ---- back ---- */

static void
channel_back(const AdvMap *map, const AdvRuns *runs, const double *d_out, double *d_in)
{
	size_t c = (size_t) map->layer->in.c;

	for (int r = 0; r < runs->count; r++)
		for (size_t i = 0; i < runs->length; i++)
			d_in[runs->input + (size_t) r * runs->input_step + i] += map->linear.weight[i % c] * d_out[i % c];
}

/* Of one line of windows: one product gives what each of them gives to its inputs, and where windows overlap these add up. */
static void
line_back(const AdvMap *map, int y, const double *d_out, double *d_in)
{
	AdvShape out = map->layer->out;
	size_t size = filter_size(map);

	adv_double_product((size_t) out.w, size, (size_t) out.c, d_out, map->linear.weight, map->patches);
	for (int x = 0; x < out.w; x++)
	{
		AdvRuns runs = runs_of(map, y, x);
		const double *patch = map->patches + (size_t) x * size + runs.weight;

		for (int r = 0; r < runs.count; r++)
			adv_double_add(runs.length, patch + (size_t) r * runs.weight_step,
						   d_in + runs.input + (size_t) r * runs.input_step);
	}
}

static void
windows_back(const AdvMap *map, const double *d_out, double *d_in)
{
	AdvShape out = map->layer->out;

	memset(d_in, 0, sizeof(double) * adv_shape_size(map->layer->in));
	for (int y = 0; y < out.h && !stops(map); y++, d_out += (size_t) out.w * (size_t) out.c)
		if (map->linear.kind == ADV_LINEAR_FULL)
			line_back(map, y, d_out, d_in);
		else
			for (int x = 0; x < out.w; x++)
			{
				AdvRuns runs = runs_of(map, y, x);

				channel_back(map, &runs, d_out + (size_t) x * (size_t) out.c, d_in);
			}
}

/* Whether it is one product of matrices. */
static bool
is_product(const AdvMap *map)
{
	AdvShape in = map->layer->in, out = map->layer->out;

	return map->linear.kind == ADV_LINEAR_FULL && window(map) == 1 && in.h * in.w == 1 && out.h * out.w == 1;
}

void
adv_map_back(const AdvMap *map, size_t rows, const double *d_out, double *d_in)
{
	size_t in = adv_shape_size(map->layer->in), out = adv_shape_size(map->layer->out);

	if (is_product(map))
	{
		size_t some = in > MOST_AT_ONCE ? 4 : rows;

		for (size_t r = 0; r < rows && !(r > 0 && stops(map)); r += some)
			adv_double_product(rows - r < some ? rows - r : some, in, out, d_out + r * out,
							   map->linear.weight, d_in + r * in);
		return;
	}
	for (size_t r = 0; r < rows; r++, d_out += out, d_in += in)
		if (adv_map_weighs(map))
			windows_back(map, d_out, d_in);
		else if (map->linear.kind == ADV_LINEAR_SAME)
			memcpy(d_in, d_out, sizeof(double) * in);
		else
			reorder(map->layer->in, true, d_out, d_in);
}

double
adv_map_work(const AdvMap *map)
{
	size_t out = adv_shape_size(map->layer->out);

	return (double) out * (double) (map->linear.kind == ADV_LINEAR_FULL ? filter_size(map)
									: adv_map_weighs(map)               ? window(map)
																		: 1);
}
