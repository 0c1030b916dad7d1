/*
 * test_smoothing.c
 *		Label smoothing: loss and gradient beside the definition in double precision, in standard and in robust trainings, for any team.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"
#include "training.h"

#define ROWS    70
#define INPUTS  6
#define CLASSES 3
#define AMOUNT  0.3

static void
say(AdvTrainOptions *options, double amount)
{
	AdvError err;

	*options = adv_train_options_unset();
	for (int i = 0; adv_train_options[i]; i++)
		if (strcmp(adv_train_options[i]->name, "label_smoothing") == 0)
			memcpy(options->of[i].own, &amount, sizeof(amount));
	if (adv_train_options_complete(options, 1, &err) != ADV_OK)
		bail_out(err.message);
}

/* A linear classifier, by one step of gradient descent over all rows: what its parameters lose is the gradient. */
static void
one_step(Training *t, int method, double amount, int members)
{
	training_make(t, "", (AdvShape){INPUTS, 1, 1}, CLASSES, ROWS);
	t->spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 1};
	if (method != ADV_METHOD_NONE)
		t->spec.robust = (AdvRobust){.method = method,
									 .settings = {.beta = 2},
									 .ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY},
									 .eps = 1e-6,
									 .alpha = 1e-6,
									 .steps = 1,
									 .random_start = true};
	say(&t->spec.options, amount);
	training_run(t, members);
	if (t->status[0] != ADV_OK)
		bail_out(t->error[0].message);
}

static size_t
weight(const Training *t, int class, int input)
{
	return t->net.layers[0].weight + (size_t) class * INPUTS + (size_t) input;
}

/* -sum of t log p with t = (1 - a) onehot + a / K, of the weights at first, where biases are 0. */
static double
loss_by_definition(const Training *t, const float *params)
{
	double sum = 0;

	for (int r = 0; r < ROWS; r++)
	{
		double z[CLASSES] = {0}, all = 0;

		for (int k = 0; k < CLASSES; k++)
		{
			for (int i = 0; i < INPUTS; i++)
				z[k] += (double) params[weight(t, k, i)] * t->x[r * INPUTS + i];
			all += exp(z[k]);
		}
		for (int k = 0; k < CLASSES; k++)
			sum -= ((1 - AMOUNT) * (k == t->label[r]) + AMOUNT / CLASSES) * (z[k] - log(all));
	}
	return sum / ROWS;
}

/* What smoothing adds to the gradient by a weight: the mean of a ((y = k) - 1/K) x. */
static double
added_gradient(const Training *t, int class, int input)
{
	double sum = 0;

	for (int r = 0; r < ROWS; r++)
		sum += AMOUNT * ((t->label[r] == class) - 1.0 / CLASSES) * t->x[r * INPUTS + input];
	return sum / ROWS;
}

static void
test_loss(void)
{
	Training t;
	float *params;

	training_make(&t, "", (AdvShape){INPUTS, 1, 1}, CLASSES, ROWS);
	params = memcpy(zeros(sizeof(float) * t.net.n_params), t.params, sizeof(float) * t.net.n_params);
	training_free(&t);
	one_step(&t, ADV_METHOD_NONE, AMOUNT, 1);
	okf(fabs(t.epochs[0].loss - loss_by_definition(&t, params)) < 1e-6, "the loss is %g", t.epochs[0].loss);
	free(params);
	training_free(&t);
}

static void
test_gradient(int method, const char *name)
{
	Training plain, smoothed;
	double farthest = 0;

	one_step(&plain, method, NAN, 1);
	one_step(&smoothed, method, AMOUNT, 1);
	for (int k = 0; k < CLASSES; k++)
		for (int i = 0; i < INPUTS; i++)
		{
			double less = plain.params[weight(&plain, k, i)] - smoothed.params[weight(&smoothed, k, i)];

			farthest = fmax(farthest, fabs(less - added_gradient(&plain, k, i)));
		}
	okf(farthest < 1e-5, "%s: the gradient, up to %g", name, farthest);
	training_free(&plain);
	training_free(&smoothed);
}

static void
test_team(void)
{
	Training one, three;

	one_step(&one, ADV_METHOD_TRADES, AMOUNT, 1);
	one_step(&three, ADV_METHOD_TRADES, AMOUNT, 3);
	ok(memcmp(one.params, three.params, sizeof(float) * one.net.n_params) == 0, "the same bits for any team");
	training_free(&one);
	training_free(&three);
}

int
main(void)
{
	test_loss();
	test_gradient(ADV_METHOD_NONE, "standard");
	test_gradient(ADV_METHOD_PGD, "pgd");
	test_gradient(ADV_METHOD_TRADES, "trades");
	test_gradient(ADV_METHOD_MART, "mart");
	test_team();
	done_testing();
	return 0;
}
