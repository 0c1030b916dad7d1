/*
 * task.h
 *		Tasks: the one description of a run. A task is a jsonb object, checked strictly against the table of its kind's keys.
 */
#ifndef ADVPG_TASK_H
#define ADVPG_TASK_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "core/attack/attack.h"
#include "core/certify/certify.h"
#include "core/train/train.h"
#include "pg/base/compat.h"
#include "pg/task/parameter.h"

typedef enum AdvpgMissing
{
	ADVPG_MISSING_ERROR,
	ADVPG_MISSING_DROP
} AdvpgMissing;

/*
 * How a robust classifier is trained: on the rows and their adversarial twins, the paper's way, which is a matter of data and not of loss; or by
 * one of adv_defences, counted on from there.
 */
#define ADVPG_METHOD_NONE   0
#define ADVPG_METHOD_MERGED 1

typedef enum AdvpgEpsUnit
{
	ADVPG_EPS_INPUT, /* what the network's input layer sees */
	ADVPG_EPS_SD     /* standard deviations of each input */
} AdvpgEpsUnit;

/* In all tasks: a number the user left out is NaN, a string NULL, a list NIL, a boolean -1; what has a default has it. */

/* How inputs are perturbed, as users say it. */
typedef struct AdvpgAttackSettings
{
	int method; /* of adv_attack_methods, counted from 1; 0: the first, or what the task is about */
	JsonbValue *
		settings; /* what users say of the method by an object; NULL: nothing. Read, it is part of the next. */
	AdvAttackSettings how; /* alpha: in the unit of eps; with eps per column, a share of it */
	JsonbValue *eps;       /* a number, an array (one per column), or an object (columns by name) */
	const char *eps_key;   /* what the user knows it by; NULL: eps */
	int norm;              /* AdvNorm */
	char *targeted;        /* a class */
	char *craft_on;        /* a model */
	List *mutable;         /* of char *: columns */
	int feasible;
	int eps_unit; /* AdvpgEpsUnit */
	double clip_min;
	double clip_max;
} AdvpgAttackSettings;

/* The method that settings are of. */
static inline const AdvAttackMethod *
advpg_attack_method(const AdvpgAttackSettings *settings)
{
	return adv_attack_methods[settings->method > 0 ? settings->method - 1 : 0];
}

/* A training task: kind train, or adv_train. */
typedef struct AdvpgTrainTask
{
	bool adversarial; /* kind adv_train */
	char *model;      /* NULL for advfair_fit */
	char *data;
	char *label;
	List *features; /* of char *; NIL: all */
	List *exclude;
	char *id;
	char *arch;        /* NULL: the paper's network for the kind of data */
	List *input_shape; /* of double *: channels, height, width; NIL: not an image */
	int encoding;      /* AdvEncoding; 0: the source's, or standard */
	int scale;         /* 1, 0, or -1: as the encoding wants it */
	char *oversample;  /* NULL, "balance" or "xN" */
	int missing;       /* AdvpgMissing */
	int unseen;        /* AdvUnseen; 0: the source's, or error */
	int optimizer;     /* AdvOptimizerKind */
	double learning_rate;
	double momentum;
	double weight_decay;
	int init; /* AdvInit */
	double epochs;
	double batch_size;
	char *validation; /* NULL, a fraction of the rows, or a relation or query */
	char *session;    /* whose temporary tables these are, NULL when they are none */
	double seed;
	double workers; /* 0: advfair.workers */
	AdvTrainOptions options;

	/* adv_train alone */
	int method;      /* ADVPG_METHOD_MERGED, or 1 + a place in adv_defences */
	char *source;    /* merged: the model that crafts; NULL: one is trained first */
	char *source_id; /* its model_id */
	int warm;        /* merged: start from the source's weights */
	AdvDefenceSettings defence;
	AdvpgAttackSettings attack;
} AdvpgTrainTask;

/* The method of a training in the core: standard training for a method that is not the core's. */
static inline const AdvDefence *
advpg_defence(const AdvpgTrainTask *task)
{
	return adv_defences[task->method > ADVPG_METHOD_MERGED ? task->method - 1 : 0];
}

typedef enum AdvpgDenominator
{
	ADVPG_DENOMINATOR_ALL,    /* success rate over all rows */
	ADVPG_DENOMINATOR_CORRECT /* over those classified correctly when clean */
} AdvpgDenominator;

/* An attack on rows: kind attack (at attack.eps), least_eps, class_least_eps, or class_robustness (at each of eps_list). */
typedef struct AdvpgAttackTask
{
	char *model;
	char *data;
	char *id;                   /* column of data; NULL: that of the model's training, or the primary key */
	AdvpgAttackSettings attack; /* least_eps: eps is eps_max */
	int certified;              /* least_eps: a lower bound is wanted, too */
	int mode;                   /* AdvSearchMode */
	double step;
	double tol;
	List *eps_list;  /* of double * */
	int denominator; /* AdvpgDenominator */
	double seed;
	double workers;
} AdvpgAttackTask;

/* Certificates of rows: kind certify. */
typedef struct AdvpgCertifyTask
{
	char *model;
	char *data;
	char *id;                   /* column of data, as in an attack */
	int method;                 /* place in adv_certify_methods */
	AdvpgAttackSettings attack; /* the ball; eps is eps_max */
	AdvCertifySettings how;
	double seed;
	double workers;
} AdvpgCertifyTask;

/* All scores of several models at once: kind audit, or compare (two models). */
typedef struct AdvpgAuditTask
{
	List *models;  /* of char * */
	char *model_a; /* compare */
	char *model_b;
	List *protected;          /* of char *: columns */
	char *given;              /* a class */
	double level;             /* of intervals */
	double replicates;        /* of the bootstrap */
	JsonbValue *eps_max;      /* of least eps; NULL: none */
	AdvpgAttackTask task;     /* data, id, eps_list, seed, workers, how to attack */
	AdvpgCertifyTask certify; /* method, -1: nothing is certified; how; the rest is that of the attack */
} AdvpgAuditTask;

/* Many trainings without one row each: kind luf. */
typedef struct AdvpgLufTask
{
	char *model;
	char *data;
	char *id;            /* column of data, as in an attack */
	double leave_out;    /* how many rows */
	List *leave_out_ids; /* of char *: these rows */
	int vary_seed;
	int regenerate;
	double seed; /* draws the rows that are left out */
	double workers;
} AdvpgLufTask;

/* A training again, and whether its model takes the place of the last one: kind retrain. */
typedef struct AdvpgRetrainTask
{
	char *model;
	char *promote_if;     /* a condition on metrics, or NULL */
	AdvpgAuditTask audit; /* how both are judged; data NULL: the training's own validation rows */
} AdvpgRetrainTask;

/* What may change in rows as SQL has them, and what must hold then. */
typedef struct AdvpgChangeSettings
{
	List *mutable;       /* of char *: columns */
	JsonbValue *clip;    /* ranges of numbers, by column */
	JsonbValue *step;    /* of numbers, by column */
	List *constraints;   /* of char *: expressions */
	JsonbValue *derived; /* expressions, by column */
	JsonbValue *cost;    /* weights, by column */
	double budget;       /* the most that a change may cost */
} AdvpgChangeSettings;

/* An attack by queries on a model that SQL can call: kind attack_sql. */
typedef struct AdvpgQueryTask
{
	char *data;
	char *label;
	char *predict; /* an expression */
	List *classes; /* of char * */
	char *id;
	JsonbValue *eps; /* a number, or an object */
	int eps_unit;    /* AdvpgEpsUnit */
	char *targeted;  /* a class */
	AdvpgChangeSettings change;
	double queries;
	double seed;
} AdvpgQueryTask;

/* The cheapest changes that reach a class: kind recourse. */
typedef struct AdvpgRecourseTask
{
	char *model;
	char *data;
	char *target; /* a class */
	char *id;
	AdvpgChangeSettings change;
	double k; /* how many of them */
	double queries;
	double seed;
} AdvpgRecourseTask;

typedef struct AdvpgTaskKind AdvpgTaskKind;

extern const AdvpgTaskKind advpg_attack_kind;
extern const AdvpgTaskKind advpg_fgsm_kind;
extern const AdvpgTaskKind advpg_least_eps_kind;
extern const AdvpgTaskKind advpg_class_least_eps_kind;
extern const AdvpgTaskKind advpg_class_robustness_kind;
extern const AdvpgTaskKind advpg_audit_kind;
extern const AdvpgTaskKind advpg_compare_kind;
extern const AdvpgTaskKind advpg_certify_kind;
extern const AdvpgTaskKind advpg_luf_kind;
extern const AdvpgTaskKind advpg_retrain_kind;
extern const AdvpgTaskKind advpg_query_kind;
extern const AdvpgTaskKind advpg_recourse_kind;

/*
 * Check a task of a kind (its "kind" may be left out) and fill in defaults; result is that kind's struct. Errors (22023) name
 * the key, and list the allowed ones where it is unknown.
 */
extern void advpg_task_read(const AdvpgTaskKind *kind, Jsonb *task, void *result);

/* The method's settings (AdvpgCertifyTask), as far as they are said. */
extern void advpg_certify_settle(void *task);

/* The same for an audit and for a retraining that is judged by one (AdvpgAuditTask, AdvpgRetrainTask). */
extern void advpg_audit_settle(void *task);
extern void advpg_retrain_settle(void *task);

/* Bytes of a kind's struct. */
extern size_t advpg_task_size(const AdvpgTaskKind *kind);

/* Training tasks of either kind. need_model says whether "model" must be there or must not. */
extern void advpg_train_task_read(Jsonb *task, bool need_model, AdvpgTrainTask *result);

/* The task again, complete, as it is stored with the model. */
extern Jsonb *advpg_train_task_write(const AdvpgTrainTask *task);

/* A text member of a stored task, NULL when absent. */
extern char *advpg_task_text(Jsonb *task, const char *key);

#endif
