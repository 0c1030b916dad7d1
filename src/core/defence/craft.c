/*
 * craft.c
 *		Adversarial examples for training. See craft.h.
 *
 * Passes run in the workspace of the training slice, whose forward and backward pass comes afterwards and overwrites all they
 * leave but the input.
 */
#include <string.h>

#include "core/base/carve.h"
#include "core/defence/craft.h"
#include "core/network/loss.h"

static size_t
carve_craft(AdvCraft *c, const AdvNetwork *net, int max_rows, void *memory)
{
	AdvCarver carver = {memory, 0};
	size_t size = (size_t) max_rows * adv_shape_size(net->input);

	c->x0 = adv_carve_floats(&carver, size);
	c->low = adv_carve_floats(&carver, size);
	c->high = adv_carve_floats(&carver, size);
	c->memory = adv_carve_floats(&carver, size * adv_attack_memory());
	c->value = adv_carve(&carver, (size_t) max_rows, sizeof(double));
	c->state = adv_carve(&carver, (size_t) max_rows, ADV_METHOD_STATE);
	c->logits = adv_carve_floats(&carver, (size_t) max_rows * (size_t) net->classes);
	return carver.used;
}

size_t
adv_craft_size(const AdvNetwork *net, int max_rows)
{
	AdvCraft measured;

	return carve_craft(&measured, net, max_rows, NULL);
}

void
adv_craft_init(AdvCraft *c, const AdvNetwork *net, int max_rows, void *memory)
{
	carve_craft(c, net, max_rows, memory);
}

/* What the attack's method sees of row r of a slice. */
static AdvClimb
climb_of(const AdvCraft *c, const AdvRobust *how, int r)
{
	size_t n = adv_shape_size(c->ws->net->input);
	size_t at = (size_t) r * n;

	return (AdvClimb){.in = {&how->ball, n, c->x0 + at, c->low + at, c->high + at, how->eps},
					  .shape = c->ws->net->input,
					  .alpha = how->alpha,
					  .steps = how->steps,
					  .turns = 1,
					  .step = c->step,
					  .value = c->value[r],
					  .state = c->state + (size_t) r * ADV_METHOD_STATE,
					  .own = how->own,
					  .memory = c->memory + at * adv_attack_memory()};
}

/* Keep the rows, compute their bounds, and put each at its start. */
static void
begin(AdvCraft *c, const AdvRobust *how, const AdvSlice *slice, AdvStart start)
{
	const AdvAttackMethod *attack = adv_attack_methods[how->attack];
	size_t n = adv_shape_size(c->ws->net->input);
	float *x = c->ws->act[0];

	memset(c->state, 0, (size_t) slice->rows * ADV_METHOD_STATE);
	memset(c->value, 0, (size_t) slice->rows * sizeof(double));
	c->step = 0;
	memcpy(c->x0, x, sizeof(float) * (size_t) slice->rows * n);
	for (int r = 0; r < slice->rows; r++)
	{
		size_t at = (size_t) r * n;
		AdvClimb row = climb_of(c, how, r);
		AdvDraw draw = {c->seed, slice->key[r], slice->restart};

		adv_ball_bounds(&how->ball, n, c->x0 + at, how->eps, c->low + at, c->high + at);
		if (start)
			start(&row.in, &draw, x + at);
		if (attack->begin)
			attack->begin(&row);
	}
}

static AdvStatus
step(AdvCraft *c, const AdvRobust *how, const AdvSlice *slice, AdvSlope slope)
{
	AdvWorkspace *ws = c->ws;
	size_t n = adv_shape_size(ws->net->input);

	if (adv_forward(ws, slice->rows) != ADV_OK)
		return ADV_ABORTED;
	slope(c, slice);
	if (adv_backward(ws, slice->rows, NULL, true, true) != ADV_OK)
		return ADV_ABORTED;
	for (int r = 0; r < slice->rows; r++)
	{
		AdvClimb row = climb_of(c, how, r);

		adv_attack_methods[how->attack]->move(&row, ws->d_act[0] + (size_t) r * n,
											  ws->act[0] + (size_t) r * n);
	}
	return ADV_OK;
}

AdvStatus
adv_craft(AdvCraft *c, const AdvRobust *how, const AdvSlice *slice, AdvStart start, AdvSlope slope)
{
	begin(c, how, slice, start);
	for (; c->step < how->steps; c->step++)
		if (step(c, how, slice, slope) != ADV_OK)
			return ADV_ABORTED;
	return ADV_OK;
}

/* By the log-odds, whose direction is that of the cross-entropy and does not vanish when the network is very sure. */
void
adv_slope_of_label(const AdvCraft *c, const AdvSlice *slice)
{
	const AdvNetwork *net = c->ws->net;
	const float *logits = c->ws->act[net->n_layers];
	float *d_logits = c->ws->d_act[net->n_layers];

	for (int r = 0; r < slice->rows; r++)
		c->value[r] = adv_log_odds(net->classes, logits + (size_t) r * net->classes, slice->label[r],
								   d_logits + (size_t) r * net->classes);
}

void
adv_craft_behind(const AdvCraft *c, const AdvSlice *slice)
{
	size_t size = (size_t) slice->rows * adv_shape_size(c->ws->net->input);
	float *x = c->ws->act[0];

	memcpy(x + size, x, sizeof(float) * size);
	memcpy(x, c->x0, sizeof(float) * size);
}
