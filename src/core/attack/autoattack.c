/*
 * autoattack.c
 *		AutoAttack (Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks"): four attacks,
 *		each on the rows that withstood those before, and its longer form with six.
 */
#include <string.h>

#include "core/attack/attack.h"

/* Its own settings. */
typedef struct Own
{
	double queries; /* of square */
} Own;

typedef struct Member
{
	const char *name;
	int32_t restarts;
} Member;

static void
set(AdvAttackSettings *settings)
{
	*(Own *) settings->own = (Own){.queries = 5000};
}

/* The attack that a member is. */
static AdvAttack
attack_of(const AdvAttack *whole, const Member *member)
{
	AdvAttack a = *whole;
	AdvAttackSettings unset;

	a.method = adv_attack_method(member->name);
	unset = adv_attack_unset(adv_attack_methods[a.method]);
	memcpy(a.own, unset.own, sizeof(a.own));
	a.restarts = member->restarts * whole->restarts;
	a.random_start = true;
	if (adv_attack_methods[a.method]->blind)
		a.steps = (int32_t) ((const Own *) whole->own)->queries;
	return a;
}

static int
members_of(const AdvAttack *whole, const Member *member, AdvAttack *members)
{
	int n = 0;

	for (; member->name; member++)
		members[n++] = attack_of(whole, member);
	return n;
}

static int
expand_standard(const AdvAttack *whole, AdvAttack *members)
{
	static const Member standard[] = {{"apgd_ce", 1}, {"apgd_t", 1}, {"fab_t", 1}, {"square", 1}, {NULL}};

	return members_of(whole, standard, members);
}

static int
expand_plus(const AdvAttack *whole, AdvAttack *members)
{
	static const Member plus[] = {{"apgd_ce", 5}, {"apgd_dlr", 5}, {"fab", 5}, {"square", 1},
								  {"apgd_t", 1},  {"fab_t", 1},    {NULL}};

	return members_of(whole, plus, members);
}

static const AdvParameter parameters[] = {
	ADV_SETTING_STEPS,
	ADV_SETTING_RESTARTS,
	{"queries", ADV_PARAMETER_INTEGER, offsetof(AdvAttackSettings, own) + offsetof(Own, queries), 1,
	 ADV_MAX_STEPS},
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
	.expand = expand_standard,
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
	.expand = expand_plus,
};
