/*
 * gaussian.c
 *		Method gaussian (Cohen, Rosenfeld and Kolter 2019, section 3.3; Lecuyer et al. 2019): each row gets Gaussian noise, another one in each
 *		epoch, and what is minimized is the cross-entropy of the noisy rows. Nothing is attacked. A network so trained is right on noisy
 *		rows, too, which a certificate by smoothing asks of it.
 *
 * The noise is that of the certificate: of standard deviation sigma in units of the ball, where these are not 0, and not brought into the
 * clip range. Clipped noise would not be Gaussian, and the network would be trained on other rows than it is asked about.
 */
#include "core/defence/craft.h"

typedef struct Own
{
	double sigma;
} Own;

static void
set(AdvDefenceSettings *settings)
{
	((Own *) settings->own)->sigma = 0.25;
}

static AdvStatus
craft(AdvDefending *d, const AdvSlice *slice)
{
	const AdvRobust *how = d->robust;
	size_t n = adv_shape_size(d->ws->net->input);

	for (int r = 0; r < slice->rows; r++)
	{
		AdvDraw draw = {d->craft->seed, slice->key[r], slice->restart};
		float *x = d->ws->act[0] + (size_t) r * n;

		adv_ball_noise(&how->ball, n, x, ((const Own *) how->settings.own)->sigma, ADV_FOR_NOISE, &draw, x);
	}
	return ADV_OK;
}

static const AdvParameter parameters[] = {
	{"sigma", ADV_PARAMETER_NUMBER, offsetof(AdvDefenceSettings, own) + offsetof(Own, sigma), 0, ADV_MAX_EPS},
	{NULL},
};

const AdvDefence adv_defence_gaussian = {
	.name = "gaussian",
	.words = "each row with Gaussian noise of its own in each epoch (Cohen et al. 2019)",
	.parameters = parameters,
	.noise = true,
	.rows_per_example = 1,
	.set = set,
	.craft = craft,
};
