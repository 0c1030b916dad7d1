/*
 * sql_model.c
 *		Models as values: advfair_get, advfair_describe, advfair_weights, advfair_build.
 */
#include "pg/base/advpg.h"

#include <math.h>

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "core/network/model.h"
#include "pg/model/description.h"
#include "pg/data/charset.h"
#include "pg/base/compat.h"
#include "pg/data/dictionary.h"
#include "pg/base/ownsql.h"
#include "pg/model/registry.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_get);
ADVPG_FUNCTION(advfair_describe);
ADVPG_FUNCTION(advfair_weights);
ADVPG_FUNCTION(advfair_build);
ADVPG_FUNCTION(advfair_model_changed);
ADVPG_FUNCTION(advfair_model_missing);

/* ---- get ---- */

/* What a call site has found, and when: as long as the database is as it was then, it need not look again for each row. */
typedef struct Moment
{
	Oid role;
	uint64 completed;           /* transactions of anybody */
	SubTransactionId under_way; /* in this one */
	CommandId command;
} Moment;

typedef struct Found
{
	MemoryContext context; /* of all below; a new one for each model */
	char *name;
	Moment moment;
	Datum model; /* as it is stored, out of line unless it is small */
} Found;

static Moment
this_moment(void)
{
	Snapshot snapshot = GetActiveSnapshot();

	return (Moment){GetUserId(), snapshot->snapXactCompletionCount, GetCurrentSubTransactionId(),
					snapshot->curcid};
}

static bool
is_found(const Found *found, const char *name)
{
	Moment moment = this_moment();

	return found->moment.role == moment.role && found->moment.completed == moment.completed &&
		   found->moment.under_way == moment.under_way && found->moment.command == moment.command &&
		   strcmp(found->name, name) == 0;
}

static Found *
find(Oid schema, const char *name, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "advfair model found", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Found *found = palloc(sizeof(Found));

	SPI_connect();
	MemoryContextSwitchTo(context);
	found->model = advpg_registry_find(schema, name)->model;
	SPI_finish();
	found->context = context;
	found->name = MemoryContextStrdup(context, name);
	found->moment = this_moment();
	MemoryContextSwitchTo(old);
	return found;
}

Datum
advfair_get(PG_FUNCTION_ARGS)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Found *found = flinfo->fn_extra;

	if (found == NULL || !is_found(found, name))
	{
		flinfo->fn_extra = NULL;
		if (found)
			MemoryContextDelete(found->context);
		flinfo->fn_extra = found = find(get_func_namespace(flinfo->fn_oid), name, flinfo->fn_mcxt);
	}
	return datumCopy(found->model, false, -1);
}

/* ---- describe ---- */

Datum
advfair_describe(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(advpg_description_write(PG_GETARG_BYTEA_PP(0)));
}

/* ---- weights ---- */

static void
put_weights(ReturnSetInfo *rsinfo, int layer, const char *parameter, const int *sizes, int n_sizes,
			const float *weights, size_t n)
{
	Datum dims[4];
	Datum values[4];
	bool nulls[4] = {0};
	ArrayType *array;
	size_t bytes = ARR_OVERHEAD_NONULLS(1) + n * sizeof(float);

	if (!AllocSizeIsValid(bytes))
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("layer %d has too many weights for an array", layer));
	for (int i = 0; i < n_sizes; i++)
		dims[i] = Int32GetDatum(sizes[i]);
	array = palloc0(bytes);
	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->elemtype = FLOAT4OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), weights, n * sizeof(float));
	values[0] = Int32GetDatum(layer);
	values[1] = CStringGetTextDatum(parameter);
	values[2] = PointerGetDatum(construct_array(dims, n_sizes, INT4OID, sizeof(int32), true, TYPALIGN_INT));
	values[3] = PointerGetDatum(array);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Layers with parameters count from 1, so that numbers agree with the arch string however activations are spelled. */
Datum
advfair_weights(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	AdvModel model;
	int number = 0;

	advpg_model_read(PG_GETARG_BYTEA_PP(0), CurrentMemoryContext, &model);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < model.net.n_layers; i++)
	{
		const AdvLayer *l = &model.net.layers[i];
		const AdvLayerType *type = adv_layer_type(l);
		int sizes[4];

		if (l->n_weight == 0)
			continue;
		number++;
		put_weights(rsinfo, number, type->weight_name, sizes, type->weight_sizes(l, sizes),
					model.params + l->weight, l->n_weight);
		sizes[0] = l->n_bias;
		put_weights(rsinfo, number, type->bias_name, sizes, 1, model.params + l->bias, l->n_bias);
		for (int k = 0; k < adv_statistic_kinds(l); k++)
			put_weights(rsinfo, number, type->statistic_names[k], sizes, 1,
						model.params + l->statistic + (size_t) k * l->n_bias, l->n_bias);
	}
	return (Datum) 0;
}

/* ---- build ---- */

Datum
advfair_build(PG_FUNCTION_ARGS)
{
	Jsonb *task = PG_GETARG_JSONB_P(0);
	ArrayType *weights = PG_GETARG_ARRAYTYPE_P(1);
	size_t n = ArrayGetNItems(ARR_NDIM(weights), ARR_DIMS(weights));
	AdvModel model = {0};
	AdvModel check;
	bytea *bytes;

	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a model description must be a JSON object"));
	advpg_description_read(&task->root, n, &model);
	if (ARR_HASNULL(weights) && array_contains_nulls(weights))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("weights have a NULL element"));
	model.params = (const float *) ARR_DATA_PTR(weights);
	bytes = advpg_model_write(&model);
	advpg_model_read(bytes, CurrentMemoryContext, &check);
	PG_RETURN_BYTEA_P(bytes);
}

/* ---- the registry's rows ---- */

/* Whatever row-level security lets the caller see. */
Datum
advfair_model_missing(PG_FUNCTION_ARGS)
{
	Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Relation models = table_open(get_relname_relid("advfair_model", schema), AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	bool found;

	ScanKeyInit(&key, get_attnum(RelationGetRelid(models), "model_id"), BTEqualStrategyNumber, F_UUID_EQ,
				PG_GETARG_DATUM(0));
	scan = systable_beginscan(models, get_relname_relid("advfair_model_pkey", schema), true,
							  GetActiveSnapshot(), 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(models, AccessShareLock);
	PG_RETURN_BOOL(!found);
}

/* Before the model is gone: its curve is seen by who sees the model. */
Datum
advfair_model_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = advpg_own_trigger(fcinfo, "advfair_model", true);
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	int column = SPI_fnumber(desc, "model_id");
	Datum model_id;
	bool isnull;

	model_id = heap_getattr(data->tg_trigtuple, column, desc, &isnull);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		Datum changed = heap_getattr(data->tg_newtuple, column, desc, &isnull);

		if (isnull || !DatumGetBool(DirectFunctionCall2(uuid_eq, model_id, changed)))
			ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("model_id of a model cannot be changed"));
		return PointerGetDatum(data->tg_newtuple);
	}
	SPI_connect();
	advpg_registry_forget_curve(RelationGetNamespace(data->tg_relation), model_id);
	SPI_finish();
	return PointerGetDatum(data->tg_trigtuple);
}
