/*
 * auditing.c
 *		All scores of several models on the same rows, with bootstrap intervals, and paired differences between two models.
 *
 * Each model reads the rows with its own encoder; what is kept of them is one number for each row and figure, in canonical order, so that
 * row i is the same for all models. Every score is then a mean of groups or the gap between them, and goes one way: figures().
 */
#include "pg/operation/auditing.h"

#include <math.h>

#include "executor/spi.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/interval.h"
#include "pg/model/callsite.h"
#include "pg/data/dictionary.h"
#include "pg/base/jobsession.h"
#include "pg/base/progress.h"
#include "pg/operation/robustness.h"

/* What is known of one model's rows; arrays have a value for each row, in canonical order. */
typedef struct Audited
{
	double *correct;   /* 1 when classified correctly */
	double **proba;    /* (classes) probability of a class; NULL without a protected attribute */
	double **robust;   /* (eps) 1 when classified correctly under attack */
	double **success;  /* (eps) 1 when the attack succeeds */
	double *least_eps; /* NULL when not asked for */
	bool any_broken;   /* a least eps was found for some row */
} Audited;

/* A model whose rows have been read. */
typedef struct Opened
{
	MemoryContext work; /* of what this model alone needs */
	AdvpgEvaluationSpec spec;
	AdvpgVictim *victim; /* NULL: not yet */
} Opened;

/* A protected attribute. */
typedef struct Attribute
{
	const char *name;
	int n_groups;
	const char **groups; /* (n_groups) its values in the order of their bytes */
	int32_t *group;      /* (n) of each row, -1 for one that does not count */
	size_t n_missing;    /* rows that would count, were it not NULL */
	double *missing;     /* (n) 1 for these, 0 for those that count, NaN for the others; NULL without them */
} Attribute;

typedef struct Auditing
{
	MemoryContext context; /* of what outlives one model */
	Oid schema;
	const AdvpgAuditTask *task;
	const AdvpgEntry **entries; /* of models that are not in the registry, or NULL */
	const AdvpgHeldOut *held_out;
	AdvpgAudit *audit;
	Audited *models;
	Opened *opened;
	Attribute *attributes; /* (length of task->protected) */

	/* by the first model, which is the measure of the others */
	int classes; /* 0: no model was opened so far */
	const char **class_names;
	const char *label_name;
	int given; /* class, -1: none */
	size_t n;
	uint64_t *key;     /* (n) in canonical order, as all that follows */
	uint64_t *content; /* (n) hash of what the model sees */
	int32_t *label;
	int32_t *all; /* zeros: one group */
} Auditing;

/* Memory for one element for each row. */
static void *
new_array(const Auditing *a, size_t size)
{
	return MemoryContextAllocHuge(a->context, mul_size(size, a->n + 1));
}

/* ---- rows ---- */

static void
take_measure(Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;
	MemoryContext old = MemoryContextSwitchTo(a->context);

	a->classes = a->audit->n_classes = e->model.net.classes;
	a->class_names = palloc(sizeof(char *) * a->classes);
	for (int c = 0; c < a->classes; c++)
		a->class_names[c] = advpg_text_cstring(e->model.classes[c]);
	a->label_name = advpg_text_cstring(e->model.label);
	MemoryContextSwitchTo(old);
	a->given = e->given;
	advpg_rows_check_any(rows);
	a->n = rows->n;
	a->key = new_array(a, sizeof(uint64_t));
	a->content = new_array(a, sizeof(uint64_t));
	a->label = new_array(a, sizeof(int32_t));
	a->all = new_array(a, sizeof(int32_t));
	memset(a->all, 0, sizeof(int32_t) * a->n);
	ADVPG_EACH (i, a->n)
	{
		uint32_t row = rows->canonical[i];

		a->key[i] = rows->key[row];
		a->content[i] = rows->content[row];
		a->label[i] = rows->label[row];
	}
}

static void
check_classes(const Auditing *a, const AdvpgEvaluation *e)
{
	bool same = a->classes == e->model.net.classes;

	for (int c = 0; c < a->classes && same; c++)
		same = advpg_same_class(advpg_cstring_text(a->class_names[c]), e->model.classes[c]);
	if (!same)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" has other classes than model \"%s\"", e->name, a->audit->model[0]));
}

static void
check_same_rows(const Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;
	bool same = rows->n == a->n;

	for (size_t i = 0; i < a->n && same; i++)
	{
		uint32_t row = rows->canonical[i];

		CHECK_FOR_INTERRUPTS();
		same = a->key[i] == rows->key[row] && a->label[i] == rows->label[row];
	}
	if (!same && adv_text_compare(advpg_cstring_text(a->label_name), e->model.label) != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" has another label than model \"%s\"", e->name, a->audit->model[0]),
				errdetail("Their label columns are \"%s\" and \"%s\".", advpg_text_cstring(e->model.label),
						  a->label_name));
	if (!same)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" reads other rows from data \"%s\" than model \"%s\"", e->name,
					   rows->source, a->audit->model[0]),
				errdetail("Scores of several models are computed over the same rows. Rows are told apart by "
						  "their id, or without one by what a model sees of them."),
				errhint("Name the column that tells rows apart by id, and let no query return other rows "
						"each time."));
}

/*
 * Rows that share an id are ordered by what a model sees of them. Where another model sees something else, its order of these rows is
 * another one: nobody can tell which of them is which.
 */
static void
check_shared_ids(const Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;

	ADVPG_EACH (i, a->n)
		if (i > 0 && a->key[i] == a->key[i - 1] &&
			(a->content[i] != rows->content[rows->canonical[i]] ||
			 a->content[i - 1] != rows->content[rows->canonical[i - 1]]))
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("rows of data \"%s\" share ids, and model \"%s\" has other features than model \"%s\"",
					   rows->source, e->name, a->audit->model[0]),
				errdetail("Column \"%s\" does not tell which row of one model is which of the other.",
						  rows->id_name),
				errhint("Give the data an id whose values are distinct, or audit these models apart."));
}

/* A model of the audit with its rows, which are found to be those of the others. */
static AdvpgVictim *
open_model(Auditing *a, int number, const char *attribute, AdvpgEvaluationSpec *spec)
{
	AdvpgVictim *victim;

	*spec = (AdvpgEvaluationSpec){.schema = a->schema, .need_label = true, .want_order = true};
	spec->model = list_nth(a->task->models, number);
	spec->data = a->task->task.data;
	spec->id = a->task->task.id;
	spec->given = a->task->given;
	spec->attribute = attribute;
	spec->need_proba = a->task->protected != NIL;
	spec->workers = a->task->task.workers;
	spec->quiet = a->classes > 0;
	spec->entry = a->entries ? a->entries[number] : NULL;
	spec->held_out = a->held_out;
	victim = advpg_victim_open(spec, NULL);
	if (a->classes == 0)
		take_measure(a, victim->e);
	if (a->audit->model[number] == NULL)
		a->audit->model[number] = MemoryContextStrdup(a->context, victim->e->name);
	check_classes(a, victim->e);
	check_same_rows(a, victim->e);
	check_shared_ids(a, victim->e);
	return victim;
}

/* ---- protected attributes ---- */

static int
compare_codes(const void *x, const void *y, void *arg)
{
	const AdvText *texts = arg;

	return adv_text_compare(texts[*(const int *) x], texts[*(const int *) y]);
}

/* The attribute's values in order, and in place (n_groups) where each code's stands. */
static void
order_groups(const Auditing *a, Attribute *attribute, const AdvpgDictionary *values, int *place)
{
	MemoryContext old = MemoryContextSwitchTo(a->context);
	int *order = palloc(sizeof(int) * (values->n + 1));

	attribute->n_groups = values->n;
	attribute->groups = palloc(sizeof(char *) * (values->n + 1));
	for (int g = 0; g < values->n; g++)
		order[g] = g;
	qsort_interruptible(order, values->n, sizeof(int), compare_codes, values->texts);
	for (int g = 0; g < values->n; g++)
	{
		place[order[g]] = g;
		attribute->groups[g] = advpg_text_cstring(values->texts[order[g]]);
	}
	pfree(order);
	MemoryContextSwitchTo(old);
}

/* Which group each row is of. */
static void
assign_groups(const Auditing *a, Attribute *attribute, const AdvpgRows *rows, const int *place)
{
	attribute->group = new_array(a, sizeof(int32_t));
	if (attribute->n_missing > 0)
		attribute->missing = new_array(a, sizeof(double));
	ADVPG_EACH (i, a->n)
	{
		int code = rows->attribute[rows->canonical[i]];
		bool counts = a->given < 0 || a->label[i] == a->given;

		attribute->group[i] = counts && code >= 0 ? place[code] : -1;
		if (attribute->missing)
			attribute->missing[i] = counts ? code < 0 : NAN;
	}
}

/* Begin memory that goes with end_work: what one reading of the rows needs is not kept beside that of the next. */
static MemoryContext
begin_work(const Auditing *a)
{
	return MemoryContextSwitchTo(
		AllocSetContextCreate(a->context, "advfair audited model", ALLOCSET_DEFAULT_SIZES));
}

static void
end_work(MemoryContext old)
{
	MemoryContext work = MemoryContextSwitchTo(old);

	MemoryContextDelete(work);
}

static void
read_attribute(Auditing *a, int number)
{
	Attribute *attribute = &a->attributes[number];
	MemoryContext old = begin_work(a);
	AdvpgEvaluationSpec spec;
	AdvpgEvaluation *e;
	AdvpgRows *rows;
	int *place;

	attribute->name = list_nth(a->task->protected, number);
	e = open_model(a, 0, attribute->name, &spec)->e;
	rows = e->rows;
	attribute->n_missing = advpg_count_missing(e, attribute->name);
	place = palloc(sizeof(int) * (rows->attributes.n + 1));
	order_groups(a, attribute, &rows->attributes, place);
	assign_groups(a, attribute, rows, place);
	advpg_rows_release(rows);
	end_work(old);
}

/* ---- one model ---- */

/* A value for each row from what its attack did. */
static double *
attack_values(const Auditing *a, const AdvpgRows *rows, const AdvpgAttacked *attacked, bool success)
{
	double *values = new_array(a, sizeof(double));

	ADVPG_EACH (i, a->n)
	{
		uint32_t row = rows->canonical[i];

		values[i] = success ? (attacked->flags[row] & ADV_ATTACK_SUCCESS) != 0
							: attacked->adversarial[row] == rows->label[row];
	}
	return values;
}

static void
look_at_predictions(const Auditing *a, Audited *m, const AdvpgEvaluation *e)
{
	m->correct = new_array(a, sizeof(double));
	ADVPG_EACH (i, a->n)
	{
		uint32_t row = e->rows->canonical[i];

		m->correct[i] = e->prediction[row] == e->rows->label[row];
	}
	if (e->proba == NULL)
		return;
	m->proba = MemoryContextAlloc(a->context, sizeof(double *) * a->classes);
	for (int c = 0; c < a->classes; c++)
	{
		m->proba[c] = new_array(a, sizeof(double));
		ADVPG_EACH (i, a->n)
			m->proba[c][i] = e->proba[(size_t) e->rows->canonical[i] * a->classes + c];
	}
}

static void
look_at_attacks(const Auditing *a, Audited *m, AdvpgVictim *victim)
{
	const AdvpgAuditTask *task = a->task;
	const AdvpgRows *rows = victim->e->rows;
	AdvpgAttackTask attack = task->task;

	if (attack.eps_list != NIL)
	{
		advpg_victim_attack(victim, &attack, ADVPG_ONSLAUGHT_EACH);
		m->robust = MemoryContextAlloc(a->context, sizeof(double *) * victim->n_attacked);
		m->success = MemoryContextAlloc(a->context, sizeof(double *) * victim->n_attacked);
		for (int k = 0; k < victim->n_attacked; k++)
		{
			m->robust[k] = attack_values(a, rows, victim->attacked[k], false);
			m->success[k] = attack_values(a, rows, victim->attacked[k], true);
		}
	}
	if (task->eps_max)
	{
		attack.attack.eps = task->eps_max;
		attack.attack.alpha = NAN; /* it is for the eps of the list; a search has a step of its own */
		advpg_victim_attack(victim, &attack, ADVPG_ONSLAUGHT_SEARCH);
		m->any_broken = advpg_any_broken(victim);
		m->least_eps = new_array(a, sizeof(double));
		ADVPG_EACH (i, a->n)
			m->least_eps[i] = victim->attacked[0]->eps[rows->canonical[i]];
	}
}

/* Messages about a row should say which of the models saw it. */
static void
add_context(void *model)
{
	errcontext("audit of model \"%s\"", (char *) model);
}

/* Read a model and its rows. */
static void
read_model(Auditing *a, int number)
{
	Opened *o = &a->opened[number];
	MemoryContext old = begin_work(a);

	o->victim = open_model(a, number, NULL, &o->spec);
	o->work = MemoryContextSwitchTo(old);
}

static void
look_at_model(Auditing *a, int number)
{
	Opened *o = &a->opened[number];
	ErrorContextCallback context = {error_context_stack, add_context};
	MemoryContext old;

	if (o->victim == NULL)
		read_model(a, number);
	old = MemoryContextSwitchTo(o->work);
	context.arg = a->audit->model[number];
	error_context_stack = &context;
	advpg_evaluation_predict(o->victim->e, &o->spec);
	look_at_predictions(a, &a->models[number], o->victim->e);
	look_at_attacks(a, &a->models[number], o->victim);
	error_context_stack = context.previous;
	advpg_rows_release(o->victim->e->rows);
	end_work(old);
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

	advpg_interval_estimate(
		(AdvBootstrap){a->task->replicates, a->task->level, (uint64) (int64) a->task->task.seed},
		&(AdvGrouped){a->n, group, n_groups, n_models, values},
		&(AdvEstimates){.of = {mean, gap}, .change = {d_mean, d_gap}, .n = n});
	for (int g = 0; g < n_groups; g++)
	{
		total += n[g];
		if (kind->metric)
			add_figure(a, kind->metric, kind, kind->attribute || !names ? kind->class : names[g],
					   kind->attribute && names ? names[g] : NULL, &mean[g], n_groups,
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

/* Where no row is broken all means are eps_max: the gap between them would look like fairness. */
static void
withdraw_unbroken(Auditing *a, AdvpgFigure *gap)
{
	const AdvInterval none = {NAN, NAN, NAN};

	for (int m = 0; m < a->audit->n_models; m++)
		if (!a->models[m].any_broken && !isnan(gap->value[m].value))
		{
			gap->unbroken = true;
			gap->value[m] = none;
			gap->difference = none;
		}
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
		withdraw_unbroken(a, llast(a->audit->figures));
	}
}

/* What share of the rows is in no group; the probability of which class: of two one says it all. */
static void
attribute_figures(Auditing *a, const Attribute *attribute)
{
	if (attribute->missing)
	{
		const double **missing = palloc(sizeof(double *) * a->audit->n_models);

		for (int m = 0; m < a->audit->n_models; m++)
			missing[m] = attribute->missing;
		figures(a, &(Kind){ADVPG_METRIC_MISSING, NULL, NAN, NULL, attribute->name}, a->all, 1, NULL, missing);
	}
	for (int c = a->classes == 2 ? 1 : 0; c < a->classes; c++)
	{
		VALUES(proba, proba[c]);

		figures(a, &(Kind){"group_confidence", "eou", NAN, a->class_names[c], attribute->name},
				attribute->group, attribute->n_groups, attribute->groups, proba);
	}
}

/* ---- the audit ---- */

/*
 * Attributes come before attacks: what is wrong with them shall not be told after hours. A job, whose transaction ends when it computes,
 * reads for all models before; otherwise one model's rows at a time are enough.
 */
static void
run(Auditing *a)
{
	int n_models = list_length(a->task->models);
	int n_attributes = list_length(a->task->protected);

	a->audit->n_models = n_models;
	a->audit->model = palloc0(sizeof(char *) * n_models);
	a->models = palloc0(sizeof(Audited) * n_models);
	a->attributes = palloc0(sizeof(Attribute) * (n_attributes + 1));
	for (int k = 0; k < n_attributes; k++)
		read_attribute(a, k);
	a->opened = palloc0(sizeof(Opened) * n_models);
	for (int m = 0; m < n_models && advpg_in_job(); m++)
		read_model(a, m);
	for (int m = 0; m < n_models; m++)
		look_at_model(a, m);

	advpg_progress_phase("resampling", 0);
	class_figures(a);
	robustness_figures(a);
	for (int k = 0; k < n_attributes; k++)
		attribute_figures(a, &a->attributes[k]);
}

/* What is changed between setting a jump's target and an error may be lost: here there is nothing but a pointer. */
static void
run_in_sight(Auditing *a)
{
	advpg_progress_begin(a->task->model_a ? "compare" : "audit", linitial(a->task->models));
	PG_TRY();
	{
		run(a);
	}
	PG_FINALLY();
	{
		advpg_progress_end();
	}
	PG_END_TRY();
}

AdvpgAudit *
advpg_audit(Oid schema, const AdvpgAuditTask *task)
{
	return advpg_audit_models(schema, task, NULL, NULL);
}

AdvpgAudit *
advpg_audit_models(Oid schema, const AdvpgAuditTask *task, const AdvpgEntry **entries,
				   const AdvpgHeldOut *held_out)
{
	MemoryContext context = CurrentMemoryContext;
	Auditing a = {
		.context = context, .schema = schema, .task = task, .entries = entries, .held_out = held_out};

	advpg_interval_check(task->level, task->replicates);
	if (task->models == NIL)
		advpg_task_invalid("models", "is missing");
	if (task->task.data == NULL)
		advpg_task_invalid("data", "is missing");
	a.audit = palloc0(sizeof(AdvpgAudit));
	SPI_connect();
	MemoryContextSwitchTo(context);
	run_in_sight(&a);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return a.audit;
}
