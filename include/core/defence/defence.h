/*
 * defence.h
 *		What a method of adversarial training is: a row of a table. A new one is its file and its row (table.c).
 *
 * The training loop brings minibatches, slices and updates; a method says what becomes of the rows of a slice, what is minimised, and what is
 * to be done after an epoch. It sees slices, which depend on the task alone, never the size of the team.
 */
#ifndef ADV_DEFENCE_H
#define ADV_DEFENCE_H

#include "core/attack/method.h"
#include "core/base/team.h"
#include "core/network/network.h"

/*
 * What users say of a method, beside the attack that crafts. A method's parameters describe this struct: which of the members that several
 * methods share it has, and what it keeps in own. Plain data: it crosses to workers as it is.
 */
typedef struct AdvDefenceSettings
{
	double beta; /* weight of what compares rows with their examples; NaN: the method's */
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS];
} AdvDefenceSettings;

#define ADV_SETTING_BETA                                                                                     \
	{"beta", ADV_PARAMETER_NUMBER, offsetof(AdvDefenceSettings, beta), 0, 1e6, .said = true}

/* How examples are made adversarial while training. Zero: not at all, be it on rows that were crafted before (twins). */
typedef struct AdvRobust
{
	int32_t method; /* its place in adv_defences */
	int32_t attack; /* that crafts: its place in adv_attack_methods */
	AdvDefenceSettings settings;
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS]; /* the attack's own settings */
	AdvBall ball;                                    /* ball.unit lies in memory that all members share */
	double eps;                                      /* in units of the ball */
	double alpha;
	int32_t steps;
	bool random_start;
} AdvRobust;

/* One crafter: a member's own (craft.h). */
typedef struct AdvCraft
{
	AdvRobust how;
	const struct AdvDefence *defence; /* that crafts, and the attack that it crafts by: as how says, or others for a while */
	const AdvAttackMethod *attack;
	uint64_t seed;    /* of random starts */
	AdvWorkspace *ws; /* for backward passes, with the parameters under attack */
	float *x0;        /* (rows, inputs) what the rows were, kept */
	float *low;       /* (rows, inputs) bounds of x' */
	float *high;
	float *memory; /* (rows, inputs times what any attack's method may ask for) */
	float *logits; /* (rows, classes) of x, for methods that look at them */
} AdvCraft;

/* The objective of a slice. Examples are those of methods that train on both: else logits are theirs, and there are no others. */
typedef struct AdvObjective
{
	const AdvDefenceSettings *settings;
	int rows;
	int classes;
	const float *logits; /* (rows, classes) */
	const float *other;  /* (rows, classes) of the examples */
	const int32_t *label;
	float scale;     /* 1 / rows of the minibatch */
	float *d_logits; /* (rows, classes) receive the gradient of scale times the sum */
	float *d_other;
	int64_t *correct; /* rows that are right are added */
} AdvObjective;

/* What ended a training before its time. */
typedef struct AdvOutcome
{
	int32_t epoch;      /* from 1, in which it happened; 0: nothing. The parameters are those from before it. */
	double probe_before; /* accuracy under attack of the rows that are watched, before and after that epoch */
	double probe_after;
} AdvOutcome;

/* A training between two epochs, as a member sees it. */
typedef struct AdvWatch
{
	const AdvRobust *how;
	const AdvNetwork *net;
	AdvTeam *team;
	AdvCraft *craft;
	float *params; /* shared */
	void *state;   /* shared, of the method's state_size; part of checkpoints */
	int epoch;     /* from 0, that has just ended */
	size_t n_rows; /* for validation */
	int32_t (*load)(const void *arg, size_t i, float *x); /* the i-th of them into x (inputs); its label */
	const void *arg;
	AdvOutcome *outcome; /* shared; rank 0 writes it when the training ends here */
} AdvWatch;

typedef struct AdvDefence
{
	const char *name;
	const char *words;              /* what it is, for people: with whose it is */
	const AdvParameter *parameters; /* of AdvDefenceSettings */
	bool crafts;         /* rows of a slice are made adversarial before its passes */
	bool both;           /* it trains on rows and examples, which lie behind them: a slice has twice as many rows */
	bool one_step;       /* crafting is one step from a random point of the ball, whatever is said */
	bool watches;        /* after_epoch looks at validation rows */
	bool compares;       /* crafting begins with the logits of the rows as they are */
	int32_t steps;       /* of the attack that crafts, where none are said */
	double alpha;        /* likewise, a share of eps */
	void (*set)(AdvDefenceSettings *);                       /* before anything is said; NULL: nothing */
	AdvStatus (*check)(const AdvRobust *how, AdvError *err); /* NULL: nothing to check */
	void (*start)(const AdvCraft *c, int row, uint64_t key, uint64_t restart); /* x' of a row; NULL: as the attack starts */
	void (*climb)(const AdvCraft *c, int rows, const int32_t *label); /* gradients of what is climbed; NULL: of the log-odds */
	double (*loss)(const AdvObjective *o); /* sum over the rows of a slice; its gradients */
	size_t (*state_size)(const AdvNetwork *net);     /* bytes; NULL: none */
	void (*begin)(void *state);                      /* a training, with a zeroed state */
	AdvStatus (*after_epoch)(AdvWatch *w, bool *end); /* end: the training is over; all members say so; NULL: nothing to do */
} AdvDefence;

/* All methods; the first is standard training. The list ends with NULL. A method is known by its place in it, in one version. */
extern const AdvDefence *const adv_defences[];

/* Place of the method of a name, -1 when there is none. */
extern int adv_defence(const char *name);

/* The method of a training; standard training's for one that there is none of. */
extern const AdvDefence *adv_defence_of(const AdvRobust *how);

/* Have a crafter craft as how says, but for what the method does not leave to that. */
extern void adv_defence_craft(const AdvRobust *how, AdvCraft *c);

/* Settings of a method before anything is said. */
extern AdvDefenceSettings adv_defence_unset(const AdvDefence *defence);

/* Whether a training can be like this (ADV_INVALID). */
extern AdvStatus adv_defence_check(const AdvRobust *how, AdvError *err);

/* Bytes of a method's state. */
extern size_t adv_defence_state_size(const AdvRobust *how, const AdvNetwork *net);

#endif
