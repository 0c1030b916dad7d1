/*
 * sql_score.c
 *		Scores: which there are (advfair_scores), and those of one model on a data set: advfair_class_accuracy, advfair_cau,
 *		advfair_group_confidence, advfair_eou, advfair_cru.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/score/score.h"
#include "pg/base/advpg.h"
#include "pg/base/version.h"
#include "pg/data/dictionary.h"
#include "pg/operation/evaluation.h"
#include "pg/operation/outcome.h"
#include "pg/task/call.h"

ADVPG_FUNCTION(advfair_scores);
ADVPG_FUNCTION(advfair_class_accuracy);
ADVPG_FUNCTION(advfair_cau);
ADVPG_FUNCTION(advfair_group_confidence);
ADVPG_FUNCTION(advfair_eou);
ADVPG_FUNCTION(advfair_cru);

#define CRU_EPS 2 /* advfair_cru's argument eps */

/* ---- the table ---- */

/* The arguments of an audit or report without which it is not measured, NULL: none. */
static char *
argument_names(int needs)
{
	static const struct
	{
		int need;
		const char *argument;
	} arguments[] = {{ADV_NEEDS_ATTACK, "eps"},
					 {ADV_NEEDS_SEARCH, "eps_max"},
					 {ADV_NEEDS_CERTIFICATE, "certify"},
					 {ADV_NEEDS_ATTRIBUTE, "protected"},
					 {ADV_NEEDS_TRAININGS, "leave_out"}};
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < lengthof(arguments); i++)
		if (needs & arguments[i].need)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", arguments[i].argument);
	return names.len ? names.data : NULL;
}

/* How many of it there are, in words. */
static const char *
what_of(const AdvScore *score)
{
	static const char *const of[][2] = {[ADV_GROUP_ALL] = {"all rows"},
										[ADV_GROUP_CLASS] = {"each class", "between classes"},
										[ADV_GROUP_ATTRIBUTE] = {"each group", "between groups"}};

	if (score->grouping == ADV_GROUP_ALL && (adv_score_needs(score) & ADV_NEEDS_ATTRIBUTE))
		return "each attribute";
	return of[score->grouping][score->statistic != ADV_MEAN];
}

Datum
advfair_scores(PG_FUNCTION_ARGS)
{
	static const char *const better[] = {
		[ADV_BETTER_NEITHER] = NULL, [ADV_BETTER_HIGHER] = "higher", [ADV_BETTER_LOWER] = "lower"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (const AdvScore *score = adv_scores; score->name; score++)
	{
		const char *texts[] = {score->name,    score->title,
							   score->words,   argument_names(adv_score_needs(score)),
							   what_of(score), better[score->better]};
		Datum values[lengthof(texts)];
		bool nulls[lengthof(texts)];

		for (int i = 0; i < lengthof(texts); i++)
		{
			nulls[i] = texts[i] == NULL;
			values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---- what comes back ---- */

/* Rows of groups, in the order of their numbers or that of order: name, mean, rows. */
static void
put_means(Tuplestorestate *result, TupleDesc desc, const AdvpgMeans *means, const AdvText *names,
		  const int *order)
{
	for (int k = 0; k < means->n_groups; k++)
	{
		int g = order ? order[k] : k;
		Datum values[3];
		bool nulls[3] = {0};

		values[0] = advpg_text_datum(names[g]);
		nulls[1] = isnan(means->mean[g]);
		values[1] = Float8GetDatum(means->mean[g]);
		values[2] = Int64GetDatum(means->n[g]);
		tuplestore_putvalues(result, desc, values, nulls);
	}
}

/* The gap that a call asks for, in memory that goes when it is through; NULL for NaN. */
static Datum
return_gap(FunctionCallInfo fcinfo, double (*gap_of)(FunctionCallInfo fcinfo))
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair evaluation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	double gap = gap_of(fcinfo);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (isnan(gap))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(gap);
}

/* ---- classes ---- */

/* How often a model is right about each class; the classes' names in *names. */
static AdvpgMeans *
class_accuracy(FunctionCallInfo fcinfo, const AdvText **names)
{
	AdvpgEvaluationSpec spec = {.schema = get_func_namespace(fcinfo->flinfo->fn_oid), .need_label = true};
	AdvpgEvaluation *e;
	AdvpgMeans *means;

	spec.model = advpg_call_text(fcinfo, 0, "model", true);
	spec.data = advpg_call_text(fcinfo, 1, "data", true);
	spec.workers = advpg_call_workers(fcinfo, 2);
	e = advpg_evaluate(&spec);
	means = advpg_means(e->model.net.classes);
	ADVPG_EACH (i, e->rows->n)
		advpg_means_add(means, e->rows->label[i], e->prediction[i] == e->rows->label[i]);
	advpg_means_end(means);
	*names = e->model.classes;
	return means;
}

Datum
advfair_class_accuracy(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	const AdvText *names;
	AdvpgMeans *means = class_accuracy(fcinfo, &names);

	put_means(result, desc, means, names, NULL);
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

static double
cau(FunctionCallInfo fcinfo)
{
	const AdvText *names;
	AdvpgMeans *means = class_accuracy(fcinfo, &names);

	return advpg_means_gap(means, "CAU", "classes have rows", names);
}

Datum
advfair_cau(PG_FUNCTION_ARGS)
{
	return return_gap(fcinfo, cau);
}

/* ---- groups ---- */

/* Whether groups are made by setting the attribute, and not by the rows that have it. */
static bool
mode_argument(FunctionCallInfo fcinfo, int i)
{
	char *mode = advpg_call_text(fcinfo, i, "mode", false);

	if (mode == NULL || strcmp(mode, "subset") == 0)
		return false;
	if (strcmp(mode, "intervene") == 0)
		return true;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("mode is \"%s\", but must be one of: subset, intervene", mode));
}

/* Means of the rows that have each value. */
static AdvpgMeans *
subset_means(const AdvpgEvaluation *e)
{
	AdvpgMeans *means = advpg_means(e->rows->attributes.n);

	ADVPG_EACH (i, e->rows->n)
	{
		int group = e->rows->attribute[i];

		if (group >= 0 && (e->given < 0 || e->rows->label[i] == e->given))
			advpg_means_add(means, group, e->proba[i * e->model.net.classes + e->class]);
	}
	advpg_means_end(means);
	return means;
}

/* Mean probability of a class in each group of an attribute, whose values are those of *e. */
static AdvpgMeans *
group_confidence(FunctionCallInfo fcinfo, AdvpgEvaluationSpec *spec, AdvpgEvaluation **e)
{
	spec->schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	spec->need_proba = true;
	spec->model = advpg_call_text(fcinfo, 0, "model", true);
	spec->data = advpg_call_text(fcinfo, 1, "data", true);
	spec->attribute = advpg_call_text(fcinfo, 2, "attribute", true);
	spec->class = advpg_call_text(fcinfo, 3, "class", true);
	spec->given = advpg_call_text(fcinfo, 4, "given", false);
	spec->intervene = mode_argument(fcinfo, 5);
	spec->workers = advpg_call_workers(fcinfo, 6);
	spec->need_label = spec->given != NULL;
	*e = advpg_evaluate(spec);
	(void) advpg_evaluation_missing(*e, spec->attribute);
	return spec->intervene ? (*e)->intervened : subset_means(*e);
}

Datum
advfair_group_confidence(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	AdvpgEvaluationSpec spec = {0};
	AdvpgEvaluation *e;
	AdvpgMeans *means = group_confidence(fcinfo, &spec, &e);
	const AdvText *values = e->rows->attributes.texts;

	put_means(result, desc, means, values, advpg_text_order(values, means->n_groups));
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

static double
eou(FunctionCallInfo fcinfo)
{
	AdvpgEvaluationSpec spec = {0};
	AdvpgEvaluation *e;
	AdvpgMeans *means = group_confidence(fcinfo, &spec, &e);
	const char *groups =
		psprintf("values of attribute \"%s\" have rows%s%s%s", spec.attribute,
				 spec.given ? " of class \"" : "", spec.given ? spec.given : "", spec.given ? "\"" : "");

	return advpg_means_gap(means, "EOU", groups, e->rows->attributes.texts);
}

Datum
advfair_eou(PG_FUNCTION_ARGS)
{
	return return_gap(fcinfo, eou);
}

/* ---- classes under attack ---- */

/* Without eps it is the mean least eps that is compared. Each form refuses what only the other one knows. */
static double
cru(FunctionCallInfo fcinfo)
{
	bool at_eps = !PG_ARGISNULL(CRU_EPS);
	AdvpgAttackTask task;
	AdvpgRobustness *robustness;
	AdvpgOutcome *outcome;
	bool any_broken;
	double gap;

	advpg_task_read(at_eps ? &advpg_class_robustness_kind : &advpg_class_least_eps_kind,
					advpg_call_task(fcinfo, NULL), &task);
	robustness =
		advpg_robustness(get_func_namespace(fcinfo->flinfo->fn_oid), &task,
						 at_eps ? ADVPG_ROBUSTNESS_EACH : ADVPG_ROBUSTNESS_SEARCH, "cru", InvalidOid);
	outcome = advpg_outcome(robustness, robustness->attacked[0], task.denominator);
	any_broken = at_eps || advpg_any_broken(robustness);
	gap = advpg_means_gap(at_eps ? outcome->success : outcome->least_eps, "CRU", "classes have rows",
						  robustness->e->model.classes);
	if (any_broken || isnan(gap))
		return gap;
	ereport(NOTICE, errmsg("CRU is NULL, because all rows withstood up to eps_max"));
	return NAN;
}

Datum
advfair_cru(PG_FUNCTION_ARGS)
{
	return return_gap(fcinfo, cru);
}
