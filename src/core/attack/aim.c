/*
 * aim.c
 *		What attacks climb. See aim.h.
 */
#include <math.h>
#include <string.h>

#include "core/attack/aim.h"
#include "core/network/loss.h"

#define LEAST_SPREAD 1e-12 /* of logits, so that nothing is divided by 0 */
#define PLACES       4

double
adv_aim_odds(const AdvGoal *goal, int classes, const float *logits, float *direction)
{
	double odds;

	if (goal->target < 0)
		return adv_log_odds(classes, logits, goal->label, direction);
	odds = adv_log_odds(classes, logits, goal->target, direction);
	for (int j = 0; direction && j < classes; j++)
		direction[j] = -direction[j];
	return -odds;
}

/* The largest logit of all classes but one. */
static int
largest_but(int classes, const float *z, int32_t but)
{
	int best = but == 0;

	for (int j = 0; j < classes; j++)
		if (j != but && z[j] > z[best])
			best = j;
	return best;
}

/* The two classes whose difference is to grow: up and down. */
static void
sides(const AdvGoal *goal, int classes, const float *z, int *up, int *down)
{
	*up = goal->target >= 0 ? goal->target : goal->toward >= 0 ? goal->toward : -1;
	*down = goal->target >= 0 ? largest_but(classes, z, goal->target) : goal->label;
	if (*up < 0)
		*up = largest_but(classes, z, goal->label);
}

double
adv_aim_margin(const AdvGoal *goal, int classes, const float *logits, float *direction)
{
	int up, down;

	sides(goal, classes, logits, &up, &down);
	if (direction)
	{
		memset(direction, 0, sizeof(float) * (size_t) classes);
		direction[up] = 1;
		direction[down] = -1;
	}
	return (double) logits[up] - logits[down];
}

/* The classes of the largest logits, in order, as many as there are up to PLACES; of equal ones the first. */
static void
rank(int classes, const float *z, int *place)
{
	int n = 0;

	for (int j = 0; j < classes; j++)
	{
		int at = n < PLACES ? n : PLACES;

		while (at > 0 && z[j] > z[place[at - 1]])
			at--;
		if (at == PLACES)
			continue;
		n += n < PLACES;
		memmove(place + at + 1, place + at, sizeof(int) * (size_t) (n - 1 - at));
		place[at] = j;
	}
}

double
adv_aim_dlr(const AdvGoal *goal, int classes, const float *logits, float *direction)
{
	bool aimed = goal->target >= 0 || goal->toward >= 0;
	int place[PLACES], up, down, third = 2, fourth = aimed ? 3 : 2;
	double difference, spread;

	if (classes < 3 || (aimed && classes < 4))
		return adv_aim_margin(goal, classes, logits, direction);
	sides(goal, classes, logits, &up, &down);
	if (goal->target >= 0)
		down = goal->label;
	rank(classes, logits, place);
	difference = (double) logits[up] - logits[down];
	spread = logits[place[0]] - ((double) logits[place[third]] + logits[place[fourth]]) / 2 + LEAST_SPREAD;
	if (direction)
	{
		double slope = difference / (spread * spread);
		double d[PLACES] = {-slope, 0, 0, 0};

		d[third] += slope / 2;
		d[fourth] += slope / 2;
		memset(direction, 0, sizeof(float) * (size_t) classes);
		for (int i = 0; i <= fourth; i++)
			direction[place[i]] += (float) d[i];
		direction[up] += (float) (1 / spread);
		direction[down] -= (float) (1 / spread);
	}
	return difference / spread;
}
