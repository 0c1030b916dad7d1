/*
 * defences.c
 *		The methods of adversarial training there are, and what they have in common. See defence.h.
 */
#include "core/defence/defence.h"

#include <math.h>
#include <string.h>

extern const AdvDefence adv_defence_none;
extern const AdvDefence adv_defence_pgd;
extern const AdvDefence adv_defence_trades;
extern const AdvDefence adv_defence_fast;

const AdvDefence *const adv_defences[] = {
	&adv_defence_none,
	&adv_defence_pgd,
	&adv_defence_trades,
	&adv_defence_fast,
	NULL,
};

int
adv_defence(const char *name)
{
	for (int i = 0; adv_defences[i]; i++)
		if (strcmp(adv_defences[i]->name, name) == 0)
			return i;
	return -1;
}

AdvDefenceSettings
adv_defence_unset(const AdvDefence *defence)
{
	AdvDefenceSettings settings = {.beta = NAN};

	if (defence->set)
		defence->set(&settings);
	return settings;
}

static bool
is_defence(int32_t method)
{
	int n = 0;

	while (adv_defences[n])
		n++;
	return method >= 0 && method < n;
}

const AdvDefence *
adv_defence_of(const AdvRobust *how)
{
	return adv_defences[is_defence(how->method) ? how->method : 0];
}

void
adv_defence_craft(const AdvRobust *how, AdvCraft *c)
{
	c->how = *how;
	c->defence = adv_defence_of(how);
	c->attack = adv_attack_methods[how->attack];
	if (c->defence->one_step)
	{
		c->how.steps = 1;
		c->how.random_start = true;
	}
}

AdvStatus
adv_defence_check(const AdvRobust *how, AdvError *err)
{
	const AdvDefence *defence = adv_defence_of(how);

	if (!is_defence(how->method))
		return adv_fail(err, ADV_INVALID, "unknown method of adversarial training");
	if (!defence->crafts)
		return ADV_OK;
	if (!(how->eps >= 0) || !(how->alpha >= 0) || isinf(how->eps) || isinf(how->alpha))
		return adv_fail(err, ADV_INVALID,
						"eps and alpha of adversarial training must be finite and not negative");
	if (!defence->one_step && how->steps < 1)
		return adv_fail(err, ADV_INVALID, "steps of adversarial training must be at least 1");
	return defence->check ? defence->check(how, err) : ADV_OK;
}

size_t
adv_defence_state_size(const AdvRobust *how, const AdvNetwork *net)
{
	const AdvDefence *defence = adv_defence_of(how);

	return defence->state_size ? defence->state_size(net) : 0;
}
