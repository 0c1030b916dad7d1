/*
 * test_methods.c
 *		The table of attack methods, and steps of each method on one row, worked by hand.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/attack/method.h"
#include "tap.h"

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
	r->climb = (AdvClimb){&r->ball, 2, r->x0, r->low, r->high, 0.3, alpha, r->settings.own, r->memory};
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
		steps = steps && m->steps >= 1 && m->reach > 0 && m->memory <= adv_attack_memory() && m->move;
		for (const AdvParameter *p = m->parameters; p->name; p++)
			inside = inside && p->offset + (p->kind <= ADV_PARAMETER_INTEGER ? sizeof(double) : sizeof(int)) <=
								   sizeof(AdvAttackSettings);
	}
	ok(n >= 2 && named, "methods have names and say what they are");
	ok(found && adv_attack_method("none of them") == -1, "and are found by their names");
	ok(inside, "their settings lie in the struct of settings");
	ok(steps, "they say how many steps they take, how far, and how");
	ok(adv_attack_method("pgd") == 0, "who names none gets pgd");
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

int
main(void)
{
	test_table();
	test_pgd();
	done_testing();
	return 0;
}
