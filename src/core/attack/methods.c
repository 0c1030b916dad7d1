/*
 * methods.c
 *		The attack methods there are. See method.h.
 */
#include <math.h>
#include <string.h>

#include "core/attack/method.h"

extern const AdvAttackMethod adv_attack_pgd;
extern const AdvAttackMethod adv_attack_fgsm;
extern const AdvAttackMethod adv_attack_mi_fgsm;
extern const AdvAttackMethod adv_attack_apgd_ce;
extern const AdvAttackMethod adv_attack_apgd_dlr;
extern const AdvAttackMethod adv_attack_apgd_t;
extern const AdvAttackMethod adv_attack_fab;
extern const AdvAttackMethod adv_attack_fab_t;
extern const AdvAttackMethod adv_attack_square;
extern const AdvAttackMethod adv_attack_autoattack;
extern const AdvAttackMethod adv_attack_autoattack_plus;

const AdvAttackMethod *const adv_attack_methods[] = {
	&adv_attack_pgd,
	&adv_attack_fgsm,
	&adv_attack_mi_fgsm,
	&adv_attack_apgd_ce,
	&adv_attack_apgd_dlr,
	&adv_attack_apgd_t,
	&adv_attack_fab,
	&adv_attack_fab_t,
	&adv_attack_square,
	&adv_attack_autoattack,
	&adv_attack_autoattack_plus,
	NULL,
};

int
adv_attack_method(const char *name)
{
	for (int i = 0; adv_attack_methods[i]; i++)
		if (strcmp(adv_attack_methods[i]->name, name) == 0)
			return i;
	return -1;
}

int
adv_attack_count(void)
{
	int n = 0;

	while (adv_attack_methods[n])
		n++;
	return n;
}

bool
adv_attack_crafts(const AdvAttackMethod *method)
{
	return !method->members && !method->blind && !method->roams && !method->by_target &&
		   (!method->aim || method->aim == adv_aim_odds);
}

size_t
adv_attack_memory(void)
{
	size_t most = 0;

	for (int i = 0; adv_attack_methods[i]; i++)
		most = adv_attack_methods[i]->memory > most ? adv_attack_methods[i]->memory : most;
	return most;
}

AdvAttackSettings
adv_attack_unset(const AdvAttackMethod *method)
{
	AdvAttackSettings settings = {NAN, NAN, NAN, -1, -1};

	if (method->set)
		method->set(&settings);
	return settings;
}
