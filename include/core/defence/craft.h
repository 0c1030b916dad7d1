/*
 * craft.h
 *		Adversarial examples of one slice of a minibatch, crafted while training: ascent within a ball, all steps taken, the last
 *		iterate kept.
 *
 * What is climbed is the loss of the label (methods pgd and fast; Madry et al. 2018, Wong et al. 2020) or, without looking at labels,
 * KL(F(x) || F(x')) with F(x) held fixed (trades; Zhang et al. 2019). Each row's random start is its own: results depend neither
 * on the slice a row is in nor on who crafts it, but for the rounding of matrix products.
 */
#ifndef ADV_CRAFT_H
#define ADV_CRAFT_H

#include "core/train/train.h"

/* One crafter: a member's own. */
typedef struct AdvCraft
{
	AdvRobust how;    /* method, ball, eps, alpha, steps, random_start */
	uint64_t seed;    /* of random starts */
	AdvWorkspace *ws; /* for backward passes, with the parameters under attack */
	float *x0;        /* (rows, inputs) what the rows were, kept */
	float *low;       /* (rows, inputs) bounds of x' */
	float *high;
	float *memory; /* (rows, inputs times what any attack's method may ask for) */
	float *logits; /* (rows, classes) trades: of x */
} AdvCraft;

/* Bytes adv_craft_init needs for slices of at most max_rows rows; 64-byte aligned memory is expected. */
extern size_t adv_craft_size(const AdvNetwork *net, int max_rows);

/* Give a crafter its memory; everything else is the caller's to set. */
extern void adv_craft_init(AdvCraft *c, const AdvNetwork *net, int max_rows, void *memory);

/*
 * Replace the rows of ws->act[0] (rows, inputs) by adversarial examples. label (rows), not read by trades; key (rows) and restart
 * give random starts. Activations and gradients of the workspace are overwritten. ADV_ABORTED when told to stop.
 */
extern AdvStatus adv_craft(AdvCraft *c, int rows, const int32_t *label, const uint64_t *key,
						   uint64_t restart);

#endif
