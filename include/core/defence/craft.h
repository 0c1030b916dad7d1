/*
 * craft.h
 *		Adversarial examples of one slice of a minibatch, crafted while training: ascent within a ball by a method of attack, all steps
 *		taken, the last iterate kept.
 *
 * What is climbed, and where from, is the defence's to say. Each row's random start is its own: results depend neither on the slice a
 * row is in nor on who crafts it, but for the rounding of matrix products.
 */
#ifndef ADV_CRAFT_H
#define ADV_CRAFT_H

#include "core/defence/defence.h"

/* One crafter: a member's own. */
typedef struct AdvCraft
{
	uint64_t seed;    /* of random starts */
	AdvWorkspace *ws; /* for backward passes, with the parameters under attack */
	float *x0;        /* (rows, inputs) what the rows were, kept */
	float *low;       /* (rows, inputs) bounds of x' */
	float *high;
	float *memory;        /* (rows, inputs times what any attack's method may ask for) */
	unsigned char *state; /* (rows, ADV_METHOD_STATE) likewise */
	double *value;        /* (rows) of what is climbed, at x' */
	int32_t step;         /* taken so far */
	float *logits;        /* (rows, classes) room for those of x, for defences that look back at them */
} AdvCraft;

/* Where in its ball a row starts, as adv_ball_random and adv_ball_nearby do it. */
typedef void (*AdvStart)(const AdvRegion *in, const AdvDraw *draw, float *x);

/*
 * Write into the workspace's d_act, from its logits, the gradient of what is climbed, up to a positive factor for each row, and into value what it
 * is.
 */
typedef void (*AdvSlope)(const AdvCraft *c, const AdvSlice *slice);

/* Bytes adv_craft_init needs for slices of at most max_rows examples; 64-byte aligned memory is expected. */
extern size_t adv_craft_size(const AdvNetwork *net, int max_rows);

/* Give a crafter its memory; everything else is the caller's to set. */
extern void adv_craft_init(AdvCraft *c, const AdvNetwork *net, int max_rows, void *memory);

/*
 * Replace the slice's rows (rows, inputs) by adversarial examples, as how says; start NULL: from the rows themselves. Activations and
 * gradients of the workspace are overwritten. ADV_ABORTED when told to stop.
 */
extern AdvStatus adv_craft(AdvCraft *c, const AdvRobust *how, const AdvSlice *slice, AdvStart start,
						   AdvSlope slope);

/* Climb the loss of the label. */
extern void adv_slope_of_label(const AdvCraft *c, const AdvSlice *slice);

/* Have the natural rows again, and what was crafted of them behind: (2 rows, inputs). */
extern void adv_craft_behind(const AdvCraft *c, const AdvSlice *slice);

#endif
