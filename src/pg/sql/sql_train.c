/*
 * sql_train.c
 *		advfair_train, advfair_adv_train, advfair_run, advfair_fit.
 */
#include "pg/base/advpg.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/task/call.h"
#include "pg/task/json.h"
#include "pg/base/progress.h"
#include "pg/model/registry.h"
#include "pg/operation/training.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_run);
ADVPG_FUNCTION(advfair_train);
ADVPG_FUNCTION(advfair_adv_train);
ADVPG_FUNCTION(advfair_fit);

/* Run a task, store its model, and return the row that tells about it. function is what the user called. */
static Datum
train_and_store(FunctionCallInfo fcinfo, const char *function, Jsonb *json)
{
	AdvpgTrainTask task;
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	const AdvEpoch *epoch;
	AdvpgTrained *trained;
	TupleDesc desc;
	int version;
	Datum values[6];
	bool nulls[6] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	PreventCommandIfReadOnly(function);
	advpg_train_task_read(json, true, &task);
	trained = advpg_training_run(&task, schema, true, &version);
	epoch = advpg_trained_epoch(trained);
	values[0] = CStringGetTextDatum(task.model);
	values[1] = Int32GetDatum(version);
	values[2] = Int32GetDatum(trained->course.n_epochs);
	values[3] = Float8GetDatum(epoch->loss);
	values[4] = Float8GetDatum(epoch->accuracy);
	values[5] = Float8GetDatum(trained->seconds);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

Datum
advfair_run(PG_FUNCTION_ARGS)
{
	return train_and_store(fcinfo, "advfair_run()", PG_GETARG_JSONB_P(0));
}

Datum
advfair_train(PG_FUNCTION_ARGS)
{
	return train_and_store(fcinfo, "advfair_train()", advpg_call_task(fcinfo, "train"));
}

Datum
advfair_adv_train(PG_FUNCTION_ARGS)
{
	return train_and_store(fcinfo, "advfair_adv_train()", advpg_call_task(fcinfo, "adv_train"));
}

Datum
advfair_fit(PG_FUNCTION_ARGS)
{
	AdvpgTrainTask task;

	advpg_train_task_read(PG_GETARG_JSONB_P(0), false, &task);
	PG_RETURN_BYTEA_P(
		advpg_training_run(&task, get_func_namespace(fcinfo->flinfo->fn_oid), false, NULL)->model);
}
