/*
 * ellipsoid.c
 *		An L2 ball on its way to the first weights. See ellipsoid.h.
 */
#include "core/certify/ellipsoid.h"

#include <math.h>
#include <string.h>

#define WIDER (1 + 0x1p-40)

void
adv_ellipsoid_carve(AdvEllipsoid *e, size_t largest, AdvCarver *carver)
{
	e->middle = adv_carve(carver, largest, sizeof(double));
	e->axis = adv_carve(carver, largest, sizeof(double));
	e->error = adv_carve(carver, largest, sizeof(double));
	for (int i = 0; i < 3; i++)
		e->next[i] = adv_carve(carver, largest, sizeof(double));
}

void
adv_ellipsoid_begin(AdvEllipsoid *e, size_t n, const double *x0, const double *unit, double eps)
{
	for (size_t i = 0; i < n; i++)
	{
		e->middle[i] = x0[i];
		e->axis[i] = eps * unit[i];
		e->error[i] = 0;
	}
}

static void
turn(AdvEllipsoid *e)
{
	double *old[3] = {e->middle, e->axis, e->error};

	e->middle = e->next[0];
	e->axis = e->next[1];
	e->error = e->next[2];
	memcpy(e->next, old, sizeof(old));
}

static void
move(AdvEllipsoid *e, const AdvMap *map)
{
	adv_map_move(map, e->middle, e->next[0]);
	adv_map_move(map, e->axis, e->next[1]);
	adv_map_move(map, e->error, e->next[2]);
	turn(e);
}

/* Each number by itself. */
static void
scale(AdvEllipsoid *e, const AdvMap *map, const double *error)
{
	size_t c = (size_t) map->layer->in.c;

	for (size_t i = 0; i < adv_shape_size(map->layer->in); i++)
	{
		double weight = map->linear.weight[i % c];

		e->next[0][i] = weight * e->middle[i] + map->linear.bias[i % c];
		e->next[1][i] = fabs(weight) * e->axis[i] * WIDER;
		e->next[2][i] = fabs(weight) * e->error[i] * WIDER + error[i];
	}
	turn(e);
}

/* Half the width of each filter's results: the norm of its weights times the longest axes of their channels. */
static void
filter_reach(const AdvEllipsoid *e, const AdvMap *map, double *reach)
{
	size_t c = (size_t) map->layer->in.c, filters = (size_t) map->layer->out.c;
	size_t size = adv_linear_weights(map->layer, &map->linear) / filters;

	memset(map->most, 0, sizeof(double) * c);
	for (size_t i = 0; i < adv_shape_size(map->layer->in); i++)
		map->most[i % c] = fmax(map->most[i % c], e->axis[i]);
	for (size_t f = 0; f < filters; f++)
	{
		double squares = 0;

		for (size_t k = 0; k < size; k++)
		{
			double part = map->linear.weight[f * size + k] * map->most[k % c];

			squares += part * part;
		}
		reach[f] = sqrt(squares) * WIDER;
	}
}

bool
adv_ellipsoid_follow(AdvEllipsoid *e, const AdvMap *map, const double *error, double *low, double *high)
{
	size_t f = (size_t) map->layer->out.c, n = adv_shape_size(map->layer->out);
	AdvSums *sums = e->sums;

	if (!adv_map_weighs(map))
	{
		move(e, map);
		return true;
	}
	if (map->linear.kind == ADV_LINEAR_BY_CHANNEL)
	{
		if (map->linear.h * map->linear.w > 1)
			return false;
		scale(e, map, error);
		return true;
	}
	adv_map_sums(map, &(AdvSpans){e->middle, e->error, e->axis}, sums);
	filter_reach(e, map, e->next[0]);
	for (size_t o = 0; o < n; o++)
	{
		double middle = sums[o].middle + map->linear.bias[o % f];
		double reach = e->next[0][o % f] + sums[o].reach * WIDER + error[o];

		low[o] = fmax(low[o], middle - reach);
		high[o] = fmin(high[o], middle + reach);
	}
	return false;
}
