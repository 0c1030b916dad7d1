/*
 * test_smooth.c
 *		Certificates by smoothing: on a linear network, whose smoothed classes are known exactly, they are sound, and close to what is true; on others they
 *		hold against points within the radius; and draws depend on seed, key and number alone.
 */
#include "core/attack/ball.h"
#include "core/certify/smooth.h"
#include "core/network/loss.h"
#include "core/score/tail.h"
#include "tap.h"
#include "training.h"

#define INPUTS 6

/* A network with a workspace. */
typedef struct Smooth
{
	AdvNetwork net;
	AdvWorkspace ws;
	AdvBall ball;
	AdvSmoothing how;
	float *params;
	void *memory;
	int64_t count[16];
	AdvSmoothed out;
} Smooth;

static void
open_smooth(Smooth *s, const char *arch, AdvShape shape, int classes)
{
	AdvError err;

	*s = (Smooth){.ball = {ADV_NORM_L2, NULL, -INFINITY, INFINITY}, .how = {0.5, 100, 1000, 0.001, 1}};
	if (adv_network_parse(&s->net, arch, shape, classes, false, &err) != ADV_OK)
		bail_out(err.message);
	s->params = zeros(sizeof(float) * s->net.n_params);
	s->memory = zeros(adv_workspace_size(&s->net, ADV_SMOOTH_ROWS, ADV_PASS_FORWARD));
	adv_network_init(&s->net, s->params, 4, ADV_INIT_GLOROT);
	adv_workspace_init(&s->ws, &s->net, ADV_SMOOTH_ROWS, ADV_PASS_FORWARD, s->memory);
	adv_workspace_load(&s->ws, s->params);
}

static void
close_smooth(Smooth *s)
{
	free(s->params);
	free(s->memory);
}

static AdvSmoothed *
smooth(Smooth *s, const float *x, uint64_t key)
{
	if (adv_smooth(&s->how, &s->ball, &s->ws, x, key, s->count, &s->out) != ADV_OK)
		bail_out("smoothing was stopped");
	return &s->out;
}

static void
random_row(uint64_t key, size_t n, float *x)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float) (3 * adv_uniform(21, ADV_FOR_ATTACK, key, i) - 1.5);
}

/* ---- a linear network of two classes: class 1 has probability Phi(margin / sigma) ---- */

/* How far x lies on the side of class 1, in units. */
static double
margin(const Smooth *s, const float *x)
{
	const float *w = s->params, *b = s->params + 2 * INPUTS;
	double sum = (double) b[1] - b[0], squares = 0;

	for (int i = 0; i < INPUTS; i++)
	{
		double d = (double) w[INPUTS + i] - w[i];

		sum += d * x[i];
		squares += d * d * adv_ball_unit(&s->ball, (size_t) i) * adv_ball_unit(&s->ball, (size_t) i);
	}
	return sum / sqrt(squares);
}

static void
test_linear(const char *name, const float *unit)
{
	enum
	{
		ROWS = 80
	};
	Smooth s;
	bool right = true, close = true, counted = true, predicted = true;
	int certified = 0, unsound = 0;

	open_smooth(&s, "", (AdvShape){INPUTS, 1, 1}, 2);
	s.ball.unit = unit;
	s.how = (AdvSmoothing){0.5, 100, 4000, 0.001, 7};
	for (int r = 0; r < ROWS; r++)
	{
		float x[INPUTS];
		double true_radius, probability;

		random_row((uint64_t) r, INPUTS, x);
		true_radius = margin(&s, x);
		smooth(&s, x, (uint64_t) r);
		probability = 0.5 * erfc(-fabs(true_radius) / 0.5 / sqrt(2)); /* of the likely class */
		counted = counted && s.count[0] + s.count[1] == s.how.n &&
				  fabs((double) s.count[true_radius > 0] / (double) s.how.n - probability) <
					  5 * sqrt(probability * (1 - probability) / (double) s.how.n) + 1e-9;
		if (fabs(true_radius) > 0.1)
			predicted = predicted && s.out.prediction == (true_radius > 0);
		if (s.out.class < 0)
		{
			right =
				right && s.out.radius == 0 && (fabs(true_radius) < 0.1 || s.out.chosen != (true_radius > 0));
			continue;
		}
		certified++;
		unsound += s.out.radius > fabs(true_radius);
		right = right && s.out.class == (true_radius > 0) && s.out.class == s.out.chosen &&
				s.out.draws == s.count[s.out.class] && s.out.radius <= adv_smooth_most(&s.how);
		/* bounds are some 3 standard errors low, and counts may be as much; farther out few draws tell */
		if (fabs(true_radius) < 1)
			close = close && fabs(true_radius) - s.out.radius < 0.13;
	}
	okf(counted, "%s: classes have the probabilities of the normal distribution", name);
	okf(certified > ROWS * 3 / 4 && right, "%s: %d of %d rows are certified, for their class", name,
		certified, ROWS);
	okf(unsound == 0, "%s: for no farther than to the other class", name);
	okf(close, "%s: and nearly that far", name);
	okf(predicted, "%s: predictions are right", name);
	close_smooth(&s);
}

/* A bound that may fail in every fifth row fails in nearly that many, and not in more. */
static void
test_confidence(void)
{
	enum
	{
		ROWS = 600
	};
	Smooth s;
	int unsound = 0;

	open_smooth(&s, "", (AdvShape){INPUTS, 1, 1}, 2);
	s.how = (AdvSmoothing){1, 100, 500, 0.2, 3};
	for (int r = 0; r < ROWS; r++)
	{
		float x[INPUTS];

		random_row((uint64_t) r, INPUTS, x);
		unsound += smooth(&s, x, (uint64_t) r)->radius > fabs(margin(&s, x));
	}
	okf(unsound > ROWS * 0.1 && unsound < ROWS * 0.2 + 4 * sqrt(ROWS * 0.2 * 0.8),
		"at alpha 0.2 %d of %d radii are too large", unsound, ROWS);
	close_smooth(&s);
}

/* ---- where nothing is sure ---- */

static void
test_abstention(void)
{
	static const float x[INPUTS] = {0.3f, -0.2f};
	Smooth s;

	open_smooth(&s, "", (AdvShape){INPUTS, 1, 1}, 2);
	for (int i = 0; i < INPUTS; i++)
		s.params[INPUTS + i] = -s.params[i];
	s.params[2 * INPUTS] = 0;
	for (int i = 0; i < 2; i++) /* the boundary goes through x */
		s.params[2 * INPUTS + 1] += 2 * s.params[i] * x[i];
	adv_workspace_load(&s.ws, s.params);
	smooth(&s, x, 5);
	ok(s.out.class == -1 && s.out.radius == 0 && s.out.probability < 0.5 && s.out.chosen >= 0 &&
		   s.out.draws == s.count[s.out.chosen],
	   "no class is certified on the boundary");
	ok(s.out.prediction == -1, "and none is predicted");
	s.how.n = 5; /* 0.001^(1/5) < 1/2 */
	smooth(&s, (float[INPUTS]){100, 100, 100, 100, 100, 100}, 5);
	ok(s.out.class == -1 && s.out.draws == 5 && s.out.prediction == -1 && adv_smooth_most(&s.how) == 0,
	   "few draws certify nothing, even if they agree");
	close_smooth(&s);

	open_smooth(&s, "", (AdvShape){INPUTS, 1, 1}, 5);
	memset(s.params, 0, sizeof(float) * s.net.n_params);
	s.params[5 * INPUTS + 3] = 1; /* a bias */
	adv_workspace_load(&s.ws, s.params);
	smooth(&s, x, 5);
	ok(s.out.class == 3 && s.out.draws == 1000 && s.out.prediction == 3 && s.count[3] == 1000 &&
		   s.count[0] == 0 && fabs(s.out.radius / 0.5 - 2.46326261478) < 1e-9 &&
		   s.out.radius == adv_smooth_most(&s.how),
	   "all draws alike: the largest radius there is");
	s.params[5 * INPUTS + 1] = INFINITY;
	adv_workspace_load(&s.ws, s.params);
	smooth(&s, x, 5);
	ok(s.out.overflow && s.out.class == -1 && s.out.prediction == -1 && s.out.radius == 0,
	   "outputs that are not finite certify nothing");
	close_smooth(&s);
}

/* ---- networks that are not linear: what is certified for x holds for points within the radius, by counts of their own ---- */

static void
test_neighbours(void)
{
	enum
	{
		ROWS = 12
	};
	Smooth s;
	int agree = 0, certified = 0;

	open_smooth(&s, "dense 20, tanh, dense 10, relu", (AdvShape){INPUTS, 1, 1}, 4);
	for (size_t i = 0; i < s.net.n_params; i++)
		s.params[i] *= 3;
	adv_workspace_load(&s.ws, s.params);
	s.how.sigma = 0.4;
	for (uint64_t r = 0; r < ROWS; r++)
	{
		float x[INPUTS], other[INPUTS];
		AdvSmoothed here;
		double squares = 0;

		random_row(r, INPUTS, x);
		s.how.n = 4000;
		here = *smooth(&s, x, r);
		if (here.class < 0)
			continue;
		for (int i = 0; i < INPUTS; i++)
		{
			double z = adv_normal(8, ADV_FOR_ATTACK, r, (uint64_t) i);

			other[i] = (float) z;
			squares += z * z;
		}
		for (int i = 0; i < INPUTS; i++)
			other[i] = (float) (x[i] + other[i] * 0.95 * here.radius / sqrt(squares));
		smooth(&s, other, r + 1000);
		certified++;
		/* its probability is more than 1/2 there, whatever is sure of it */
		agree += (double) s.count[here.class] > (double) s.how.n / 2 - 4 * sqrt((double) s.how.n) / 2;
	}
	okf(certified >= ROWS / 2 && agree == certified,
		"the class of %d rows holds at %d points within their radius", certified, agree);
	close_smooth(&s);
}

/* ---- draws ---- */

static void
test_draws(void)
{
	static const float unit[INPUTS] = {1, 0, 1, 0, 0, 0}, x[INPUTS] = {0.1f, 0.2f, -0.1f, 0.4f, 0, 0.3f};
	Smooth s, other;
	int64_t count[16];
	int moved[2] = {0, 0};
	AdvSmoothed first;

	open_smooth(&s, "dense 9, tanh", (AdvShape){INPUTS, 1, 1}, 7);
	s.how.n = 777;
	first = *smooth(&s, x, 11);
	memcpy(count, s.count, sizeof(count));
	random_row(1, INPUTS, s.ws.act[0]);
	(void) adv_forward(&s.ws, 3);
	smooth(&s, x, 11);
	ok(memcmp(count, s.count, sizeof(count)) == 0 && s.out.radius == first.radius, "the same again");
	smooth(&s, x, 12);
	ok(memcmp(count, s.count, sizeof(count)) != 0, "another key, other draws");
	s.how.seed = 2;
	smooth(&s, x, 11);
	ok(memcmp(count, s.count, sizeof(count)) != 0, "another seed too");
	s.how.seed = 1;
	s.how.n0 = 101;
	smooth(&s, x, 11);
	ok(memcmp(count, s.count, sizeof(count)) != 0, "draws that choose are not those that judge");

	/* what n draws say is what they say one by one */
	s.how.n0 = 5;
	smooth(&s, x, 11);
	memcpy(count, s.count, sizeof(count));
	for (int64_t i = 0; i < 777; i++)
	{
		AdvDraw draw = {1, 11, (uint64_t) (5 + i)};

		adv_ball_noise(&s.ball, INPUTS, x, 0.5, ADV_FOR_SMOOTHING, &draw, s.ws.act[0]);
		(void) adv_forward(&s.ws, 1);
		count[adv_argmax(7, s.ws.act[s.net.n_layers])]--;
	}
	for (int c = 1; c < 7; c++)
		count[0] |= count[c];
	ok(count[0] == 0, "each draw has a number, which its noise is drawn by");

	/* a larger workspace, and what may not move */
	open_smooth(&other, "dense 9, tanh", (AdvShape){INPUTS, 1, 1}, 7);
	free(other.memory);
	other.memory = zeros(adv_workspace_size(&other.net, 300, ADV_PASS_FORWARD));
	adv_workspace_init(&other.ws, &other.net, 300, ADV_PASS_FORWARD, other.memory);
	adv_workspace_load(&other.ws, other.params);
	other.how = s.how;
	smooth(&other, x, 11);
	ok(memcmp(other.count, s.count, sizeof(count)) == 0 && other.out.radius == s.out.radius,
	   "a larger workspace gives the same");
	s.ball.unit = unit;
	smooth(&s, x, 11);
	for (int i = 0; i < 777 % ADV_SMOOTH_ROWS; i++) /* the last draws */
		for (int k = 0; k < INPUTS; k++)
			moved[unit[k] > 0] += s.ws.act[0][i * INPUTS + k] != x[k];
	ok(moved[0] == 0 && moved[1] == 2 * (777 % ADV_SMOOTH_ROWS), "inputs that do not move get no noise");
	close_smooth(&s);
	close_smooth(&other);
}

/* ---- limits ---- */

static void
test_checks(void)
{
	const AdvSmoothing good = {0.5, 100, 1000, 0.001, 1};
	AdvSmoothing wrong[10];
	int refused = 0;
	AdvError err;

	for (int i = 0; i < 10; i++)
		wrong[i] = good;
	wrong[0].sigma = 0;
	wrong[1].sigma = NAN;
	wrong[2].sigma = INFINITY;
	wrong[3].n0 = 0;
	wrong[4].n = 0;
	wrong[5].n = ADV_SMOOTH_DRAWS + 1;
	wrong[6].n0 = ADV_SMOOTH_DRAWS + 1;
	wrong[7].alpha = 0;
	wrong[8].alpha = 0.51;
	wrong[9].alpha = NAN;
	for (int i = 0; i < 10; i++)
		refused += adv_smooth_check(&wrong[i], &err) == ADV_INVALID;
	ok(refused == 10 && adv_smooth_check(&good, &err) == ADV_OK, "what makes no sense is refused");
	ok(fabs(adv_smooth_most(&(AdvSmoothing){1, 100, 100000, 0.001, 1}) - 3.81145656) < 1e-8,
	   "100,000 draws certify up to 3.81 sigma");
}

static int
stop_later(void *arg)
{
	return ++*(int *) arg > 50;
}

static void
test_stopping(void)
{
	static const float x[INPUTS] = {0};
	Smooth s;
	int asked = 0;
	double start;

	open_smooth(&s, "dense 9, tanh", (AdvShape){INPUTS, 1, 1}, 7);
	s.how.n = ADV_SMOOTH_DRAWS;
	s.ws.stop = (AdvStop){stop_later, &asked};
	start = seconds_now();
	ok(adv_smooth(&s.how, &s.ball, &s.ws, x, 1, s.count, &s.out) == ADV_ABORTED && seconds_now() - start < 1,
	   "who is told to stop stops");
	close_smooth(&s);
}

int
main(void)
{
	test_linear("units of 1", NULL);
	test_linear("other units", (float[INPUTS]){1, 0, 2, 0.5f, 0, 1});
	test_confidence();
	test_abstention();
	test_neighbours();
	test_draws();
	test_checks();
	test_stopping();
	done_testing();
	return 0;
}
