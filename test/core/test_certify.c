/*
 * test_certify.c
 *		Certificates: bounds that hold for the network as it runs, radii of linear networks, and that no attack lies below.
 */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "attacking.h"
#include "core/base/carve.h"
#include "core/base/rng.h"
#include "core/certify/bounds.h"
#include "core/certify/certify.h"
#include "core/kernel/cpu.h"
#include "core/network/loss.h"
#include "passes.h"
#include "tap.h"

/* ---- networks ---- */

typedef struct Certifier
{
	AdvBall ball;
	AdvBounds *bounds;
	void *memory;
	AdvWorkspace ws;
	void *workspace;
} Certifier;

static void
make_certifier(Certifier *c, const Training *t, AdvBall ball, bool crown)
{
	c->ball = ball;
	c->bounds = zeros(sizeof(AdvBounds));
	c->memory = zeros(adv_bounds_size(&t->net, crown));
	adv_bounds_init(c->bounds, &t->net, t->params, &c->ball, crown, c->memory);
	c->workspace = zeros(adv_workspace_size(&t->net, 64, ADV_PASS_FORWARD));
	adv_workspace_init(&c->ws, &t->net, 64, ADV_PASS_FORWARD, c->workspace);
	adv_workspace_load(&c->ws, t->params);
}

static void
free_certifier(Certifier *c)
{
	free(c->bounds);
	free(c->memory);
	free(c->workspace);
}

/* A point of the ball: inside, or at a corner, or with L2 on its sphere. */
static void
point_of(const Certifier *c, size_t n, const float *x0, double eps, uint64_t number, float *x)
{
	float *low = zeros(sizeof(float) * n), *high = zeros(sizeof(float) * n);
	AdvRegion in = {&c->ball, n, x0, low, high, eps};

	adv_ball_bounds(&c->ball, n, x0, eps, low, high);
	memcpy(x, x0, sizeof(float) * n);
	adv_ball_random(&in, &(AdvDraw){1, number, 0}, x);
	for (size_t i = 0; number % 2 && i < n; i++)
		if (c->ball.norm == ADV_NORM_LINF)
			x[i] = x[i] < x0[i] ? low[i] : x[i] > x0[i] ? high[i] : x0[i];
	if (number % 2 && c->ball.norm == ADV_NORM_L2)
		adv_ball_stretch(&in, x);
	free(low);
	free(high);
}

/* How often the logits of points of the ball are out of their bounds, or their margin below its own. */
static int
violations(Certifier *c, const Training *t, const float *x0, double eps)
{
	const AdvNetwork *net = &t->net;
	size_t n = adv_shape_size(net->input);
	const double *low = c->bounds->low[net->n_layers], *high = c->bounds->high[net->n_layers];
	const float *logits = c->ws.act[net->n_layers];
	double margin, steepness;
	int found = 0, class;

	memcpy(c->ws.act[0], x0, sizeof(float) * n);
	adv_forward(&c->ws, 1);
	class = adv_argmax(net->classes, logits);
	adv_bounds_margin(c->bounds, x0, eps, class, &margin, &steepness);
	for (uint64_t k = 0; k < 32; k++)
	{
		double least = INFINITY;

		point_of(c, n, x0, eps, k, c->ws.act[0]);
		adv_forward(&c->ws, 1);
		for (int j = 0; j < net->classes; j++)
		{
			found += !(logits[j] >= low[j] && logits[j] <= high[j]);
			least = j == class ? least : fmin(least, (double) logits[class] - logits[j]);
		}
		found += !(least >= margin);
	}
	return found;
}

static const struct
{
	const char *arch;
	AdvShape shape;
} networks[] = {
	{"", {12, 1, 1}},
	{"dense 16, relu, dense 16, relu", {12, 1, 1}},
	{"dense 16, tanh, dense 16, tanh, dense 16, tanh", {12, 1, 1}},
	{"dense 16, leaky_relu 0.1, dense 16, sigmoid", {12, 1, 1}},
	{"dense 16, batchnorm, relu, dropout 0.5, dense 8, tanh", {12, 1, 1}},
	{"batchnorm, dense 8, relu", {12, 1, 1}},
	{"residual(dense 12, relu, dense 12), relu, residual(dense 20, tanh), dense 8, relu", {12, 1, 1}},
	{"conv 6x3, relu, maxpool 2, conv 8x3, relu, dense 16, relu", {3, 9, 8}},
	{"conv 20x3, relu, conv 20x3, relu, globalpool", {16, 16, 16}},
	{"conv 6x5 stride 2, batchnorm, relu, avgpool 2, dense 16, tanh", {2, 9, 8}},
	{"conv 8x3, batchnorm, relu, maxpool 3 stride 2, residual(conv 8x3, relu, conv 8x3), relu, globalpool",
	 {3, 9, 8}},
	{"residual(conv 6x3 stride 2, relu, residual(conv 6x3, tanh)), relu, dense 8, relu", {3, 8, 8}},
	{"residual(dropout 0.5), dense 1, relu", {12, 1, 1}},
	{"residual(batchnorm), conv 4x3, relu", {3, 8, 8}},
	{"avgpool 2, conv 4x3, conv 4x3, relu", {3, 8, 8}},
};
#define NETWORKS (sizeof(networks) / sizeof(*networks))

/* Parameters that a training might have left: no biases of 0, statistics that are none of the initial ones. */
static void
stir(Training *t)
{
	for (int i = 0; i < t->net.n_layers; i++)
	{
		const AdvLayer *l = &t->net.layers[i];
		size_t n = l->n_bias + l->n_statistic;

		for (size_t k = 0; k < n; k++)
			t->params[l->bias + k] += (float) (0.3 * adv_uniform(5, ADV_FOR_INIT, (uint64_t) i, k));
	}
}

static AdvBall
ball_of(int norm)
{
	return (AdvBall){norm, NULL, -INFINITY, INFINITY};
}

static void
test_bounds(void)
{
	for (size_t k = 0; k < NETWORKS; k++)
		for (int norm = 0; norm < 2; norm++)
		{
			Training t;
			int found[2] = {0, 0};

			training_make(&t, networks[k].arch, networks[k].shape, 3, 4);
			stir(&t);
			for (int crown = 0; crown < 2; crown++)
			{
				Certifier c;

				make_certifier(&c, &t, ball_of(norm), crown);
				c.ball.high = 0.9;
				for (size_t row = 0; row < 2; row++)
					for (double eps = 0; eps < 2; eps = eps == 0 ? 1e-6 : 35 * eps)
						found[crown] += violations(&c, &t, t.x + row * adv_shape_size(t.net.input), eps);
				free_certifier(&c);
			}
			okf(found[0] == 0, "%s: intervals hold, %s", networks[k].arch, norm ? "L2" : "L-infinity");
			okf(found[1] == 0, "%s: linear bounds hold, %s", networks[k].arch, norm ? "L2" : "L-infinity");
			training_free(&t);
		}
}

/* With what was measured of Winograd's algorithm bounds are narrow, and hold all the same. */
static void
test_measured(void)
{
	Training t;
	Certifier proven, measured;
	double wide, narrow, steepness;
	int found = 0;

	(void) adv_cpu_use(ADV_ISA_AVX512); /* tiles have another way */
	training_make(&t, "conv 20x3, relu, conv 20x3, relu, globalpool", (AdvShape){16, 16, 16}, 3, 2);
	stir(&t);
	make_certifier(&proven, &t, ball_of(ADV_NORM_LINF), false);
	make_certifier(&measured, &t, ball_of(ADV_NORM_LINF), false);
	ok(adv_bounds_are_wide(&t.net), "a network of two such convolutions runs by Winograd's algorithm");
	adv_bounds_take_measured(measured.bounds);
	adv_bounds_margin(proven.bounds, t.x, 0, 0, &wide, &steepness);
	adv_bounds_margin(measured.bounds, t.x, 0, 0, &narrow, &steepness);
	okf(narrow > wide + 1e-3, "what is measured of it is %.1e narrower", narrow - wide);
	for (size_t row = 0; row < 2; row++)
		for (double eps = 0; eps < 0.1; eps = eps == 0 ? 1e-6 : 35 * eps)
			found += violations(&measured, &t, t.x + row * adv_shape_size(t.net.input), eps);
	ok(found == 0, "and holds");
	free_certifier(&proven);
	free_certifier(&measured);
	training_free(&t);
	(void) adv_cpu_use(ADV_ISA_AMX);
}

/* ---- radii ---- */

typedef struct Member
{
	AdvCertifyRun run;
	AdvTeam team;
	AdvStatus status;
	pthread_t thread;
} Member;

static void *
work(void *arg)
{
	Member *m = arg;
	size_t size = adv_certify_private_size(m->run.net, m->run.how);
	void *memory = zeros(size);

	memset(memory, 0xff, size); /* need not be zeros */
	m->status = adv_certify(&m->run, &m->team, memory);
	free(memory);
	return NULL;
}

/* Certificates (n) of the first rows of a training, but for pieces that are done; piece_done may be NULL. */
static AdvStatus
certify_rest(const Training *t, const AdvCertify *how, size_t n, int members, AdvCertificate *to,
			 atomic_uchar *piece_done)
{
	AdvTeamShared *shared = zeros(sizeof(AdvTeamShared));
	Member member[MAX_TEAM];
	AdvStatus status = ADV_OK;

	adv_team_init(shared);
	for (int i = 0; i < members; i++)
	{
		member[i] = (Member){{&t->net, t->params, how, &t->data, t->key, n, to, NULL, piece_done},
							 {i, members, shared, NULL, NULL},
							 ADV_OK,
							 0};
		if (pthread_create(&member[i].thread, NULL, work, &member[i]) != 0)
			bail_out("could not start a thread");
	}
	for (int i = 0; i < members; i++)
	{
		pthread_join(member[i].thread, NULL);
		status = member[i].status != ADV_OK ? member[i].status : status;
	}
	free(shared);
	return status;
}

static AdvStatus
certify(const Training *t, const AdvCertify *how, size_t n, int members, AdvCertificate *to)
{
	return certify_rest(t, how, n, members, to, NULL);
}

static AdvCertify
how_to(const char *method, AdvBall ball, double eps_max)
{
	int place = adv_certify_method(method);
	AdvCertify how = {place, ball, eps_max, 1, adv_certify_unset(adv_certify_methods[place])};

	return how;
}

/* The weights of input i, for the class of row less those against another class. */
static double
weight_between(const Training *t, int class, int other, size_t i)
{
	const AdvLayer *l = &t->net.layers[t->net.n_layers - 1];
	size_t n = adv_shape_size(t->net.input);

	return (double) t->params[l->weight + (size_t) class * n + i] -
		   t->params[l->weight + (size_t) other * n + i];
}

/* Of a linear network: the least margin over dual norm of units times weights. */
static double
true_radius(const Training *t, const AdvBall *ball, const float *x, int class)
{
	const AdvLayer *l = &t->net.layers[t->net.n_layers - 1];
	double least = INFINITY;

	for (int other = 0; other < t->net.classes; other++)
	{
		double margin = (double) t->params[l->bias + (size_t) class] - t->params[l->bias + (size_t) other];
		double sum = 0, squares = 0;

		for (size_t i = 0; i < adv_shape_size(t->net.input); i++)
		{
			double w = weight_between(t, class, other, i), u = fabs(w) * ball->unit[i];

			margin += w * x[i];
			sum += u;
			squares += u * u;
		}
		if (other != class)
			least = fmin(least, margin / (ball->norm == ADV_NORM_L2 ? sqrt(squares) : sum));
	}
	return least;
}

#define ROWS   40
#define INPUTS 9

static void
test_linear(void)
{
	static const char *const methods[] = {"ibp", "crown"};
	float unit[INPUTS];
	Training t;

	training_make(&t, "", (AdvShape){INPUTS, 1, 1}, 3, ROWS);
	for (int i = 0; i < INPUTS; i++)
		unit[i] = i % 3 == 2 ? 0 : 0.5f + (float) i;
	for (int norm = 0; norm < 2; norm++)
		for (int m = 0; m < 2; m++)
		{
			AdvBall ball = {norm, unit, -INFINITY, INFINITY};
			AdvCertify how = how_to(methods[m], ball, 100);
			AdvCertificate to[ROWS];
			double worst = 0, above = 0;

			certify(&t, &how, ROWS, 2, to);
			for (size_t i = 0; i < ROWS; i++)
			{
				double radius = true_radius(&t, &ball, t.x + i * INPUTS, to[i].prediction);

				above = fmax(above, to[i].radius - radius);
				worst = fmax(worst, (radius - to[i].radius) / (1 + radius));
			}
			okf(above <= 0 && worst < 2e-4,
				"a linear network's radius by %s is margin over dual norm, %s: %.1e", methods[m],
				norm ? "L2" : "L-infinity", worst);
		}
	training_free(&t);
}

/* One hidden unit that decides alone: intervals are exact, by whatever norm, and through a scaling layer and clip ranges as well. */
static void
test_one_unit(void)
{
	static const float params[] = {3, 4, 0, -1, /* hidden */ 0, 1, /* output */ 0, 0};
	static const float rows[][3] = {{1, 0.5f, 9}, {0.2f, 0.3f, -9}};
	static const double hidden[] = {4, 0.8};

	for (int norm = 0; norm < 2; norm++)
		for (int m = 0; m < 2; m++)
		{
			Training t;
			AdvCertify how = how_to(m ? "crown" : "ibp", ball_of(norm), 100);
			AdvCertificate to[2];
			double worst = 0;

			make_by_hand(&t, "dense 1, relu", 3, 2, params, 2, rows[0]);
			certify(&t, &how, 2, 1, to);
			for (int i = 0; i < 2; i++)
			{
				double radius = hidden[i] / (norm ? 5 : 7);

				worst = fmax(worst, fmax(radius - 2e-4 - to[i].radius, to[i].radius - radius));
			}
			okf(worst <= 0, "one relu by %s, %s", m ? "linear bounds" : "intervals",
				norm ? "L2" : "L-infinity");
			how.ball.low = 0; /* what would have to fall by more than this allows cannot */
			certify(&t, &how, 2, 1, to);
			/* 3 a + 4 b = 1 is met with a = 1/3 and b = 0; the other row is not stopped by the range */
			okf(norm ? to[0].radius >= 0.8 - 2e-4
					 : fabs(to[0].radius - 2.0 / 3) < 2e-4 && fabs(to[1].radius - 0.8 / 7) < 2e-4,
				"one relu by %s within a clip range, %s", m ? "linear bounds" : "intervals",
				norm ? "L2" : "L-infinity");
			training_free(&t);
		}
}

/* What comes before an activation as one linear map of the input is bounded as well as if it were written as one: by whatever layers it is made. */
static void
test_linear_parts(void)
{
	/* h = relu(10 (3 a + 4 b) / 5 + 5), of which the classes are told by whether it is above 0.5 */
	static const float once[] = {6, 8, 5, 1, -1, -0.5f, 0.5f}, twice[] = {3, 4, 5, 1, -1, -0.5f, 0.5f},
					   parts[] = {1, 1, 1, -1, 0, 0, 7, -1, 5, 1, -1, -0.5f, 0.5f};
	static const struct
	{
		const char *arch;
		const float *params;
	} nets[] = {{"dense 1, relu", once},
				{"residual(dropout 0.5), dense 1, relu", twice},
				{"dense 2, dense 1, relu", parts}};
	static const float x[] = {0.8f, -0.6f};

	for (int norm = 0; norm < 2; norm++)
		for (int k = 0; k < 3; k++)
		{
			Training t;
			AdvCertify how = how_to("crown", ball_of(norm), 100);
			AdvCertificate to;
			double radius = 4.5 / (norm ? 10 : 14);

			make_by_hand(&t, nets[k].arch, 2, 2, nets[k].params, 1, x);
			certify(&t, &how, 1, 1, &to);
			okf(to.radius <= radius && to.radius > radius - 2e-4, "%s: %.5f of %.5f, %s", nets[k].arch,
				to.radius, radius, norm ? "L2" : "L-infinity");
			training_free(&t);
		}
}

/* Where single precision overflows there is no class, however well the two would be apart in exact arithmetic. */
static void
test_overflow(void)
{
	static const float params[] = {1e38f, 0, 1e-38f, -1e-38f, 0, 0}, x = 1;

	for (int m = 0; m < 2; m++)
	{
		Training t;
		AdvCertify how = how_to(m ? "crown" : "ibp", ball_of(ADV_NORM_LINF), 10);
		AdvCertificate to;

		make_by_hand(&t, "dense 1, relu", 1, 2, params, 1, &x);
		how.ball.low = 1;
		certify(&t, &how, 1, 1, &to);
		okf(to.radius > 2.4 && to.radius <= FLT_MAX / 1e38 - 1, "%s: up to where numbers end: %.5f",
			m ? "linear bounds" : "intervals", to.radius);
		training_free(&t);
	}
}

/* No example that an attack finds is nearer than the radius, and the radius is not much smaller than needs be. */
static void
test_sandwich(void)
{
	static const char *const archs[] = {"dense 16, relu, dense 16, relu", "dense 16, tanh, dense 16, tanh"};

	for (int k = 0; k < 2; k++)
		for (int norm = 0; norm < 2; norm++)
		{
			Training t;
			AdvBall ball = ball_of(norm);
			AdvCertificate crown[ROWS], ibp[ROWS];
			AdvCertify by_crown = how_to("crown", ball, 10), by_ibp = how_to("ibp", ball, 10);
			AdvAttack attack = {.method = adv_attack_method("fab"),
								.ball = ball,
								.eps = 10,
								.alpha = 1,
								.steps = 100,
								.restarts = 2,
								.seed = 1};
			Report r;
			int below = 0, worse = 0, standing = 0;
			double share = 0;

			training_make(&t, archs[k], (AdvShape){INPUTS, 1, 1}, 3, ROWS);
			t.spec.epochs = 30;
			training_run(&t, 1);
			certify(&t, &by_crown, ROWS, 2, crown);
			certify(&t, &by_ibp, ROWS, 2, ibp);
			for (size_t i = 0; i < ROWS; i++)
				t.label[i] = crown[i].prediction;
			attack_rows(&t, &attack, NULL, ROWS, 2, &r);
			for (size_t i = 0; i < ROWS; i++)
			{
				double found = adv_ball_distance(&ball, INPUTS, t.x + i * INPUTS, r.x + i * INPUTS);

				if (!has(&r, i, ADV_ATTACK_SUCCESS))
					continue;
				standing++;
				below += found < crown[i].radius || found < ibp[i].radius;
				worse += crown[i].radius < ibp[i].radius - 2e-4;
				share += crown[i].radius / found;
			}
			okf(below == 0 && standing > ROWS / 2, "%s, %s: no example is nearer than the radius", archs[k],
				norm ? "L2" : "L-infinity");
			okf(worse == 0, "%s, %s: linear bounds are never worse than intervals", archs[k],
				norm ? "L2" : "L-infinity");
			okf(share / standing > 0.25, "%s, %s: radii are %.2f of the nearest examples' distance", archs[k],
				norm ? "L2" : "L-infinity", share / standing);
			free_report(&r);
			training_free(&t);
		}
}

/* The nearest point of another class on a grid of two inputs, in the L-infinity norm; INFINITY: there is none. */
static double
nearest_on_grid(const Training *t, AdvWorkspace *ws, const float *x0, int class, double side, int points)
{
	double nearest = INFINITY;
	const float *logits = ws->act[t->net.n_layers];

	for (int i = 0; i < points; i++)
		for (int j = 0; j < points; j++)
		{
			double u = side * (2.0 * i / (points - 1) - 1), v = side * (2.0 * j / (points - 1) - 1);

			if (fmax(fabs(u), fabs(v)) >= nearest)
				continue;
			ws->act[0][0] = (float) (x0[0] + u);
			ws->act[0][1] = (float) (x0[1] + v);
			adv_forward(ws, 1);
			if (adv_argmax(t->net.classes, logits) != class)
				nearest = fmax(fabs(u), fabs(v));
		}
	return nearest;
}

/* Networks so small that all of a ball can be looked at. */
static void
test_exhaustive(void)
{
	static const char *const archs[] = {"dense 8, relu, dense 6, relu", "dense 5, tanh",
										"dense 4, leaky_relu 0.3, dense 3, sigmoid"};
	enum
	{
		POINTS = 201,
		EACH = 6
	};
	const double side = 2;

	for (int k = 0; k < 3; k++)
	{
		Training t;
		Certifier c;
		AdvCertify how = how_to("crown", ball_of(ADV_NORM_LINF), side);
		AdvCertificate to[EACH];
		int above = 0, seen = 0;
		double share = 0;

		training_make(&t, archs[k], (AdvShape){2, 1, 1}, 3, 200);
		t.spec.epochs = 40;
		t.spec.optimizer.learning_rate = 0.01;
		training_run(&t, 1);
		certify(&t, &how, EACH, 2, to);
		make_certifier(&c, &t, how.ball, true);
		for (size_t i = 0; i < EACH; i++)
		{
			double nearest = nearest_on_grid(&t, &c.ws, t.x + 2 * i, to[i].prediction, side, POINTS);

			above += to[i].radius > nearest;
			seen += isfinite(nearest);
			share += isfinite(nearest) ? to[i].radius / nearest : 0;
		}
		okf(above == 0 && seen > 0, "%s: nothing of another class lies within the radius", archs[k]);
		okf(share / seen > 0.5, "%s: radii are %.2f of the way to the nearest point of a grid", archs[k],
			share / seen);
		free_certifier(&c);
		training_free(&t);
	}
}

/* ---- teams, and what cannot be bounded ---- */

/* What is there of some pieces, whole, is what a certification goes on from. */
static void
test_pieces(const Training *t, const AdvCertify *how, const AdvCertificate *whole)
{
	AdvCertificate rest[ROWS], mark = {7, 42, true};
	atomic_uchar done[ROWS] = {0};
	size_t n = 0, first, kept = 0, computed = 0, complete = 0;

	memset(rest, 0, sizeof(rest));
	for (size_t p = 0; p < adv_certify_pieces(ROWS - 1); p++)
	{
		size_t rows = adv_certify_piece(ROWS - 1, p, &first);

		n += first == n ? rows : ROWS;
		atomic_store(&done[p], p % 2);
		for (size_t i = first; i < first + rows && p % 2; i++)
			rest[i] = mark;
	}
	ok(n == ROWS - 1, "pieces are all rows, once");
	certify_rest(t, how, ROWS - 1, 2, rest, done);
	for (size_t p = 0; p < adv_certify_pieces(ROWS - 1); p++)
	{
		size_t rows = adv_certify_piece(ROWS - 1, p, &first);

		complete += atomic_load(&done[p]) == 1;
		for (size_t i = first; i < first + rows; i++)
		{
			kept += p % 2 && rest[i].prediction == mark.prediction && rest[i].radius == mark.radius;
			computed +=
				p % 2 == 0 && rest[i].prediction == whole[i].prediction && rest[i].radius == whole[i].radius;
		}
	}
	ok(kept > 0 && computed > 0 && kept + computed == ROWS - 1,
	   "pieces that are done stay, the others are as ever");
	ok(complete == adv_certify_pieces(ROWS - 1), "and all are done then");
}

static void
test_teams(void)
{
	Training t;
	AdvCertificate one[ROWS], three[ROWS];
	AdvCertify how = how_to("crown", ball_of(ADV_NORM_LINF), 3);

	training_make(&t, "dense 16, tanh, dense 16, relu", (AdvShape){INPUTS, 1, 1}, 3, ROWS);
	memset(one, 0, sizeof(one));
	memset(three, 0, sizeof(three));
	certify(&t, &how, ROWS, 1, one);
	certify(&t, &how, ROWS, 3, three);
	ok(memcmp(one, three, sizeof(one)) == 0, "any team finds the same radii");
	test_pieces(&t, &how, one);
	t.params[0] = NAN;
	certify(&t, &how, ROWS, 1, one);
	ok(one[0].prediction == -1 && one[0].radius == 0, "what is not finite has no class and no radius");
	training_free(&t);
}

static void
test_check(void)
{
	AdvNetwork net;
	AdvError err = {0};

	adv_network_parse(&net, "dense 4, gelu", (AdvShape){3, 1, 1}, 2, false, &err);
	ok(adv_bounds_check(&net, &err) == ADV_INVALID && strstr(err.message, "gelu"),
	   "a network that cannot be bounded is told by the layer");
}

int
main(void)
{
	test_linear();
	test_one_unit();
	test_linear_parts();
	test_overflow();
	test_bounds();
	test_measured();
	test_sandwich();
	test_exhaustive();
	test_teams();
	test_check();
	done_testing();
	return 0;
}
