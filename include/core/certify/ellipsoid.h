/*
 * ellipsoid.h
 *		An L2 ball on its way to the first weights of a network.
 *
 * As far as each number is scaled by itself it stays an ellipsoid. The first weights make of it intervals that are narrower than those of the box
 * around it: half as wide as the norm of a filter's weights times the axes.
 */
#ifndef ADV_ELLIPSOID_H
#define ADV_ELLIPSOID_H

#include "core/certify/map.h"

typedef struct AdvEllipsoid
{
	double *middle; /* (activation) */
	double *axis;   /* (activation) half of it */
	double *error;  /* (activation) how far single precision may be from what is in it */
	double *next[3];
	AdvSums *sums; /* of who has them: (activation) scratch */
} AdvEllipsoid;

extern void adv_ellipsoid_carve(AdvEllipsoid *e, size_t largest, AdvCarver *carver);

/* The ball of eps around x0 (n), in units. */
extern void adv_ellipsoid_begin(AdvEllipsoid *e, size_t n, const double *x0, const double *unit, double eps);

/*
 * Through a map whose results' errors are given; the intervals low .. high (out) of its results become narrower where the first weights tell so. Returns whether
 * it still is an ellipsoid.
 */
extern bool adv_ellipsoid_follow(AdvEllipsoid *e, const AdvMap *map, const double *error, double *low,
								 double *high);

#endif
