/*
 * trades.c
 *		Method trades (Zhang et al. 2019): what is minimized is cross-entropy(F(x), y) + beta KL(F(x) || F(x')), and x' is found by climbing
 *		that divergence, without looking at labels and with F(x) held fixed, from a place near x.
 */
#include <string.h>

#include "core/defence/craft.h"
#include "core/network/loss.h"

static void
set(AdvDefenceSettings *settings)
{
	settings->beta = 6;
}

/* Of KL(F(x) || F(x')) with respect to the logits of x'. */
static void
slope_of_divergence(const AdvCraft *c, const AdvSlice *slice)
{
	const AdvNetwork *net = c->ws->net;

	for (size_t r = 0; r < (size_t) slice->rows; r++)
	{
		size_t at = r * (size_t) net->classes;

		c->value[r] = adv_kl_divergence(1, net->classes, c->logits + at, c->ws->act[net->n_layers] + at, 1,
										NULL, c->ws->d_act[net->n_layers] + at);
	}
}

static AdvStatus
craft(AdvDefending *d, const AdvSlice *slice)
{
	const AdvNetwork *net = d->ws->net;

	if (adv_forward(d->ws, slice->rows) != ADV_OK)
		return ADV_ABORTED;
	memcpy(d->craft->logits, d->ws->act[net->n_layers],
		   sizeof(float) * (size_t) slice->rows * (size_t) net->classes);
	if (adv_craft(d->craft, d->robust, slice, adv_ball_nearby, slope_of_divergence) != ADV_OK)
		return ADV_ABORTED;
	adv_craft_behind(d->craft, slice);
	return ADV_OK;
}

static double
loss(AdvDefending *d, const AdvSlice *slice, float scale, int64_t *correct)
{
	const AdvNetwork *net = d->ws->net;
	const float *logits = d->ws->act[net->n_layers];
	float *d_logits = d->ws->d_act[net->n_layers];
	size_t behind = (size_t) slice->rows * (size_t) net->classes;

	return adv_trades_loss(slice->rows, net->classes, logits, logits + behind, slice->label,
						   d->robust->settings.beta, scale, d_logits, d_logits + behind, correct);
}

static const AdvParameter parameters[] = {ADV_SETTING_BETA, {NULL}};

const AdvDefence adv_defence_trades = {
	.name = "trades",
	.words = "cross-entropy, and beta times how far a row and its example are apart (Zhang et al. 2019)",
	.parameters = parameters,
	.steps = 10,
	.alpha = 0.25,
	.rows_per_example = 2,
	.set = set,
	.craft = craft,
	.loss = loss,
};
