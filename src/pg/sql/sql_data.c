/*
 * sql_data.c
 *		Whole data sets: advfair_predict(model, data), advfair_class_accuracy, advfair_cau(model, data), advfair_group_confidence,
 *		advfair_eou.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/task/call.h"
#include "pg/model/callsite.h"
#include "pg/data/dictionary.h"
#include "pg/operation/evaluation.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_predict_data);
ADVPG_FUNCTION(advfair_predict_data_key);
ADVPG_FUNCTION(advfair_class_accuracy);
ADVPG_FUNCTION(advfair_cau);
ADVPG_FUNCTION(advfair_group_confidence);
ADVPG_FUNCTION(advfair_eou);

/* Text argument; NULL is an error unless it may be left out, and earlier versions of the function may not have it. */
static char *
text_argument(FunctionCallInfo fcinfo, int i, const char *name, bool required)
{
	if (i < PG_NARGS() && !PG_ARGISNULL(i))
		return text_to_cstring(PG_GETARG_TEXT_PP(i));
	if (required)
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be NULL", name));
	return NULL;
}

static int
workers_argument(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return 0;
	if (PG_GETARG_INT32(i) < 0 || PG_GETARG_INT32(i) > 1024)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("workers is %d, but must be between 0 and 1024", PG_GETARG_INT32(i)));
	return PG_GETARG_INT32(i);
}

static Datum
predict_data(FunctionCallInfo fcinfo, Oid id_type, int workers, char *id)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgEvaluationSpec spec = {
		.schema = get_func_namespace(fcinfo->flinfo->fn_oid), .need_proba = true, .want_ids = true};
	AdvpgEvaluation *e;
	MemoryContext row_context;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	int classes;
	Datum *proba;

	spec.model = text_argument(fcinfo, 0, "model", true);
	spec.data = text_argument(fcinfo, 1, "data", true);
	spec.id = id;
	spec.workers = workers;
	spec.id_type = id_type;
	e = advpg_evaluate(&spec);

	classes = e->model.net.classes;
	proba = palloc(sizeof(Datum) * classes);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	ADVPG_EACH (i, e->rows->n)
	{
		const float *p = e->proba + i * classes;
		Datum values[5];
		bool nulls[5] = {0};
		MemoryContext old = MemoryContextSwitchTo(row_context);

		values[0] = e->rows->id[i];
		nulls[1] = e->rows->label == NULL || e->rows->label[i] < 0;
		if (!nulls[1])
			values[1] = advpg_text_datum(e->rows->labels.texts[e->rows->label[i]]);
		values[2] = advpg_text_datum(e->model.classes[e->prediction[i]]);
		values[3] = Float4GetDatum(p[e->prediction[i]]);
		for (int c = 0; c < classes; c++)
			proba[c] = Float4GetDatum(p[c]);
		values[4] =
			PointerGetDatum(construct_array(proba, classes, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
		tuplestore_putvalues(result, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

Datum
advfair_predict_data(PG_FUNCTION_ARGS)
{
	return predict_data(fcinfo, INT8OID, workers_argument(fcinfo, 2), text_argument(fcinfo, 3, "id", false));
}

Datum
advfair_predict_data_key(PG_FUNCTION_ARGS)
{
	return predict_data(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 2), workers_argument(fcinfo, 3),
						text_argument(fcinfo, 4, "id", false));
}

/* ---- classes ---- */

/* How often a model is right about each class. */
typedef struct ClassAccuracy
{
	int n_classes;
	const AdvText *classes;
	int64 *n;
	double *accuracy; /* NaN where n = 0 */
} ClassAccuracy;

/* The accuracies that this call, of advfair_class_accuracy or advfair_cau, asks for. */
static ClassAccuracy
class_accuracy(FunctionCallInfo fcinfo)
{
	AdvpgEvaluationSpec spec = {.schema = get_func_namespace(fcinfo->flinfo->fn_oid), .need_label = true};
	AdvpgEvaluation *e;
	ClassAccuracy a;
	int64 *correct;

	spec.model = text_argument(fcinfo, 0, "model", true);
	spec.data = text_argument(fcinfo, 1, "data", true);
	spec.workers = workers_argument(fcinfo, 2);
	e = advpg_evaluate(&spec);

	a.n_classes = e->model.net.classes;
	a.classes = e->model.classes;
	a.n = palloc0(sizeof(int64) * a.n_classes);
	a.accuracy = palloc(sizeof(double) * a.n_classes);
	correct = palloc0(sizeof(int64) * a.n_classes);
	ADVPG_EACH (i, e->rows->n)
	{
		a.n[e->rows->label[i]]++;
		correct[e->rows->label[i]] += e->prediction[i] == e->rows->label[i];
	}
	for (int c = 0; c < a.n_classes; c++)
		a.accuracy[c] = a.n[c] > 0 ? (double) correct[c] / a.n[c] : NAN;
	return a;
}

Datum
advfair_class_accuracy(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	ClassAccuracy a = class_accuracy(fcinfo);

	for (int c = 0; c < a.n_classes; c++)
	{
		Datum values[3];
		bool nulls[3] = {0};

		values[0] = advpg_text_datum(a.classes[c]);
		nulls[1] = isnan(a.accuracy[c]);
		values[1] = Float8GetDatum(a.accuracy[c]);
		values[2] = Int64GetDatum(a.n[c]);
		tuplestore_putvalues(result, desc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

Datum
advfair_cau(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair evaluation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	ClassAccuracy a = class_accuracy(fcinfo);
	double gap = advpg_gap("CAU", "classes have rows", a.n_classes, a.classes, a.accuracy);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (isnan(gap))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(gap);
}

/* ---- groups ---- */

/* Mean probability of a class in each group of an attribute. */
typedef struct GroupMeans
{
	const AdvpgRows *rows; /* whose attributes' codes are the groups */
	char *attribute;
	char *given; /* or NULL */
	int *order;  /* groups by their texts' bytes */
	int64 *n;
	double *mean; /* NaN where n = 0 */
} GroupMeans;

static int
compare_codes(const void *a, const void *b, void *arg)
{
	const AdvText *texts = arg;

	return adv_text_compare(texts[*(const int *) a], texts[*(const int *) b]);
}

/* Whether groups are made by setting the attribute, and not by the rows that have it. */
static bool
mode_argument(FunctionCallInfo fcinfo, int i)
{
	char *mode = text_argument(fcinfo, i, "mode", false);

	if (mode == NULL || strcmp(mode, "subset") == 0)
		return false;
	if (strcmp(mode, "intervene") == 0)
		return true;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("mode is \"%s\", but must be one of: subset, intervene", mode));
}

static void
subset_means(GroupMeans *m, const AdvpgEvaluation *e)
{
	ADVPG_EACH (i, e->rows->n)
	{
		int group = e->rows->attribute[i];

		if (group < 0 || (e->given >= 0 && e->rows->label[i] != e->given))
			continue;
		m->n[group]++;
		m->mean[group] += e->proba[i * e->model.net.classes + e->class];
	}
	for (int g = 0; g < e->rows->attributes.n; g++)
		m->mean[g] = m->n[g] > 0 ? m->mean[g] / m->n[g] : NAN;
}

/* The means that this call, of advfair_group_confidence or advfair_eou, asks for. */
static GroupMeans
group_means(FunctionCallInfo fcinfo)
{
	AdvpgEvaluationSpec spec = {.schema = get_func_namespace(fcinfo->flinfo->fn_oid), .need_proba = true};
	AdvpgEvaluation *e;
	GroupMeans m;
	int groups;

	spec.model = text_argument(fcinfo, 0, "model", true);
	spec.data = text_argument(fcinfo, 1, "data", true);
	spec.attribute = m.attribute = text_argument(fcinfo, 2, "attribute", true);
	spec.class = text_argument(fcinfo, 3, "class", true);
	spec.given = m.given = text_argument(fcinfo, 4, "given", false);
	spec.intervene = mode_argument(fcinfo, 5);
	spec.workers = workers_argument(fcinfo, 6);
	spec.need_label = spec.given != NULL;
	e = advpg_evaluate(&spec);
	(void) advpg_count_missing(e, m.attribute);

	m.rows = e->rows;
	groups = e->rows->attributes.n;
	m.n = palloc0(sizeof(int64) * (groups + 1));
	m.mean = palloc0(sizeof(double) * (groups + 1));
	m.order = palloc(sizeof(int) * (groups + 1));
	if (!spec.intervene)
		subset_means(&m, e);
	for (int g = 0; g < groups; g++)
	{
		m.order[g] = g;
		if (!spec.intervene)
			continue;
		m.n[g] = e->n_intervened;
		m.mean[g] = e->n_intervened > 0 ? e->intervened[g] : NAN;
	}
	qsort_interruptible(m.order, groups, sizeof(int), compare_codes, e->rows->attributes.texts);
	return m;
}

Datum
advfair_group_confidence(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	GroupMeans m = group_means(fcinfo);

	for (int k = 0; k < m.rows->attributes.n; k++)
	{
		int g = m.order[k];
		Datum values[3];
		bool nulls[3] = {0};

		values[0] = advpg_text_datum(m.rows->attributes.texts[g]);
		nulls[1] = isnan(m.mean[g]);
		values[1] = Float8GetDatum(m.mean[g]);
		values[2] = Int64GetDatum(m.n[g]);
		tuplestore_putvalues(result, desc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

Datum
advfair_eou(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair evaluation", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	GroupMeans m = group_means(fcinfo);
	const char *groups = psprintf("values of attribute \"%s\" have rows%s%s%s", m.attribute,
								  m.given ? " of class \"" : "", m.given ? m.given : "", m.given ? "\"" : "");
	double gap = advpg_gap("EOU", groups, m.rows->attributes.n, m.rows->attributes.texts, m.mean);

	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (isnan(gap))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(gap);
}
