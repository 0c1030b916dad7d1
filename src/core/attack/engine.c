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
#include "core/attack/engine.h"
#include "core/network/loss.h"
#include "core/network/predict.h"

#define LEAST_PIECE 128 /* rows of a piece */
#define MOST_PIECE  512
#define PIECES      32                 /* of data large enough */
#define SLOT_FLOATS ((size_t) 1 << 22) /* of activations of all slots, about */
#define LEAST_SLOTS 8
#define MOST_SLOTS  64
#define SLOT_ARRAYS 5

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
carve_engine(AdvEngine *e, const AdvNetwork *net, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t n_arrays = SLOT_ARRAYS + adv_attack_memory();
	float *arrays;

	e->net = net;
	e->inputs = adv_shape_size(net->input);
	e->max_slots = slots_of(net);
	e->slot = adv_carve(&carver, (size_t) e->max_slots, sizeof(AdvSlot));
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
	AdvEngine measured;
	size_t attacking = carve_engine(&measured, net, NULL);
	size_t scoring = adv_workspace_size(net, ADV_EVAL_ROWS, ADV_PASS_FORWARD);

	return attacking > scoring ? attacking : scoring;
}

/* ---- a row's way through the engine ---- */

/* The next row of the piece, which has one, into a slot. */
static void
load_row(AdvEngine *e, AdvSlot *slot)
{
	const AdvAttackRun *run = e->run;
	size_t i = e->next++;
	size_t row = run->rows ? run->rows[i] : i;

	slot->i = i;
	slot->label = run->data->label[row];
	slot->key = run->key[row];
	slot->phase = ADV_CLEAN;
	slot->move = ADV_PLACE;
	slot->flags = 0;
	slot->retreats = 0;
	slot->member = slot->restart = slot->best_member = slot->found_member = 0;
	slot->unsettled = slot->lost = false;
	slot->broken = false;
	slot->value = slot->alpha = 0;
	slot->forwards = slot->gradients = 0;
	slot->bracket = (AdvBracket){0};
	adv_layout_expand(&run->data->layout, adv_dataset_row(run->data, row), slot->x0);
	adv_copy_input(e, adv_slot_x(e, slot), slot->x0);
}

/* The next row into a slot that is done, or else the last slot, which keeps its own arrays. */
static void
refill(AdvEngine *e, int s)
{
	AdvSlot *slot = &e->slot[s];
	AdvSlot *last = &e->slot[e->n_slots - 1];
	AdvSlot done = *slot;

	if (e->next < e->end)
	{
		load_row(e, slot);
		return;
	}
	e->n_slots--;
	if (slot == last)
		return;
	adv_copy_input(e, adv_slot_x(e, slot), adv_slot_x(e, last));
	*slot = *last;
	*last = done; /* its arrays are free */
}

/* ---- rounds ---- */

/* What is climbed at the x of a slot that is judged; its gradient where a method climbs something of its own. */
static void
aim(const AdvEngine *e, AdvSlot *slot, const AdvVerdict *v, const float *logits, float *d_logits)
{
	AdvGoal goal = adv_slot_goal(e, slot);
	AdvAim *climbed = adv_slot_method(e, slot)->aim;

	slot->value = climbed ? climbed(&goal, e->net->classes, logits, d_logits) : v->odds;
}

/* Judge a slot after the forward pass and decide what it does; its logits' gradient is 0 unless it takes a step. */
static void
decide(const AdvEngine *e, int s)
{
	size_t classes = (size_t) e->net->classes;
	const float *logits = e->ws.act[e->net->n_layers] + (size_t) s * classes;
	float *d_logits = e->ws.d_act[e->net->n_layers] + (size_t) s * classes;
	AdvSlot *slot = &e->slot[s];
	AdvVerdict v;

	slot->forwards++;
	if (!adv_all_finite(classes, logits))
		slot->move = adv_after_overflow(e, slot);
	else
	{
		v = adv_judge(e->net->classes, logits, slot->label, e->attack->target, d_logits);
		if (slot->phase == ADV_CLEAN)
			slot->move = adv_after_clean(e, slot, &v, logits);
		else
		{
			aim(e, slot, &v, logits, d_logits);
			slot->move = adv_after_iterate(e, slot, &v);
		}
	}
	if (slot->move != ADV_STEP)
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
take_step(const AdvEngine *e, int s)
{
	AdvSlot *slot = &e->slot[s];
	const AdvAttackMethod *method = adv_slot_method(e, slot);
	const float *gradient = e->ws.d_act[0] + (size_t) s * e->inputs;
	AdvClimb c = adv_slot_climb(e, slot);

	slot->gradients++;
	if (!adv_all_finite(e->inputs, gradient))
	{
		slot->move = adv_after_overflow(e, slot);
		return;
	}
	slot->step++;
	if (!method->all_classes && slope_of(e->inputs, slot->low, slot->high, gradient) == NO_SLOPE)
	{
		slot->flags |= ADV_ATTACK_NO_SLOPE;
		if (!method->aim)
			slot->unsettled = true;
		if (!method->aim || slot->step == 1)
			slot->step = adv_slot_attack(e, slot)->steps; /* all others would find x here again */
	}
	method->move(&c, gradient, adv_slot_x(e, slot));
}

/* Finish what is done, from the last slot on: those that move down have had their turn. */
static uint64_t
finish_slots(AdvEngine *e)
{
	uint64_t n_done = 0;

	for (int s = e->n_slots - 1; s >= 0; s--)
	{
		if (e->slot[s].move != ADV_DONE)
			continue;
		if (e->slot[s].flags & ADV_ATTACK_OVERFLOW)
			adv_finish_overflow(e, &e->slot[s]);
		else
			adv_finish_row(e, &e->slot[s]);
		refill(e, s);
		n_done++;
	}
	return n_done;
}

static AdvStatus
run_round(AdvEngine *e)
{
	AdvAttackState *state = e->run->state;
	uint64_t n_steps = 0;

	if (adv_forward(&e->ws, e->n_slots) != ADV_OK)
		return ADV_ABORTED;
	for (int s = 0; s < e->n_slots; s++)
	{
		decide(e, s);
		n_steps += e->slot[s].move == ADV_STEP;
	}
	if (n_steps > 0 && adv_backward(&e->ws, e->n_slots, NULL, false, true) != ADV_OK)
		return ADV_ABORTED;
	for (int s = 0; s < e->n_slots; s++)
		if (e->slot[s].move == ADV_STEP)
			take_step(e, s);
	atomic_fetch_add(&state->gradients, n_steps);
	atomic_fetch_add(&state->rows_done, finish_slots(e));
	return ADV_OK;
}

static AdvStatus
run_piece(AdvEngine *e, uint64_t piece)
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
	AdvEngine e = {.run = run, .attack = run->attack};

	e.n_members = adv_attack_expand(run->attack, e.member);
	carve_engine(&e, run->net, run->private);
	e.ws.stop = (AdvStop){adv_team_should_stop, team};
	adv_workspace_load(&e.ws, run->params);
	while ((piece = adv_team_take(team, n_pieces)) < n_pieces)
		if (run_piece(&e, piece) != ADV_OK)
			return ADV_ABORTED;
	return atomic_load(&team->shared->abort) ? ADV_ABORTED : ADV_OK;
}
