/*
 * plane.c
 *		The nearest point of a hyperplane, within a box. See plane.h.
 *
 * A move of size s takes every input as far as s allows and its bound does: L-infinity: |u_i| = min(s, room_i); L2: |u_i| = min(s |w_i|, room_i), with u
 * and w in units. How much of the gap that closes grows with s, piecewise linearly and less and less; so Newton's method from 0 comes to the least s from
 * below, over at least one of the pieces in each turn.
 */
#include <math.h>
#include <stdbool.h>

#include "core/attack/plane.h"

/* One input's part in a move. */
typedef struct Part
{
	double w;     /* in units, >= 0 */
	double speed; /* |u| for each unit of s */
	double room;  /* the largest |u| */
} Part;

/* Which way an input moves, in plain values. */
static double
way_of(const AdvPlaneMove *m, size_t i)
{
	return (m->w[i] > 0) == (m->gap > 0) ? 1 : -1;
}

static Part
part_of(const AdvPlaneMove *m, size_t i)
{
	const AdvRegion *in = m->in;
	double unit = adv_ball_unit(in->ball, i);
	double room = way_of(m, i) > 0 ? (double) in->high[i] - m->x[i] : (double) m->x[i] - in->low[i];
	Part p = {fabs(m->w[i]) * unit, 0, 0};

	if (p.w > 0 && room > 0)
	{
		p.speed = in->ball->norm == ADV_NORM_LINF ? 1 : p.w;
		p.room = room / unit;
	}
	return p;
}

/* What the move closes of the gap, and what more of it would. */
static double
closed_by(const AdvPlaneMove *m, double *slope)
{
	double closed = 0;

	*slope = 0;
	for (size_t i = 0; i < m->in->n; i++)
	{
		Part p = part_of(m, i);
		bool bound = m->size * p.speed >= p.room;

		closed += p.w * (bound ? p.room : m->size * p.speed);
		*slope += bound ? 0 : p.w * p.speed;
	}
	return closed;
}

/* |u| of input i. */
static double
size_of(const AdvPlaneMove *m, size_t i)
{
	Part p = part_of(m, i);

	return fmin(m->size * p.speed, p.room);
}

double
adv_plane_choose(AdvPlaneMove *m)
{
	double closed, slope, squares = 0, largest = 0;

	m->size = 0;
	closed = closed_by(m, &slope);
	for (size_t turn = 0; slope > 0 && turn <= m->in->n; turn++)
	{
		double next = m->size + (fabs(m->gap) - closed) / slope;

		if (!(next > m->size))
			break;
		m->size = next;
		closed = closed_by(m, &slope);
	}
	for (size_t i = 0; i < m->in->n; i++)
	{
		double u = size_of(m, i);

		squares += u * u;
		largest = fmax(largest, u);
	}
	return m->in->ball->norm == ADV_NORM_LINF ? largest : sqrt(squares);
}

double
adv_plane_step(const AdvPlaneMove *m, size_t i)
{
	double u = size_of(m, i);

	return u > 0 ? way_of(m, i) * u * adv_ball_unit(m->in->ball, i) : 0;
}

double
adv_plane_distance(const AdvRegion *in, const float *w, double gap)
{
	double sum = 0;

	for (size_t i = 0; i < in->n; i++)
	{
		double u = fabs(w[i]) * (in->low[i] < in->high[i] ? adv_ball_unit(in->ball, i) : 0);

		sum += in->ball->norm == ADV_NORM_LINF ? u : u * u;
	}
	if (in->ball->norm != ADV_NORM_LINF)
		sum = sqrt(sum);
	return sum > 0 ? fabs(gap) / sum : INFINITY;
}
