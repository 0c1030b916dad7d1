/*
 * test_ibp.c
 *		Method ibp: intervals in single precision against those of certificates, gradients by differences, how the ball grows, and what comes of it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/certify/bounds.h"
#include "core/defence/ibp.h"
#include "core/defence/span.h"
#include "tap.h"
#include "training.h"

#define ROWS 3
#define EPS  0.05

static const struct
{
	const char *arch;
	AdvShape shape;
} networks[] = {
	{"", {7, 1, 1}},
	{"dense 9, relu, dense 8, tanh", {7, 1, 1}},
	{"dense 9, leaky_relu 0.2, dense 8, sigmoid, dropout 0.5", {7, 1, 1}},
	{"dense 9, batchnorm, tanh, residual(dense 9, relu, dense 9), relu", {7, 1, 1}},
	{"conv 5x3, relu, maxpool 2, conv 4x3 stride 2, batchnorm, relu, dense 8, tanh", {2, 9, 8}},
	{"conv 5x3, tanh, avgpool 2, residual(conv 5x3, relu, conv 5x3), globalpool", {2, 9, 8}},
};
#define NETWORKS (sizeof(networks) / sizeof(*networks))

/* No biases of 0, statistics that are none of the initial ones, factors of batchnorm of both signs. */
static void
stir(Training *t)
{
	for (int i = 0; i < t->net.n_layers; i++)
	{
		const AdvLayer *l = &t->net.layers[i];

		for (size_t k = 0; k < l->n_bias + l->n_statistic; k++)
			t->params[l->bias + k] += (float) (0.3 * adv_uniform(5, ADV_FOR_INIT, (uint64_t) i, k));
		for (size_t k = 0; l->n_statistic > 0 && k < l->n_weight; k += 2)
			t->params[l->weight + k] *= -1.2f;
	}
}

/* Intervals of the logits of the first rows: (2 ROWS, classes). */
static const float *
ends_of(AdvSpan *s, const Training *t)
{
	size_t n = adv_shape_size(t->net.input);

	adv_span_load(s, t->params);
	for (size_t i = 0; i < ROWS * n; i++)
	{
		s->ends.act[0][i] = t->x[i] - (float) EPS;
		s->ends.act[0][ROWS * n + i] = t->x[i] + (float) EPS;
	}
	adv_span_forward(s, ROWS);
	return s->ends.act[t->net.n_layers];
}

static double
apart_from_bounds(const Training *t, const float *ends)
{
	AdvBall ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
	AdvBounds *b = zeros(sizeof(AdvBounds));
	void *memory = zeros(adv_bounds_size(&t->net, false));
	size_t classes = (size_t) t->net.classes;
	double worst = 0, margin, steepness;

	adv_bounds_init(b, &t->net, t->params, &ball, false, memory);
	for (size_t r = 0; r < ROWS; r++)
	{
		adv_bounds_margin(b, t->x + r * adv_shape_size(t->net.input), EPS, 0, &margin, &steepness);
		for (size_t c = 0; c < classes; c++)
		{
			worst = fmax(worst, fabs(b->low[t->net.n_layers][c] - ends[r * classes + c]));
			worst = fmax(worst, fabs(b->high[t->net.n_layers][c] - ends[(ROWS + r) * classes + c]));
		}
	}
	free(memory);
	free(b);
	return worst;
}

/* Something that all ends have a part in. */
static double
value_of(const float *ends, size_t n, float *d)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		double weight = 1 + (double) (i * 7 % 5);

		sum += weight * (i % 2 ? ends[i] : ends[i] * (double) ends[i] / 2);
		d[i] = (float) (weight * (i % 2 ? 1 : ends[i]));
	}
	return sum;
}

/* The share of parameters, tried here and there, whose gradient is not what small steps show, to a fiftieth of the largest: some steps go past a kink. */
static double
apart_from_differences(AdvSpan *s, Training *t)
{
	size_t n = 2 * ROWS * (size_t) t->net.classes;
	float *gradient = zeros(sizeof(float) * t->net.n_params), *ignored = zeros(sizeof(float) * n);
	double largest = 1e-3;
	int wrong = 0, tried = 0;

	(void) value_of(ends_of(s, t), n, s->ends.d_act[t->net.n_layers]);
	adv_span_backward(s, ROWS, gradient);
	for (size_t k = 0; k < t->net.n_params; k++)
		largest = fmax(largest, fabs(gradient[k]));
	for (int i = 0; i < t->net.n_layers; i++)
	{
		const AdvLayer *l = &t->net.layers[i];

		for (size_t k = 0; adv_layer_is_trained(l) && k < l->n_weight + l->n_bias;
			 k += 1 + (l->n_weight + l->n_bias) / 23)
		{
			float *p = &t->params[l->weight + k], kept = *p;
			const float step = 2e-3f;
			double up, down, off;

			*p = kept + step;
			up = value_of(ends_of(s, t), n, ignored);
			*p = kept - step;
			down = value_of(ends_of(s, t), n, ignored);
			*p = kept;
			off = fabs((up - down) / (2 * (double) step) - gradient[l->weight + k]);
			tried++;
			wrong += off > 0.02 * largest && !(fabs(kept) < step && k < l->n_weight);
		}
	}
	free(gradient);
	free(ignored);
	return (double) wrong / tried;
}

static void
test_spans(void)
{
	for (size_t i = 0; i < NETWORKS; i++)
	{
		Training t;
		AdvSpan s;
		void *memory;
		double apart;

		training_make(&t, networks[i].arch, networks[i].shape, 3, ROWS);
		stir(&t);
		memory = zeros(adv_span_size(&t.net, ROWS));
		adv_span_init(&s, &t.net, ROWS, memory);
		apart = apart_from_bounds(&t, ends_of(&s, &t));
		okf(apart < 3e-4, "%s: intervals are those of certificates, to %.0e", networks[i].arch, apart);
		apart = apart_from_differences(&s, &t);
		okf(apart < 0.1, "%s: gradients are what small steps show, but for %.2f of them", networks[i].arch,
			apart);
		free(memory);
		training_free(&t);
	}
}

static void
test_growth(void)
{
	double bend = 0.1 + 0.25 * 0.4, step = 1e-6;

	ok(adv_ibp_eps(2, 0.1, 0.4, 0) == 0 && adv_ibp_eps(2, 0.1, 0.4, 0.1) == 0, "first there is no ball");
	ok(adv_ibp_eps(2, 0.1, 0.4, 0.5) == 2 && adv_ibp_eps(2, 0.1, 0.4, 1) == 2, "in the end all of it");
	ok(fabs(adv_ibp_eps(2, 0.1, 0.4, bend - step) + adv_ibp_eps(2, 0.1, 0.4, bend + step) -
			2 * adv_ibp_eps(2, 0.1, 0.4, bend)) < 1e-9,
	   "there is no bend where the curve becomes a line");
	ok(fabs(adv_ibp_eps(2, 0.1, 0.4, 0.5 - step) - 2) < 1e-4, "nor a step at the end");
	ok(fabs(adv_ibp_eps(1, 0, 1, 0.25) - 1.0 / 13) < 1e-12, "a thirteenth of eps after the curve");
	ok(adv_ibp_eps(1, 0, 0, 0) == 1, "a ramp of no length");
}

static AdvRobust
ibp(double eps)
{
	AdvRobust how = {
		.method = adv_defence("ibp"), .ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY}, .eps = eps};

	how.settings = adv_defence_unset(adv_defences[how.method]);
	return how;
}

/* Mean margin that intervals leave the labels of all rows in a ball. */
static double
mean_margin(const Training *t, double eps)
{
	AdvBall ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
	AdvBounds *b = zeros(sizeof(AdvBounds));
	void *memory = zeros(adv_bounds_size(&t->net, false));
	double sum = 0, margin, steepness;

	adv_bounds_init(b, &t->net, t->params, &ball, false, memory);
	for (size_t r = 0; r < t->data.n_rows; r++)
	{
		adv_bounds_margin(b, t->x + r * adv_shape_size(t->net.input), eps, t->label[r], &margin, &steepness);
		sum += margin > 0;
	}
	free(memory);
	free(b);
	return sum / (double) t->data.n_rows;
}

/* Train so, and return parameters. */
static float *
trained(const char *arch, AdvShape shape, double eps, int members, double *certified)
{
	Training t;
	float *params;

	training_make(&t, arch, shape, 3, 300);
	t.spec.epochs = 12;
	t.spec.batch_size = 70;
	t.spec.optimizer.learning_rate = 0.01;
	if (eps > 0)
		t.spec.robust = ibp(eps);
	training_run(&t, members);
	*certified = mean_margin(&t, 0.05);
	params = zeros(sizeof(float) * t.net.n_params);
	memcpy(params, t.params, sizeof(float) * t.net.n_params);
	okf(t.status[0] == ADV_OK, "%s: trained by %d", arch, members);
	training_free(&t);
	return params;
}

static void
test_training(const char *arch, AdvShape shape)
{
	double standard, one_certified, three_certified;
	float *plain = trained(arch, shape, 0, 2, &standard),
		  *one = trained(arch, shape, 0.05, 1, &one_certified);
	float *three = trained(arch, shape, 0.05, 3, &three_certified);
	AdvNetwork net;
	AdvError err;

	adv_network_parse(&net, arch, shape, 3, false, &err);
	okf(memcmp(one, three, sizeof(float) * net.n_params) == 0, "%s: any team gives the same", arch);
	okf(one_certified > standard + 0.1, "%s: %.2f of rows are certified, %.2f without", arch, one_certified,
		standard);
	free(plain);
	free(one);
	free(three);
}

static void
test_refused(void)
{
	AdvError err = {0};
	AdvNetwork net;
	AdvRobust how = ibp(0.1);

	adv_network_parse(&net, "dense 4, gelu", (AdvShape){3, 1, 1}, 2, false, &err);
	ok(adv_defence_check(&how, &net, &err) == ADV_INVALID && strstr(err.message, "gelu"),
	   "gelu has no intervals");
	adv_network_parse(&net, "residual(dense 5)", (AdvShape){3, 1, 1}, 2, false, &err);
	ok(adv_defence_check(&how, &net, &err) == ADV_INVALID && strstr(err.message, "residual"),
	   "nor a block that changes the shape");
	adv_network_parse(&net, "dense 5", (AdvShape){3, 1, 1}, 2, false, &err);
	ok(adv_defence_check(&how, &net, &err) == ADV_OK, "a dense layer has");
	how.ball.norm = ADV_NORM_L2;
	ok(adv_defence_check(&how, &net, &err) == ADV_INVALID && strstr(err.message, "L-infinity"),
	   "L2 is refused");
}

int
main(void)
{
	test_spans();
	test_growth();
	test_training("dense 12, tanh, dense 12, relu", (AdvShape){7, 1, 1});
	test_training("conv 5x3, maxpool 2, relu, dense 9, tanh", (AdvShape){2, 6, 5});
	test_refused();
	done_testing();
	return 0;
}
