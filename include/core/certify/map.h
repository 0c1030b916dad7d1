/*
 * map.h
 *		A layer's linear map at work on intervals, and on linear functions of its results.
 */
#ifndef ADV_MAP_H
#define ADV_MAP_H

#include <float.h>
#include <math.h>

#include "core/base/carve.h"
#include "core/certify/dots.h"
#include "core/layer/linear.h"
#include "core/network/network.h"

typedef struct AdvMap
{
	const AdvLayer *layer;
	AdvLinear linear;
	double *
		gain; /* (out.c, in.c) what roundings are relative to, where a kernel says so; NULL: the magnitudes of weights */
	double rounding;     /* of a result, relative to that and what is fixed */
	int more;            /* roundings of the kernel's own */
	double *patches;     /* (out.w, weights of a filter) scratch */
	double *most;        /* (in.c) scratch */
	const AdvStop *stop; /* its owner's: when told to stop, results are left as they are. NULL: nobody */
} AdvMap;

/* Describe layer i in memory of the carver's, as far as there is any: without, only memory is counted. params is not kept. */
extern void adv_map_carve(AdvMap *map, const AdvNetwork *net, int i, const float *params, AdvCarver *carver);

/* Take for its rounding that of sums of all its terms in any order, whatever the kernel's own is. */
extern void adv_map_as_sums(AdvMap *map);

/* Whether it is of weights: else it only moves numbers. */
static inline bool
adv_map_weighs(const AdvMap *map)
{
	return map->linear.kind == ADV_LINEAR_BY_CHANNEL || map->linear.kind == ADV_LINEAR_FULL;
}

/* sums (out) of what comes in (in): its middle, half its width and its largest magnitude. Biases are not in them. Of maps that weigh. */
extern void adv_map_sums(const AdvMap *map, const AdvSpans *in, AdvSums *sums);

/* Against what underflow loses, for each term. */
#define ADV_UNDERFLOW_LOSS 0x1p-125

/* How far a result of channel f can be from what exact arithmetic gives; size is that of its sums. */
static inline double
adv_map_error(const AdvMap *map, size_t f, double size)
{
	return map->rounding * (size + map->linear.fixed[f]) + map->linear.roundings * ADV_UNDERFLOW_LOSS;
}

/* Whether single precision can hold all that comes up in the course of a result of channel f: sums of windows, before a mean is taken of them, too. */
static inline bool
adv_map_fits(const AdvMap *map, size_t f, double size)
{
	double all = size + map->linear.fixed[f], weight = fabs(map->linear.weight[f]);

	return all <= FLT_MAX && (map->linear.kind == ADV_LINEAR_FULL || weight == 0 || all / weight <= FLT_MAX);
}

/* to (out) = the numbers of from (in) in their new order. Of maps that do not weigh. */
extern void adv_map_move(const AdvMap *map, const double *from, double *to);

/* d_in (rows, in) = d_out (rows, out) times the map: linear functions of results as such of inputs, but for what biases add. */
extern void adv_map_back(const AdvMap *map, size_t rows, const double *d_out, double *d_in);

/* Multiply-adds of adv_map_back for a row. */
extern double adv_map_work(const AdvMap *map);

#endif
