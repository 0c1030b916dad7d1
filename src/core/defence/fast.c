/*
 * fast.c
 *		Method fast (Wong et al. 2020): one step from a random start, in the place of each row.
 *
 * A network may overfit to that one step from one epoch to the next, and then withstands nothing else (catastrophic overfitting). So a
 * probe of validation rows is attacked after each epoch by several steps; when its accuracy collapses, the training ends with the parameters
 * from before that epoch.
 */
#include <math.h>
#include <string.h>

#include "core/defence/craft.h"
#include "core/defence/fast.h"
#include "core/network/loss.h"

#define PROBE_STEPS  5
#define PROBE_ALPHA  (2.5 / PROBE_STEPS) /* in eps */
#define PROBE_PIECES (ADV_PROBE_ROWS / ADV_SLICE_ROWS)

typedef struct State
{
	double accuracy;               /* of the probe after the last epoch; NaN before the first has ended */
	int64_t correct[PROBE_PIECES]; /* of each piece, while they are counted */
	float before[];                /* (n_params) parameters after the last epoch whose probe was well */
} State;

static size_t
state_size(const AdvNetwork *net)
{
	return sizeof(State) + sizeof(float) * net->n_params;
}

static void
start(AdvDefending *d)
{
	((State *) d->state)->accuracy = NAN;
}

static AdvStatus
craft(AdvDefending *d, const AdvSlice *slice)
{
	return adv_craft(d->craft, d->robust, slice, adv_ball_random, adv_slope_of_label);
}

/* ---- the probe ---- */

static AdvRobust
probe_attack(const AdvRobust *robust)
{
	AdvRobust how = *robust;

	how.attack = adv_attack_method("pgd");
	how.steps = PROBE_STEPS;
	how.alpha = PROBE_ALPHA * how.eps;
	return how;
}

static size_t
probe_rows(const AdvDefending *d)
{
	return d->n_validation < ADV_PROBE_ROWS ? d->n_validation : ADV_PROBE_ROWS;
}

/* Count the rows of probe piece number piece that withstand the attack. Random starts are the same each time. */
static AdvStatus
probe_piece(AdvDefending *d, const AdvRobust *how, size_t piece)
{
	const AdvNetwork *net = d->ws->net;
	State *state = d->state;
	size_t first = piece * ADV_SLICE_ROWS;
	size_t left = probe_rows(d) - first;
	int rows = (int) (left < ADV_SLICE_ROWS ? left : ADV_SLICE_ROWS);
	int32_t label[ADV_SLICE_ROWS];
	uint64_t key[ADV_SLICE_ROWS];
	AdvSlice slice = {rows, label, key, 0};

	for (int r = 0; r < rows; r++)
	{
		key[r] = first + (size_t) r;
		label[r] = d->validation_row(d->validation_arg, key[r],
									 d->ws->act[0] + (size_t) r * adv_shape_size(net->input));
	}
	if (adv_craft(d->craft, how, &slice, adv_ball_random, adv_slope_of_label) != ADV_OK ||
		adv_forward(d->ws, rows) != ADV_OK)
		return ADV_ABORTED;
	state->correct[piece] = 0;
	adv_cross_entropy(rows, net->classes, d->ws->act[net->n_layers], label, 1, NULL, NULL,
					  &state->correct[piece]);
	return ADV_OK;
}

/* Accuracy of the probe under attack. As its random starts are the same each time, only parameters make a difference. */
static AdvStatus
measure_probe(AdvDefending *d, double *accuracy)
{
	const State *state = d->state;
	AdvRobust how = probe_attack(d->robust);
	size_t n_pieces = (probe_rows(d) + ADV_SLICE_ROWS - 1) / ADV_SLICE_ROWS;
	int64_t correct = 0;

	for (size_t piece = (size_t) d->team->rank; piece < n_pieces; piece += (size_t) d->team->size)
		if (probe_piece(d, &how, piece) != ADV_OK)
			return ADV_ABORTED;
	if (adv_team_barrier(d->team) != ADV_OK)
		return ADV_ABORTED;
	for (size_t piece = 0; piece < n_pieces; piece++)
		correct += state->correct[piece];
	*accuracy = (double) correct / (double) probe_rows(d);
	return ADV_OK;
}

static void
explain(AdvError *why, double last, double now)
{
	adv_fail(why, ADV_OK, "accuracy under attack fell from %.3f to %.3f", last, now);
	adv_detail(why,
			   "This is catastrophic overfitting to the single step of method fast. The model is as it was "
			   "before that epoch.");
	adv_hint(why, "Use a smaller eps or alpha, or method pgd.");
}

/*
 * Keep the epoch's parameters, or put back those from before it and end the training. Nothing is compared with untrained parameters: a
 * network that gives one class to all has that class's share of the rows right under any attack.
 */
static AdvStatus
after_epoch(AdvDefending *d, bool *ends, AdvError *why)
{
	State *state = d->state;
	size_t n_params = d->ws->net->n_params;
	double last = state->accuracy;
	double now;

	if (probe_rows(d) == 0)
		return ADV_OK;
	if (measure_probe(d, &now) != ADV_OK)
		return ADV_ABORTED;
	*ends = last - now > ADV_PROBE_FALL && adv_all_finite(n_params, d->params);
	if (adv_team_barrier(d->team) != ADV_OK)
		return ADV_ABORTED;
	if (*ends)
		explain(why, last, now);
	if (d->team->rank == 0)
	{
		state->accuracy = now;
		if (*ends)
			memcpy(d->params, state->before, sizeof(float) * n_params);
		else
			memcpy(state->before, d->params, sizeof(float) * n_params);
	}
	return adv_team_barrier(d->team);
}

static const AdvParameter parameters[] = {{NULL}};

const AdvDefence adv_defence_fast = {
	.name = "fast",
	.words = "examples of one step from a random start, watched for overfitting (Wong et al. 2020)",
	.parameters = parameters,
	.steps = 1,
	.most_steps = 1,
	.alpha = 1.25,
	.validation = 0.02,
	.rows_per_example = 1,
	.state_size = state_size,
	.start = start,
	.craft = craft,
	.after_epoch = after_epoch,
};
