/*
 * mart.c
 *		Method mart, misclassification aware training (Wang et al. 2020): with p = F(x), q = F(x') and the most likely wrong class k
 *		of q, what is minimized is
 *
 *			-log q_y - log(1 - q_k) + beta KL(p || q) (1 - p_y)
 *
 * where beta is the paper's lambda. The first two terms are the boosted cross-entropy: x' should be right, and by a margin. The third wants
 * both predictions to agree, the more so the less the natural row is understood. The gradient flows through p, q and 1 - p_y. x' climbs
 * the cross-entropy, as in method pgd. Accuracy is that of natural rows.
 *
 * Everything is computed from logits: the authors' code keeps 1 - q_k away from 0 by adding 0.0001, here it is a sum of the others'.
 */
#include <math.h>
#include <string.h>

#include "core/defence/craft.h"
#include "core/network/loss.h"

static void
set(AdvDefenceSettings *settings)
{
	settings->beta = 6;
}

static AdvStatus
craft(AdvDefending *d, const AdvSlice *slice)
{
	if (adv_craft(d->craft, d->robust, slice, d->robust->random_start ? adv_ball_random : NULL,
				  adv_slope_of_label) != ADV_OK)
		return ADV_ABORTED;
	adv_craft_behind(d->craft, slice);
	return ADV_OK;
}

/* log of the sum of exp z_j over all j but one (-1: over all). */
static double
log_sum_without(int n, const float *z, int without)
{
	int top = without == 0;
	double sum = 0;

	for (int j = 0; j < n; j++)
		if (j != without && z[j] > z[top])
			top = j;
	for (int j = 0; j < n; j++)
		if (j != without)
			sum += exp((double) z[j] - z[top]);
	return z[top] + log(sum);
}

/* The largest logit that is not the label's. */
static int
most_likely_wrong(int n, const float *z, int32_t label)
{
	int best = label == 0;

	for (int j = 0; j < n; j++)
		if (j != label && z[j] > z[best])
			best = j;
	return best;
}

/* -log q_y - log(1 - q_k); scale times the gradient with respect to z, the logits of x', is added to d_z. */
static double
boosted_cross_entropy(int n, const float *z, int32_t label, double scale, float *d_z)
{
	int k = most_likely_wrong(n, z, label);
	double all = log_sum_without(n, z, -1);
	double others = log_sum_without(n, z, k);

	for (int j = 0; j < n; j++)
	{
		double q = exp(z[j] - all);
		double without_k = j == k ? 0 : exp(z[j] - others); /* q_j / (1 - q_k) */

		d_z[j] += (float) (scale * (q - (j == label) + q - without_k));
	}
	return (all - z[label]) + (all - others);
}

/* KL(p || q) (1 - p_y); scale times its gradients are added to d_z, of the natural row, and put into d_other. */
static double
weighted_divergence(int n, const float *z, const float *other, int32_t label, double scale, float *d_z,
					float *d_other)
{
	double all = log_sum_without(n, z, -1);
	double wrong = exp(log_sum_without(n, z, label) - all); /* 1 - p_y, also where p_y rounds to 1 */
	double right = exp(z[label] - all);
	double kl = adv_kl_divergence(1, n, z, other, (float) (scale * wrong), d_z, d_other);

	for (int j = 0; j < n; j++)
		d_z[j] -= (float) (scale * kl * right * (j == label ? wrong : -exp(z[j] - all)));
	return kl * wrong;
}

static double
loss(AdvDefending *d, const AdvSlice *slice, float scale, int64_t *correct)
{
	const AdvNetwork *net = d->ws->net;
	size_t n = (size_t) net->classes;
	size_t behind = (size_t) slice->rows * n;
	const float *logits = d->ws->act[net->n_layers];
	float *d_logits = d->ws->d_act[net->n_layers];
	double beta = d->robust->settings.beta;
	double sum = 0;

	memset(d_logits, 0, sizeof(float) * behind);
	for (size_t at = 0, r = 0; at < behind; at += n, r++)
	{
		int32_t label = slice->label[r];

		sum += beta * weighted_divergence((int) n, logits + at, logits + behind + at, label, scale * beta,
										  d_logits + at, d_logits + behind + at);
		sum += boosted_cross_entropy((int) n, logits + behind + at, label, scale, d_logits + behind + at);
		*correct += adv_argmax((int) n, logits + at) == label;
	}
	return sum;
}

static const AdvParameter parameters[] = {ADV_SETTING_BETA, {NULL}};

const AdvDefence adv_defence_mart = {
	.name = "mart",
	.words = "misclassified rows count more, and examples are to be right by a margin (Wang et al. 2020)",
	.parameters = parameters,
	.steps = 10,
	.alpha = 0.25,
	.rows_per_example = 2,
	.labelled = 1,
	.set = set,
	.craft = craft,
	.loss = loss,
};
