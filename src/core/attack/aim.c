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
	if (goal->target >= 0)
	{
		*up = goal->target;
		*down = largest_but(classes, z, goal->target);
		return;
	}
	*up = goal->toward >= 0 ? goal->toward : largest_but(classes, z, goal->label);
	*down = goal->label;
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

int
adv_rank(int classes, const float *logits, int32_t but, int most, int32_t *place)
{
	int n = 0;

	for (int32_t j = 0; j < classes; j++)
	{
		int at = n;

		while (at > 0 && logits[j] > logits[place[at - 1]])
			at--;
		if (j == but || at == most)
			continue;
		n += n < most;
		memmove(place + at + 1, place + at, sizeof(int32_t) * (size_t) (n - 1 - at));
		place[at] = j;
	}
	return n;
}

double
adv_aim_dlr(const AdvGoal *goal, int classes, const float *logits, float *direction)
{
	bool aimed = goal->target >= 0 || goal->toward >= 0;
	int32_t place[PLACES];
	int up, down, fourth = aimed ? 3 : 2; /* or the third again */
	double difference, spread;

	if (classes < 3 || (aimed && classes < 4))
		return adv_aim_margin(goal, classes, logits, direction);
	sides(goal, classes, logits, &up, &down);
	if (goal->target >= 0)
		down = goal->label;
	(void) adv_rank(classes, logits, -1, PLACES, place);
	difference = (double) logits[up] - logits[down];
	spread = logits[place[0]] - ((double) logits[place[2]] + logits[place[fourth]]) / 2 + LEAST_SPREAD;
	if (direction)
	{
		double slope = difference / (spread * spread);
		double d[PLACES] = {-slope, 0, slope / 2, 0};

		d[fourth] += slope / 2;
		memset(direction, 0, sizeof(float) * (size_t) classes);
		for (int i = 0; i <= fourth; i++)
			direction[place[i]] += (float) d[i];
		direction[up] += (float) (1 / spread);
		direction[down] -= (float) (1 / spread);
	}
	return difference / spread;
}
