/*
 * finish.c
 *		What is said about a row that an attack is through with. See attack.h for what that is.
 */
#include <math.h>

#include "core/attack/engine.h"

/* |x - x0| in plain input values. */
static float
length(const AdvEngine *e, AdvNorm norm, const float *x0, const float *x)
{
	AdvBall plain = {.norm = norm};

	return (float) adv_grid_distance(e->attack->grid, &plain, e->inputs, x0, x);
}

/* Whether x keeps to what was promised: the ball, and the clip range as far as x0 did. */
static bool
keeps_to_ball(const AdvEngine *e, const float *x0, double eps, const float *x)
{
	const AdvBall *ball = &e->attack->ball;

	if (!(adv_grid_distance(e->attack->grid, ball, e->inputs, x0, x) <= eps * (1 + ADV_EPS_TOLERANCE)))
		return false;
	for (size_t i = 0; i < e->inputs; i++)
		if (!(x[i] >= fmin(ball->low, x0[i]) && x[i] <= fmax(ball->high, x0[i])))
			return false;
	return true;
}

static void
store_row(const AdvEngine *e, const AdvSlot *slot, const AdvVerdict *v, const float *x, double eps)
{
	const AdvAttackResult *result = &e->run->result;
	size_t i = slot->i;

	if (result->adversarial)
		result->adversarial[i] = v->class;
	if (result->linf)
		result->linf[i] = length(e, ADV_NORM_LINF, slot->x0, x);
	if (result->l2)
		result->l2[i] = length(e, ADV_NORM_L2, slot->x0, x);
	if (result->loss)
		result->loss[i] = v->loss;
	if (result->eps)
		result->eps[i] = eps;
	if (result->forwards)
		result->forwards[i] = slot->forwards;
	if (result->gradients)
		result->gradients[i] = slot->gradients;
	if (result->method)
		result->method[i] = e->member[v == &slot->found ? slot->found_member : slot->best_member].method;
	if (result->x)
		adv_copy_input(
			e, result->x->chunks[i / result->x->rows_per_chunk] + (i % result->x->rows_per_chunk) * e->inputs,
			x);
}

/* The logits are not finite: x stays as it is, and nothing is said about it. */
void
adv_finish_overflow(const AdvEngine *e, const AdvSlot *slot)
{
	const AdvAttackResult *result = &e->run->result;

	if (slot->phase == ADV_CLEAN && result->prediction)
		result->prediction[slot->i] = -1;
	store_row(e, slot, &(AdvVerdict){.class = -1, .loss = NAN}, slot->x0, NAN);
	result->flags[slot->i] = ADV_ATTACK_OVERFLOW;
}

void
adv_finish_row(const AdvEngine *e, const AdvSlot *slot)
{
	const AdvSearch *search = e->run->search;
	bool found = slot->bracket.broken;
	const AdvVerdict *v = found ? &slot->found : &slot->best;
	const float *x = found ? slot->found_x : slot->best_x;
	bool exempt = slot->flags & ADV_ATTACK_EXEMPT;
	bool broken = v->level > ADV_WITHSTOOD && !exempt;
	bool clean = slot->phase == ADV_CLEAN; /* nothing was tried */
	double eps = search ? adv_search_result(search, &slot->bracket) : e->attack->eps;
	uint8_t flags = slot->flags;

	if (search && exempt)
		eps = NAN;
	else if (search && clean && broken)
		eps = 0;
	if (broken)
		flags = (flags & ~ADV_ATTACK_NO_SLOPE) | ADV_ATTACK_SUCCESS;
	else if (search && !exempt)
		flags |= ADV_ATTACK_CENSORED;
	else if (slot->unsettled && e->attack->retreats > 0)
		flags |= ADV_ATTACK_UNSETTLED;
	if (v->near_tie)
		flags |= ADV_ATTACK_NEAR_TIE;
	if (!clean && !keeps_to_ball(e, slot->x0, eps, x))
		flags |= ADV_ATTACK_OUTSIDE;
	e->run->result.flags[slot->i] = flags;
	store_row(e, slot, v, x, eps);
}
