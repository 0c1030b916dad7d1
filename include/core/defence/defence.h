/*
 * defence.h
 *		What a method of adversarial training is: a row of a table. A new one is its file and its row (defences.c).
 *
 * The training (core/train) cuts minibatches into slices, has a team and memory, and updates parameters. A defence says what the rows of a
 * slice become before the passes that train, what is minimized, and what is looked at after an epoch. It sees a slice at a time and may
 * not ask who computes it, so that any team gives the same bits.
 *
 * What is each row's own stands in AdvSlice. A weight and an eps of each row would be two more of its arrays, read where rows are told
 * apart already: in the losses, and in adv_craft, which makes the bounds of each row. Who sets them by class or group would do so in a
 * hook like after_epoch, from what it has seen.
 */
#ifndef ADV_DEFENCE_H
#define ADV_DEFENCE_H

#include "core/attack/method.h"
#include "core/base/team.h"
#include "core/network/network.h"

#define ADV_SLICE_ROWS 32 /* most examples of a slice */

/*
 * What users say of a method. A method's parameters describe this struct: which of the members that several methods share it has, and
 * what it keeps in own. Plain data: it crosses to workers as it is.
 */
typedef struct AdvDefenceSettings
{
	double beta; /* weight of what is added to the loss; NaN: the method's */
	_Alignas(8) unsigned char own[ADV_OWN_SETTINGS];
} AdvDefenceSettings;

/* Row of a method's parameters for what methods share. */
#define ADV_SETTING_BETA                                                                                     \
	{                                                                                                        \
		"beta", ADV_PARAMETER_NUMBER, offsetof(AdvDefenceSettings, beta), 0, 1e6, .said = true               \
	}

/* How examples are made adversarial while training; zero: not at all. */
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
	bool random_start; /* where the defence leaves it to the attack */
} AdvRobust;

/* Examples that go through the passes together. Their rows are the first ones of the workspace's act[0]. */
typedef struct AdvSlice
{
	int rows;
	const int32_t *label; /* (rows) */
	const uint64_t *key;  /* (rows) with restart what random starts are drawn from */
	uint64_t restart;     /* the epoch, from 0 */
} AdvSlice;

struct AdvCraft;

/* A training under way as a member's defence sees it. */
typedef struct AdvDefending
{
	const AdvRobust *robust;
	AdvTeam *team;
	AdvWorkspace *ws;       /* of ADV_SLICE_ROWS times rows_per_example rows */
	struct AdvCraft *craft; /* works in ws */
	float *params;          /* shared, (n_params) */
	void *state;            /* shared, state_size bytes, zero to begin with; part of checkpoints */
	void *memory;           /* a member's own, of the method's size */
	double progress;        /* share of the training that lies behind the minibatch */
	int64_t minibatch;      /* its number, from 1, over all epochs */
	float *gradient;        /* (n_params) of methods that add to it: the slice's, to be added to */
	size_t n_validation;
	/* Expand validation row number i into x; returns its label. */
	int32_t (*validation_row)(const void *arg, size_t i, float *x);
	const void *validation_arg;
} AdvDefending;

typedef struct AdvDefence
{
	const char *name;
	const char *words;              /* what it is, for people: with whose it is */
	const AdvParameter *parameters; /* of AdvDefenceSettings */
	bool bounds; /* attacks nothing, but has a ball: tasks take of what is said of attacks only that */
	bool adds;   /* its loss adds to the gradient of all parameters, beside what goes back from the logits */
	bool noise;  /* craft adds noise, in units of the ball, and attacks nothing */
	int32_t steps;        /* of the attack that crafts, where none are said */
	int32_t most_steps;   /* 0: as many as one likes */
	double alpha;         /* where none is said, a share of eps */
	double validation;    /* where no rows are held out: the share of them that it wants to look at */
	int rows_per_example; /* 1: adversarial ones are in the place of natural ones; 2: behind them */
	int labelled; /* which of an example's rows the loss takes the cross-entropy of: 0, or 1, those behind */

	/* settings before anything is said; NULL: none has a default */
	void (*set)(AdvDefenceSettings *settings);

	/* whether such a network can be trained like this (ADV_INVALID); NULL: any can */
	AdvStatus (*check)(const AdvRobust *robust, const AdvNetwork *net, AdvError *err);

	/* bytes of a member's own memory, and what it begins with; NULL: none */
	size_t (*memory)(const AdvNetwork *net);
	void (*open)(AdvDefending *d);

	/* bytes of state; NULL: none */
	size_t (*state_size)(const AdvNetwork *net);

	/* the state of a training that begins; by one member */
	void (*start)(AdvDefending *d);

	/* make the rows of a slice adversarial; ADV_ABORTED when told to stop. NULL: they stay as they are. */
	AdvStatus (*craft)(AdvDefending *d, const AdvSlice *slice);

	/*
	 * The objective's sum over a slice after its forward pass. ws->d_act receives the gradient of scale times it with respect to the
	 * logits; correct counts examples that are classified correctly. NULL: the cross-entropy of the rows.
	 */
	double (*loss)(AdvDefending *d, const AdvSlice *slice, float scale, int64_t *correct);

	/*
	 * After each epoch, by all members together. ends: training is to end here, whatever is left of it; why then says so, and is read of
	 * one member.
	 */
	AdvStatus (*after_epoch)(AdvDefending *d, bool *ends, AdvError *why);
} AdvDefence;

/*
 * All methods; the first is that of standard training, and no word of users. The list ends with NULL. A method is known by its place in it,
 * in one version, and otherwise by its name.
 */
extern const AdvDefence *const adv_defences[];

/* Place of the method of a name, -1 when there is none. */
extern int adv_defence(const char *name);

/* The method of a training; standard training's for one that there is none of. */
extern const AdvDefence *adv_defence_of(const AdvRobust *robust);

/* Settings of a method before anything is said. */
extern AdvDefenceSettings adv_defence_unset(const AdvDefence *defence);

/* Bytes of a method's state. */
extern size_t adv_defence_state_size(const AdvRobust *robust, const AdvNetwork *net);

/* Whether a training can be like this (ADV_INVALID). */
extern AdvStatus adv_defence_check(const AdvRobust *robust, const AdvNetwork *net, AdvError *err);

#endif
