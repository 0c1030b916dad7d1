/*
 * audit.c
 *		All scores of several models on the same rows, with bootstrap intervals, and paired differences between two models.
 *
 * Each model reads the rows with its own encoder; what it makes of them is kept in canonical order, so that row i is the same for all models.
 * What scores come of that is for figure.c.
 */
#include "pg/operation/audit.h"

#include <math.h>

#include "executor/spi.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/interval.h"
#include "pg/model/classes.h"
#include "pg/data/dictionary.h"
#include "pg/base/jobsession.h"
#include "pg/base/operation.h"
#include "pg/base/progress.h"
#include "pg/data/charset.h"
#include "pg/model/registry.h"
#include "pg/operation/certification.h"
#include "pg/operation/robustness.h"
#include "pg/task/json.h"

/* A model whose rows have been read. */
typedef struct Opened
{
	MemoryContext work; /* of what this model alone needs */
	AdvpgEvaluationSpec spec;
	AdvpgRobustness *robustness; /* NULL: not yet */
} Opened;

typedef struct Auditing
{
	MemoryContext context; /* of what outlives one model */
	Oid schema;
	const AdvpgAuditTask *task;
	const AdvpgEntry **entries; /* of models that are not in the registry, or NULL */
	const AdvpgHeldOut *held_out;
	AdvpgAudit *audit;
	AdvpgObservations
		o; /* in canonical order, as all that follows; n_classes 0: no model was opened so far */
	Opened *opened;

	/* by the first model, which is the measure of the others */
	const char *label_name;
	int given;         /* class, -1: none */
	uint64_t *key;     /* (n) */
	uint64_t *content; /* (n) hash of what the model sees */
} Auditing;

/* Memory for one element for each row. */
static void *
new_array(const Auditing *a, size_t size)
{
	return MemoryContextAllocHuge(a->context, mul_size(size, a->o.n + 1));
}

/* ---- rows ---- */

static void
take_measure(Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;
	MemoryContext old = MemoryContextSwitchTo(a->context);
	int32_t *label;

	a->o.n_classes = a->audit->n_classes = e->model.net.classes;
	a->o.classes = palloc(sizeof(char *) * a->o.n_classes);
	for (int c = 0; c < a->o.n_classes; c++)
		a->o.classes[c] = advpg_text_cstring(e->model.classes[c]);
	a->label_name = advpg_text_cstring(e->model.label);
	MemoryContextSwitchTo(old);
	a->given = e->given;
	advpg_rows_check_any(rows);
	a->o.n = rows->n;
	a->key = new_array(a, sizeof(uint64_t));
	a->content = new_array(a, sizeof(uint64_t));
	a->o.label = label = new_array(a, sizeof(int32_t));
	ADVPG_EACH (i, a->o.n)
	{
		uint32_t row = rows->canonical[i];

		a->key[i] = rows->key[row];
		a->content[i] = rows->content[row];
		label[i] = rows->label[row];
	}
}

static void
check_classes(const Auditing *a, const AdvpgEvaluation *e)
{
	bool same = a->o.n_classes == e->model.net.classes;

	for (int c = 0; c < a->o.n_classes && same; c++)
		same = advpg_same_class(advpg_cstring_text(a->o.classes[c]), e->model.classes[c]);
	if (!same)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("model \"%s\" has other classes than model \"%s\"", e->name, a->audit->model[0]));
}

static void
check_same_rows(const Auditing *a, const AdvpgEvaluation *e)
{
	const AdvpgRows *rows = e->rows;
	bool same = rows->n == a->o.n;

	for (size_t i = 0; i < a->o.n && same; i++)
	{
		uint32_t row = rows->canonical[i];

		CHECK_FOR_INTERRUPTS();
		same = a->key[i] == rows->key[row] && a->o.label[i] == rows->label[row];
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

	ADVPG_EACH (i, a->o.n)
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
static AdvpgRobustness *
open_model(Auditing *a, int number, const char *attribute, AdvpgEvaluationSpec *spec)
{
	AdvpgRobustness *robustness;

	*spec = (AdvpgEvaluationSpec){.schema = a->schema, .need_label = true, .want_order = true};
	spec->model = list_nth(a->task->models, number);
	spec->data = a->task->task.data;
	spec->id = a->task->task.id;
	spec->given = a->task->given;
	spec->attribute = attribute;
	spec->need_proba = a->task->protected != NIL;
	spec->workers = a->task->task.workers;
	spec->quiet = a->o.n_classes > 0;
	spec->entry = a->entries ? a->entries[number] : NULL;
	spec->held_out = a->held_out;
	robustness = advpg_robustness_open(spec, NULL);
	if (a->o.n_classes == 0)
		take_measure(a, robustness->e);
	if (a->audit->model[number] == NULL)
		a->audit->model[number] = MemoryContextStrdup(a->context, robustness->e->name);
	check_classes(a, robustness->e);
	check_same_rows(a, robustness->e);
	check_shared_ids(a, robustness->e);
	return robustness;
}

/* ---- protected attributes ---- */

/* The attribute's values in order, and in place (n_groups) where each code's stands. */
static void
order_groups(const Auditing *a, AdvpgAttribute *attribute, const AdvpgDictionary *values, int *place)
{
	MemoryContext old = MemoryContextSwitchTo(a->context);
	int *order = advpg_text_order(values->texts, values->n);

	attribute->n_groups = values->n;
	attribute->groups = palloc(sizeof(char *) * (values->n + 1));
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
assign_groups(const Auditing *a, AdvpgAttribute *attribute, const AdvpgRows *rows, const int *place)
{
	attribute->group = new_array(a, sizeof(int32_t));
	ADVPG_EACH (i, a->o.n)
	{
		int code = rows->attribute[rows->canonical[i]];
		bool counts = a->given < 0 || a->o.label[i] == a->given;

		attribute->group[i] = !counts ? ADVPG_NO_MEMBER : code < 0 ? ADVPG_NO_GROUP : place[code];
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
	AdvpgAttribute *attribute = &a->o.attributes[number];
	MemoryContext old = begin_work(a);
	AdvpgEvaluationSpec spec;
	AdvpgEvaluation *e;
	AdvpgRows *rows;
	int *place;

	attribute->name = list_nth(a->task->protected, number);
	e = open_model(a, 0, attribute->name, &spec)->e;
	rows = e->rows;
	(void) advpg_evaluation_missing(e, attribute->name);
	place = palloc(sizeof(int) * (rows->attributes.n + 1));
	order_groups(a, attribute, &rows->attributes, place);
	assign_groups(a, attribute, rows, place);
	advpg_rows_release(rows);
	end_work(old);
}

/* ---- one model ---- */

/* What the model predicts, in canonical order. */
static void
keep_predictions(const Auditing *a, AdvpgObserved *m, const AdvpgEvaluation *e)
{
	size_t row_size = sizeof(float) * a->o.n_classes;

	m->prediction = new_array(a, sizeof(int32_t));
	if (e->proba)
		m->proba = new_array(a, row_size);
	ADVPG_EACH (i, a->o.n)
	{
		size_t row = e->rows->canonical[i];

		m->prediction[i] = e->prediction[row];
		if (e->proba)
			memcpy(m->proba + i * a->o.n_classes, e->proba + row * a->o.n_classes, row_size);
	}
}

/* What attack number k did. */
static void
keep_attack(const Auditing *a, AdvpgObserved *m, const AdvpgRows *rows, const AdvpgAttacked *attacked, int k)
{
	m->adversarial[k] = new_array(a, sizeof(int32_t));
	m->success[k] = new_array(a, sizeof(bool));
	ADVPG_EACH (i, a->o.n)
	{
		uint32_t row = rows->canonical[i];

		m->adversarial[k][i] = attacked->adversarial[row];
		m->success[k][i] = (attacked->flags[row] & ADV_ATTACK_SUCCESS) != 0;
	}
}

static void
attack_model(const Auditing *a, AdvpgObserved *m, AdvpgRobustness *robustness)
{
	const AdvpgAuditTask *task = a->task;
	const AdvpgRows *rows = robustness->e->rows;
	AdvpgAttackTask attack = task->task;

	if (attack.eps_list != NIL)
	{
		advpg_robustness_attack(robustness, &attack, ADVPG_ROBUSTNESS_EACH);
		m->adversarial = MemoryContextAlloc(a->context, sizeof(int32_t *) * robustness->n_attacked);
		m->success = MemoryContextAlloc(a->context, sizeof(bool *) * robustness->n_attacked);
		for (int k = 0; k < robustness->n_attacked; k++)
			keep_attack(a, m, rows, robustness->attacked[k], k);
	}
	if (task->eps_max)
	{
		attack.attack.eps = task->eps_max;
		attack.attack.how.alpha = NAN; /* it is for the eps of the list; a search has a step of its own */
		advpg_robustness_attack(robustness, &attack, ADVPG_ROBUSTNESS_SEARCH);
		if (!advpg_any_broken(robustness))
			m->unknown[ADV_VALUE_LEAST_EPS] = "all rows withstood up to eps_max";
		m->least_eps = new_array(a, sizeof(double));
		ADVPG_EACH (i, a->o.n)
			m->least_eps[i] = robustness->attacked[0]->eps[rows->canonical[i]];
	}
}

/* The largest eps of attacks. */
static JsonbValue *
largest_eps(const List *eps)
{
	double largest = 0;
	ListCell *cell;

	foreach (cell, eps)
		largest = Max(largest, *(double *) lfirst(cell));
	return advpg_json_number_value(largest);
}

/* How rows are certified: in the ball of the attacks, up to eps_max, or else up to the largest eps that is asked about. */
static AdvpgCertifyTask
certification_of(const AdvpgAuditTask *task)
{
	AdvpgCertifyTask certify = task->certify;

	certify.attack = task->task.attack;
	certify.attack.eps = task->eps_max;
	if (certify.attack.eps == NULL && task->task.eps_list != NIL &&
		!adv_certify_methods[Max(certify.method, 0)]->open_ended)
		certify.attack.eps = largest_eps(task->task.eps_list);
	certify.seed = task->task.seed;
	certify.workers = task->task.workers;
	return certify;
}

/* Say how much eps_max hides. Returns why the radii do not tell how far groups are apart, NULL when they do. */
static const char *
judge_radii(const Auditing *a, const AdvpgEvaluation *e, const double *radius, double eps_max)
{
	size_t proven = 0;
	size_t capped = 0;

	ADVPG_EACH (i, a->o.n)
	{
		proven += radius[i] > 0;
		capped += radius[i] > 0 && radius[i] >= eps_max;
	}
	if (proven == 0)
		ereport(NOTICE, errmsg("model \"%s\": nothing is proven of any of %zu rows", e->name, a->o.n));
	if (capped > 0)
		ereport(NOTICE,
				errmsg("model \"%s\": %zu of %zu rows are certified up to eps_max and count with it", e->name,
					   capped, a->o.n),
				errhint("Classes may be further apart in radius than it seems. Increase eps_max."));
	return proven == 0        ? "nothing is proven of any row"
		   : capped == a->o.n ? "all rows are certified up to eps_max"
							  : NULL;
}

static void
certify_model(const Auditing *a, AdvpgObserved *m, const AdvpgEvaluation *e)
{
	AdvpgCertifyTask task = certification_of(a->task);
	const AdvCertificate *certificate;

	if (task.method < 0)
		return;
	certificate = advpg_certify_rows(e, &task);
	m->radius = new_array(a, sizeof(double));
	ADVPG_EACH (i, a->o.n)
	{
		const AdvCertificate *c = &certificate[e->rows->canonical[i]];

		m->radius[i] = c->prediction == a->o.label[i] ? c->radius : -1;
	}
	m->unknown[ADV_VALUE_RADIUS] =
		judge_radii(a, e, m->radius, advpg_certification_resolve(&task, &e->model).eps_max);
}

/* Messages about a row should say which of the models saw it. */
static void
add_context(void *model)
{
	errcontext("audit of model \"%s\"", (char *) model);
}

/* What a model cannot be certified for shall not be told after hours of attacks on those before it. */
static void
check_certify(const Auditing *a, int number)
{
	const char *name = list_nth(a->task->models, number);
	ErrorContextCallback context = {error_context_stack, add_context, (void *) name};
	MemoryContext old = begin_work(a);
	const AdvpgEntry *entry = a->entries ? a->entries[number] : advpg_registry_find(a->schema, name);
	AdvModel model;

	error_context_stack = &context;
	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, &model);
	adv_model_fold(&model);
	advpg_audit_check_certify(a->task, &model);
	error_context_stack = context.previous;
	end_work(old);
}

/* Read a model and its rows. */
static void
read_model(Auditing *a, int number)
{
	Opened *o = &a->opened[number];
	MemoryContext old = begin_work(a);

	o->robustness = open_model(a, number, NULL, &o->spec);
	o->work = MemoryContextSwitchTo(old);
}

static void
measure_model(Auditing *a, int number)
{
	Opened *o = &a->opened[number];
	ErrorContextCallback context = {error_context_stack, add_context};
	MemoryContext old;

	if (o->robustness == NULL)
		read_model(a, number);
	old = MemoryContextSwitchTo(o->work);
	context.arg = a->audit->model[number];
	error_context_stack = &context;
	advpg_evaluation_predict(o->robustness->e, &o->spec);
	keep_predictions(a, &a->o.models[number], o->robustness->e);
	attack_model(a, &a->o.models[number], o->robustness);
	certify_model(a, &a->o.models[number], o->robustness->e);
	error_context_stack = context.previous;
	advpg_rows_release(o->robustness->e->rows);
	end_work(old);
}

/* ---- the audit ---- */

/*
 * Attributes come before attacks: what is wrong with them shall not be told after hours. A job, whose transaction ends when it computes,
 * reads for all models before; otherwise one model's rows at a time are enough.
 */
static void
run(void *arg)
{
	Auditing *a = arg;
	int n_models = list_length(a->task->models);

	a->audit->n_models = a->o.n_models = n_models;
	a->audit->model = palloc0(sizeof(char *) * n_models);
	a->o.models = palloc0(sizeof(AdvpgObserved) * n_models);
	a->o.n_attributes = list_length(a->task->protected);
	a->o.attributes = palloc0(sizeof(AdvpgAttribute) * (a->o.n_attributes + 1));
	a->o.eps = a->task->task.eps_list;
	a->o.searched = a->task->eps_max != NULL;
	a->o.certified = a->task->certify.method >= 0;
	for (int m = 0; m < n_models && a->o.certified; m++)
		check_certify(a, m);
	for (int k = 0; k < a->o.n_attributes; k++)
		read_attribute(a, k);
	a->opened = palloc0(sizeof(Opened) * n_models);
	for (int m = 0; m < n_models && advpg_in_job(); m++)
		read_model(a, m);
	for (int m = 0; m < n_models; m++)
		measure_model(a, m);

	advpg_progress_phase("resampling", 0);
	a->audit->figures = advpg_figures(
		&a->o, (AdvBootstrap){a->task->replicates, a->task->level, (uint64) (int64) a->task->task.seed});
}

void
advpg_audit_check_attack(const AdvpgAuditTask *task)
{
	const AdvpgAttackSettings *attack = &task->task.attack;

	if (task->task.eps_list != NIL || task->eps_max)
		return;
	if (attack->method > 0 || attack->settings)
		advpg_task_invalid(attack->method > 0 ? "attack" : "settings",
						   "is given, but there is no attack without eps or eps_max");
}

void
advpg_audit_check_certify(const AdvpgAuditTask *task, const AdvModel *model)
{
	AdvpgCertifyTask certify = certification_of(task);
	double eps_max;
	ListCell *cell;

	if (certify.method < 0)
		return;
	eps_max = advpg_certification_resolve(&certify, model).eps_max;
	if (task->eps_max && task->eps_max->type == jbvBinary && task->task.eps_list != NIL)
		advpg_task_invalid("eps", "cannot be compared with radii, which are shares of eps_max by column");
	foreach (cell, task->task.eps_list)
		if (*(double *) lfirst(cell) > eps_max)
			advpg_task_invalid("eps", "is %g, but rows are certified up to eps_max, %g, alone",
							   *(double *) lfirst(cell), eps_max);
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
	advpg_audit_check_attack(task);
	a.audit = palloc0(sizeof(AdvpgAudit));
	advpg_operation(task->model_a ? "compare" : "audit", linitial(task->models), run, &a);
	return a.audit;
}
