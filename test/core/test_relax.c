/*
 * test_relax.c
 *		Lines around activations and maxima.
 */
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/layer/linear.h"
#include "core/layer/pool.h"
#include "tap.h"

static const AdvLayerType *
kind(const char *word)
{
	int i = 0;

	while (strcmp(adv_layer_types[i]->word, word) != 0)
		i++;
	return adv_layer_types[i];
}

/* How far the function of a kind pokes out of its lines or its reach, anywhere. */
static double
pokes_out(const char *word, double factor, double (*function)(double x, double factor))
{
	AdvLayer l = {.factor = (float) factor, .in = {1, 1, 1}, .out = {1, 1, 1}};
	double worst = -INFINITY;

	for (double low = -12; low <= 12; low += 0.37)
		for (double width = 1e-6; width < 30; width *= 1.7)
		{
			double r[6], high = low + width;
			AdvRelaxed to = {&r[0], &r[1], {&r[2], &r[3]}, {&r[4], &r[5]}, NULL};

			kind(word)->relax(&l, &low, &high, &to);
			for (int i = 0; i <= 100; i++)
			{
				double x = low + width * i / 100, y = function(x, factor);

				worst = fmax(worst, fmax(r[2] * x + r[4] - y, y - r[3] * x - r[5]));
				worst = fmax(worst, fmax(r[0] - y, y - r[1]));
			}
		}
	return worst;
}

static double
relu(double x, double factor)
{
	return x < 0 ? factor * x : x;
}

static double
sigmoid(double x, double factor)
{
	(void) factor;
	return 1 / (1 + exp(-x));
}

static double
hyperbolic(double x, double factor)
{
	(void) factor;
	return tanh(x);
}

/* How far the maxima of inputs between random bounds poke out, windows lying over one another. */
static double
pool_pokes_out(void)
{
	enum
	{
		IN = 2 * 5 * 5,
		OUT = 2 * 2 * 2
	};
	AdvLayer l = {.size = 3, .stride = 2, .in = {2, 5, 5}, .out = {2, 2, 2}};
	double low[IN], high[IN], r[6][OUT], worst = -INFINITY;
	int32_t source[OUT];
	AdvRelaxed to = {r[0], r[1], {r[2], r[3]}, {r[4], r[5]}, source};

	for (uint64_t turn = 0; turn < 400; turn++)
	{
		float x[IN], y[OUT];

		for (uint64_t i = 0; i < IN; i++)
		{
			double width = turn % 2 ? 0.3 : 2; /* narrow ones leave some windows a winner */

			low[i] = adv_normal(1, ADV_FOR_INIT, turn, 2 * i);
			high[i] = low[i] + width * adv_uniform(1, ADV_FOR_INIT, turn, 2 * i + 1);
			x[i] = (float) (low[i] + (high[i] - low[i]) * adv_uniform(2, ADV_FOR_INIT, turn, i));
		}
		kind("maxpool")->relax(&l, low, high, &to);
		adv_maxpool_forward(&l, 1, x, y, NULL);
		for (int o = 0; o < OUT; o++)
		{
			double from = x[source[o]];

			worst = fmax(worst, fmax(r[2][o] * from + r[4][o] - y[o], y[o] - r[3][o] * from - r[5][o]));
			worst = fmax(worst, fmax(r[0][o] - y[o], y[o] - r[1][o]));
		}
	}
	return worst;
}

static void
test_lines(void)
{
	static const double tangent[][2] = {{0.5, -0.244054}, {1, -0.458299}, {2, -0.769880}, {4, -1.111002}};

	ok(pokes_out("relu", 0, relu) <= 0, "relu lies between its lines");
	ok(pokes_out("leaky_relu", 0.1, relu) <= 0, "leaky relu lies between its lines");
	ok(pokes_out("tanh", 0, hyperbolic) <= 0, "tanh lies between its lines");
	ok(pokes_out("sigmoid", 0, sigmoid) <= 0, "sigmoid lies between its lines");
	ok(pool_pokes_out() < 1e-6, "maxima lie between their lines");
	for (int i = 0; i < 4; i++)
	{
		double d = adv_tanh_tangent(tangent[i][0]);

		okf(d <= tangent[i][1] + 1e-6 && d > tangent[i][1] - 0.005,
			"the tangent of tanh through %g touches at %g", tangent[i][0], d);
	}
}

int
main(void)
{
	test_lines();
	done_testing();
	return 0;
}
