/*
 * square.c
 *		Square attack (Andriushchenko, Croce, Flammarion and Hein 2020): random search without gradients. Each query changes a square of the best x' so
 *		far, smaller as the search goes on, and is kept if the margin has grown.
 *
 * L-infinity: the start is vertical stripes of +-eps, a change is +-eps for each channel of the square. L2: the change moves what two windows have of the
 * distance, and what is left of eps, into the first. Columns of a table have no neighbours: there a change is of that share of the columns, drawn
 * at random; L2: by a move that gets shorter, too. A window that is larger than the image's short side is cut to it.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/attack/method.h"
#include "core/attack/square.h"
#include "core/base/rng.h"

enum
{
	BEST_X,
	PATTERN, /* L2: what a window is changed by, 0 outside of it */
	EMPTIED, /* L2: 1 in the window that is emptied, else 0 */
	ARRAYS
};

typedef struct State
{
	double best;
} State;

/* Its own settings. */
typedef struct Own
{
	double p; /* ADV_SQUARE_SHARE, unless said */
} Own;

static void
set(AdvAttackSettings *settings)
{
	*(Own *) settings->own = (Own){.p = ADV_SQUARE_SHARE};
}

/* ---- random numbers of a query: each has one for every input, and four more ---- */

static double
draw(const AdvClimb *c, size_t i)
{
	uint64_t query = c->draw.restart * ((uint64_t) c->steps + 1) + (uint64_t) c->step;

	return adv_uniform(c->draw.seed, ADV_FOR_QUERY, c->draw.key, query * (c->in.n + 4) + i);
}

static double
sign_of(double uniform)
{
	return uniform < 0.5 ? -1 : 1;
}

/* ---- which inputs a query changes ---- */

double
adv_square_share(double p, int64_t it)
{
	static const int32_t until[] = {10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000};

	for (size_t i = 0; i < sizeof(until) / sizeof(until[0]) && it > until[i]; i++)
		p /= 2;
	return p;
}

/* A rectangle of an image, all channels; or, of a table, columns. */
typedef struct Window
{
	int32_t y, x, h, w;
} Window;

static bool
is_image(const AdvClimb *c)
{
	return c->shape.h > 1 || c->shape.w > 1;
}

static int32_t
least(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

/* A place for a window of a side, by the random numbers from number first on. */
static Window
place(const AdvClimb *c, int32_t side, size_t first)
{
	Window w = {0, 0, least(side, c->shape.h), least(side, c->shape.w)};

	w.y = (int32_t) (draw(c, first) * (c->shape.h - w.h + 1));
	w.x = (int32_t) (draw(c, first + 1) * (c->shape.w - w.w + 1));
	return w;
}

/* Number of a window's input at a place in it. */
static size_t
input_of(const AdvClimb *c, const Window *w, int32_t y, int32_t x, int32_t channel)
{
	size_t place = (size_t) (w->y + y) * (size_t) c->shape.w + (size_t) (w->x + x);

	return place * (size_t) c->shape.c + (size_t) channel;
}

static bool
covers(const AdvClimb *c, const Window *w, size_t i)
{
	int32_t at = (int32_t) (i / (size_t) c->shape.c), y = at / c->shape.w, x = at % c->shape.w;

	return y >= w->y && y < w->y + w->h && x >= w->x && x < w->x + w->w;
}

/* Side of the square with a share of the image's places. */
static int32_t
side_of(const AdvClimb *c, double share)
{
	int32_t side = (int32_t) lround(sqrt(share * c->shape.h * c->shape.w));

	return side > 1 ? side : 1;
}

/* ---- L-infinity ---- */

/* Far enough to be at the bound from wherever x is. */
static void
push(const AdvClimb *c, size_t i, double sign, float *x)
{
	x[i] = adv_ball_clamp(&c->in, i, x[i] + sign * 2 * c->in.eps * adv_ball_unit(c->in.ball, i));
}

static void
change_square(const AdvClimb *c, double share, float *x)
{
	Window w = place(c, side_of(c, share), c->in.n);

	for (int32_t channel = 0; channel < c->shape.c; channel++)
	{
		double sign = sign_of(draw(c, (size_t) channel));

		for (int32_t y = 0; y < w.h; y++)
			for (int32_t column = 0; column < w.w; column++)
			{
				size_t i = input_of(c, &w, y, column, channel);

				if (adv_ball_moves(&c->in, i))
					push(c, i, sign, x);
			}
	}
}

static size_t
count_moving(const AdvClimb *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->in.n; i++)
		n += adv_ball_moves(&c->in, i);
	return n;
}

/* Columns that a share of so many is, at least one. */
static size_t
wanted_of(size_t columns, double share)
{
	return (size_t) fmax(1, (double) lround(share * (double) columns));
}

/* 0, or the sign with which column i is among those that are still wanted of those that are left, each as likely as the others. */
static double
chosen(const AdvClimb *c, size_t i, size_t left, size_t wanted)
{
	double u = draw(c, i) * (double) left;

	return u < (double) wanted ? sign_of(u / (double) wanted)
							   : 0; /* uniform once more, as far as it is below */
}

static void
change_columns(const AdvClimb *c, double share, float *x)
{
	size_t left = count_moving(c), wanted = wanted_of(left, share);

	for (size_t i = 0; i < c->in.n && wanted > 0; i++)
	{
		double sign = adv_ball_moves(&c->in, i) ? chosen(c, i, left--, wanted) : 0;

		if (sign == 0)
			continue;
		push(c, i, sign, x);
		wanted--;
	}
}

/* Stripes: a sign for each channel and column of an image, each column of a table. */
static void
start_linf(const AdvClimb *c, float *x)
{
	size_t line = (size_t) c->shape.w * (size_t) c->shape.c;

	memcpy(x, c->in.x0, sizeof(float) * c->in.n);
	for (size_t i = 0; i < c->in.n; i++)
		if (adv_ball_moves(&c->in, i))
			push(c, i, sign_of(draw(c, i % line)), x);
}

/* ---- L2 ---- */

/* A hill: higher towards the middle of h x w places, as squares about it lie on top of each other, the k-th of height 1 / k^2. */
static double
hill(int32_t y, int32_t x, int32_t h, int32_t w)
{
	int32_t away = (int32_t) fmax(abs(y - h / 2), abs(x - w / 2));
	int32_t end = (h > w ? h : w) / 2 + 1;
	double height = 0;

	for (int32_t k = away; k < end; k++)
		height += 1.0 / ((k + 1) * (k + 1));
	return height;
}

/* Two hills side by side, one upside down. */
static double
hills(int32_t y, int32_t x, int32_t h, int32_t w, bool turned)
{
	int32_t half = (turned ? w : h) / 2, at = turned ? x : y;

	if (turned)
		return at < half ? hill(y, x, h, half) : -hill(y, x - half, h, w - half);
	return at < half ? hill(y, x, half, w) : -hill(y - half, x, h - half, w);
}

/* The pattern of a window for each channel, by random numbers from 0 on; what does not move has none. */
static void
pattern_of_window(const AdvClimb *c, const Window *w, bool turned)
{
	for (int32_t channel = 0; channel < c->shape.c; channel++)
	{
		double sign = sign_of(draw(c, (size_t) channel));

		for (int32_t y = 0; y < w->h; y++)
			for (int32_t x = 0; x < w->w; x++)
			{
				size_t i = input_of(c, w, y, x, channel);

				if (adv_ball_moves(&c->in, i))
					adv_climb_array(c, PATTERN)[i] = (float) (sign * hills(y, x, w->h, w->w, turned));
			}
	}
}

static void
choose_windows(const AdvClimb *c, double share)
{
	int32_t side = side_of(c, share) > 3 ? side_of(c, share) | 1 : 3;
	Window w = place(c, side, c->in.n), emptied = place(c, side, c->in.n + 2);

	pattern_of_window(c, &w, draw(c, (size_t) c->shape.c) < 0.5);
	for (size_t i = 0; i < c->in.n; i++)
		adv_climb_array(c, EMPTIED)[i] =
			adv_ball_moves(&c->in, i) && covers(c, &emptied, i) && !covers(c, &w, i);
}

/* How far x is from the row in an input, in units. */
static double
moved(const AdvClimb *c, size_t i, const float *x)
{
	return adv_ball_moves(&c->in, i) ? ((double) x[i] - c->in.x0[i]) / adv_ball_unit(c->in.ball, i) : 0;
}

/* Sums of squares of what a channel has. */
typedef struct Sums
{
	double pattern;
	double window; /* of what x has moved by there */
	double both;   /* in both windows */
} Sums;

static Sums
add_up(const AdvClimb *c, size_t channel, size_t channels, const float *x)
{
	Sums s = {0, 0, 0};

	for (size_t i = channel; i < c->in.n; i += channels)
	{
		double p = adv_climb_array(c, PATTERN)[i], u = moved(c, i, x);

		s.pattern += p * p;
		s.window += p != 0 ? u * u : 0;
		s.both += p != 0 || adv_climb_array(c, EMPTIED)[i] != 0 ? u * u : 0;
	}
	return s;
}

/* The window's new move is the pattern added to the old one, each of length 1, as long as both windows and the share of what is left of eps. */
static void
transfer(const AdvClimb *c, size_t channel, size_t channels, double left, float *x)
{
	Sums s = add_up(c, channel, channels, x);
	double length = sqrt(left + s.both), squares = 0;

	for (int turn = 0; turn < 2 && s.pattern > 0; turn++)
		for (size_t i = channel; i < c->in.n; i += channels)
		{
			double p = adv_climb_array(c, PATTERN)[i], u;

			if (p == 0)
				continue;
			u = p / sqrt(s.pattern) + (s.window > 0 ? moved(c, i, x) / sqrt(s.window) : 0);
			squares += turn == 0 ? u * u : 0;
			if (turn == 1 && squares > 0)
				x[i] = (float) (c->in.x0[i] + adv_ball_unit(c->in.ball, i) * u * length / sqrt(squares));
		}
	for (size_t i = channel; i < c->in.n; i += channels)
		if (adv_climb_array(c, EMPTIED)[i] != 0)
			x[i] = c->in.x0[i];
}

static void
change_windows(const AdvClimb *c, double share, float *x)
{
	size_t channels = (size_t) c->shape.c;
	double distance = adv_ball_distance(c->in.ball, c->in.n, c->in.x0, x);
	double left = fmax(c->in.eps * c->in.eps - distance * distance, 0) / (double) channels;

	memset(adv_climb_array(c, PATTERN), 0, 2 * sizeof(float) * c->in.n);
	choose_windows(c, share);
	for (size_t g = 0; g < channels; g++)
		transfer(c, g, channels, left, x);
	adv_ball_stretch(&c->in, x);
}

/* A move in a share of the columns, as long as twice eps at first and shorter as these get fewer. */
static void
turn_columns(const AdvClimb *c, double share, float *x)
{
	size_t left = count_moving(c), wanted = wanted_of(left, share);
	double size = 2 * c->in.eps * sqrt(share / ((const Own *) c->own)->p / (double) wanted);

	for (size_t i = 0; i < c->in.n && wanted > 0; i++)
	{
		double sign = adv_ball_moves(&c->in, i) ? chosen(c, i, left--, wanted) : 0;

		if (sign == 0)
			continue;
		x[i] = (float) (x[i] + adv_ball_unit(c->in.ball, i) * size * sign);
		wanted--;
	}
	adv_ball_stretch(&c->in, x);
}

/* Tiles of hills, five to the image's height, or a sign for each column. */
static void
start_l2(const AdvClimb *c, float *x)
{
	int32_t side = c->shape.h / 5 > 1 ? c->shape.h / 5 : 1;

	for (size_t i = 0; i < c->in.n; i++)
	{
		int32_t at = (int32_t) (i / (size_t) c->shape.c), row = at / c->shape.w, column = at % c->shape.w;
		size_t first =
			((size_t) (row - row % side) * (size_t) c->shape.w + (size_t) (column - column % side)) *
			(size_t) c->shape.c;
		double height = is_image(c) && side > 1
							? hills(row % side, column % side, side, side, draw(c, c->in.n) < 0.5)
							: 1;

		x[i] = c->in.x0[i];
		if (adv_ball_moves(&c->in, i))
			x[i] = (float) (x[i] + adv_ball_unit(c->in.ball, i) *
									   sign_of(draw(c, is_image(c) ? first + i % (size_t) c->shape.c : i)) *
									   height);
	}
	adv_ball_stretch(&c->in, x);
}

/* ---- as a method ---- */

static void
start(const AdvClimb *c, float *x)
{
	if (c->in.ball->norm == ADV_NORM_LINF)
		start_linf(c, x);
	else
		start_l2(c, x);
}

static void
move(const AdvClimb *c, const float *gradient, float *x)
{
	State *s = c->state;
	double share = adv_square_share(((const Own *) c->own)->p, c->step);

	if (c->step == 0 || c->value > s->best)
	{
		s->best = c->value;
		memcpy(adv_climb_array(c, BEST_X), x, sizeof(float) * c->in.n);
	}
	memcpy(x, adv_climb_array(c, BEST_X), sizeof(float) * c->in.n);
	if (c->in.ball->norm != ADV_NORM_LINF)
		(is_image(c) ? change_windows : turn_columns)(c, share, x);
	else
		(is_image(c) ? change_square : change_columns)(c, share, x);
}

/* The last query has been judged, but not taken up. */
static void
settle(const AdvClimb *c, float *x)
{
	if (c->step > 0 && c->value <= ((const State *) c->state)->best)
		memcpy(x, adv_climb_array(c, BEST_X), sizeof(float) * c->in.n);
}

static const AdvParameter parameters[] = {
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	ADV_SETTING_EARLY_STOP,
	{"p_init", ADV_PARAMETER_NUMBER, offsetof(AdvAttackSettings, own) + offsetof(Own, p), 0, 1, true},
	{NULL},
};

const AdvAttackMethod adv_attack_square = {
	.name = "square",
	.words = "square attack, by queries alone (Andriushchenko et al. 2020)",
	.parameters = parameters,
	.steps = 5000,
	.reach = 1,
	.random_start = true,
	.memory = ARRAYS,
	.set = set,
	.move = move,
	.aim = adv_aim_margin,
	.start = start,
	.settle = settle,
	.blind = true,
};
