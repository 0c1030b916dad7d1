/*
 * test_methods.c
 *		The tables of methods of attack and of training, and steps of each method on one row, worked by hand.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/defence/defence.h"
#include "tap.h"
#include "training.h"

/* A row of two values in a ball of 0.3 around 0. */
typedef struct Row
{
	AdvBall ball;
	AdvAttackSettings settings;
	float x0[2];
	float low[2];
	float high[2];
	float memory[8];
	float x[2];
	AdvClimb climb;
} Row;

static void
open_row(Row *r, const AdvAttackMethod *method, AdvNorm norm, double alpha)
{
	memset(r, 0, sizeof(*r));
	memset(r->memory, 0xff, sizeof(r->memory)); /* NaN, unless a method begins by setting it */
	r->ball = (AdvBall){norm, NULL, -INFINITY, INFINITY};
	r->settings = adv_attack_unset(method);
	adv_ball_bounds(&r->ball, 2, r->x0, 0.3, r->low, r->high);
	r->climb = (AdvClimb){.in = {&r->ball, 2, r->x0, r->low, r->high, 0.3},
						  .alpha = alpha,
						  .own = r->settings.own,
						  .memory = r->memory};
	if (method->begin)
		method->begin(&r->climb);
}

static bool
near(const float *x, double a, double b)
{
	return fabs(x[0] - a) < 1e-6 && fabs(x[1] - b) < 1e-6;
}

static void
test_table(void)
{
	bool named = true, found = true, inside = true, steps = true;
	int n = 0;

	for (; adv_attack_methods[n]; n++)
	{
		const AdvAttackMethod *m = adv_attack_methods[n];

		named = named && m->name && m->words;
		found = found && adv_attack_method(m->name) == n;
		steps = steps && m->steps >= 1 && m->reach > 0 && m->memory <= adv_attack_memory() &&
				(m->move || m->members);
		for (const AdvParameter *p = m->parameters; p->name; p++)
			inside =
				inside && p->offset + (p->kind <= ADV_PARAMETER_INTEGER ? sizeof(double) : sizeof(int)) <=
							  sizeof(AdvAttackSettings);
	}
	ok(n >= 2 && named, "methods have names and say what they are");
	ok(found && adv_attack_method("none of them") == -1, "and are found by their names");
	ok(inside, "their settings lie in the struct of settings");
	ok(steps, "they say how many steps they take, how far, and how");
	ok(adv_attack_method("pgd") == 0, "who names none gets pgd");
}

static void
test_defences(void)
{
	/* as training.h numbers them */
	static const char *const known[] = {"none", "pgd", "trades", "fast", "mart", "gaussian", "ibp"};
	bool found = true, complete = true, inside = true;

	for (int i = 0; adv_defences[i]; i++)
	{
		const AdvDefence *d = adv_defences[i];

		found = found && adv_defence(d->name) == i && (i > ADV_METHOD_IBP || strcmp(d->name, known[i]) == 0);
		complete = complete && d->words && (!d->craft || d->noise || (d->steps >= 1 && d->alpha > 0)) &&
				   (d->rows_per_example == 1 || (d->rows_per_example == 2 && d->craft && d->loss));
		for (const AdvParameter *p = d->parameters; p->name; p++)
			inside = inside && p->offset + sizeof(double) <= sizeof(AdvDefenceSettings);
	}
	ok(found && adv_defence("none of them") == -1, "methods of training are found by their names");
	ok(complete && inside, "and are complete");
}

static void
test_pgd(void)
{
	const AdvAttackMethod *pgd = adv_attack_methods[adv_attack_method("pgd")];
	const AdvAttackMethod *fgsm = adv_attack_methods[adv_attack_method("fgsm")];
	Row r;

	open_row(&r, pgd, ADV_NORM_LINF, 0.2);
	pgd->move(&r.climb, (float[]){3, -0.1f}, r.x);
	ok(near(r.x, 0.2, -0.2), "pgd steps along signs");
	pgd->move(&r.climb, (float[]){3, 0}, r.x);
	ok(near(r.x, 0.3, -0.2), "stays in the ball, and where there is no slope");
	open_row(&r, pgd, ADV_NORM_L2, 0.2);
	pgd->move(&r.climb, (float[]){3, -4}, r.x);
	ok(near(r.x, 0.12, -0.16), "L2: along the gradient");
	open_row(&r, fgsm, ADV_NORM_LINF, 0.3);
	fgsm->move(&r.climb, (float[]){-1, 2}, r.x);
	ok(near(r.x, -0.3, 0.3) && fgsm->steps == 1 && fgsm->reach == 1 && !fgsm->random_start,
	   "fgsm is one step of eps from the row");
}

/* With decay 0.5 momentum is (0.75, 0.25) after (3, 1), then (0.375, 0.125) + (-0.5, -0.5), then half of that + (0, 1). */
static void
test_mi_fgsm(void)
{
	const AdvAttackMethod *mi = adv_attack_methods[adv_attack_method("mi_fgsm")];
	Row r;

	open_row(&r, mi, ADV_NORM_LINF, 0.1);
	memcpy(r.settings.own, &(double){0.5}, sizeof(double));
	mi->move(&r.climb, (float[]){3, 1}, r.x);
	ok(near(r.memory, 0.75, 0.25) && near(r.x, 0.1, 0.1), "mi_fgsm begins like fgsm");
	mi->move(&r.climb, (float[]){-1, -1}, r.x);
	ok(near(r.memory, -0.125, -0.375) && near(r.x, 0, 0),
	   "adds gradients over their L1 norm to what is left of the former");
	mi->move(&r.climb, (float[]){0, 7}, r.x);
	ok(near(r.memory, -0.0625, 0.8125) && near(r.x, -0.1, 0.1), "and steps along the sign of the sum");
	mi->move(&r.climb, (float[]){0, 0}, r.x);
	ok(near(r.memory, -0.03125, 0.40625) && near(r.x, -0.2, 0.2), "goes on where there is no slope");
	mi->begin(&r.climb);
	ok(near(r.memory, 0, 0), "and forgets all when it begins again");

	open_row(&r, mi, ADV_NORM_L2, 0.1);
	mi->move(&r.climb, (float[]){3, 4}, r.x);
	ok(near(r.x, 0.06, 0.08), "L2: steps are of length alpha");
	mi->move(&r.climb, (float[]){-4, 3}, r.x);
	ok(near(r.memory, 3.0 / 7 - 4.0 / 7, 4.0 / 7 + 3.0 / 7) &&
		   fabs(hypot(r.x[0] - 0.06, r.x[1] - 0.08) - 0.1) < 1e-6,
	   "also of momentum, by default with decay 1");
	open_row(&r, mi, ADV_NORM_LINF, -0.1);
	mi->move(&r.climb, (float[]){3, -1}, r.x);
	ok(near(r.x, -0.1, 0.1), "down, towards a target");
}

int
main(void)
{
	test_table();
	test_defences();
	test_pgd();
	test_mi_fgsm();
	done_testing();
	return 0;
}
