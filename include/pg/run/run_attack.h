/*
 * run_attack.h
 *		An attack on rows as a run: what it puts before its workers, what these make of it, what comes back.
 */
#ifndef ADVPG_RUN_ATTACK_H
#define ADVPG_RUN_ATTACK_H

#include "postgres.h"

#include "core/attack/attack.h"
#include "core/network/model.h"
#include "pg/run/run.h"

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
	const char *name;  /* of its checkpoints */
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
	double *eps;        /* NULL without a search */
	uint32_t *forwards; /* passes that the row took part in */
	uint32_t *gradients;
	int32_t *method; /* that made the example: its place in adv_attack_methods */
	AdvpgRows *x; /* perturbed inputs, channels last, in shared memory; NULL unless wanted */
} AdvpgAttacked;

extern const AdvpgRunKind advpg_run_attack_kind;

/* Attack all rows. Results live in the current memory context. Needs a connection to SPI. */
extern AdvpgAttacked *advpg_run_attack(const AdvpgAttackSpec *spec);

/* For runs of other kinds that attack, too: state an attack on a network with so many inputs, and what a worker has of it. */
extern void advpg_run_attack_put(AdvpgRun *run, const AdvAttack *attack, size_t inputs);
extern AdvAttack advpg_run_attack_attach(shm_toc *toc);

#endif
