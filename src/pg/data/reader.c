/*
 * reader.c
 *		Column values of any supported SQL type as the core wants them.
 *
 * The kind of a column follows from its type: integers, floats, numeric and boolean are numbers; text, varchar, char, enum
 * and domains over them are categories; arrays of numbers are arrays; bytea is an image.
 */
#include "pg/data/reader.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "pg/base/compat.h"

static bool
is_number(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case BOOLOID:
			return true;
		default:
			return false;
	}
}

static int
kind_of_type(Oid base, Oid element)
{
	char category;
	bool preferred;

	if (is_number(base))
		return ADV_COLUMN_NUMBER;
	if (base == BYTEAOID)
		return ADV_COLUMN_IMAGE;
	if (OidIsValid(element))
		return is_number(element) && element != BOOLOID ? ADV_COLUMN_ARRAY : 0;
	get_type_category_preferred(base, &category, &preferred);
	if (category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM)
		return ADV_COLUMN_CATEGORY;
	return 0;
}

const char *
advpg_kind_name(int kind)
{
	switch (kind)
	{
		case ADV_COLUMN_NUMBER:
			return "a number";
		case ADV_COLUMN_CATEGORY:
			return "a category (text or enum)";
		case ADV_COLUMN_ARRAY:
			return "an array of numbers";
		case ADV_COLUMN_IMAGE:
			return "an image (bytea)";
		default:
			return "neither number, category, array nor image";
	}
}

void
advpg_reader_init(AdvpgReader *reader, Oid type, Oid collation)
{
	memset(reader, 0, sizeof(*reader));
	reader->base = getBaseType(type);
	reader->element = get_element_type(reader->base);
	if (OidIsValid(reader->element))
	{
		reader->element = getBaseType(reader->element);
		get_typlenbyvalalign(reader->element, &reader->typlen, &reader->typbyval, &reader->typalign);
	}
	reader->kind = kind_of_type(reader->base, reader->element);
	advpg_value_type_init(&reader->value, type, collation);
	reader->context = CurrentMemoryContext;
}

void
advpg_reader_expect(AdvpgReader *reader, const AdvColumn *column)
{
	reader->column = column;
}

/* A category, as the model calls it that expects it: by its text, or else by whatever is equal to it. */
static AdvText
read_category(AdvpgReader *reader, Datum datum)
{
	AdvText text = advpg_value_text(&reader->value, datum);
	int found;

	if (reader->column == NULL || reader->value.normal || adv_column_code(reader->column, text) >= 0)
		return text;
	if (reader->known == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(reader->context);

		reader->known = advpg_known_make(&reader->value, reader->column->values, reader->column->n_values);
		MemoryContextSwitchTo(old);
	}
	found = advpg_known_find(reader->known, datum, text);
	return found >= 0 ? reader->column->values[found] : text;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* A number in double precision; *rounded when it is an integer that this cannot hold. */
static double
read_number(Oid type, Datum datum, bool *rounded)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(datum);
		case INT4OID:
			return DatumGetInt32(datum);
		case INT8OID:
		{
			int64 value = DatumGetInt64(datum);
			double number = (double) value;

			*rounded = number >= 0x1p63 || (int64) number != value;
			return number;
		}
		case FLOAT4OID:
			return DatumGetFloat4(datum);
		case FLOAT8OID:
			return DatumGetFloat8(datum);
		case BOOLOID:
			return DatumGetBool(datum) ? 1 : 0;
		default:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, datum));
	}
}

static bool
read_array(AdvpgReader *reader, Datum datum, AdvValue *value)
{
	ArrayType *array = DatumGetArrayTypeP(datum);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	double *numbers;
	Datum *elements;
	bool *nulls;

	value->length = n;
	if (reader->element == FLOAT8OID && !ARR_HASNULL(array))
	{
		value->array = (const double *) ARR_DATA_PTR(array);
		return true;
	}
	value->array = numbers = palloc_extended(sizeof(double) * (n + 1), MCXT_ALLOC_HUGE);
	if (reader->element == FLOAT4OID && !ARR_HASNULL(array))
	{
		for (int i = 0; i < n; i++)
			numbers[i] = ((const float *) ARR_DATA_PTR(array))[i];
		return true;
	}
	deconstruct_array(array, reader->element, reader->typlen, reader->typbyval, reader->typalign, &elements,
					  &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		bool rounded = false;

		if (nulls[i])
			return false;
		numbers[i] = read_number(reader->element, elements[i], &rounded);
		if (rounded)
			value->rounded = i + 1;
	}
	return true;
}

bool
advpg_read_value(AdvpgReader *reader, Datum datum, AdvValue *value)
{
	bool rounded = false;

	value->rounded = 0;
	value->integer = is_integer(OidIsValid(reader->element) ? reader->element : reader->base);
	switch (reader->kind)
	{
		case ADV_COLUMN_NUMBER:
			value->number = read_number(reader->base, datum, &rounded);
			value->rounded = rounded ? 1 : 0;
			break;
		case ADV_COLUMN_CATEGORY:
			value->text = read_category(reader, datum);
			break;
		case ADV_COLUMN_ARRAY:
			return read_array(reader, datum, value);
		case ADV_COLUMN_IMAGE:
		{
			bytea *bytes = DatumGetByteaPP(datum);

			value->bytes = (const unsigned char *) VARDATA_ANY(bytes);
			value->length = VARSIZE_ANY_EXHDR(bytes);
			break;
		}
		default:
			elog(ERROR, "type %u has no kind", reader->base);
	}
	return true;
}

AdvpgDomain
advpg_reader_domain(const AdvpgReader *reader)
{
	Oid type = OidIsValid(reader->element) ? reader->element : reader->base;

	if (type == BOOLOID)
		return ADVPG_DOMAIN_BOOLEAN;
	return type == INT2OID || type == INT4OID || type == INT8OID ? ADVPG_DOMAIN_INTEGER : ADVPG_DOMAIN_REAL;
}
