/*
 * mi_fgsm.c
 *		The momentum iterative fast gradient sign method (Dong et al. 2018, algorithm 1 and equation 8): steps along the gradients so far,
 *		each divided by its L1 norm, older ones decayed.
 *
 *		g = decay g + gradient / |gradient|_1,	x' = x' + alpha sign(g)	(L2: x' + alpha g / |g|_2)
 *
 * from x itself, alpha = eps / steps: then no step leaves the ball. Its examples fool other models more often than pgd's.
 */
#include <math.h>
#include <string.h>

#include "core/attack/method.h"

/* Its own settings. */
typedef struct Own
{
	double decay; /* of the gradients so far, at each step */
} Own;

static void
set(AdvAttackSettings *settings)
{
	*(Own *) settings->own = (Own){.decay = 1};
}

static void
begin(const AdvClimb *c)
{
	memset(c->memory, 0, sizeof(float) * c->in.n);
}

/* A gradient of zeros adds nothing. */
static void
move(const AdvClimb *c, const float *gradient, float *x)
{
	double decay = ((const Own *) c->own)->decay;
	double norm = 0;

	for (size_t i = 0; i < c->in.n; i++)
		norm += fabs(gradient[i]);
	for (size_t i = 0; i < c->in.n; i++)
		c->memory[i] = (float) (decay * c->memory[i] + (norm > 0 ? gradient[i] / norm : 0));
	adv_ball_step(&c->in, c->alpha, c->memory, x);
}

static const AdvParameter parameters[] = {
	ADV_SETTING_ALPHA,
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	ADV_SETTING_RANDOM_START,
	ADV_SETTING_EARLY_STOP,
	{"decay", ADV_PARAMETER_NUMBER, offsetof(AdvAttackSettings, own) + offsetof(Own, decay), 0, 1},
	{NULL},
};

const AdvAttackMethod adv_attack_mi_fgsm = {
	.name = "mi_fgsm",
	.words = "momentum iterative fast gradient sign method (Dong et al. 2018)",
	.parameters = parameters,
	.steps = 10,
	.reach = 1,
	.memory = 1,
	.set = set,
	.begin = begin,
	.move = move,
};
