/*
 * fast.c
 *		One step from a random point of the ball (Wong et al. 2020), watched: such trainings may break down within an epoch, and withstand
 *		nothing but their own single step from then on (catastrophic overfitting).
 *
 * After each epoch the first validation rows are attacked with more steps. Where their accuracy under that attack has collapsed, the training
 * ends with the parameters from before the epoch. Nothing is compared with untrained parameters: a network that gives one class to all has
 * that class's share of the rows right under any attack.
 */
#include <math.h>
#include <string.h>

#include "core/defence/craft.h"
#include "core/network/loss.h"

#define PROBE_ROWS   512 /* at most, the first validation rows */
#define PROBE_FALL   0.2 /* of accuracy within an epoch, from the second one on, that ends the training */
#define PROBE_STEPS  5
#define PROBE_ALPHA  (2.5 / PROBE_STEPS) /* in eps */
#define PROBE_PIECES (PROBE_ROWS / ADV_SLICE_ROWS)

extern const AdvDefence adv_defence_pgd;
extern const AdvAttackMethod adv_attack_pgd;

/* Shared by the team. */
typedef struct State
{
	double probe; /* accuracy under attack after the last epoch; NaN before the first has ended */
	int64_t correct[PROBE_PIECES];
	float before[]; /* (n_params) parameters after the last epoch whose probe was well */
} State;

static size_t
state_size(const AdvNetwork *net)
{
	return sizeof(State) + sizeof(float) * net->n_params;
}

static void
begin(void *state)
{
	((State *) state)->probe = NAN;
}

static double
loss(const AdvObjective *o)
{
	return adv_cross_entropy(o->rows, o->classes, o->logits, o->label, o->scale, NULL, o->d_logits, o->correct);
}

/* ---- the probe ---- */

/* The crafter for a while. */
static void
use_probe(const AdvRobust *how, AdvCraft *c)
{
	c->defence = &adv_defence_pgd;
	c->attack = &adv_attack_pgd;
	c->how.steps = PROBE_STEPS;
	c->how.alpha = PROBE_ALPHA * how->eps;
	c->how.random_start = true;
}

static size_t
probe_rows(const AdvWatch *w)
{
	return w->n_rows < PROBE_ROWS ? w->n_rows : PROBE_ROWS;
}

/* Count the rows of piece number piece that withstand the attack. */
static AdvStatus
probe_piece(AdvWatch *w, size_t piece)
{
	AdvWorkspace *ws = w->craft->ws;
	State *state = w->state;
	size_t first = piece * ADV_SLICE_ROWS;
	size_t left = probe_rows(w) - first;
	int rows = (int) (left < ADV_SLICE_ROWS ? left : ADV_SLICE_ROWS);
	int32_t label[ADV_SLICE_ROWS];
	uint64_t key[ADV_SLICE_ROWS];

	for (int r = 0; r < rows; r++)
	{
		key[r] = first + (size_t) r;
		label[r] = w->load(w->arg, key[r], ws->act[0] + (size_t) r * adv_shape_size(w->net->input));
	}
	if (adv_craft(w->craft, rows, label, key, 0) != ADV_OK || adv_forward(ws, rows) != ADV_OK)
		return ADV_ABORTED;
	state->correct[piece] = 0;
	adv_cross_entropy(rows, w->net->classes, ws->act[w->net->n_layers], label, 1, NULL, NULL,
					  &state->correct[piece]);
	return ADV_OK;
}

/* Accuracy of the probe under attack. Its random starts are the same each time, so that only parameters make a difference. */
static AdvStatus
measure_probe(AdvWatch *w, double *accuracy)
{
	const State *state = w->state;
	AdvCraft crafter = *w->craft;
	size_t n_pieces = (probe_rows(w) + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	int64_t correct = 0;

	use_probe(w->how, w->craft);
	for (size_t piece = (size_t) w->team->rank; piece < n_pieces; piece += (size_t) w->team->size)
		if (probe_piece(w, piece) != ADV_OK)
			return ADV_ABORTED;
	*w->craft = crafter;
	if (adv_team_barrier(w->team) != ADV_OK)
		return ADV_ABORTED;
	for (size_t piece = 0; piece < n_pieces; piece++)
		correct += state->correct[piece];
	*accuracy = (double) correct / (double) probe_rows(w);
	return ADV_OK;
}

/* Keep the epoch's parameters, or put back those from before it and end the training. */
static AdvStatus
after_epoch(AdvWatch *w, bool *end)
{
	State *state = w->state;
	size_t bytes = sizeof(float) * w->net->n_params;
	double last = state->probe, probe;

	if (w->n_rows == 0)
		return ADV_OK;
	if (measure_probe(w, &probe) != ADV_OK)
		return ADV_ABORTED;
	*end = last - probe > PROBE_FALL && adv_all_finite(w->net->n_params, w->params);
	if (adv_team_barrier(w->team) != ADV_OK)
		return ADV_ABORTED;
	if (w->team->rank == 0)
	{
		if (*end)
		{
			memcpy(w->params, state->before, bytes);
			*w->outcome = (AdvOutcome){w->epoch + 1, last, probe};
		}
		else
			memcpy(state->before, w->params, bytes);
		state->probe = probe;
	}
	return adv_team_barrier(w->team);
}

static const AdvParameter parameters[] = {{NULL}};

const AdvDefence adv_defence_fast = {
	.name = "fast",
	.words = "examples of one step from a random start, watched for overfitting (Wong et al. 2020)",
	.parameters = parameters,
	.crafts = true,
	.one_step = true,
	.watches = true,
	.steps = 1,
	.alpha = 1.25,
	.loss = loss,
	.state_size = state_size,
	.begin = begin,
	.after_epoch = after_epoch,
};
