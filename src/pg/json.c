/*
 * json.c
 *		Small conveniences over the server's jsonb: pushing values, reading scalars and members.
 */
#include "pg/json.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pg/dictionary.h"

void
advpg_json_text(JsonbParseState **state, JsonbIteratorToken token, AdvText text)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = unconstify(char *, text.data);
	value.val.string.len = text.len;
	pushJsonbValue(state, token, &value);
}

void
advpg_json_string(JsonbParseState **state, JsonbIteratorToken token, const char *string)
{
	advpg_json_text(state, token, advpg_cstring_text(string));
}

static void
push_numeric(JsonbParseState **state, JsonbIteratorToken token, Datum text)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in, text, ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	pushJsonbValue(state, token, &value);
}

/* By way of the shortest text, which reads back as the same double. */
void
advpg_json_number(JsonbParseState **state, JsonbIteratorToken token, double number)
{
	push_numeric(state, token, DirectFunctionCall1(float8out, Float8GetDatum(number)));
}

void
advpg_json_real(JsonbParseState **state, JsonbIteratorToken token, float number)
{
	push_numeric(state, token, DirectFunctionCall1(float4out, Float4GetDatum(number)));
}

void
advpg_json_null(JsonbParseState **state)
{
	JsonbValue value = {.type = jbvNull};

	pushJsonbValue(state, WJB_VALUE, &value);
}

void
advpg_json_boolean(JsonbParseState **state, bool boolean)
{
	JsonbValue value = {.type = jbvBool};

	value.val.boolean = boolean;
	pushJsonbValue(state, WJB_VALUE, &value);
}

void
advpg_json_put_string(JsonbParseState **state, const char *key, const char *string)
{
	advpg_json_string(state, WJB_KEY, key);
	advpg_json_string(state, WJB_VALUE, string);
}

void
advpg_json_put_number(JsonbParseState **state, const char *key, double number)
{
	advpg_json_string(state, WJB_KEY, key);
	if (isfinite(number))
		advpg_json_number(state, WJB_VALUE, number);
	else
		advpg_json_null(state);
}

void
advpg_json_put_boolean(JsonbParseState **state, const char *key, bool boolean)
{
	advpg_json_string(state, WJB_KEY, key);
	advpg_json_boolean(state, boolean);
}

char *
advpg_json_cstring(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

double
advpg_json_double(const JsonbValue *value)
{
	return DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value->val.numeric)));
}

JsonbValue *
advpg_json_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	return value && value->type != jbvNull ? value : NULL;
}
