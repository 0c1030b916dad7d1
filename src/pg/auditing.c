/*
 * auditing.c
 *		All scores of several models on the same rows, with bootstrap intervals, and paired differences between two models.
 *
 * Each model reads the rows with its own encoder; what is kept of them is one number for each row and figure, in canonical order, so that
 * row i is the same for all models. Every score is then a mean of groups or the gap between them, and goes one way: figures().
 */
#include "pg/auditing.h"

#include <math.h>

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "pg/advpg.h"
#include "pg/callsite.h"
#include "pg/dictionary.h"
#include "pg/interval.h"
#include "pg/progress.h"
#include "pg/robustness.h"

/* What is known of one model's rows; arrays have a value for each row, in canonical order. */
typedef struct Audited
{
	AdvModel model;
	double *correct;   /* 1 when classified correctly */
	double **proba;    /* (classes) probability of a class */
	double **robust;   /* (eps) 1 when classified correctly under attack */
	double **success;  /* (eps) 1 when the attack succeeds */
	double *least_eps; /* NULL when not asked for */
} Audited;

typedef struct Auditing
{
	Oid schema;
	const AdvpgAuditTask *task;
	AdvpgAudit *audit;
	Audited *models;
	int classes;
	const char **class_names;
	size_t n;
	uint64_t *key;  /* of the rows, by the first model */
	int32_t *label; /* (n) */
	int32_t *all;   /* (n) of zeros: one group */
	int given;      /* class, -1: none */
} Auditing;

static double *
new_values(const Auditing *a)
{
	return palloc_extended(sizeof(double) * (a->n + 1), MCXT_ALLOC_HUGE);
}

/* ---- rows ---- */

/* The first model's rows are the measure; the others' must be the same. */
static void
align(Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;
	bool first = a->key == NULL;
	bool same = first || rows->n == a->n;

	if (rows->n == 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("data \"%s\" has no rows", rows->source));
	if (first)
	{
		a->n = rows->n;
		a->key = palloc_extended(sizeof(uint64_t) * a->n, MCXT_ALLOC_HUGE);
		a->label = palloc_extended(sizeof(int32_t) * a->n, MCXT_ALLOC_HUGE);
		a->all = palloc_extended(sizeof(int32_t) * a->n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	}
	for (size_t i = 0; i < a->n && same; i++)
	{
		uint32_t row = rows->canonical[i];

		if (first)
		{
			a->key[i] = rows->key[row];
			a->label[i] = rows->label[row];
		}
		else
			same = a->key[i] == rows->key[row] && a->label[i] == rows->label[row];
	}
	if (!same)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" reads other rows from data \"%s\" than model \"%s\"", e->name,
					   rows->source, a->audit->model[0]),
				errdetail(
					"Scores of several models are computed over the same rows. Rows are told apart by their "
					"id, or without one by what a model sees of them."),
				errhint("Give the data a primary key or the id named in training, and let no query return "
						"other rows each time."));
}

static void
check_classes(const Auditing *a, const AdvpgEvaluation *e)
{
	const AdvModel *first = &a->models[0].model;
	bool same = first->net.classes == e->model.net.classes;

	for (int c = 0; c < first->net.classes && same; c++)
		same = adv_text_compare(first->classes[c], e->model.classes[c]) == 0;
	if (!same)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" has other classes than model \"%s\"", e->name, a->audit->model[0]));
}

/* ---- one model ---- */

/* A value for each row from a flag of its attack. */
static double *
flag_values(const Auditing *a, const AdvpgRows *rows, const AdvpgAttacked *attacked, bool success)
{
	double *values = new_values(a);

	for (size_t i = 0; i < a->n; i++)
	{
		uint32_t row = rows->canonical[i];

		values[i] = success ? (attacked->flags[row] & ADV_ATTACK_SUCCESS) != 0
							: attacked->adversarial[row] == rows->label[row];
	}
	return values;
}

static void
look_at_predictions(Auditing *a, Audited *m, const AdvpgEvaluation *e)
{
	m->correct = new_values(a);
	m->proba = palloc(sizeof(double *) * a->classes);
	for (size_t i = 0; i < a->n; i++)
	{
		uint32_t row = e->rows->canonical[i];

		m->correct[i] = e->prediction[row] == e->rows->label[row];
	}
	for (int c = 0; c < a->classes && a->task->protected != NIL; c++)
	{
		m->proba[c] = new_values(a);
		for (size_t i = 0; i < a->n; i++)
			m->proba[c][i] = e->proba[(size_t) e->rows->canonical[i] * a->classes + c];
	}
}

static void
look_at_attacks(Auditing *a, Audited *m, AdvpgVictim *victim)
{
	const AdvpgAuditTask *task = a->task;
	const AdvpgRows *rows = victim->e->rows;
	AdvpgAttackTask attack = task->task;

	if (attack.eps_list != NIL)
	{
		advpg_victim_attack(victim, &attack, ADVPG_ONSLAUGHT_EACH);
		m->robust = palloc(sizeof(double *) * victim->n_attacked);
		m->success = palloc(sizeof(double *) * victim->n_attacked);
		for (int k = 0; k < victim->n_attacked; k++)
		{
			m->robust[k] = flag_values(a, rows, victim->attacked[k], false);
			m->success[k] = flag_values(a, rows, victim->attacked[k], true);
		}
	}
	if (task->eps_max)
	{
		attack.attack.eps = task->eps_max;
		advpg_victim_attack(victim, &attack, ADVPG_ONSLAUGHT_SEARCH);
		m->least_eps = new_values(a);
		for (size_t i = 0; i < a->n; i++)
			m->least_eps[i] = victim->attacked[0]->eps[rows->canonical[i]];
	}
}

static void
look_at_model(Auditing *a, int number)
{
	const AdvpgAuditTask *task = a->task;
	AdvpgEvaluationSpec spec = {.schema = a->schema, .need_label = true, .want_order = true};
	Audited *m = &a->models[number];
	AdvpgVictim *victim;

	spec.model = list_nth(task->models, number);
	spec.data = task->task.data;
	spec.given = task->given;
	spec.need_proba = task->protected != NIL;
	spec.workers = task->task.workers;
	victim = advpg_victim_open(&spec, NULL);
	m->model = victim->e->model;
	a->audit->model[number] = victim->e->name;
	a->classes = m->model.net.classes;
	a->given = victim->e->given;
	check_classes(a, victim->e);
	align(a, victim->e);
	advpg_evaluation_predict(victim->e, &spec);
	look_at_predictions(a, m, victim->e);
	look_at_attacks(a, m, victim);
	advpg_rows_release(victim->e->rows);
}

/* ---- figures ---- */

/* What is common to the figures of one call. */
typedef struct Kind
{
	const char *metric; /* of the groups' means; NULL: not wanted */
	const char *gap;    /* of the gap between them; NULL: not wanted */
	double eps;
	const char *class; /* NULL: groups are classes, or there is one group */
	const char *attribute;
} Kind;

static void
add_figure(Auditing *a, const char *metric, const Kind *kind, const char *class, const char *group,
		   const AdvInterval *value, int stride, const AdvInterval *difference, int64 n)
{
	AdvpgFigure *figure = palloc0(sizeof(AdvpgFigure));

	figure->metric = metric;
	figure->eps = kind->eps;
	figure->class = class;
	figure->attribute = kind->attribute;
	figure->group = group;
	figure->value = palloc(sizeof(AdvInterval) * a->audit->n_models);
	for (int m = 0; m < a->audit->n_models; m++)
		figure->value[m] = value[m * stride];
	if (difference)
		figure->difference = *difference;
	figure->n = n;
	a->audit->figures = lappend(a->audit->figures, figure);
}

/* Means of groups, and their gap, of one value for each row and model. names (n_groups) may be NULL for one group of all. */
static void
figures(Auditing *a, const Kind *kind, const int32_t *group, int n_groups, const char **names,
		const double **values)
{
	int n_models = a->audit->n_models;
	AdvInterval *mean = palloc(sizeof(AdvInterval) * n_models * n_groups);
	AdvInterval *gap = palloc(sizeof(AdvInterval) * n_models);
	AdvInterval *d_mean = n_models > 1 ? palloc(sizeof(AdvInterval) * n_models * n_groups) : NULL;
	AdvInterval *d_gap = n_models > 1 ? palloc(sizeof(AdvInterval) * n_models) : NULL;
	int64_t *n = palloc(sizeof(int64_t) * n_groups);
	int64 total = 0;

	advpg_bootstrap(a->task->level, a->task->replicates, (uint64) (int64) a->task->task.seed, a->n, group,
					n_groups, n_models, values, mean, gap, d_mean, d_gap, n);
	for (int g = 0; g < n_groups; g++)
	{
		total += n[g];
		if (kind->metric)
			add_figure(a, kind->metric, kind, kind->attribute || !names ? kind->class : names[g],
					   kind->attribute ? names[g] : NULL, &mean[g], n_groups,
					   d_mean ? &d_mean[n_groups + g] : NULL, n[g]);
	}
	if (kind->gap)
		add_figure(a, kind->gap, kind, kind->class, NULL, gap, 1, d_gap ? &d_gap[1] : NULL, total);
}

/* One member of all models, as figures() wants it. */
#define VALUES(values, member)                                                                               \
	const double **values = palloc(sizeof(double *) * a->audit->n_models);                                   \
	for (int m = 0; m < a->audit->n_models; m++)                                                             \
	values[m] = a->models[m].member

static void
class_figures(Auditing *a)
{
	VALUES(correct, correct);

	figures(a, &(Kind){"accuracy", NULL, NAN}, a->all, 1, NULL, correct);
	figures(a, &(Kind){"class_accuracy", "cau", NAN}, a->label, a->classes, a->class_names, correct);
}

static void
robustness_figures(Auditing *a)
{
	for (int k = 0; k < list_length(a->task->task.eps_list); k++)
	{
		double eps = *(double *) list_nth(a->task->task.eps_list, k);
		VALUES(robust, robust[k]);
		VALUES(success, success[k]);

		figures(a, &(Kind){"robust_accuracy", NULL, eps}, a->all, 1, NULL, robust);
		figures(a, &(Kind){"success_rate", "cru_s", eps}, a->label, a->classes, a->class_names, success);
	}
	if (a->task->eps_max)
	{
		VALUES(least_eps, least_eps);

		figures(a, &(Kind){"least_eps", "cru_eps", NAN}, a->label, a->classes, a->class_names, least_eps);
	}
}

/* ---- protected attributes ---- */

static int
compare_codes(const void *x, const void *y, void *arg)
{
	const AdvText *texts = arg;

	return adv_text_compare(texts[*(const int *) x], texts[*(const int *) y]);
}

/* An attribute's values in the order of their text, and each row's; -1 for a row that does not count. */
static int32_t *
read_attribute(Auditing *a, const char *attribute, int *n_groups, const char ***names)
{
	AdvpgEvaluationSpec spec = {.schema = a->schema, .need_label = true, .want_order = true};
	int32_t *group = palloc_extended(sizeof(int32_t) * a->n, MCXT_ALLOC_HUGE);
	AdvpgEvaluation *e;
	int *order;
	int *place;
	int32_t first = -1;
	bool several = false;

	spec.model = linitial(a->task->models);
	spec.data = a->task->task.data;
	spec.attribute = attribute;
	e = advpg_evaluation_open(&spec);
	align(a, e);
	*n_groups = e->rows->attributes.n;
	order = palloc(sizeof(int) * (*n_groups + 1));
	place = palloc0(sizeof(int) * (*n_groups + 1));
	*names = palloc(sizeof(char *) * (*n_groups + 1));
	for (int g = 0; g < *n_groups; g++)
		order[g] = g;
	qsort_arg(order, *n_groups, sizeof(int), compare_codes, e->rows->attributes.texts);
	for (int g = 0; g < *n_groups; g++)
	{
		place[order[g]] = g;
		(*names)[g] = advpg_text_cstring(e->rows->attributes.texts[order[g]]);
	}
	for (size_t i = 0; i < a->n; i++)
	{
		int code = e->rows->attribute[e->rows->canonical[i]];
		bool counts = code >= 0 && (a->given < 0 || a->label[i] == a->given);

		group[i] = counts ? place[code] : -1;
		if (counts && first < 0)
			first = group[i];
		several |= counts && group[i] != first;
	}
	advpg_rows_release(e->rows);
	if (!several)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("attribute \"%s\" has fewer than two values, so there is nothing to compare", attribute),
			a->given >= 0 ? errdetail("Only rows whose label is \"%s\" count.", a->class_names[a->given])
						  : 0);
	return group;
}

/* The probability of which class: of two one says it all. */
static void
attribute_figures(Auditing *a, const char *attribute)
{
	int n_groups;
	const char **names;
	int32_t *group = read_attribute(a, attribute, &n_groups, &names);

	for (int c = a->classes == 2 ? 1 : 0; c < a->classes; c++)
	{
		VALUES(proba, proba[c]);

		figures(a, &(Kind){"group_confidence", "eou", NAN, a->class_names[c], attribute}, group, n_groups,
				names, proba);
	}
}

/* ---- the audit ---- */

static void
run(Auditing *a)
{
	const AdvpgAuditTask *task = a->task;
	ListCell *cell;

	a->audit->n_models = list_length(task->models);
	a->audit->model = palloc0(sizeof(char *) * a->audit->n_models);
	a->models = palloc0(sizeof(Audited) * a->audit->n_models);
	for (int m = 0; m < a->audit->n_models; m++)
		look_at_model(a, m);
	a->class_names = palloc(sizeof(char *) * a->classes);
	for (int c = 0; c < a->classes; c++)
		a->class_names[c] = advpg_text_cstring(a->models[0].model.classes[c]);

	advpg_progress_phase("resampling", 0);
	class_figures(a);
	robustness_figures(a);
	foreach (cell, task->protected)
		attribute_figures(a, lfirst(cell));
}

AdvpgAudit *
advpg_audit(Oid schema, const AdvpgAuditTask *task)
{
	Auditing a = {.schema = schema, .task = task};
	MemoryContext context = CurrentMemoryContext;

	advpg_check_interval(task->level, task->replicates);
	if (task->models == NIL)
		advpg_task_invalid("models", "is missing");
	if (task->task.data == NULL)
		advpg_task_invalid("data", "is missing");
	a.audit = palloc0(sizeof(AdvpgAudit));
	SPI_connect();
	MemoryContextSwitchTo(context);
	advpg_progress_begin("audit", linitial(task->models));
	PG_TRY();
	{
		run(&a);
	}
	PG_FINALLY();
	{
		advpg_progress_end();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextSwitchTo(context);
	return a.audit;
}
