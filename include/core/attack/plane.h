/*
 * plane.h
 *		The nearest point of a hyperplane, within a box.
 */
#ifndef ADV_PLANE_H
#define ADV_PLANE_H

#include "core/attack/ball.h"

/* A move from x (n) to where w . (x + d) = w . x + gap; w (n) is in plain input values. */
typedef struct AdvPlaneMove
{
	const AdvRegion *in; /* its bounds are the box */
	const float *x;
	const float *w;
	double gap;
	double size;
} AdvPlaneMove;

/*
 * Choose the size of the least move, in the norm and units of the ball, within the bounds; where the box does not reach so far, it goes as far as
 * the box does. (Croce and Hein 2020, "Minimally distorted adversarial examples", section 3.1.) Returns |d| in the norm and units of the ball.
 */
extern double adv_plane_choose(AdvPlaneMove *m);

/* What the move adds to input i. */
extern double adv_plane_step(const AdvPlaneMove *m, size_t i);

/* How far the plane where w . d = gap is, without bounds: |gap| / |w| in the dual norm, in units; INFINITY where w is 0. */
extern double adv_plane_distance(const AdvRegion *in, const float *w, double gap);

#endif
