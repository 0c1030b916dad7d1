/*
 * json.c
 *		Small conveniences over the server's jsonb: pushing values, reading scalars and members.
 */
#include "pg/task/json.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "pg/data/dictionary.h"

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

static Numeric
numeric_of(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
											   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * By way of the shortest text that reads back as the same number. float8out would give that only as long as extra_float_digits is not
 * set to less, float8_numeric keeps 15 digits.
 */
Numeric
advpg_numeric(double number)
{
	char text[DOUBLE_SHORTEST_DECIMAL_LEN];

	(void) double_to_shortest_decimal_buf(number, text);
	return numeric_of(text);
}

static void
push_numeric(JsonbParseState **state, JsonbIteratorToken token, Numeric numeric)
{
	JsonbValue value = {.type = jbvNumeric};

	value.val.numeric = numeric;
	pushJsonbValue(state, token, &value);
}

void
advpg_json_number(JsonbParseState **state, JsonbIteratorToken token, double number)
{
	push_numeric(state, token, advpg_numeric(number));
}

void
advpg_json_real(JsonbParseState **state, JsonbIteratorToken token, float number)
{
	char text[FLOAT_SHORTEST_DECIMAL_LEN];

	(void) float_to_shortest_decimal_buf(number, text);
	push_numeric(state, token, numeric_of(text));
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

JsonbValue *
advpg_json_number_value(double number)
{
	JsonbValue *value = palloc0(sizeof(JsonbValue));

	value->type = jbvNumeric;
	value->val.numeric = advpg_numeric(number);
	return value;
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
