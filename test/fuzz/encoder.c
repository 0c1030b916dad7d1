/*
 * encoder.c
 *		Fuzz target: columns and values from bytes. What is stored is expanded and decoded to what it was.
 *
 * The bytes say which columns there are (anything a model's bytes may say, so also factors that no fit gives), then give rows of values.
 */
#include "fuzz.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_COLUMNS 6
#define MOST_ROWS    8

/* Bytes still to be used; beyond the end there are zeros. */
typedef struct Source
{
	const unsigned char *at;
	size_t left;
	FuzzHost host;
} Source;

static void
take(Source *s, void *to, size_t size)
{
	size_t n = size < s->left ? size : s->left;

	memset(to, 0, size);
	if (n > 0)
		memcpy(to, s->at, n);
	s->at += n;
	s->left -= n;
}

/* A number from 0 to most. */
static int
take_below(Source *s, int most)
{
	unsigned char byte;

	take(s, &byte, 1);
	return byte % (most + 1);
}

/* Often a small whole number or a half, else any bits whatever. */
static double
take_double(Source *s)
{
	int form = take_below(s, 3);
	double any;
	float single;
	int8_t small;

	if (form == 0)
	{
		take(s, &any, sizeof(any));
		return any;
	}
	if (form == 1)
	{
		take(s, &single, sizeof(single));
		return single;
	}
	take(s, &small, 1);
	return form == 2 ? small : small * 0.5;
}

static AdvText
take_text(Source *s)
{
	uint32_t len = (uint32_t) take_below(s, 255);
	char *data;

	if (len > s->left)
		len = (uint32_t) s->left;
	data = fuzz_alloc(&s->host, len);
	take(s, data, len);
	return (AdvText){data, len};
}

/* ---- columns ---- */

static double
take_finite(Source *s)
{
	double x = take_double(s);

	return isfinite(x) ? x : 1;
}

static int
compare_texts(const void *a, const void *b)
{
	return adv_text_compare(*(const AdvText *) a, *(const AdvText *) b);
}

static void
take_categories(Source *s, AdvColumn *col)
{
	int n = 1 + take_below(s, 7);

	col->values = fuzz_alloc(&s->host, sizeof(AdvText) * (size_t) n);
	for (int i = 0; i < n; i++)
		col->values[i] = take_text(s);
	qsort(col->values, (size_t) n, sizeof(AdvText), compare_texts);
	col->sorted = NULL;
	col->n_values = 1;
	for (int i = 1; i < n; i++)
		if (adv_text_compare(col->values[col->n_values - 1], col->values[i]) != 0)
			col->values[col->n_values++] = col->values[i];
}

static void
take_scaling(Source *s, AdvColumn *col)
{
	col->shift = fuzz_alloc(&s->host, sizeof(double) * (size_t) col->length);
	col->factor = fuzz_alloc(&s->host, sizeof(double) * (size_t) col->length);
	for (int i = 0; i < col->length; i++)
	{
		col->shift[i] = take_finite(s);
		col->factor[i] = take_finite(s);
	}
}

static AdvColumn
take_column(Source *s)
{
	AdvColumn col = {.name = take_text(s), .kind = 1 + take_below(s, 2), .length = 1};

	if (col.kind == ADV_COLUMN_ARRAY)
		col.length = 1 + take_below(s, 4);
	if (col.kind == ADV_COLUMN_CATEGORY)
		take_categories(s, &col);
	else
		take_scaling(s, &col);
	return col;
}

static AdvEncoder
take_encoder(Source *s)
{
	AdvEncoder enc = {.encoding = 1 + take_below(s, 2), .unseen = 1 + take_below(s, 1)};

	enc.n_columns = take_below(s, MOST_COLUMNS);
	enc.columns = fuzz_alloc(&s->host, sizeof(AdvColumn) * MOST_COLUMNS);
	for (int i = 0; i < enc.n_columns; i++)
		enc.columns[i] = take_column(s);
	if (enc.n_columns == 0) /* an image */
	{
		enc.shape = (AdvShape){1 + take_below(s, 3), 1 + take_below(s, 3), 1 + take_below(s, 3)};
		enc.columns[enc.n_columns++] = (AdvColumn){
			.name = take_text(s), .kind = ADV_COLUMN_IMAGE, .length = (int32_t) adv_shape_size(enc.shape)};
	}
	else
		enc.shape = (AdvShape){(int32_t) adv_encoder_inputs(&enc), 1, 1};
	return enc;
}

/* ---- values ---- */

static AdvValue
take_value(Source *s, const AdvColumn *col)
{
	int other = take_below(s, 15);
	AdvValue value = {.length = (size_t) (other == 15 ? take_below(s, 70) : col->length)};
	double *array;
	void *bytes;

	switch (col->kind)
	{
		case ADV_COLUMN_NUMBER:
			value.number = take_double(s);
			break;
		case ADV_COLUMN_CATEGORY:
			value.text = other > 12 ? take_text(s) : col->values[take_below(s, col->n_values - 1)];
			break;
		case ADV_COLUMN_ARRAY:
			value.array = array = fuzz_alloc(&s->host, sizeof(double) * value.length);
			for (size_t i = 0; i < value.length; i++)
				array[i] = take_double(s);
			break;
		default:
			value.bytes = bytes = fuzz_alloc(&s->host, value.length);
			take(s, bytes, value.length);
	}
	return value;
}

static float
encoded(const AdvColumn *col, size_t element, double number)
{
	if (col->kind == ADV_COLUMN_IMAGE)
		return (float) (number / 255);
	return (float) ((number - col->shift[element]) * col->factor[element]);
}

/* What adv_encoder_number promises for any x. */
static const char *
check_number(const Source *s, const AdvEncoder *enc, int column, size_t element, float x)
{
	const AdvColumn *col = &enc->columns[column];
	AdvError err = {.status = ADV_OK};
	double number = NAN;
	double raw = col->kind == ADV_COLUMN_IMAGE ? x * 255.0 : x / col->factor[element] + col->shift[element];
	float back;
	AdvStatus status = adv_encoder_number(enc, column, element, x, &number, &err);

	if (status != ADV_OK)
		return isfinite(raw) || status != ADV_DATA ? "a finite number is not decoded"
												   : fuzz_check_error(status, &err);
	if (!isfinite(number))
		return "a decoded number is not finite";
	back = encoded(col, element, number);
	if (back == x || number == raw ||
		(number == rint(number) && back >= nextafterf(x, -INFINITY) && back <= nextafterf(x, INFINITY)))
		return NULL;
	return "a decoded number encodes to something else";
}

/* A column's value, as the network sees it in x, decodes to what it was. */
static const char *
check_column(const Source *s, const AdvEncoder *enc, int column, const AdvValue *value, const float *x,
			 int count)
{
	const AdvColumn *col = &enc->columns[column];
	double number;

	for (int i = 0; i < count; i++)
		if (!isfinite(x[i]))
			return "an input is not finite";
	if (col->kind == ADV_COLUMN_CATEGORY)
		return adv_encoder_code(enc, column, x) == adv_column_code(col, value->text)
				   ? NULL
				   : "a category has another code";
	for (int i = 0; i < count; i++)
	{
		const char *wrong = check_number(s, enc, column, (size_t) i, x[i]);

		if (wrong)
			return wrong;
	}
	if (col->kind == ADV_COLUMN_IMAGE && enc->shape.c == 1)
		for (int i = 0; i < count; i++)
			if (adv_encoder_number(enc, column, (size_t) i, x[i], &number, NULL) != ADV_OK ||
				number != value->bytes[i])
				return "an image's byte becomes another";
	return NULL;
}

/* A row of values, stored in memory of exactly its size, expanded and decoded. */
static const char *
check_row(Source *s, const AdvEncoder *enc, const AdvLayout *layout)
{
	unsigned char *stored = fuzz_alloc(&s->host, layout->row_bytes);
	size_t inputs = adv_shape_size(layout->shape);
	float *x = fuzz_alloc(&s->host, sizeof(float) * inputs);
	AdvValue values[MOST_COLUMNS];
	size_t offset = 0;

	for (int i = 0; i < enc->n_columns; i++)
	{
		AdvError err = {.status = ADV_OK};
		AdvStatus status;

		values[i] = take_value(s, &enc->columns[i]);
		status = adv_encoder_store(enc, i, &values[i], stored + offset, &err);
		if (status != ADV_OK)
			return status != ADV_DATA ? "a value is wrong in an unexpected way"
									  : fuzz_check_error(status, &err);
		offset += adv_layout_row_bytes(&layout->fields[i], 1);
	}
	if (offset != layout->row_bytes)
		return "fields do not add up to a row";
	adv_layout_expand(layout, stored, x);
	for (int i = 0, at = 0; i < enc->n_columns; at += layout->fields[i++].count)
	{
		const char *wrong = check_column(s, enc, i, &values[i], x + at, layout->fields[i].count);

		if (wrong)
			return wrong;
	}
	return NULL;
}

/* Inputs that no row gives, as an attack may. */
static const char *
check_any_input(Source *s, const AdvEncoder *enc, const AdvLayout *layout)
{
	for (int i = 0; i < enc->n_columns; i++)
	{
		const AdvColumn *col = &enc->columns[i];
		int count = layout->fields[i].count;
		float *x = fuzz_alloc(&s->host, sizeof(float) * (size_t) count);

		for (int k = 0; k < count; k++)
			x[k] = (float) take_double(s);
		if (col->kind == ADV_COLUMN_CATEGORY)
		{
			int code = adv_encoder_code(enc, i, x);

			if (code < ADV_CODE_MIXED || code >= col->n_values)
				return "a code is out of range";
		}
		for (int k = 0; k < count && col->kind != ADV_COLUMN_CATEGORY; k++)
		{
			const char *wrong = check_number(s, enc, i, (size_t) k, x[k]);

			if (wrong)
				return wrong;
		}
	}
	return NULL;
}

const char *
fuzz_encoder(const unsigned char *data, size_t size)
{
	Source s = {.at = data, .left = size};
	AdvField fields[MOST_COLUMNS];
	AdvLayout layout;
	AdvEncoder enc;
	const char *wrong = NULL;

	(void) fuzz_host(&s.host, 0);
	enc = take_encoder(&s);
	adv_encoder_fields(&enc, fields);
	layout = (AdvLayout){fields, enc.n_columns, enc.shape, adv_layout_row_bytes(fields, enc.n_columns)};
	for (int row = 0; row < MOST_ROWS && s.left > 0 && wrong == NULL; row++)
		wrong = take_below(&s, 3) == 0 ? check_any_input(&s, &enc, &layout) : check_row(&s, &enc, &layout);
	fuzz_free(&s.host);
	return wrong;
}
