/*
 * test_robust.c
 *		Adversarial training: reference gradients, crafted examples within their ball, what each method reduces to in simple cases,
 *		that networks do become robust, and that no number depends on the team.
 */
#include <stdlib.h>

#include "core/defence/craft.h"
#include "core/defence/fast.h"
#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "core/network/loss.h"
#include "core/base/rng.h"
#include "golden.h"
#include "passes.h"
#include "tap.h"
#include "training.h"

#define TABULAR "dense 40, tanh, dense 9, relu"
#define IMAGE   "conv 5x3, maxpool 2, relu, conv 6x3, relu, dense 11, tanh"

static const char *const METHOD[] = {"none", "pgd", "trades", "fast", "mart"};

/* A method with the usual 5 steps. */
static AdvRobust
robust(int method, double eps)
{
	return (AdvRobust){.method = method,
					   .ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY},
					   .eps = eps,
					   .alpha = method == ADV_METHOD_FAST ? 1.25 * eps : 0.5 * eps,
					   .steps = method == ADV_METHOD_FAST ? 1 : 5,
					   .random_start = true,
					   .settings = {.beta = 6}};
}

static float *
copy_floats(size_t n, const float *values)
{
	return memcpy(zeros(sizeof(float) * n), values, sizeof(float) * n);
}

static bool
same_floats(size_t n, const float *a, const float *b)
{
	return memcmp(a, b, sizeof(float) * n) == 0;
}

static bool
same_numbers(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static bool
same_epochs(int n, const AdvEpoch *a, const AdvEpoch *b)
{
	bool same = true;

	for (int e = 0; e < n; e++)
		same = same && a[e].loss == b[e].loss && a[e].accuracy == b[e].accuracy &&
			   same_numbers(a[e].validation_loss, b[e].validation_loss) &&
			   same_numbers(a[e].validation_accuracy, b[e].validation_accuracy);
	return same;
}

/* ---- the objective of TRADES ---- */

static void
test_golden(void)
{
	Golden g;
	AdvNetwork net;
	AdvWorkspace ws;
	AdvError err;
	float *params, *d_params, *logits, *d_logits;
	int32_t label[8];
	int64_t correct = 0;
	double loss, kl;
	size_t at = 0;

	if (!golden_read(&g, "trades_mlp.txt"))
	{
		skip("golden values of TRADES", "no golden files");
		return;
	}
	adv_network_parse(&net, "dense 7, tanh, dense 6, relu", (AdvShape){5, 1, 1}, 3, false, &err);
	params = zeros(sizeof(float) * net.n_params);
	d_params = zeros(sizeof(float) * net.n_params);
	for (int i = 0; i < 6; i++)
		for (size_t j = 0; j < golden_get(&g, "w%d", i)->n; j++)
			params[at++] = (float) golden_get(&g, "w%d", i)->value[j];
	adv_workspace_init(&ws, &net, 16, ADV_PASS_BACKWARD,
					   zeros(adv_workspace_size(&net, 16, ADV_PASS_BACKWARD)));
	for (int i = 0; i < 40; i++)
	{
		ws.act[0][i] = (float) golden_get(&g, "x")->value[i];
		ws.act[0][40 + i] = (float) golden_get(&g, "x_adv")->value[i];
	}
	for (int r = 0; r < 8; r++)
		label[r] = (int32_t) golden_get(&g, "y")->value[r];

	load_and_forward(&ws, params, 16);
	logits = ws.act[net.n_layers];
	d_logits = ws.d_act[net.n_layers];
	kl = adv_kl_divergence(8, 3, logits, logits + 24, 1, NULL, NULL) / 8;
	loss =
		adv_trades_loss(8, 3, logits, logits + 24, label, 6, 1.0f / 8, d_logits, d_logits + 24, &correct) / 8;
	adv_backward(&ws, 16, d_params, false, false);
	ok(fabs(kl / golden_get(&g, "kl")->value[0] - 1) < 1e-5, "the divergence agrees with PyTorch's");
	ok(fabs(loss / (golden_get(&g, "ce")->value[0] + 6 * golden_get(&g, "kl")->value[0]) - 1) < 1e-5,
	   "so does the objective of TRADES");
	at = 0;
	for (int i = 0; i < 6; i++)
	{
		const GoldenTensor *dw = golden_get(&g, "dw%d", i);

		is_close(dw->n, d_params + at, dw->value, 1e-5, "and its gradient, through both arguments");
		at += dw->n;
	}
	free(ws.act[0]);
	free(params);
	free(d_params);
	golden_free(&g);
}

/* Where both distributions are as sure as can be the slope still points somewhere. */
static void
test_sure_networks(void)
{
	float p[] = {70, 0, 1};
	float q[] = {70, 0, 3};
	float d_p[] = {1, 2, 3};
	float d_q[3];
	double kl = adv_kl_divergence(1, 3, p, q, 1, d_p, d_q);

	ok(fabs(kl) < 1e-15, "sure distributions hardly diverge");
	ok(d_q[2] > 0 && fabsf(d_q[0] + d_q[1] + d_q[2]) < 1e-6f * d_q[2],
	   "their slopes are kept and sum to zero");
	ok(d_p[0] == 1 && d_p[1] == 2 && d_p[2] == 3, "slopes of the first argument are added");
	p[0] = NAN;
	ok(isnan(adv_kl_divergence(1, 3, p, q, 1, NULL, d_q)) && isnan(d_q[1]), "NaN stays NaN");
}

/* ---- crafting ---- */

enum
{
	CRAFT_ROWS = 20
};

/* A member's defence, at work on the first rows of a training. */
typedef struct Crafter
{
	AdvRobust how;
	AdvWorkspace ws;
	AdvCraft craft;
	AdvDefending defending;
} Crafter;

static void
craft_open(Crafter *c, Training *t, AdvRobust how)
{
	const AdvNetwork *net = &t->net;

	*c = (Crafter){.how = how, .craft = {.seed = 3, .ws = &c->ws}};
	c->defending = (AdvDefending){.robust = &c->how, .ws = &c->ws, .craft = &c->craft};
	adv_craft_init(&c->craft, net, CRAFT_ROWS, zeros(adv_craft_size(net, CRAFT_ROWS)));
	adv_workspace_init(&c->ws, net, 2 * CRAFT_ROWS, ADV_PASS_BACKWARD,
					   zeros(adv_workspace_size(net, 2 * CRAFT_ROWS, ADV_PASS_BACKWARD)));
	adv_workspace_load(&c->ws, t->params);
	memcpy(c->ws.act[0], t->x, sizeof(float) * CRAFT_ROWS * adv_shape_size(net->input));
}

static void
craft_close(Crafter *c, float *input)
{
	free(c->craft.x0);
	free(input);
}

/* Craft of the first rows, and have the examples in front. */
static AdvStatus
craft(Crafter *c, int rows, const int32_t *label, const uint64_t *key, uint64_t restart)
{
	const AdvDefence *defence = adv_defence_of(&c->how);
	AdvSlice slice = {rows, label, key, restart};
	size_t size = (size_t) rows * adv_shape_size(c->ws.net->input);
	AdvStatus status = defence->craft(&c->defending, &slice);

	if (defence->rows_per_example == 2)
		memcpy(c->ws.act[0], c->ws.act[0] + size, sizeof(float) * size);
	return status;
}

/* What crafting climbs, at the examples as they are: cross-entropy, or divergence from the natural rows. */
static double
height(Crafter *c, const Training *t)
{
	int classes = t->net.classes;
	const float *logits = c->ws.act[t->net.n_layers];
	int64_t correct = 0;

	load_and_forward(&c->ws, t->params, CRAFT_ROWS);
	if (c->how.method == ADV_METHOD_TRADES)
		return adv_kl_divergence(CRAFT_ROWS, classes, c->craft.logits, logits, 1, NULL, NULL);
	return adv_cross_entropy(CRAFT_ROWS, classes, logits, t->label, 1, NULL, NULL, &correct);
}

static void
test_crafting(int method, AdvNorm norm, double low, double high, const char *arch, AdvShape shape)
{
	Training t;
	Crafter c;
	AdvRobust how = robust(method, 0.3);
	size_t n = adv_shape_size(shape);
	float *unit = zeros(sizeof(float) * n);
	float *first, *input;
	double farthest = 0, top;
	bool inside = true;

	training_make(&t, arch, shape, 3, CRAFT_ROWS);
	for (size_t i = 0; i < n; i++)
		unit[i] = (float) (i % 3) * 0.5f;
	how.ball = (AdvBall){norm, unit, low, high};
	craft_open(&c, &t, how);
	input = c.ws.act[0];
	ok(craft(&c, CRAFT_ROWS, t.label, t.key, 7) == ADV_OK, "examples are crafted");
	for (size_t at = 0; at < CRAFT_ROWS * n; at += n)
	{
		double distance = adv_ball_distance(&how.ball, n, t.x + at, input + at);

		farthest = fmax(farthest, distance);
		for (size_t i = at; i < at + n; i++)
			inside = inside && input[i] >= fmin(low, t.x[i]) && input[i] <= fmax(high, t.x[i]);
	}
	okf(farthest <= 0.3 * (1 + 1e-6) && farthest > 0.2 && inside,
		"%s, norm %d: farthest example at %g of 0.3", METHOD[method], norm, farthest);
	ok(same_floats(CRAFT_ROWS * n, c.craft.x0, t.x), "what the rows were is kept");
	first = copy_floats(CRAFT_ROWS * n, input);
	top = height(&c, &t);

	memcpy(input, t.x, sizeof(float) * CRAFT_ROWS * n);
	craft(&c, CRAFT_ROWS, t.label, t.key, 7);
	ok(same_floats(CRAFT_ROWS * n, input, first), "the same keys and restart give the same examples");
	memcpy(input, t.x, sizeof(float) * CRAFT_ROWS * n);
	c.how.steps = 0;
	craft(&c, CRAFT_ROWS, t.label, t.key, 7);
	okf(top > 1.02 * height(&c, &t), "they lie higher (%.3g) than where they started (%.3g)", top,
		height(&c, &t));
	memcpy(first, input, sizeof(float) * CRAFT_ROWS * n);
	memcpy(input, t.x, sizeof(float) * n);
	craft(&c, 1, t.label, t.key, 8);
	ok(!same_floats(n, input, first), "another restart starts elsewhere");
	memcpy(input, t.x, sizeof(float) * n);
	craft(&c, 1, t.label, t.key, 7);
	ok(same_floats(n, input, first), "a start is the row's own");
	free(first);
	free(unit);
	craft_close(&c, input);
	training_free(&t);
}

/*
 * A training of one minibatch by hand: examples are crafted in the network without dropout, then the network has some of its values
 * dropped, those of a row and of its example alike.
 */
static void
test_dropout(int method)
{
	Training t, plain;
	Crafter c, passing;
	AdvRobust how = robust(method, 0.3);
	AdvSlice slice;
	float *d_params, *before;
	double farthest = 0, moved = 0;
	int64_t correct;
	int rows;

	training_make(&t, "dense 40, tanh, dropout 0.3, dense 9, relu", (AdvShape){12, 1, 1}, 3, CRAFT_ROWS);
	training_make(&plain, TABULAR, (AdvShape){12, 1, 1}, 3, CRAFT_ROWS);
	t.spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 0.1};
	t.spec.robust = how;
	t.spec.seed = 3;
	before = copy_floats(t.net.n_params, t.params);
	memcpy(plain.params, before, sizeof(float) * t.net.n_params);
	for (int r = 0; r < CRAFT_ROWS; r++) /* in whatever order: the minibatch is one slice */
		t.key[r] = plain.key[r] = 100 + (uint64_t) r;
	slice = (AdvSlice){CRAFT_ROWS, t.label, t.key, 0};
	rows = CRAFT_ROWS * adv_defence_of(&how)->rows_per_example;

	craft_open(&c, &plain, how);
	craft_open(&passing, &t, how);
	adv_defence_of(&how)->craft(&c.defending, &slice);
	memcpy(passing.ws.act[0], c.ws.act[0], sizeof(float) * (size_t) rows * 12);
	passing.ws.noise = (AdvNoise){t.key, CRAFT_ROWS, t.spec.seed, 0};
	adv_forward(&passing.ws, rows);
	if (adv_defence_of(&how)->loss)
		adv_defence_of(&how)->loss(&passing.defending, &slice, 1.0f / CRAFT_ROWS, &correct);
	else
		adv_cross_entropy(rows, 3, passing.ws.act[t.net.n_layers], t.label, 1.0f / CRAFT_ROWS, NULL,
						  passing.ws.d_act[t.net.n_layers], &correct);
	d_params = zeros(sizeof(float) * t.net.n_params);
	adv_backward(&passing.ws, rows, d_params, false, false);

	training_run(&t, 1);
	for (size_t i = 0; i < t.net.n_params; i++)
	{
		farthest = fmax(farthest, fabs(t.params[i] - (before[i] - 0.1f * d_params[i])));
		moved = fmax(moved, fabs(t.params[i] - before[i]));
	}
	okf(farthest < 1e-4 * moved, "%s drops values in the passes that train, and in no other (%.2g of %.2g)",
		METHOD[method], farthest, moved);
	free(d_params);
	free(before);
	craft_close(&c, c.ws.act[0]);
	craft_close(&passing, passing.ws.act[0]);
	training_free(&t);
	training_free(&plain);
}

/* ---- the objective of MART ---- */

/* Of rows whose logits are given, natural ones in front; the gradient is left in the workspace. */
static double
mart_loss(Crafter *c, const float *logits, int rows, const int32_t *label)
{
	const AdvNetwork *net = c->ws.net;
	AdvSlice slice = {rows, label, NULL, 0};
	int64_t correct = 0;

	memcpy(c->ws.act[net->n_layers], logits, sizeof(float) * (size_t) (2 * rows * net->classes));
	return adv_defence_of(&c->how)->loss(&c->defending, &slice, 1, &correct);
}

/* Worked from probabilities as the paper's equation says it, gradients by differences, by a program that knows nothing of this one. */
static void
test_mart_golden(void)
{
	static const float logits[] = {1, -0.5f, 0.25f, 0.5f, 2, -1, 0, 0.75f, -0.25f, 1.5f, -0.5f, 0.5f};
	static const double gradient[] = {0.056445582,  -0.403084196, 0.346638614,  0.538096519,
									  -0.633004527, 0.094908008,  -1.868660762, 2.100348914,
									  -0.231688152, 1.960763034,  -1.983669347, 0.022906313};
	static const double sums[] = {5.645809331548886, 6.107839405010095, 8.417989772316144};
	static const int betas[] = {0, 1, 6};
	static const int32_t label[] = {0, 1};
	Training t;
	Crafter c;
	double farthest = 0;
	bool same = true;

	training_make(&t, "", (AdvShape){4, 1, 1}, 3, CRAFT_ROWS);
	craft_open(&c, &t, robust(ADV_METHOD_MART, 0.1));
	for (int b = 0; b < 3; b++)
	{
		c.how.settings.beta = betas[b];
		same = same && fabs(mart_loss(&c, logits, 2, label) - sums[b]) < 1e-7;
	}
	ok(same, "the objective of MART is the paper's");
	for (int i = 0; i < 12; i++)
		farthest = fmax(farthest, fabs(c.ws.d_act[t.net.n_layers][i] - gradient[i]));
	okf(farthest < 1e-6, "so is its gradient, up to %g", farthest);
	craft_close(&c, c.ws.act[0]);
	training_free(&t);
}

/* Against differences, with as many classes as a row of any length may have, and where a network is sure. */
static void
test_mart_gradient(int classes, float spread)
{
	int32_t label[3];
	float *logits = zeros(sizeof(float) * 6 * (size_t) classes), *gradient;
	const float h = 1.0f / 128;
	Training t;
	Crafter c;
	double farthest = 0;

	training_make(&t, "", (AdvShape){4, 1, 1}, classes, CRAFT_ROWS);
	craft_open(&c, &t, robust(ADV_METHOD_MART, 0.1));
	for (int i = 0; i < 6 * classes; i++)
		logits[i] = spread * (float) adv_normal(7, ADV_FOR_CENSUS, (uint64_t) i, 1);
	for (int r = 0; r < 3; r++)
		label[r] = r % classes;
	mart_loss(&c, logits, 3, label);
	gradient = copy_floats(6 * (size_t) classes, c.ws.d_act[t.net.n_layers]);
	for (int i = 0; i < 6 * classes; i++)
	{
		float kept = logits[i];
		double up, down;

		logits[i] = kept + h;
		up = mart_loss(&c, logits, 3, label);
		logits[i] = kept - h;
		down = mart_loss(&c, logits, 3, label);
		farthest =
			fmax(farthest, fabs((up - down) / ((double) (kept + h) - (double) (kept - h)) - gradient[i]));
		logits[i] = kept;
	}
	okf(farthest < 1e-3 * fmax(1, spread), "MART, %d classes, logits of %g: differences agree up to %g",
		classes, spread, farthest);
	free(logits);
	free(gradient);
	craft_close(&c, c.ws.act[0]);
	training_free(&t);
}

/* The start of TRADES is normal with a thousandth of a unit, or of eps where that is larger, but within the ball. */
static void
test_trades_start(void)
{
	Training t;
	Crafter c;
	double squares = 0, largest = 0;
	int n = CRAFT_ROWS * 50;

	training_make(&t, "", (AdvShape){50, 1, 1}, 3, CRAFT_ROWS);
	craft_open(&c, &t, robust(ADV_METHOD_TRADES, 1));
	c.how.steps = 0;
	craft(&c, CRAFT_ROWS, NULL, t.key, 0);
	for (int i = 0; i < n; i++)
		squares += pow(c.ws.act[0][i] - t.x[i], 2);
	ok(fabs(sqrt(squares / n) / 0.001 - 1) < 0.1, "TRADES starts a thousandth of a unit away");
	memcpy(c.ws.act[0], t.x, sizeof(float) * (size_t) n);
	c.how.eps = 0.0005;
	craft(&c, CRAFT_ROWS, NULL, t.key, 0);
	for (int i = 0; i < n; i++)
		largest = fmax(largest, fabs(c.ws.act[0][i] - (double) t.x[i]));
	ok(largest <= 0.0005 && largest > 0.00049, "but never outside of the ball");
	memcpy(c.ws.act[0], t.x, sizeof(float) * (size_t) n);
	c.how.eps = 1000;
	squares = 0;
	craft(&c, CRAFT_ROWS, NULL, t.key, 0);
	for (int i = 0; i < n; i++)
		squares += pow(c.ws.act[0][i] - t.x[i], 2);
	ok(fabs(sqrt(squares / n) - 1) < 0.1, "or of eps, where a thousandth of a unit may be nothing");
	craft_close(&c, c.ws.act[0]);
	training_free(&t);
}

/* Divergence has no slope where the examples are the rows themselves, which they must not be rounded to where rows are large. */
static void
test_trades_on_large_numbers(void)
{
	const float params[] = {1e5f, 0.01f, 1, -1, 0, 0}; /* shift and factor of a scaling layer, then weights */
	const double eps[] = {300, 40, 1, 0.02};

	for (int k = 0; k < 4; k++)
	{
		Training t;
		Crafter c;
		AdvError err;
		AdvRobust how = robust(ADV_METHOD_TRADES, eps[k]);
		int farthest = 0;

		training_make(&t, "", (AdvShape){1, 1, 1}, 2, CRAFT_ROWS);
		adv_network_parse(&t.net, "", t.net.input, 2, true, &err);
		free(t.params);
		t.params = memcpy(zeros(sizeof(params)), params, sizeof(params));
		for (int i = 0; i < CRAFT_ROWS; i++)
			t.x[i] = 1e5f + (float) i; /* floats are 1/128 apart */
		how.alpha = eps[k] / 4;
		how.steps = 10;
		craft_open(&c, &t, how);
		craft(&c, CRAFT_ROWS, NULL, t.key, 0);
		for (int i = 0; i < CRAFT_ROWS; i++)
			farthest += fabs(c.ws.act[0][i] - (double) t.x[i]) > eps[k] - 0.008;
		okf(farthest == CRAFT_ROWS, "TRADES climbs from large numbers, at eps %g (%d of %d)", eps[k],
			farthest, CRAFT_ROWS);
		craft_close(&c, c.ws.act[0]);
		training_free(&t);
	}
}

/* ---- teams ---- */

/* Every row a second time, or its twin when there are any, with a key of its own. */
static void
double_examples(Training *t)
{
	size_t n = t->data.n_rows;

	t->n_examples = 2 * n;
	t->row = realloc(t->row, sizeof(uint32_t) * 2 * n);
	t->key = realloc(t->key, sizeof(uint64_t) * 2 * n);
	for (size_t r = 0; r < n; r++)
	{
		t->row[n + r] = (uint32_t) (t->twins ? n + r : r);
		t->key[n + r] = t->key[r] + 1000000;
	}
}

/* Rows of a training's shape as twins, plain floats at *chunk. */
static AdvDataset
twins_of(const Training *t, const unsigned char *const *chunk)
{
	AdvDataset twins = t->data;

	twins.chunks = chunk;
	twins.label = NULL;
	return twins;
}

static void
test_team_sizes(int method, bool merged, const char *arch, AdvShape shape)
{
	Training t;
	AdvDataset validation, twins;
	AdvError err;
	AdvEpoch *epochs;
	const unsigned char *chunk;
	float *initial, *first, *x;

	training_make(&t, arch, shape, 3, 333);
	adv_network_parse(&t.net, arch, shape, 3, true, &err);
	free(t.params);
	t.params = zeros(sizeof(float) * t.net.n_params);
	adv_network_init(&t.net, t.params, 5, ADV_INIT_HE);
	t.params[0] = 0.25f;
	t.params[shape.c] = 2;
	t.spec.epochs = 2;
	t.spec.batch_size = 100; /* slices of 32, 32, 32, 4, and a last minibatch of 33 */
	t.spec.robust = robust(method, 0.1);
	validation = t.data;
	validation.n_rows = 300;
	t.validation = &validation;
	x = copy_floats(333 * adv_shape_size(shape), t.x);
	for (size_t i = 0; i < 333 * adv_shape_size(shape); i++)
		x[i] += 0.1f;
	chunk = (unsigned char *) x;
	twins = twins_of(&t, &chunk);
	if (merged)
	{
		t.twins = &twins;
		double_examples(&t);
	}
	initial = copy_floats(t.net.n_params, t.params);
	training_run(&t, 1);
	first = copy_floats(t.net.n_params, t.params);
	epochs = memcpy(zeros(2 * sizeof(AdvEpoch)), t.epochs, 2 * sizeof(AdvEpoch));
	ok(t.status[0] == ADV_OK && t.state.epochs_done == 2 && t.state.examples_done == (merged ? 4 : 2) * 333 &&
		   !same_floats(t.net.n_params, first, initial) && same_floats(2 * (size_t) shape.c, first, initial),
	   "all examples are trained on");
	for (int size = 2; size <= 4; size++)
	{
		memcpy(t.params, initial, sizeof(float) * t.net.n_params);
		training_run(&t, size);
		okf(t.status[size - 1] == ADV_OK && same_floats(t.net.n_params, t.params, first) &&
				same_epochs(2, t.epochs, epochs),
			"%s, %s%s: %d members train the same bits", adv_gemm_name(), merged ? "merged, " : "",
			METHOD[method], size);
	}
	free(x);
	free(initial);
	free(first);
	free(epochs);
	training_free(&t);
}

/* The same examples, stored backwards: random starts follow keys. */
static void
test_row_order(int method)
{
	Training a, b;

	training_make(&a, TABULAR, (AdvShape){6, 1, 1}, 3, 200);
	training_make(&b, TABULAR, (AdvShape){6, 1, 1}, 3, 200);
	a.spec.robust = b.spec.robust = robust(method, 0.2);
	a.spec.batch_size = b.spec.batch_size = 70;
	for (size_t r = 0; r < 200; r++)
	{
		memcpy(b.x + 6 * r, a.x + 6 * (199 - r), 6 * sizeof(float));
		b.label[r] = a.label[199 - r];
		b.key[r] = a.key[199 - r];
	}
	training_run(&a, 2);
	training_run(&b, 2);
	okf(same_floats(a.net.n_params, a.params, b.params), "%s: the order of rows does not matter",
		METHOD[method]);
	training_free(&a);
	training_free(&b);
}

/* ---- what methods reduce to ---- */

static void
test_merged(void)
{
	Training twice, merged;
	AdvDataset twins;
	size_t n = 150;
	float *x;
	const unsigned char *chunk;

	training_make(&twice, TABULAR, (AdvShape){6, 1, 1}, 3, n);
	training_make(&merged, TABULAR, (AdvShape){6, 1, 1}, 3, n);
	x = copy_floats(n * 6, merged.x);
	chunk = (unsigned char *) x;
	twins = twins_of(&merged, &chunk);
	merged.twins = &twins;
	double_examples(&twice);
	double_examples(&merged);
	merged.spec.batch_size = twice.spec.batch_size = 64;
	training_run(&twice, 2);
	training_run(&merged, 2);
	ok(merged.status[0] == ADV_OK && same_floats(twice.net.n_params, twice.params, merged.params),
	   "twins equal to their rows are the rows again");
	x[6 * 149] += 0.5f;
	adv_network_init(&merged.net, merged.params, merged.spec.seed, ADV_INIT_GLOROT);
	training_run(&merged, 2);
	ok(!same_floats(twice.net.n_params, twice.params, merged.params), "the last twin counts");
	free(x);
	training_free(&twice);
	training_free(&merged);
}

/* Twins of images are floats, channels last. */
static void
test_merged_images(void)
{
	enum
	{
		n = 60,
		size = 2 * 6 * 5
	};
	Training twice, merged;
	AdvField image = {ADV_FIELD_IMAGE, size};
	AdvDataset twins;
	static unsigned char bytes[n * size];
	const unsigned char *chunk = bytes;
	const unsigned char *twin_chunk;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char) adv_random64(1, ADV_FOR_CENSUS, 0, i);
	training_make(&twice, IMAGE, (AdvShape){2, 6, 5}, 3, n);
	training_make(&merged, IMAGE, (AdvShape){2, 6, 5}, 3, n);
	twin_chunk = (unsigned char *) merged.x;
	twins = twins_of(&merged, &twin_chunk);
	merged.twins = &twins;
	twice.data.layout = merged.data.layout = (AdvLayout){&image, 1, {2, 6, 5}, size};
	twice.data.chunks = merged.data.chunks = &chunk;
	for (size_t r = 0; r < n; r++)
		adv_layout_expand(&merged.data.layout, bytes + r * size, merged.x + r * size);
	double_examples(&twice);
	double_examples(&merged);
	training_run(&twice, 1);
	training_run(&merged, 2);
	ok(same_floats(twice.net.n_params, twice.params, merged.params), "twins of images too");
	training_free(&twice);
	training_free(&merged);
}

/* Train another way, from the same parameters; whether each parameter is the same up to tolerance. */
static bool
trains_like(Training *t, const float *expected, AdvRobust how, double tolerance)
{
	bool same = true;

	adv_network_init(&t->net, t->params, t->spec.seed, ADV_INIT_GLOROT);
	t->spec.robust = how;
	training_run(t, 2);
	for (size_t i = 0; i < t->net.n_params; i++)
		same = same && fabsf(t->params[i] - expected[i]) <= tolerance;
	return same && t->status[0] == ADV_OK;
}

static void
test_limits(const char *arch, AdvShape shape)
{
	Training t;
	AdvRobust how;
	float *standard;

	training_make(&t, arch, shape, 3, 120);
	t.spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 0.05, .momentum = 0.9};
	t.spec.batch_size = 50;
	t.spec.epochs = 3;
	training_run(&t, 1);
	standard = copy_floats(t.net.n_params, t.params);
	ok(trains_like(&t, standard, robust(ADV_METHOD_PGD, 0), 0), "pgd without room is standard training");
	ok(trains_like(&t, standard, robust(ADV_METHOD_FAST, 0), 0), "so is fast");
	how = robust(ADV_METHOD_TRADES, 0.2);
	how.settings.beta = 0;
	ok(trains_like(&t, standard, how, 1e-5), "so is trades with beta 0, up to rounding");
	ok(!trains_like(&t, standard, robust(ADV_METHOD_MART, 0), 1e-3), "mart wants a margin, too");
	ok(!trains_like(&t, standard, robust(ADV_METHOD_TRADES, 0.2), 1e-3), "beta matters");
	ok(!trains_like(&t, standard, robust(ADV_METHOD_PGD, 0.2), 1e-3), "eps too");
	free(standard);
	training_free(&t);
}

/* What is reported, from a network that is not allowed to learn. */
static void
test_reports(void)
{
	Training t;
	AdvRobust how = robust(ADV_METHOD_TRADES, 0.2);
	double loss[3], accuracy;

	training_make(&t, TABULAR, (AdvShape){6, 1, 1}, 3, 100);
	t.spec.optimizer.learning_rate = 0;
	training_run(&t, 1);
	loss[0] = t.epochs[0].loss;
	accuracy = t.epochs[0].accuracy;
	t.spec.robust = robust(ADV_METHOD_PGD, 0.2);
	training_run(&t, 1);
	ok(t.epochs[0].loss > loss[0] + 0.01 && t.epochs[0].accuracy < accuracy,
	   "pgd reports loss and accuracy of adversarial examples");
	for (int beta = 1; beta <= 2; beta++)
	{
		how.settings.beta = beta;
		t.spec.robust = how;
		training_run(&t, 1);
		loss[beta] = t.epochs[0].loss;
	}
	ok(loss[1] > loss[0] + 1e-3 && fabs((loss[2] - loss[0]) / (loss[1] - loss[0]) - 2) < 1e-3,
	   "trades reports the whole objective");
	ok(t.epochs[0].accuracy == accuracy, "and the accuracy of natural rows");
	training_free(&t);
}

/* ---- robustness ---- */

/*
 * A problem where robustness has a price (after Tsipras et al. 2019): input 0 is +-1 and tells the class in 9 cases of 10; the 40
 * others are normal with a mean of +-0.25 and together tell it in 94 of 100, but a shift by 0.5 turns them around.
 */
static void
make_dilemma(Training *t, size_t n)
{
	training_make(t, "dense 16, relu", (AdvShape){41, 1, 1}, 2, n);
	for (size_t r = 0; r < n; r++)
	{
		float *x = t->x + 41 * r;
		float sign;

		t->label[r] = adv_uniform(5, ADV_FOR_CENSUS, r, 50) < 0.5;
		sign = t->label[r] ? 1 : -1;
		x[0] = adv_uniform(5, ADV_FOR_CENSUS, r, 51) < 0.9 ? sign : -sign;
		for (uint64_t i = 1; i < 41; i++)
			x[i] = 0.25f * sign + (float) adv_normal(5, ADV_FOR_CENSUS, r, i);
	}
	t->spec.epochs = 12;
	t->spec.batch_size = 50;
	t->spec.optimizer.learning_rate = 0.01;
}

/* Accuracy of rows first .. first + count under 20 steps of PGD that nothing in training knows of; eps 0: clean. */
static double
accuracy_under_attack(const Training *t, size_t first, size_t count, double eps)
{
	const AdvNetwork *net = &t->net;
	AdvBall ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY};
	size_t n = adv_shape_size(net->input);
	AdvWorkspace ws;
	float *low = zeros(sizeof(float) * n);
	float *high = zeros(sizeof(float) * n);
	float *input;
	int64_t correct = 0;

	adv_workspace_init(&ws, net, 1, ADV_PASS_BACKWARD, zeros(adv_workspace_size(net, 1, ADV_PASS_BACKWARD)));
	input = ws.act[0];
	for (size_t r = first; r < first + count; r++)
	{
		adv_ball_bounds(&ball, n, t->x + r * n, eps, low, high);
		adv_ball_random(&(AdvRegion){&ball, n, t->x + r * n, low, high, eps}, &(AdvDraw){99, r, 0}, input);
		for (int step = 0; step < 20; step++)
		{
			load_and_forward(&ws, t->params, 1);
			adv_cross_entropy(1, net->classes, ws.act[net->n_layers], &t->label[r], 1, NULL,
							  ws.d_act[net->n_layers], &(int64_t){0});
			adv_backward(&ws, 1, NULL, true, true);
			adv_ball_step(&(AdvRegion){&ball, n, t->x + r * n, low, high, eps}, eps / 8, ws.d_act[0], input);
		}
		load_and_forward(&ws, t->params, 1);
		correct += adv_argmax(net->classes, ws.act[net->n_layers]) == t->label[r];
	}
	free(input);
	free(low);
	free(high);
	return (double) correct / (double) count;
}

static void
test_robustness(void)
{
	Training t;
	double standard;

	make_dilemma(&t, 1400);
	t.data.n_rows = 1000; /* the others are new to the network */
	training_run(&t, 2);
	standard = accuracy_under_attack(&t, 1000, 400, 0.5);
	okf(accuracy_under_attack(&t, 1000, 400, 0) > 0.9 && standard < 0.3,
		"standard training: %.3f clean, %.3f under attack", accuracy_under_attack(&t, 1000, 400, 0),
		standard);
	for (int method = ADV_METHOD_PGD; method <= ADV_METHOD_MART; method++)
	{
		double clean, attacked;

		adv_network_init(&t.net, t.params, t.spec.seed, ADV_INIT_GLOROT);
		t.spec.robust = robust(method, 0.5);
		training_run(&t, 2);
		clean = accuracy_under_attack(&t, 1000, 400, 0);
		attacked = accuracy_under_attack(&t, 1000, 400, 0.5);
		okf(clean > 0.75 && attacked > standard + 0.3, "%s: %.3f clean, %.3f under attack", METHOD[method],
			clean, attacked);
	}
	training_free(&t);
}

/* ---- the probe of method fast ---- */

/*
 * A network that knows the labels of validation rows and is taught others, so that its accuracy on them falls: a sure way to
 * the end that overfitting to a single step takes now and then.
 */
static void
make_fall(Training *t, AdvDataset *validation, int32_t *label)
{
	training_make(t, "", (AdvShape){8, 1, 1}, 2, 700);
	t->spec.batch_size = 100;
	t->spec.epochs = 20;
	t->spec.optimizer = (AdvOptimizer){.kind = ADV_SGD, .learning_rate = 0.5};
	training_run(t, 1);
	memcpy(label, t->label, sizeof(int32_t) * 700);
	for (int r = 0; r < 700; r++)
		t->label[r] = 1 - t->label[r];
	for (int r = ADV_PROBE_ROWS; r < 700; r++)
		label[r] = t->label[r];
	*validation = t->data;
	validation->label = label;
	t->validation = validation;
	t->spec.robust = robust(ADV_METHOD_FAST, 0.05);
	t->spec.optimizer.learning_rate = 0.2;
}

static void
test_probe(void)
{
	Training t;
	AdvDataset validation;
	AdvTrainState first;
	static int32_t label[700];
	float *initial, *ended;
	double before = NAN, after = NAN;

	make_fall(&t, &validation, label);
	initial = copy_floats(t.net.n_params, t.params);
	training_run(&t, 1);
	ended = copy_floats(t.net.n_params, t.params);
	first = t.state;
	okf(t.status[0] == ADV_OK && first.ended_epoch > 1 && first.ended_epoch < 20,
		"training ended in epoch %d", first.ended_epoch);
	ok(first.epochs_done == first.ended_epoch && t.epochs[first.epochs_done - 1].loss > 0,
	   "which is reported too");
	okf(sscanf(first.ended.message, "accuracy under attack fell from %lf to %lf", &before, &after) == 2 &&
			before - after > ADV_PROBE_FALL - 0.001,
		"%s", first.ended.message);
	for (int size = 2; size <= 4; size++)
	{
		memcpy(t.params, initial, sizeof(float) * t.net.n_params);
		training_run(&t, size);
		okf(t.status[size - 1] == ADV_OK && t.state.ended_epoch == first.ended_epoch &&
				strcmp(t.state.ended.message, first.ended.message) == 0 &&
				same_floats(t.net.n_params, t.params, ended),
			"%d members see and do the same", size);
	}

	memcpy(t.params, initial, sizeof(float) * t.net.n_params);
	t.spec.epochs = first.ended_epoch - 1;
	training_run(&t, 2);
	ok(t.state.ended_epoch == 0 && t.state.epochs_done == t.spec.epochs, "before, all was well");
	ok(same_floats(t.net.n_params, t.params, ended), "and those are the parameters that are put back");
	memcpy(t.label, label, sizeof(label));
	okf(fabs(accuracy_under_attack(&t, 0, ADV_PROBE_ROWS, 0.05) - before) < 0.01,
		"whose accuracy under attack, over the first %d rows, is %.3f", ADV_PROBE_ROWS, before);
	free(initial);
	free(ended);
	training_free(&t);
}

static void
test_no_probe(void)
{
	Training t;
	AdvDataset validation;
	static int32_t label[700];

	make_fall(&t, &validation, label);
	t.validation = NULL;
	training_run(&t, 2);
	ok(t.state.ended_epoch == 0 && t.state.epochs_done == 20, "without validation there is no probe");
	training_free(&t);

	make_fall(&t, &validation, label);
	t.spec.robust.method = ADV_METHOD_PGD;
	training_run(&t, 2);
	ok(t.state.ended_epoch == 0 && t.state.epochs_done == 20, "pgd has none");
	training_free(&t);

	make_fall(&t, &validation, label);
	t.spec.optimizer.learning_rate = 10; /* all is lost in the first epoch */
	t.spec.epochs = 2;
	training_run(&t, 2);
	ok(t.state.ended_epoch == 0 && t.state.epochs_done == 2 && t.epochs[0].validation_accuracy < 0.5,
	   "parameters before the first epoch are not compared with");
	training_free(&t);
}

/* ---- failures ---- */

static void
test_divergence(int method)
{
	Training t;

	training_make(&t, "dense 5, relu", (AdvShape){4, 1, 1}, 3, 100);
	t.spec.batch_size = 40;
	t.spec.epochs = 5;
	t.spec.optimizer.learning_rate = 1e30;
	t.spec.robust = robust(method, 0.1);
	training_run(&t, 3);
	okf(t.status[0] == ADV_DIVERGED && t.status[1] == ADV_ABORTED && t.state.failed_epoch == 1 &&
			t.state.failed_batch == 2,
		"%s: an absurd learning rate diverges", METHOD[method]);
	t.spec.optimizer.learning_rate = 0.001;
	training_run(&t, 1);
	okf(t.status[0] == ADV_DIVERGED && t.state.failed_batch == 1, "%s: what has diverged stays so",
		METHOD[method]);
	training_free(&t);
}

static void
test_wrong_specs(void)
{
	Training t;
	AdvRobust wrong[6];
	int refused = 0;

	training_make(&t, "", (AdvShape){4, 1, 1}, 3, 10);
	for (int i = 0; i < 6; i++)
		wrong[i] = robust(ADV_METHOD_TRADES, 0.1);
	wrong[0].method = 1000;
	wrong[1].eps = -1;
	wrong[2].eps = INFINITY;
	wrong[3].alpha = NAN;
	wrong[4].steps = 0;
	wrong[5].settings.beta = -1;
	for (int i = 0; i < 6; i++)
	{
		t.spec.robust = wrong[i];
		training_run(&t, 1);
		refused += t.status[0] == ADV_INVALID;
	}
	ok(refused == 6, "methods that make no sense are refused");
	training_free(&t);
}

static void
test_memory(void)
{
	AdvNetwork net;
	AdvTrainSpec spec = {.epochs = 1, .batch_size = 250};
	size_t shared[5], private[5];
	AdvError err;

	adv_network_parse(&net, ADV_ARCH_IMAGE, (AdvShape){3, 32, 32}, 10, false, &err);
	for (int method = 0; method < 5; method++)
	{
		spec.robust.method = method;
		shared[method] = adv_train_shared_size(&net, &spec, 1000);
		private[method] = adv_train_private_size(&net, &spec);
	}
	ok(shared[ADV_METHOD_PGD] == shared[ADV_METHOD_NONE] &&
		   shared[ADV_METHOD_FAST] >= shared[ADV_METHOD_NONE] + sizeof(float) * net.n_params &&
		   shared[ADV_METHOD_TRADES] > shared[ADV_METHOD_NONE],
	   "trades needs more shared memory, fast a copy of the parameters");
	ok(shared[ADV_METHOD_MART] == shared[ADV_METHOD_TRADES] &&
		   private[ADV_METHOD_MART] == private[ADV_METHOD_TRADES],
	   "mart is like trades");
	ok(private[ADV_METHOD_PGD] > private[ADV_METHOD_NONE] &&
		   private[ADV_METHOD_TRADES] > private[ADV_METHOD_PGD],
	   "crafting needs memory of its own");
}

/* A host that asks to stop once the training is under way. */
static void
stop_soon(void *arg)
{
	Training *t = arg;

	if (atomic_load(&t->state.examples_done) > 0)
		atomic_store(&t->team.abort, 1);
}

static void
test_stopping(int method)
{
	Training t;

	training_make(&t, IMAGE, (AdvShape){3, 12, 12}, 3, 500);
	t.spec.epochs = 100000;
	t.spec.robust = robust(method, 0.1);
	t.poll = stop_soon;
	t.poll_arg = &t;
	training_run(&t, 2);
	okf(t.status[0] == ADV_ABORTED && t.status[1] == ADV_ABORTED && t.state.epochs_done == 0, "%s stops",
		METHOD[method]);
	training_free(&t);
}

static void
test_all_team_sizes(void)
{
	for (int method = ADV_METHOD_NONE; method <= ADV_METHOD_MART; method++)
	{
		test_team_sizes(method, method == ADV_METHOD_NONE, TABULAR, (AdvShape){13, 1, 1});
		test_team_sizes(method, method == ADV_METHOD_NONE, IMAGE, (AdvShape){2, 6, 5});
	}
	test_team_sizes(ADV_METHOD_TRADES, true, "", (AdvShape){3, 4, 4});
	test_team_sizes(ADV_METHOD_MART, true, "", (AdvShape){3, 4, 4});
	for (int method = ADV_METHOD_PGD; method <= ADV_METHOD_MART; method++)
		test_team_sizes(method, false, "dense 40, tanh, dropout 0.3, dense 9, relu", (AdvShape){13, 1, 1});
}

int
main(void)
{
	test_golden();
	test_sure_networks();
	for (int method = ADV_METHOD_PGD; method <= ADV_METHOD_MART; method++)
	{
		if (method == ADV_METHOD_FAST) /* its step is pgd's */
			continue;
		test_crafting(method, ADV_NORM_LINF, -INFINITY, INFINITY, TABULAR, (AdvShape){12, 1, 1});
		test_crafting(method, ADV_NORM_L2, -0.8, 0.9, TABULAR, (AdvShape){12, 1, 1});
		test_crafting(method, ADV_NORM_LINF, -0.8, 0.9, IMAGE, (AdvShape){2, 6, 5});
	}
	test_dropout(ADV_METHOD_PGD);
	test_dropout(ADV_METHOD_TRADES);
	test_dropout(ADV_METHOD_MART);
	test_mart_golden();
	test_mart_gradient(2, 1);
	test_mart_gradient(3, 1);
	test_mart_gradient(37, 2);
	test_mart_gradient(5, 12);
	test_trades_start();
	test_trades_on_large_numbers();
	test_all_team_sizes();
	for (int method = ADV_METHOD_PGD; method <= ADV_METHOD_MART; method++)
	{
		test_row_order(method);
		test_divergence(method);
		test_stopping(method);
	}
	test_merged();
	test_merged_images();
	test_limits(TABULAR, (AdvShape){8, 1, 1});
	test_limits(IMAGE, (AdvShape){2, 6, 5});
	test_reports();
	test_robustness();
	test_probe();
	test_no_probe();
	test_wrong_specs();
	test_memory();
	(void) adv_cpu_use(ADV_ISA_AMX);
	if (adv_gemm_load_blas())
		test_all_team_sizes();
	done_testing();
	return 0;
}
