/*
 * json.h
 *		Small conveniences over the server's jsonb: pushing values, reading scalars and members.
 */
#ifndef ADVPG_JSON_H
#define ADVPG_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/network/encoder.h"

/*
 * Push a string as a key, value or element; a number (exactly) or a real (by the fewest digits that tell it from others) as a value
 * or element; a boolean or null as a value.
 */
extern void advpg_json_text(JsonbParseState **state, JsonbIteratorToken token, AdvText text);
extern void advpg_json_string(JsonbParseState **state, JsonbIteratorToken token, const char *string);
extern void advpg_json_number(JsonbParseState **state, JsonbIteratorToken token, double number);
extern void advpg_json_real(JsonbParseState **state, JsonbIteratorToken token, float number);
extern void advpg_json_null(JsonbParseState **state);
extern void advpg_json_boolean(JsonbParseState **state, bool boolean);

/* Push a key with a value in one go; a number that is not finite becomes null. */
extern void advpg_json_put_string(JsonbParseState **state, const char *key, const char *string);
extern void advpg_json_put_number(JsonbParseState **state, const char *key, double number);
extern void advpg_json_put_boolean(JsonbParseState **state, const char *key, bool boolean);

/* A finite number as numeric, exactly. */
extern Numeric advpg_numeric(double number);

/* The same as a value of JSON. */
extern JsonbValue *advpg_json_number_value(double number);

/* Value of a string or number. */
extern char *advpg_json_cstring(const JsonbValue *value);
extern double advpg_json_double(const JsonbValue *value);

/* Member of an object, NULL when absent or null. */
extern JsonbValue *advpg_json_member(JsonbContainer *object, const char *key);

#endif
