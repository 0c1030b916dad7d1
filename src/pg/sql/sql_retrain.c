/*
 * sql_retrain.c
 *		advfair_retrain and advfair_promote.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/task/call.h"
#include "pg/model/registry.h"
#include "pg/operation/retrain.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_retrain);
ADVPG_FUNCTION(advfair_promote);

/* The first six columns are all that version 1.0 of the function returns. */
Datum
advfair_retrain(PG_FUNCTION_ARGS)
{
	AdvpgRetrainTask task;
	AdvpgRetrained *result;
	const AdvEpoch *epoch;
	TupleDesc desc;
	Datum values[8];
	bool nulls[8] = {0};

	PreventCommandIfReadOnly("advfair_retrain()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	advpg_task_read(&advpg_retrain_kind, advpg_call_task(fcinfo, NULL), &task);
	result = advpg_retrain(get_func_namespace(fcinfo->flinfo->fn_oid), &task);
	epoch = advpg_trained_epoch(result->trained);
	values[0] = CStringGetTextDatum(result->model);
	values[1] = Int32GetDatum(result->version);
	values[2] = Int32GetDatum(result->trained->course.n_epochs);
	values[3] = Float8GetDatum(epoch->loss);
	values[4] = Float8GetDatum(epoch->accuracy);
	values[5] = Float8GetDatum(result->trained->seconds);
	values[6] = BoolGetDatum(result->promoted);
	nulls[7] = result->reason == NULL;
	values[7] = result->reason ? CStringGetTextDatum(result->reason) : (Datum) 0;
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

Datum
advfair_promote(PG_FUNCTION_ARGS)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	MemoryContext context = CurrentMemoryContext;
	char *model = psprintf("%s@%d", text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1));

	PreventCommandIfReadOnly("advfair_promote()");
	SPI_connect();
	MemoryContextSwitchTo(context);
	advpg_registry_promote(schema, advpg_registry_find(schema, model));
	SPI_finish();
	MemoryContextSwitchTo(context);
	PG_RETURN_TEXT_P(cstring_to_text(model));
}
