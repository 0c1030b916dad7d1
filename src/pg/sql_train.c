/*
 * sql_train.c
 *		advfair_run (behind advfair_train), advfair_adv_train, advfair_fit, advfair_retrain.
 */
#include "pg/advpg.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/call.h"
#include "pg/json.h"
#include "pg/progress.h"
#include "pg/registry.h"
#include "pg/training.h"

PG_FUNCTION_INFO_V1(advfair_run);
PG_FUNCTION_INFO_V1(advfair_adv_train);
PG_FUNCTION_INFO_V1(advfair_fit);
PG_FUNCTION_INFO_V1(advfair_retrain);

static Jsonb *
training_metrics(const AdvpgTrained *trained)
{
	JsonbParseState *state = NULL;
	const AdvEpoch *last = &trained->epochs[trained->n_epochs - 1];

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_number(&state, "rows", trained->n_rows);
	advpg_json_put_number(&state, "examples", trained->n_examples);
	advpg_json_put_number(&state, "loss", last->loss);
	advpg_json_put_number(&state, "accuracy", last->accuracy);
	if (!isnan(last->validation_loss))
	{
		advpg_json_put_number(&state, "validation_loss", last->validation_loss);
		advpg_json_put_number(&state, "validation_accuracy", last->validation_accuracy);
	}
	if (!isnan(trained->twin_success))
		advpg_json_put_number(&state, "twin_success", trained->twin_success);
	advpg_json_put_number(&state, "read_seconds", trained->read_seconds);
	advpg_json_put_number(&state, "seconds", trained->seconds);
	advpg_json_put_number(&state, "workers", trained->n_workers);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/*
 * Train in a memory context of its own with a connection to SPI; with store, add the model to the registry. schema is the
 * extension's. The context becomes current and outlives the connection.
 */
static AdvpgTrained *
train(const AdvpgTrainTask *task, Oid schema, bool store, int *version)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair training", ALLOCSET_DEFAULT_SIZES);
	AdvpgTrained *volatile trained = NULL;

	SPI_connect();
	MemoryContextSwitchTo(context);
	advpg_progress_begin(task->adversarial ? "adv_train" : "train", task->model);
	PG_TRY();
	{
		trained = advpg_training(task, schema);
		if (store)
		{
			advpg_progress_phase("storing", 0);
			*version = advpg_registry_add(schema, task->model, advpg_train_task_write(&trained->task),
										  trained->digest, training_metrics(trained), trained->model,
										  trained->epochs, trained->n_epochs);
		}
	}
	PG_FINALLY();
	{
		advpg_progress_end();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextSwitchTo(context);
	return trained;
}

/* Run a task, store its model, and return the row that tells about it. */
static Datum
train_and_store(FunctionCallInfo fcinfo, const AdvpgTrainTask *task)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	const AdvEpoch *last;
	AdvpgTrained *trained;
	TupleDesc desc;
	int version;
	Datum values[6];
	bool nulls[6] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	trained = train(task, schema, true, &version);
	last = &trained->epochs[trained->n_epochs - 1];
	values[0] = CStringGetTextDatum(task->model);
	values[1] = Int32GetDatum(version);
	values[2] = Int32GetDatum(trained->n_epochs);
	values[3] = Float8GetDatum(last->loss);
	values[4] = Float8GetDatum(last->accuracy);
	values[5] = Float8GetDatum(trained->seconds);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

Datum
advfair_run(PG_FUNCTION_ARGS)
{
	AdvpgTrainTask task;

	PreventCommandIfReadOnly("advfair_train()");
	advpg_train_task_read(PG_GETARG_JSONB_P(0), true, &task);
	return train_and_store(fcinfo, &task);
}

Datum
advfair_adv_train(PG_FUNCTION_ARGS)
{
	AdvpgTrainTask task;

	PreventCommandIfReadOnly("advfair_adv_train()");
	advpg_train_task_read(advpg_call_task(fcinfo, "adv_train"), true, &task);
	return train_and_store(fcinfo, &task);
}

Datum
advfair_fit(PG_FUNCTION_ARGS)
{
	AdvpgTrainTask task;

	advpg_train_task_read(PG_GETARG_JSONB_P(0), false, &task);
	PG_RETURN_BYTEA_P(train(&task, get_func_namespace(fcinfo->flinfo->fn_oid), false, NULL)->model);
}

Datum
advfair_retrain(PG_FUNCTION_ARGS)
{
	char *model = text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext context = CurrentMemoryContext;
	AdvpgTrainTask task;
	AdvpgEntry *entry;

	PreventCommandIfReadOnly("advfair_retrain()");
	SPI_connect();
	MemoryContextSwitchTo(context);
	entry = advpg_registry_find(get_func_namespace(fcinfo->flinfo->fn_oid), model);
	SPI_finish();
	MemoryContextSwitchTo(context);
	advpg_registry_task(entry, &task);
	return train_and_store(fcinfo, &task);
}
