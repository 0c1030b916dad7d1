/*
 * defences.c
 *		The methods of adversarial training there are. See defence.h.
 */
#include <math.h>
#include <string.h>

#include "core/defence/defence.h"

extern const AdvDefence adv_defence_pgd;
extern const AdvDefence adv_defence_trades;
extern const AdvDefence adv_defence_fast;
extern const AdvDefence adv_defence_mart;
extern const AdvDefence adv_defence_gaussian;
extern const AdvDefence adv_defence_ibp;

static const AdvParameter no_parameters[] = {{NULL}};

/* The cross-entropy of the rows as they are, be it of rows that were crafted before (twins). */
static const AdvDefence none = {
	.name = "none",
	.words = "standard training",
	.parameters = no_parameters,
	.rows_per_example = 1,
};

const AdvDefence *const adv_defences[] = {
	&none,
	&adv_defence_pgd,
	&adv_defence_trades,
	&adv_defence_fast,
	&adv_defence_mart,
	&adv_defence_gaussian,
	&adv_defence_ibp,
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

static bool
is_defence(int32_t method)
{
	int n = 0;

	while (adv_defences[n])
		n++;
	return method >= 0 && method < n;
}

const AdvDefence *
adv_defence_of(const AdvRobust *robust)
{
	return adv_defences[is_defence(robust->method) ? robust->method : 0];
}

AdvDefenceSettings
adv_defence_unset(const AdvDefence *defence)
{
	AdvDefenceSettings settings = {.beta = NAN};

	if (defence->set)
		defence->set(&settings);
	return settings;
}

size_t
adv_defence_state_size(const AdvRobust *robust, const AdvNetwork *net)
{
	const AdvDefence *defence = adv_defence_of(robust);

	return defence->state_size ? defence->state_size(net) : 0;
}

static AdvStatus
check_settings(const AdvDefence *defence, const AdvDefenceSettings *settings, AdvError *err)
{
	for (const AdvParameter *p = defence->parameters; p->name; p++)
		if (!adv_parameter_fits(p, settings))
			return adv_fail(err, ADV_INVALID, "%s of method %s must be between %g and %g", p->name,
							defence->name, p->min, p->max);
	return ADV_OK;
}

AdvStatus
adv_defence_check(const AdvRobust *robust, const AdvNetwork *net, AdvError *err)
{
	const AdvDefence *defence = adv_defence_of(robust);
	AdvStatus status;

	if (!is_defence(robust->method))
		return adv_fail(err, ADV_INVALID, "unknown method of adversarial training");
	if (defence->check && (status = defence->check(robust, net, err)) != ADV_OK)
		return status;
	if (!defence->craft || defence->noise)
		return check_settings(defence, &robust->settings, err);
	if (!(robust->eps >= 0) || !(robust->alpha >= 0) || isinf(robust->eps) || isinf(robust->alpha))
		return adv_fail(err, ADV_INVALID,
						"eps and alpha of adversarial training must be finite and not negative");
	if (robust->steps < 1)
		return adv_fail(err, ADV_INVALID, "steps of adversarial training must be at least 1");
	if (defence->most_steps > 0 && robust->steps > defence->most_steps)
		return adv_fail(err, ADV_INVALID, "steps of method %s must be at most %d", defence->name,
						defence->most_steps);
	return check_settings(defence, &robust->settings, err);
}
