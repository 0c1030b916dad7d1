/*
 * adversarial.c
 *		Training on the cross-entropy of rows: as they are (standard training), or with adversarial examples in their place, crafted
 *		against the current weights (Madry et al. 2018).
 */
#include "core/defence/defence.h"
#include "core/network/loss.h"

static double
loss(const AdvObjective *o)
{
	return adv_cross_entropy(o->rows, o->classes, o->logits, o->label, o->scale, NULL, o->d_logits, o->correct);
}

static const AdvParameter no_parameters[] = {{NULL}};

const AdvDefence adv_defence_none = {
	.name = "none",
	.words = "standard training",
	.parameters = no_parameters,
	.loss = loss,
};

const AdvDefence adv_defence_pgd = {
	.name = "pgd",
	.words = "each minibatch replaced by its adversarial examples (Madry et al. 2018)",
	.parameters = no_parameters,
	.crafts = true,
	.steps = 10,
	.alpha = 0.25,
	.loss = loss,
};
