/*
 * ibp.c
 *		Method ibp (Gowal et al. 2018, "On the effectiveness of interval bound propagation"): what is minimized is
 *		kappa CE(F(x), y) + (1 - kappa) CE(worst, y)
 *		where worst has the lowest that the logit of y can be in the ball, by intervals, and the highest of the others. Nothing is attacked.
 *
 * Intervals of a network that was not trained for them say nothing, so the ball grows: after a warm-up without any it reaches eps within a share of the
 * training, first with the fourth power of time, for a quarter of it, and then evenly, without a bend between. kappa falls as the ball grows, from 1. (Zhang et al.
 * 2020, CROWN-IBP, whose schedules these are.)
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/defence/defence.h"
#include "core/defence/ibp.h"
#include "core/defence/span.h"
#include "core/network/loss.h"

typedef struct Settings
{
	double kappa;  /* in the end */
	double warmup; /* share of the training before the ball begins to grow */
	double ramp;   /* share of it in which it grows */
} Settings;

#define BEND 0.25 /* share of the ramp that is a curve */

/* A member's own. */
typedef struct Own
{
	AdvSpan span;
	int64_t loaded; /* the minibatch whose parameters it has */
} Own;

static void
set(AdvDefenceSettings *settings)
{
	*(Settings *) settings->own = (Settings){0.5, 0.05, 0.6};
}

static size_t
memory(const AdvNetwork *net)
{
	return adv_round_up(sizeof(Own), ADV_ALIGN) + adv_span_size(net, ADV_SLICE_ROWS);
}

static void
open(AdvDefending *d)
{
	Own *own = d->memory;

	adv_span_init(&own->span, d->ws->net, ADV_SLICE_ROWS,
				  (char *) d->memory + adv_round_up(sizeof(Own), ADV_ALIGN));
	own->span.ends.stop = own->span.reach.stop = d->ws->stop;
	own->loaded = -1;
}

double
adv_ibp_eps(double eps, double warmup, double ramp, double progress)
{
	double t = ramp > 0 ? (progress - warmup) / ramp : progress < warmup ? 0 : 1;
	double slope = 4 * pow(BEND, 3),
		   height = pow(BEND, 4) + (1 - BEND) * slope; /* before it is scaled to 1 */

	if (t <= 0)
		return 0;
	if (t >= 1)
		return eps;
	return eps * (t < BEND ? pow(t, 4) : pow(BEND, 4) + (t - BEND) * slope) / height;
}

/* Ends of the ball around each row of the slice. */
static void
put_balls(const AdvDefending *d, const AdvSlice *slice, double eps, float *ends)
{
	size_t n = adv_shape_size(d->ws->net->input);

	for (size_t r = 0; r < (size_t) slice->rows; r++)
		adv_ball_bounds(&d->robust->ball, n, d->ws->act[0] + r * n, eps, ends + r * n,
						ends + ((size_t) slice->rows + r) * n);
}

/* Cross-entropy of the worst logits of each row, and its gradient by both ends. Until it is there, the worst logits are in the low ends' place, their gradient in the other. */
static double
worst_loss(const AdvSlice *slice, size_t classes, const float *ends, float scale, float *d_ends)
{
	size_t n = (size_t) slice->rows * classes;
	float *worst = d_ends, *d = d_ends + n;
	int64_t correct = 0;
	double sum;

	for (size_t i = 0; i < n; i++)
		worst[i] = ends[i % classes == (size_t) slice->label[i / classes] ? i : n + i];
	sum = adv_cross_entropy(slice->rows, (int) classes, worst, slice->label, scale, NULL, d, &correct);
	for (size_t i = 0; i < n; i++)
	{
		bool own = i % classes == (size_t) slice->label[i / classes];

		worst[i] = own ? d[i] : 0;
		d[i] = own ? 0 : d[i];
	}
	return sum;
}

/* NaN, as a training that has been told to stop is not asked about its loss. */
static double
loss(AdvDefending *d, const AdvSlice *slice, float scale, int64_t *correct)
{
	const Settings *how = (const Settings *) d->robust->settings.own;
	const AdvNetwork *net = d->ws->net;
	const float *logits = d->ws->act[net->n_layers];
	float *d_logits = d->ws->d_act[net->n_layers];
	double eps = adv_ibp_eps(d->robust->eps, how->warmup, how->ramp, d->progress);
	double kappa = d->robust->eps > 0 ? 1 - (1 - how->kappa) * eps / d->robust->eps : 1;
	double sum = kappa * adv_cross_entropy(slice->rows, net->classes, logits, slice->label,
										   (float) (kappa * scale), NULL, d_logits, correct);
	Own *own = d->memory;
	AdvSpan *span = &own->span;

	if (kappa == 1)
		return sum;
	if (own->loaded != d->minibatch)
		adv_span_load(span, d->params);
	own->loaded = d->minibatch;
	put_balls(d, slice, eps, span->ends.act[0]);
	if (adv_span_forward(span, slice->rows) != ADV_OK)
		return NAN;
	sum += (1 - kappa) * worst_loss(slice, (size_t) net->classes, span->ends.act[net->n_layers],
									(float) ((1 - kappa) * scale), span->ends.d_act[net->n_layers]);
	return adv_span_backward(span, slice->rows, d->gradient) == ADV_OK ? sum : NAN;
}

static AdvStatus
check(const AdvRobust *robust, const AdvNetwork *net, AdvError *err)
{
	const Settings *how = (const Settings *) robust->settings.own;

	if (robust->ball.norm != ADV_NORM_LINF)
	{
		adv_fail(err, ADV_INVALID, "method ibp trains for perturbations in the L-infinity norm alone");
		adv_hint(err, "For L2, train with method gaussian and certify by smoothing.");
		return ADV_INVALID;
	}
	if (how->warmup + how->ramp > 1)
		return adv_fail(err, ADV_INVALID,
						"warmup and ramp of method ibp are more than all of the training: %g and %g",
						how->warmup, how->ramp);
	return adv_span_check(net, err);
}

#define OWN(member) (offsetof(AdvDefenceSettings, own) + offsetof(Settings, member))
static const AdvParameter parameters[] = {
	{"kappa", ADV_PARAMETER_NUMBER, OWN(kappa), 0, 1},
	{"warmup", ADV_PARAMETER_NUMBER, OWN(warmup), 0, 1},
	{"ramp", ADV_PARAMETER_NUMBER, OWN(ramp), 0, 1},
	{NULL},
};

const AdvDefence adv_defence_ibp = {
	.name = "ibp",
	.words = "the worst logits that intervals allow in a growing ball, for certificates (Gowal et al. 2018)",
	.parameters = parameters,
	.bounds = true,
	.rows_per_example = 1,
	.adds = true,
	.set = set,
	.check = check,
	.memory = memory,
	.open = open,
	.loss = loss,
};
