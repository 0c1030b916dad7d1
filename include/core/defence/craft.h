/*
 * craft.h
 *		Adversarial examples of one slice of a minibatch, crafted while training: ascent within a ball, all steps taken, the last
 *		iterate kept.
 *
 * What is climbed is the method's to say (defence.h), how the attack's (method.h). Each row's random start is its own: results depend
 * neither on the slice a row is in nor on who crafts it, but for the rounding of matrix products.
 */
#ifndef ADV_CRAFT_H
#define ADV_CRAFT_H

#include "core/defence/defence.h"

#define ADV_SLICE_ROWS 32 /* most examples of a training slice */

/* Bytes adv_craft_init needs for slices of at most max_rows rows; 64-byte aligned memory is expected. */
extern size_t adv_craft_size(const AdvNetwork *net, int max_rows);

/* Give a crafter its memory; everything else is the caller's to set. */
extern void adv_craft_init(AdvCraft *c, const AdvNetwork *net, int max_rows, void *memory);

/*
 * Replace the rows of ws->act[0] (rows, inputs) by adversarial examples. label (rows), not read by methods that do without; key (rows) and
 * restart give random starts. Activations and gradients of the workspace are overwritten. ADV_ABORTED when told to stop.
 */
extern AdvStatus adv_craft(AdvCraft *c, int rows, const int32_t *label, const uint64_t *key,
						   uint64_t restart);

#endif
