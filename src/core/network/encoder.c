/*
 * encoder.c
 *		From a row's column values to a stored row, and from what the network sees back to column values.
 *
 * Every number is scaled in double and rounded once, to the float32 the network reads. A field is written in
 * the machine's own byte order: stored rows live in shared memory and never leave it.
 */
#include "core/network/encoder.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 100 /* of a name or value in a message */

/* A text cut for a message; used as three arguments of "%.*s%s". */
#define SHOWN(t)                                                                                             \
	(int) ((t).len > SHOWN_BYTES ? SHOWN_BYTES : (t).len), (t).data ? (t).data : "",                         \
		(t).len > SHOWN_BYTES ? "..." : ""

static bool
is_one_hot(const AdvEncoder *enc, const AdvColumn *col)
{
	return col->kind == ADV_COLUMN_CATEGORY && enc->encoding != ADV_ENCODING_ORDINAL;
}

/* The field a column becomes; its count is what the column gives the network. */
static AdvField
column_field(const AdvEncoder *enc, const AdvColumn *col)
{
	if (is_one_hot(enc, col))
		return (AdvField){ADV_FIELD_ONEHOT, col->n_values};
	if (col->kind == ADV_COLUMN_IMAGE)
		return (AdvField){ADV_FIELD_IMAGE, col->length};
	return (AdvField){ADV_FIELD_FLOAT, col->length};
}

size_t
adv_encoder_inputs(const AdvEncoder *enc)
{
	size_t inputs = 0;

	for (int i = 0; i < enc->n_columns; i++)
		inputs += (size_t) column_field(enc, &enc->columns[i]).count;
	return inputs;
}

void
adv_encoder_fields(const AdvEncoder *enc, AdvField *fields)
{
	for (int i = 0; i < enc->n_columns; i++)
		fields[i] = column_field(enc, &enc->columns[i]);
}

int
adv_text_compare(AdvText a, AdvText b)
{
	uint32_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.data, b.data, common) : 0;

	if (order != 0)
		return order < 0 ? -1 : 1;
	return (a.len > b.len) - (a.len < b.len);
}

int
adv_column_code(const AdvColumn *column, AdvText text)
{
	int low = 0;
	int high = column->n_values;

	while (low < high)
	{
		int middle = low + (high - low) / 2;
		int code = column->sorted ? column->sorted[middle] : middle;
		int order = adv_text_compare(column->values[code], text);

		if (order == 0)
			return code;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

static void
store_float(unsigned char *field, float value)
{
	memcpy(field, &value, sizeof(value));
}

/* ---- numbers ---- */

/* A message about a number, or an element (from 0) of an array. */
static AdvStatus
fail_number(const AdvColumn *col, size_t element, const char *what, AdvError *err)
{
	if (col->kind == ADV_COLUMN_ARRAY)
		return adv_fail(err, ADV_DATA, "element %zu of column \"%.*s%s\" is %s", element + 1,
						SHOWN(col->name), what);
	return adv_fail(err, ADV_DATA, "column \"%.*s%s\" is %s", SHOWN(col->name), what);
}

static AdvStatus
fail_range(const AdvColumn *col, size_t element, double x, AdvError *err)
{
	fail_number(col, element, "out of range", err);
	adv_detail(err, "The value %g does not fit a single-precision number once it is scaled.", x);
	return ADV_DATA;
}

static AdvStatus
fail_rounded(const AdvColumn *col, size_t element, double x, bool to_double, AdvError *err)
{
	char what[100];

	snprintf(what, sizeof(what),
			 to_double ? "near %.0f, an integer that double precision cannot hold"
					   : "%.0f, an integer that single precision cannot hold",
			 x);
	fail_number(col, element, what, err);
	if (!to_double)
		adv_detail(err,
				   "With encoding ordinal inputs are numbers as they are, in single precision: any integer "
				   "up to 16777216, few of those beyond.");
	adv_hint(err,
			 to_double
				 ? "Subtract a number in a query; or cast to float8, if the last digits do not matter."
				 : "Use encoding standard or minmax, which round numbers once they are scaled, or subtract "
				   "a number in a query; or cast to float8, if the last digits do not matter.");
	return ADV_DATA;
}

static AdvStatus
check_number(int32_t encoding, const AdvColumn *col, const AdvValue *value, size_t element, AdvError *err)
{
	double x = col->kind == ADV_COLUMN_ARRAY ? value->array[element] : value->number;

	if (!isfinite(x))
		return fail_number(col, element, isnan(x) ? "NaN" : "infinite", err);
	if (value->rounded == element + 1)
		return fail_rounded(col, element, x, true, err);
	if (encoding == ADV_ENCODING_ORDINAL && fabs(x) > FLT_MAX)
		return fail_range(col, element, x, err);
	if (value->integer && encoding == ADV_ENCODING_ORDINAL && (float) x != x)
		return fail_rounded(col, element, x, false, err);
	return ADV_OK;
}

AdvStatus
adv_value_check(int32_t encoding, const AdvColumn *col, const AdvValue *value, AdvError *err)
{
	size_t length = (size_t) col->length;
	AdvStatus status = ADV_OK;

	if (col->kind == ADV_COLUMN_ARRAY && value->length != length)
		return adv_fail(err, ADV_DATA, "array in column \"%.*s%s\" has %zu value%s, but %zu %s expected",
						SHOWN(col->name), value->length, value->length == 1 ? "" : "s", length,
						length == 1 ? "is" : "are");
	for (size_t i = 0; i < length && status == ADV_OK; i++)
		status = check_number(encoding, col, value, i, err);
	return status;
}

static AdvStatus
store_scaled(const AdvColumn *col, size_t element, double x, unsigned char *field, AdvError *err)
{
	double y = (x - col->shift[element]) * col->factor[element];

	/* Written so that NaN, from an overflow on the way, fails. */
	if (!(fabs(y) <= FLT_MAX))
		return fail_range(col, element, x, err);
	store_float(field, (float) y);
	return ADV_OK;
}

/* Numbers and arrays. */
static AdvStatus
store_numbers(const AdvEncoder *enc, const AdvColumn *col, const AdvValue *value, unsigned char *field,
			  AdvError *err)
{
	const double *x = col->kind == ADV_COLUMN_ARRAY ? value->array : &value->number;
	AdvStatus status = adv_value_check(enc->encoding, col, value, err);

	for (size_t i = 0; i < (size_t) col->length && status == ADV_OK; i++)
		status = store_scaled(col, i, x[i], field + i * sizeof(float), err);
	return status;
}

static AdvStatus
store_image(const AdvEncoder *enc, const AdvColumn *col, const AdvValue *value, unsigned char *field,
			AdvError *err)
{
	size_t length = (size_t) col->length;

	if (value->length != length)
	{
		adv_fail(err, ADV_DATA, "image in column \"%.*s%s\" has %zu byte%s, but %zu %s expected",
				 SHOWN(col->name), value->length, value->length == 1 ? "" : "s", length,
				 length == 1 ? "is" : "are");
		adv_detail(err, "The input shape is %d x %d x %d.", (int) enc->shape.c, (int) enc->shape.h,
				   (int) enc->shape.w);
		return ADV_DATA;
	}
	memcpy(field, value->bytes, length);
	for (; length % 4 != 0; length++)
		field[length] = 0;
	return ADV_OK;
}

static AdvStatus
store_category(const AdvEncoder *enc, const AdvColumn *col, const AdvValue *value, unsigned char *field,
			   AdvError *err)
{
	int32_t code = adv_column_code(col, value->text);

	if (code < 0 && enc->unseen == ADV_UNSEEN_ERROR)
	{
		adv_fail(err, ADV_DATA, "category \"%.*s%s\" in column \"%.*s%s\" was not in the training data",
				 SHOWN(value->text), SHOWN(col->name));
		adv_hint(err, "A model trained with unseen => 'ignore' encodes such categories as %s.",
				 is_one_hot(enc, col) ? "all zeros" : "-1");
		return ADV_DATA;
	}
	if (is_one_hot(enc, col))
		memcpy(field, &code, sizeof(code));
	else
		store_float(field, (float) code);
	return ADV_OK;
}

AdvStatus
adv_encoder_store(const AdvEncoder *enc, int column, const AdvValue *value, unsigned char *field,
				  AdvError *err)
{
	const AdvColumn *col = &enc->columns[column];

	switch (col->kind)
	{
		case ADV_COLUMN_NUMBER:
		case ADV_COLUMN_ARRAY:
			return store_numbers(enc, col, value, field, err);
		case ADV_COLUMN_CATEGORY:
			return store_category(enc, col, value, field, err);
		case ADV_COLUMN_IMAGE:
			return store_image(enc, col, value, field, err);
	}
	return adv_fail(err, ADV_INVALID, "column %d has the unknown kind %d", column + 1, (int) col->kind);
}

/* ---- and back ---- */

static double
decoded(const AdvColumn *col, size_t element, float x)
{
	return col->kind == ADV_COLUMN_IMAGE ? x * 255.0 : x / col->factor[element] + col->shift[element];
}

static float
encoded(const AdvColumn *col, size_t element, double number)
{
	if (col->kind == ADV_COLUMN_IMAGE)
		return (float) (number / 255);
	return (float) ((number - col->shift[element]) * col->factor[element]);
}

/*
 * The decimal of fewest digits that encodes to x, near raw. One tries from the coarsest spacing that cannot miss a shorter decimal:
 * the last power of ten above the distance of raw to its neighbours.
 */
static double
shortest_decimal(const AdvColumn *col, size_t element, float x, double raw)
{
	double resolution = fabs(decoded(col, element, nextafterf(x, 0)) - raw);
	double digits = floor(log10(fabs(raw) / resolution)) - 1;

	for (int n = digits >= 1 && digits <= DBL_DECIMAL_DIG ? (int) digits : 1; n <= DBL_DECIMAL_DIG; n++)
	{
		char text[40];
		double number;

		snprintf(text, sizeof(text), "%.*e", n - 1, raw);
		number = strtod(text, NULL);
		if (encoded(col, element, number) == x)
			return number;
	}
	return raw;
}

AdvStatus
adv_encoder_number(const AdvEncoder *enc, int column, size_t element, float x, double *number, AdvError *err)
{
	const AdvColumn *col = &enc->columns[column];
	double raw = decoded(col, element, x);
	double whole = rint(raw) + 0.0; /* no negative zero */
	float of_whole;

	if (!isfinite(raw))
	{
		adv_fail(err, ADV_DATA, "the encoded value %g of column \"%.*s%s\" cannot be decoded", x,
				 SHOWN(col->name));
		adv_detail(err, "It stands for no finite number.");
		return ADV_DATA;
	}
	of_whole = encoded(col, element, whole);
	/* beyond 2^53 every double is whole: nothing to go by */
	if (fabs(raw) < 0x1p53 && of_whole >= nextafterf(x, -INFINITY) && of_whole <= nextafterf(x, INFINITY))
		*number = whole;
	else
		*number = shortest_decimal(col, element, x, raw);
	return ADV_OK;
}

int
adv_encoder_code(const AdvEncoder *enc, int column, const float *x)
{
	const AdvColumn *col = &enc->columns[column];
	int code = ADV_CODE_NONE;

	if (!is_one_hot(enc, col))
		return x[0] >= ADV_CODE_NONE && x[0] < col->n_values && x[0] == rintf(x[0]) ? (int) x[0]
																					: ADV_CODE_MIXED;
	for (int i = 0; i < col->n_values; i++)
	{
		if (x[i] == 0)
			continue;
		if (x[i] != 1 || code != ADV_CODE_NONE)
			return ADV_CODE_MIXED;
		code = i;
	}
	return code;
}

static const char *const encoding_names[] = {
	[ADV_ENCODING_STANDARD] = "standard",
	[ADV_ENCODING_MINMAX] = "minmax",
	[ADV_ENCODING_ORDINAL] = "ordinal",
};

const char *
adv_encoding_name(int encoding)
{
	if (encoding < ADV_ENCODING_STANDARD || encoding > ADV_ENCODING_ORDINAL)
		return "unknown";
	return encoding_names[encoding];
}

int
adv_encoding_from_name(const char *name)
{
	for (int i = ADV_ENCODING_STANDARD; i <= ADV_ENCODING_ORDINAL; i++)
		if (strcmp(name, encoding_names[i]) == 0)
			return i;
	return 0;
}
