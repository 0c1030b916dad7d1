/*
 * test_ball.c
 *		Balls of perturbed inputs and grids: against reference iterates, and kept to in single precision.
 */
#include <float.h>
#include <stdlib.h>

#include "core/attack/attack.h"
#include "core/network/loss.h"
#include "core/base/rng.h"
#include "golden.h"
#include "passes.h"
#include "tap.h"

#define N 64

static void
copy_floats(float *dst, const GoldenTensor *t)
{
	for (size_t i = 0; i < t->n; i++)
		dst[i] = (float) t->value[i];
}

/* ---- reference iterates ---- */

/* A reference attack: a network, its rows, and the ball they are perturbed in. */
typedef struct Reference
{
	Golden golden;
	AdvNetwork net;
	AdvWorkspace ws;
	AdvBall ball;
	int rows;
	double eps;
	double alpha;
	float *params;
	float *x0; /* (rows, inputs), channels last */
	int32_t *label;
	void *memory;
} Reference;

static float *
floats(size_t n)
{
	float *x = calloc(n, sizeof(float));

	if (!x)
		bail_out("out of memory");
	return x;
}

static bool
read_reference(Reference *r, const char *file, const char *arch, AdvShape shape, int classes, AdvNorm norm)
{
	Golden *g = &r->golden;
	size_t size = adv_shape_size(shape), at = 0;
	AdvError err;
	float *plain;

	if (!golden_read(g, file))
	{
		skip(file, "there is no such reference file");
		return false;
	}
	if (adv_network_parse(&r->net, arch, shape, classes, false, &err) != ADV_OK)
		bail_out(err.message);
	r->rows = (int) golden_get(g, "x")->dim[0];
	r->eps = golden_get(g, "eps_alpha")->value[0];
	r->alpha = golden_get(g, "eps_alpha")->value[1];
	r->ball = (AdvBall){norm, NULL, golden_get(g, "clip")->value[0], golden_get(g, "clip")->value[1]};
	r->params = floats(r->net.n_params);
	for (int i = 0; at < r->net.n_params; at += golden_get(g, "w%d", i++)->n)
		copy_floats(r->params + at, golden_get(g, "w%d", i));
	plain = floats(golden_get(g, "x")->n);
	copy_floats(plain, golden_get(g, "x"));
	r->x0 = floats(golden_get(g, "x")->n);
	r->label = calloc((size_t) r->rows, sizeof(int32_t));
	for (int i = 0; i < r->rows; i++)
	{
		adv_to_channels_last(shape, plain + i * size, r->x0 + i * size);
		r->label[i] = (int32_t) golden_get(g, "y")->value[i];
	}
	free(plain);
	r->memory = aligned_alloc(64, adv_workspace_size(&r->net, r->rows, ADV_PASS_BACKWARD));
	if (!r->memory)
		bail_out("out of memory");
	adv_workspace_init(&r->ws, &r->net, r->rows, ADV_PASS_BACKWARD, r->memory);
	return true;
}

static void
free_reference(Reference *r)
{
	golden_free(&r->golden);
	free(r->params);
	free(r->x0);
	free(r->label);
	free(r->memory);
}

/* One step of all rows, by the gradient of the cross-entropy or of the log-odds: their directions are the same. */
static void
step_rows(Reference *r, bool odds)
{
	size_t size = adv_shape_size(r->net.input);
	int classes = r->net.classes;
	const float *logits = r->ws.act[r->net.n_layers];
	float *d_logits = r->ws.d_act[r->net.n_layers];
	float *low = floats(size), *high = floats(size);
	int64_t correct = 0;

	load_and_forward(&r->ws, r->params, r->rows);
	if (odds)
		for (int i = 0; i < r->rows; i++)
			adv_log_odds(classes, logits + i * classes, r->label[i], d_logits + i * classes);
	else
		adv_cross_entropy(r->rows, classes, logits, r->label, 1, NULL, d_logits, &correct);
	adv_backward(&r->ws, r->rows, NULL, false, true);
	for (int i = 0; i < r->rows; i++)
	{
		adv_ball_bounds(&r->ball, size, r->x0 + i * size, r->eps, low, high);
		adv_ball_step(&(AdvRegion){&r->ball, size, r->x0 + i * size, low, high, r->eps}, r->alpha,
					  r->ws.d_act[0] + i * size, r->ws.act[0] + i * size);
	}
	free(low);
	free(high);
}

static void
test_golden(const char *file, const char *arch, AdvShape shape, int classes, AdvNorm norm)
{
	static Reference r;
	size_t size = adv_shape_size(shape);

	for (int odds = 0; odds < 2; odds++)
	{
		double worst = 0;
		float *x;

		if (!read_reference(&r, file, arch, shape, classes, norm))
			return;
		x = floats(r.rows * size);
		memcpy(r.ws.act[0], r.x0, sizeof(float) * r.rows * size);
		for (int t = 0; t < 7; t++)
		{
			const GoldenTensor *expected = golden_get(&r.golden, "iterate%d", t);

			step_rows(&r, odds);
			for (int i = 0; i < r.rows; i++)
				adv_to_channels_first(shape, r.ws.act[0] + i * size, x + i * size);
			worst = fmax(worst, relative_error(expected->n, x, expected->value));
		}
		okf(worst < 1e-5, "%s: every iterate, by the %s", file, odds ? "log-odds" : "cross-entropy");
		if (worst >= 1e-5)
			diag("difference %g", worst);
		free(x);
		free_reference(&r);
	}
}

/* ---- balls in single precision ---- */

/* Inputs of all sizes: bytes, raw weights whose float32 values are 0.06 or 8 apart, negative zeros, very small ones. */
static void
make_inputs(float *x0)
{
	const float scale[] = {0.3f, 1e6f, 1e8f, -0.0f, 1e-6f, -1e6f, 255, -1};

	for (size_t i = 0; i < N; i++)
		x0[i] = scale[i % 8] * (float) (1 + adv_uniform(1, ADV_FOR_ATTACK, 0, i));
}

/* Whether x keeps to the ball as it stands, computed anew in double precision. */
static bool
inside(const AdvBall *ball, const float *x0, double eps, const float *x)
{
	double squares = 0;

	for (size_t i = 0; i < N; i++)
	{
		double unit = ball->unit ? ball->unit[i] : 1;
		double d = fabs((double) x[i] - x0[i]);

		if (!(x[i] >= fmin(ball->low, x0[i]) && x[i] <= fmax(ball->high, x0[i])))
			return false;
		if (unit == 0 && memcmp(&x[i], &x0[i], sizeof(float)) != 0)
			return false;
		if (unit > 0 && ball->norm == ADV_NORM_LINF && d > eps * unit)
			return false;
		squares += unit > 0 ? d / unit * (d / unit) : 0;
	}
	return ball->norm == ADV_NORM_LINF || sqrt(squares) <= eps * (1 + 1e-12);
}

/* Random points, steps either way and projections from outside, at one eps. */
static void
test_ball(const AdvBall *ball, double eps, const char *name)
{
	float x0[N], low[N], high[N], x[N], before[N], gradient[N];
	bool start = true, step = true, project = true, box = true, distance = true, moved = eps == 0;

	make_inputs(x0);
	adv_ball_bounds(ball, N, x0, eps, low, high);
	for (size_t i = 0; i < N; i++)
		box = box && low[i] <= x0[i] && x0[i] <= high[i];
	for (uint64_t key = 0; key < 20; key++)
	{
		adv_ball_random(&(AdvRegion){ball, N, x0, low, high, eps}, &(AdvDraw){3, key, key % 3}, x);
		start = start && inside(ball, x0, eps, x);
		for (int t = 0; t < 20; t++)
		{
			for (size_t i = 0; i < N; i++)
				gradient[i] = (float) adv_normal(5, ADV_FOR_ATTACK, key, (uint64_t) t * N + i) * 1e-3f;
			memcpy(before, x, sizeof(x));
			adv_ball_step(&(AdvRegion){ball, N, x0, low, high, eps}, (t % 2 ? -1 : 1) * eps * 0.6, gradient,
						  x);
			step = step && inside(ball, x0, eps, x);
			moved = moved || memcmp(x, before, sizeof(x)) != 0;
			distance = distance && adv_ball_distance(ball, N, x0, x) <= eps * (1 + 1e-12);
		}
		for (size_t i = 0; i < N; i++)
			x[i] = (float) (x0[i] + 3 * eps * (adv_uniform(6, ADV_FOR_ATTACK, key, i) - 0.5) *
										(ball->unit ? ball->unit[i] : 1));
		adv_ball_project(&(AdvRegion){ball, N, x0, low, high, eps}, x);
		project = project && inside(ball, x0, eps, x);
	}
	okf(box && start, "%s: random points keep to the ball", name);
	okf(step && moved && distance, "%s: so do steps", name);
	okf(project, "%s: and projections", name);
}

static void
test_bounds(void)
{
	AdvBall ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
	float x0[] = {1e6f, 1234567.9f, 1e8f, 0.1f, -1e8f, 0};
	float low[6], high[6];
	bool tight = true;

	adv_ball_bounds(&ball, 6, x0, 10, low, high);
	for (int i = 0; i < 6; i++)
		tight = tight && (double) high[i] - x0[i] <= 10 && (double) x0[i] - low[i] <= 10 &&
				(double) nextafterf(high[i], INFINITY) - x0[i] > 10 &&
				(double) x0[i] - nextafterf(low[i], -INFINITY) > 10;
	ok(tight, "the box is the largest one of floats within eps");
	ok(high[2] == 1e8f + 8 && low[2] == 1e8f - 8, "1e8 may move by 8, not by 16");

	ball.low = 0;
	ball.high = 1;
	adv_ball_bounds(&ball, 6, (float[]){0.5f, 0, 1, -2, 7, 0.95f}, 0.25, low, high);
	ok(low[0] == 0.25f && high[0] == 0.75f && low[1] == 0 && high[1] == 0.25f && low[2] == 0.75f &&
		   high[2] == 1 && high[5] == 1,
	   "the clip range cuts the box");
	ok(low[3] == -2 && high[3] == -1.75f && low[4] == 6.75f && high[4] == 7,
	   "what lies outside to begin with may stay, or come in");
}

static void
test_steps(void)
{
	AdvBall ball = {ADV_NORM_LINF, (float[]){1, 2, 1}, -INFINITY, INFINITY};
	float x0[] = {0, 0, 0}, low[3], high[3], x[] = {0, 0, 0};
	double l2;

	adv_ball_bounds(&ball, 3, x0, 1, low, high);
	adv_ball_step(&(AdvRegion){&ball, 3, x0, low, high, 1}, 0.25, (float[]){1e-30f, -5, 0}, x);
	ok(x[0] == 0.25f && x[1] == -0.5f && x[2] == 0, "signs decide, units scale, sign(0) is 0");
	ok(adv_ball_distance(&ball, 3, x0, x) == 0.25, "distances are in units");
	ball.norm = ADV_NORM_L2;
	memset(x, 0, sizeof(x));
	adv_ball_step(&(AdvRegion){&ball, 3, x0, low, high, 1}, 0.5, (float[]){3, 2, 0}, x);
	l2 = adv_ball_distance(&ball, 3, x0, x);
	ok(fabs(l2 - 0.5) < 1e-6 && fabsf(x[0] - 0.3f) < 1e-6f && fabsf(x[1] - 0.8f) < 1e-6f,
	   "L2: a step of length alpha along the gradient, both in units");
	adv_ball_step(&(AdvRegion){&ball, 3, x0, low, high, 1}, 7, (float[]){3, 2, 0}, x);
	l2 = adv_ball_distance(&ball, 3, x0, x);
	ok(l2 <= 1 && l2 > 1 - 1e-6, "L2: scaled back onto the ball");
	ball.unit = (float[]){1, 0, 1};
	ok(adv_ball_distance(&ball, 3, x0, (float[]){0, 1e-30f, 0}) == INFINITY, "unit 0: no distance allows it");
}

/* L2: the length of a step is alpha whatever the gradient's is, down to denormal numbers. */
static void
test_gradient_sizes(void)
{
	const float sizes[] = {1e-45f, 1e-40f, 1e-30f, 1e-12f, 1, 1e12f, 1e30f, 1e38f};
	AdvBall ball = {ADV_NORM_L2, NULL, -INFINITY, INFINITY};
	float tiny_unit[N], gradient[N];
	double worst = 0, worst_in_units = 0;

	for (int i = 0; i < N; i++)
		tiny_unit[i] = 1e-20f * (float) (1 + i % 3);
	for (size_t k = 0; k < sizeof(sizes) / sizeof(float); k++)
		for (size_t n = 1; n <= N; n *= 2)
		{
			float x0[N] = {0}, low[N], high[N], x[N] = {0};

			for (size_t i = 0; i < n; i++)
				gradient[i] = (i % 2 ? -3 : 2) * sizes[k];
			ball.unit = NULL;
			adv_ball_bounds(&ball, n, x0, 1, low, high);
			adv_ball_step(&(AdvRegion){&ball, n, x0, low, high, 1}, 0.25, gradient, x);
			worst = fmax(worst, fabs(adv_ball_distance(&ball, n, x0, x) - 0.25));
			ball.unit = tiny_unit;
			memset(x, 0, sizeof(x));
			adv_ball_step(&(AdvRegion){&ball, n, x0, low, high, 1}, 0.25, gradient, x);
			worst_in_units = fmax(worst_in_units, fabs(adv_ball_distance(&ball, n, x0, x) - 0.25));
		}
	okf(worst < 1e-6 && worst_in_units < 1e-6, "L2: the gradient's size does not matter: %g, %g", worst,
		worst_in_units);
}

/* Steps of an eighth of eps where floats are a quarter of eps apart, or half: the attack gets to the end of the ball. */
static void
test_lost_steps(void)
{
	const double eps[] = {512, 300, 150};

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
		for (int k = 0; k < 3; k++)
		{
			AdvBall ball = {norm, NULL, -INFINITY, INFINITY};
			float x0[] = {1764000000, 3}, low[2], high[2], x[] = {1764000000, 3}; /* floats are 128 apart */
			float reached = (float) (x0[0] + 128 * floor(eps[k] / 128));

			adv_ball_bounds(&ball, 2, x0, eps[k], low, high);
			for (int step = 0; step < 20; step++)
				adv_ball_step(&(AdvRegion){&ball, 2, x0, low, high, eps[k]}, eps[k] / 8, (float[]){1e-9f, 0},
							  x);
			okf(x[0] == reached && x[1] == 3, "%s: steps between floats are not lost at eps %g",
				norm == ADV_NORM_L2 ? "L2" : "L-infinity", eps[k]);
			for (int step = 0; step < 20; step++)
				adv_ball_step(&(AdvRegion){&ball, 2, x0, low, high, eps[k]}, -eps[k] / 8, (float[]){1e-9f, 0},
							  x);
			ok(x[0] == 2 * x0[0] - reached, "nor those back");
		}
}

/* Uniform in the box and in the L2 ball, as far as moments tell. */
static void
test_random(void)
{
	enum
	{
		inputs = 3,
		points = 4000
	};
	float x0[inputs] = {0}, low[inputs], high[inputs], x[inputs];
	double mean[2] = {0}, within_half[2] = {0};

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
	{
		AdvBall ball = {norm, NULL, -INFINITY, INFINITY};

		adv_ball_bounds(&ball, inputs, x0, 2, low, high);
		for (uint64_t key = 0; key < points; key++)
		{
			adv_ball_random(&(AdvRegion){&ball, inputs, x0, low, high, 2}, &(AdvDraw){1, key, 0}, x);
			mean[norm] += x[0] / points;
			within_half[norm] += (adv_ball_distance(&ball, inputs, x0, x) < 1) / (double) points;
		}
	}
	/* 4 standard errors: 2 / sqrt(3), 2 / sqrt(5) for one point's x; sqrt(1/8 * 7/8) */
	ok(fabs(mean[0]) < 0.08 && fabs(mean[1]) < 0.06, "random points have no bias");
	ok(fabs(within_half[0] - 0.125) < 0.022 && fabs(within_half[1] - 0.125) < 0.022,
	   "an eighth of them lies within half of the radius");
}

/* The mean radius of points that are uniform in a ball of n dimensions is n / (n + 1), whatever else there is that does not move. */
static void
test_radius(void)
{
	enum
	{
		points = 4000
	};
	const struct
	{
		const char *name;
		size_t moving;
		float unit[12];
		float x0;
		double clip; /* the clip range is this alone for x0 */
	} cases[] = {{"1 of 12", 1, {0, 0, 0, 0, 0, 2}, 1, NAN},
				 {"4 of 12", 4, {0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0}, 1, NAN},
				 {"4 of 12, unequal units", 4, {0, 1e-3f, 0, 1, 0, 0, 50, 0, 0, 0, 7e5f, 0}, 0, NAN},
				 {"12 of 12", 12, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, NAN},
				 {"none that may leave its clip range", 0, {1, 1, 1}, 0.5f, 0.5}};

	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++)
	{
		AdvBall ball = {ADV_NORM_L2, cases[k].unit, -INFINITY, INFINITY};
		float x0[12], low[12], high[12], x[12];
		double mean = 0, axis[12] = {0}, right = (double) cases[k].moving / (double) (cases[k].moving + 1);
		bool round = true;

		for (int i = 0; i < 12; i++)
			x0[i] = cases[k].x0;
		if (!isnan(cases[k].clip))
			ball.low = ball.high = cases[k].clip;
		adv_ball_bounds(&ball, 12, x0, 2, low, high);
		for (uint64_t key = 0; key < points; key++)
		{
			adv_ball_random(&(AdvRegion){&ball, 12, x0, low, high, 2}, &(AdvDraw){1, key, 0}, x);
			mean += adv_ball_distance(&ball, 12, x0, x) / 2 / points;
			for (int i = 0; i < 12; i++)
				if (cases[k].unit[i] > 0)
					axis[i] += pow(((double) x[i] - x0[i]) / cases[k].unit[i] / 2, 2) / points;
		}
		/* the variance along each axis, in units of eps: 1 / (n + 2) */
		for (int i = 0; i < 12 && cases[k].moving > 0; i++)
			round =
				round && (cases[k].unit[i] == 0 || fabs(axis[i] * (double) (cases[k].moving + 2) - 1) < 0.1);
		okf(fabs(mean - right) < 0.015 && round,
			"L2: a random start of %s is uniform: mean radius %.3f, %.3f", cases[k].name, mean, right);
	}
}

/* ---- grids ---- */

static const AdvBall linf = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
static const AdvBall l2 = {ADV_NORM_L2, NULL, -INFINITY, INFINITY};

static void
round_to(const AdvGrid *grid, const AdvBall *ball, size_t n, const float *x0, double eps, float *x)
{
	adv_grid_round(grid, ball, n, x0, eps, x);
}

/* The grid of one whole number: where x goes. */
static float
round_one(AdvGrid grid, float x0, double eps, float x)
{
	round_to(&grid, &linf, 1, &x0, eps, &x);
	return x;
}

static void
test_whole(void)
{
	AdvGrid plain = {ADV_GRID_WHOLE, 1, 0, 1, 0, 100};
	AdvGrid scaled = {ADV_GRID_WHOLE, 1, 38.5, 1 / 13.2, 17, 90};
	float age40 = (float) ((40 - scaled.shift) * scaled.factor);
	float age43 = (float) ((43 - scaled.shift) * scaled.factor);

	ok(round_one(plain, 10, 3, 12.6f) == 13 && round_one(plain, 10, 3, 7.4f) == 7,
	   "whole numbers: the nearest");
	ok(round_one(plain, 10, 2.7, 12.7f) == 12 && round_one(plain, 10, 2.7, 7.3f) == 8,
	   "within the ball, or towards where it came from");
	ok(round_one(plain, 10, 0.9, 10.9f) == 10, "no whole number in reach: what it was");
	ok(round_one(plain, 1, 3, -2) == 0 && round_one(plain, 99, 3, 102) == 100,
	   "the range of the column is kept to");
	ok(round_one(plain, 110, 3, 108.2f) == 110 && round_one(plain, 10.5f, 0.3, 10.4f) == 10.5f,
	   "what is no such value to begin with is allowed");
	ok(round_one(plain, 10.5f, 2, 11.8f) == 12 && round_one(plain, 10.5f, 2, 10.5f) == 10.5f,
	   "but becomes one when it is moved");
	ok(!signbit(round_one((AdvGrid){ADV_GRID_WHOLE, 1, 0, 1, -5, 5}, 1, 3, -0.3f)), "zero has no sign");
	ok(round_one(plain, 10, INFINITY, 1e6f) == 100, "far away values too");
	ok(round_one(scaled, age40, 0.25, age43 - 0.01f) == age43,
	   "scaled columns give what the encoder would store");
	ok(round_one((AdvGrid){ADV_GRID_WHOLE, 1, 0, -1, 0, 100}, -10, 2.7, -12.7f) == -12,
	   "columns may be turned round");
}

/* Where a value goes that an attack has led to the end of the ball, up or down; and whether the ball still holds it. */
static double
farthest(const AdvGrid *grid, const AdvBall *ball, double raw, double eps, int side, bool *inside)
{
	float x0 = (float) ((raw - grid->shift) * grid->factor), low, high, x;

	adv_ball_bounds(&(AdvBall){ADV_NORM_LINF, ball->unit, ball->low, ball->high}, 1, &x0, eps, &low, &high);
	x = side > 0 ? high : low;
	adv_grid_round(grid, ball, 1, &x0, eps, &x);
	*inside = *inside && adv_grid_distance(grid, ball, 1, &x0, &x) <= eps * (1 + 1e-6) &&
			  x >= fmin(ball->low, x0) && x <= fmax(ball->high, x0) &&
			  x == (float) ((rint(x / grid->factor + grid->shift) - grid->shift) * grid->factor);
	return rint(x / grid->factor + grid->shift);
}

/* Every byte, over 255, as an image stores it, by every number of levels. */
static void
test_bytes(void)
{
	AdvGrid grid = {ADV_GRID_WHOLE, 1, 0, 1.0 / 255, 0, 255};

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
	{
		AdvBall ball = {norm, NULL, 0, 1};
		bool same = true, inside = true, reached = true, within = true;

		for (int byte = 0; byte < 256; byte++)
		{
			same = same && (float) (byte * grid.factor) == (float) byte / 255.0f;
			for (int k = 1; k < 256; k++)
				for (int side = -1; side <= 1; side += 2)
				{
					double eps = k / 255.0, less = eps * (1 - 1e-4),
						   end = fmin(fmax(byte + side * k, 0), 255);

					reached = reached && farthest(&grid, &ball, byte, eps, side, &inside) == end;
					end = fmin(fmax(byte + side * (k - 1), 0), 255);
					within = within && farthest(&grid, &ball, byte, less, side, &inside) == end;
				}
		}
		okf(same && inside, "%s: bytes stay bytes, to the bit", norm == ADV_NORM_L2 ? "L2" : "L-infinity");
		ok(reached, "they move by k levels at eps = k / 255, wherever they are");
		ok(within, "and by one less where eps is a little smaller");
	}
}

/* Whole numbers in units of all kinds: encoded by a mean and a deviation, measured in deviations that were rounded to floats. */
static void
test_units_of_grids(void)
{
	const struct
	{
		const char *name;
		double shift, factor, eps; /* of one */
		float unit;
		double first, last;
	} cases[] = {{"ordinal", 0, 1, 1, 1, -200, 200},
				 {"standard", 38.5816467, 1 / 13.6404327, 1 / 13.6404327, 1, 17, 90},
				 {"minmax", 17, 1.0 / 73, 1.0 / 73, 1, 17, 90},
				 {"in deviations", 0, 1, 1 / 13.6404327, 13.6404327f, 17, 90},
				 {"by column", 0, 1, 1.0 / 3, 3, 17, 90},
				 {"turned round", 90, -1 / 13.6404327, 1 / 13.6404327, 1, 17, 90},
				 {"far from zero", -1e6, 1 / 7.3, 1 / 7.3, 1, 0, 100},
				 {"seconds", 1.7e9, 1e-7, 1e-7, 1, 1.7e9 - 50, 1.7e9 + 50}};

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
		{
			AdvGrid grid = {ADV_GRID_WHOLE, 1, cases[c].shift, cases[c].factor, cases[c].first,
							cases[c].last};
			AdvBall ball = {norm, &cases[c].unit, -INFINITY, INFINITY};
			bool inside = true, reached = true;

			for (double raw = cases[c].first; raw <= cases[c].last; raw++)
				for (int k = 1; k < 30; k++)
					for (int side = -1; side <= 1; side += 2)
					{
						double end =
							fmin(fmax(raw + (grid.factor > 0 ? side : -side) * k, grid.min), grid.max);

						reached =
							reached && farthest(&grid, &ball, raw, k * cases[c].eps, side, &inside) == end;
					}
			okf(inside && reached, "%s, %s: k at an eps of k", norm == ADV_NORM_L2 ? "L2" : "L-infinity",
				cases[c].name);
		}
}

/* Numbers so large that floats are farther apart than they are stay within the ball as floats. */
static void
test_large_wholes(void)
{
	AdvGrid grid = {ADV_GRID_WHOLE, 1, 0, 1, 0, 2e9};
	bool inside = true, moved = true;

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
		for (int k = 0; k < 300; k++)
		{
			AdvBall ball = {norm, NULL, -INFINITY, INFINITY};
			float x0 = 1e9f, low, high, x; /* floats are 64 apart */

			adv_ball_bounds(&linf, 1, &x0, k, &low, &high);
			x = high;
			adv_grid_round(&grid, &ball, 1, &x0, k, &x);
			inside = inside && fabs((double) x - x0) <= k && adv_grid_distance(&grid, &ball, 1, &x0, &x) <= k;
			moved = moved && x == high;
		}
	ok(inside && moved, "numbers too large to be told apart keep to what floats there are");
}

/* L2: what several inputs share. Bytes again. */
static void
test_shared_distance(void)
{
	enum
	{
		n = 50
	};
	AdvGrid grid[n];
	AdvBall ball = {ADV_NORM_L2, NULL, 0, 1};
	float x0[n], low[n], high[n], x[n];
	double squares = 0;
	bool whole = true;
	int moved = 0, near = 0;

	for (int i = 0; i < n; i++)
	{
		grid[i] = (AdvGrid){ADV_GRID_WHOLE, 1, 0, 1.0 / 255, 0, 255};
		x0[i] = (float) (5 * i) / 255;
	}
	/* one byte by all of eps, others by next to nothing */
	memcpy(x, x0, sizeof(x));
	for (int i = 1; i < n; i++)
		x[i] += 0.02f / 255;
	x[0] = 7.9998f / 255;
	adv_grid_round(grid, &ball, n, x0, 8 / 255.0, x);
	ok(x[0] == 8.0f / 255 && memcmp(x + 1, x0 + 1, sizeof(float) * (n - 1)) == 0,
	   "L2: one byte takes all of eps");
	/* two by what makes eps together, others have no room */
	memcpy(x, x0, sizeof(x));
	x[3] += 2.99999f / 255;
	x[4] += 3.99999f / 255;
	for (int i = 5; i < n; i++)
		x[i] += 0.6e-3f / 255;
	adv_grid_round(grid, &ball, n, x0, 5 / 255.0, x);
	ok(x[3] == 18.0f / 255 && x[4] == 24.0f / 255, "L2: or two, 3 and 4 at 5");
	/* all of them by a little more than a half: as many as fit */
	memcpy(x, x0, sizeof(x));
	for (int i = 0; i < n; i++)
		x[i] += (0.55f + 0.001f * (float) i) / 255;
	adv_grid_round(grid, &ball, n, x0, 4.2 / 255, x);
	for (int i = 0; i < n; i++)
	{
		moved += x[i] != x0[i];
		near += x[i] != x0[i] && i >= n - 17;
	}
	okf(moved == 17 && near == 17, "L2: those nearest to the next byte, as many as there is room for (%d)",
		moved);
	for (int i = 0; i < n; i++)
		x[i] = x0[i] + (float) (adv_normal(3, ADV_FOR_ATTACK, 0, (uint64_t) i) * 10 / 255);
	adv_ball_bounds(&ball, n, x0, 40 / 255.0, low, high);
	adv_ball_project(&(AdvRegion){&ball, n, x0, low, high, 40 / 255.0}, x);
	adv_grid_round(grid, &ball, n, x0, 40 / 255.0, x);
	for (int i = 0; i < n; i++)
	{
		squares += pow(x[i] * 255 - 5 * i, 2);
		whole = whole && fabs(x[i] * 255 - rint(x[i] * 255)) < 1e-4;
	}
	okf(whole && sqrt(squares) <= 40.0001 && sqrt(squares) > 39, "L2: many bytes make use of eps: %.2f of 40",
		sqrt(squares));
}

static void
test_onehot(void)
{
	AdvGrid block[] = {{ADV_GRID_WHOLE, 1, 0, 1, 0, 9}, {ADV_GRID_ONEHOT, 3}, {0}, {0}, {ADV_GRID_FREE, 1}};
	float x0[] = {5, 0, 1, 0, 0.25f}, x[5];
	const float out[] = {6, 0, 0, 1, 0.75f};
	float low[5], high[5];
	AdvBall ball = linf;

	memcpy(x, (float[]){6.2f, 0.1f, 0.5f, 0.6f, 0.75f}, sizeof(x));
	round_to(block, &ball, 5, x0, 1.5, x);
	ok(memcmp(x, out, sizeof(x)) == 0, "one-hot: the vertex of the largest value; others are left alone");
	memcpy(x, (float[]){5.2f, 0.1f, 0.5f, 0.6f, 0.5f}, sizeof(x));
	round_to(block, &ball, 5, x0, 0.7, x);
	ok(memcmp(x + 1, x0 + 1, 3 * sizeof(float)) == 0 && x[4] == 0.5f,
	   "a vertex outside of the ball: the block stays");
	ball.unit = (float[]){1, 1, 1, 0, 1};
	memcpy(x, (float[]){5, 0.1f, 0.5f, 0.6f, 0.5f}, sizeof(x));
	round_to(block, &ball, 5, x0, 2, x);
	ok(x[2] == 1 && x[3] == 0, "so it does when a category may not change");
	memset(x0, 0, sizeof(x0));
	memset(x, 0, sizeof(x));
	round_to(block, &linf, 5, x0, 2, x);
	ok(x[1] == 0, "an unknown category that was not moved stays unknown");

	/* a flip is sqrt(2) away: with the whole number moved too, too far */
	memcpy(x0, (float[]){5, 0, 1, 0, 0}, sizeof(x0));
	memcpy(x, (float[]){5.6f, 0.6f, 0.4f, 0, 0}, sizeof(x));
	round_to(block, &l2, 5, x0, 1.8, x);
	ok(x[0] == 6 && x[1] == 1 && x[2] == 0, "L2: rounded as it is when that lies within the ball");
	memcpy(x, (float[]){5.6f, 0.6f, 0.4f, 0, 0}, sizeof(x));
	adv_ball_bounds(&l2, 5, x0, 1, low, high);
	adv_grid_round(block, &l2, 5, x0, 1, x);
	ok(adv_ball_distance(&l2, 5, x0, x) <= 1 && x[2] == 1, "or with less of the perturbation");
}

/* Random examples of random grids keep to ball and grid. */
static void
test_random_grids(void)
{
	AdvGrid grid[N];
	float x0[N], low[N], high[N], x[N];
	bool in_ball = true, on_grid = true;
	int moved = 0;

	for (int i = 0; i < N; i++)
		grid[i] = i < N / 2 ? (AdvGrid){ADV_GRID_WHOLE, 1, 7, i % 2 ? 0.25 : 1, 0, 50}
							: (AdvGrid){i % 4 == 0 ? ADV_GRID_ONEHOT : ADV_GRID_FREE, 4, 0, 1, 0, 0};
	for (uint64_t key = 0; key < 200; key++)
	{
		AdvBall ball = {key % 2 ? ADV_NORM_L2 : ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
		double eps = 0.5 + 0.1 * (double) (key % 37);

		for (int i = 0; i < N; i++)
		{
			uint64_t bits = adv_random64(8, ADV_FOR_ATTACK, key, (uint64_t) i);

			x0[i] = i < N / 2 ? (float) (((double) (bits % 51) - grid[i].shift) * grid[i].factor) : 0;
			if (i >= N / 2 && i % 4 == 0)
				x0[i] = 1;
		}
		adv_ball_bounds(&ball, N, x0, eps, low, high);
		adv_ball_random(&(AdvRegion){&ball, N, x0, low, high, eps}, &(AdvDraw){9, key, 0}, x);
		adv_grid_round(grid, &ball, N, x0, eps, x);
		in_ball = in_ball && inside(&ball, x0, eps, x);
		for (int i = 0; i < N / 2; i++)
		{
			double raw = x[i] / grid[i].factor + grid[i].shift;

			on_grid = on_grid && raw == rint(raw) && raw >= 0 && raw <= 50;
			moved += x[i] != x0[i];
		}
		for (int i = N / 2; i < N; i += 4)
			on_grid = on_grid &&
					  x[i] * x[i] + x[i + 1] * x[i + 1] + x[i + 2] * x[i + 2] + x[i + 3] * x[i + 3] == 1 &&
					  x[i] + x[i + 1] + x[i + 2] + x[i + 3] == 1;
	}
	ok(in_ball, "rounded examples keep to the ball");
	ok(on_grid && moved > 500, "and to the grid");
}

int
main(void)
{
	const char *mlp = "dense 7, tanh, dense 6, relu";
	const char *cnn = "conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu";
	AdvShape vector = {5, 1, 1}, image = {3, 8, 8};
	float unit[N];

	for (int i = 0; i < N; i++)
		unit[i] = i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 0.37f;
	test_golden("pgd_linf_mlp.txt", mlp, vector, 3, ADV_NORM_LINF);
	test_golden("pgd_l2_mlp.txt", mlp, vector, 3, ADV_NORM_L2);
	test_golden("pgd_linf_cnn.txt", cnn, image, 5, ADV_NORM_LINF);
	test_golden("pgd_l2_cnn.txt", cnn, image, 5, ADV_NORM_L2);
	test_ball(&(AdvBall){ADV_NORM_LINF, NULL, -INFINITY, INFINITY}, 10, "box of 10");
	test_ball(&(AdvBall){ADV_NORM_LINF, NULL, -INFINITY, INFINITY}, 0.03, "box of 0.03");
	test_ball(&(AdvBall){ADV_NORM_LINF, unit, 0, 1}, 0.1, "clipped box with units");
	test_ball(&(AdvBall){ADV_NORM_L2, NULL, -INFINITY, INFINITY}, 10, "sphere of 10");
	test_ball(&(AdvBall){ADV_NORM_L2, unit, -1, 2e6}, 30, "clipped sphere with units");
	test_ball(&(AdvBall){ADV_NORM_LINF, NULL, -INFINITY, INFINITY}, 0, "box of 0");
	test_ball(&(AdvBall){ADV_NORM_L2, NULL, 0, 1}, 0, "sphere of 0");
	test_bounds();
	test_steps();
	test_gradient_sizes();
	test_lost_steps();
	test_random();
	test_radius();
	test_whole();
	test_bytes();
	test_units_of_grids();
	test_large_wholes();
	test_shared_distance();
	test_onehot();
	test_random_grids();
	done_testing();
	return 0;
}
