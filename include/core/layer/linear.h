/*
 * linear.h
 *		What a layer is to those who bound what may come out of it: a linear map, or a function between two lines.
 */
#ifndef ADV_LINEAR_H
#define ADV_LINEAR_H

#include "core/layer/layer.h"

typedef enum AdvLinearKind
{
	ADV_LINEAR_SAME = 0,       /* what comes in goes out */
	ADV_LINEAR_CHANNELS_FIRST, /* likewise, in the order of flatten */
	ADV_LINEAR_BY_CHANNEL,     /* sums over windows of a channel, times a number of the channel's */
	ADV_LINEAR_FULL            /* windows of all channels, times the weights of each filter */
} AdvLinearKind;

/*
 * A layer in a pass that does not train, in exact arithmetic: weights times what is in a window, plus biases. A dense layer's window is all of its
 * input. Zeros stand outside of images.
 */
typedef struct AdvLinear
{
	AdvLinearKind kind;
	int h; /* of the window */
	int w;
	int stride;
	int before;     /* places of the first window that lie outside */
	int roundings;  /* that a result goes through at most, for each of its terms, in single precision */
	double *weight; /* by channel: (c); full: (f, h, w, c). NULL: only the rest is asked for */
	double *bias;   /* (out.c) */
	double
		*fixed; /* (out.c) magnitude of what is added in the course of it, which roundings are relative to */
} AdvLinear;

/* The linear map of convolutions and dense layers. */
extern void adv_linear_full(const AdvLayer *l, const float *params, AdvLinear *to);

/* That of a layer that passes everything on. */
extern void adv_linear_same(const AdvLayer *l, const float *params, AdvLinear *to);

/* Numbers (n) of doubles that weights and biases of a map take. */
extern size_t adv_linear_weights(const AdvLayer *l, const AdvLinear *map);

/*
 * What is known of a layer's results y when its inputs x are between bounds: low <= y <= high, and for each y and one x
 *		slope[0] x + at[0] <= y <= slope[1] x + at[1]
 * for all that the layer may compute in single precision.
 */
typedef struct AdvRelaxed
{
	double *low;      /* (out) */
	double *high;     /* (out) */
	double *slope[2]; /* (out) each; NULL: nobody asks for lines */
	double *at[2];
	int32_t *source; /* (out) the place of x; not of element-wise layers */
} AdvRelaxed;

/* The same of one number. */
typedef struct AdvReach
{
	double low;
	double high;
	double slope[2];
	double at[2];
} AdvReach;

/*
 * Lines around a function whose slope is factor below 0 and 1 above: relu for 0. CROWN (Zhang et al. 2018): above the chord, below the one of
 * the two slopes that leaves the smaller area.
 */
extern AdvReach adv_relax_kink(double factor, double low, double high);

/*
 * Relax all n of an element-wise layer that makes of each x finish(tanh(factor x)), factor > 0: lines around tanh (Zhang et al. 2018), chords and tangents. Where
 * it bends both ways, the tangent that goes through the function at the other end, from a table that errs towards the safe side.
 */
extern void adv_relax_tanh(const AdvLayer *l, double factor, const double *low, const double *high,
						   AdvReach (*finish)(AdvReach r), AdvRelaxed *to);

/* r for a function whose values are off by ulps units of 2^-24 of themselves. */
extern AdvReach adv_reach_rounded(AdvReach r, double ulps);

/* Apply a relaxation of one number to all n of an element-wise layer. */
extern void adv_relax_each(const AdvLayer *l, AdvReach (*one)(const AdvLayer *l, double low, double high),
						   const double *low, const double *high, AdvRelaxed *to);

/* The abscissa, at most 0, below which tangents of tanh pass under it at u >= 0: no more than the root of tanh'(d) (u - d) + tanh(d) = tanh(u). */
extern double adv_tanh_tangent(double u);

#endif
