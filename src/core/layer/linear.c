/*
 * linear.c
 *		Layers as linear maps. See linear.h.
 */
#include "core/layer/linear.h"

#include <math.h>

size_t
adv_linear_weights(const AdvLayer *l, const AdvLinear *map)
{
	if (map->kind == ADV_LINEAR_BY_CHANNEL)
		return (size_t) l->in.c;
	if (map->kind == ADV_LINEAR_FULL)
		return (size_t) l->out.c * (size_t) map->h * (size_t) map->w * (size_t) l->in.c;
	return 0;
}

void
adv_linear_same(const AdvLayer *l, const float *params, AdvLinear *to)
{
	(void) l;
	(void) params;
	to->kind = ADV_LINEAR_SAME;
}

/* Weights (f, c, h, w) become (f, h, w, c), so that what lies together in a window does so in both. */
void
adv_linear_full(const AdvLayer *l, const float *params, AdvLinear *to)
{
	size_t size = l->size > 0 ? (size_t) l->size : 1, area = size * size, c = (size_t) l->in.c;
	const float *weight = params + l->weight, *bias = params + l->bias;
	double *next = to->weight;

	to->kind = ADV_LINEAR_FULL;
	to->h = to->w = (int) size;
	to->stride = l->stride > 0 ? l->stride : 1;
	to->before = (int) size / 2;
	to->roundings = (int) (area * c) + 4;
	for (size_t f = 0; next && f < (size_t) l->out.c; f++)
	{
		for (size_t place = 0; place < area; place++)
			for (size_t i = 0; i < c; i++)
				*next++ = weight[(f * c + i) * area + place];
		to->bias[f] = bias[f];
		to->fixed[f] = fabs(bias[f]);
	}
}
