/*
 * trades.c
 *		TRADES (Zhang et al. 2019): cross-entropy(F(x), y) + beta KL(F(x) || F(x')), where x' climbs the divergence, without looking at labels.
 */
#include <math.h>

#include "core/defence/defence.h"
#include "core/network/loss.h"

#define BETA 6

static void
set(AdvDefenceSettings *settings)
{
	settings->beta = BETA;
}

static AdvStatus
check(const AdvRobust *how, AdvError *err)
{
	if (!(how->settings.beta >= 0) || isinf(how->settings.beta))
		return adv_fail(err, ADV_INVALID, "beta must be finite and not negative");
	return ADV_OK;
}

/* Near x: at x itself the divergence has no slope. */
static void
start(const AdvCraft *c, int row, uint64_t key, uint64_t restart)
{
	size_t n = adv_shape_size(c->ws->net->input);
	size_t at = (size_t) row * n;

	adv_ball_nearby(&c->how.ball, n, c->x0 + at, c->how.eps, c->low + at, c->high + at, c->seed, key, restart,
					c->ws->act[0] + at);
}

/* F(x) is held fixed. */
static void
climb(const AdvCraft *c, int rows, const int32_t *label)
{
	const AdvNetwork *net = c->ws->net;

	(void) label;
	adv_kl_divergence(rows, net->classes, c->logits, c->ws->act[net->n_layers], 1, NULL,
					  c->ws->d_act[net->n_layers]);
}

static double
loss(const AdvObjective *o)
{
	return adv_trades_loss(o->rows, o->classes, o->logits, o->other, o->label, o->settings->beta, o->scale,
						   o->d_logits, o->d_other, o->correct);
}

static const AdvParameter parameters[] = {ADV_SETTING_BETA, {NULL}};

const AdvDefence adv_defence_trades = {
	.name = "trades",
	.words = "cross-entropy, and beta times the divergence of predictions of a row and its example (Zhang et al. 2019)",
	.parameters = parameters,
	.crafts = true,
	.both = true,
	.compares = true,
	.steps = 10,
	.alpha = 0.25,
	.set = set,
	.check = check,
	.start = start,
	.climb = climb,
	.loss = loss,
};
