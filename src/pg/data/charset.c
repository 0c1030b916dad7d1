/*
 * charset.c
 *		Texts of models: UTF-8 in their bytes, the database's encoding everywhere else.
 */
#include "pg/data/charset.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"

/* What a text of a model is, for messages. */
typedef struct Place
{
	const char *what; /* "name of the label", or with numbers that count from 1 */
	int number;
	int column; /* of a category */
} Place;

typedef AdvText (*Convert)(AdvText text, const Place *place);

static bool
is_ascii(AdvText text)
{
	for (uint32 i = 0; i < text.len; i++)
		if (IS_HIGHBIT_SET(text.data[i]))
			return false;
	return true;
}

/* Whether what the database's texts mean is known, so that they can be UTF-8. */
static bool
converts(void)
{
	int encoding = GetDatabaseEncoding();

	return encoding == PG_UTF8 ||
		   (encoding != PG_SQL_ASCII && OidIsValid(FindDefaultConversionProc(encoding, PG_UTF8)));
}

/* ---- to UTF-8 ---- */

static AdvText
to_utf8(AdvText text, const Place *place)
{
	char *converted;

	if (is_ascii(text) || GetDatabaseEncoding() == PG_UTF8)
		return text;
	converted = (char *) pg_do_encoding_conversion((unsigned char *) unconstify(char *, text.data), text.len,
												   GetDatabaseEncoding(), PG_UTF8);
	return (AdvText){converted, strlen(converted)};
}

AdvText
advpg_utf8(AdvText text)
{
	return GetDatabaseEncoding() == PG_UTF8 || is_ascii(text) || !converts() ? text : to_utf8(text, NULL);
}

/* ---- from UTF-8 ---- */

static char *
place_name(const Place *place)
{
	if (place->column)
		return psprintf("%s %d of column %d", place->what, place->number, place->column);
	return place->number ? psprintf("%s %d", place->what, place->number) : pstrdup(place->what);
}

static void
fail_conversion(const Place *place, const char *character)
{
	ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
			errmsg("%s of the model cannot be written in the encoding \"%s\" of this database",
				   place_name(place), GetDatabaseEncodingName()),
			errdetail("It has character U+%04X, which that encoding does not have.",
					  (unsigned) utf8_to_unicode((const unsigned char *) character)),
			errhint("Use the model in a database with encoding UTF8."));
}

/* Texts come from bytes: they must be text in the encoding that they are said to have before anybody sees them. */
static AdvText
from_utf8(AdvText text, const Place *place)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion;
	size_t room = (size_t) text.len * MAX_CONVERSION_GROWTH + 1;
	unsigned char *converted;
	int done;

	if (is_ascii(text) || encoding == PG_SQL_ASCII)
		return text;
	(void) pg_verify_mbstr(PG_UTF8, text.data, text.len, false);
	if (encoding == PG_UTF8)
		return text;
	conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion))
		fail_conversion(place, text.data);
	converted = palloc_extended(room, MCXT_ALLOC_HUGE);
	done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
										 (unsigned char *) unconstify(char *, text.data), text.len, converted,
										 Min(room, (size_t) PG_INT32_MAX), true);
	if (done < text.len)
		fail_conversion(place, text.data + done);
	return (AdvText){(char *) converted, strlen((char *) converted)};
}

static AdvText
of_database(AdvText text, const Place *place)
{
	(void) pg_verifymbstr(text.data, text.len, false);
	return text;
}

/* ---- all texts of a model ---- */

static void
convert_texts(AdvText *texts, int n, const char *what, int column, Convert convert)
{
	ADVPG_EACH (i, n)
		texts[i] = convert(texts[i], &(Place){what, (int) i + 1, column});
}

static void
convert_model(AdvModel *model, Convert convert)
{
	model->label = convert(model->label, &(Place){"name of the label", 0, 0});
	convert_texts(model->classes, model->net.classes, "class", 0, convert);
	for (int i = 0; i < model->encoder.n_columns; i++)
	{
		AdvColumn *column = &model->encoder.columns[i];

		column->name = convert(column->name, &(Place){"name of column", i + 1, 0});
		if (column->kind == ADV_COLUMN_CATEGORY)
			convert_texts(column->values, column->n_values, "category", i + 1, convert);
	}
}

/* A model with lists of texts of its own, so that they can be converted. */
static AdvModel
copy_lists(const AdvModel *model)
{
	AdvModel copy = *model;
	AdvEncoder *encoder = &copy.encoder;

	copy.utf8 = false;
#define COPY(list, n)                                                                                        \
	(list) =                                                                                                 \
		memcpy(palloc_extended(sizeof(*(list)) * ((n) + 1), MCXT_ALLOC_HUGE), (list), sizeof(*(list)) * (n))
	COPY(copy.classes, copy.net.classes);
	COPY(encoder->columns, encoder->n_columns);
	for (int i = 0; i < encoder->n_columns; i++)
		if (encoder->columns[i].kind == ADV_COLUMN_CATEGORY)
			COPY(encoder->columns[i].values, encoder->columns[i].n_values);
#undef COPY
	return copy;
}

static bool
all_ascii(const AdvText *texts, int n)
{
	for (int i = 0; i < n; i++)
		if (!is_ascii(texts[i]))
			return false;
	return true;
}

static bool
is_ascii_model(const AdvModel *model)
{
	bool ascii = is_ascii(model->label) && all_ascii(model->classes, model->net.classes);

	for (int i = 0; i < model->encoder.n_columns && ascii; i++)
	{
		const AdvColumn *column = &model->encoder.columns[i];

		ascii = is_ascii(column->name) &&
				(column->kind != ADV_COLUMN_CATEGORY || all_ascii(column->values, column->n_values));
	}
	return ascii;
}

static bool
in_order(const AdvText *texts, int n)
{
	for (int i = 1; i < n; i++)
		if (adv_text_compare(texts[i - 1], texts[i]) >= 0)
			return false;
	return true;
}

/*
 * A model as it is to be written. Categories of one of format 1, which another model's encoder may have come from, are in the order of the
 * database's bytes: where UTF-8 has another order, the encoding stays unknown, because codes cannot change any more.
 */
static AdvModel
as_written(const AdvModel *model)
{
	AdvModel written = copy_lists(model);

	written.utf8 = converts() || is_ascii_model(model);
	if (!written.utf8)
		return written;
	convert_model(&written, to_utf8);
	for (int i = 0; i < written.encoder.n_columns && written.utf8; i++)
	{
		const AdvColumn *column = &written.encoder.columns[i];

		written.utf8 = column->kind != ADV_COLUMN_CATEGORY || in_order(column->values, column->n_values);
	}
	return written.utf8 ? written : copy_lists(model);
}

bytea *
advpg_model_write(const AdvModel *model)
{
	AdvModel written = as_written(model);
	size_t size = adv_model_size(&written) + VARHDRSZ;
	bytea *bytes;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the model would take %zu bytes, more than a value can", size));
	bytes = palloc(size);
	SET_VARSIZE(bytes, size);
	adv_model_write(&written, (unsigned char *) VARDATA(bytes));
	return bytes;
}

/* ---- the order of categories ---- */

/* Codes of n texts in byte order; NULL when they lie so. */
static int32_t *
byte_order(AdvText *texts, int n)
{
	return in_order(texts, n) ? NULL : advpg_text_order(texts, n);
}

void
advpg_sort_categories(AdvColumn *column)
{
	size_t n = column->n_values;
	AdvText *values = palloc_extended(sizeof(AdvText) * (n + 1), MCXT_ALLOC_HUGE);
	int32_t *order;

	memcpy(values, column->values, sizeof(AdvText) * n);
	if (converts())
		convert_texts(values, n, "category", 0, to_utf8);
	order = byte_order(values, n);
	if (order)
	{
		memcpy(values, column->values, sizeof(AdvText) * n);
		for (size_t i = 0; i < n; i++)
			column->values[i] = values[order[i]];
	}
	column->sorted = byte_order(column->values, n);
}

/* ---- reading ---- */

void
advpg_model_read(bytea *bytes, MemoryContext context, AdvModel *model)
{
	AdvAllocator allocator = advpg_allocator(context);
	MemoryContext old = MemoryContextSwitchTo(context);
	AdvError err;

	if (adv_model_read((const unsigned char *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &allocator,
					   model, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	convert_model(model, model->utf8 ? from_utf8 : of_database);
	for (int i = 0; i < model->encoder.n_columns; i++)
	{
		AdvColumn *column = &model->encoder.columns[i];

		if (column->kind == ADV_COLUMN_CATEGORY)
			column->sorted = byte_order(column->values, column->n_values);
	}
	MemoryContextSwitchTo(old);
}
