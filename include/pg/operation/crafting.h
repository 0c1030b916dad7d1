/*
 * crafting.h
 *		An attack on rows in compute workers: from settings as users say them to examples and what they do.
 */
#ifndef ADVPG_CRAFTING_H
#define ADVPG_CRAFTING_H

#include "postgres.h"

#include "core/attack/attack.h"
#include "core/network/model.h"
#include "pg/data/rows.h"
#include "pg/task/task.h"

/* Steps of a restart and alpha, as a share of eps (0: the attack's own), where the user gave none: a method of training has its own. */
typedef struct AdvpgAttackPreset
{
	int steps;
	double alpha;
} AdvpgAttackPreset;

/*
 * The attack that settings mean for a model. domain tells which values the columns' types allow (AdvpgRows.domain). eps is in
 * units of the ball: 1 with eps for each column, whose sizes are the units. preset may be NULL. Errors: no eps (22023); a mutable or eps
 * column the model does not have (42703); sd of inputs that is not known (22023); an unknown class (22023). Arrays live in the current
 * memory context.
 */
extern void advpg_attack_resolve(const AdvpgAttackSettings *settings, const AdvModel *model,
								 const uint8 *domain, const AdvpgAttackPreset *preset, uint64_t seed,
								 AdvAttack *attack);

/* What to run. */
typedef struct AdvpgAttackSpec
{
	const AdvModel *model;  /* examples are crafted on it */
	const AdvModel *scored; /* and scored on this one (transfer); NULL: the same */
	AdvpgRows *rows;        /* labelled, all labels classes */
	const AdvAttack *attack;
	const AdvSearch *search; /* NULL: no search for the least eps */
	bool want_x;
	const char *phase; /* for progress */
	int workers;
} AdvpgAttackSpec;

/* Results, element i for row i; see AdvAttackResult. */
typedef struct AdvpgAttacked
{
	size_t n;
	int32_t *prediction;
	int32_t *adversarial;
	uint8_t *flags;
	float *linf;
	float *l2;
	float *loss;
	double *eps;  /* NULL without a search */
	AdvpgRows *x; /* perturbed inputs, channels last, in shared memory; NULL unless wanted */
	uint32_t *forwards;  /* passes that the row took part in */
	uint32_t *gradients;
} AdvpgAttacked;

/*
 * Attack all rows. Rows whose outcome is too close to call are judged again as row functions will judge the returned example. An output
 * that is not finite is an error (22003). WARNINGs say when results should not be trusted: gradients that vanish, bounds that were left.
 */
extern AdvpgAttacked *advpg_attack(const AdvpgAttackSpec *spec);

#define ADVPG_ATTACK_RETREATS     5               /* to eps / 1024; of attacks of more than one step */

#endif
