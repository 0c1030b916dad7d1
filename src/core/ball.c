/*
 * ball.c
 *		The set of perturbed inputs an attack may visit. See ball.h.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/ball.h"
#include "core/rng.h"
#include "dispatch.h"

static float
unit_of(const AdvBall *ball, size_t i)
{
	return ball->unit ? ball->unit[i] : 1;
}

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

/* The float32 nearest to y that is not farther from x than y is. */
ADV_LOOP float
round_towards(float x, double y)
{
	double finite = y > FLT_MAX ? FLT_MAX : y < -FLT_MAX ? -FLT_MAX : y;
	float rounded = (float) finite;
	int32_t down = (y >= x) & ((double) rounded > y);
	int32_t up = (y < x) & ((double) rounded < y);

	return neighbour(rounded, up - down);
}

void
adv_ball_bounds(const AdvBall *ball, size_t n, const float *x0, double eps, float *low, float *high)
{
	for (size_t i = 0; i < n; i++)
	{
		float unit = unit_of(ball, i);
		double reach = ball->norm == ADV_NORM_LINF ? eps * unit : INFINITY;
		double below = (double) x0[i] - reach;
		double above = (double) x0[i] + reach;

		if (unit == 0)
			below = above = x0[i];
		below = fmin(fmax(below, ball->low), x0[i]);
		above = fmax(fmin(above, ball->high), x0[i]);
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

/* d / unit, 0 for an input that does not move. */
static double
in_units(const AdvBall *ball, size_t i, double d)
{
	float unit = unit_of(ball, i);

	return unit > 0 ? d / unit : 0;
}

/* |x - x0|_2 in units, over the inputs that may move. */
static double
l2_distance(const AdvBall *ball, size_t n, const float *x0, const float *x)
{
	double squares = 0;

	for (size_t i = 0; i < n; i++)
	{
		double u = in_units(ball, i, (double) x[i] - x0[i]);

		squares += u * u;
	}
	return sqrt(squares);
}

void
adv_ball_project(const AdvBall *ball, size_t n, const float *x0, double eps, const float *low,
				 const float *high, float *x)
{
	double distance = ball->norm == ADV_NORM_L2 ? l2_distance(ball, n, x0, x) : 0;

	if (distance > eps)
	{
		double shrink = eps / distance;

		for (size_t i = 0; i < n; i++)
			x[i] = round_towards(x0[i], x0[i] + shrink * ((double) x[i] - x0[i]));
	}
	for (size_t i = 0; i < n; i++)
		x[i] = clamp(x[i], low[i], high[i]);
}

void
adv_ball_random(const AdvBall *ball, size_t n, const float *x0, double eps, const float *low,
				const float *high, uint64_t seed, uint64_t key, uint64_t restart, float *x)
{
	uint64_t first = restart * ((uint64_t) n + 1);
	double squares = 0;
	double radius;

	if (ball->norm == ADV_NORM_LINF)
	{
		for (size_t i = 0; i < n; i++)
		{
			double u = adv_uniform(seed, ADV_FOR_ATTACK, key, first + i);

			x[i] = clamp((float) (x0[i] + eps * unit_of(ball, i) * (2 * u - 1)), low[i], high[i]);
		}
		return;
	}

	/* a direction from independent normal numbers, a radius whose n-th power is uniform */
	for (size_t i = 0; i < n; i++)
	{
		double u = unit_of(ball, i) > 0 ? adv_normal(seed, ADV_FOR_ATTACK, key, first + i) : 0;

		squares += u * u;
	}
	radius = eps * pow(adv_uniform(seed, ADV_FOR_ATTACK, key, first + n), 1.0 / (double) n);
	for (size_t i = 0; i < n; i++)
	{
		double u = unit_of(ball, i) > 0 ? adv_normal(seed, ADV_FOR_ATTACK, key, first + i) : 0;

		x[i] = (float) (x0[i] + (squares > 0 ? radius * u / sqrt(squares) : 0) * unit_of(ball, i));
	}
	adv_ball_project(ball, n, x0, eps, low, high, x);
}

ADV_LOOP void
linf_step_loop(size_t n, float step, const float *restrict unit, const float *restrict low,
			   const float *restrict high, const float *restrict gradient, float *restrict x)
{
	for (size_t i = 0; i < n; i++)
	{
		float size = unit ? step * unit[i] : step;
		float moved = x[i] + (gradient[i] > 0 ? size : gradient[i] < 0 ? -size : 0);

		x[i] = clamp(moved, low[i], high[i]);
	}
}
ADV_DISPATCH(static, linf_step,
			 (size_t n, float step, const float *unit, const float *low, const float *high,
			  const float *gradient, float *x),
			 (n, step, unit, low, high, gradient, x))

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

/* How far input i is from x0 after a step of the given size, in units. */
ADV_LOOP double
l2_moved(size_t i, double size, const float *unit, const float *x0, const float *gradient, const float *x)
{
	double d = (double) x[i] - x0[i];
	double u = unit ? unit[i] : 1;

	return (unit ? (u > 0 ? d / u : 0) : d) + size * gradient[i] * u;
}

/* *squares = the squared distance after the step. */
ADV_LOOP void
l2_distance_after_loop(size_t n, double size, const float *unit, const float *x0, const float *gradient,
					   const float *x, double *squares)
{
	Lanes sums = {0};
	double rest = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
	{
		Lanes u;

		for (int l = 0; l < LANES; l++)
			u[l] = l2_moved(i + (size_t) l, size, unit, x0, gradient, x);
		sums += u * u;
	}
	for (; i < n; i++)
	{
		double u = l2_moved(i, size, unit, x0, gradient, x);

		rest += u * u;
	}
	*squares = sum_of(&sums) + rest;
}
ADV_DISPATCH(static, l2_distance_after,
			 (size_t n, double size, const float *unit, const float *x0, const float *gradient,
			  const float *x, double *squares),
			 (n, size, unit, x0, gradient, x, squares))

/* The step itself, shrunk onto the ball and rounded towards x0. */
ADV_LOOP void
l2_apply_loop(size_t n, double size, double shrink, const float *unit, const float *restrict x0,
			  const float *restrict low, const float *restrict high, const float *restrict gradient,
			  float *restrict x)
{
	for (size_t i = 0; i < n; i++)
	{
		double u = unit ? unit[i] : 1;
		double d = (double) x[i] - x0[i] + size * gradient[i] * u * u;

		x[i] = clamp(round_towards(x0[i], x0[i] + shrink * d), low[i], high[i]);
	}
}
ADV_DISPATCH(static, l2_apply,
			 (size_t n, double size, double shrink, const float *unit, const float *x0, const float *low,
			  const float *high, const float *gradient, float *x),
			 (n, size, shrink, unit, x0, low, high, gradient, x))

static void
l2_step(const AdvBall *ball, size_t n, const float *x0, double eps, double alpha, const float *low,
		const float *high, const float *gradient, float *x)
{
	double squares, size, distance;

	l2_gradient(n, ball->unit, gradient, &squares);
	size = alpha / (sqrt(squares) + 1e-12);
	l2_distance_after(n, size, ball->unit, x0, gradient, x, &squares);
	distance = sqrt(squares);
	l2_apply(n, size, distance > eps ? eps / distance : 1, ball->unit, x0, low, high, gradient, x);
}

void
adv_ball_step(const AdvBall *ball, size_t n, const float *x0, double eps, double alpha, const float *low,
			  const float *high, const float *gradient, float *x)
{
	if (ball->norm == ADV_NORM_LINF)
		linf_step(n, (float) alpha, ball->unit, low, high, gradient, x);
	else
		l2_step(ball, n, x0, eps, alpha, low, high, gradient, x);
}

double
adv_ball_distance(const AdvBall *ball, size_t n, const float *x0, const float *x)
{
	double largest = 0;

	for (size_t i = 0; i < n; i++)
	{
		double d = fabs((double) x[i] - x0[i]);

		if (unit_of(ball, i) == 0 && d > 0)
			return INFINITY;
		largest = fmax(largest, in_units(ball, i, d));
	}
	return ball->norm == ADV_NORM_LINF ? largest : l2_distance(ball, n, x0, x);
}
