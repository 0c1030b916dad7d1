/*
 * description.c
 *		What a model is, in words: a JSON object with its architecture, classes and encoder, written and read. See description.h.
 */
#include "pg/model/description.h"

#include <math.h>

#include "lib/stringinfo.h"

#include "pg/base/characters.h"
#include "pg/base/advpg.h"
#include "pg/data/charset.h"
#include "pg/data/dictionary.h"
#include "pg/task/json.h"

static const char *const kind_names[] = {NULL, "number", "category", "array", "image"};
static const char *const unseen_names[] = {NULL, "error", "ignore"};

/* ---- writing ---- */

static void
put_numbers(JsonbParseState **state, const char *key, const double *numbers, int n)
{
	advpg_json_string(state, WJB_KEY, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		advpg_json_number(state, WJB_ELEM, numbers[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_texts(JsonbParseState **state, const char *key, const AdvText *texts, int n)
{
	advpg_json_string(state, WJB_KEY, key);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
		advpg_json_text(state, WJB_ELEM, texts[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
put_shape(JsonbParseState **state, const char *key, AdvShape shape)
{
	double sizes[] = {shape.c, shape.h, shape.w};

	put_numbers(state, key, sizes, shape.h == 1 && shape.w == 1 ? 1 : 3);
}

static void
put_column(JsonbParseState **state, const AdvColumn *column)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_string(state, WJB_KEY, "name");
	advpg_json_text(state, WJB_VALUE, column->name);
	advpg_json_put_string(state, "kind", kind_names[column->kind]);
	if (column->kind == ADV_COLUMN_ARRAY || column->kind == ADV_COLUMN_IMAGE)
		advpg_json_put_number(state, "length", column->length);
	if (column->kind == ADV_COLUMN_NUMBER || column->kind == ADV_COLUMN_ARRAY)
	{
		put_numbers(state, "shift", column->shift, column->length);
		put_numbers(state, "factor", column->factor, column->length);
	}
	if (column->kind == ADV_COLUMN_CATEGORY)
		put_texts(state, "values", column->values, column->n_values);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

static void
put_encoder(JsonbParseState **state, const AdvEncoder *encoder)
{
	advpg_json_string(state, WJB_KEY, "encoder");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(state, "encoding", adv_encoding_name(encoder->encoding));
	advpg_json_put_string(state, "unseen", unseen_names[encoder->unseen]);
	advpg_json_string(state, WJB_KEY, "columns");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < encoder->n_columns; i++)
		put_column(state, &encoder->columns[i]);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

Jsonb *
advpg_description_write(bytea *bytes)
{
	JsonbParseState *state = NULL;
	char arch[ADV_MAX_ARCH];
	AdvModel model;

	advpg_model_read(bytes, CurrentMemoryContext, &model);
	adv_network_arch(&model.net, arch);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_number(&state, "format", model.version);
	advpg_json_put_number(&state, "bytes", VARSIZE_ANY_EXHDR(bytes));
	advpg_json_put_string(&state, "arch", arch);
	put_shape(&state, "input_shape", model.net.input);
	advpg_json_put_boolean(&state, "scale", model.net.scale);
	advpg_json_put_number(&state, "parameters", model.net.n_params);
	advpg_json_string(&state, WJB_KEY, "label");
	advpg_json_text(&state, WJB_VALUE, model.label);
	put_texts(&state, "classes", model.classes, model.net.classes);
	put_encoder(&state, &model.encoder);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- reading ---- */

pg_noreturn static void invalid(const char *key, const char *what);

static void
invalid(const char *key, const char *what)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("key \"%s\" of a model description must be %s", key, what));
	pg_unreachable();
}

/* An object may hold only these keys, so that a misspelt one is not silently ignored. */
static void
check_keys(JsonbContainer *object, const char *const *allowed)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue value;

	(void) JsonbIteratorNext(&it, &key, false);
	while ((token = JsonbIteratorNext(&it, &key, true)) == WJB_KEY)
	{
		StringInfoData list;
		bool known = false;

		initStringInfo(&list);
		for (const char *const *name = allowed; *name; name++)
		{
			known |= strlen(*name) == (size_t) key.val.string.len &&
					 memcmp(*name, key.val.string.val, key.val.string.len) == 0;
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", *name);
		}
		if (!known)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("unknown key \"%s\" in a model description",
						   advpg_short_text(advpg_json_cstring(&key))),
					errhint("Keys are %s.", list.data));
		(void) JsonbIteratorNext(&it, &value, true);
	}
}

static char *
string_member(JsonbContainer *object, const char *key, const char *missing)
{
	JsonbValue *value = advpg_json_member(object, key);

	if (value == NULL && missing)
		return pstrdup(missing);
	if (value == NULL || value->type != jbvString)
		invalid(key, "a string");
	return advpg_json_cstring(value);
}

static int
word_member(JsonbContainer *object, const char *key, const char *const *names, int n, int missing)
{
	char *word;

	if (advpg_json_member(object, key) == NULL && missing)
		return missing;
	word = string_member(object, key, NULL);
	for (int i = 1; i < n; i++)
		if (strcmp(names[i], word) == 0)
			return i;
	invalid(key, "one of the words advfair_describe uses");
}

/* Elements of an array member; 0 when it is absent and may be. */
static int
array_member(JsonbContainer *object, const char *key, enum jbvType type, bool required, JsonbValue **elements)
{
	JsonbValue *value = advpg_json_member(object, key);
	int n;

	*elements = NULL;
	if (value == NULL && !required)
		return 0;
	if (value == NULL || value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		invalid(key, "an array");
	n = JsonContainerSize(value->val.binary.data);
	*elements = palloc_extended(sizeof(JsonbValue) * (n + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < n; i++)
	{
		(*elements)[i] = *getIthJsonbValueFromContainer(value->val.binary.data, i);
		if ((*elements)[i].type != type)
			invalid(key, type == jbvString    ? "an array of strings"
						 : type == jbvNumeric ? "an array of numbers"
											  : "an array of objects");
	}
	return n;
}

static AdvText *
texts_member(JsonbContainer *object, const char *key, bool required, int *n)
{
	JsonbValue *elements;
	AdvText *texts;

	*n = array_member(object, key, jbvString, required, &elements);
	texts = palloc_extended(sizeof(AdvText) * (*n + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < *n; i++)
		texts[i] = (AdvText){elements[i].val.string.val, elements[i].val.string.len};
	return texts;
}

/* length numbers, each missing when the member is absent. */
static double *
numbers_member(JsonbContainer *object, const char *key, int length, double missing)
{
	JsonbValue *elements;
	double *numbers = palloc_extended(sizeof(double) * length, MCXT_ALLOC_HUGE);
	int n = array_member(object, key, jbvNumeric, false, &elements);

	if (n != 0 && n != length)
		invalid(key, "an array of as many numbers as the column has values");
	for (int i = 0; i < length; i++)
		numbers[i] = n ? advpg_json_double(&elements[i]) : missing;
	return numbers;
}

static int
length_member(JsonbContainer *object, const char *key)
{
	JsonbValue *value = advpg_json_member(object, key);
	double number = value && value->type == jbvNumeric ? advpg_json_double(value) : 0;

	if (!(number >= 1 && number <= ADV_MAX_INPUTS && number == floor(number)))
		invalid(key, "a positive integer");
	return (int) number;
}

static AdvShape
shape_member(JsonbContainer *object)
{
	JsonbValue *elements;
	int n = array_member(object, "input_shape", jbvNumeric, true, &elements);
	int sizes[3] = {1, 1, 1};

	if (n != 1 && n != 3)
		invalid("input_shape", "[inputs] or [channels, height, width]");
	for (int i = 0; i < n; i++)
	{
		double size = advpg_json_double(&elements[i]);

		if (!(size >= 1 && size <= ADV_MAX_INPUTS && size == floor(size)))
			invalid("input_shape", psprintf("an array of integers between 1 and %d", ADV_MAX_INPUTS));
		sizes[i] = (int) size;
	}
	if ((double) sizes[0] * sizes[1] * sizes[2] > ADV_MAX_INPUTS)
		invalid("input_shape", psprintf("of at most %d values", ADV_MAX_INPUTS));
	return (AdvShape){sizes[0], sizes[1], sizes[2]};
}

/* A column may have at most so many values: what is left of the network's input. */
static void
read_column(JsonbContainer *object, size_t inputs_left, AdvColumn *column)
{
	static const char *const keys[] = {"name", "kind", "length", "shift", "factor", "values", NULL};

	check_keys(object, keys);
	column->name = advpg_cstring_text(string_member(object, "name", NULL));
	column->kind = word_member(object, "kind", kind_names, lengthof(kind_names), 0);
	column->length = 1;
	if (column->kind == ADV_COLUMN_ARRAY || column->kind == ADV_COLUMN_IMAGE)
		column->length = length_member(object, "length");
	if ((size_t) column->length > inputs_left)
		invalid("columns", "an array of columns that have as many values as the input");
	if (column->kind == ADV_COLUMN_NUMBER || column->kind == ADV_COLUMN_ARRAY)
	{
		column->shift = numbers_member(object, "shift", column->length, 0);
		column->factor = numbers_member(object, "factor", column->length, 1);
	}
	if (column->kind == ADV_COLUMN_CATEGORY)
		column->values = texts_member(object, "values", true, &column->n_values);
}

static void
read_encoder(JsonbContainer *object, AdvEncoder *encoder)
{
	static const char *const keys[] = {"encoding", "unseen", "columns", NULL};
	size_t inputs_left = adv_shape_size(encoder->shape);
	JsonbValue *columns;

	check_keys(object, keys);
	encoder->encoding = adv_encoding_from_name(string_member(object, "encoding", "standard"));
	if (encoder->encoding == 0)
		invalid("encoding", "standard, minmax or ordinal");
	encoder->unseen = word_member(object, "unseen", unseen_names, lengthof(unseen_names), ADV_UNSEEN_ERROR);
	encoder->n_columns = array_member(object, "columns", jbvBinary, true, &columns);
	if (encoder->n_columns > ADV_MAX_COLUMNS)
		invalid("columns", psprintf("an array of at most %d objects", ADV_MAX_COLUMNS));
	encoder->columns = palloc0(sizeof(AdvColumn) * (encoder->n_columns + 1));
	for (int i = 0; i < encoder->n_columns; i++)
	{
		if (!JsonContainerIsObject(columns[i].val.binary.data))
			invalid("columns", "an array of objects");
		read_column(columns[i].val.binary.data, inputs_left, &encoder->columns[i]);
		inputs_left -= encoder->columns[i].length;
	}
}

/* Without an encoder the model takes one column: an image for three sizes, an array "x" for one. */
static void
plain_encoder(AdvEncoder *encoder)
{
	AdvColumn *column = palloc0(sizeof(AdvColumn));
	bool is_image = encoder->shape.h > 1 || encoder->shape.w > 1;

	encoder->encoding = ADV_ENCODING_STANDARD;
	encoder->unseen = ADV_UNSEEN_ERROR;
	encoder->n_columns = 1;
	encoder->columns = column;
	column->kind = is_image ? ADV_COLUMN_IMAGE : ADV_COLUMN_ARRAY;
	column->name = advpg_cstring_text(is_image ? "image" : "x");
	column->length = adv_shape_size(encoder->shape);
	if (is_image)
		return;
	column->shift = palloc_extended(sizeof(double) * column->length, MCXT_ALLOC_HUGE);
	column->factor = palloc_extended(sizeof(double) * column->length, MCXT_ALLOC_HUGE);
	for (int i = 0; i < column->length; i++)
	{
		column->shift[i] = 0;
		column->factor[i] = 1;
	}
}

/*
 * The number of weights is compared before the encoder is read: a table's network has more parameters than inputs, so that the numbers
 * of its columns take memory in proportion to what was given, not to what was written.
 */
void
advpg_description_read(JsonbContainer *object, size_t n_weights, AdvModel *model)
{
	static const char *const keys[] = {"kind",       "format", "bytes",   "arch",    "input_shape", "scale",
									   "parameters", "label",  "classes", "encoder", NULL};
	JsonbValue *encoder = advpg_json_member(object, "encoder");
	JsonbValue *scale = advpg_json_member(object, "scale");
	int n_classes;
	AdvError err;

	check_keys(object, keys);
	if (scale && scale->type != jbvBool)
		invalid("scale", "true or false");
	model->label = advpg_cstring_text(string_member(object, "label", "label"));
	model->classes = texts_member(object, "classes", true, &n_classes);
	model->encoder.shape = shape_member(object);
	if (adv_network_parse(&model->net, string_member(object, "arch", NULL), model->encoder.shape, n_classes,
						  scale && scale->val.boolean, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	if (n_weights != model->net.n_params)
		ereport(
			ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
			errmsg("the network has %zu parameters, but %zu weights were given", model->net.n_params,
				   n_weights),
			errhint("Give the weights of all layers in network order, each layer's weight before its bias."));
	if (encoder == NULL)
		plain_encoder(&model->encoder);
	else if (encoder->type == jbvBinary && JsonContainerIsObject(encoder->val.binary.data))
		read_encoder(encoder->val.binary.data, &model->encoder);
	else
		invalid("encoder", "an object");
}
