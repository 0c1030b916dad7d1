/*
 * kind.h
 *		Kinds of tasks: which keys each has. task.c and traintask.c read and write by these tables.
 */
#ifndef ADVPG_KIND_H
#define ADVPG_KIND_H

#include "pg/task/task.h"

/* Keys with one struct to write to, and where in the task that struct begins. */
typedef struct AdvpgKeyGroup
{
	const AdvParameter *keys;
	size_t base;
	unsigned of; /* only keys that this kind has; 0: all */
} AdvpgKeyGroup;

#define ADVPG_KEY_GROUPS 4

struct AdvpgTaskKind
{
	const char *name;
	size_t size; /* of the struct */
	const void *defaults;
	AdvpgKeyGroup groups[ADVPG_KEY_GROUPS];
	const char *attack;         /* the method of attack that this kind is about; NULL: the task may say */
	void (*settle)(void *task); /* what keys mean for each other, once all are read; NULL: nothing */
};

/* How inputs are perturbed, and what only an attack on rows that are there can honour. */
enum
{
	ADVPG_OF_TRAINING = 1, /* adversarial */
	ADVPG_OF_ATTACK = 2,
	ADVPG_OF_SEARCH =
		4, /* least eps, of the model itself: eps is looked for, and what a step is follows from it */
	ADVPG_OF_CLASSES = 8,   /* success in each class: eps is a list of its own */
	ADVPG_OF_AUDIT = 16,    /* likewise; all models are attacked for themselves */
	ADVPG_OF_NAMED = 32,    /* an attack by a method that the kind of task names, which has no settings */
	ADVPG_OF_NOISE = 64,    /* adversarial training by a method that adds noise and attacks nothing */
	ADVPG_OF_BOUNDS = 256,  /* adversarial training by a method that attacks nothing, but has a ball */
	ADVPG_OF_CERTIFY = 128, /* certificates, up to an eps of their own */
	ADVPG_OF_METHOD = ADVPG_OF_TRAINING | ADVPG_OF_ATTACK | ADVPG_OF_SEARCH | ADVPG_OF_CLASSES |
					  ADVPG_OF_AUDIT, /* by any */
	ADVPG_OF_ALL = ADVPG_OF_METHOD | ADVPG_OF_NAMED
};

/* How inputs are perturbed, of AdvpgAttackSettings. Flags say which kinds of tasks have a key. */
extern const AdvParameter advpg_perturbation_keys[];

extern const AdvpgTaskKind advpg_train_kind;
extern const AdvpgTaskKind advpg_adv_train_kind;

/* Fill in the names of methods of attack and of training, from the core's tables. Before the first task is read. */
extern void advpg_kind_words(void);

/* What users call a method of adversarial training (AdvpgTrainTask.method); "none" for standard training. */
extern const char *advpg_method_name(int method);

/* Whether a kind of task has this key of one of its groups. */
extern bool advpg_kind_has(const AdvpgKeyGroup *group, const AdvParameter *key);

/* Whether a key of advpg_perturbation_keys says what a method's settings say, too. */
extern bool advpg_kind_is_setting(const AdvParameter *key);

/* A method's parameters but for those that tasks of this flag have no key for. A new list, in the current memory context. */
extern const AdvParameter *advpg_kind_settings(const AdvAttackMethod *method, unsigned of);

#endif
