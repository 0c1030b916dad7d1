/*
 * tries.c
 *		What a row under attack does next: tries at one eps or more, by each member of an ensemble, each of some restarts. See attack.h.
 */
#include <math.h>

#include "core/attack/engine.h"

#define RETREAT 4    /* times smaller */
#define FALL    1e-3 /* of log-odds, relative: far above rounding */
#define RISE    2e-2 /* likewise: more than the last steps of an attack that settles */

/* ---- what the method is told ---- */

static AdvRegion
region(const AdvEngine *e, const AdvSlot *slot)
{
	return (AdvRegion){&e->attack->ball, e->inputs, slot->x0, slot->low, slot->high, slot->eps};
}

/* Gradients of a step. */
static int32_t
turns(const AdvEngine *e, const AdvSlot *slot)
{
	return adv_slot_method(e, slot)->all_classes && e->attack->target < 0 ? e->net->classes - 1 : 1;
}

/* Targets that a method goes through. */
static int32_t
targets(const AdvEngine *e, const AdvSlot *slot)
{
	return adv_slot_method(e, slot)->by_target && e->attack->target < 0 ? slot->n_ranked : 1;
}

/* Gradients, or queries, of a restart. */
static int64_t
limit(const AdvEngine *e, const AdvSlot *slot)
{
	return (int64_t) adv_slot_attack(e, slot)->steps * turns(e, slot);
}

/*
 * A member of an ensemble draws what it would draw alone, so it breaks there what it would break alone. In each ball that an attack retreats to it
 * is something else; and where targets are gone through, because with two classes apgd_t climbs what apgd_ce does.
 */
static AdvDraw
draw_of(const AdvEngine *e, const AdvSlot *slot)
{
	uint64_t restart = (uint64_t) slot->retreats << 32 | (uint64_t) slot->restart;

	if (adv_slot_method(e, slot)->by_target)
		restart |= (uint64_t) 1 << 48;
	return (AdvDraw){e->attack->seed, slot->key, restart};
}

AdvClimb
adv_slot_climb(const AdvEngine *e, const AdvSlot *slot)
{
	const AdvAttack *a = adv_slot_attack(e, slot);

	return (AdvClimb){.in = region(e, slot),
					  .shape = e->net->input,
					  .draw = draw_of(e, slot),
					  .alpha = slot->alpha,
					  .steps = a->steps,
					  .turns = turns(e, slot),
					  .step = slot->step,
					  .value = slot->value,
					  .broken = slot->broken,
					  .own = a->own,
					  .memory = slot->memory,
					  .state = (void *) slot->state};
}

AdvGoal
adv_slot_goal(const AdvEngine *e, const AdvSlot *slot)
{
	AdvGoal goal = {slot->label, e->attack->target, -1};

	if (targets(e, slot) > 1)
		goal.toward = slot->ranked[slot->restart % slot->n_ranked];
	else if (turns(e, slot) > 1)
	{
		goal.toward = (int32_t) (slot->step % turns(e, slot));
		goal.toward += goal.toward >= slot->label;
	}
	return goal;
}

/* ---- what is kept ---- */

static double
distance(const AdvEngine *e, const AdvSlot *slot, const float *x)
{
	return adv_grid_distance(e->attack->grid, &e->attack->ball, e->inputs, slot->x0, x);
}

/* Whether an x that is judged now counts: methods that roam leave the ball. */
static bool
counts(const AdvEngine *e, const AdvSlot *slot)
{
	return !adv_slot_method(e, slot)->roams || distance(e, slot, adv_slot_x(e, slot)) <= slot->eps;
}

/* Of examples the one of higher odds is kept; the nearer one, where the least eps is wanted of a method that looks for it. */
static bool
is_better(const AdvEngine *e, const AdvSlot *slot, const AdvVerdict *v)
{
	if (v->level != slot->best.level)
		return v->level > slot->best.level;
	if (e->run->search && adv_slot_method(e, slot)->roams && v->level > ADV_WITHSTOOD)
		return distance(e, slot, adv_slot_x(e, slot)) < distance(e, slot, slot->best_x);
	return v->odds > slot->best.odds;
}

/* Keep x if it is the best so far. Returns whether it ends the try. */
static bool
consider(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v)
{
	const AdvAttackMethod *method = adv_slot_method(e, slot);

	if (!counts(e, slot))
		return false;
	if (is_better(e, slot, v))
	{
		slot->best = *v;
		slot->best_member = slot->member;
		adv_copy_input(e, slot->best_x, adv_slot_x(e, slot));
	}
	return v->level == ADV_BROKEN && (e->run->search ? !method->roams : e->attack->early_stop);
}

/* ---- restarts ---- */

/* The x of a slot is where a restart begins. */
static void
begin_restart(const AdvEngine *e, AdvSlot *slot)
{
	AdvClimb c = adv_slot_climb(e, slot);

	slot->phase = ADV_ITERATE;
	if (adv_slot_method(e, slot)->begin)
		adv_slot_method(e, slot)->begin(&c);
}

/* What x may be; INFINITY: all of the clip range. */
static void
set_bounds(const AdvEngine *e, AdvSlot *slot, double eps)
{
	adv_ball_bounds(&e->attack->ball, e->inputs, slot->x0, eps, slot->low, slot->high);
}

static AdvMove
place_random(const AdvEngine *e, AdvSlot *slot)
{
	const AdvAttackMethod *method = adv_slot_method(e, slot);
	AdvClimb c = adv_slot_climb(e, slot);

	if (method->roams)
		set_bounds(e, slot, INFINITY);
	if (method->start)
		method->start(&c, adv_slot_x(e, slot));
	else
		adv_ball_random(&c.in, &c.draw, adv_slot_x(e, slot));
	begin_restart(e, slot);
	return ADV_PLACE;
}

/* Start at x itself: when that is what has just been judged, its gradient can be used at once. */
static AdvMove
place_clean(const AdvEngine *e, AdvSlot *slot, bool judged)
{
	adv_copy_input(e, adv_slot_x(e, slot), slot->x0);
	begin_restart(e, slot);
	return judged && e->attack->steps > 0 ? ADV_STEP : ADV_PLACE;
}

/* Start at the best x known, brought into the present ball. */
static AdvMove
place_warm(const AdvEngine *e, AdvSlot *slot)
{
	AdvRegion in = region(e, slot);
	float *x = adv_slot_x(e, slot);

	adv_copy_input(e, x, slot->bracket.broken ? slot->found_x : slot->best_x);
	adv_ball_project(&in, x);
	if (adv_slot_method(e, slot)->roams)
		set_bounds(e, slot, INFINITY);
	begin_restart(e, slot);
	return ADV_PLACE;
}

/* Where there is no slope, going on from the same place leads nowhere: only another random start may. */
static bool
is_stuck(const AdvEngine *e, const AdvSlot *slot)
{
	return adv_slot_attack(e, slot)->random_start && !slot->bracket.broken &&
		   (slot->flags & ADV_ATTACK_NO_SLOPE);
}

/* ---- tries: restarts at one eps ---- */

/* The first restart of a member. Tries of a bisection carry on from one another; multiples of a step are attacks of their own. */
static AdvMove
begin_member(const AdvEngine *e, AdvSlot *slot, int32_t member)
{
	const AdvSearch *search = e->run->search;
	bool judged = slot->phase == ADV_CLEAN;

	slot->member = member;
	slot->restart = 0;
	slot->step = 0;
	memset(slot->state, 0, sizeof(slot->state));
	set_bounds(e, slot, slot->eps);
	if (search && search->mode == ADV_SEARCH_BISECT && slot->bracket.n_tries > 1 && !is_stuck(e, slot))
		return place_warm(e, slot);
	return adv_slot_attack(e, slot)->random_start ? place_random(e, slot) : place_clean(e, slot, judged);
}

static AdvMove
begin_try(const AdvEngine *e, AdvSlot *slot, double eps, double alpha)
{
	slot->eps = eps;
	slot->alpha = e->attack->target >= 0 && !adv_slot_method(e, slot)->aim ? -alpha : alpha;
	slot->unsettled = slot->lost = false;
	return begin_member(e, slot, 0);
}

/* The eps of the next try; false when nothing is left to try. A method that looks for the nearest example is asked once, for all. */
static bool
next_eps(const AdvEngine *e, AdvSlot *slot)
{
	const AdvSearch *search = e->run->search;

	if (search->mode == ADV_SEARCH_GRID || e->n_members > 1 || !adv_slot_method(e, slot)->roams)
		return adv_search_next(search, &slot->bracket);
	slot->bracket.eps = search->eps_max;
	return slot->bracket.n_tries++ == 0;
}

static AdvMove
next_try(const AdvEngine *e, AdvSlot *slot)
{
	if (!next_eps(e, slot))
		return ADV_DONE;
	return begin_try(e, slot, slot->bracket.eps,
					 e->attack->alpha * (slot->bracket.eps / e->run->search->eps_max));
}

/* An attack at one eps is through, unless a smaller ball may show more. */
static AdvMove
retreat(const AdvEngine *e, AdvSlot *slot)
{
	const AdvAttack *a = e->attack;
	double eps = slot->eps / RETREAT;

	if (slot->best.level > ADV_WITHSTOOD || !(slot->unsettled || slot->lost) || slot->retreats >= a->retreats)
		return ADV_DONE;
	slot->retreats++;
	return begin_try(e, slot, eps, a->alpha * (eps / a->eps));
}

/* No more restarts at this eps. A search keeps the example, if there is one, and looks for a nearer one. */
static AdvMove
end_try(const AdvEngine *e, AdvSlot *slot)
{
	bool broken = slot->best.level > ADV_WITHSTOOD;

	if (!broken && slot->member + 1 < e->n_members)
		return begin_member(e, slot, slot->member + 1);
	if (!e->run->search)
		return e->n_members > 1 ? ADV_DONE : retreat(e, slot);
	if (!broken)
		adv_search_failed(&slot->bracket);
	else
	{
		float *x = slot->found_x;

		slot->found = slot->best;
		slot->found_member = slot->best_member;
		slot->found_x = slot->best_x;
		slot->best_x = x;
		slot->best = (AdvVerdict){.level = ADV_WITHSTOOD, .odds = -INFINITY};
		adv_search_broken(&slot->bracket, distance(e, slot, slot->found_x));
	}
	return next_try(e, slot);
}

/* ---- after a judgement ---- */

AdvMove
adv_after_clean(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v, const float *logits)
{
	const AdvAttack *a = e->attack;
	bool broken = v->level > ADV_WITHSTOOD;

	slot->best = *v;
	slot->best_member = 0;
	slot->odds = v->odds;
	slot->n_ranked = adv_rank(e->net->classes, logits, slot->label, ADV_MOST_TARGETS, slot->ranked);
	adv_copy_input(e, slot->best_x, slot->x0);
	if (e->run->result.prediction)
		e->run->result.prediction[slot->i] = v->class;
	if (slot->label == a->target)
	{
		slot->flags |= ADV_ATTACK_EXEMPT;
		return ADV_DONE;
	}
	if (e->run->search)
		return broken ? ADV_DONE : next_try(e, slot);
	return a->eps == 0 || (broken && a->early_stop) ? ADV_DONE : begin_try(e, slot, a->eps, a->alpha);
}

/*
 * Whether the step to an iterate shows that the attack does not settle: it led downhill, or it was the last and still got ahead. Odds
 * are compared with how far they are from even, which logits of any size change. Methods that choose their own steps settle.
 */
static bool
is_unsettled(const AdvEngine *e, const AdvSlot *slot, const AdvVerdict *v)
{
	double even = (e->attack->target >= 0 ? -1 : 1) * log(e->net->classes - 1);
	double size = fabs(slot->odds - even);

	if (adv_slot_method(e, slot)->aim || slot->step == 0)
		return false;
	return v->odds < slot->odds - FALL * size ||
		   (slot->step == limit(e, slot) && v->odds > slot->odds + RISE * size);
}

/* A query needs no gradient: the next x is there at once. */
static AdvMove
query(const AdvEngine *e, AdvSlot *slot)
{
	AdvClimb c = adv_slot_climb(e, slot);

	slot->step++;
	adv_slot_method(e, slot)->move(&c, NULL, adv_slot_x(e, slot));
	return ADV_PLACE;
}

/* A restart is through: round what it has come to, within the ball. */
static AdvMove
round_to_grid(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v)
{
	const AdvAttack *a = e->attack;
	const AdvAttackMethod *method = adv_slot_method(e, slot);
	AdvClimb c = adv_slot_climb(e, slot);
	float *x = adv_slot_x(e, slot);

	slot->lost |= v->level > ADV_WITHSTOOD;
	if (method->settle)
		method->settle(&c, x);
	if (method->roams)
	{
		set_bounds(e, slot, slot->eps);
		adv_ball_project(&c.in, x);
	}
	adv_grid_round(a->grid, &a->ball, e->inputs, slot->x0, slot->eps, x);
	slot->phase = ADV_ROUNDED;
	return ADV_PLACE;
}

/* All restarts are through: a row that withstood them is tried with each single category, then the try ends. */
static AdvMove
swap_category(const AdvEngine *e, AdvSlot *slot)
{
	const AdvAttack *a = e->attack;

	if (slot->phase != ADV_SWAPPED)
		slot->category = 0;
	slot->phase = ADV_SWAPPED;
	if (a->grid && adv_slot_attack(e, slot)->steps > 0 && slot->best.level == ADV_WITHSTOOD &&
		adv_grid_swap(a->grid, &a->ball, e->inputs, slot->x0, slot->eps, slot->best_x, &slot->category,
					  adv_slot_x(e, slot)))
		return ADV_PLACE;
	return end_try(e, slot);
}

static AdvMove
next_restart(const AdvEngine *e, AdvSlot *slot)
{
	if (++slot->restart >= (int64_t) adv_slot_attack(e, slot)->restarts * targets(e, slot))
		return swap_category(e, slot);
	slot->step = 0;
	return place_random(e, slot);
}

AdvMove
adv_after_overflow(const AdvEngine *e, AdvSlot *slot)
{
	if (slot->phase != ADV_ITERATE || !adv_slot_method(e, slot)->roams)
	{
		slot->flags |= ADV_ATTACK_OVERFLOW;
		return ADV_DONE;
	}
	return next_restart(e, slot);
}

AdvMove
adv_after_iterate(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v)
{
	const AdvAttackMethod *method = adv_slot_method(e, slot);
	AdvClimb c;

	if (slot->phase == ADV_ITERATE)
		slot->unsettled |= is_unsettled(e, slot, v);
	slot->odds = v->odds;
	slot->broken = v->level > ADV_WITHSTOOD;
	if ((slot->phase >= ADV_ROUNDED || !e->attack->grid) && consider(e, slot, v))
		return end_try(e, slot);
	c = adv_slot_climb(e, slot);
	if (slot->phase == ADV_ITERATE && method->look && method->look(&c, adv_slot_x(e, slot)))
		return ADV_PLACE;
	if (slot->phase == ADV_ITERATE && slot->step < limit(e, slot))
		return method->blind ? query(e, slot) : ADV_STEP;
	if (slot->phase == ADV_ITERATE && e->attack->grid)
		return round_to_grid(e, slot, v);
	return slot->phase == ADV_SWAPPED ? swap_category(e, slot) : next_restart(e, slot);
}
