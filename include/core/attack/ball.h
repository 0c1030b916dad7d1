/*
 * ball.h
 *		The set of perturbed inputs an attack may visit: an eps-ball around x, in units of each input, within a clip range.
 *
 * A perturbation d = x' - x is measured in units: u_i = d_i / unit_i, and |u|_inf or |u|_2 is at most eps. An input whose unit is 0
 * does not move at all. Values outside of the clip range to begin with may stay where they are. All results are float32 values
 * that keep to the ball as they stand: bounds are computed in double precision and rounded towards x.
 */
#ifndef ADV_BALL_H
#define ADV_BALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/rng.h"

#define ADV_EPS_TOLERANCE 1e-6 /* a distance may be larger than eps by this share of it */

typedef enum AdvNorm
{
	ADV_NORM_LINF = 0,
	ADV_NORM_L2
} AdvNorm;

typedef struct AdvBall
{
	int32_t norm;      /* AdvNorm */
	const float *unit; /* (inputs), channels last, >= 0; NULL: 1 everywhere */
	double low;        /* clip range; -INFINITY, INFINITY: none */
	double high;
} AdvBall;

/* What the perturbed input of one row may be: within eps of x0, and within bounds. */
typedef struct AdvRegion
{
	const AdvBall *ball;
	size_t n;          /* values of an input */
	const float *x0;   /* (n), channels last */
	const float *low;  /* (n), as adv_ball_bounds gives them for this eps */
	const float *high; /* (n) */
	double eps;
} AdvRegion;

/* How much of input i is 1. */
static inline float
adv_ball_unit(const AdvBall *ball, size_t i)
{
	return ball->unit ? ball->unit[i] : 1;
}

/* Whether input i may be anything but what it is. */
static inline bool
adv_ball_moves(const AdvRegion *in, size_t i)
{
	return adv_ball_unit(in->ball, i) > 0 && in->low[i] < in->high[i];
}

/* The value of input i that is nearest to x. */
static inline float
adv_ball_clamp(const AdvRegion *in, size_t i, double x)
{
	return x <= in->low[i] ? in->low[i] : x >= in->high[i] ? in->high[i] : (float) x;
}

/* What random numbers of a row are drawn from: its outcome depends on nothing else. */
typedef struct AdvDraw
{
	uint64_t seed;
	uint64_t key; /* the row's */
	uint64_t restart;
} AdvDraw;

/*
 * What each of the n values of x' may be: low, high (n). L-infinity: the eps-box within the clip range; L2: the clip range alone.
 * Inputs with unit 0 have low = high = x0.
 */
extern void adv_ball_bounds(const AdvBall *ball, size_t n, const float *x0, double eps, float *low,
							float *high);

/*
 * x (n) = a random point of the ball around x0, drawn from (seed, ADV_FOR_ATTACK, key, restart): L-infinity: uniform in the box; L2:
 * uniform in the ball of those inputs that can move (unit > 0 and low < high), an ellipsoid where their units differ; then clipped.
 */
extern void adv_ball_random(const AdvRegion *in, const AdvDraw *draw, float *x);

/*
 * x (n) = a random point near x0, drawn likewise: x0 + 0.001 N(0, 1) in units, as TRADES starts (Zhang et al. 2019), then brought into
 * the ball. Where eps is more than a unit it is 0.001 eps, and each input moves by one float at least: at x0 itself there is no slope.
 */
extern void adv_ball_nearby(const AdvRegion *in, const AdvDraw *draw, float *x);

/*
 * x (n) = x0 + sigma N(0, 1), in units, drawn from (seed, purpose, key, restart) independently for each input. Noise knows neither eps nor the clip
 * range; inputs with unit 0 keep their bits. x may be x0 itself.
 */
extern void adv_ball_noise(const AdvBall *ball, size_t n, const float *x0, double sigma, AdvPurpose purpose,
						   const AdvDraw *draw, float *x);

/*
 * One ascent step of size alpha (units) along gradient (n), then projection and clipping, in place (Madry et al. 2018).
 * L-infinity: x + alpha unit sign(g), sign(0) = 0. L2: in units, x + alpha g / |g|_2 for any g but 0, scaled back onto the ball.
 * Descent: a negative alpha. A step that is too small for single precision is not lost: L-infinity: each input moves by one float at
 * least; L2: one input does.
 */
extern void adv_ball_step(const AdvRegion *in, double alpha, const float *gradient, float *x);

/* Move x (n) away from x0 or towards it until it is eps away, and bring it into the clip range, in place; x0 itself stays. */
extern void adv_ball_stretch(const AdvRegion *in, float *x);

/* Bring any x (n) into the ball and the clip range, in place. */
extern void adv_ball_project(const AdvRegion *in, float *x);

/* |x - x0| in the ball's norm and units; INFINITY when an input of unit 0 differs. */
extern double adv_ball_distance(const AdvBall *ball, size_t n, const float *x0, const float *x);

#endif
