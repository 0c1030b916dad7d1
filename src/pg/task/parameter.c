/*
 * parameter.c
 *		Values of parameters from jsonb to a struct and back. See core/base/parameter.h for what a parameter is.
 */
#include "pg/task/parameter.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "core/network/network.h"
#include "pg/base/characters.h"
#include "pg/task/json.h"

void
advpg_task_invalid(const char *key, const char *format, ...)
{
	StringInfoData what;
	int missing = 1;

	initStringInfo(&what);
	while (missing > 0)
	{
		va_list args;

		va_start(args, format);
		missing = appendStringInfoVA(&what, format, args);
		va_end(args);
		if (missing > 0)
			enlargeStringInfo(&what, missing);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"%s\" %s", key, what.data));
	pg_unreachable();
}

/* A JSON array's elements: strings as char *, positive whole numbers as double *. */
static List *
list_value(const AdvParameter *key, const JsonbValue *value)
{
	List *result = NIL;
	bool texts = key->kind == ADV_PARAMETER_TEXTS;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		advpg_task_invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
	it = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&it, &element, false);
	while ((token = JsonbIteratorNext(&it, &element, true)) == WJB_ELEM)
	{
		if (texts && element.type == jbvString)
			result = lappend(result, advpg_json_cstring(&element));
		else if (!texts && element.type == jbvNumeric)
		{
			double *number = palloc(sizeof(double));

			*number = advpg_json_double(&element);
			if (!(*number >= 1 && *number <= ADV_MAX_INPUTS && *number == floor(*number)))
				advpg_task_invalid(key->name, "must hold integers between 1 and %d", ADV_MAX_INPUTS);
			result = lappend(result, number);
		}
		else
			advpg_task_invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
	}
	if (list_length(result) < key->min)
		advpg_task_invalid(key->name, "must not be empty");
	return result;
}

int
advpg_parameter_word(const AdvParameter *key, const JsonbValue *value)
{
	StringInfoData allowed;
	char *word = value->type == jbvString ? advpg_json_cstring(value) : NULL;

	initStringInfo(&allowed);
	for (const AdvWord *w = key->words; w->name; w++)
	{
		if (word && strcmp(w->name, word) == 0)
			return w->value;
		appendStringInfo(&allowed, "%s%s", allowed.len ? ", " : "", w->name);
	}
	if (word)
		advpg_task_invalid(key->name, "is \"%s\", but must be one of: %s", advpg_short_text(word),
						   allowed.data);
	advpg_task_invalid(key->name, "must be one of: %s", allowed.data);
}

static double
number_value(const AdvParameter *key, const JsonbValue *value)
{
	double number;

	if (value->type != jbvNumeric)
		advpg_task_invalid(key->name, "must be %s",
						   key->kind == ADV_PARAMETER_SIZES ? "a number, or an array or an object of numbers"
															: "a number");
	number = advpg_json_double(value);
	if (key->kind == ADV_PARAMETER_INTEGER && number != floor(number))
		advpg_task_invalid(key->name, "is %.16g, but must be an integer", number);
	if (!(number >= key->min && number <= key->max) || (key->open && number == key->min))
		advpg_task_invalid(key->name, "is %.16g, but must be %s %.16g and at most %.16g", number,
						   key->open ? "greater than" : "at least", key->min, key->max);
	return number;
}

static List *
lappend_number(List *list, double number)
{
	double *copy = palloc(sizeof(double));

	*copy = number;
	return lappend(list, copy);
}

/* A size of 0 is allowed, but whoever gives no other may have divided integers. */
static void
tell_zero(const AdvParameter *key)
{
	ereport(NOTICE, errmsg("task key \"%s\" is 0, so nothing is changed", key->name),
			errhint("In SQL 8 / 255 is 0, because both are integers: write 8 / 255.0."));
}

/* An array of numbers, or one. */
static List *
numbers_value(const AdvParameter *key, const JsonbValue *value)
{
	List *result = NIL;
	JsonbIterator *it;
	JsonbValue item;

	if (value->type == jbvNumeric)
		result = lappend_number(NIL, number_value(key, value));
	else
	{
		if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
			advpg_task_invalid(key->name, "must be an array of numbers");
		it = JsonbIteratorInit(value->val.binary.data);
		(void) JsonbIteratorNext(&it, &item, false);
		while (JsonbIteratorNext(&it, &item, true) == WJB_ELEM)
			result = lappend_number(result, number_value(key, &item));
	}
	if (result == NIL)
		advpg_task_invalid(key->name, "must not be empty");
	if (list_length(result) == 1 && *(double *) linitial(result) == 0)
		tell_zero(key);
	return result;
}

/* A number, or an array or an object of nothing but numbers, all in range (0 is a size for single columns). */
static JsonbValue *
sizes_value(const AdvParameter *key, const JsonbValue *value)
{
	JsonbValue *copy = palloc(sizeof(JsonbValue));
	AdvParameter element = *key;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue item;

	*copy = *value;
	if (value->type != jbvBinary)
	{
		if (number_value(key, value) == 0)
			tell_zero(key);
		return copy;
	}
	element.open = false;
	it = JsonbIteratorInit(value->val.binary.data);
	(void) JsonbIteratorNext(&it, &item, false);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		if (token == WJB_ELEM || token == WJB_VALUE)
			(void) number_value(&element, &item);
	return copy;
}

/* An object, whose members are somebody else's to check. */
static JsonbValue *
object_value(const AdvParameter *key, const JsonbValue *value)
{
	JsonbValue *copy = palloc(sizeof(JsonbValue));

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		advpg_task_invalid(key->name, "must be an object");
	*copy = *value;
	return copy;
}

void
advpg_parameter_read(const AdvParameter *key, const JsonbValue *value, void *base)
{
	void *target = (char *) base + key->offset;

	switch (key->kind)
	{
		case ADV_PARAMETER_TEXT:
			if (value->type != jbvString)
				advpg_task_invalid(key->name, "must be a string");
			*(char **) target = advpg_json_cstring(value);
			break;
		case ADV_PARAMETER_TEXTS:
		case ADV_PARAMETER_INTEGERS:
			*(List **) target = list_value(key, value);
			break;
		case ADV_PARAMETER_INTEGER:
		case ADV_PARAMETER_NUMBER:
			*(double *) target = number_value(key, value);
			break;
		case ADV_PARAMETER_NUMBERS:
			*(List **) target = numbers_value(key, value);
			break;
		case ADV_PARAMETER_SIZES:
			*(JsonbValue **) target = sizes_value(key, value);
			break;
		case ADV_PARAMETER_OBJECT:
			*(JsonbValue **) target = object_value(key, value);
			break;
		case ADV_PARAMETER_BOOLEAN:
			if (value->type != jbvBool)
				advpg_task_invalid(key->name, "must be true or false");
			*(int *) target = value->val.boolean;
			break;
		case ADV_PARAMETER_WORD:
			*(int *) target = advpg_parameter_word(key, value);
			break;
	}
}

/* ---- writing ---- */

void
advpg_parameter_write(const AdvParameter *key, const void *base, JsonbParseState **state)
{
	const void *source = (const char *) base + key->offset;
	ListCell *cell;

	switch (key->kind)
	{
		case ADV_PARAMETER_TEXT:
			advpg_json_string(state, WJB_VALUE, *(char *const *) source);
			break;
		case ADV_PARAMETER_TEXTS:
		case ADV_PARAMETER_INTEGERS:
		case ADV_PARAMETER_NUMBERS:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			foreach (cell, *(List *const *) source)
			{
				if (key->kind == ADV_PARAMETER_TEXTS)
					advpg_json_string(state, WJB_ELEM, lfirst(cell));
				else
					advpg_json_number(state, WJB_ELEM, *(double *) lfirst(cell));
			}
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
			break;
		case ADV_PARAMETER_INTEGER:
		case ADV_PARAMETER_NUMBER:
			advpg_json_number(state, WJB_VALUE, *(const double *) source);
			break;
		case ADV_PARAMETER_SIZES:
		case ADV_PARAMETER_OBJECT:
			pushJsonbValue(state, WJB_VALUE, *(JsonbValue *const *) source);
			break;
		case ADV_PARAMETER_BOOLEAN:
			advpg_json_boolean(state, *(const int *) source);
			break;
		case ADV_PARAMETER_WORD:
			for (const AdvWord *w = key->words; w->name; w++)
				if (w->value == *(const int *) source)
					advpg_json_string(state, WJB_VALUE, w->name);
			break;
	}
}

bool
advpg_parameter_absent(const AdvParameter *key, const void *base)
{
	const void *source = (const char *) base + key->offset;

	switch (key->kind)
	{
		case ADV_PARAMETER_TEXT:
			return *(char *const *) source == NULL;
		case ADV_PARAMETER_TEXTS:
		case ADV_PARAMETER_INTEGERS:
		case ADV_PARAMETER_NUMBERS:
			return *(List *const *) source == NIL;
		case ADV_PARAMETER_INTEGER:
		case ADV_PARAMETER_NUMBER:
			return isnan(*(const double *) source);
		case ADV_PARAMETER_SIZES:
		case ADV_PARAMETER_OBJECT:
			return *(JsonbValue *const *) source == NULL;
		case ADV_PARAMETER_BOOLEAN:
			return *(const int *) source < 0;
		case ADV_PARAMETER_WORD: /* those that may be absent count from 1 */
			for (const AdvWord *w = key->words; w->name; w++)
				if (w->value == *(const int *) source)
					return false;
			return true;
	}
	return false;
}
