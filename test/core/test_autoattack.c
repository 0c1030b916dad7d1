/*
 * test_autoattack.c
 *		The members of AutoAttack: what they climb against reference values, their steps by hand, and linear networks, where what must come out
 *		has a closed form; the ensemble against its members.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attacking.h"
#include "core/attack/plane.h"
#include "golden.h"
#include "tap.h"

static const AdvAttackMethod *
method(const char *name)
{
	return adv_attack_methods[adv_attack_method(name)];
}

/* A method as it is by default, in a ball without clip range. */
static AdvAttack
attack_of(const char *name, AdvNorm norm, double eps)
{
	AdvAttackSettings settings = adv_attack_unset(method(name));
	AdvAttack a = {.method = adv_attack_method(name),
				   .ball = {norm, NULL, -INFINITY, INFINITY},
				   .eps = eps,
				   .alpha = method(name)->reach * eps / method(name)->steps,
				   .steps = method(name)->steps,
				   .restarts = 1,
				   .random_start = method(name)->random_start,
				   .early_stop = true,
				   .target = -1,
				   .seed = 7};

	memcpy(a.own, settings.own, sizeof(a.own));
	return a;
}

/* ---- what is climbed ---- */

static void
test_dlr_reference(void)
{
	static Golden g;
	double worst = 0, worst_slope = 0;

	if (!golden_read(&g, "dlr.txt"))
	{
		skip("the difference of logits ratio", "no reference tensors");
		return;
	}
	for (size_t r = 0; r < 6; r++)
	{
		AdvGoal goal = {(int32_t) golden_find(&g, "y")->value[r], -1, -1};
		float z[5], d[5];

		for (int j = 0; j < 5; j++)
			z[j] = (float) golden_find(&g, "z")->value[5 * r + j];
		worst = fmax(worst, fabs(adv_aim_dlr(&goal, 5, z, d) - golden_find(&g, "dlr")->value[r]));
		for (int j = 0; j < 5; j++)
			worst_slope = fmax(worst_slope, fabs(d[j] - golden_find(&g, "dz")->value[5 * r + j]));
	}
	okf(worst < 1e-5 && worst_slope < 1e-4,
		"the difference of logits ratio is the reference's, to %.2g, its gradient to %.2g", worst,
		worst_slope);
	golden_free(&g);
}

/* The gradient of what is climbed against differences, at logits without ties. */
static void
test_slope(AdvAim *aim, AdvGoal goal, int classes, const char *name)
{
	static const float z[] = {0.3f, -1.1f, 2.2f, 0.9f, 1.4f};
	float d[5];
	double worst = 0, value = aim(&goal, classes, z, d);

	for (int j = 0; j < classes; j++)
	{
		float up[5], down[5];

		memcpy(up, z, sizeof(z));
		memcpy(down, z, sizeof(z));
		up[j] += 1e-3f;
		down[j] -= 1e-3f;
		worst = fmax(worst, fabs((aim(&goal, classes, up, NULL) - aim(&goal, classes, down, NULL)) /
									 ((double) up[j] - down[j]) -
								 d[j]));
	}
	okf(worst < 1e-3 && isfinite(value), "%s of %d classes: the gradient is that of the value, to %.2g", name,
		classes, worst);
}

static void
test_aims(void)
{
	static const float z[] = {0.3f, -1.1f, 2.2f, 0.9f, 1.4f};
	static const float three[] = {1, 3, 2};

	for (int classes = 2; classes <= 5; classes++)
	{
		test_slope(adv_aim_odds, (AdvGoal){0, -1, -1}, classes, "odds");
		test_slope(adv_aim_odds, (AdvGoal){0, 1, -1}, classes, "odds for a target");
		test_slope(adv_aim_margin, (AdvGoal){0, -1, -1}, classes, "margin");
		test_slope(adv_aim_margin, (AdvGoal){0, -1, 1}, classes, "margin towards a class");
		test_slope(adv_aim_dlr, (AdvGoal){0, -1, -1}, classes, "ratio");
		test_slope(adv_aim_dlr, (AdvGoal){0, -1, 1}, classes, "ratio towards a class");
	}
	okf(fabs(adv_aim_dlr(&(AdvGoal){0, -1, 3}, 5, z, NULL) - (0.9 - 0.3) / (2.2 - (0.9 + 0.3) / 2)) < 1e-6,
		"towards a class the ratio's base is between the third and the fourth");
	okf(adv_aim_dlr(&(AdvGoal){0, -1, 2}, 3, three, NULL) == 1, "of three classes it is the margin");
	okf(adv_aim_dlr(&(AdvGoal){0, -1, -1}, 2, three, NULL) == 2, "of two classes it is the margin");
	ok(adv_aim_margin(&(AdvGoal){2, 0, -1}, 3, three, NULL) == -2,
	   "to a target counts how far the largest other class is ahead");
}

/* ---- planes ---- */

/* The least move by brute force: bisect the size of the move that closes the gap. */
static double
move_by_bisection(const AdvRegion *in, const float *x, const float *w, double gap)
{
	double low = 0, high = 1e6, closed = 0, squares = 0, largest = 0;

	for (int turn = 0; turn < 200; turn++)
	{
		double s = (low + high) / 2;

		closed = squares = largest = 0;
		for (size_t i = 0; i < in->n; i++)
		{
			double unit = in->ball->unit ? in->ball->unit[i] : 1, wu = fabs(w[i]) * unit;
			double room =
				((w[i] > 0) == (gap > 0) ? in->high[i] - x[i] : x[i] - in->low[i]) / (unit > 0 ? unit : 1);
			double u = wu > 0 && room > 0 ? fmin(in->ball->norm == ADV_NORM_LINF ? s : s * wu, room) : 0;

			closed += wu * u;
			squares += u * u;
			largest = fmax(largest, u);
		}
		if (closed < fabs(gap))
			low = s;
		else
			high = s;
	}
	return in->ball->norm == ADV_NORM_LINF ? largest : sqrt(squares);
}

static void
test_planes(AdvNorm norm)
{
	enum
	{
		N = 9
	};
	float unit[N] = {1, 2, 0.5f, 1, 0, 3, 1, 1, 1}, low[N], high[N], x[N], w[N];
	AdvBall ball = {norm, unit, -1, 1};
	AdvRegion in = {&ball, N, x, low, high, INFINITY};
	double worst = 0, off = 0, beyond = 0;

	for (int k = 0; k < 200; k++)
	{
		AdvPlaneMove m = {&in, x, w, 3 * sin(7 * k), 0};
		double least, length, closed = 0;

		for (int i = 0; i < N; i++)
		{
			x[i] = (float) sin(k * 31 + i * 5);
			w[i] = i == 7 ? 0 : (float) cos(k * 17 + i * 3);
		}
		adv_ball_bounds(&ball, N, x, INFINITY, low, high);
		least = move_by_bisection(&in, x, w, m.gap);
		length = adv_plane_choose(&m);
		for (size_t i = 0; i < N; i++)
		{
			double to = x[i] + adv_plane_step(&m, i);

			closed += w[i] * adv_plane_step(&m, i);
			beyond = fmax(beyond, fmax(to - high[i], low[i] - to));
		}
		worst = fmax(worst, fabs(length - least));
		if (least < 1e5 && fabs(closed - m.gap) > 1e-9)
			off += closed * m.gap < 0 || fabs(closed) > fabs(m.gap) + 1e-9;
	}
	okf(worst < 1e-6 && off == 0 && beyond < 1e-7,
		"%s: moves onto planes within a box are the least, to %.2g",
		norm == ADV_NORM_L2 ? "L2" : "L-infinity", worst);
}

/* ---- APGD's schedule ---- */

/* Where nothing is gained x goes back to the start at each checkpoint, and the next step is half as long. */
static void
test_checkpoints(int32_t steps, const int *expected, int n_expected)
{
	float x0 = 0, low = -1, high = 1, x = 0, g = 1, memory[8];
	AdvBall ball = {ADV_NORM_LINF, NULL, -1, 1};
	_Alignas(8) unsigned char state[ADV_METHOD_STATE] = {0};
	AdvClimb c = {
		.in = {&ball, 1, &x0, &low, &high, 1}, .steps = steps, .turns = 1, .memory = memory, .state = state};
	int found = 0;
	bool same = true;

	for (c.step = 0; c.step < steps; c.step++)
	{
		method("apgd_ce")->move(&c, &g, &x);
		if (c.step > 0 &&
			x < 0.99f) /* one step more and it is at the bound again, as long as steps are longer than it is */
		{
			same = same && found < n_expected && expected[found] == c.step;
			found++;
			x = 1;
		}
		memcpy(memory, &x, sizeof(x)); /* no momentum */
	}
	okf(same && found == n_expected, "of %d steps APGD halves its step after those that it should (%d)",
		steps, found);
}

/* ---- linear networks ---- */

enum
{
	LINEAR_ROWS = 60,
	LINEAR_INPUTS = 6
};

/* A linear network of so many classes, and rows that it classifies as 0. */
static void
make_linear(Training *t, int classes)
{
	float params[LINEAR_INPUTS * 4 + 4], x[LINEAR_ROWS * LINEAR_INPUTS];
	int found = 0;

	for (int i = 0; i < LINEAR_INPUTS * classes; i++)
		params[i] = (float) sin(3 * i + 1);
	for (int j = 0; j < classes; j++)
		params[LINEAR_INPUTS * classes + j] = j == 0 ? 0.5f : 0;
	for (int k = 0; found < LINEAR_ROWS; k++)
	{
		float *row = x + found * LINEAR_INPUTS;
		double lead = INFINITY;

		for (int i = 0; i < LINEAR_INPUTS; i++)
			row[i] = (float) sin(k * 29 + i * 13);
		for (int j = 1; j < classes; j++)
		{
			double z = 0.5;

			for (int i = 0; i < LINEAR_INPUTS; i++)
				z += row[i] * ((double) params[i] - params[j * LINEAR_INPUTS + i]);
			lead = fmin(lead, z);
		}
		found += lead > 0.05;
	}
	make_by_hand(t, "", LINEAR_INPUTS, classes, params, LINEAR_ROWS, x);
}

/* The least distance, in units, at which row r is another class than 0. */
static double
true_distance(const Training *t, const AdvBall *ball, size_t r)
{
	double least = INFINITY;

	for (int j = 1; j < t->net.classes; j++)
	{
		double margin =
			t->params[LINEAR_INPUTS * t->net.classes] - t->params[LINEAR_INPUTS * t->net.classes + j];
		double ones = 0, squares = 0;

		for (int i = 0; i < LINEAR_INPUTS; i++)
		{
			double w = (double) t->params[i] - t->params[j * LINEAR_INPUTS + i],
				   unit = ball->unit ? ball->unit[i] : 1;

			margin += w * t->x[r * LINEAR_INPUTS + (size_t) i];
			ones += fabs(w) * unit;
			squares += w * w * unit * unit;
		}
		least = fmin(least, margin / (ball->norm == ADV_NORM_LINF ? ones : sqrt(squares)));
	}
	return least;
}

static const float some_fixed[LINEAR_INPUTS] = {1, 0, 0.5f, 2, 1, 0};

/* How many rows are broken when eps is so many times their distance. */
static size_t
broken_at(const Training *t, AdvAttack a, double times)
{
	size_t broken = 0;

	for (size_t r = 0; r < LINEAR_ROWS; r++)
	{
		Training one = *t;
		Report report;

		one.data.chunks = &(const unsigned char *){(const unsigned char *) (t->x + r * LINEAR_INPUTS)};
		a.eps = times * true_distance(t, &a.ball, r);
		attack_rows(&one, &a, NULL, 1, 1, &report);
		broken += has(&report, 0, ADV_ATTACK_SUCCESS);
		free_report(&report);
	}
	return broken;
}

/* fab finds the distance itself; apgd succeeds where eps is above it, and nobody below. */
static void
test_linear(const char *name, AdvNorm norm, int classes, const float *unit)
{
	Training t;
	Report least;
	AdvAttack a = attack_of(name, norm, 1);
	AdvSearch search = {ADV_SEARCH_BISECT, 8, 0, 1e-3};
	double farther = 0, nearer = 0;
	size_t above, below;

	a.ball.unit = unit;
	make_linear(&t, classes);
	a.eps = search.eps_max;
	attack_rows(&t, &a, &search, LINEAR_ROWS, 2, &least);
	for (size_t r = 0; r < LINEAR_ROWS; r++)
	{
		double d = true_distance(&t, &a.ball, r);

		farther = fmax(farther, (least.result.eps[r] - d) / d);
		nearer = fmax(nearer, (d - least.result.eps[r]) / d);
	}
	okf(farther < (method(name)->roams ? 0.003 : 0.1) && nearer < 1e-4,
		"%s, %s, %d classes%s: the least eps is the distance to the plane, to %.2g more, %.2g less", name,
		norm == ADV_NORM_L2 ? "L2" : "L-infinity", classes, unit ? ", some fixed" : "", farther, nearer);
	above = broken_at(&t, a, 1.005);
	below = broken_at(&t, a, 0.999);
	okf(above == LINEAR_ROWS && below == 0,
		"it breaks all rows a little above that and none below (%zu and %zu of %d)", above, below,
		LINEAR_ROWS);
	free_report(&least);
	training_free(&t);
}

/* Queries find the corner of a box sooner or later, and never an example that there is not. */
static void
test_square(AdvNorm norm, double above_by)
{
	Training t;
	AdvAttack a = attack_of("square", norm, 1);
	size_t above, below;

	make_linear(&t, 2);
	above = broken_at(&t, a, above_by);
	below = broken_at(&t, a, 0.999);
	okf(above >= LINEAR_ROWS * 9 / 10 && below == 0,
		"square, %s: breaks %zu of %d rows at %.2f of the distance, %zu below it",
		norm == ADV_NORM_L2 ? "L2" : "L-infinity", above, LINEAR_ROWS, above_by, below);
	training_free(&t);
}

/* Nearly flat, a network without clip range: the tangent's boundary is so far away that its logits overflow there. That is no fault of the row. */
static void
test_far_boundary(void)
{
	const float params[] = {1e-12f, 1, 0,     -5, 0,
							-1e38f, 1, 1e38f, 1,  0}; /* weights and biases of two relu, and of two classes */
	Training t;
	Report r;
	AdvAttack a = attack_of("fab", ADV_NORM_L2, 1);

	make_by_hand(&t, "dense 2, relu", 1, 2, params, 1, (float[]){1});
	attack_rows(&t, &a, NULL, 1, 1, &r);
	ok(r.status == ADV_OK && !has(&r, 0, ADV_ATTACK_OVERFLOW | ADV_ATTACK_SUCCESS),
	   "fab survives boundaries that nobody can reach");
	free_report(&r);
	training_free(&t);
}

/* ---- who else is attacked ---- */

/* A row has the same example alone as among others, whatever stood in its slot before. */
static void
test_company(const char *name, AdvNorm norm)
{
	enum
	{
		ROWS = 100, /* more than there are slots */
		INPUTS = 8
	};
	Training t;
	Report all;
	AdvAttack a = attack_of(name, norm, norm == ADV_NORM_L2 ? 0.3 : 0.15);
	size_t differ = 0;

	training_make(&t, "dense 12, tanh, dense 9, relu", (AdvShape){INPUTS, 1, 1}, 4, ROWS);
	t.spec.epochs = 10;
	t.spec.optimizer.learning_rate = 0.01;
	training_run(&t, 2);
	a.steps = 40;
	a.restarts = 2;
	a.early_stop = false;
	if (method(name)->members)
		memcpy(a.own, &(double){40}, sizeof(double));
	attack_rows(&t, &a, NULL, ROWS, 1, &all);
	for (size_t r = 0; r < ROWS; r++)
	{
		Training one = t;
		Report alone;

		one.data.chunks = &(const unsigned char *){(const unsigned char *) (t.x + r * INPUTS)};
		one.data.label = t.label + r;
		one.key = t.key + r;
		attack_rows(&one, &a, NULL, 1, 1, &alone);
		differ += memcmp(alone.x, all.x + r * INPUTS, sizeof(float) * INPUTS) != 0;
		free_report(&alone);
	}
	okf(differ == 0, "%s, %s: a row alone is attacked as among others (%zu are not)", name,
		norm == ADV_NORM_L2 ? "L2" : "L-infinity", differ);
	free_report(&all);
	training_free(&t);
}

/* ---- the ensemble ---- */

static void
test_ensemble(const char *name, const char *arch, AdvShape shape, AdvNorm norm, double eps)
{
	enum
	{
		ROWS = 70
	};
	static const char *const members[] = {"apgd_ce", "apgd_t", "fab_t", "square"};
	Training t;
	Report all, again;
	AdvAttack a = attack_of("autoattack", norm, eps);
	size_t broken, used[4] = {0};
	bool same = true, in_ball;

	training_make(&t, arch, shape, 4, ROWS);
	t.spec.epochs = 15;
	t.spec.batch_size = 50;
	t.spec.optimizer.learning_rate = 0.01;
	training_run(&t, 2);
	a.steps = 30;
	memcpy(a.own, &(double){300}, sizeof(double));
	attack_rows(&t, &a, NULL, ROWS, 1, &all);
	attack_rows(&t, &a, NULL, ROWS, 3, &again);
	broken = count(&all, ADV_ATTACK_SUCCESS);
	in_ball = count(&all, ADV_ATTACK_OUTSIDE) == 0;
	for (size_t r = 0; r < ROWS; r++)
	{
		for (int m = 0; m < 4; m++)
			used[m] +=
				has(&all, r, ADV_ATTACK_SUCCESS) && all.result.method[r] == adv_attack_method(members[m]);
		same = same && all.result.method[r] == again.result.method[r] &&
			   all.result.flags[r] == again.result.flags[r] &&
			   all.result.forwards[r] == again.result.forwards[r];
	}
	same = same && memcmp(all.x, again.x, sizeof(float) * ROWS * all.inputs) == 0;
	okf(same, "%s: autoattack gives the same bits by any team", name);
	okf(in_ball && broken > 5, "its examples keep to the ball (%zu of %d rows; by member %zu, %zu, %zu, %zu)",
		broken, ROWS, used[0], used[1], used[2], used[3]);
	for (int m = 0; m < 4; m++)
	{
		AdvAttack one = attack_of(members[m], norm, eps);
		Report r;
		size_t missed = 0, broken_by_one;

		one.steps = m == 3 ? 300 : 30;
		attack_rows(&t, &one, NULL, ROWS, 2, &r);
		broken_by_one = count(&r, ADV_ATTACK_SUCCESS);
		for (size_t i = 0; m == 0 && i < ROWS; i++)
			missed += has(&r, i, ADV_ATTACK_SUCCESS) && !has(&all, i, ADV_ATTACK_SUCCESS);
		okf(broken >= broken_by_one && missed == 0 && count(&r, ADV_ATTACK_OUTSIDE) == 0,
			"and are no fewer than those of %s (%zu)", members[m], broken_by_one);
		free_report(&r);
	}
	free_report(&all);
	free_report(&again);
	training_free(&t);
}

int
main(void)
{
	static const int of_100[] = {22, 41, 57, 70, 80, 87, 93, 99};
	static const int of_50[] = {11, 21, 30, 38, 45};
	static const char *const climbers[] = {"apgd_ce", "apgd_dlr", "apgd_t", "fab", "fab_t"};

	test_dlr_reference();
	test_aims();
	test_planes(ADV_NORM_LINF);
	test_planes(ADV_NORM_L2);
	test_checkpoints(100, of_100, 8);
	test_checkpoints(50, of_50, 5);
	for (size_t i = 0; i < sizeof(climbers) / sizeof(climbers[0]); i++)
		for (int classes = 2; classes <= 4; classes++)
		{
			if (classes > 2 && adv_attack_method(climbers[i]) == adv_attack_method("apgd_dlr"))
				continue; /* the ratio rises, too, where the third class falls behind */
			test_linear(climbers[i], ADV_NORM_LINF, classes, NULL);
			test_linear(climbers[i], ADV_NORM_L2, classes, some_fixed);
		}
	test_far_boundary();
	for (int i = 0; adv_attack_methods[i]; i++)
	{
		test_company(adv_attack_methods[i]->name, ADV_NORM_LINF);
		test_company(adv_attack_methods[i]->name, ADV_NORM_L2);
	}
	test_square(ADV_NORM_LINF, 1.05);
	test_square(ADV_NORM_L2, 1.3);
	test_ensemble("a table", "dense 12, tanh, dense 9, relu", (AdvShape){8, 1, 1}, ADV_NORM_LINF, 0.3);
	test_ensemble("a table, L2", "dense 12, tanh, dense 9, relu", (AdvShape){8, 1, 1}, ADV_NORM_L2, 0.6);
	test_ensemble("an image that is not square", "conv 5x3, maxpool 2, relu, dense 11, tanh",
				  (AdvShape){2, 6, 10}, ADV_NORM_LINF, 0.2);
	test_ensemble("such an image, L2", "conv 5x3, maxpool 2, relu, dense 11, tanh", (AdvShape){2, 6, 10},
				  ADV_NORM_L2, 1);
	done_testing();
	return 0;
}
