/*
 * ball.c
 *		The set of perturbed inputs an attack may visit. See ball.h.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/attack/ball.h"
#include "core/kernel/dispatch.h"
#include "core/kernel/normal.h"

#define NOISE_RUN 256   /* inputs that get noise together, a multiple of ADV_NORMAL_BLOCK */
#define NEARBY    0.001 /* where adv_ball_nearby goes, in units, or of eps where that is larger */

/* The float32 next to x, up or down: bits of floats of one sign are ordered like whole numbers. */
ADV_LOOP float
neighbour(float x, int32_t step)
{
	int32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	bits ^= bits >> 31 & INT32_MAX;
	bits += step;
	bits ^= bits >> 31 & INT32_MAX;
	memcpy(&x, &bits, sizeof(bits));
	return x;
}

/* The finite float32 nearest to y. */
ADV_LOOP float
nearest_float(double y)
{
	return (float) (y > FLT_MAX ? FLT_MAX : y < -FLT_MAX ? -FLT_MAX : y);
}

/* The float32 nearest to y that is not farther from x than y is. */
ADV_LOOP float
round_towards(float x, double y)
{
	float rounded = nearest_float(y);
	int32_t down = (y >= x) & ((double) rounded > y);
	int32_t up = (y < x) & ((double) rounded < y);

	return neighbour(rounded, up - down);
}

void
adv_ball_bounds(const AdvBall *ball, size_t n, const float *x0, double eps, float *low, float *high)
{
	for (size_t i = 0; i < n; i++)
	{
		float unit = adv_ball_unit(ball, i);
		double reach = ball->norm == ADV_NORM_LINF ? eps * unit : INFINITY;
		double below = (double) x0[i] - reach;
		double above = (double) x0[i] + reach;

		if (unit == 0)
			below = above = x0[i];
		/* not fmin and fmax: which of two zeros they give is each processor's own affair */
		below = below < ball->low ? ball->low : below;
		above = above > ball->high ? ball->high : above;
		below = below < x0[i] ? below : x0[i];
		above = above > x0[i] ? above : x0[i];
		low[i] = round_towards(x0[i], below);
		high[i] = round_towards(x0[i], above);
	}
}

/* What may not move at all (low = high) keeps its bits, even if it is a negative zero. */
ADV_LOOP float
clamp(float x, float low, float high)
{
	return x <= low ? low : x >= high ? high : x;
}

/* Sums are formed in lanes: so they can be vectorised, in the same order everywhere. */
#define LANES 8
typedef double Lanes __attribute__((vector_size(LANES * sizeof(double))));

ADV_LOOP double
sum_of(const Lanes *sums)
{
	double sum = 0;

	for (int l = 0; l < LANES; l++)
		sum += (*sums)[l];
	return sum;
}

/* How far input i is from x0 in units, 0 for one that does not move. */
ADV_LOOP double
moved_by(size_t i, const float *unit, const float *x0, const float *x)
{
	double d = (double) x[i] - x0[i];

	return unit ? (unit[i] > 0 ? d / unit[i] : 0) : d;
}

/*
 * *squares = |x - x0|_2 squared, in units. Squares of floats over floats are far from what a double overflows or underflows by, here and
 * below.
 */
ADV_LOOP void
l2_squares_loop(size_t n, const float *unit, const float *x0, const float *x, double *squares)
{
	Lanes sums = {0};
	double rest = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
	{
		Lanes u;

		for (int l = 0; l < LANES; l++)
			u[l] = moved_by(i + (size_t) l, unit, x0, x);
		sums += u * u;
	}
	for (; i < n; i++)
	{
		double u = moved_by(i, unit, x0, x);

		rest += u * u;
	}
	*squares = sum_of(&sums) + rest;
}
ADV_DISPATCH(static, l2_squares,
			 (size_t n, const float *unit, const float *x0, const float *x, double *squares),
			 (n, unit, x0, x, squares))

/* x = x0 + shrink (x - x0), rounded towards x0. */
ADV_LOOP void
shrink_loop(size_t n, double shrink, const float *restrict x0, float *restrict x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = round_towards(x0[i], x0[i] + shrink * ((double) x[i] - x0[i]));
}
ADV_DISPATCH(static, shrink, (size_t n, double shrink, const float *x0, float *x), (n, shrink, x0, x))

void
adv_ball_project(const AdvRegion *in, float *x)
{
	double distance = 0;

	if (in->ball->norm == ADV_NORM_L2)
	{
		l2_squares(in->n, in->ball->unit, in->x0, x, &distance);
		distance = sqrt(distance);
	}
	if (distance > in->eps)
		shrink(in->n, in->eps / distance, in->x0, x);
	for (size_t i = 0; i < in->n; i++)
		x[i] = clamp(x[i], in->low[i], in->high[i]);
}

void
adv_ball_stretch(const AdvRegion *in, float *x)
{
	double distance = adv_ball_distance(in->ball, in->n, in->x0, x);

	if (!(distance > 0))
		return;
	for (size_t i = 0; i < in->n; i++)
		x[i] = (float) (in->x0[i] + ((double) x[i] - in->x0[i]) * (in->eps / distance));
	adv_ball_project(in, x);
}

/* The first random number of a restart: each has one for every input, and one more. */
static uint64_t
first_of(const AdvRegion *in, const AdvDraw *draw)
{
	return draw->restart * ((uint64_t) in->n + 1);
}

/* A standard normal number for an input that can move, 0 for another. */
static double
normal_of(const AdvRegion *in, const AdvDraw *draw, size_t i)
{
	return adv_ball_moves(in, i) ? adv_normal(draw->seed, ADV_FOR_ATTACK, draw->key, first_of(in, draw) + i)
								 : 0;
}

/* L2: a direction from independent normal numbers, and a radius whose power is uniform, by the number of inputs that can move. */
static void
random_in_l2(const AdvRegion *in, const AdvDraw *draw, float *x)
{
	size_t moving = 0;
	double squares = 0;
	double radius;

	for (size_t i = 0; i < in->n; i++)
	{
		double u = normal_of(in, draw, i);

		squares += u * u;
		moving += adv_ball_moves(in, i);
	}
	radius = in->eps * pow(adv_uniform(draw->seed, ADV_FOR_ATTACK, draw->key, first_of(in, draw) + in->n),
						   1 / fmax((double) moving, 1));
	for (size_t i = 0; i < in->n; i++)
	{
		double u = normal_of(in, draw, i);

		x[i] =
			(float) (in->x0[i] + (squares > 0 ? radius * u / sqrt(squares) : 0) * adv_ball_unit(in->ball, i));
	}
	adv_ball_project(in, x);
}

void
adv_ball_random(const AdvRegion *in, const AdvDraw *draw, float *x)
{
	uint64_t first = first_of(in, draw);

	if (in->ball->norm == ADV_NORM_L2)
	{
		random_in_l2(in, draw, x);
		return;
	}
	for (size_t i = 0; i < in->n; i++)
	{
		double u = adv_uniform(draw->seed, ADV_FOR_ATTACK, draw->key, first + i);

		x[i] = clamp((float) (in->x0[i] + in->eps * adv_ball_unit(in->ball, i) * (2 * u - 1)), in->low[i],
					 in->high[i]);
	}
}

void
adv_ball_nearby(const AdvRegion *in, const AdvDraw *draw, float *x)
{
	uint64_t first = first_of(in, draw);

	for (size_t i = 0; i < in->n; i++)
	{
		double z = adv_normal(draw->seed, ADV_FOR_ATTACK, draw->key, first + i);
		float near = nearest_float(in->x0[i] + NEARBY * fmax(in->eps, 1) * adv_ball_unit(in->ball, i) * z);

		x[i] = neighbour(near, near == in->x0[i] ? (z > 0) - (z < 0) : 0);
	}
	adv_ball_project(in, x);
}

/* x = x0 + sigma unit z, where there is a unit. */
ADV_LOOP void
add_noise_loop(size_t n, double sigma, const float *unit, const float *x0, const float *restrict z, float *x)
{
	ADV_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		double u = unit ? unit[i] : 1;
		float moved = nearest_float((double) x0[i] + sigma * u * z[i]);

		x[i] = u > 0 ? moved : x0[i];
	}
}
ADV_DISPATCH(static, add_noise,
			 (size_t n, double sigma, const float *unit, const float *x0, const float *z, float *x),
			 (n, sigma, unit, x0, z, x))

/* What does not move at the ends of a run of inputs is not worth numbers. */
void
adv_ball_noise(const AdvBall *ball, size_t n, const float *x0, double sigma, AdvPurpose purpose,
			   const AdvDraw *draw, float *x)
{
	uint64_t blocks = ((uint64_t) n + ADV_NORMAL_BLOCK - 1) / ADV_NORMAL_BLOCK;
	float z[NOISE_RUN];

	if (x != x0)
		memcpy(x, x0, sizeof(float) * n);
	for (size_t begin = 0; begin < n; begin += NOISE_RUN)
	{
		size_t end = begin + NOISE_RUN < n ? begin + NOISE_RUN : n;
		size_t first = begin, block;

		while (first < end && adv_ball_unit(ball, first) == 0)
			first++;
		while (end > first && adv_ball_unit(ball, end - 1) == 0)
			end--;
		if (first == end)
			continue;
		block = first / ADV_NORMAL_BLOCK;
		adv_normals(draw->seed, purpose, draw->key, draw->restart * blocks + block,
					(end - 1) / ADV_NORMAL_BLOCK - block + 1, z);
		add_noise(end - first, sigma, ball->unit ? ball->unit + first : NULL, x0 + first,
				  z + first % ADV_NORMAL_BLOCK, x + first);
	}
}

/* A step smaller than what separates floats here moves by one float: it must not be lost where x is large. */
ADV_LOOP void
linf_step_loop(size_t n, float step, const float *restrict unit, const float *restrict low,
			   const float *restrict high, const float *restrict gradient, float *restrict x)
{
	int32_t ascent = signbit(step) ? -1 : 1;

	for (size_t i = 0; i < n; i++)
	{
		float size = unit ? step * unit[i] : step;
		int32_t sign = (gradient[i] > 0) - (gradient[i] < 0);
		float moved = x[i] + (float) sign * size;

		moved = neighbour(moved, moved == x[i] ? sign * ascent : 0);
		x[i] = clamp(moved, low[i], high[i]);
	}
}
ADV_DISPATCH(static, linf_step,
			 (size_t n, float step, const float *unit, const float *low, const float *high,
			  const float *gradient, float *x),
			 (n, step, unit, low, high, gradient, x))

/* *squares = |unit g|_2 squared: in units, the gradient is unit * g. */
ADV_LOOP void
l2_gradient_loop(size_t n, const float *unit, const float *gradient, double *squares)
{
	Lanes sums = {0};
	double rest = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
	{
		Lanes g;

		for (int l = 0; l < LANES; l++)
			g[l] = (double) gradient[i + l] * (unit ? unit[i + l] : 1);
		sums += g * g;
	}
	for (; i < n; i++)
	{
		double g = (double) gradient[i] * (unit ? unit[i] : 1);

		rest += g * g;
	}
	*squares = sum_of(&sums) + rest;
}
ADV_DISPATCH(static, l2_gradient, (size_t n, const float *unit, const float *gradient, double *squares),
			 (n, unit, gradient, squares))

/* x = x + size unit^2 g, and whether that moved anything. */
ADV_LOOP void
l2_move_loop(size_t n, double size, const float *unit, const float *restrict gradient, float *restrict x,
			 int32_t *moved)
{
	int32_t any = 0;

	for (size_t i = 0; i < n; i++)
	{
		double u = unit ? unit[i] : 1;
		float to = nearest_float((double) x[i] + size * gradient[i] * u * u);

		any |= to != x[i];
		x[i] = to;
	}
	*moved = any;
}
ADV_DISPATCH(static, l2_move,
			 (size_t n, double size, const float *unit, const float *gradient, float *x, int32_t *moved),
			 (n, size, unit, gradient, x, moved))

/* A step that is lost between floats moves the input that it would move most, by one float. */
static void
l2_nudge(const AdvRegion *in, double alpha, const float *gradient, float *x)
{
	double most = 0;
	size_t at = 0;

	for (size_t i = 0; i < in->n; i++)
	{
		double u = adv_ball_unit(in->ball, i);
		double size = fabs(gradient[i] * u * u);

		if (size > most)
		{
			most = size;
			at = i;
		}
	}
	x[at] = neighbour(x[at], most == 0 ? 0 : (gradient[at] > 0) == (alpha > 0) ? 1 : -1);
}

static void
l2_step(const AdvRegion *in, double alpha, const float *gradient, float *x)
{
	double squares;
	int32_t moved;

	l2_gradient(in->n, in->ball->unit, gradient, &squares);
	if (squares == 0)
		return;
	l2_move(in->n, alpha / sqrt(squares), in->ball->unit, gradient, x, &moved);
	if (!moved)
		l2_nudge(in, alpha, gradient, x);
	adv_ball_project(in, x);
}

void
adv_ball_step(const AdvRegion *in, double alpha, const float *gradient, float *x)
{
	if (in->ball->norm == ADV_NORM_LINF)
		linf_step(in->n, (float) alpha, in->ball->unit, in->low, in->high, gradient, x);
	else
		l2_step(in, alpha, gradient, x);
}

double
adv_ball_distance(const AdvBall *ball, size_t n, const float *x0, const float *x)
{
	double largest = 0;
	double squares;

	for (size_t i = 0; i < n; i++)
	{
		if (adv_ball_unit(ball, i) == 0 && x[i] != x0[i])
			return INFINITY;
		largest = fmax(largest, fabs(moved_by(i, ball->unit, x0, x)));
	}
	l2_squares(n, ball->unit, x0, x, &squares);
	return ball->norm == ADV_NORM_LINF ? largest : sqrt(squares);
}
