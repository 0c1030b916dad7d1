/*
 * attack.h
 *		An attack on rows in compute workers: from settings as users say them to examples and what they do.
 */
#ifndef ADVPG_ATTACK_H
#define ADVPG_ATTACK_H

#include "postgres.h"

#include "core/attack/attack.h"
#include "core/network/model.h"
#include "pg/run/run_attack.h"
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

/*
 * The unit of each input (inputs): its standard deviation or 1, as eps_unit says, times its column's eps, if there is one for each, and 0 where it is not
 * mutable. NULL: 1 for all. Errors as above.
 */
extern float *advpg_attack_units(const AdvpgAttackSettings *settings, const AdvModel *model);

/*
 * The settings of who goes up to an eps: it is eps_max, which images need not say, because there is a natural one. For others it is an error to
 * have none (22023).
 */
extern AdvpgAttackSettings advpg_attack_up_to(const AdvpgAttackSettings *settings, const AdvModel *model);

/* The ball that settings mean for a model, and *eps in its units; INFINITY where none is said. Errors as above. */
extern AdvBall advpg_attack_ball(const AdvpgAttackSettings *settings, const AdvModel *model, double *eps);

/*
 * Attack all rows. Rows whose outcome is too close to call are judged again as row functions will judge the returned example. An output
 * that is not finite is an error (22003). WARNINGs say when results should not be trusted: gradients that vanish, bounds that were left.
 */
extern AdvpgAttacked *advpg_attack(const AdvpgAttackSpec *spec);

#define ADVPG_ATTACK_RETREATS 5 /* to eps / 1024; of attacks of more than one step */

#endif
