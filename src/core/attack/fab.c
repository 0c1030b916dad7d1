/*
 * fab.c
 *		Fast adaptive boundary (Croce and Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack"): steps onto the
 *		boundary as its tangent has it, seen from x' and from the row itself, which draws the example near.
 *
 *		x' = C((1 - a) (x' + eta d) + a (x + eta d0)),	a = min(|d| / (|d| + |d0|), 1/10)
 *
 * with d and d0 the least moves from x' and from the row onto the tangent plane within the clip range C. Where x' is an example it goes back to
 * x + beta (x' - x). It goes where it must, in the ball or not; what lies in it counts.
 *
 * At the end of a restart what it has come to, or else the nearest example, is drawn nearer by bisection, like the paper's final search.
 *
 * Of all classes the boundary that is nearest by its tangent is taken, which takes a gradient of each; fab_t takes one class for each restart.
 */
#include <math.h>
#include <string.h>

#include "core/attack/method.h"
#include "core/attack/plane.h"

#define ALPHA_MAX 0.1
#define ETA       1.05 /* beyond the plane */
#define BETA      0.9
#define LEAST     1e-8 /* distance that is divided by */
#define HALVINGS  12

enum
{
	NEAREST_X,  /* the nearest example in all restarts */
	SEARCHED_X, /* what the final search draws nearer */
	GRADIENT,   /* of the nearest boundary among the classes seen in this step */
	ARRAYS
};

typedef struct State
{
	double nearest; /* distance of NEAREST_X, once there is one */
	double gap;     /* of GRADIENT: how much its difference of logits is below 0 */
	double away;    /* how far that boundary is by its tangent */
	int32_t seen;   /* classes in this step */
	bool found;
	bool drawn;       /* x' has been drawn back to the row since the last step */
	int32_t searched; /* halvings of the final search, which looks between */
	double low;       /* this share of the way to SEARCHED_X, where x' was no example, */
	double high;      /* and this, where it was */
} State;

_Static_assert(sizeof(State) <= ADV_METHOD_STATE, "a state is kept in so many bytes");

/* The first restart begins at the row, the others half as far from it as an example has been found, or as eps. */
static void
start(const AdvClimb *c, float *x)
{
	const State *s = c->state;
	AdvRegion near = c->in;

	if ((uint32_t) c->draw.restart == 0)
	{
		memcpy(x, c->in.x0, sizeof(float) * c->in.n);
		return;
	}
	near.eps = (s->found ? fmin(s->nearest, c->in.eps) : c->in.eps) / 2;
	adv_ball_random(&near, &c->draw, x);
}

static void
begin(const AdvClimb *c)
{
	State *s = c->state;

	s->seen = s->searched = 0;
	s->drawn = false;
}

/* x = what lies on the way from the row to an x', after a share of it. */
static void
draw_back(const AdvClimb *c, double share, const float *from, float *x)
{
	for (size_t i = 0; i < c->in.n; i++)
		x[i] = (float) (c->in.x0[i] + share * ((double) from[i] - c->in.x0[i]));
}

/* x between the row and where the restart has come to; after HALVINGS there is nothing to be judged any more. */
static bool
search(const AdvClimb *c, float *x)
{
	State *s = c->state;

	if (!s->found || s->searched == HALVINGS)
		return false;
	if (s->searched++ == 0)
	{
		s->low = BETA;
		s->high = 1;
		memcpy(adv_climb_array(c, SEARCHED_X), c->broken ? x : adv_climb_array(c, NEAREST_X),
			   sizeof(float) * c->in.n);
	}
	else if (c->broken)
		s->high = (s->low + s->high) / 2;
	else
		s->low = (s->low + s->high) / 2;
	draw_back(c, (s->low + s->high) / 2, adv_climb_array(c, SEARCHED_X), x);
	return true;
}

static void
keep_nearest(const AdvClimb *c, const float *x)
{
	State *s = c->state;
	double distance = adv_ball_distance(c->in.ball, c->in.n, c->in.x0, x);

	if (s->found && distance >= s->nearest)
		return;
	s->found = true;
	s->nearest = distance;
	memcpy(adv_climb_array(c, NEAREST_X), x, sizeof(float) * c->in.n);
}

static bool
look(const AdvClimb *c, float *x)
{
	State *s = c->state;

	if (c->broken && s->seen == 0)
		keep_nearest(c, x);
	if (c->step >= (int64_t) c->steps * c->turns)
		return search(c, x);
	if (!c->broken || s->seen > 0 || s->drawn || c->step == 0)
		return false;
	s->drawn = true;
	draw_back(c, BETA, x, x);
	return true;
}

/* Onto the plane: where the gradient's value would be 0, by its tangent at x. */
static void
step(const AdvClimb *c, float *x)
{
	const float *w = adv_climb_array(c, GRADIENT), *x0 = c->in.x0;
	AdvPlaneMove here = {&c->in, x, w, ((const State *) c->state)->gap, 0},
				 row = {&c->in, x0, w, here.gap, 0};
	double near, far, a;

	for (size_t i = 0; i < c->in.n; i++)
		row.gap += w[i] * ((double) x[i] - x0[i]);
	near = fmax(adv_plane_choose(&here), LEAST);
	far = fmax(adv_plane_choose(&row), LEAST);
	a = fmin(near / (near + far), ALPHA_MAX);
	for (size_t i = 0; i < c->in.n; i++)
	{
		double moved = x[i] + ETA * adv_plane_step(&here, i), drawn = x0[i] + ETA * adv_plane_step(&row, i);

		x[i] = adv_ball_clamp(&c->in, i, (1 - a) * moved + a * drawn);
	}
}

/* A gradient of one class; with the last of a step's comes the step. */
static void
move(const AdvClimb *c, const float *gradient, float *x)
{
	State *s = c->state;
	double away = adv_plane_distance(&c->in, gradient, c->value);

	if (s->seen == 0 || away < s->away)
	{
		s->away = away;
		s->gap = -c->value;
		memcpy(adv_climb_array(c, GRADIENT), gradient, sizeof(float) * c->in.n);
	}
	if (++s->seen < c->turns)
		return;
	s->seen = 0;
	s->drawn = false;
	step(c, x);
}

static void
settle(const AdvClimb *c, float *x)
{
	if (((const State *) c->state)->found)
		memcpy(x, adv_climb_array(c, NEAREST_X), sizeof(float) * c->in.n);
}

static const AdvParameter parameters[] = {
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	ADV_SETTING_EARLY_STOP,
	{NULL},
};

#define FAB(title, which, what)                                                                              \
	const AdvAttackMethod adv_attack_##title = {                                                             \
		.name = #title,                                                                                      \
		.words = what,                                                                                       \
		.parameters = parameters,                                                                            \
		.steps = 100,                                                                                        \
		.reach = 1,                                                                                          \
		.random_start = true,                                                                                \
		.memory = ARRAYS,                                                                                    \
		.begin = begin,                                                                                      \
		.move = move,                                                                                        \
		.aim = adv_aim_margin,                                                                               \
		.start = start,                                                                                      \
		.look = look,                                                                                        \
		.settle = settle,                                                                                    \
		.roams = true,                                                                                       \
		.which = true,                                                                                       \
	}

FAB(fab, all_classes, "fast adaptive boundary attack (Croce and Hein 2020)");
FAB(fab_t, by_target, "fast adaptive boundary attack, towards each of nine classes (Croce and Hein 2020)");
