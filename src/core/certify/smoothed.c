/*
 * smoothed.c
 *		Certificates by randomized smoothing (smooth.h) as a method. They are of the smoothed classifier, not of the network.
 */
#include <math.h>

#include "core/base/carve.h"
#include "core/certify/certify.h"
#include "core/certify/smooth.h"

_Static_assert(ADV_CERTIFY_ROWS >= ADV_SMOOTH_ROWS, "a workspace holds a pass of draws");

/* As users say it; numbers that are whole are so by their range. */
typedef struct Settings
{
	double sigma;
	double n0;
	double n;
	double alpha;
} Settings;

/* Those of Cohen et al. but for n, which is a tenth: radii up to 3.2 sigma in place of 3.8. */
static void
set(AdvCertifySettings *settings)
{
	*(Settings *) settings->own = (Settings){0.25, 100, 10000, 0.001};
}

static AdvSmoothing
smoothing_of(const AdvCertify *how)
{
	const Settings *s = (const Settings *) how->settings.own;

	return (AdvSmoothing){s->sigma, (int64_t) s->n0, (int64_t) s->n, s->alpha, how->seed};
}

static AdvStatus
check(const AdvNetwork *net, const AdvCertify *how, AdvError *err)
{
	AdvSmoothing smoothing = smoothing_of(how);

	(void) net;
	if (how->ball.norm != ADV_NORM_L2)
	{
		adv_fail(err, ADV_INVALID, "smoothing certifies perturbations in the L2 norm, but norm is linf");
		adv_hint(err, "Say norm => 'l2', or certify by crown.");
		return ADV_INVALID;
	}
	return adv_smooth_check(&smoothing, err);
}

static size_t
memory(const AdvNetwork *net)
{
	return sizeof(int64_t) * (size_t) net->classes;
}

static AdvStatus
certify_row(AdvCertifying *c, const float *x, uint64_t key, AdvCertificate *certificate)
{
	AdvSmoothing smoothing = smoothing_of(c->how);
	AdvSmoothed found;
	AdvStatus status = adv_smooth(&smoothing, &c->how->ball, c->ws, x, key, c->memory, &found);

	if (status != ADV_OK)
		return status;
	certificate->prediction = found.overflow ? -1 : found.class;
	certificate->abstained = !found.overflow && found.class < 0;
	certificate->radius = found.overflow ? 0 : fmin(found.radius, c->how->eps_max);
	return ADV_OK;
}

#define OWN(member) (offsetof(AdvCertifySettings, own) + offsetof(Settings, member))
static const AdvParameter parameters[] = {
	{"sigma", ADV_PARAMETER_NUMBER, OWN(sigma), 0, 1e30, .open = true},
	{"n0", ADV_PARAMETER_INTEGER, OWN(n0), 1, (double) ADV_SMOOTH_DRAWS},
	{"n", ADV_PARAMETER_INTEGER, OWN(n), 1, (double) ADV_SMOOTH_DRAWS},
	{"alpha", ADV_PARAMETER_NUMBER, OWN(alpha), 0, 0.5, .open = true},
	{NULL},
};

const AdvCertifyMethod adv_certify_smoothing = {
	.name = "smoothing",
	.words = "what the network gives most often with Gaussian noise, in the L2 norm, by chance wrong for a "
			 "row with probability alpha (Cohen et al. "
			 "2019)",
	.parameters = parameters,
	.open_ended = true,
	.set = set,
	.check = check,
	.memory = memory,
	.row = certify_row,
};
