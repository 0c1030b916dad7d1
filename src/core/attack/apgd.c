/*
 * apgd.c
 *		Auto-PGD (Croce and Hein 2020, algorithm 1): projected gradient ascent with momentum, whose step starts at twice eps and is halved at
 *		checkpoints where it does not pay, from the best x' so far.
 *
 *		z = P(x + step sign(g)),	x' = P(x + a (z - x) + (1 - a) (x - x_before)),	a = 3/4, at first 1	(L2: g / |g|_2 for sign(g))
 *
 * The first window ends after 22 of 100 steps, each is 3 shorter than the one before and at least 6 long. At its end the step is halved if the
 * value rose in no more than 3/4 of its steps, or if neither step nor best value has changed since the last one's. Rises are counted from the
 * start's value on; the published code compares the first with 0.
 */
#include <math.h>
#include <string.h>

#include "core/attack/method.h"

#define MOMENTUM 0.75
#define PAYS     0.75

/* Arrays from step to step. */
enum
{
	BEFORE, /* the x' before this one */
	BEST_X,
	BEST_GRADIENT,
	STEPPED,
	ARRAYS
};

typedef struct State
{
	double step;
	double best;    /* value of BEST_X */
	double last;    /* value of the x' before */
	double checked; /* best at the last checkpoint */
	int32_t window;
	int32_t in_window;
	int32_t rises;
	bool halved; /* at the last checkpoint */
} State;

_Static_assert(sizeof(State) <= ADV_METHOD_STATE, "a state is kept in so many bytes");

static void
copy(const AdvClimb *c, float *to, const float *from)
{
	memcpy(to, from, sizeof(float) * c->in.n);
}

/* Steps of a window: a share of all, at least one. */
static int32_t
share(const AdvClimb *c, double of)
{
	int32_t steps = (int32_t) (of * c->steps);

	return steps > 1 ? steps : 1;
}

/* On the edge of the ball: a point of the cube around x whose farthest input is eps away (L2: of the sphere). */
static void
start(const AdvClimb *c, float *x)
{
	adv_ball_random(&c->in, &c->draw, x);
	adv_ball_stretch(&c->in, x);
}

static void
keep_best(const AdvClimb *c, const float *gradient, const float *x)
{
	((State *) c->state)->best = c->value;
	copy(c, adv_climb_array(c, BEST_X), x);
	copy(c, adv_climb_array(c, BEST_GRADIENT), gradient);
}

/* What the last step has come to; true where the step is to be halved. */
static bool
at_checkpoint(const AdvClimb *c, State *s)
{
	bool pays = s->rises > PAYS * s->window;
	bool stands = !s->halved && s->best <= s->checked;

	s->halved = !pays || stands;
	s->checked = s->best;
	s->window = s->window - share(c, 0.03) > share(c, 0.06) ? s->window - share(c, 0.03) : share(c, 0.06);
	s->in_window = s->rises = 0;
	return s->halved;
}

static void
move(const AdvClimb *c, const float *gradient, float *x)
{
	State *s = c->state;
	float *before = adv_climb_array(c, BEFORE), *stepped = adv_climb_array(c, STEPPED);
	double a = c->step == 0 ? 1 : MOMENTUM;

	if (c->step == 0)
	{
		*s = (State){.step = 2 * c->in.eps,
					 .last = c->value,
					 .checked = c->value,
					 .window = share(c, 0.22),
					 .halved = true};
		keep_best(c, gradient, x);
		copy(c, before, x);
	}
	else
	{
		s->rises += c->value > s->last;
		s->last = c->value;
		if (c->value > s->best)
			keep_best(c, gradient, x);
		if (++s->in_window == s->window && at_checkpoint(c, s))
		{
			s->step /= 2;
			copy(c, x, adv_climb_array(c, BEST_X));
			gradient = adv_climb_array(c, BEST_GRADIENT);
		}
	}
	copy(c, stepped, x);
	adv_ball_step(&c->in, s->step, gradient, stepped);
	for (size_t i = 0; i < c->in.n; i++)
	{
		double moved = a * ((double) stepped[i] - x[i]) + (1 - a) * ((double) x[i] - before[i]);

		before[i] = x[i];
		x[i] = (float) (x[i] + moved);
	}
	adv_ball_project(&c->in, x);
}

/* The last x' has no gradient yet, but a value. */
static void
settle(const AdvClimb *c, float *x)
{
	if (c->value <= ((const State *) c->state)->best)
		copy(c, x, adv_climb_array(c, BEST_X));
}

static const AdvParameter parameters[] = {
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	ADV_SETTING_EARLY_STOP,
	{NULL},
};

#define APGD(of, what, where, each)                                                                          \
	const AdvAttackMethod adv_attack_apgd_##of = {                                                           \
		.name = "apgd_" #of,                                                                                 \
		.words = what,                                                                                       \
		.parameters = parameters,                                                                            \
		.steps = 100,                                                                                        \
		.reach = 200,                                                                                        \
		.random_start = true,                                                                                \
		.memory = ARRAYS,                                                                                    \
		.move = move,                                                                                        \
		.aim = where,                                                                                        \
		.start = start,                                                                                      \
		.settle = settle,                                                                                    \
		.by_target = each,                                                                                   \
	}

APGD(ce, "Auto-PGD on cross-entropy (Croce and Hein 2020)", adv_aim_odds, false);
APGD(dlr, "Auto-PGD on the difference of logits ratio (Croce and Hein 2020)", adv_aim_dlr, false);
APGD(t, "Auto-PGD on the difference of logits ratio, towards each of nine classes (Croce and Hein 2020)",
	 adv_aim_dlr, true);
