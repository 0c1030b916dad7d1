/*
 * sql_predict.c
 *		advfair_predict(model, data): all rows of a data set.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/version.h"
#include "pg/data/dictionary.h"
#include "pg/operation/evaluation.h"
#include "pg/task/call.h"

ADVPG_FUNCTION(advfair_predict_data);
ADVPG_FUNCTION(advfair_predict_data_key);

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

	spec.model = advpg_call_text(fcinfo, 0, "model", true);
	spec.data = advpg_call_text(fcinfo, 1, "data", true);
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
	return predict_data(fcinfo, INT8OID, advpg_call_workers(fcinfo, 2),
						advpg_call_text(fcinfo, 3, "id", false));
}

Datum
advfair_predict_data_key(PG_FUNCTION_ARGS)
{
	return predict_data(fcinfo, get_fn_expr_argtype(fcinfo->flinfo, 2), advpg_call_workers(fcinfo, 3),
						advpg_call_text(fcinfo, 4, "id", false));
}
