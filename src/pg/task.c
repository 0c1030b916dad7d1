/*
 * task.c
 *		Tasks from jsonb to a struct and back, by one table that gives each key's name, type, range and place.
 */
#include "pg/task.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "core/encoder.h"
#include "core/optimizer.h"
#include "pg/json.h"

typedef enum KeyType
{
	KEY_TEXT,     /* char * */
	KEY_TEXTS,    /* List of char *, from an array of at least min strings */
	KEY_INTEGERS, /* List of double *, from an array of at least min positive integers */
	KEY_INTEGER,  /* double holding a whole number, min <= value <= max */
	KEY_NUMBER,   /* double, min <= value <= max, and value > min when open */
	KEY_BOOLEAN,  /* int */
	KEY_WORD      /* int, one of words */
} KeyType;

typedef struct Word
{
	const char *name;
	int value;
} Word;

typedef struct Key
{
	const char *name;
	KeyType type;
	size_t offset;
	double min;
	double max;
	bool open;
	const Word *words;
} Key;

static const Word encoding_words[] = {{"standard", ADV_ENCODING_STANDARD},
									  {"minmax", ADV_ENCODING_MINMAX},
									  {"ordinal", ADV_ENCODING_ORDINAL},
									  {NULL, 0}};
static const Word missing_words[] = {{"error", ADVPG_MISSING_ERROR}, {"drop", ADVPG_MISSING_DROP}, {NULL, 0}};
static const Word unseen_words[] = {{"error", ADV_UNSEEN_ERROR}, {"ignore", ADV_UNSEEN_IGNORE}, {NULL, 0}};
static const Word optimizer_words[] = {{"adam", ADV_ADAM}, {"sgd", ADV_SGD}, {NULL, 0}};
static const Word init_words[] = {{"glorot", ADV_INIT_GLOROT}, {"he", ADV_INIT_HE}, {NULL, 0}};
static const Word kind_words[] = {{"train", 0}, {NULL, 0}};

#define MAX_EXACT  9007199254740991.0 /* 2^53 - 1: whole numbers jsonb and double agree on */
#define AT(member) offsetof(AdvpgTrainTask, member)

static const Key train_keys[] = {
	{"model", KEY_TEXT, AT(model)},
	{"data", KEY_TEXT, AT(data)},
	{"label", KEY_TEXT, AT(label)},
	{"features", KEY_TEXTS, AT(features), 1},
	{"exclude", KEY_TEXTS, AT(exclude)},
	{"id", KEY_TEXT, AT(id)},
	{"arch", KEY_TEXT, AT(arch)},
	{"input_shape", KEY_INTEGERS, AT(input_shape), 1},
	{"encoding", KEY_WORD, AT(encoding), .words = encoding_words},
	{"scale", KEY_BOOLEAN, AT(scale)},
	{"oversample", KEY_TEXT, AT(oversample)},
	{"missing", KEY_WORD, AT(missing), .words = missing_words},
	{"unseen", KEY_WORD, AT(unseen), .words = unseen_words},
	{"optimizer", KEY_WORD, AT(optimizer), .words = optimizer_words},
	{"learning_rate", KEY_NUMBER, AT(learning_rate), 0, 1e6, true},
	{"momentum", KEY_NUMBER, AT(momentum), 0, 1},
	{"weight_decay", KEY_NUMBER, AT(weight_decay), 0, 1e6},
	{"init", KEY_WORD, AT(init), .words = init_words},
	{"epochs", KEY_INTEGER, AT(epochs), 1, 100000},
	{"batch_size", KEY_INTEGER, AT(batch_size), 1, 1000000},
	{"validation", KEY_TEXT, AT(validation)},
	{"seed", KEY_INTEGER, AT(seed), -MAX_EXACT, MAX_EXACT},
	{"workers", KEY_INTEGER, AT(workers), 0, 1024},
};

static const AdvpgTrainTask train_defaults = {
	.encoding = ADV_ENCODING_STANDARD,
	.scale = -1,
	.missing = ADVPG_MISSING_ERROR,
	.unseen = ADV_UNSEEN_ERROR,
	.optimizer = ADV_ADAM,
	.learning_rate = 0.001,
	.momentum = 0.9,
	.init = ADV_INIT_GLOROT,
	.epochs = 20,
	.batch_size = 250,
};

static void invalid(const char *key, const char *format, ...) pg_attribute_printf(2, 3)
	pg_attribute_noreturn();

static void
invalid(const char *key, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"%s\" %s", key, what));
	pg_unreachable();
}

/* A JSON array's elements: strings as char *, positive whole numbers as double *. */
static List *
list_value(const Key *key, const JsonbValue *value)
{
	List *result = NIL;
	bool texts = key->type == KEY_TEXTS;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue element;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
		JsonContainerIsScalar(value->val.binary.data))
		invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
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
				invalid(key->name, "must hold integers between 1 and %d", ADV_MAX_INPUTS);
			result = lappend(result, number);
		}
		else
			invalid(key->name, "must be an array of %s", texts ? "strings" : "integers");
	}
	if (list_length(result) < key->min)
		invalid(key->name, "must not be empty");
	return result;
}

static int
word_value(const Key *key, const JsonbValue *value)
{
	StringInfoData allowed;
	char *word = value->type == jbvString ? advpg_json_cstring(value) : NULL;

	initStringInfo(&allowed);
	for (const Word *w = key->words; w->name; w++)
	{
		if (word && strcmp(w->name, word) == 0)
			return w->value;
		appendStringInfo(&allowed, "%s%s", allowed.len ? ", " : "", w->name);
	}
	if (word)
		invalid(key->name, "is \"%s\", but must be one of: %s", word, allowed.data);
	invalid(key->name, "must be one of: %s", allowed.data);
}

static void
read_key(const Key *key, const JsonbValue *value, void *target)
{
	switch (key->type)
	{
		case KEY_TEXT:
			if (value->type != jbvString)
				invalid(key->name, "must be a string");
			*(char **) target = advpg_json_cstring(value);
			break;
		case KEY_TEXTS:
		case KEY_INTEGERS:
			*(List **) target = list_value(key, value);
			break;
		case KEY_INTEGER:
		case KEY_NUMBER:
		{
			double number;

			if (value->type != jbvNumeric)
				invalid(key->name, "must be a number");
			number = advpg_json_double(value);
			if (key->type == KEY_INTEGER && number != floor(number))
				invalid(key->name, "is %g, but must be an integer", number);
			if (!(number >= key->min && number <= key->max) || (key->open && number == key->min))
				invalid(key->name, "is %g, but must be %s %.16g and at most %.16g", number,
						key->open ? "greater than" : "at least", key->min, key->max);
			*(double *) target = number;
			break;
		}
		case KEY_BOOLEAN:
			if (value->type != jbvBool)
				invalid(key->name, "must be true or false");
			*(int *) target = value->val.boolean;
			break;
		case KEY_WORD:
			*(int *) target = word_value(key, value);
			break;
	}
}

static const Key *
find_key(const JsonbValue *name)
{
	StringInfoData allowed;

	initStringInfo(&allowed);
	for (int i = 0; i < lengthof(train_keys); i++)
	{
		const char *candidate = train_keys[i].name;

		if (strlen(candidate) == (size_t) name->val.string.len &&
			memcmp(candidate, name->val.string.val, name->val.string.len) == 0)
			return &train_keys[i];
		appendStringInfo(&allowed, ", %s", candidate);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown task key \"%s\"", advpg_json_cstring(name)),
			errhint("Keys of a train task are kind%s.", allowed.data));
}

static void
check_oversample(const char *value)
{
	char *end;
	long times;

	if (value == NULL || strcmp(value, "balance") == 0)
		return;
	times = value[0] == 'x' && value[1] >= '1' && value[1] <= '9' ? strtol(value + 1, &end, 10) : 0;
	if (times < 1 || times > 1000 || *end != '\0')
		invalid("oversample", "is \"%s\", but must be balance, or xN with N from 1 to 1000", value);
}

void
advpg_train_task_read(Jsonb *task, bool need_model, AdvpgTrainTask *result)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue name;
	JsonbValue value;
	static const Key kind = {"kind", KEY_WORD, 0, .words = kind_words};

	*result = train_defaults;
	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a task must be a JSON object"));
	it = JsonbIteratorInit(&task->root);
	(void) JsonbIteratorNext(&it, &name, false);
	while ((token = JsonbIteratorNext(&it, &name, true)) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (name.val.string.len == 4 && memcmp(name.val.string.val, "kind", 4) == 0)
			(void) word_value(&kind, &value);
		else
		{
			const Key *key = find_key(&name);

			if (value.type != jbvNull) /* null: the default */
				read_key(key, &value, (char *) result + key->offset);
		}
	}

	if (need_model && result->model == NULL)
		invalid("model", "is missing");
	if (need_model && (result->model[0] == '\0' || strchr(result->model, '@')))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a name for a model", result->model),
				errhint("Give model a name that is not empty and has no @ in it; versions are counted by the "
						"system."));
	if (!need_model && result->model)
		invalid("model", "has no place here: the model is returned, not stored");
	if (result->data == NULL)
		invalid("data", "is missing");
	if (result->label == NULL)
		invalid("label", "is missing");
	if (result->input_shape && list_length(result->input_shape) != 3)
		invalid("input_shape", "must be channels, height and width");
	check_oversample(result->oversample);
}

static void
write_key(JsonbParseState **state, const Key *key, const void *source)
{
	ListCell *cell;

	switch (key->type)
	{
		case KEY_TEXT:
			advpg_json_string(state, WJB_VALUE, *(char *const *) source);
			break;
		case KEY_TEXTS:
		case KEY_INTEGERS:
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			foreach (cell, *(List *const *) source)
			{
				if (key->type == KEY_TEXTS)
					advpg_json_string(state, WJB_ELEM, lfirst(cell));
				else
					advpg_json_number(state, WJB_ELEM, *(double *) lfirst(cell));
			}
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
			break;
		case KEY_INTEGER:
		case KEY_NUMBER:
			advpg_json_number(state, WJB_VALUE, *(const double *) source);
			break;
		case KEY_BOOLEAN:
			advpg_json_boolean(state, *(const int *) source);
			break;
		case KEY_WORD:
			for (const Word *w = key->words; w->name; w++)
				if (w->value == *(const int *) source)
					advpg_json_string(state, WJB_VALUE, w->name);
			break;
	}
}

static bool
is_absent(const Key *key, const void *source)
{
	switch (key->type)
	{
		case KEY_TEXT:
			return *(char *const *) source == NULL;
		case KEY_TEXTS:
		case KEY_INTEGERS:
			return *(List *const *) source == NIL;
		case KEY_BOOLEAN:
			return *(const int *) source < 0;
		default:
			return false;
	}
}

Jsonb *
advpg_train_task_write(const AdvpgTrainTask *task)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_string(&state, WJB_KEY, "kind");
	advpg_json_string(&state, WJB_VALUE, "train");
	for (int i = 0; i < lengthof(train_keys); i++)
	{
		const Key *key = &train_keys[i];
		const void *source = (const char *) task + key->offset;

		if (is_absent(key, source))
			continue;
		advpg_json_string(&state, WJB_KEY, key->name);
		write_key(&state, key, source);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

char *
advpg_task_text(Jsonb *task, const char *key)
{
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(task) ||
		getKeyJsonValueFromContainer(&task->root, key, strlen(key), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return advpg_json_cstring(&value);
}
