/*
 * ensemble.c
 *		The attacks that an attack is made of: the members of an ensemble, or itself.
 */
#include <string.h>

#include "core/attack/attack.h"

/* The attack that a member is. */
static AdvAttack
attack_of(const AdvAttack *whole, const AdvMember *member)
{
	AdvAttack a = *whole;
	AdvAttackSettings unset;

	a.method = adv_attack_method(member->name);
	unset = adv_attack_unset(adv_attack_methods[a.method]);
	memcpy(a.own, unset.own, sizeof(a.own));
	a.restarts = member->restarts * whole->restarts;
	a.random_start = true;
	if (adv_attack_methods[a.method]->blind)
		a.steps = (int32_t) ((const AdvEnsembleSettings *) whole->own)->queries;
	return a;
}

int
adv_attack_expand(const AdvAttack *whole, AdvAttack *members)
{
	const AdvMember *member = adv_attack_methods[whole->method]->members;
	int n = 0;

	if (!member)
	{
		members[n++] = *whole;
		return n;
	}
	for (; member->name; member++)
		members[n++] = attack_of(whole, member);
	return n;
}
