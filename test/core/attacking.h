/*
 * attacking.h
 *		Attacks on the rows of a training, by a team of threads.
 */
#ifndef ADV_ATTACKING_H
#define ADV_ATTACKING_H

#include "core/attack/attack.h"
#include "training.h"

/* What an attack on some rows reported. */
typedef struct Report
{
	size_t n;
	size_t inputs;
	AdvStatus status; /* the last that was not ADV_OK */
	AdvAttackState state;
	AdvAttackResult result;
	float *x; /* (n, inputs) */
	float *chunk[2];
	AdvInputs examples;
} Report;

/* Room for the results of n rows of inputs, in two chunks of examples. They point into the report, so it stays where it is. */
extern void make_report(Report *r, size_t n, size_t inputs);
extern void free_report(Report *r);

/* The run that attacks the first r->n rows of a training. */
extern AdvAttackRun run_of(const Training *t, const AdvAttack *attack, const AdvSearch *search, Report *r);

/* Run it by so many members; score: the examples that are there already. */
extern void run_team(const AdvAttackRun *run, bool score, int members, AdvTeamShared *shared,
					 void (*poll)(void *), void *poll_arg, Report *report);

/* All of that: attack the first n rows. */
extern void attack_rows(const Training *t, const AdvAttack *attack, const AdvSearch *search, size_t n,
						int members, Report *r);

/* Whether a row has a flag, and how many have it. */
extern bool has(const Report *r, size_t i, int flag);
extern size_t count(const Report *r, int flag);

/* A network with given parameters, and rows of inputs that are all of class 0. */
extern void make_by_hand(Training *t, const char *arch, int inputs, int classes, const float *params,
						 size_t n_rows, const float *x);

#endif
