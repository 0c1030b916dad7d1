/*
 * autoattack.c
 *		AutoAttack (Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks"): four attacks,
 *		each on the rows that withstood those before, and its longer form with six.
 */
#include "core/attack/method.h"

static void
set(AdvAttackSettings *settings)
{
	*(AdvEnsembleSettings *) settings->own = (AdvEnsembleSettings){.queries = 5000};
}

static const AdvMember standard[] = {{"apgd_ce", 1}, {"apgd_t", 1}, {"fab_t", 1}, {"square", 1}, {NULL, 0}};

static const AdvMember plus[] = {{"apgd_ce", 5}, {"apgd_dlr", 5}, {"fab", 5}, {"square", 1},
								 {"apgd_t", 1},  {"fab_t", 1},    {NULL, 0}};

static const AdvParameter parameters[] = {
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	{"queries", ADV_PARAMETER_INTEGER,
	 offsetof(AdvAttackSettings, own) + offsetof(AdvEnsembleSettings, queries), 1, ADV_MAX_STEPS},
	{NULL},
};

const AdvAttackMethod adv_attack_autoattack = {
	.name = "autoattack",
	.words = "AutoAttack: apgd_ce, apgd_t, fab_t and square in turn (Croce and Hein 2020)",
	.parameters = parameters,
	.steps = 100,
	.reach = 200,
	.random_start = true,
	.set = set,
	.members = standard,
};

const AdvAttackMethod adv_attack_autoattack_plus = {
	.name = "autoattack_plus",
	.words = "AutoAttack's longer form: apgd_ce, apgd_dlr, fab, square, apgd_t and fab_t in turn (Croce and "
			 "Hein 2020)",
	.parameters = parameters,
	.steps = 100,
	.reach = 200,
	.random_start = true,
	.set = set,
	.members = plus,
};
