/*
 * retrain.c
 *		Trains a model again, judges it beside the old version, stores it. See retrain.h.
 */
#include "pg/operation/retrain.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/base/advpg.h"
#include "pg/operation/audit.h"
#include "pg/model/classes.h"
#include "pg/data/charset.h"
#include "pg/task/condition.h"
#include "pg/operation/attack.h"
#include "pg/data/dictionary.h"
#include "pg/operation/metric.h"
#include "pg/base/ownsql.h"
#include "pg/base/operation.h"
#include "pg/base/progress.h"
#include "pg/model/registry.h"
#include "pg/data/source.h"

/* How the new version is judged. */
typedef struct Trial
{
	AdvpgAuditTask audit;
	AdvpgCondition *condition; /* NULL: it is promoted in any case */
	List *metrics;             /* of List *: what each of the condition's names means */
	List *old_metrics;
	const AdvpgHeldOut *held_out;
	AdvpgHeldOut held;
} Trial;

/* ---- before the training ---- */

static bool
is_judged(const AdvpgRetrainTask *task)
{
	return task->promote_if || task->audit.task.data || task->audit.task.eps_list || task->audit.eps_max ||
		   task->audit.certify.method >= 0 || task->audit.protected;
}

/* Check names as far as can be done without model and data. */
static void
check_metrics(const Trial *trial, const List *names)
{
	ListCell *cell;

	foreach (cell, names)
	{
		int needs = adv_score_needs(advpg_metric_score(lfirst(cell)));

		if ((needs & ADV_NEEDS_ATTACK) && trial->audit.task.eps_list == NIL)
			advpg_task_invalid("eps", "is missing: metric %s is that of %s", (char *) lfirst(cell),
							   needs & ADV_NEEDS_CERTIFICATE ? "certificates" : "an attack");
		if ((needs & ADV_NEEDS_SEARCH) && trial->audit.eps_max == NULL)
			advpg_task_invalid("eps_max", "is missing: metric %s is that of a search", (char *) lfirst(cell));
		if ((needs & ADV_NEEDS_CERTIFICATE) && trial->audit.certify.method < 0)
			advpg_task_invalid("certify", "is missing: metric %s is that of certificates",
							   (char *) lfirst(cell));
	}
}

/* An attribute of which a metric is has to be a protected one. */
static void
protect(Trial *trial, const char *attribute)
{
	if (!advpg_is_listed(trial->audit.protected, attribute))
		trial->audit.protected = lappend(list_copy(trial->audit.protected), pstrdup(attribute));
}

/* What names mean: a list for each. */
static List *
resolve_metrics(const Trial *trial, const List *names, const AdvModel *model, const AdvpgSource *source)
{
	List *metrics = NIL;
	ListCell *cell;

	foreach (cell, names)
		metrics = lappend(metrics, advpg_metric_resolve(lfirst(cell), model, source->name, source->desc,
														trial->audit.protected));
	return metrics;
}

static void
protect_attributes(Trial *trial, const List *metrics)
{
	ListCell *cell;
	ListCell *meaning;

	foreach (cell, metrics)
		foreach (meaning, (const List *) lfirst(cell))
		{
			const AdvpgMetric *metric = lfirst(meaning);

			if (metric->attribute)
				protect(trial, metric->attribute);
		}
}

static Trial *
read_trial(const AdvpgRetrainTask *task)
{
	Trial *trial = palloc0(sizeof(Trial));

	trial->audit = task->audit;
	advpg_audit_check_attack(&task->audit);
	if (list_length(task->audit.task.eps_list) > 1)
		advpg_task_invalid("eps", "must be one number here");
	if (task->promote_if == NULL)
		return trial;
	trial->condition = advpg_condition_read(task->promote_if);
	check_metrics(trial, trial->condition->names);
	check_metrics(trial, trial->condition->old_names);
	return trial;
}

void
advpg_retrain_check(const AdvpgRetrainTask *task)
{
	MemoryContext context = CurrentMemoryContext;

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	advpg_audit_check_attack(&task->audit);
	SPI_connect();
	MemoryContextSwitchTo(context);
	if (is_judged(task))
		(void) read_trial(task);
	SPI_finish();
	MemoryContextSwitchTo(context);
}

/* Find the rows to judge by: those given, or those the training validates on. */
static AdvpgSource *
find_rows(Trial *trial, const AdvpgTrainTask *train)
{
	double share = advpg_plan_validation_fraction(train);

	if (trial->audit.task.data == NULL &&
		trial->audit.task.id) /* rows are held out by the training's own ids */
		advpg_task_invalid("id", "is a column of data, which is missing");
	if (trial->audit.task.data == NULL && share > 0)
	{
		trial->held = (AdvpgHeldOut){share, (uint64_t) (int64) train->seed};
		trial->held_out = &trial->held;
		trial->audit.task.data = train->data;
	}
	else if (trial->audit.task.data == NULL)
		trial->audit.task.data = train->validation;
	if (trial->audit.task.data == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there are no rows to judge model \"%s\" by", train->model),
				errdetail("It was trained without validation."), errhint("Name them by data."));
	return advpg_source_open(trial->audit.task.data);
}

/* Check how it is to be attacked. Which values its columns take, for feasible examples, only rows tell. */
static void
check_attack(const Trial *trial, const AdvModel *model)
{
	AdvpgAttackSettings settings = trial->audit.task.attack;
	JsonbValue eps = {.type = jbvNumeric, .val.numeric = int64_to_numeric(1)};
	AdvAttack attack;

	settings.eps = &eps;
	settings.feasible = 0;
	advpg_attack_resolve(&settings, model, NULL, NULL, 0, &attack);
}

/* Check all that is asked of the new version against the old one and the columns to judge by: afterwards it would cost a training. */
static void
check_trial(Trial *trial, const AdvpgTrainTask *train, const AdvpgEntry *old)
{
	AdvpgSource *source = find_rows(trial, train);
	AdvModel model;
	ListCell *cell;

	advpg_model_read(DatumGetByteaPP(old->model), CurrentMemoryContext, &model);
	check_attack(trial, &model);
	adv_model_fold(&model);
	advpg_audit_check_certify(&trial->audit, &model);
	foreach (cell, trial->audit.protected)
		if (advpg_find_column(source->desc, lfirst(cell)) == 0)
			ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("data \"%s\" have no column \"%s\"", source->name, (char *) lfirst(cell)));
	if (trial->condition == NULL)
		return;
	trial->metrics = resolve_metrics(trial, trial->condition->names, &model, source);
	trial->old_metrics = resolve_metrics(trial, trial->condition->old_names, &model, source);
	protect_attributes(trial, trial->metrics);
	protect_attributes(trial, trial->old_metrics);
}

/*
 * Read the rows to judge by as the old version does, which will be beside the new one: what is wrong with them shall not be told after the
 * training. Rows that it holds out are its own.
 */
static void
try_rows(Oid schema, const Trial *trial, const AdvpgEntry *old)
{
	MemoryContext context = CurrentMemoryContext;
	AdvpgEvaluationSpec spec = {.schema = schema, .quiet = true};
	AdvpgEvaluation *e;

	if (trial->held_out)
		return;
	spec.model = old->name;
	spec.entry = old;
	spec.data = trial->audit.task.data;
	spec.id = trial->audit.task.id;
	spec.given = trial->audit.given;
	SPI_connect(); /* its memory is what the rows are read into */
	e = advpg_evaluation_open(&spec);
	advpg_rows_check_any(e->rows);
	if (e->rows->label == NULL)
		ereport(
			ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("data \"%s\" have no column \"%s\"", e->rows->source, advpg_text_cstring(e->model.label)));
	advpg_rows_release(e->rows);
	SPI_finish();
	MemoryContextSwitchTo(context);
}

/* ---- after it ---- */

static bool
same_classes(const AdvpgEntry *a, const AdvpgEntry *b)
{
	AdvModel models[2];

	advpg_model_read(DatumGetByteaPP(a->model), CurrentMemoryContext, &models[0]);
	advpg_model_read(DatumGetByteaPP(b->model), CurrentMemoryContext, &models[1]);
	return advpg_same_classes(&models[0], &models[1]);
}

/* Audit the new version and, where it has the same classes, the old one beside it. */
static AdvpgAudit *
judge(Oid schema, const Trial *trial, const AdvpgEntry *old, AdvpgTrained *trained)
{
	AdvpgAuditTask task = trial->audit;
	AdvpgEntry new = *old;
	const AdvpgEntry *entries[] = {&new, old};

	new.task = advpg_train_task_write(&trained->task);
	new.model = PointerGetDatum(trained->model);
	new.version = 0;
	task.models = list_make2(old->name, psprintf("%s@%d", old->name, old->version));
	if (!same_classes(&new, old))
		task.models = list_make1(old->name);
	return advpg_audit_models(schema, &task, entries, trial->held_out);
}

/* Values of metrics of one of the audited models; the reason tells them, should the condition not hold. */
static double *
metric_values(const AdvpgAudit *audit, int model, const List *names, const List *metrics, StringInfo reason)
{
	double *values = palloc(sizeof(double) * (list_length(names) + 1));

	for (int i = 0; i < list_length(names); i++)
	{
		const char *why;

		values[i] = advpg_metric_value(audit, model, list_nth(metrics, i), &why);
		appendStringInfo(reason, "%s%s%s ", reason->len ? ", " : "", model ? "old." : "",
						 (char *) list_nth(names, i));
		if (isnan(values[i]))
			appendStringInfo(reason, "is NULL (%s)", why);
		else
			appendStringInfo(reason, "= %.6g", values[i]);
	}
	return values;
}

/* Whether the condition holds, and if it does not, why. */
static char *
decide(const Trial *trial, const AdvpgAudit *audit)
{
	const AdvpgCondition *condition = trial->condition;
	StringInfoData reason;
	const char *outcome;
	double *values;
	double *old_values;

	if (condition == NULL)
		return NULL;
	initStringInfo(&reason);
	values = metric_values(audit, 0, condition->names, trial->metrics, &reason);
	old_values = metric_values(audit, 1, condition->old_names, trial->old_metrics, &reason);
	outcome = advpg_condition_outcome(condition, values, old_values);
	return outcome ? psprintf("%s %s%s%s", condition->text, outcome, reason.len ? ": " : "", reason.data)
				   : NULL;
}

/* A row for each metric of the new version, and one for the decision. */
static void
log_metrics(Oid schema, const AdvpgRetrained *result, const AdvpgAudit *audit)
{
	int n = 1 + (audit ? list_length(audit->figures) : 0);
	Datum *names = palloc(sizeof(Datum) * n);
	char **metrics = audit ? advpg_metric_names(audit) : NULL;
	Datum *numbers = palloc(sizeof(Datum) * n);
	bool *nulls = palloc0(sizeof(bool) * n);
	int lower = 1;
	Oid types[] = {TEXTOID, INT4OID, TEXTARRAYOID, FLOAT8ARRAYOID, TEXTOID};
	Datum values[5];

	for (int i = 0; i < n - 1; i++)
	{
		const AdvpgFigure *figure = list_nth(audit->figures, i);

		names[i] = CStringGetTextDatum(metrics[i]);
		numbers[i] = Float8GetDatum(figure->value[0].value);
		nulls[i] = isnan(figure->value[0].value);
	}
	names[n - 1] = CStringGetTextDatum("promoted");
	numbers[n - 1] = Float8GetDatum(result->promoted ? 1 : 0);
	values[0] = CStringGetTextDatum(result->model);
	values[1] = Int32GetDatum(result->version);
	values[2] = PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[3] = PointerGetDatum(construct_md_array(numbers, nulls, 1, &n, &lower, FLOAT8OID, sizeof(float8),
												   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	values[4] = result->reason ? CStringGetTextDatum(result->reason) : (Datum) 0;
	if (advpg_own_execute(
			psprintf("INSERT INTO %s.advfair_metric_log (model, version, metric, value, note)"
					 " SELECT $1, $2, m.metric, m.value, CASE WHEN m.metric OPERATOR(pg_catalog.=) 'promoted'"
					 " THEN $5 END FROM unnest($3, $4) AS m (metric, value)",
					 quote_identifier(get_namespace_name(schema))),
			5, types, values, result->reason ? NULL : "    n", false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write advfair_metric_log");
}

static void
store(Oid schema, AdvpgRetrained *result, const AdvpgAudit *audit)
{
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	MemoryContextSwitchTo(context);
	result->version = advpg_training_store(schema, result->model, result->trained, result->promoted);
	log_metrics(schema, result, audit);
	SPI_finish();
	MemoryContextSwitchTo(context);
	if (!result->promoted)
		ereport(NOTICE, errmsg("version %d of model \"%s\" is not promoted", result->version, result->model),
				errdetail_internal("%s", result->reason));
}

static AdvpgEntry *
prepare(Oid schema, const AdvpgRetrainTask *task, AdvpgTrainTask *train, Trial **trial)
{
	MemoryContext context = CurrentMemoryContext;
	AdvpgEntry *old;

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	SPI_connect();
	MemoryContextSwitchTo(context);
	old = advpg_registry_find(schema, task->model);
	old->model = PointerGetDatum(DatumGetByteaPCopy(old->model)); /* it may be gone when it is compared */
	advpg_registry_task(old, train);
	if (task->audit.task.workers > 0)
		train->workers = task->audit.task.workers;
	if (is_judged(task))
	{
		*trial = read_trial(task);
		check_trial(*trial, train, old);
	}
	SPI_finish();
	MemoryContextSwitchTo(context);
	return old;
}

/* A retraining under way. */
typedef struct Retraining
{
	Oid schema;
	AdvpgTrainTask train;
	AdvpgEntry *old;
	Trial *trial; /* NULL: it is promoted whatever it is like */
	AdvpgRetrained *result;
} Retraining;

static void
retrain(void *arg)
{
	Retraining *r = arg;
	AdvpgRetrained *result = r->result;
	AdvpgAudit *audit = NULL;

	advpg_progress_show_parts();
	if (r->trial)
		try_rows(r->schema, r->trial, r->old);
	result->trained = advpg_training_run(&r->train, r->schema, false, NULL);
	if (r->trial)
	{
		audit = judge(r->schema, r->trial, r->old, result->trained);
		result->reason = decide(r->trial, audit);
	}
	result->promoted = result->reason == NULL;
	store(r->schema, result, audit);
}

AdvpgRetrained *
advpg_retrain(Oid schema, const AdvpgRetrainTask *task)
{
	Retraining r = {schema};

	r.result = palloc0(sizeof(AdvpgRetrained));
	r.old = prepare(schema, task, &r.train, &r.trial);
	r.result->model = r.old->name;
	advpg_operation("retrain", r.old->name, retrain, &r);
	return r.result;
}
