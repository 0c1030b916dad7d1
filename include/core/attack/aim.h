/*
 * aim.h
 *		What attacks climb: functions of the logits that are larger the nearer a row is to being an example.
 *
 * Notation: z logits, y the label, t a class that is aimed at, p1 >= p2 >= ... the logits in order.
 */
#ifndef ADV_AIM_H
#define ADV_AIM_H

#include <stdint.h>

/* Which classes it is about. */
typedef struct AdvGoal
{
	int32_t label;
	int32_t target; /* the class that is to be reached; -1: any but the label */
	int32_t toward; /* a class that this restart aims at, though any would do; -1: none */
} AdvGoal;

/* The value for logits (classes, at least 2); direction (classes), may be NULL, receives its gradient. */
typedef double AdvAim(const AdvGoal *goal, int classes, const float *logits, float *direction);

/* Log-odds against the label, or for the target: cross-entropy's direction, which does not vanish where the network is very sure. */
extern AdvAim adv_aim_odds;

/* z_t - z_y, with t the nearest other class where none is aimed at; with a target z_t less the largest other. */
extern AdvAim adv_aim_margin;

/*
 * Difference of logits ratio (Croce and Hein 2020, equations 6 and 7): (max other - z_y) / (p1 - p3), and (z_t - z_y) / (p1 - (p3 + p4) / 2) where
 * a class is aimed at. Where there are too few classes for it, the margin: with p1 - p3 below, a row of three classes that is aimed at the last would
 * have the constant -1 to climb.
 */
extern AdvAim adv_aim_dlr;

/*
 * The classes of the largest logits but one (-1: of all), in order, into place (most): as many as there are up to most; of equal ones the first. Returns
 * how many.
 */
extern int adv_rank(int classes, const float *logits, int32_t but, int most, int32_t *place);

#endif
