/*
 * method.h
 *		What an attack method is: a row of a table. A new one is its file and its row (methods.c).
 *
 * The engine (attack.h) brings rows, balls, restarts and judgement, and so does whoever crafts while training; a method says how x'
 * moves. It sees one row at a time, never who else is attacked: that a row's outcome depends on the row and its key alone is then the
 * caller's to keep.
 */
#ifndef ADV_METHOD_H
#define ADV_METHOD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/attack/aim.h"
#include "core/attack/ball.h"
#include "core/base/parameter.h"
#include "core/layer/layer.h"

#define ADV_OWN_SETTINGS 64 /* bytes of settings that one method alone has */

/*
 * What users say of an attack, beside where it may go. A method's parameters describe this struct: which of the members that several
 * methods share it has, and what it keeps in own. Plain data: it crosses to workers as it is.
 */
typedef struct AdvAttackSettings
{
	double alpha;     /* step, in units of the ball; NaN: the method's */
	double steps;     /* of a restart; NaN: the method's */
	double restarts;  /* NaN: 1 */
	int random_start; /* -1: the method's, likewise */
	int early_stop;   /* -1: as fits what is asked */
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS];
} AdvAttackSettings;

/* Rows of a method's parameters for what methods share. */
#define ADV_MAX_STEPS 100000
#define ADV_MAX_EPS   1e30 /* far beyond any input, and far from overflowing a float */
#define ADV_SETTING_ALPHA                                                                                    \
	{                                                                                                        \
		"alpha", ADV_PARAMETER_NUMBER, offsetof(AdvAttackSettings, alpha), 0, ADV_MAX_EPS, true,             \
			.said = true                                                                                     \
	}
#define ADV_SETTING_STEPS                                                                                    \
	{                                                                                                        \
		"steps", ADV_PARAMETER_INTEGER, offsetof(AdvAttackSettings, steps), 1, ADV_MAX_STEPS, .said = true   \
	}
#define ADV_SETTING_RESTARTS                                                                                 \
	{                                                                                                        \
		"restarts", ADV_PARAMETER_INTEGER, offsetof(AdvAttackSettings, restarts), 1, 10000, .said = true     \
	}
#define ADV_SETTING_RANDOM_START                                                                             \
	{                                                                                                        \
		"random_start", ADV_PARAMETER_BOOLEAN, offsetof(AdvAttackSettings, random_start), .said = true       \
	}
#define ADV_SETTING_EARLY_STOP                                                                               \
	{                                                                                                        \
		"early_stop", ADV_PARAMETER_BOOLEAN, offsetof(AdvAttackSettings, early_stop), .said = true           \
	}

/* One row on its way. Arrays are (n), channels last, and the row's own. */
typedef struct AdvClimb
{
	AdvRegion in; /* where x' may go */
	AdvShape shape;
	AdvDraw draw;    /* what this restart's random numbers are drawn from */
	double alpha;    /* step, in units; negative: down, towards a target */
	int32_t steps;   /* of a restart */
	int32_t turns;   /* gradients of a step: as many as other classes for methods that want all, else 1 */
	int64_t step;    /* gradients so far, in this restart */
	double value;    /* of what is climbed, at the x' that has been judged last */
	bool broken;     /* x' is an example, wherever it lies */
	const void *own; /* AdvAttackSettings.own */
	float *memory;   /* (n times what the method asks for) from step to step */
	void *state;     /* (ADV_METHOD_STATE) bytes, likewise: zero before a row's first restart */
} AdvClimb;

#define ADV_METHOD_STATE 64 /* bytes that a method may keep of a row beside its arrays */
#define ADV_MOST_MEMBERS 6  /* of an ensemble */
#define ADV_MOST_TARGETS 9  /* that a method goes through, one restart each */

/* Array number which of a method's memory (n). */
static inline float *
adv_climb_array(const AdvClimb *c, int which)
{
	return c->memory + (size_t) which * c->in.n;
}

/* An attack that is part of an ensemble; lists end with a member without a name. */
typedef struct AdvMember
{
	const char *name;
	int32_t restarts; /* for each that users want of the ensemble */
} AdvMember;

/* Settings that ensembles have of their own. */
typedef struct AdvEnsembleSettings
{
	double queries; /* of members that are blind */
} AdvEnsembleSettings;

typedef struct AdvAttackMethod
{
	const char *name;
	const char *words;                /* what it is, for people: with whose it is */
	const AdvParameter *parameters;   /* of AdvAttackSettings */
	int32_t steps;                    /* where none are said */
	double reach;                     /* alpha, where none is said, is this share of eps over the steps */
	bool random_start;                /* where nothing is said */
	size_t memory;                    /* floats kept for each input of a row */
	void (*set)(AdvAttackSettings *); /* own settings before anything is said; NULL: there are none */
	void (*begin)(const AdvClimb *);  /* x' has been put at its start; NULL: nothing to do */
	void (*move)(const AdvClimb *, const float *gradient,
				 float *x); /* one step along the gradient (n) of what is climbed */

	/* what only some have */
	AdvAim *
		aim; /* what is climbed; NULL: log-odds, down where there is a target, and the engine looks whether they settle */
	void (*start)(const AdvClimb *, float *x); /* a random start; NULL: adv_ball_random */
	bool (*look)(const AdvClimb *,
				 float *x); /* x has been judged; true: it is another now, to be judged again */
	void (*settle)(const AdvClimb *,
				   float *x); /* x = what the restart has come to, to be rounded to a grid */
	bool blind;               /* move is given no gradient (NULL) */
	bool roams;               /* x' may leave the ball, but not the clip range; an example counts in it */
	bool by_target;           /* each restart once for each of the most likely other classes */
	bool all_classes;         /* a step takes as many gradients as there are other classes */
	const AdvMember *members; /* of an ensemble, which has no steps of its own; NULL: it is none */
} AdvAttackMethod;

/* All methods; the first is that of who names none. The list ends with NULL. A method is known by its place in it, in one version. */
extern const AdvAttackMethod *const adv_attack_methods[];

/* Place of the method of a name, -1 when there is none. */
extern int adv_attack_method(const char *name);

/* How many there are. */
extern int adv_attack_count(void);

/* Whether rows can be made adversarial with it while training, where the defence says what is climbed. */
extern bool adv_attack_crafts(const AdvAttackMethod *method);

/* Floats for each input of a row that any method may ask for. */
extern size_t adv_attack_memory(void);

/* Settings of a method before anything is said. */
extern AdvAttackSettings adv_attack_unset(const AdvAttackMethod *method);

#endif
