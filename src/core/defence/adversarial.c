/*
 * adversarial.c
 *		Method pgd (Madry et al. 2018): each minibatch is replaced by its adversarial examples against the current weights. What is
 *		minimized is their cross-entropy.
 */
#include "core/defence/craft.h"

static AdvStatus
craft(AdvDefending *d, const AdvSlice *slice)
{
	return adv_craft(d->craft, d->robust, slice, d->robust->random_start ? adv_ball_random : NULL,
					 adv_slope_of_label);
}

static const AdvParameter parameters[] = {{NULL}};

const AdvDefence adv_defence_pgd = {
	.name = "pgd",
	.words = "each minibatch replaced by its adversarial examples (Madry et al. 2018)",
	.parameters = parameters,
	.steps = 10,
	.alpha = 0.25,
	.rows_per_example = 1,
	.craft = craft,
};
