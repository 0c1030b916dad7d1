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
climb_of(const AdvCraft *c, int r)
{
	size_t n = adv_shape_size(c->ws->net->input);
	size_t at = (size_t) r * n;

	return (AdvClimb){.ball = &c->how.ball,
					  .n = n,
					  .x0 = c->x0 + at,
					  .low = c->low + at,
					  .high = c->high + at,
					  .eps = c->how.eps,
					  .alpha = c->how.alpha,
					  .own = c->how.own,
					  .memory = c->memory + at * adv_attack_memory()};
}

static void
begin_row(const AdvCraft *c, int r)
{
	AdvClimb row = climb_of(c, r);

	if (c->attack->begin)
		c->attack->begin(&row);
}

/* Keep the rows, compute their bounds, and put each at its start. */
static void
start(AdvCraft *c, int rows, const uint64_t *key, uint64_t restart)
{
	const AdvDefence *defence = c->defence;
	const AdvBall *ball = &c->how.ball;
	size_t n = adv_shape_size(c->ws->net->input);
	float *x = c->ws->act[0];

	memcpy(c->x0, x, sizeof(float) * (size_t) rows * n);
	for (int r = 0; r < rows; r++)
	{
		size_t at = (size_t) r * n;

		adv_ball_bounds(ball, n, c->x0 + at, c->how.eps, c->low + at, c->high + at);
		if (defence->start)
			defence->start(c, r, key[r], restart);
		else if (c->how.random_start)
			adv_ball_random(ball, n, c->x0 + at, c->how.eps, c->low + at, c->high + at, c->seed, key[r],
							restart, x + at);
		begin_row(c, r);
	}
}

/* Gradients with respect to the logits of x' of what is climbed, up to a positive factor for each row. */
static void
climb(const AdvCraft *c, int rows, const int32_t *label)
{
	const AdvDefence *defence = c->defence;
	size_t classes = (size_t) c->ws->net->classes;
	const float *logits = c->ws->act[c->ws->net->n_layers];
	float *d_logits = c->ws->d_act[c->ws->net->n_layers];

	if (defence->climb)
		defence->climb(c, rows, label);
	else
		for (int r = 0; r < rows; r++)
			adv_log_odds((int) classes, logits + (size_t) r * classes, label[r],
						 d_logits + (size_t) r * classes);
}

static AdvStatus
step(AdvCraft *c, int rows, const int32_t *label)
{
	AdvWorkspace *ws = c->ws;
	size_t n = adv_shape_size(ws->net->input);

	if (adv_forward(ws, rows) != ADV_OK)
		return ADV_ABORTED;
	climb(c, rows, label);
	if (adv_backward(ws, rows, NULL, true, true) != ADV_OK)
		return ADV_ABORTED;
	for (int r = 0; r < rows; r++)
	{
		AdvClimb row = climb_of(c, r);

		c->attack->move(&row, ws->d_act[0] + (size_t) r * n, ws->act[0] + (size_t) r * n);
	}
	return ADV_OK;
}

AdvStatus
adv_craft(AdvCraft *c, int rows, const int32_t *label, const uint64_t *key, uint64_t restart)
{
	const AdvNetwork *net = c->ws->net;

	if (c->defence->compares)
	{
		if (adv_forward(c->ws, rows) != ADV_OK)
			return ADV_ABORTED;
		memcpy(c->logits, c->ws->act[net->n_layers], sizeof(float) * (size_t) rows * (size_t) net->classes);
	}
	start(c, rows, key, restart);
	for (int i = 0; i < c->how.steps; i++)
		if (step(c, rows, label) != ADV_OK)
			return ADV_ABORTED;
	return ADV_OK;
}
