/*
 * schedule.c
 *		How the learning rate goes up and down over a training. It is multiplied by a factor that follows from the number of the minibatch alone.
 *
 * With minibatch s = 0, 1, ... of S in all and a warm-up of w minibatches:
 *
 *		constant	1
 *		cosine		(1 + cos(pi (s - w) / (S - w))) / 2		(Loshchilov and Hutter 2017, equation 5, down to 0 and without restarts)
 *		step		step_factor ^ floor(epochs so far / step_epochs)
 *		one_cycle	from 1/25 up to 1 within the warm-up, and down to 1/250,000 at the last minibatch, both along half a cosine
 *
 * While they warm up the first three rise along a line, (s + 1) / w (Goyal et al. 2017), times step's factor. One cycle is that of Smith and
 * Topin (2019), whose sides are lines, in the form that fastai and PyTorch made the usual one.
 */
#include <math.h>
#include <stddef.h>

#include "core/train/option.h"

#define FIRST      (1.0 / 25) /* one_cycle: where it begins */
#define LAST       (FIRST / 1e4)
#define RISE       0.3 /* one_cycle: share of the training, where nothing is said */
#define MAX_EPOCHS 100000

typedef enum Schedule
{
	CONSTANT = 1,
	COSINE,
	STEP,
	ONE_CYCLE
} Schedule;

typedef struct Own
{
	int schedule;       /* 0: nothing was said */
	double warmup;      /* epochs in which the rate rises */
	double step_epochs; /* step: epochs until it falls, again and again */
	double step_factor; /* step: by this */
} Own;

static void
set(void *settings)
{
	*(Own *) settings = (Own){0, NAN, NAN, NAN};
}

static AdvStatus
complete(void *settings, int32_t epochs, AdvError *err)
{
	Own *own = settings;

	if (own->schedule != STEP && !(isnan(own->step_epochs) && isnan(own->step_factor)))
		return adv_fail(err, ADV_INVALID, "%s is for schedule step alone",
						isnan(own->step_epochs) ? "step_factor" : "step_epochs");
	if (own->schedule == 0 && isnan(own->warmup))
		return ADV_OK;
	if (own->schedule == 0)
		own->schedule = CONSTANT;
	if (isnan(own->warmup))
		own->warmup = own->schedule == ONE_CYCLE ? RISE * epochs : 0;
	if (own->schedule == STEP && isnan(own->step_epochs))
		own->step_epochs = ceil(epochs / 3.0);
	if (own->schedule == STEP && isnan(own->step_factor))
		own->step_factor = 0.1;
	if (own->warmup > epochs)
		return adv_fail(err, ADV_INVALID, "warmup is %.16g epochs, but the training has %d", own->warmup,
						epochs);
	return ADV_OK;
}

/* From one value to another along half a cosine; way from 0 to 1. */
static double
half_cosine(double from, double to, double way)
{
	return to + (from - to) / 2 * (1 + cos(M_PI * fmin(way, 1)));
}

/* The last minibatch of the warm-up has 1. */
static double
one_cycle(double s, double all, double w)
{
	double top = fmax(w - 1, 0);

	if (s < top)
		return half_cosine(FIRST, 1, s / top);
	return all - 1 > top ? half_cosine(1, LAST, (s - top) / (all - 1 - top)) : 1;
}

static double
rate(const void *settings, const AdvTrainPlace *place)
{
	const Own *own = settings;
	double s = (double) place->step;
	double all = (double) place->per_epoch * place->epochs;
	double w = own->warmup * (double) place->per_epoch;
	double rise = s < w ? fmin((s + 1) / w, 1) : 1;

	switch ((Schedule) own->schedule)
	{
		case CONSTANT:
			return rise;
		case COSINE:
			return s < w ? rise : half_cosine(1, 0, (s - w) / (all - w));
		case STEP:
			return rise * pow(own->step_factor, floor(s / (own->step_epochs * (double) place->per_epoch)));
		case ONE_CYCLE:
			return one_cycle(s, all, w);
	}
	return 1;
}

static const AdvWord schedules[] = {
	{"constant", CONSTANT}, {"cosine", COSINE}, {"step", STEP}, {"one_cycle", ONE_CYCLE}, {NULL, 0}};

static const AdvParameter parameters[] = {
	{"schedule", ADV_PARAMETER_WORD, offsetof(Own, schedule), .words = schedules},
	{"warmup", ADV_PARAMETER_NUMBER, offsetof(Own, warmup), 0, MAX_EPOCHS},
	{"step_epochs", ADV_PARAMETER_NUMBER, offsetof(Own, step_epochs), 0, MAX_EPOCHS, true},
	{"step_factor", ADV_PARAMETER_NUMBER, offsetof(Own, step_factor), 0, 1, true},
	{NULL},
};

const AdvTrainOption adv_option_schedule = {
	.name = "schedule",
	.words = "how the learning rate goes up and down over a training",
	.parameters = parameters,
	.set = set,
	.complete = complete,
	.rate = rate,
};
