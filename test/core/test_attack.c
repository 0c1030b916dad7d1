/*
 * test_attack.c
 *		Attacks by teams: what is reported of a row, on networks small enough to know what must come out.
 */
#include <stdlib.h>

#include "attacking.h"
#include "core/kernel/cpu.h"
#include "core/kernel/gemm.h"
#include "core/network/predict.h"
#include "core/base/rng.h"
#include "golden.h"
#include "tap.h"
#include "core/attack/search.h"

#define TABULAR "dense 12, tanh, dense 9, relu"
#define IMAGE   "conv 5x3, maxpool 2, relu, conv 6x3, relu, dense 11, tanh"

/* PGD as it is by default, in a ball without clip range. */
static AdvAttack
pgd(AdvNorm norm, double eps)
{
	return (AdvAttack){.ball = {norm, NULL, -INFINITY, INFINITY},
					   .eps = eps,
					   .alpha = 2.5 * eps / 20,
					   .steps = 20,
					   .restarts = 1,
					   .random_start = true,
					   .early_stop = true,
					   .target = -1,
					   .seed = 7};
}

/* The trained networks that most tests attack. */
static void
make_trained(Training *t, const char *arch, AdvShape shape, size_t n_rows)
{
	training_make(t, arch, shape, 3, n_rows);
	t->spec.epochs = 15;
	t->spec.batch_size = 50;
	t->spec.optimizer.learning_rate = 0.01;
	training_run(t, 2);
}

/* The classes the network sees in rows x. */
static void
predict_inputs(const Training *t, size_t n, const float *x, int32_t *class, float *loss)
{
	AdvDataset data = t->data;
	AdvTeamShared shared;
	const unsigned char *chunk = (const unsigned char *) x;
	void *private = zeros(adv_predict_private_size(&t->net));
	AdvTeam team = {0, 1, &shared, NULL, NULL};

	data.n_rows = data.rows_per_chunk = n;
	data.chunks = &chunk;
	adv_team_init(&shared);
	adv_predict(
		&(AdvPrediction){
			.net = &t->net, .params = t->params, .data = &data, .n = n, .prediction = class, .loss = loss},
		&team, private);
	free(private);
}

/* ---- reference iterates ---- */

/* A reference file as rows to attack; its images become channels last. */
static bool
read_golden(Training *t, Golden *g, const char *file, const char *arch, AdvShape shape, int classes)
{
	size_t size = adv_shape_size(shape), at = 0, n_rows;
	float *plain;

	if (!golden_read(g, file))
	{
		skip(file, "there is no such reference file");
		return false;
	}
	n_rows = golden_get(g, "x")->dim[0];
	training_make(t, arch, shape, classes, n_rows);
	plain = zeros(sizeof(float) * size);
	for (int k = 0; at < t->net.n_params; k++)
		for (size_t i = 0; i < golden_get(g, "w%d", k)->n; i++)
			t->params[at++] = (float) golden_get(g, "w%d", k)->value[i];
	for (size_t r = 0; r < n_rows; r++)
	{
		t->label[r] = (int32_t) golden_get(g, "y")->value[r];
		for (size_t i = 0; i < size; i++)
			plain[i] = (float) golden_get(g, "x")->value[r * size + i];
		adv_to_channels_last(shape, plain, t->x + r * size);
	}
	free(plain);
	return true;
}

/* Cross-entropy of reference logits. */
static double
golden_loss(int classes, const double *z, int32_t label, bool *broken)
{
	double sum = 0;

	*broken = false;
	for (int k = 0; k < classes; k++)
	{
		sum += exp(z[k] - z[label]);
		*broken = *broken || z[k] > z[label];
	}
	return log(sum);
}

/* The examples of the engine are the reference's first broken iterates, or those of highest loss. */
static void
test_golden(const char *file, const char *arch, AdvShape shape, int classes, AdvNorm norm)
{
	static Golden g;
	Training t;
	Report r;
	AdvAttack a;
	size_t size = adv_shape_size(shape), clean = 0, wrong = 0;
	float *x;

	if (!read_golden(&t, &g, file, arch, shape, classes))
		return;
	a = pgd(norm, golden_get(&g, "eps_alpha")->value[0]);
	a.ball.low = golden_get(&g, "clip")->value[0];
	a.ball.high = golden_get(&g, "clip")->value[1];
	a.alpha = golden_get(&g, "eps_alpha")->value[1];
	a.steps = 7;
	a.random_start = false;
	a.retreats = 5;
	attack_rows(&t, &a, NULL, t.data.n_rows, 2, &r);
	x = zeros(sizeof(float) * size);
	for (size_t i = 0; i < r.n; i++)
	{
		int best = 0;
		double most = -1;

		if (r.result.prediction[i] != t.label[i])
		{
			clean += memcmp(r.x + i * size, t.x + i * size, sizeof(float) * size) == 0;
			wrong += !has(&r, i, ADV_ATTACK_SUCCESS);
			continue;
		}
		for (int step = 0; step < 7; step++)
		{
			bool broken;
			double loss = golden_loss(classes, golden_get(&g, "logits%d", step)->value + i * (size_t) classes,
									  t.label[i], &broken);

			if (loss > most || broken)
				best = step;
			most = fmax(loss, most);
			if (broken)
				break;
		}
		adv_to_channels_first(shape, r.x + i * size, x);
		wrong += relative_error(size, x, golden_get(&g, "iterate%d", best)->value + i * size) > 1e-4;
	}
	okf(wrong == 0, "%s: the examples are its iterates", file);
	diag("%zu of %zu rows were misclassified to begin with", clean, r.n);
	free(x);
	free_report(&r);
	training_free(&t);
	golden_free(&g);
}

/* ---- teams ---- */

static bool
same_report(const Report *a, const Report *b)
{
	const AdvAttackResult *r = &a->result, *s = &b->result;
	size_t n = a->n;

	return memcmp(r->prediction, s->prediction, sizeof(int32_t) * n) == 0 &&
		   memcmp(r->adversarial, s->adversarial, sizeof(int32_t) * n) == 0 &&
		   memcmp(r->flags, s->flags, n) == 0 && memcmp(r->linf, s->linf, sizeof(float) * n) == 0 &&
		   memcmp(r->l2, s->l2, sizeof(float) * n) == 0 && memcmp(r->loss, s->loss, sizeof(float) * n) == 0 &&
		   memcmp(r->eps, s->eps, sizeof(double) * n) == 0 &&
		   memcmp(a->x, b->x, sizeof(float) * n * a->inputs) == 0 && a->state.gradients == b->state.gradients;
}

/* An attack drops nothing. */
static void
test_dropout(void)
{
	Training t, plain;
	Report r, expected;
	AdvAttack a = pgd(ADV_NORM_LINF, 0.1);

	make_trained(&t, "dense 12, tanh, dropout 0.4, dense 9, relu", (AdvShape){6, 1, 1}, 150);
	training_make(&plain, TABULAR, (AdvShape){6, 1, 1}, 3, 150);
	memcpy(plain.params, t.params, sizeof(float) * t.net.n_params);
	attack_rows(&t, &a, NULL, 150, 2, &r);
	attack_rows(&plain, &a, NULL, 150, 2, &expected);
	ok(count(&r, ADV_ATTACK_SUCCESS) > 10 && same_report(&r, &expected),
	   "a network with dropout is attacked as it predicts");
	free_report(&r);
	free_report(&expected);
	training_free(&t);
	training_free(&plain);
}

/* A run that finds every other piece done leaves it as it is and finishes the others. */
static void
test_done_pieces(void)
{
	const AdvSearch bisect = {ADV_SEARCH_BISECT, 2, 0, 0.01};
	const size_t n = 300; /* three pieces */
	AdvAttack a = {.ball = {ADV_NORM_LINF, NULL, -INFINITY, INFINITY},
				   .eps = 2,
				   .alpha = 0.25,
				   .steps = 10,
				   .restarts = 1,
				   .early_stop = true,
				   .target = -1};
	atomic_uchar *done = zeros(adv_attack_pieces(300));
	AdvTeamShared shared;
	AdvAttackRun run;
	Training t;
	Report all, rest;
	bool kept = true, finished = true;

	training_make(&t, TABULAR, (AdvShape){8, 1, 1}, 3, n);
	training_run(&t, 2);
	attack_rows(&t, &a, &bisect, n, 2, &all);
	make_report(&rest, n, 8);
	for (uint64_t piece = 0; piece < adv_attack_pieces(n); piece += 2)
		atomic_store(&done[piece], 1);
	run = run_of(&t, &a, &bisect, &rest);
	run.piece_done = done;
	adv_team_init(&shared);
	run_team(&run, false, 3, &shared, NULL, NULL, &rest);
	for (uint64_t piece = 0; piece < adv_attack_pieces(n); piece++)
	{
		size_t first, count = adv_attack_piece(n, piece, &first);

		finished = finished && atomic_load(&done[piece]);
		for (size_t i = first; i < first + count; i++)
			if (piece % 2 == 0)
				kept = kept && rest.result.eps[i] == 0 && rest.result.flags[i] == 0;
			else
				finished = finished && rest.result.eps[i] == all.result.eps[i] &&
						   rest.result.flags[i] == all.result.flags[i];
	}
	ok(adv_attack_pieces(n) == 3 && kept, "pieces that are done stay as they are");
	ok(finished && rest.state.rows_done == n, "the others are as in a run of all");
	free(done);
	free_report(&all);
	free_report(&rest);
	training_free(&t);
}

/* Teams of 1, 2, 3, 4 members; rows of several pieces. */
static void
test_team_sizes(const char *arch, AdvShape shape, AdvAttack a, const AdvSearch *search, const char *name)
{
	Training t;
	Report first, r;

	training_make(&t, arch, shape, 3, 300);
	attack_rows(&t, &a, search, 300, 1, &first);
	okf(first.status == ADV_OK && first.state.rows_done == 300 && first.state.gradients > 0,
		"%s, %s: all rows are attacked", adv_gemm_name(), name);
	for (int members = 2; members <= 4; members++)
	{
		attack_rows(&t, &a, search, 300, members, &r);
		okf(r.status == ADV_OK && same_report(&r, &first), "%d members give the same bits", members);
		free_report(&r);
	}
	free_report(&first);
	training_free(&t);
}

static void
test_teams(void)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.1), b = pgd(ADV_NORM_L2, 0.3), c = pgd(ADV_NORM_LINF, 0.1);
	AdvSearch bisect = {ADV_SEARCH_BISECT, 0.5, 0, 0.02};

	c.early_stop = false;
	c.restarts = 3;
	c.steps = 4;
	test_team_sizes(TABULAR, (AdvShape){13, 1, 1}, a, NULL, "L-infinity");
	test_team_sizes(TABULAR, (AdvShape){13, 1, 1}, c, NULL, "restarts");
	test_team_sizes(TABULAR, (AdvShape){13, 1, 1}, b, &bisect, "least eps");
	b.steps = 6;
	test_team_sizes(IMAGE, (AdvShape){2, 6, 5}, b, NULL, "L2 images");
}

/* A row's outcome hardly depends on which others are attacked: alone it is the same up to rounding. */
static void
test_alone(const Training *t)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.15);
	AdvSearch bisect = {ADV_SEARCH_BISECT, 1, 0, 0.01};
	size_t n = t->data.n_rows, size = adv_shape_size(t->net.input);

	for (int searching = 0; searching < 2; searching++)
	{
		Report all;
		size_t alike = 0, tried = 0;

		attack_rows(t, &a, searching ? &bisect : NULL, n, 2, &all);
		for (size_t row = 0; row < n; row += 3, tried++)
		{
			uint32_t only = (uint32_t) row;
			AdvTeamShared shared;
			AdvAttackRun run;
			Report one;

			make_report(&one, 1, size);
			run = run_of(t, &a, searching ? &bisect : NULL, &one);
			run.rows = &only;
			adv_team_init(&shared);
			run_team(&run, false, 1, &shared, NULL, NULL, &one);
			alike += one.result.flags[0] == all.result.flags[row] &&
					 one.result.prediction[0] == all.result.prediction[row] &&
					 fabs(one.result.eps[0] - all.result.eps[row]) <= 0.01 &&
					 fabsf(one.result.linf[0] - all.result.linf[row]) <= 0.01f &&
					 fabsf(one.result.loss[0] - all.result.loss[row]) <= 0.01f;
			free_report(&one);
		}
		okf(alike * 50 >= tried * 49, "%s: a row alone fares as it does among others",
			searching ? "least eps" : "attack");
		if (alike < tried)
			diag("%zu of %zu do", alike, tried);
		free_report(&all);
	}
}

/* ---- what a report says ---- */

/* Distances, classes, losses and flags, computed anew from the examples. */
static void
check_report(const Training *t, const AdvAttack *a, const Report *r, const char *name)
{
	size_t size = r->inputs, n = r->n;
	int32_t *clean = zeros(sizeof(int32_t) * n), *class = zeros(sizeof(int32_t) * n);
	float *loss = zeros(sizeof(float) * n);
	bool inside = true, distances = true, classes = true, losses = true, flags = true;

	predict_inputs(t, n, t->x, clean, NULL);
	predict_inputs(t, n, r->x, class, loss);
	for (size_t i = 0; i < n; i++)
	{
		const float *x0 = t->x + i * size, *x = r->x + i * size;
		double linf = 0, squares = 0;
		bool broken = a->target < 0 ? r->result.adversarial[i] != t->label[i]
									: r->result.adversarial[i] == a->target && t->label[i] != a->target;

		for (size_t k = 0; k < size; k++)
		{
			linf = fmax(linf, fabs((double) x[k] - x0[k]));
			squares += pow((double) x[k] - x0[k], 2);
		}
		inside = inside && (a->ball.norm == ADV_NORM_LINF ? linf : sqrt(squares)) <= a->eps * (1 + 1e-6) &&
				 !has(r, i, ADV_ATTACK_OUTSIDE);
		distances = distances && fabs(linf - r->result.linf[i]) <= 1e-6 * linf &&
					fabs(sqrt(squares) - r->result.l2[i]) <= 1e-6 * sqrt(squares);
		classes = classes && r->result.prediction[i] == clean[i] &&
				  (has(r, i, ADV_ATTACK_NEAR_TIE) || r->result.adversarial[i] == class[i]);
		losses = losses && fabsf(loss[i] - r->result.loss[i]) <= 1e-4f * (1 + loss[i]);
		flags = flags && has(r, i, ADV_ATTACK_SUCCESS) == broken;
	}
	okf(inside, "%s: examples keep to the ball", name);
	okf(distances, "%s: distances", name);
	okf(classes, "%s: examples are of the class that is reported", name);
	okf(losses, "%s: losses", name);
	okf(flags, "%s: success", name);
	free(clean);
	free(class);
	free(loss);
}

static void
test_reports(const Training *t)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.15), b = pgd(ADV_NORM_L2, 0.4), full = a,
			  nothing = pgd(ADV_NORM_L2, 0);
	Report r, s;
	size_t n = t->data.n_rows, kept = 0, higher = 0, size = adv_shape_size(t->net.input), wrong = 0, same = 0;

	attack_rows(t, &a, NULL, n, 2, &r);
	check_report(t, &a, &r, "L-infinity");
	full.early_stop = false;
	attack_rows(t, &full, NULL, n, 2, &s);
	check_report(t, &full, &s, "all steps");
	for (size_t i = 0; i < n; i++)
	{
		if (r.result.prediction[i] != t->label[i])
		{
			wrong++;
			kept += memcmp(r.x + i * size, t->x + i * size, sizeof(float) * size) == 0 &&
					has(&r, i, ADV_ATTACK_SUCCESS);
		}
		higher += s.result.loss[i] >= r.result.loss[i] - 1e-5f;
		same += has(&r, i, ADV_ATTACK_SUCCESS) == has(&s, i, ADV_ATTACK_SUCCESS);
	}
	ok(wrong > 0 && kept == wrong, "misclassified rows are left as they are");
	ok(higher == n && same + 1 >= n, "all steps give higher losses, and no more examples");
	ok(count(&s, ADV_ATTACK_SUCCESS) > wrong + n / 10 && count(&s, ADV_ATTACK_SUCCESS) < n,
	   "some rows are broken, some withstand");
	ok(s.state.gradients == 20 * n && r.state.gradients < s.state.gradients && r.state.rows_done == n,
	   "steps are counted");
	free_report(&r);
	free_report(&s);

	attack_rows(t, &b, NULL, n, 2, &r);
	check_report(t, &b, &r, "L2");
	free_report(&r);

	attack_rows(t, &nothing, NULL, n, 2, &r);
	check_report(t, &nothing, &r, "eps 0");
	ok(memcmp(r.x, t->x, sizeof(float) * n * size) == 0 && count(&r, ADV_ATTACK_SUCCESS) == wrong,
	   "eps 0 returns the rows themselves");
	free_report(&r);
}

/* The more an attack may do, the more it breaks. */
static void
test_order(const Training *t)
{
	const double eps[] = {0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8};
	size_t n = t->data.n_rows, before = 0, fewer = 0, more = 0, broken[2] = {0};
	bool rising = true;

	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
	{
		for (int i = 0; i < 7; i++)
		{
			AdvAttack a = pgd((AdvNorm) norm, norm == ADV_NORM_L2 ? 3 * eps[i] : eps[i]);
			Report r;

			attack_rows(t, &a, NULL, n, 2, &r);
			rising = rising && (i == 0 || count(&r, ADV_ATTACK_SUCCESS) >= before);
			before = count(&r, ADV_ATTACK_SUCCESS);
			free_report(&r);
		}
		okf(rising && before * 20 >= n * 19, "%s: success rises with eps",
			norm == ADV_NORM_L2 ? "L2" : "L-infinity");
	}
	for (int kind = 0; kind < 2; kind++)
	{
		AdvAttack a = pgd(ADV_NORM_LINF, 0.15);
		Report r;

		if (kind == 0)
		{
			a.steps = 1;
			a.alpha = a.eps;
			a.random_start = false;
		}
		attack_rows(t, &a, NULL, n, 2, &r);
		broken[kind] = count(&r, ADV_ATTACK_SUCCESS);
		free_report(&r);
	}
	okf(broken[1] >= broken[0] && broken[0] > 0, "PGD breaks no fewer than FGSM: %zu, %zu", broken[1],
		broken[0]);
	for (int restarts = 1; restarts < 4; restarts++)
	{
		AdvAttack a = pgd(ADV_NORM_LINF, 0.15);
		Report r, s;

		a.steps = 2;
		a.restarts = restarts;
		attack_rows(t, &a, NULL, n, 2, &r);
		a.restarts++;
		attack_rows(t, &a, NULL, n, 2, &s);
		for (size_t i = 0; i < n; i++)
		{
			fewer += has(&r, i, ADV_ATTACK_SUCCESS) && !has(&s, i, ADV_ATTACK_SUCCESS);
			more += has(&s, i, ADV_ATTACK_SUCCESS) && !has(&r, i, ADV_ATTACK_SUCCESS);
		}
		free_report(&r);
		free_report(&s);
	}
	ok(fewer == 0 && more > 0, "restarts start elsewhere, and never lose an example");
}

/* A ball so large that attacks do not settle: without retreats rows withstand it that do not withstand a smaller one. */
static void
test_retreats(const Training *t)
{
	const double eps[] = {0.8, 8, 80, 800};
	size_t n = t->data.n_rows, size = adv_shape_size(t->net.input);

	for (int kind = 0; kind < 4; kind++)
	{
		size_t plain = n, broken = 0, fewer = 0, lost = 0;
		bool within = true, same_work = true;

		for (int i = 0; i < 4; i++)
		{
			AdvAttack a = pgd(kind % 2 ? ADV_NORM_L2 : ADV_NORM_LINF, eps[i]);
			Report r, s;

			a.random_start = kind < 2;
			attack_rows(t, &a, NULL, n, 2, &r);
			a.retreats = 5;
			attack_rows(t, &a, NULL, n, 2, &s);
			plain = count(&r, ADV_ATTACK_SUCCESS) < plain ? count(&r, ADV_ATTACK_SUCCESS) : plain;
			fewer += i > 0 && count(&s, ADV_ATTACK_SUCCESS) + n / 100 < broken;
			broken = count(&s, ADV_ATTACK_SUCCESS);
			within = within && count(&s, ADV_ATTACK_OUTSIDE) == 0;
			for (size_t k = 0; k < n; k++)
			{
				lost += has(&r, k, ADV_ATTACK_SUCCESS) &&
						(!has(&s, k, ADV_ATTACK_SUCCESS) ||
						 memcmp(r.x + k * size, s.x + k * size, sizeof(float) * size) != 0);
				lost += r.result.loss[k] > s.result.loss[k];
			}
			free_report(&r);
			free_report(&s);
			a = pgd(kind % 2 ? ADV_NORM_L2 : ADV_NORM_LINF, 0.01);
			attack_rows(t, &a, NULL, n, 2, &r);
			a.retreats = 5;
			attack_rows(t, &a, NULL, n, 2, &s);
			same_work = same_work && same_report(&r, &s);
			free_report(&r);
			free_report(&s);
		}
		okf(plain + n / 50 < broken && fewer == 0 && broken >= n * 99 / 100 && within,
			"%s%s: with retreats success does not fall with eps: up to %zu of %zu, at worst %zu without",
			kind % 2 ? "L2" : "L-infinity", kind < 2 ? "" : ", from x", broken, n, plain);
		ok(lost == 0, "and no example is lost, or another");
		ok(same_work, "where steps are short there are none");
	}
}

/* Logits as small as those of a network that is hardly trained: falls are relative to them. */
static void
test_small_logits(Training *t)
{
	size_t n = t->data.n_rows,
		   last = (size_t) t->net.classes * 10; /* weights and biases behind 9 hidden units */
	float *output = t->params + t->net.n_params - last;
	AdvAttack a = pgd(ADV_NORM_LINF, 8);
	Report r, s;

	a.retreats = 5;
	attack_rows(t, &a, NULL, n, 2, &r);
	for (size_t i = 0; i < last; i++)
		output[i] *= 0x1p-20f;
	attack_rows(t, &a, NULL, n, 2, &s);
	for (size_t i = 0; i < last; i++)
		output[i] *= 0x1p20f;
	okf(count(&s, ADV_ATTACK_SUCCESS) + 1 >= count(&r, ADV_ATTACK_SUCCESS),
		"small logits save no row: %zu, %zu", count(&s, ADV_ATTACK_SUCCESS), count(&r, ADV_ATTACK_SUCCESS));
	free_report(&r);
	free_report(&s);
}

/* The row lies on a ridge of the loss that nothing breaks: each step, however short, leads down. */
static void
test_unsettled(void)
{
	const float params[] = {1, -1, 0, 0, 0, 0, -1000, -1000, 0, -0.5f}; /* logits 0 and -0.5 - 1000 |x| */
	Training t;

	make_by_hand(&t, "dense 2, relu", 1, 2, params, 1, (float[]){1e-5f});
	for (int retreats = 0; retreats < 6; retreats += 5)
	{
		AdvAttack a = pgd(ADV_NORM_LINF, 1);
		Report r;

		a.random_start = false;
		a.steps = 3;
		a.retreats = retreats;
		attack_rows(&t, &a, NULL, 1, 1, &r);
		okf(r.result.flags[0] == (retreats ? ADV_ATTACK_UNSETTLED : 0) &&
				r.state.gradients == 3 * (1 + (unsigned long long) retreats),
			"a row on which no attack settles is reported, after %d retreats", retreats);
		free_report(&r);
	}
	training_free(&t);
}

/*
 * One input, logits 0 and 1 - 2 |x - 0.7|: the attack goes from 0, where class 0 is right, to 1, where it is not, and back. The
 * iterate in the middle is the example.
 */
static void
test_middle_iterate(void)
{
	const float params[] = {1, -1, -0.7f, 0.7f, 0, 0, -2, -2, 0, 1};
	Training t;

	make_by_hand(&t, "dense 2, relu", 1, 2, params, 1, (float[]){0});
	for (int early = 0; early < 2; early++)
	{
		AdvAttack a = pgd(ADV_NORM_LINF, 1);
		Report r;

		a.alpha = 1;
		a.steps = 2;
		a.random_start = false;
		a.early_stop = early;
		attack_rows(&t, &a, NULL, 1, 1, &r);
		okf(r.result.flags[0] == ADV_ATTACK_SUCCESS && fabsf(r.x[0] - 1) < 1e-6f &&
				r.result.adversarial[0] == 1 && r.state.gradients == 2 - early,
			"%s: an iterate in the middle counts", early ? "early stop" : "all steps");
		free_report(&r);
	}
	training_free(&t);
}

static void
test_target(const Training *t)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.3);
	size_t n = t->data.n_rows, size = adv_shape_size(t->net.input), exempt = 0, labelled = 0;
	size_t untargeted;
	Report r;

	attack_rows(t, &a, NULL, n, 2, &r);
	untargeted = count(&r, ADV_ATTACK_SUCCESS);
	free_report(&r);
	a.target = 2;
	attack_rows(t, &a, NULL, n, 2, &r);
	check_report(t, &a, &r, "targeted");
	for (size_t i = 0; i < n; i++)
	{
		labelled += t->label[i] == 2;
		exempt += has(&r, i, ADV_ATTACK_EXEMPT) && !has(&r, i, ADV_ATTACK_SUCCESS) && t->label[i] == 2 &&
				  memcmp(r.x + i * size, t->x + i * size, sizeof(float) * size) == 0;
	}
	ok(labelled > 0 && exempt == labelled && count(&r, ADV_ATTACK_EXEMPT) == labelled,
	   "rows of the target are exempt");
	okf(count(&r, ADV_ATTACK_SUCCESS) > n / 10 && count(&r, ADV_ATTACK_SUCCESS) <= untargeted,
		"the target is reached, but less often than any other class: %zu, %zu", count(&r, ADV_ATTACK_SUCCESS),
		untargeted);
	free_report(&r);
}

/* Units, immutable inputs, clip range, by way of the engine. */
static void
test_units(const Training *t)
{
	size_t n = t->data.n_rows, size = adv_shape_size(t->net.input);
	AdvAttack a = pgd(ADV_NORM_LINF, 2);
	float *unit = zeros(sizeof(float) * size);
	bool immutable = true, within = true, clipped = true;
	Report r;

	for (size_t k = 0; k < size; k++)
		unit[k] = k % 3 == 0 ? 0 : 0.1f * (float) (k % 3);
	a.ball.unit = unit;
	a.ball.low = -0.8;
	a.ball.high = 0.8;
	attack_rows(t, &a, NULL, n, 2, &r);
	for (size_t i = 0; i < n * size; i++)
	{
		float d = r.x[i] - t->x[i], u = unit[i % size];

		immutable = immutable && (u > 0 || memcmp(&r.x[i], &t->x[i], sizeof(float)) == 0);
		within = within && fabsf(d) <= 2.00001f * u;
		clipped = clipped && fabsf(r.x[i]) <= fmaxf(0.8f, fabsf(t->x[i]));
	}
	ok(immutable, "inputs of unit 0 keep their bits");
	ok(within && clipped && count(&r, ADV_ATTACK_OUTSIDE) == 0,
	   "others keep to their units and the clip range");
	ok(count(&r, ADV_ATTACK_SUCCESS) > 0, "and break rows");
	free_report(&r);
	free(unit);
}

/* ---- hard cases ---- */

static void
test_near_ties(void)
{
	const float params[] = {1, 0, 0, 0}; /* logits x and 0 */
	const float x[] = {0.5f, 1e-6f, -1e-6f};
	AdvAttack a = pgd(ADV_NORM_LINF, 0);
	Training t;
	Report r;

	make_by_hand(&t, "", 1, 2, params, 3, x);
	attack_rows(&t, &a, NULL, 3, 1, &r);
	ok(r.result.flags[0] == 0 && r.result.flags[1] == ADV_ATTACK_NEAR_TIE &&
		   r.result.flags[2] == (ADV_ATTACK_NEAR_TIE | ADV_ATTACK_SUCCESS),
	   "rows left as they are may be near a tie");
	free_report(&r);
	a.eps = 1;
	a.alpha = 0.50002;
	a.random_start = false;
	a.steps = 1;
	attack_rows(&t, &a, NULL, 3, 1, &r);
	ok(r.result.flags[0] == (ADV_ATTACK_NEAR_TIE | ADV_ATTACK_SUCCESS) && r.x[0] < 0 &&
		   r.result.flags[1] == ADV_ATTACK_SUCCESS,
	   "so may an example, when there is no better");
	free_report(&r);
	a.steps = 2;
	attack_rows(&t, &a, NULL, 3, 1, &r);
	ok(r.result.flags[0] == ADV_ATTACK_SUCCESS && r.x[0] < -0.4f, "when there is one, it is taken");
	free_report(&r);
	training_free(&t);
}

/* tanh rounds to 1: nothing can be seen from there. A softmax that rounds to 1 is no such wall. */
static void
test_slopes(void)
{
	const float wall[] = {1000, 0, 1, 0, 0, 0};
	const float sure[] = {1000, 0, 0, 0};
	const AdvSearch search = {ADV_SEARCH_BISECT, 3, 0, 0.01};
	AdvAttack a = pgd(ADV_NORM_LINF, 1.5);
	Training t;
	Report r;
	float far[30];
	int broken = 0;

	a.random_start = false;
	make_by_hand(&t, "dense 1, tanh", 1, 2, wall, 2, (float[]){1, 0.001f});
	attack_rows(&t, &a, NULL, 2, 1, &r);
	ok(r.result.flags[0] == ADV_ATTACK_NO_SLOPE && r.result.flags[1] == ADV_ATTACK_SUCCESS,
	   "a saturated network has no slope, and is reported");
	free_report(&r);
	a.ball.unit = (float[]){0};
	attack_rows(&t, &a, NULL, 1, 1, &r);
	ok(r.result.flags[0] == 0, "what may not move needs no slope");
	free_report(&r);
	training_free(&t);

	for (int i = 0; i < 30; i++)
		far[i] = 1;
	a = pgd(ADV_NORM_LINF, 3);
	make_by_hand(&t, "dense 1, tanh", 1, 2, wall, 30, far);
	attack_rows(&t, &a, &search, 30, 1, &r);
	for (int i = 0; i < 30; i++)
		broken += (r.result.flags[i] & ADV_ATTACK_SUCCESS) != 0;
	okf(broken > 5, "a search behind the wall goes on from other places (%d of 30)", broken);
	free_report(&r);
	training_free(&t);
	for (int norm = ADV_NORM_LINF; norm <= ADV_NORM_L2; norm++)
	{
		a = pgd((AdvNorm) norm, 1.5);
		make_by_hand(&t, "", 1, 2, sure, 1, (float[]){1});
		attack_rows(&t, &a, NULL, 1, 1, &r);
		okf(r.result.flags[0] == ADV_ATTACK_SUCCESS, "%s: a network that is very sure still has one",
			norm == ADV_NORM_L2 ? "L2" : "L-infinity");
		free_report(&r);
		training_free(&t);
	}
}

static void
test_overflow(void)
{
	const float params[] = {0, 3e38f, 3.3e38f, 0}; /* logits 3.3e38 and 3e38 x */
	AdvSearch bisect = {ADV_SEARCH_BISECT, 1, 0, 0.01};
	AdvAttack a = pgd(ADV_NORM_LINF, 1);
	Training t;
	Report r;

	a.alpha = 0.8;
	a.random_start = false;
	make_by_hand(&t, "", 1, 2, params, 3, (float[]){0.5f, 2, -0.5f});
	for (int searching = 0; searching < 2; searching++)
	{
		attack_rows(&t, &a, searching ? &bisect : NULL, 3, 1, &r);
		ok(r.result.flags[1] == ADV_ATTACK_OVERFLOW && r.result.prediction[1] == -1 &&
			   r.result.adversarial[1] == -1 && r.x[1] == 2 && isnan(r.result.loss[1]),
		   "logits that are not finite to begin with");
		if (!searching)
			ok(r.result.flags[0] == ADV_ATTACK_OVERFLOW && r.result.prediction[0] == 0 && r.x[0] == 0.5f,
			   "or later on");
		ok(r.result.flags[2] == (searching ? ADV_ATTACK_CENSORED : 0) && r.state.rows_done == 3,
		   "other rows are not touched by that");
		free_report(&r);
	}
	training_free(&t);
}

/* ---- least eps ---- */

enum
{
	LINEAR_INPUTS = 6,
	LINEAR_ROWS = 150
};

/* A classifier without hidden layers, and each row's exact least eps: its margin over the length of the weights' difference. */
static void
make_linear(Training *t, const AdvBall *ball, double *exact)
{
	training_make(t, "", (AdvShape){LINEAR_INPUTS, 1, 1}, 2, LINEAR_ROWS);
	for (size_t r = 0; r < LINEAR_ROWS; r++)
	{
		double gap = (double) t->params[2 * LINEAR_INPUTS] - t->params[2 * LINEAR_INPUTS + 1];
		double length = 0;

		for (size_t i = 0; i < LINEAR_INPUTS; i++)
		{
			double w = (double) t->params[i] - t->params[LINEAR_INPUTS + i];
			double u = w * (ball->unit ? ball->unit[i] : 1);

			gap += w * t->x[r * LINEAR_INPUTS + i];
			length += ball->norm == ADV_NORM_LINF ? fabs(u) : u * u;
		}
		t->label[r] = (gap < 0) != (r % 5 == 0); /* every fifth row is misclassified */
		if (t->label[r] == 1)
			gap = -gap;
		exact[r] = gap <= 0 ? 0 : gap / (ball->norm == ADV_NORM_LINF ? length : sqrt(length));
	}
}

static void
test_bisect(AdvNorm norm, const float *unit, bool random_start, const char *name)
{
	double exact[LINEAR_ROWS], eps_max = norm == ADV_NORM_LINF ? 0.3 : 0.6, tol = eps_max / 1024;
	double slack = random_start && norm == ADV_NORM_L2 ? 0.01 : 1e-3; /* L2 steps take their time to turn */
	AdvSearch bisect = {ADV_SEARCH_BISECT, eps_max, 0, tol};
	AdvAttack a = pgd(norm, eps_max);
	size_t right = 0, censored = 0, misclassified = 0, at_distance = 0, broken = 0;
	Training t;
	Report r;

	a.ball.unit = unit;
	a.random_start = random_start;
	make_linear(&t, &a.ball, exact);
	attack_rows(&t, &a, &bisect, LINEAR_ROWS, 2, &r);
	for (size_t i = 0; i < LINEAR_ROWS; i++)
	{
		double eps = r.result.eps[i];
		double d =
			adv_ball_distance(&a.ball, LINEAR_INPUTS, t.x + i * LINEAR_INPUTS, r.x + i * LINEAR_INPUTS);

		if (exact[i] > eps_max * (1 - 1e-3) && !has(&r, i, ADV_ATTACK_SUCCESS))
		{
			censored++;
			right += eps == eps_max && has(&r, i, ADV_ATTACK_CENSORED) && !has(&r, i, ADV_ATTACK_SUCCESS);
			continue;
		}
		misclassified += exact[i] == 0 && eps == 0;
		broken++;
		at_distance += d == eps;
		right += eps >= exact[i] * (1 - 1e-5) && eps <= exact[i] * (1 + slack) + tol &&
				 has(&r, i, ADV_ATTACK_SUCCESS) && !has(&r, i, ADV_ATTACK_CENSORED | ADV_ATTACK_OUTSIDE);
		if (!(eps >= exact[i] * (1 - 1e-5) && eps <= exact[i] * (1 + slack) + tol))
			diag("row %zu: %g, exactly %g", i, eps, exact[i]);
	}
	okf(right == LINEAR_ROWS && censored > 5 && misclassified > 5 && broken > 50,
		"%s: bisection finds the least eps", name);
	okf(at_distance == broken, "%s: at which the example lies", name);
	free_report(&r);
	training_free(&t);
}

static void
test_multiples(void)
{
	double exact[LINEAR_ROWS];
	AdvSearch grid = {ADV_SEARCH_GRID, 0.3, 0.1, 0}; /* 3 * 0.1 is above 0.3 */
	AdvAttack a = pgd(ADV_NORM_LINF, grid.eps_max);
	size_t right = 0, last = 0, censored = 0;
	Training t;
	Report r;

	make_linear(&t, &a.ball, exact);
	exact[0] =
		grid.eps_max * 0.98; /* a row that only the last multiple breaks: its margin is set by its inputs */
	for (int i = 0; i < LINEAR_INPUTS; i++)
	{
		double w = (double) t.params[i] - t.params[LINEAR_INPUTS + i];

		t.x[i] = (float) (exact[0] * (w > 0 ? 1 : -1) * (t.label[0] == 0 ? 1 : -1));
	}
	attack_rows(&t, &a, &grid, LINEAR_ROWS, 2, &r);
	for (size_t i = 0; i < LINEAR_ROWS; i++)
	{
		double k = ceil(exact[i] * (1 + 1e-3) / grid.step);

		last += r.result.eps[i] == 3 * grid.step && has(&r, i, ADV_ATTACK_SUCCESS);
		if (k > 3)
			right += has(&r, i, ADV_ATTACK_CENSORED) && r.result.eps[i] == grid.eps_max, censored++;
		else
			right += r.result.eps[i] == k * grid.step ||
					 (k * grid.step < exact[i] * (1 + 5e-3) && r.result.eps[i] == (k + 1) * grid.step);
	}
	ok(right == LINEAR_ROWS && censored > 0, "multiples of a step: the first one above the least eps");
	ok(last > 0, "the last multiple is not lost to rounding");
	free_report(&r);
	training_free(&t);
}

/* Multiples of a step are attacks of their own: an attack at that eps succeeds, one at the multiple before does not. */
static void
test_multiples_are_attacks(const Training *t, bool random_start)
{
	AdvSearch grid = {ADV_SEARCH_GRID, 0.5, 0.05, 0};
	AdvAttack a = pgd(ADV_NORM_LINF, grid.eps_max);
	size_t n = t->data.n_rows, differ = 0;
	Report found, r;

	a.random_start = random_start;
	attack_rows(t, &a, &grid, n, 2, &found);
	for (int k = 2; k <= 10; k += 3)
	{
		a = pgd(ADV_NORM_LINF, k * grid.step);
		a.random_start = random_start;
		attack_rows(t, &a, NULL, n, 2, &r);
		for (size_t i = 0; i < n; i++)
		{
			bool broken = has(&found, i, ADV_ATTACK_SUCCESS) && found.result.eps[i] <= k * grid.step;

			/* rows broken at a smaller eps need not be broken here */
			differ += has(&r, i, ADV_ATTACK_SUCCESS) && !broken;
			differ +=
				found.result.eps[i] == k * grid.step &&
				(!has(&r, i, ADV_ATTACK_SUCCESS) || fabsf(r.result.loss[i] - found.result.loss[i]) > 1e-3f);
		}
		free_report(&r);
	}
	okf(differ <= 1, "an attack at each multiple of a step agrees, from %s", random_start ? "anywhere" : "x");
	free_report(&found);
}

/* How a bracket closes, told by hand. */
static void
test_brackets(void)
{
	AdvSearch bisect = {ADV_SEARCH_BISECT, 1, 0, 0.1};
	AdvBracket b = {0};
	bool doubled = true;

	for (int i = 8; i > 2; i--)
	{
		doubled = doubled && adv_search_next(&bisect, &b) && b.eps == 1.0 / (1 << i);
		adv_search_failed(&b);
	}
	adv_search_next(&bisect, &b);
	adv_search_broken(&b, 0.22);
	ok(doubled && b.eps == 0.25 && b.failed == 0.125 && !adv_search_next(&bisect, &b) &&
		   adv_search_result(&bisect, &b) == 0.22,
	   "doubling, until the bracket is narrow enough");
	bisect.tol = 0.01;
	ok(adv_search_next(&bisect, &b) && fabs(b.eps - 0.1725) < 1e-12, "then halving");
	adv_search_broken(&b, 0.1);
	ok(b.failed == 0 && adv_search_next(&bisect, &b) && b.eps == 0.05,
	   "an example nearer than a failure takes the failure back");
	adv_search_failed(&b);
	ok(b.failed == 0.05 && adv_search_result(&bisect, &b) == 0.1, "a failure takes no example back");
	b = (AdvBracket){0};
	for (int i = 0; i < 9; i++)
		if (adv_search_next(&bisect, &b))
			adv_search_failed(&b);
	ok(b.eps == 1 && !adv_search_next(&bisect, &b) && adv_search_result(&bisect, &b) == 1,
	   "doubling ends at eps_max");
	b = (AdvBracket){0};
	bisect.tol = 1e-300;
	for (int i = 0; i < 1000 && adv_search_next(&bisect, &b); i++)
		adv_search_broken(&b, b.eps * (1 + 1e-15)); /* as rounding may have it */
	ok(!adv_search_next(&bisect, &b), "a tolerance finer than numbers are comes to an end");
	b = (AdvBracket){0};
	bisect.eps_max = bisect.tol = 0;
	ok(!adv_search_next(&bisect, &b), "nothing is less than nothing");
}

static void
test_search_edges(void)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 1);
	double exact[LINEAR_ROWS];
	size_t nothing = 0, targeted = 0, exempt = 0;
	Training t;
	Report r;

	make_linear(&t, &a.ball, exact);
	attack_rows(&t, &a, &(AdvSearch){ADV_SEARCH_GRID, 1, 2, 0}, LINEAR_ROWS, 1, &r);
	for (size_t i = 0; i < LINEAR_ROWS; i++)
		nothing += exact[i] == 0 ? r.result.eps[i] == 0 && has(&r, i, ADV_ATTACK_SUCCESS)
								 : r.result.eps[i] == 1 && has(&r, i, ADV_ATTACK_CENSORED);
	ok(nothing == LINEAR_ROWS && r.state.gradients == 0, "a step beyond eps_max tries nothing");
	free_report(&r);
	a.target = 1;
	attack_rows(&t, &a, &(AdvSearch){ADV_SEARCH_BISECT, 1, 0, 0.001}, LINEAR_ROWS, 1, &r);
	for (size_t i = 0; i < LINEAR_ROWS; i++)
		if (t.label[i] == 1)
			exempt += r.result.flags[i] % 4 == ADV_ATTACK_EXEMPT && isnan(r.result.eps[i]);
		else
			targeted += exact[i] > 1 || fabs(r.result.eps[i] - exact[i]) < 0.003;
	free_report(&r);
	a = pgd(ADV_NORM_LINF, 3);
	a.target = 1;
	attack_rows(&t, &a, NULL, LINEAR_ROWS, 1, &r);
	ok(count(&r, ADV_ATTACK_SUCCESS) + count(&r, ADV_ATTACK_EXEMPT) == LINEAR_ROWS,
	   "with a large eps a linear classifier is always broken");
	ok(exempt > 10 && targeted > 10 && exempt + targeted == LINEAR_ROWS,
	   "the least eps that reaches a class");
	free_report(&r);
	training_free(&t);
}

/* ---- feasible examples ---- */

/* Tenths: raw numbers from -10 to 10 whose input is a tenth of them; a last input of any value. */
static void
test_feasible(void)
{
	enum
	{
		inputs = 8,
		n = 200
	};
	const AdvSearch searches[] = {{ADV_SEARCH_BISECT, 0.6, 0, 0.01}, {ADV_SEARCH_GRID, 0.6, 0.1, 0}};
	AdvGrid grid[inputs];
	AdvAttack a = pgd(ADV_NORM_LINF, 0.25);
	size_t broken[2] = {0};
	Training t;
	Report r;

	training_make(&t, TABULAR, (AdvShape){inputs, 1, 1}, 3, n);
	for (int i = 0; i < inputs; i++)
		grid[i] = (AdvGrid){i < inputs - 1 ? ADV_GRID_WHOLE : ADV_GRID_FREE, 1, 0, 0.1, -10, 10};
	for (int i = 0; i < n * inputs; i++)
		if (i % inputs != inputs - 1)
			t.x[i] = (float) (rint(t.x[i] * 10) * 0.1);
	t.spec.epochs = 20;
	t.spec.optimizer.learning_rate = 0.02;
	training_run(&t, 2);
	for (int feasible = 0; feasible < 2; feasible++)
	{
		a.grid = feasible ? grid : NULL;
		attack_rows(&t, &a, NULL, n, 2, &r);
		broken[feasible] = count(&r, ADV_ATTACK_SUCCESS);
		if (feasible)
			check_report(&t, &a, &r, "feasible");
		free_report(&r);
	}
	okf(broken[1] > n / 20 && broken[1] <= broken[0], "feasible examples are fewer: %zu, %zu", broken[1],
		broken[0]);
	for (int kind = 0; kind < 4; kind++)
	{
		bool on_grid = true, kept = true;
		size_t flips = 0;

		a = pgd(kind % 2 ? ADV_NORM_L2 : ADV_NORM_LINF, kind % 2 ? 0.5 : 0.25);
		a.grid = grid;
		a.restarts = kind == 0 ? 2 : 1;
		a.early_stop = kind < 2;
		attack_rows(&t, &a, kind >= 2 ? &searches[kind - 2] : NULL, n, 2, &r);
		for (int i = 0; i < n * inputs; i++)
			if (i % inputs != inputs - 1)
			{
				on_grid = on_grid && r.x[i] == (float) (rint(r.x[i] * 10) * 0.1);
				flips += r.x[i] != t.x[i];
			}
		for (size_t i = 0; i < n && kind >= 2; i++)
			kept = kept && (!has(&r, i, ADV_ATTACK_SUCCESS) ||
							adv_ball_distance(&a.ball, inputs, t.x + i * inputs, r.x + i * inputs) <=
								r.result.eps[i] * (1 + 1e-6));
		okf(on_grid && kept && flips > n / 10 && count(&r, ADV_ATTACK_OUTSIDE) == 0,
			"%s%s: examples are on the grid", kind % 2 ? "L2" : "L-infinity", kind >= 2 ? ", least eps" : "");
		free_report(&r);
	}
	training_free(&t);
}

/*
 * One category of 6 and no other input, in a ball that holds all of them: a row breaks if any category is predicted as another
 * class than its own, whichever comes first.
 */
static void
test_categories(void)
{
	enum
	{
		inputs = 6,
		n = 120
	};
	AdvGrid grid[inputs] = {{ADV_GRID_ONEHOT, inputs, 0, 0, 0, 0}};
	size_t broken[2];
	bool right = true;
	Training t;
	Report r;

	for (int hot = 0; hot < inputs; hot++) /* the only category that is predicted as class 1 */
	{
		AdvAttack a = pgd(ADV_NORM_LINF, 1);

		training_make(&t, "", (AdvShape){inputs, 1, 1}, 2, n);
		for (size_t i = 0; i < n * inputs; i++)
			t.x[i] = i % inputs == i / inputs % inputs;
		for (size_t i = 0; i < n; i++)
			t.label[i] = i % inputs == (size_t) hot;
		t.spec.epochs = 60;
		t.spec.optimizer.learning_rate = 0.05;
		training_run(&t, 2);
		for (int early = 0; early < 2; early++)
		{
			a.grid = grid;
			a.early_stop = early;
			attack_rows(&t, &a, NULL, n, 2, &r);
			broken[early] = count(&r, ADV_ATTACK_SUCCESS);
			right = right && broken[early] == n && count(&r, ADV_ATTACK_OUTSIDE) == 0;
			for (size_t i = 0; i < n * inputs; i++)
				right = right && (r.x[i] == 0 || r.x[i] == 1);
			free_report(&r);
		}
		training_free(&t);
	}
	okf(right, "the one category that breaks rows is found wherever it stands: %zu, %zu of %d", broken[0],
		broken[1], n);
}

/* ---- transfer ---- */

static void
test_transfer(const Training *t)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.15);
	size_t n = t->data.n_rows, own, transferred;
	int32_t *class = zeros(sizeof(int32_t) * n), *clean = zeros(sizeof(int32_t) * n);
	float *loss = zeros(sizeof(float) * n);
	AdvTeamShared shared;
	AdvAttackRun run;
	Training other;
	Report r;
	bool same = true, agree = true;

	attack_rows(t, &a, NULL, n, 2, &r);
	own = count(&r, ADV_ATTACK_SUCCESS);
	for (size_t i = 0; i < n; i++)
		class[i] = r.result.adversarial[i];
	run = run_of(t, &a, NULL, &r);
	adv_team_init(&shared);
	run_team(&run, true, 2, &shared, NULL, NULL, &r);
	for (size_t i = 0; i < n; i++)
		same = same && (has(&r, i, ADV_ATTACK_NEAR_TIE) || r.result.adversarial[i] == class[i]);
	ok(r.status == ADV_OK && same && count(&r, ADV_ATTACK_SUCCESS) == own,
	   "scored by the network they were crafted on, examples are as reported");

	training_make(&other, "dense 5, tanh", t->net.input, 3, n);
	other.spec = t->spec;
	other.spec.seed = 99;
	adv_network_init(&other.net, other.params, 99, ADV_INIT_GLOROT);
	training_run(&other, 2);
	for (size_t i = 0; i < n; i += 2)
		r.result.flags[i] |= ADV_ATTACK_EXEMPT;
	run = run_of(&other, &a, NULL, &r);
	adv_team_rewind(&(AdvTeam){0, 1, &shared, NULL, NULL});
	run_team(&run, true, 3, &shared, NULL, NULL, &r);
	predict_inputs(&other, n, r.x, class, loss);
	predict_inputs(&other, n, other.x, clean, NULL);
	for (size_t i = 0; i < n; i++)
		agree = agree && r.result.adversarial[i] == class[i] && r.result.prediction[i] == clean[i] &&
				fabsf(r.result.loss[i] - loss[i]) <= 1e-4f * (1 + loss[i]) &&
				has(&r, i, ADV_ATTACK_SUCCESS) == (class[i] != t->label[i] && i % 2 == 1);
	transferred = 0;
	for (size_t i = 0; i < n; i++)
		transferred += class[i] != t->label[i];
	ok(agree && count(&r, ADV_ATTACK_EXEMPT) == (n + 1) / 2,
	   "scored by another network, they are what that one sees");
	okf(transferred < own && transferred > 0, "white-box breaks more than transfer: %zu, %zu", own,
		transferred);
	free(class);
	free(clean);
	free(loss);
	free_report(&r);
	training_free(&other);
}

/* ---- stopping ---- */

typedef struct Stopper
{
	AdvTeamShared *shared;
	double at;
} Stopper;

static void
stop_in_time(void *arg)
{
	Stopper *s = arg;

	if (seconds_now() > s->at)
		atomic_store(&s->shared->abort, 1);
}

static void
test_stopping(void)
{
	AdvAttack a = pgd(ADV_NORM_LINF, 0.1);
	AdvTeamShared shared;
	Stopper stopper = {&shared, 0};
	AdvAttackRun run;
	Training t;
	Report r;
	double late;

	a.steps = 1000000;
	a.early_stop = false;
	training_make(&t, IMAGE, (AdvShape){3, 12, 12}, 3, 300);
	make_report(&r, 300, 3 * 12 * 12);
	run = run_of(&t, &a, NULL, &r);
	adv_team_init(&shared);
	stopper.at = seconds_now() + 0.1;
	run_team(&run, false, 2, &shared, stop_in_time, &stopper, &r);
	late = seconds_now() - stopper.at;
	okf(r.status == ADV_ABORTED && late < 0.25, "an attack stops within %.0f ms", 1e3 * late);
	r.status = ADV_OK;
	run_team(&run, true, 1, &shared, NULL, NULL, &r);
	ok(r.status == ADV_ABORTED, "so does a scoring");
	free_report(&r);

	/* nothing but flags is wanted */
	make_report(&r, 20, 3 * 12 * 12);
	a.steps = 2;
	run = run_of(&t, &a, NULL, &r);
	run.result = (AdvAttackResult){.flags = r.result.flags};
	adv_team_init(&shared);
	run_team(&run, false, 1, &shared, NULL, NULL, &r);
	ok(r.status == ADV_OK && r.state.rows_done == 20, "results that are not wanted need no memory");
	free_report(&r);
	training_free(&t);
}

static void
test_pieces(void)
{
	ok(adv_attack_pieces(0) == 0 && adv_attack_pieces(1) == 1 && adv_attack_pieces(128) == 1 &&
		   adv_attack_pieces(129) == 2 && adv_attack_pieces(11360) == 32 && adv_attack_pieces(51200) == 100,
	   "pieces follow from the number of rows");
}

int
main(void)
{
	Training t;

	test_golden("pgd_linf_mlp.txt", "dense 7, tanh, dense 6, relu", (AdvShape){5, 1, 1}, 3, ADV_NORM_LINF);
	test_golden("pgd_l2_mlp.txt", "dense 7, tanh, dense 6, relu", (AdvShape){5, 1, 1}, 3, ADV_NORM_L2);
	test_golden("pgd_linf_cnn.txt", "conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu",
				(AdvShape){3, 8, 8}, 5, ADV_NORM_LINF);
	test_golden("pgd_l2_cnn.txt", "conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu",
				(AdvShape){3, 8, 8}, 5, ADV_NORM_L2);
	test_teams();
	make_trained(&t, TABULAR, (AdvShape){8, 1, 1}, 250);
	test_alone(&t);
	test_reports(&t);
	test_order(&t);
	test_retreats(&t);
	test_small_logits(&t);
	test_target(&t);
	test_units(&t);
	test_multiples_are_attacks(&t, true);
	test_multiples_are_attacks(&t, false);
	test_transfer(&t);
	training_free(&t);
	test_unsettled();
	test_middle_iterate();
	test_near_ties();
	test_slopes();
	test_overflow();
	test_bisect(ADV_NORM_LINF, NULL, true, "L-infinity");
	test_bisect(ADV_NORM_LINF, (float[]){1, 0.3f, 0, 2, 0.5f, 1}, true, "L-infinity in units");
	test_bisect(ADV_NORM_L2, NULL, false, "L2");
	test_bisect(ADV_NORM_L2, NULL, true, "L2, random start");
	test_multiples();
	test_brackets();
	test_search_edges();
	test_feasible();
	test_categories();
	test_stopping();
	test_pieces();
	if (adv_cpu_use(ADV_ISA_AMX) == ADV_ISA_AMX)
	{
		test_golden("pgd_linf_cnn.txt",
					"conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu",
					(AdvShape){3, 8, 8}, 5, ADV_NORM_LINF);
		test_golden("pgd_l2_cnn.txt", "conv 4x3, maxpool 2, relu, conv 6x3, maxpool 2, relu, dense 10, relu",
					(AdvShape){3, 8, 8}, 5, ADV_NORM_L2);
	}
	else
		skip("attacks on tiles", "this processor has none");
	if (adv_gemm_load_blas())
	{
		test_teams();
		test_middle_iterate();
	}
	test_dropout();
	test_done_pieces();
	done_testing();
	return 0;
}
