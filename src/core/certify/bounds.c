/*
 * bounds.c
 *		Bounds of activations. See bounds.h.
 *
 * Forward, from interval to interval. With CROWN, what enters an activation is bounded a second time, as a linear function of the network's
 * input: it goes back layer by layer, through lines around activations and with errors at their worst, and each number keeps the tighter bounds.
 */
#include "core/certify/bounds.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/network/packed.h"

#define SLACK                                                                                                \
	0x1p-30 /* of the magnitude of a sum's terms: more than double precision loses of any sum here */
#define WIDER (1 + 0x1p-40)

/* Multiply-adds for one row and layer that going back may take. */
#define MOST_WORK 3e8

static const AdvLayerType *
type_of(const AdvBounds *b, int i)
{
	return adv_layer_type(&b->net->layers[i]);
}

static size_t
out_size(const AdvBounds *b, int i)
{
	return adv_shape_size(b->net->layers[i].out);
}

/* Of an activation: 0 is the input. */
static size_t
size_of(const AdvBounds *b, int act)
{
	return act == 0 ? adv_shape_size(b->net->input) : out_size(b, act - 1);
}

static bool
stops(const AdvBounds *b)
{
	return b->stop.ask && adv_stops(&b->stop);
}

AdvStatus
adv_bounds_check(const AdvNetwork *net, AdvError *err)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvLayerType *type = adv_layer_type(&net->layers[i]);

		if (type->map || type->relax)
			continue;
		adv_fail(err, ADV_INVALID, "what a layer of kind %s gives cannot be bounded", type->word);
		adv_hint(err, "Certify by smoothing, or train a network without such layers.");
		return ADV_INVALID;
	}
	return ADV_OK;
}

bool
adv_bounds_are_wide(const AdvNetwork *net)
{
	for (int i = 0; i < net->n_layers; i++)
	{
		const AdvKernel *kernel = adv_layer_kernel(net, i, false);

		if (kernel && kernel->gain)
			return true;
	}
	return false;
}

void
adv_bounds_take_measured(AdvBounds *b)
{
	for (int i = 0; i < b->net->n_layers; i++)
		adv_map_as_sums(&b->map[i]);
}

/* ---- memory ---- */

static double *
doubles(AdvCarver *carver, size_t n)
{
	return adv_carve(carver, n, sizeof(double));
}

static void
carve_layer(AdvBounds *b, int i, const float *params, AdvCarver *carver)
{
	size_t out = out_size(b, i);
	AdvRelaxed *r = &b->relaxed[i];

	b->error[i] = doubles(carver, out);
	if (type_of(b, i)->map)
	{
		adv_map_carve(&b->map[i], b->net, i, params, carver);
		b->map[i].stop = &b->stop;
		return;
	}
	for (int side = 0; side < 2 && b->crown; side++)
	{
		r->slope[side] = doubles(carver, out);
		r->at[side] = doubles(carver, out);
	}
	r->source = type_of(b, i)->element_wise ? NULL : adv_carve(carver, out, sizeof(int32_t));
}

static size_t
carve(AdvBounds *b, const AdvNetwork *net, const float *params, bool crown, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t inputs = adv_shape_size(net->input), largest = inputs;

	memset(b, 0, sizeof(*b));
	b->net = net;
	b->crown = crown;
	for (int i = 0; i <= net->n_layers; i++)
	{
		size_t n = i == 0 ? inputs : out_size(b, i - 1);

		b->low[i] = doubles(&carver, n);
		b->high[i] = doubles(&carver, n);
		largest = n > largest ? n : largest;
	}
	for (int i = 0; i < net->n_layers; i++)
		carve_layer(b, i, params, &carver);
	b->x0 = doubles(&carver, inputs);
	b->unit = doubles(&carver, inputs);
	b->reach = doubles(&carver, inputs);
	for (int i = 0; i < 3; i++)
		b->span[i] = doubles(&carver, largest);
	adv_ellipsoid_carve(&b->ellipsoid, largest, &carver);
	b->sums = adv_carve(&carver, largest, sizeof(AdvSums));
	b->ellipsoid.sums = b->sums;
	for (int i = 0; i < 2; i++)
		b->rows[i] = doubles(&carver, ADV_BOUND_ROWS * largest);
	for (int i = 0, depth = 0; i < net->n_layers; i++)
		if (adv_layer_type(&net->layers[i])->ends_block && depth < ADV_MAX_DEPTH)
			b->skip[depth++] = doubles(&carver, ADV_BOUND_ROWS * largest);
	return carver.used;
}

size_t
adv_bounds_size(const AdvNetwork *net, bool crown)
{
	AdvBounds measured;

	return carve(&measured, net, NULL, crown, NULL);
}

void
adv_bounds_init(AdvBounds *b, const AdvNetwork *net, const float *params, const AdvBall *ball, bool crown,
				void *memory)
{
	carve(b, net, params, crown, memory);
	b->ball = ball;
}

/* ---- the ball ---- */

static void
begin(AdvBounds *b, const float *x, double eps)
{
	size_t n = adv_shape_size(b->net->input);

	b->eps = eps * WIDER;
	b->overflow = false;
	for (size_t i = 0; i < n; i++)
	{
		double unit = adv_ball_unit(b->ball, i), low, high;

		b->x0[i] = x[i];
		low = x[i] - b->eps * unit * WIDER;
		high = x[i] + b->eps * unit * WIDER;
		/* what is out of the clip range to begin with may stay where it is */
		low = low < b->ball->low ? fmin(b->ball->low, x[i]) : low;
		high = high > b->ball->high ? fmax(b->ball->high, x[i]) : high;
		b->low[0][i] = unit > 0 ? low : x[i];
		b->high[0][i] = unit > 0 ? high : x[i];
		b->unit[i] = unit;
		b->reach[i] = fmax(x[i] - b->low[0][i], b->high[0][i] - x[i]);
	}
	if (b->ball->norm == ADV_NORM_L2)
		adv_ellipsoid_begin(&b->ellipsoid, n, b->x0, b->unit, b->eps);
}

/* ---- intervals ---- */

/* Not fmax, which is a call; y where x is no number. */
static inline double
larger(double x, double y)
{
	return x > y ? x : y;
}

/* What an activation of n numbers is between. */
static void
spans(AdvBounds *b, int act, size_t n)
{
	for (size_t k = 0; k < n; k++)
	{
		b->span[0][k] = (b->low[act][k] + b->high[act][k]) / 2;
		b->span[1][k] = (b->high[act][k] - b->low[act][k]) / 2;
		b->span[2][k] = larger(-b->low[act][k], b->high[act][k]); /* the larger magnitude: low <= high */
	}
}

/* Bounds of the results of layer i's map, of what activation act is. */
static void
weigh(AdvBounds *b, int i, int act)
{
	const AdvMap *map = &b->map[i];
	size_t f = (size_t) map->layer->out.c;

	spans(b, act, adv_shape_size(map->layer->in));
	adv_map_sums(map, &(AdvSpans){b->span[0], b->span[1], b->span[2]}, b->sums);
	for (size_t first = 0; first < out_size(b, i); first += f)
		for (size_t c = 0; c < f; c++)
		{
			const AdvSums *s = &b->sums[first + c];
			double middle = s->middle + map->linear.bias[c], error = adv_map_error(map, c, s->size);

			b->error[i][first + c] = error;
			b->low[i + 1][first + c] = middle - s->reach - error;
			b->high[i + 1][first + c] = middle + s->reach + error;
			b->overflow = b->overflow || !adv_map_fits(map, c, s->size);
		}
}

/* A layer that only moves numbers, and what activations and pools do. */
static void
pass_on(AdvBounds *b, int i)
{
	AdvRelaxed *r = &b->relaxed[i];

	if (type_of(b, i)->map)
	{
		memset(b->error[i], 0, sizeof(double) * out_size(b, i));
		adv_map_move(&b->map[i], b->low[i], b->low[i + 1]);
		adv_map_move(&b->map[i], b->high[i], b->high[i + 1]);
		return;
	}
	r->low = b->low[i + 1];
	r->high = b->high[i + 1];
	type_of(b, i)->relax(&b->net->layers[i], b->low[i], b->high[i], r);
}

/* The end of a block: what came out of it, and what came into it, or a convolution of that. */
static void
end_block(AdvBounds *b, int i)
{
	const AdvMap *map = &b->map[i];
	int peer = b->net->layers[i].peer;
	bool weighs = adv_map_weighs(map);

	if (weighs)
		weigh(b, i, peer);
	for (size_t o = 0; o < out_size(b, i); o++)
	{
		double low = b->low[i][o] + (weighs ? b->low[i + 1][o] : b->low[peer][o]);
		double high = b->high[i][o] + (weighs ? b->high[i + 1][o] : b->high[peer][o]);
		double rounding = 0x1p-24 * WIDER * fmax(fabs(low), fabs(high)) * WIDER;

		b->overflow = b->overflow || !(low >= -FLT_MAX && high <= FLT_MAX);
		b->error[i][o] = rounding + (weighs ? b->error[i][o] : 0);
		b->low[i + 1][o] = low - rounding;
		b->high[i + 1][o] = high + rounding;
	}
}

static void
forward(AdvBounds *b, int i)
{
	if (type_of(b, i)->ends_block)
		end_block(b, i);
	else if (type_of(b, i)->map && adv_map_weighs(&b->map[i]))
		weigh(b, i, i);
	else
		pass_on(b, i);
}

/* ---- linear functions, back through the network ---- */

/* Row r's share of the bias of a map's results and of their errors. */
static void
charge(AdvBounds *b, int i, int rows, const double *d)
{
	const AdvMap *map = &b->map[i];
	size_t n = out_size(b, i), f = (size_t) map->layer->out.c;
	const double *bias = b->span[0];

	for (size_t o = 0; o < n; o++)
		b->span[0][o] = adv_map_weighs(map) ? map->linear.bias[o % f] : 0;
	for (int r = 0; r < rows; r++)
	{
		AdvLineSums sums = adv_line_sums(n, d + (size_t) r * n, bias, b->error[i]);

		b->value[r] += sums.sum - sums.cost;
		b->magnitude[r] += sums.magnitude + sums.cost;
	}
}

/* Through lines; what pools take from other places is moved there. */
static void
through_relaxed(AdvBounds *b, int i, int rows, double *d_out, double *d_in)
{
	const AdvRelaxed *lines = &b->relaxed[i];
	size_t in = adv_shape_size(b->net->layers[i].in), out = out_size(b, i);

	for (int r = 0; r < rows; r++, d_out += out, d_in += in)
	{
		AdvLineSums sums = adv_through_lines(out, d_out, lines->slope, lines->at);

		b->value[r] += sums.sum;
		b->magnitude[r] += sums.magnitude;
		if (!lines->source)
		{
			memcpy(d_in, d_out, sizeof(double) * in);
			continue;
		}
		memset(d_in, 0, sizeof(double) * in);
		for (size_t o = 0; o < out; o++)
			d_in[lines->source[o]] += d_out[o];
	}
}

/*
 * Rows of linear functions of activation top, in b->rows[0], become such of activation bottom, which are no larger anywhere; returns where they are.
 * What goes past a block waits for its beginning.
 */
static double *
descend(AdvBounds *b, int top, int bottom, int rows)
{
	double *d = b->rows[0], *next = b->rows[1];
	int depth = 0, waiting[ADV_MAX_DEPTH];

	for (int i = top - 1; i >= bottom && !stops(b); i--)
	{
		const AdvLayer *l = &b->net->layers[i];
		size_t in = (size_t) rows * adv_shape_size(l->in);
		double *old = d;

		if (type_of(b, i)->map)
			charge(b, i, rows, d);
		if (type_of(b, i)->ends_block)
		{
			adv_map_back(&b->map[i], (size_t) rows, d, b->skip[depth]);
			waiting[depth++] = l->peer;
			continue;
		}
		if (type_of(b, i)->map)
			adv_map_back(&b->map[i], (size_t) rows, d, next);
		else
			through_relaxed(b, i, rows, d, next);
		d = next;
		next = old;
		if (depth > 0 && waiting[depth - 1] == i)
		{
			depth--;
			for (size_t k = 0; k < in; k++)
				d[k] += b->skip[depth][k];
		}
	}
	return d;
}

/* The least that a linear function of an activation, or of the input, can be; -INFINITY where nobody knows. */
static double
least(const AdvBounds *b, int act, int row, const double *d)
{
	size_t n = size_of(b, act);
	AdvLineSums sums = adv_least(n, d, b->low[act], b->high[act]);
	double low = sums.sum - SLACK * sums.magnitude;

	if (act == 0 && b->ball->norm == ADV_NORM_L2)
	{
		AdvLineSums at_x = adv_line_sums(n, d, b->x0, b->unit);
		double reach = b->eps * sqrt(adv_dual(n, d, b->unit, b->reach).sum) * WIDER;

		low = fmax(low, at_x.sum - SLACK * at_x.magnitude - reach);
	}
	low += b->value[row] - SLACK * b->magnitude[row];
	return isnan(low) ? -INFINITY : low;
}

/* Rows first .. first + count of the functions that are the 2 n bounds of an activation: n times itself, and n times its negative. */
static void
unit_rows(AdvBounds *b, size_t n, size_t first, int count)
{
	memset(b->rows[0], 0, sizeof(double) * (size_t) count * n);
	memset(b->value, 0, sizeof(b->value));
	memset(b->magnitude, 0, sizeof(b->magnitude));
	for (int r = 0; r < count; r++)
	{
		size_t at = first + (size_t) r;

		b->rows[0][(size_t) r * n + at % n] = at < n ? 1 : -1;
	}
}

/*
 * Layer i's share of what makes intervals wider than they need be, which is nothing as long as there is not more than one: numbers that come from
 * the same ones go their own ways. An L2 ball is taken for the box around it by all but its first weights.
 */
static int
widening(const AdvBounds *b, int i, bool of_l2)
{
	const AdvMap *map = &b->map[i];

	if (!type_of(b, i)->map)
		return of_l2;
	if (type_of(b, i)->ends_block)
		return 2;
	if (!adv_map_weighs(map))
		return 0;
	if (map->linear.kind == ADV_LINEAR_FULL)
		return 1;
	return map->linear.h * map->linear.w == 1 ? 0 : of_l2 ? 2 : 1;
}

/* Work for one row of going back through layer i. */
static double
work_of(const AdvBounds *b, int i)
{
	return type_of(b, i)->map ? adv_map_work(&b->map[i]) : (double) out_size(b, i);
}

/*
 * How far activation act goes back as linear functions: to the input, if that is not too much work, else to the first activation that can be reached, outside of
 * blocks. act itself: there is nothing to gain.
 */
static int
bottom_of(const AdvBounds *b, int act)
{
	double work = 0, most = MOST_WORK / (2 * (double) out_size(b, act - 1));
	int bottom = act, depth = 0, waiting[ADV_MAX_DEPTH], widened = 0;

	for (int i = act - 1; i >= 0 && (work += work_of(b, i)) <= most; i--)
	{
		if (type_of(b, i)->ends_block)
			waiting[depth++] = b->net->layers[i].peer;
		else if (depth > 0 && waiting[depth - 1] == i)
			depth--;
		if (depth == 0)
			bottom = i;
	}
	for (int i = bottom; i < act; i++)
		widened += widening(b, i, bottom == 0 && b->ball->norm == ADV_NORM_L2);
	return widened > 1 ? bottom : act;
}

/* Bound activation act as linear functions of what is at the bottom, and keep what is tighter. */
static AdvStatus
tighten(AdvBounds *b, int act, int bottom)
{
	size_t n = out_size(b, act - 1), n_bottom = size_of(b, bottom);

	for (size_t first = 0; first < 2 * n; first += ADV_BOUND_ROWS)
	{
		int count = 2 * n - first < ADV_BOUND_ROWS ? (int) (2 * n - first) : ADV_BOUND_ROWS;
		const double *d;

		unit_rows(b, n, first, count);
		d = descend(b, act, bottom, count);
		if (stops(b))
			return ADV_ABORTED;
		for (int r = 0; r < count; r++)
		{
			size_t at = first + (size_t) r;
			double low = least(b, bottom, r, d + (size_t) r * n_bottom);

			if (at < n)
				b->low[act][at] = fmax(b->low[act][at], low);
			else
				b->high[act][at - n] = fmin(b->high[act][at - n], -low);
		}
	}
	return ADV_OK;
}

/* ---- all of it ---- */

static AdvStatus
bound_all(AdvBounds *b)
{
	bool ellipsoid = b->ball->norm == ADV_NORM_L2;

	for (int i = 0; i < b->net->n_layers; i++)
	{
		int bottom = b->crown && i > 0 && type_of(b, i)->relax ? bottom_of(b, i) : i;

		if (bottom < i && tighten(b, i, bottom) != ADV_OK)
			return ADV_ABORTED;
		forward(b, i);
		if (stops(b))
			return ADV_ABORTED;
		if (ellipsoid && type_of(b, i)->map && !type_of(b, i)->ends_block)
			ellipsoid =
				adv_ellipsoid_follow(&b->ellipsoid, &b->map[i], b->error[i], b->low[i + 1], b->high[i + 1]);
		else
			ellipsoid = false;
	}
	return ADV_OK;
}

/* The activation in front of the last weights, and of layers before it that leave each number to itself: what comes before them is an interval for who has no lines. */
static int
before_last(const AdvBounds *b)
{
	int i = b->net->n_layers - 1;

	while (i > 0 && !(type_of(b, i)->map && adv_map_weighs(&b->map[i])))
		i--;
	while (i > 0 && type_of(b, i - 1)->map && widening(b, i - 1, false) == 0)
		i--;
	return i;
}

/* Rows first .. first + count of logit of class minus each other class. */
static void
margin_rows(AdvBounds *b, int class, int first, int count)
{
	size_t classes = (size_t) b->net->classes;

	memset(b->rows[0], 0, sizeof(double) * (size_t) count * classes);
	memset(b->value, 0, sizeof(b->value));
	memset(b->magnitude, 0, sizeof(b->magnitude));
	for (int r = 0; r < count; r++)
	{
		int other = first + r < class ? first + r : first + r + 1;

		b->rows[0][(size_t) r * classes + (size_t) class] = 1;
		b->rows[0][(size_t) r * classes + (size_t) other] = -1;
	}
}

/* How fast a linear function falls as the ball grows. */
static double
fall(const AdvBounds *b, const double *d)
{
	AdvLineSums sums = adv_dual(adv_shape_size(b->net->input), d, b->unit, b->unit);

	return b->ball->norm == ADV_NORM_L2 ? sqrt(sums.sum) : sums.cost;
}

/* Margins from activation bottom on; each is the better of what it is and what it was. */
static AdvStatus
margins(AdvBounds *b, int class, int bottom, double *margin, double *steepness)
{
	int others = b->net->classes - 1;
	size_t n = size_of(b, bottom);

	*margin = INFINITY;
	for (int first = 0; first < others; first += ADV_BOUND_ROWS)
	{
		int count = others - first < ADV_BOUND_ROWS ? others - first : ADV_BOUND_ROWS;
		const double *d;

		margin_rows(b, class, first, count);
		d = descend(b, b->net->n_layers, bottom, count);
		if (stops(b))
			return ADV_ABORTED;
		for (int r = 0; r < count; r++)
		{
			double low = least(b, bottom, r, d + (size_t) r * n);

			if (low >= *margin)
				continue;
			*margin = low;
			*steepness = bottom == 0 ? fall(b, d + (size_t) r * n) : 0;
		}
	}
	return ADV_OK;
}

AdvStatus
adv_bounds_margin(AdvBounds *b, const float *x, double eps, int class, double *margin, double *steepness)
{
	double by_lines;

	begin(b, x, eps);
	if (bound_all(b) != ADV_OK)
		return ADV_ABORTED;
	*margin = -INFINITY;
	*steepness = 0;
	if (b->overflow)
		return ADV_OK;
	if (margins(b, class, before_last(b), margin, steepness) != ADV_OK)
		return ADV_ABORTED;
	if (!b->crown)
		return ADV_OK;
	if (margins(b, class, 0, &by_lines, steepness) != ADV_OK)
		return ADV_ABORTED;
	*margin = fmax(*margin, by_lines);
	return ADV_OK;
}
