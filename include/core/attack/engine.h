/*
 * engine.h
 *		The inside of the attack engine: slots, each a row with a state of its own. Shared by engine.c (rounds), tries.c (what a row does next) and
 *		finish.c (what is said about it).
 */
#ifndef ADV_ENGINE_H
#define ADV_ENGINE_H

#include <string.h>

#include "core/attack/attack.h"
#include "core/attack/search.h"
#include "core/attack/verdict.h"

/* What the x in a slot is. */
typedef enum AdvPhase
{
	ADV_CLEAN,
	ADV_ITERATE,
	ADV_ROUNDED, /* the last iterate of a restart, on the grid */
	ADV_SWAPPED  /* the best x, with another category */
} AdvPhase;

/* What a slot wants of the rest of its round. */
typedef enum AdvMove
{
	ADV_STEP,  /* a gradient step from x */
	ADV_PLACE, /* nothing: its x is a new one */
	ADV_DONE   /* the next row */
} AdvMove;

/* A row under attack. Its x is the slot's row in ws.act[0]. */
typedef struct AdvSlot
{
	size_t i; /* which of the attacked rows */
	int32_t label;
	uint64_t key;
	AdvPhase phase;
	AdvMove move;
	uint8_t flags;
	int32_t member;  /* of the ensemble */
	int32_t restart; /* of the member, each target counted */
	int64_t step;    /* gradients, or queries, in this restart */
	int32_t n_ranked;
	int32_t ranked[ADV_MOST_TARGETS]; /* other classes by the row's own logits, the likeliest first */
	double eps;                       /* of this try */
	double alpha;                     /* negative: descent */
	double odds;                      /* of the x that has been judged last */
	double value;                     /* of what is climbed, likewise */
	bool broken;                      /* it is an example, wherever it lies */
	bool unsettled;                   /* in this try the attack did not settle */
	bool lost;                        /* in this try rounding to the grid lost an example */
	int32_t retreats;
	size_t category; /* the input of the next one that is tried */
	AdvBracket bracket;
	int32_t best_member;  /* which made best_x */
	int32_t found_member; /* likewise */
	AdvVerdict best;      /* of best_x: the best x so far, or since the nearest example was found */
	AdvVerdict found;     /* of found_x: searches only, the nearest example */
	float *x0;
	float *low;
	float *high;
	float *best_x;
	float *found_x;
	float *memory;                                     /* the method's */
	_Alignas(8) unsigned char state[ADV_METHOD_STATE]; /* likewise */
	uint32_t forwards;
	uint32_t gradients;
} AdvSlot;

/* An attack under way, as one member sees it. */
typedef struct AdvEngine
{
	const AdvAttackRun *run;
	const AdvAttack *attack;
	AdvAttack member[ADV_MOST_MEMBERS]; /* of an ensemble; else the attack itself */
	int n_members;
	const AdvNetwork *net;
	size_t inputs;
	int max_slots;
	AdvWorkspace ws;
	AdvSlot *slot; /* (max_slots) */
	int n_slots;   /* in use */
	size_t next;   /* rows of the piece that wait: next .. end - 1 */
	size_t end;
} AdvEngine;

/* A slot's x. */
static inline float *
adv_slot_x(const AdvEngine *e, const AdvSlot *slot)
{
	return e->ws.act[0] + (size_t) (slot - e->slot) * e->inputs;
}

static inline void
adv_copy_input(const AdvEngine *e, float *to, const float *from)
{
	memcpy(to, from, sizeof(float) * e->inputs);
}

/* The attack that a row is under, and its method. */
static inline const AdvAttack *
adv_slot_attack(const AdvEngine *e, const AdvSlot *slot)
{
	return &e->member[slot->member];
}

static inline const AdvAttackMethod *
adv_slot_method(const AdvEngine *e, const AdvSlot *slot)
{
	return adv_attack_methods[adv_slot_attack(e, slot)->method];
}

/* ---- tries.c ---- */

/* What the method sees of a slot. */
extern AdvClimb adv_slot_climb(const AdvEngine *e, const AdvSlot *slot);

/* Which classes what is climbed is about. */
extern AdvGoal adv_slot_goal(const AdvEngine *e, const AdvSlot *slot);

/* The x of a slot, the row itself or another, has been judged, its logits are (classes): what next? */
extern AdvMove adv_after_clean(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v, const float *logits);
extern AdvMove adv_after_iterate(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v);

/* Its logits or gradient are not finite: a method that roams has gone too far and restarts; with any other nothing can be said about the row. */
extern AdvMove adv_after_overflow(const AdvEngine *e, AdvSlot *slot);

/* ---- finish.c ---- */

/* Store what is to be said about a row that is done; the other, where logits or gradient were not finite. */
extern void adv_finish_row(const AdvEngine *e, const AdvSlot *slot);
extern void adv_finish_overflow(const AdvEngine *e, const AdvSlot *slot);

#endif
