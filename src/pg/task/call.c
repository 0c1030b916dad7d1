/*
 * call.c
 *		The arguments of an SQL function as a task.
 *
 * SQL functions with many named arguments need no code of their own to build their task: names and types stand in the catalog.
 */
#include "pg/task/call.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/base/characters.h"
#include "pg/task/json.h"
#include "pg/data/source.h"
#include "pg/data/value.h"

#define KEY_ARGUMENT "key"
#define ID_COLUMN    "id"

/* Push a number; what JSON has no number for is an error. */
static void
push_number(JsonbParseState **state, JsonbIteratorToken token, Datum datum, Oid type, const char *argument)
{
	AdvpgValueType number_type;
	AdvText text;
	double number;

	/* by way of the text, so that 0.1 as real is 0.1 */
	advpg_value_type_init(&number_type, type, InvalidOid);
	text = advpg_value_text(&number_type, datum);
	number = strtod(text.data, NULL);
	if (!isfinite(number))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("argument \"%s\" is %s, but must be a finite number", argument, text.data));
	advpg_json_number(state, token, number);
}

static void
push_scalar(JsonbParseState **state, JsonbIteratorToken token, Datum datum, Oid type, const char *argument)
{
	switch (type)
	{
		case TEXTOID:
			advpg_json_string(state, token, TextDatumGetCString(datum));
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			push_number(state, token, datum, type, argument);
			break;
		default:
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("argument \"%s\" cannot have type %s", argument, format_type_be(type)));
	}
}

static void
push_array(JsonbParseState **state, Datum datum, Oid element, const char *argument)
{
	ArrayType *array = DatumGetArrayTypeP(datum);
	int16 len;
	bool byval;
	char align;
	Datum *values;
	bool *nulls;
	int n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("argument \"%s\" must have one dimension", argument));
	get_typlenbyvalalign(element, &len, &byval, &align);
	deconstruct_array(array, element, len, byval, align, &values, &nulls, &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" has a NULL element", argument));
		push_scalar(state, WJB_ELEM, values[i], element, argument);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* Push a whole jsonb value as a member's value. */
static void
push_jsonb(JsonbParseState **state, Jsonb *jsonb)
{
	JsonbValue value;

	if (JB_ROOT_IS_SCALAR(jsonb))
		(void) JsonbExtractScalar(&jsonb->root, &value);
	else
	{
		value.type = jbvBinary;
		value.val.binary.data = &jsonb->root;
		value.val.binary.len = VARSIZE_ANY_EXHDR(jsonb);
	}
	pushJsonbValue(state, WJB_VALUE, &value);
}

/* A text where any type would do: JSON, so that numbers, arrays and objects can be written as literals. */
static Jsonb *
parse_json(Datum datum, const char *argument)
{
	char *string = TextDatumGetCString(datum);
	bool is_object = string[0] == '{' && strchr(string, ':') != NULL;
	bool is_number = string[0] != '\0' && string[strspn(string, "+-.0123456789eE")] == '\0';

	if (!is_object && !is_number && string[0] != '[')
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("argument \"%s\" is the text \"%s\", but a number, an array of numbers or an object is "
				   "expected",
				   argument, advpg_short_text(string)),
			errhint("Write an array as ARRAY[1, 2.5] or '{1,2.5}'::float8[]."));
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(string)));
}

static void
push_argument(JsonbParseState **state, Datum datum, Oid type, bool polymorphic, const char *argument)
{
	Oid element;

	if (type == UNKNOWNOID) /* a literal, where any type would do */
	{
		datum = CStringGetTextDatum(DatumGetCString(datum));
		type = TEXTOID;
	}
	type = getBaseType(type);
	element = get_element_type(type);
	if (polymorphic && (type == TEXTOID || type == VARCHAROID || type == BPCHAROID))
		push_jsonb(state, parse_json(datum, argument));
	else if (type == JSONBOID)
		push_jsonb(state, DatumGetJsonbP(datum));
	else if (type == BOOLOID)
		advpg_json_boolean(state, DatumGetBool(datum));
	else if (OidIsValid(element))
		push_array(state, datum, element, argument);
	else
		push_scalar(state, WJB_VALUE, datum, type, argument);
}

static HeapTuple
function_tuple(FunctionCallInfo fcinfo)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	return tuple;
}

Jsonb *
advpg_call_task(FunctionCallInfo fcinfo, const char *kind)
{
	JsonbParseState *state = NULL;
	HeapTuple tuple = function_tuple(fcinfo);
	Oid *types;
	char **names;
	char *modes;

	(void) get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (kind)
		advpg_json_put_string(&state, "kind", kind);
	for (int i = 0; i < PG_NARGS(); i++) /* input arguments come first */
	{
		bool polymorphic = IsPolymorphicType(types[i]) || types[i] == ANYOID;

		if (PG_ARGISNULL(i) || strcmp(names[i], KEY_ARGUMENT) == 0)
			continue;
		advpg_json_string(&state, WJB_KEY, names[i]);
		push_argument(&state, PG_GETARG_DATUM(i),
					  polymorphic ? get_fn_expr_argtype(fcinfo->flinfo, i) : types[i], polymorphic, names[i]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Oid
advpg_call_id_type(FunctionCallInfo fcinfo)
{
	HeapTuple tuple = function_tuple(fcinfo);
	Oid *types;
	char **names;
	char *modes;
	Oid result = INT8OID;

	(void) get_func_arg_info(tuple, &types, &names, &modes);
	ReleaseSysCache(tuple);
	for (int i = 0; i < PG_NARGS(); i++)
		if (strcmp(names[i], KEY_ARGUMENT) == 0)
			result = get_fn_expr_argtype(fcinfo->flinfo, i);
	return result;
}

char *
advpg_call_text(FunctionCallInfo fcinfo, int i, const char *name, bool required)
{
	if (i < PG_NARGS() && !PG_ARGISNULL(i))
		return text_to_cstring(PG_GETARG_TEXT_PP(i));
	if (required)
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("argument \"%s\" must not be NULL", name));
	return NULL;
}

int
advpg_call_workers(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return 0;
	if (PG_GETARG_INT32(i) < 0 || PG_GETARG_INT32(i) > 1024)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("workers is %d, but must be between 0 and 1024", PG_GETARG_INT32(i)));
	return PG_GETARG_INT32(i);
}

Tuplestorestate *
advpg_call_result(FunctionCallInfo fcinfo, TupleDesc *desc)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	*desc = rsinfo->setDesc;
	MemoryContextSwitchTo(
		AllocSetContextCreate(CurrentMemoryContext, "advfair call", ALLOCSET_DEFAULT_SIZES));
	return rsinfo->setResult;
}

/* The store is there already, with the types the call asked for. */
static void
begin_result(AdvpgOutput *output, Oid id_type)
{
}

void
advpg_output_row(AdvpgOutput *output, Datum *values, bool *nulls)
{
	int skipped = OidIsValid(output->id_type) ? 0 : 1;

	tuplestore_putvalues(output->store, output->desc, values + skipped, nulls + skipped);
}

Datum
advpg_call_produce(FunctionCallInfo fcinfo, AdvpgProduce produce)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgOutput output = {.begin = begin_result};

	output.store = advpg_call_result(fcinfo, &output.desc);
	if (advpg_find_column(output.desc, ID_COLUMN) > 0)
		output.id_type = advpg_call_id_type(fcinfo);
	produce(get_func_namespace(fcinfo->flinfo->fn_oid), advpg_call_task(fcinfo, NULL), &output);
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}
