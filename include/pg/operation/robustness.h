/*
 * robustness.h
 *		A model of the registry under attack on a whole data set.
 */
#ifndef ADVPG_ROBUSTNESS_H
#define ADVPG_ROBUSTNESS_H

#include "postgres.h"

#include "pg/operation/attack.h"
#include "pg/operation/evaluation.h"
#include "pg/task/task.h"

/* A model, its rows, and what attacks did to them. */
typedef struct AdvpgRobustness
{
	AdvpgEvaluation *e;
	const AdvModel *crafter; /* &e->model, or that of craft_on */
	int n_attacked;          /* 1, or one for each of eps_list */
	AdvpgAttacked **attacked;
	AdvCertificate *certificate; /* of each row; NULL: not wanted */
} AdvpgRobustness;

/* Which attack of a task to run. */
typedef enum AdvpgRobustnessMode
{
	ADVPG_ROBUSTNESS_ONE,    /* at attack.eps; perturbed inputs are wanted */
	ADVPG_ROBUSTNESS_SEARCH, /* the least eps up to attack.eps (images: up to 0.25 when there is none) */
	ADVPG_ROBUSTNESS_EACH /* at each of eps_list; a success rate that falls as eps grows raises a WARNING */
} AdvpgRobustnessMode;

/*
 * Read model, rows with labels (with ids of type id_type if that is valid) and the model of craft_on, whose encoder and classes must
 * be the same (22023), attack, and certify if the task says so, in the same ball by crown. what names the task in advfair_progress. Perturbed inputs are kept, in shared memory, of one attack alone.
 * Results live in the current memory context; schema is the extension's.
 */
extern AdvpgRobustness *advpg_robustness(Oid schema, const AdvpgAttackTask *task, AdvpgRobustnessMode mode,
										 const char *what, Oid id_type);

/*
 * The two halves of it, for those who do more with the rows: open needs a connection to SPI, attack may be called more than once and
 * replaces robustness->attacked. Rows stay in shared memory.
 */
extern AdvpgRobustness *advpg_robustness_open(const AdvpgEvaluationSpec *spec, const char *craft_on);
extern void advpg_robustness_attack(AdvpgRobustness *robustness, const AdvpgAttackTask *task,
									AdvpgRobustnessMode mode);

/*
 * After a search: whether it has found a least eps for any row. Says (NOTICE) how many rows withstood it, for they make classes look alike. If all
 * did, each class's mean is the largest eps that was tried, and the gap between classes is not known.
 */
extern bool advpg_any_broken(const AdvpgRobustness *robustness);

#endif
