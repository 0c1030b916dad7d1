/*
 * callsite.c
 *		A model as the row functions use it: parsed once for each call site, ready for one row.
 *
 * A query calls such a function for each row with the same model. The parsed model is kept with the call (fn_extra). What tells
 * that the model is still the same is its TOAST pointer, compared without fetching the value, or for a value that is not stored
 * out of line its bytes.
 */
#include "pg/model/callsite.h"

#include <math.h>

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "core/network/loss.h"
#include "pg/base/advpg.h"
#include "pg/data/charset.h"
#include "pg/base/compat.h"
#include "pg/data/dictionary.h"
#include "pg/data/reader.h"

typedef struct CallSite
{
	MemoryContext context; /* of all below; a new one for each model */
	bool toasted;
	struct varatt_external pointer; /* identity of the model when toasted ... */
	bytea *bytes;                   /* ... and when not */
	AdvModel model;
	AdvWorkspace ws;

	/* rows: which attribute each column is, for the row type last seen */
	uint64 row_version; /* identifies the type as it is now: ALTER TABLE changes it; 0 for none */
	TupleDesc desc;
	int *attribute;
	AdvpgReader *readers;
	size_t *offset;
	uint8 *domain; /* AdvpgDomain of each column */
	unsigned char *stored;
	AdvLayout layout;
	Datum *values;
	bool *nulls;

	void *own; /* the function's */
} CallSite;

/* ---- the model ---- */

static bool
same_model(const CallSite *site, struct varlena *value, struct varatt_external *pointer)
{
	bytea *bytes;

	if (site->toasted)
		return VARATT_IS_EXTERNAL_ONDISK(value) && memcmp(pointer, &site->pointer, sizeof(*pointer)) == 0;
	if (VARATT_IS_EXTERNAL_ONDISK(value))
		return false;
	bytes = (bytea *) pg_detoast_datum_packed(value);
	return VARSIZE_ANY_EXHDR(bytes) == VARSIZE_ANY_EXHDR(site->bytes) &&
		   memcmp(VARDATA_ANY(bytes), VARDATA_ANY(site->bytes), VARSIZE_ANY_EXHDR(bytes)) == 0;
}

static CallSite *
load_model(struct varlena *value, const struct varatt_external *pointer, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "advfair model", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	CallSite *site = palloc0(sizeof(CallSite));
	bytea *bytes = (bytea *) pg_detoast_datum_copy(value);
	void *memory;

	/* each step of these takes a while with the largest models */
	CHECK_FOR_INTERRUPTS();
	site->context = context;
	advpg_model_read(bytes, context, &site->model);
	CHECK_FOR_INTERRUPTS();
	adv_model_fold(&site->model);
	site->toasted = VARATT_IS_EXTERNAL_ONDISK(value);
	if (site->toasted)
	{
		site->pointer = *pointer;
		pfree(bytes);
	}
	else
		site->bytes = bytes;
	memory = palloc_extended(adv_workspace_size(&site->model.net, 1, ADV_PASS_FORWARD) + 64, MCXT_ALLOC_HUGE);
	adv_workspace_init(&site->ws, &site->model.net, 1, ADV_PASS_FORWARD, ADVPG_ALIGN64(memory));
	adv_workspace_load(&site->ws, site->model.params);
	MemoryContextSwitchTo(old);
	return site;
}

static CallSite *
get_callsite(FunctionCallInfo fcinfo)
{
	CallSite *site = fcinfo->flinfo->fn_extra;
	struct varlena *value = (struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0));
	struct varatt_external pointer = {0};

	if (VARATT_IS_EXTERNAL_ONDISK(value))
		VARATT_EXTERNAL_GET_POINTER(pointer, value);
	if (site && same_model(site, value, &pointer))
		return site;
	if (site)
	{
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(site->context);
	}
	return fcinfo->flinfo->fn_extra = load_model(value, &pointer, fcinfo->flinfo->fn_mcxt);
}

const AdvModel *
advpg_callsite_model(FunctionCallInfo fcinfo)
{
	return &get_callsite(fcinfo)->model;
}

/* ---- rows ---- */

static void
map_column(CallSite *site, int i, size_t *offset, const AdvField *field)
{
	const AdvColumn *column = &site->model.encoder.columns[i];
	char *name = advpg_text_cstring(column->name);
	Form_pg_attribute attribute;
	int attno = 0;

	for (int k = 0; k < site->desc->natts && attno == 0; k++)
		if (!TupleDescAttr(site->desc, k)->attisdropped &&
			strcmp(NameStr(TupleDescAttr(site->desc, k)->attname), name) == 0)
			attno = k + 1;
	if (attno == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("the row has no column \"%s\", which the model needs", name));
	attribute = TupleDescAttr(site->desc, attno - 1);
	advpg_reader_init(&site->readers[i], attribute->atttypid, attribute->attcollation);
	advpg_reader_expect(&site->readers[i], column);
	if (site->readers[i].kind != column->kind)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of type %s is %s, but the model was trained on %s", name,
					   format_type_be(attribute->atttypid), advpg_kind_name(site->readers[i].kind),
					   advpg_kind_name(column->kind)));
	site->domain[i] = advpg_reader_domain(&site->readers[i]);
	site->attribute[i] = attno - 1;
	site->offset[i] = *offset;
	*offset += adv_layout_row_bytes(field, 1);
}

static void
map_row_type(CallSite *site, Oid type, int32 typmod, uint64 version)
{
	const AdvEncoder *encoder = &site->model.encoder;
	TupleDesc desc = lookup_rowtype_tupdesc(type, typmod);
	MemoryContext old = MemoryContextSwitchTo(site->context);
	AdvField *fields = palloc(sizeof(AdvField) * encoder->n_columns);
	size_t offset = 0;

	site->row_version = 0;
	site->desc = CreateTupleDescCopy(desc);
	ReleaseTupleDesc(desc);
	site->attribute = palloc(sizeof(int) * encoder->n_columns);
	site->readers = palloc(sizeof(AdvpgReader) * encoder->n_columns);
	site->offset = palloc(sizeof(size_t) * encoder->n_columns);
	site->domain = palloc(sizeof(uint8) * encoder->n_columns);
	site->values = palloc(sizeof(Datum) * site->desc->natts);
	site->nulls = palloc(sizeof(bool) * site->desc->natts);
	adv_encoder_fields(encoder, fields);
	for (int i = 0; i < encoder->n_columns; i++)
		map_column(site, i, &offset, &fields[i]);
	site->layout.fields = fields;
	site->layout.n_fields = encoder->n_columns;
	site->layout.shape = encoder->shape;
	site->layout.row_bytes = offset;
	site->stored = palloc_extended(offset, MCXT_ALLOC_HUGE);
	MemoryContextSwitchTo(old);
	site->row_version = version;
}

static void
input_from_row(CallSite *site, HeapTupleHeader row)
{
	const AdvEncoder *encoder = &site->model.encoder;
	Oid type = HeapTupleHeaderGetTypeId(row);
	int32 typmod = HeapTupleHeaderGetTypMod(row);
	uint64 version = assign_record_type_identifier(type, typmod);
	HeapTupleData tuple;

	if (site->row_version != version)
		map_row_type(site, type, typmod, version);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, site->desc, site->values, site->nulls);
	for (int i = 0; i < encoder->n_columns; i++)
	{
		char *name = NameStr(TupleDescAttr(site->desc, site->attribute[i])->attname);
		AdvValue value = {0};
		AdvError err;

		if (site->nulls[site->attribute[i]] ||
			!advpg_read_value(&site->readers[i], site->values[site->attribute[i]], &value))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("column \"%s\" %s", name,
						   site->nulls[site->attribute[i]] ? "is NULL" : "has a NULL element"));
		if (adv_encoder_store(encoder, i, &value, site->stored + site->offset[i], &err) != ADV_OK)
			advpg_raise(&err, NULL);
	}
	adv_layout_expand(&site->layout, site->stored, site->ws.act[0]);
}

const float *
advpg_callsite_row(FunctionCallInfo fcinfo, const AdvModel **model, const uint8 **domain)
{
	CallSite *site = get_callsite(fcinfo);

	input_from_row(site, PG_GETARG_HEAPTUPLEHEADER(1));
	*model = &site->model;
	*domain = site->domain;
	return site->ws.act[0];
}

void **
advpg_callsite_own(FunctionCallInfo fcinfo, MemoryContext *context)
{
	CallSite *site = get_callsite(fcinfo);

	*context = site->context;
	return &site->own;
}

/* ---- encoded values and images ---- */

const float *
advpg_encoded_input(const AdvModel *model, ArrayType *array)
{
	size_t inputs = adv_shape_size(model->net.input);
	size_t n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const float *x = (const float *) ARR_DATA_PTR(array);

	if (ARR_HASNULL(array) && array_contains_nulls(array))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("the encoded input has a NULL element"));
	if (n != inputs)
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("the encoded input has %zu values, but the model expects %zu", n, inputs));
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			ereport(
				ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("the encoded input is %s at position %zu", isnan(x[i]) ? "NaN" : "infinite", i + 1));
	return x;
}

Datum
advpg_input_datum(AdvShape shape, const float *x)
{
	size_t n = adv_shape_size(shape);
	Size size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(float4);
	ArrayType *array = palloc(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	*ARR_DIMS(array) = n;
	*ARR_LBOUND(array) = 1;
	adv_to_channels_first(shape, x, (float *) ARR_DATA_PTR(array));
	return PointerGetDatum(array);
}

static void
input_from_image(CallSite *site, bytea *image)
{
	const AdvEncoder *encoder = &site->model.encoder;
	AdvField field;
	AdvLayout layout = {&field, 1, encoder->shape, 0};
	AdvValue value = {0};
	AdvError err;
	unsigned char *stored;

	if (encoder->n_columns != 1 || encoder->columns[0].kind != ADV_COLUMN_IMAGE)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("the model was not trained on images"),
				errhint("Give it a row, or encoded values as real[]."));
	adv_encoder_fields(encoder, &field);
	layout.row_bytes = adv_layout_row_bytes(&field, 1);
	stored = palloc_extended(layout.row_bytes, MCXT_ALLOC_HUGE);
	value.bytes = (const unsigned char *) VARDATA_ANY(image);
	value.length = VARSIZE_ANY_EXHDR(image);
	if (adv_encoder_store(encoder, 0, &value, stored, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	adv_layout_expand(&layout, stored, site->ws.act[0]);
	pfree(stored);
}

void
advpg_forward(AdvWorkspace *ws)
{
	AdvpgInterruption interruption = {CurrentMemoryContext, NULL};

	ws->stop = (AdvStop){advpg_interrupted, &interruption};
	(void) adv_forward(ws, 1);
	advpg_raise_interruption(&interruption);
}

const float *
advpg_callsite_logits(FunctionCallInfo fcinfo, AdvpgInput input, const AdvModel **model)
{
	CallSite *site = get_callsite(fcinfo);
	const AdvNetwork *net = &site->model.net;

	switch (input)
	{
		case ADVPG_INPUT_ROW:
			input_from_row(site, PG_GETARG_HEAPTUPLEHEADER(1));
			break;
		case ADVPG_INPUT_ARRAY:
			adv_to_channels_last(net->input, advpg_encoded_input(&site->model, PG_GETARG_ARRAYTYPE_P(1)),
								 site->ws.act[0]);
			break;
		case ADVPG_INPUT_IMAGE:
			input_from_image(site, PG_GETARG_BYTEA_PP(1));
			break;
	}
	advpg_forward(&site->ws);
	if (!adv_all_finite((size_t) net->classes, site->ws.act[net->n_layers]))
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the output of the network is not finite"),
				errhint("The input is far outside of what the model can have been trained on."));
	*model = &site->model;
	return site->ws.act[net->n_layers];
}
