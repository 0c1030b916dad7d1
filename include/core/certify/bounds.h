/*
 * bounds.h
 *		What a network's activations and logits can be for any input of a ball: interval bound propagation (Gowal et al. 2018) and CROWN (Zhang et
 *		al. 2018), for the network as it runs in single precision.
 *
 * Each layer's results are bounded in double precision. A layer computes in single precision what it does: a linear map and an error, which is
 * bounded by the number of roundings and the magnitude of what is summed (Higham 2002, gamma_n). The errors are part of the bounds, and
 * large enough that what double precision loses is covered as well.
 */
#ifndef ADV_BOUNDS_H
#define ADV_BOUNDS_H

#include "core/attack/ball.h"
#include "core/certify/ellipsoid.h"

#define ADV_BOUND_ROWS 64 /* linear functions that go back through the network at a time */

typedef struct AdvBounds
{
	const AdvNetwork *net;
	const AdvBall *ball;
	bool crown; /* else intervals alone */
	AdvStop stop;
	double eps;
	bool overflow; /* there may be inputs in the ball that single precision cannot hold all results of */
	AdvMap map[ADV_MAX_LAYERS];         /* of layers that are maps */
	AdvRelaxed relaxed[ADV_MAX_LAYERS]; /* of the others */
	double *error[ADV_MAX_LAYERS];      /* (out) of what a layer gives */
	double *low[ADV_MAX_LAYERS + 1];    /* (in) of layer i's input; last, the logits */
	double *high[ADV_MAX_LAYERS + 1];
	double *x0;                  /* (inputs) */
	double *unit;                /* (inputs) 0 where nothing moves */
	double *reach;               /* (inputs) how far each moves at most */
	double *span[3];             /* (largest activation) of adv_map_sums */
	AdvEllipsoid ellipsoid;      /* an L2 ball on its way to the first weights */
	AdvSums *sums;               /* (largest activation) */
	double *rows[2];             /* (ADV_BOUND_ROWS, largest activation) */
	double *skip[ADV_MAX_DEPTH]; /* likewise: what goes past blocks */
	double value[ADV_BOUND_ROWS];
	double magnitude[ADV_BOUND_ROWS];
} AdvBounds;

/* Whether there are bounds of such a network; ADV_INVALID names the layer that there are none of. */
extern AdvStatus adv_bounds_check(const AdvNetwork *net, AdvError *err);

/* Bytes of adv_bounds_init, 64-byte aligned; params (n_params) is not kept, net and ball are. */
extern size_t adv_bounds_size(const AdvNetwork *net, bool crown);
extern void adv_bounds_init(AdvBounds *b, const AdvNetwork *net, const float *params, const AdvBall *ball,
							bool crown, void *memory);

/*
 * Whether convolutions of such a network run, in this process, on a kernel whose worst rounding is far beyond that of sums (Winograd's algorithm); and take for it that of
 * sums in any order instead, which is more than was ever measured of it, but not proven.
 */
extern bool adv_bounds_are_wide(const AdvNetwork *net);
extern void adv_bounds_take_measured(AdvBounds *b);

/*
 * The least that logit of one class is above each other, for any input of the ball of eps around x (inputs) within its clip range; not above 0,
 * or NaN, where nothing is known. *steepness is how fast that falls with eps, about; 0: unknown. ADV_ABORTED when told to stop.
 */
extern AdvStatus adv_bounds_margin(AdvBounds *b, const float *x, double eps, int class, double *margin,
								   double *steepness);

#endif
