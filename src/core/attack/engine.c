/*
 * engine.c
 *		Attacks on many rows: a batch of slots, each a row with a state of its own. See attack.h for what a row's outcome is.
 *
 * A round is one forward pass over all slots in use, a decision for each, and one backward pass for those that take a step:
 *
 *		clean --> start --> step ... step --> (rounded to the grid) --> start of the next restart, or of the next eps (of a search, or in
 *		retreat), or done
 *
 * Each arrow leads to an x that the next round's forward pass judges. A slot that is done takes the next row of the piece; when
 * there is none, the last slot moves into its place, so that slots in use stay dense. Which rows share a round follows from
 * the piece and its rows alone.
 */
#include <math.h>
#include <string.h>

#include "core/base/carve.h"
#include "core/attack/attack.h"
#include "core/attack/method.h"
#include "core/network/loss.h"
#include "core/network/predict.h"
#include "core/attack/search.h"
#include "core/attack/verdict.h"

#define LEAST_PIECE 128 /* rows of a piece */
#define MOST_PIECE  512
#define PIECES      32                 /* of data large enough */
#define SLOT_FLOATS ((size_t) 1 << 22) /* of activations of all slots, about */
#define LEAST_SLOTS 8
#define MOST_SLOTS  64
#define SLOT_ARRAYS 5
#define RETREAT     4    /* times smaller */
#define FALL        1e-3 /* of log-odds, relative: far above rounding */
#define RISE        2e-2 /* likewise: more than the last steps of an attack that settles */

/* What the x in a slot is. */
typedef enum Phase
{
	CLEAN,
	ITERATE,
	ROUNDED /* the last iterate of a restart, on the grid */
} Phase;

/* What a slot wants of the rest of its round. */
typedef enum Move
{
	STEP,  /* a gradient step from x */
	PLACE, /* nothing: its x is a new one */
	DONE   /* the next row */
} Move;

/* A row under attack. Its x is the slot's row in ws.act[0]. */
typedef struct Slot
{
	size_t i; /* which of the attacked rows */
	int32_t label;
	uint64_t key;
	Phase phase;
	Move move;
	uint8_t flags;
	int32_t restart;
	int32_t step;   /* taken in this restart */
	double eps;     /* of this try */
	double alpha;   /* negative: descent */
	double odds;    /* of the x that has been judged last */
	bool unsettled; /* in this try the attack did not settle */
	bool lost;      /* in this try rounding to the grid lost an example */
	int32_t retreats;
	AdvBracket bracket;
	AdvVerdict best;  /* of best_x: the best x so far, or since the nearest example was found */
	AdvVerdict found; /* of found_x: searches only, the nearest example */
	float *x0;
	float *low;
	float *high;
	float *best_x;
	float *found_x;
	float *memory; /* the method's */
	uint32_t forwards;
	uint32_t gradients;
} Slot;

/* An attack under way, as one member sees it. */
typedef struct Engine
{
	const AdvAttackRun *run;
	const AdvAttack *attack;
	const AdvAttackMethod *method;
	const AdvNetwork *net;
	size_t inputs;
	int max_slots;
	AdvWorkspace ws;
	Slot *slot;  /* (max_slots) */
	int n_slots; /* in use */
	size_t next; /* rows of the piece that wait: next .. end - 1 */
	size_t end;
} Engine;

/* ---- pieces and memory ---- */

static size_t
piece_rows(size_t n)
{
	size_t rows = (n + PIECES - 1) / PIECES;

	return rows < LEAST_PIECE ? LEAST_PIECE : rows > MOST_PIECE ? MOST_PIECE : rows;
}

size_t
adv_attack_pieces(size_t n)
{
	return (n + piece_rows(n) - 1) / piece_rows(n);
}

size_t
adv_attack_piece(size_t n, uint64_t piece, size_t *first)
{
	size_t rows = piece_rows(n);

	*first = (size_t) piece * rows;
	return n - *first < rows ? n - *first : rows;
}

/* From some 50 slots on matrix products hardly get faster, and fewer rows are left to refill them from. */
static int
slots_of(const AdvNetwork *net)
{
	size_t floats = adv_shape_size(net->input);
	size_t slots;

	for (int i = 0; i < net->n_layers; i++)
		floats += adv_shape_size(net->layers[i].out);
	slots = SLOT_FLOATS / floats;
	return slots < LEAST_SLOTS ? LEAST_SLOTS : slots > MOST_SLOTS ? MOST_SLOTS : (int) slots;
}

/* Lay out an engine; without memory, only measure. */
static size_t
carve_engine(Engine *e, const AdvNetwork *net, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t n_arrays = SLOT_ARRAYS + adv_attack_memory();
	float *arrays;

	e->net = net;
	e->inputs = adv_shape_size(net->input);
	e->max_slots = slots_of(net);
	e->slot = adv_carve(&carver, (size_t) e->max_slots, sizeof(Slot));
	arrays = adv_carve_floats(&carver, n_arrays * (size_t) e->max_slots * e->inputs);
	for (int s = 0; memory && s < e->max_slots; s++, arrays += n_arrays * e->inputs)
	{
		e->slot[s].x0 = arrays;
		e->slot[s].low = arrays + e->inputs;
		e->slot[s].high = arrays + 2 * e->inputs;
		e->slot[s].best_x = arrays + 3 * e->inputs;
		e->slot[s].found_x = arrays + 4 * e->inputs;
		e->slot[s].memory = arrays + SLOT_ARRAYS * e->inputs;
	}
	if (memory)
		adv_workspace_init(&e->ws, net, e->max_slots, ADV_PASS_BACKWARD, carver.base + carver.used);
	return carver.used + adv_workspace_size(net, e->max_slots, ADV_PASS_BACKWARD);
}

size_t
adv_attack_private_size(const AdvNetwork *net)
{
	Engine measured;
	size_t attacking = carve_engine(&measured, net, NULL);
	size_t scoring = adv_workspace_size(net, ADV_EVAL_ROWS, ADV_PASS_FORWARD);

	return attacking > scoring ? attacking : scoring;
}

/* ---- what a slot holds ---- */

static float *
slot_x(const Engine *e, const Slot *slot)
{
	return e->ws.act[0] + (size_t) (slot - e->slot) * e->inputs;
}

static void
copy_input(const Engine *e, float *to, const float *from)
{
	memcpy(to, from, sizeof(float) * e->inputs);
}

/* Keep x if it is the best so far. */
static void
consider(const Engine *e, Slot *slot, const AdvVerdict *v)
{
	if (v->level < slot->best.level || (v->level == slot->best.level && v->odds <= slot->best.odds))
		return;
	slot->best = *v;
	copy_input(e, slot->best_x, slot_x(e, slot));
}

static AdvRegion
region(const Engine *e, const Slot *slot)
{
	return (AdvRegion){&e->attack->ball, e->inputs, slot->x0, slot->low, slot->high, slot->eps};
}

/* What the method sees of a slot. */
static AdvClimb
climb(const Engine *e, const Slot *slot)
{
	return (AdvClimb){
		.in = region(e, slot), .alpha = slot->alpha, .own = e->attack->own, .memory = slot->memory};
}

/* ---- tries: restarts at one eps ---- */

/* The x of a slot is where a restart begins. */
static void
begin_restart(const Engine *e, const Slot *slot)
{
	AdvClimb c = climb(e, slot);

	if (e->method->begin)
		e->method->begin(&c);
}

static Move
place_random(const Engine *e, Slot *slot)
{
	const AdvAttack *a = e->attack;
	AdvRegion in = region(e, slot);
	AdvDraw draw = {a->seed, slot->key, (uint64_t) slot->retreats << 32 | (uint64_t) slot->restart};

	adv_ball_random(&in, &draw, slot_x(e, slot));
	begin_restart(e, slot);
	return PLACE;
}

/* Start at x itself: when that is what has just been judged, its gradient can be used at once. */
static Move
place_clean(const Engine *e, Slot *slot, bool judged)
{
	copy_input(e, slot_x(e, slot), slot->x0);
	begin_restart(e, slot);
	return judged && e->attack->steps > 0 ? STEP : PLACE;
}

/* Start at the best x known, brought into the present ball. */
static Move
place_warm(const Engine *e, Slot *slot)
{
	AdvRegion in = region(e, slot);
	float *x = slot_x(e, slot);

	copy_input(e, x, slot->bracket.broken ? slot->found_x : slot->best_x);
	adv_ball_project(&in, x);
	begin_restart(e, slot);
	return PLACE;
}

/* Where there is no slope, going on from the same place leads nowhere: only another random start may. */
static bool
is_stuck(const Engine *e, const Slot *slot)
{
	return e->attack->random_start && !slot->bracket.broken && (slot->flags & ADV_ATTACK_NO_SLOPE);
}

/* The first restart at an eps. Tries of a bisection carry on from one another; multiples of a step are attacks of their own. */
static Move
begin_try(const Engine *e, Slot *slot, double eps, double alpha)
{
	const AdvAttack *a = e->attack;
	const AdvSearch *search = e->run->search;
	bool judged = slot->phase == CLEAN;

	slot->eps = eps;
	slot->alpha = a->target >= 0 ? -alpha : alpha;
	slot->restart = 0;
	slot->step = 0;
	slot->unsettled = slot->lost = false;
	slot->phase = ITERATE;
	adv_ball_bounds(&a->ball, e->inputs, slot->x0, eps, slot->low, slot->high);
	if (search && search->mode == ADV_SEARCH_BISECT && slot->bracket.n_tries > 1 && !is_stuck(e, slot))
		return place_warm(e, slot);
	return a->random_start ? place_random(e, slot) : place_clean(e, slot, judged);
}

static Move
next_try(const Engine *e, Slot *slot)
{
	const AdvSearch *search = e->run->search;

	if (!adv_search_next(search, &slot->bracket))
		return DONE;
	return begin_try(e, slot, slot->bracket.eps, e->attack->alpha * (slot->bracket.eps / search->eps_max));
}

/* An attack at one eps is through, unless a smaller ball may show more. */
static Move
retreat(const Engine *e, Slot *slot)
{
	const AdvAttack *a = e->attack;
	double eps = slot->eps / RETREAT;

	if (slot->best.level > ADV_WITHSTOOD || !(slot->unsettled || slot->lost) || slot->retreats >= a->retreats)
		return DONE;
	slot->retreats++;
	return begin_try(e, slot, eps, a->alpha * (eps / a->eps));
}

/* No more restarts at this eps. A search keeps the example, if there is one, and looks for a nearer one. */
static Move
end_try(const Engine *e, Slot *slot)
{
	if (!e->run->search)
		return retreat(e, slot);
	if (slot->best.level == ADV_WITHSTOOD)
		adv_search_failed(&slot->bracket);
	else
	{
		float *x = slot->found_x;

		slot->found = slot->best;
		slot->found_x = slot->best_x;
		slot->best_x = x;
		slot->best = (AdvVerdict){.level = ADV_WITHSTOOD, .odds = -INFINITY};
		adv_search_broken(&slot->bracket, adv_grid_distance(e->attack->grid, &e->attack->ball, e->inputs,
															slot->x0, slot->found_x));
	}
	return next_try(e, slot);
}

/* The clean x has been judged. */
static Move
after_clean(const Engine *e, Slot *slot, const AdvVerdict *v)
{
	const AdvAttack *a = e->attack;
	bool broken = v->level > ADV_WITHSTOOD;

	slot->best = *v;
	slot->odds = v->odds;
	copy_input(e, slot->best_x, slot->x0);
	if (e->run->result.prediction)
		e->run->result.prediction[slot->i] = v->class;
	if (slot->label == a->target)
	{
		slot->flags |= ADV_ATTACK_EXEMPT;
		return DONE;
	}
	if (e->run->search)
		return broken ? DONE : next_try(e, slot);
	return a->eps == 0 || (broken && a->early_stop) ? DONE : begin_try(e, slot, a->eps, a->alpha);
}

/*
 * Whether the step to an iterate shows that the attack does not settle: it led downhill, or it was the last and still got ahead. Odds
 * are compared with how far they are from even, which logits of any size change.
 */
static bool
is_unsettled(const Engine *e, const Slot *slot, const AdvVerdict *v)
{
	double even = (e->attack->target >= 0 ? -1 : 1) * log(e->net->classes - 1);
	double size = fabs(slot->odds - even);

	return v->odds < slot->odds - FALL * size ||
		   (slot->step == e->attack->steps && v->odds > slot->odds + RISE * size);
}

/* Another x has been judged: what next? */
static Move
after_iterate(const Engine *e, Slot *slot, const AdvVerdict *v)
{
	const AdvAttack *a = e->attack;

	if (slot->phase == ITERATE && slot->step > 0)
		slot->unsettled |= is_unsettled(e, slot, v);
	slot->odds = v->odds;
	if (slot->phase == ROUNDED || !a->grid)
	{
		consider(e, slot, v);
		if (v->level == ADV_BROKEN && (a->early_stop || e->run->search))
			return end_try(e, slot);
	}
	if (slot->phase == ITERATE && slot->step < a->steps)
		return STEP;
	if (slot->phase == ITERATE && a->grid)
	{
		slot->lost |= v->level > ADV_WITHSTOOD;
		adv_grid_round(a->grid, &a->ball, e->inputs, slot->x0, slot->eps, slot_x(e, slot));
		slot->phase = ROUNDED;
		return PLACE;
	}
	if (++slot->restart >= a->restarts)
		return end_try(e, slot);
	slot->step = 0;
	slot->phase = ITERATE;
	return place_random(e, slot);
}

/* ---- a row's way through the engine ---- */

/* The next row of the piece, which has one, into a slot. */
static void
load_row(Engine *e, Slot *slot)
{
	const AdvAttackRun *run = e->run;
	size_t i = e->next++;
	size_t row = run->rows ? run->rows[i] : i;

	slot->i = i;
	slot->label = run->data->label[row];
	slot->key = run->key[row];
	slot->phase = CLEAN;
	slot->move = PLACE;
	slot->flags = 0;
	slot->retreats = 0;
	slot->unsettled = slot->lost = false;
	slot->forwards = slot->gradients = 0;
	slot->bracket = (AdvBracket){0};
	adv_layout_expand(&run->data->layout, adv_dataset_row(run->data, row), slot->x0);
	copy_input(e, slot_x(e, slot), slot->x0);
}

/* |x - x0| in plain input values. */
static float
length(const Engine *e, AdvNorm norm, const float *x0, const float *x)
{
	AdvBall plain = {.norm = norm};

	return (float) adv_grid_distance(e->attack->grid, &plain, e->inputs, x0, x);
}

/* Whether x keeps to what was promised: the ball, and the clip range as far as x0 did. */
static bool
keeps_to_ball(const Engine *e, const float *x0, double eps, const float *x)
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
store_row(const Engine *e, const Slot *slot, const AdvVerdict *v, const float *x, double eps)
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
	if (result->x)
		copy_input(
			e, result->x->chunks[i / result->x->rows_per_chunk] + (i % result->x->rows_per_chunk) * e->inputs,
			x);
}

/* The logits are not finite: x stays as it is, and nothing is said about it. */
static void
finish_overflow(const Engine *e, const Slot *slot)
{
	const AdvAttackResult *result = &e->run->result;

	if (slot->phase == CLEAN && result->prediction)
		result->prediction[slot->i] = -1;
	store_row(e, slot, &(AdvVerdict){.class = -1, .loss = NAN}, slot->x0, NAN);
	result->flags[slot->i] = ADV_ATTACK_OVERFLOW;
}

static void
finish_row(const Engine *e, const Slot *slot)
{
	const AdvSearch *search = e->run->search;
	bool found = slot->bracket.broken;
	const AdvVerdict *v = found ? &slot->found : &slot->best;
	const float *x = found ? slot->found_x : slot->best_x;
	bool exempt = slot->flags & ADV_ATTACK_EXEMPT;
	bool broken = v->level > ADV_WITHSTOOD && !exempt;
	bool clean = slot->phase == CLEAN; /* nothing was tried */
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

/* The next row into a slot that is done, or else the last slot, which keeps its own arrays. */
static void
refill(Engine *e, int s)
{
	Slot *slot = &e->slot[s];
	Slot *last = &e->slot[e->n_slots - 1];
	Slot done = *slot;

	if (e->next < e->end)
	{
		load_row(e, slot);
		return;
	}
	e->n_slots--;
	if (slot == last)
		return;
	copy_input(e, slot_x(e, slot), slot_x(e, last));
	*slot = *last;
	*last = done; /* its arrays are free */
}

/* ---- rounds ---- */

/* Judge a slot after the forward pass and decide what it does; its logits' gradient is 0 unless it takes a step. */
static void
decide(const Engine *e, int s)
{
	size_t classes = (size_t) e->net->classes;
	const float *logits = e->ws.act[e->net->n_layers] + (size_t) s * classes;
	float *d_logits = e->ws.d_act[e->net->n_layers] + (size_t) s * classes;
	Slot *slot = &e->slot[s];
	AdvVerdict v;

	slot->forwards++;
	if (!adv_all_finite(classes, logits))
	{
		slot->flags |= ADV_ATTACK_OVERFLOW;
		slot->move = DONE;
	}
	else
	{
		v = adv_judge(e->net->classes, logits, slot->label, e->attack->target, d_logits);
		slot->move = slot->phase == CLEAN ? after_clean(e, slot, &v) : after_iterate(e, slot, &v);
	}
	if (slot->move != STEP)
		memset(d_logits, 0, sizeof(float) * classes);
}

/* Whether an input that may move has a slope. */
typedef enum Slope
{
	NO_INPUT_MOVES,
	NO_SLOPE,
	SLOPE
} Slope;

static Slope
slope_of(size_t n, const float *low, const float *high, const float *gradient)
{
	int moves = 0;
	int slope = 0;

	for (size_t i = 0; i < n; i++)
	{
		int may = low[i] < high[i];

		moves |= may;
		slope |= may & (gradient[i] != 0);
	}
	return slope ? SLOPE : moves ? NO_SLOPE : NO_INPUT_MOVES;
}

static void
take_step(const Engine *e, int s)
{
	Slot *slot = &e->slot[s];
	const float *gradient = e->ws.d_act[0] + (size_t) s * e->inputs;
	AdvClimb c = climb(e, slot);

	slot->gradients++;
	if (!adv_all_finite(e->inputs, gradient))
	{
		slot->flags |= ADV_ATTACK_OVERFLOW;
		slot->move = DONE;
		return;
	}
	slot->step++;
	if (slope_of(e->inputs, slot->low, slot->high, gradient) == NO_SLOPE)
	{
		slot->flags |= ADV_ATTACK_NO_SLOPE;
		slot->unsettled = true;
		slot->step = e->attack->steps; /* all others would find x here again */
	}
	e->method->move(&c, gradient, slot_x(e, slot));
}

/* Finish what is done, from the last slot on: those that move down have had their turn. */
static uint64_t
finish_slots(Engine *e)
{
	uint64_t n_done = 0;

	for (int s = e->n_slots - 1; s >= 0; s--)
	{
		if (e->slot[s].move != DONE)
			continue;
		if (e->slot[s].flags & ADV_ATTACK_OVERFLOW)
			finish_overflow(e, &e->slot[s]);
		else
			finish_row(e, &e->slot[s]);
		refill(e, s);
		n_done++;
	}
	return n_done;
}

static AdvStatus
run_round(Engine *e)
{
	AdvAttackState *state = e->run->state;
	uint64_t n_steps = 0;

	if (adv_forward(&e->ws, e->n_slots) != ADV_OK)
		return ADV_ABORTED;
	for (int s = 0; s < e->n_slots; s++)
	{
		decide(e, s);
		n_steps += e->slot[s].move == STEP;
	}
	if (n_steps > 0 && adv_backward(&e->ws, e->n_slots, NULL, false, true) != ADV_OK)
		return ADV_ABORTED;
	for (int s = 0; s < e->n_slots; s++)
		if (e->slot[s].move == STEP)
			take_step(e, s);
	atomic_fetch_add(&state->gradients, n_steps);
	atomic_fetch_add(&state->rows_done, finish_slots(e));
	return ADV_OK;
}

static AdvStatus
run_piece(Engine *e, uint64_t piece)
{
	const AdvAttackRun *run = e->run;
	size_t rows = adv_attack_piece(run->n, piece, &e->next);

	if (run->piece_done && atomic_load(&run->piece_done[piece]))
	{
		atomic_fetch_add(&run->state->rows_done, rows);
		return ADV_OK;
	}
	e->end = e->next + rows;
	for (e->n_slots = 0; e->n_slots < e->max_slots && e->next < e->end; e->n_slots++)
		load_row(e, &e->slot[e->n_slots]);
	while (e->n_slots > 0)
		if (run_round(e) != ADV_OK)
			return ADV_ABORTED;
	if (run->piece_done)
		atomic_store(&run->piece_done[piece], 1);
	return ADV_OK;
}

AdvStatus
adv_attack(const AdvAttackRun *run, AdvTeam *team)
{
	uint64_t n_pieces = adv_attack_pieces(run->n);
	uint64_t piece;
	Engine e = {.run = run, .attack = run->attack, .method = adv_attack_methods[run->attack->method]};

	carve_engine(&e, run->net, run->private);
	e.ws.stop = (AdvStop){adv_team_should_stop, team};
	adv_workspace_load(&e.ws, run->params);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
		if (run_piece(&e, piece) != ADV_OK)
			return ADV_ABORTED;
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
