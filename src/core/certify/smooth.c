/*
 * smooth.c
 *		Certificates by randomized smoothing. See smooth.h.
 *
 * A certificate is worth what its draws are: those that choose the class must not be among those that judge it, so they are numbered on, and each draw
 * has noise of its own number. Draws go through the network in slices of one size, whoever computes them, so that any workspace gives the same bits.
 */
#include <math.h>
#include <string.h>

#include "core/certify/smooth.h"
#include "core/network/loss.h"
#include "core/score/tail.h"

AdvStatus
adv_smooth_check(const AdvSmoothing *how, AdvError *err)
{
	if (!(how->sigma > 0) || isinf(how->sigma))
		return adv_fail(err, ADV_INVALID, "sigma of smoothing must be finite and greater than 0");
	if (how->n0 < 1 || how->n0 > ADV_SMOOTH_DRAWS || how->n < 1 || how->n > ADV_SMOOTH_DRAWS)
		return adv_fail(err, ADV_INVALID, "smoothing must have between 1 and %lld draws",
						(long long) ADV_SMOOTH_DRAWS);
	if (!(how->alpha > 0 && how->alpha <= 0.5))
		return adv_fail(err, ADV_INVALID, "alpha of smoothing must be greater than 0 and at most 0.5");
	return ADV_OK;
}

/* A row under way. */
typedef struct Row
{
	const AdvSmoothing *how;
	const AdvBall *ball;
	AdvWorkspace *ws;
	const float *x;
	uint64_t key;
	int64_t *count;
	bool finite;
} Row;

/* Draws first .. first + rows - 1 through the network. */
static AdvStatus
draw_slice(Row *r, int64_t first, int rows)
{
	const AdvNetwork *net = r->ws->net;
	size_t n = adv_shape_size(net->input);
	const float *logits;

	for (int i = 0; i < rows; i++)
	{
		AdvDraw draw = {r->how->seed, r->key, (uint64_t) (first + i)};

		if (r->ws->stop.ask && r->ws->stop.ask(r->ws->stop.arg))
			return ADV_ABORTED;
		adv_ball_noise(r->ball, n, r->x, r->how->sigma, ADV_FOR_SMOOTHING, &draw,
					   r->ws->act[0] + (size_t) i * n);
	}
	if (adv_forward(r->ws, rows) != ADV_OK)
		return ADV_ABORTED;
	logits = r->ws->act[net->n_layers];
	r->finite = r->finite && adv_all_finite((size_t) rows * (size_t) net->classes, logits);
	for (int i = 0; i < rows && r->finite; i++)
		r->count[adv_argmax(net->classes, logits + (size_t) i * (size_t) net->classes)]++;
	return ADV_OK;
}

/* How often each class is given by n draws, from number first on. */
static AdvStatus
count_draws(Row *r, int64_t first, int64_t n)
{
	memset(r->count, 0, sizeof(int64_t) * (size_t) r->ws->net->classes);
	for (int64_t done = 0; done < n && r->finite; done += ADV_SMOOTH_ROWS)
		if (draw_slice(r, first + done, n - done < ADV_SMOOTH_ROWS ? (int) (n - done) : ADV_SMOOTH_ROWS) !=
			ADV_OK)
			return ADV_ABORTED;
	return ADV_OK;
}

/* The most frequent class but for one (-1: of all), the first of those that are equally frequent. */
static int
most_frequent(int classes, const int64_t *count, int but)
{
	int best = but == 0;

	for (int c = best + 1; c < classes; c++)
		if (c != but && count[c] > count[best])
			best = c;
	return best;
}

/* n's most frequent class, if it is clear that it is. */
static int32_t
predict(const Row *r)
{
	int classes = r->ws->net->classes;
	int first = most_frequent(classes, r->count, -1);
	int64_t second = r->count[most_frequent(classes, r->count, first)];

	return adv_tail_two_sided(r->count[first], second) <= r->how->alpha ? first : -1;
}

AdvStatus
adv_smooth(const AdvSmoothing *how, const AdvBall *ball, AdvWorkspace *ws, const float *x, uint64_t key,
		   int64_t *count, AdvSmoothed *out)
{
	Row r = {how, ball, ws, x, key, count, true};
	int32_t chosen;

	*out = (AdvSmoothed){.class = -1, .prediction = -1, .chosen = -1};
	if (count_draws(&r, 0, how->n0) != ADV_OK)
		return ADV_ABORTED;
	chosen = most_frequent(ws->net->classes, count, -1);
	if (count_draws(&r, how->n0, how->n) != ADV_OK)
		return ADV_ABORTED;
	out->overflow = !r.finite;
	if (out->overflow)
		return ADV_OK;
	out->chosen = chosen;
	out->draws = count[out->chosen];
	out->probability = adv_tail_lower_bound(out->draws, how->n, how->alpha);
	out->prediction = predict(&r);
	if (out->probability > 0.5)
	{
		out->class = out->chosen;
		out->radius = how->sigma * adv_tail_normal_quantile(out->probability);
	}
	return ADV_OK;
}

double
adv_smooth_most(const AdvSmoothing *how)
{
	return how->sigma * fmax(adv_tail_normal_quantile(adv_tail_lower_bound(how->n, how->n, how->alpha)), 0);
}
