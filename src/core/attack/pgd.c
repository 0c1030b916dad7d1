/*
 * pgd.c
 *		Steps along the sign of the gradient (L2: along the gradient): projected gradient descent (Madry et al. 2018), and the fast gradient
 *		sign method (Goodfellow et al. 2015), which is its first step from the row itself, of size eps.
 */
#include "core/attack/method.h"

static void
move(const AdvClimb *c, const float *gradient, float *x)
{
	adv_ball_step(&c->in, c->alpha, gradient, x);
}

static const AdvParameter pgd_parameters[] = {
	ADV_SETTING_ALPHA,        ADV_SETTING_STEPS,      ADV_SETTING_RESTARTS,
	ADV_SETTING_RANDOM_START, ADV_SETTING_EARLY_STOP, {NULL},
};

const AdvAttackMethod adv_attack_pgd = {
	.name = "pgd",
	.words = "projected gradient descent (Madry et al. 2018)",
	.parameters = pgd_parameters,
	.steps = 20,
	.reach = 2.5,
	.random_start = true,
	.move = move,
};

static const AdvParameter fgsm_parameters[] = {{NULL}};

const AdvAttackMethod adv_attack_fgsm = {
	.name = "fgsm",
	.words = "fast gradient sign method (Goodfellow et al. 2015)",
	.parameters = fgsm_parameters,
	.steps = 1,
	.reach = 1,
	.move = move,
};
