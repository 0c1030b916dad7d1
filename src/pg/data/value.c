/*
 * value.c
 *		Values of an SQL type: which are equal, and what text stands for one, whatever the session's settings are.
 */
#include "pg/data/value.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/resowner.h"

#include "pg/data/charset.h"
#include "pg/base/compat.h"
#include "pg/data/dictionary.h"

/* ---- what a type is like ---- */

/* Types whose text is the same just for equal values. advpg_value_text writes it itself where settings, zeros or scales would show. */
static bool
has_normal_text(Oid type, Oid collation)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
			return !OidIsValid(collation) || get_collation_isdeterministic(collation);
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case BYTEAOID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
			return true;
		default:
			return get_typtype(type) == TYPTYPE_ENUM;
	}
}

void
advpg_value_type_init(AdvpgValueType *type, Oid sql_type, Oid collation)
{
	Oid out;
	bool is_varlena;

	memset(type, 0, sizeof(*type));
	type->type = getBaseType(sql_type);
	type->collation = OidIsValid(collation) ? collation : get_typcollation(type->type);
	get_typlenbyval(type->type, &type->len, &type->byval);
	getTypeOutputInfo(type->type, &out, &is_varlena);
	fmgr_info(out, &type->out);
	/* citext and its like are text but for their operators */
	type->is_text = type->type == TEXTOID || type->type == VARCHAROID || type->type == BPCHAROID ||
					type->out.fn_addr == textout;
	type->normal = has_normal_text(type->type, type->collation);
	if (!type->normal)
	{
		TypeCacheEntry *entry =
			lookup_type_cache(type->type, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_EXTENDED_PROC_FINFO |
											  TYPECACHE_HASH_PROC_FINFO);

		if (OidIsValid(entry->eq_opr_finfo.fn_oid) && OidIsValid(entry->hash_proc_finfo.fn_oid))
			type->equal = entry;
	}
}

/* ---- text ---- */

/*
 * What input and output functions look at, as it is for texts that are kept. They are called so, and nothing else is: a query's own
 * expressions see what the user has set.
 */
static const struct
{
	const char *name;
	const char *value;
} kept[] = {
	{"array_nulls", "on"},
	{"bytea_output", "hex"},
	{"DateStyle", "ISO, YMD"},
	{"extra_float_digits", "1"},
	{"IntervalStyle", "postgres"},
	{"lc_monetary", "C"},
	{"quote_all_identifiers", "off"},
	{"search_path", "pg_catalog"},
	{"TimeZone", "UTC"},
	{"xmlbinary", "base64"},
	{"xmloption", "content"},
};

int
advpg_begin_kept_settings(void)
{
	int level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(kept); i++)
	{
		const char *now = GetConfigOption(kept[i].name, false, false);

		if (strcmp(now, kept[i].value) != 0)
			(void) set_config_option(kept[i].name, kept[i].value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
									 true, 0, false);
	}
	return level;
}

static char *
output(AdvpgValueType *type, Datum value)
{
	int level = advpg_begin_kept_settings();
	char *text = OutputFunctionCall(&type->out, value);

	AtEOXact_GUC(true, level);
	return text;
}

static char *
hex_text(bytea *bytes)
{
	size_t len = VARSIZE_ANY_EXHDR(bytes);
	char *text = palloc_extended(2 * len + 3, MCXT_ALLOC_HUGE);

	text[0] = '\\';
	text[1] = 'x';
	text[2 + hex_encode(VARDATA_ANY(bytes), len, text + 2)] = '\0';
	return text;
}

/* The bytes of a varlena; char(n) is padded with blanks that do not count. */
static AdvText
varlena_bytes(const AdvpgValueType *type, Datum value)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
	AdvText result = {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};

	if (type->type == BPCHAROID)
		result.len = bpchartruelen(unconstify(char *, result.data), result.len);
	return result;
}

AdvText
advpg_value_text(AdvpgValueType *type, Datum value)
{
	static const int utc = 0;

	if (type->is_text)
		return varlena_bytes(type, value);
	switch (type->type)
	{
		case BOOLOID:
			return advpg_cstring_text(DatumGetBool(value) ? "true" : "false");
		case FLOAT4OID: /* + 0 makes -0 0 */
			return advpg_cstring_text(float_to_shortest_decimal(DatumGetFloat4(value) + 0.0f));
		case FLOAT8OID:
			return advpg_cstring_text(double_to_shortest_decimal(DatumGetFloat8(value) + 0.0));
		case NUMERICOID:
			/* with its zeros, as the column prints it, so that classes equal the column cast to text */
			return advpg_cstring_text(OutputFunctionCall(&type->out, value));
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return advpg_cstring_text(JsonEncodeDateTime(palloc(MAXDATELEN + 1), value, type->type, &utc));
		case BYTEAOID:
			return advpg_cstring_text(hex_text(DatumGetByteaPP(value)));
		default:
			/* other normal texts follow from the value alone */
			return advpg_cstring_text(type->normal ? OutputFunctionCall(&type->out, value)
												   : output(type, value));
	}
}

/* ---- image ---- */

AdvText
advpg_value_image(AdvpgValueType *type, Datum value)
{
	if (type->byval)
	{
		type->image = value;
		return (AdvText){(const char *) &type->image, sizeof(Datum)};
	}
	if (type->len == -1)
		return varlena_bytes(type, value);
	if (type->len == -2)
		return advpg_cstring_text(DatumGetCString(value));
	return (AdvText){DatumGetPointer(value), type->len};
}

Datum
advpg_value_of_image(const AdvpgValueType *type, AdvText image)
{
	char *copy;

	if (type->byval)
	{
		Datum value;

		memcpy(&value, image.data, sizeof(value));
		return value;
	}
	if (type->len == -1)
		return PointerGetDatum(cstring_to_text_with_len(image.data, image.len));
	copy = palloc0(image.len + 1);
	memcpy(copy, image.data, image.len);
	return PointerGetDatum(copy);
}

/* ---- equality ---- */

bool
advpg_text_number(AdvText text, Datum *number)
{
	char *string = advpg_text_cstring(text);
	char *end;

	if (text.len == 0 || strspn(string, "+-.0123456789eE") != text.len || !isfinite(strtod(string, &end)) ||
		*end != '\0')
		return false;
	*number = DirectFunctionCall3(numeric_in, CStringGetDatum(string), ObjectIdGetDatum(InvalidOid),
								  Int32GetDatum(-1));
	return true;
}

uint64
advpg_value_hash(AdvpgValueType *type, Datum value, uint64 seed)
{
	AdvText bytes;

	if (type->type == NUMERICOID) /* whole numbers as other types write them */
	{
		bytes = advpg_cstring_text(numeric_normalize(DatumGetNumeric(value)));
		return hash_bytes_extended((const unsigned char *) bytes.data, bytes.len, seed);
	}
	if (type->equal)
	{
		if (OidIsValid(type->equal->hash_extended_proc_finfo.fn_oid))
			return DatumGetUInt64(FunctionCall2Coll(&type->equal->hash_extended_proc_finfo, type->collation,
													value, UInt64GetDatum(seed)));
		return hash_combine64(
			seed, DatumGetUInt32(FunctionCall1Coll(&type->equal->hash_proc_finfo, type->collation, value)));
	}
	bytes = type->normal ? advpg_utf8(advpg_value_text(type, value)) : advpg_value_image(type, value);
	return hash_bytes_extended((const unsigned char *) bytes.data, bytes.len, seed);
}

bool
advpg_value_equal(const AdvpgValueType *type, Datum a, AdvText text_a, Datum b, AdvText text_b)
{
	if (type->equal)
		return DatumGetBool(FunctionCall2Coll(&type->equal->eq_opr_finfo, type->collation, a, b));
	return adv_text_compare(text_a, text_b) == 0;
}

/* ---- and back ---- */

Datum
advpg_value_in(const AdvpgValueType *type, AdvText text)
{
	Oid in;
	Oid parameter;

	getTypeInputInfo(type->type, &in, &parameter);
	return OidInputFunctionCall(in, advpg_text_cstring(text), parameter, -1);
}

Datum
advpg_value_of_text(const AdvpgValueType *type, AdvText text)
{
	int level = advpg_begin_kept_settings();
	Datum value = advpg_value_in(type, text);

	AtEOXact_GUC(true, level);
	return value;
}

/*
 * Whether an error is about the server or a wish to end. All others say that a text stands for no value: input functions, of extensions above
 * all, use codes of many kinds for that, that of an internal error too.
 */
static bool
is_about_server(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return error->sqlerrcode == ERRCODE_DATA_CORRUPTED ||
				   error->sqlerrcode == ERRCODE_INDEX_CORRUPTED;
	}
}

bool
advpg_value_try_text(const AdvpgValueType *type, AdvText text, Datum *value)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool ok = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		*value = advpg_value_of_text(type, text);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (is_about_server(error))
			ReThrowError(error);
		FreeErrorData(error);
		ok = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return ok;
}
