/*
 * rows.c
 *		Rows of a relation or query, read with the caller's snapshot and rights, encoded, in shared memory.
 *
 * The executor hands each row to a DestReceiver, so nothing is materialised on the way. Where the encoder is known (a
 * model's, or an image's, which has nothing to fit) a row is encoded at once; otherwise raw values are staged in private
 * memory, the encoder is fitted to them, and they are encoded afterwards. Encoded rows fill a private buffer that
 * becomes a segment of shared memory whenever it is full, so at no time do the data exist twice.
 *
 * The order in which rows arrive means nothing: a scan may start anywhere and run in parallel. What could depend on it goes by
 * each row's key instead: the hash of its id, or of its content where there is none.
 */
#include "pg/rows.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "core/hash.h"
#include "core/rng.h"
#include "pg/advpg.h"
#include "pg/reader.h"
#include "pg/segment.h"
#include "pg/source.h"

#define CHUNK_BYTES (16 * 1024 * 1024) /* of shared memory, or the size of one row if that is more */
#define BLOCK_BYTES (1024 * 1024)      /* of staged raw values */
#define DROP_HINT   "Leave such rows out with missing => 'drop', or replace the NULL in a query."
#define MAX_LISTED  30  /* columns that a message lists */
#define SHOWN_BYTES 100 /* of an id in a message */

/* A column of the SELECT list: where it stands in the result (-1: nowhere) and how it is read. */
typedef struct Column
{
	const char *name;
	int place;
	AdvpgReader reader;
} Column;

/* A feature, in addition: where its values lie in raw and stored rows, and the categories met so far. */
typedef struct Feature
{
	Column column;
	int length; /* array: elements, known from the first row on; image: bytes */
	size_t raw_offset;
	size_t stored_offset;
	AdvpgDictionary categories;
} Feature;

typedef struct Load
{
	DestReceiver receiver; /* first: the executor knows us by it */
	const AdvpgRowsSpec *spec;
	AdvpgRows *rows;
	MemoryContext context;     /* of results */
	MemoryContext row_context; /* reset for each row */
	AdvpgSource *source;
	Column label;
	Column id;
	Column attribute;
	Datum *label_values; /* (rows->labels.n) one datum of each label met */
	Oid label_type;
	Oid id_type;
	int16 id_len;
	bool id_byval;
	int n_features;
	Feature *features;
	AdvEncoder *encoder; /* NULL while it is still to be fitted */
	size_t seen;         /* rows that arrived */
	size_t max_rows;     /* allocated in the arrays of rows */

	/* staged raw rows, while there is no encoder */
	size_t raw_bytes; /* 0 before the first row */
	size_t rows_per_block;
	List *blocks;

	/* the chunk being filled */
	unsigned char *buffer;
	size_t buffer_rows; /* that fit */
	size_t buffered;
} Load;

/* "row with person_id 17" or "row 17", for messages. */
static char *
row_name(Load *load, TupleTableSlot *slot)
{
	AdvText text;

	if (load->id.place < 0 || slot->tts_isnull[load->id.place])
		return psprintf("row %zu", load->seen);
	text = advpg_read_text(&load->id.reader, slot->tts_values[load->id.place]);
	return psprintf("row with %s %.*s", load->id.name, pg_mbcliplen(text.data, text.len, SHOWN_BYTES),
					text.data);
}

static void
raise_for_row(Load *load, TupleTableSlot *slot, const AdvError *err)
{
	advpg_raise(err, psprintf("%s: ", row_name(load, slot)));
}

static void
raise_null(Load *load, TupleTableSlot *slot, const char *column, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("%s: column \"%s\" is NULL", row_name(load, slot), column), errhint("%s", hint));
}

/* ---- encoded rows ---- */

static size_t
rows_per_chunk(size_t row_bytes)
{
	return Max(1, CHUNK_BYTES / row_bytes);
}

static void
flush_chunk(Load *load)
{
	AdvpgRows *rows = load->rows;
	size_t bytes = load->buffered * rows->layout.row_bytes;
	dsm_segment *segment;

	if (load->buffered == 0)
		return;
	advpg_check_memory(rows->bytes + bytes, "the rows");
	segment = advpg_segment_create(bytes);
	memcpy(dsm_segment_address(segment), load->buffer, bytes);
	rows->segments = rows->segments ? repalloc(rows->segments, sizeof(dsm_segment *) * (rows->n_chunks + 1))
									: MemoryContextAlloc(load->context, sizeof(dsm_segment *));
	rows->segments[rows->n_chunks++] = segment;
	rows->bytes += bytes;
	load->buffered = 0;
}

/* Memory for one more encoded row. */
static unsigned char *
next_stored(Load *load)
{
	size_t row_bytes = load->rows->layout.row_bytes;

	if (load->buffered == load->rows->rows_per_chunk)
		flush_chunk(load);
	if (load->buffered == load->buffer_rows)
	{
		load->buffer_rows = Min(Max(64, load->buffer_rows * 2), load->rows->rows_per_chunk);
		load->buffer = load->buffer ? repalloc_huge(load->buffer, load->buffer_rows * row_bytes)
									: MemoryContextAllocHuge(load->context, load->buffer_rows * row_bytes);
	}
	return load->buffer + load->buffered++ * row_bytes;
}

/* From now on rows can be encoded: fix the layout of stored rows. */
static void
set_encoder(Load *load, AdvEncoder *encoder)
{
	AdvpgRows *rows = load->rows;
	AdvField *fields = palloc(sizeof(AdvField) * encoder->n_columns);
	size_t offset = 0;

	adv_encoder_fields(encoder, fields);
	for (int i = 0; i < load->n_features; i++)
	{
		load->features[i].stored_offset = offset;
		offset += adv_layout_row_bytes(&fields[i], 1);
	}
	rows->layout.fields = fields;
	rows->layout.n_fields = encoder->n_columns;
	rows->layout.shape = encoder->shape;
	rows->layout.row_bytes = offset;
	rows->rows_per_chunk = rows_per_chunk(offset);
	rows->encoder = load->encoder = encoder;
}

/* ---- staged rows ---- */

/* The first row tells how long arrays are, and so how long a staged row is. */
static void
lay_out_raw(Load *load, TupleTableSlot *slot, const AdvValue *values)
{
	size_t offset = 0;

	for (int i = 0; i < load->n_features; i++)
	{
		Feature *f = &load->features[i];
		size_t bytes = sizeof(double);

		f->length = 1;
		if (f->column.reader.kind == ADV_COLUMN_ARRAY)
		{
			if (values[i].length < 1 || values[i].length > ADV_MAX_INPUTS)
				ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("%s: array in column \"%s\" has %zu values, but between 1 and %d are expected",
							   row_name(load, slot), f->column.name, values[i].length, ADV_MAX_INPUTS));
			f->length = values[i].length;
			bytes = sizeof(float) * f->length;
		}
		f->raw_offset = offset;
		offset += MAXALIGN(bytes);
	}
	load->raw_bytes = offset;
	load->rows_per_block = Max(1, BLOCK_BYTES / offset);
}

static unsigned char *
raw_row(Load *load, size_t row)
{
	return (unsigned char *) list_nth(load->blocks, row / load->rows_per_block) +
		   (row % load->rows_per_block) * load->raw_bytes;
}

static void
stage_row(Load *load, TupleTableSlot *slot, const AdvValue *values)
{
	unsigned char *raw;
	MemoryContext old;

	if (load->raw_bytes == 0)
		lay_out_raw(load, slot, values);
	old = MemoryContextSwitchTo(load->context);
	if (load->rows->n % load->rows_per_block == 0)
		load->blocks =
			lappend(load->blocks, palloc_extended(load->rows_per_block * load->raw_bytes, MCXT_ALLOC_HUGE));
	MemoryContextSwitchTo(old);

	raw = raw_row(load, load->rows->n);
	for (int i = 0; i < load->n_features; i++)
	{
		Feature *f = &load->features[i];
		unsigned char *place = raw + f->raw_offset;
		AdvError err;

		switch (f->column.reader.kind)
		{
			case ADV_COLUMN_NUMBER:
				if (!isfinite(values[i].number))
				{
					adv_fail(&err, ADV_DATA, "column \"%s\" is %s", f->column.name,
							 isnan(values[i].number) ? "NaN" : "infinite");
					raise_for_row(load, slot, &err);
				}
				*(double *) place = values[i].number;
				break;
			case ADV_COLUMN_CATEGORY:
				*(int32_t *) place = advpg_dictionary_add(&f->categories, values[i].text, NULL);
				break;
			case ADV_COLUMN_ARRAY:
				if (values[i].length != (size_t) f->length)
				{
					adv_fail(&err, ADV_DATA, "array in column \"%s\" has %zu values, but %d are expected",
							 f->column.name, values[i].length, f->length);
					raise_for_row(load, slot, &err);
				}
				for (int k = 0; k < f->length; k++)
					if (!isfinite(values[i].array[k]))
					{
						adv_fail(&err, ADV_DATA, "column \"%s\" is %s at position %d", f->column.name,
								 isnan(values[i].array[k]) ? "NaN" : "infinite", k + 1);
						raise_for_row(load, slot, &err);
					}
				memcpy(place, values[i].array, sizeof(float) * f->length);
				break;
		}
	}
}

/* One number of a staged row: element k of feature f. */
static double
raw_number(Load *load, size_t row, const Feature *f, int k)
{
	unsigned char *place = raw_row(load, row) + f->raw_offset;

	return f->column.reader.kind == ADV_COLUMN_ARRAY ? ((float *) place)[k] : *(double *) place;
}

/*
 * Shift and factor of element k of a feature, over the rows that are not held out, in canonical order (so that sums round
 * the same way).
 */
static void
fit_number(Load *load, const Feature *f, int k, double *shift, double *factor)
{
	const uint32_t *order = load->rows->fitted;
	size_t n = load->rows->n_fitted;
	double sum = 0;
	double squares = 0;
	double min = INFINITY;
	double max = -INFINITY;

	*shift = 0;
	*factor = 1;
	if (load->spec->encoding == ADV_ENCODING_ORDINAL)
		return;
	for (size_t i = 0; i < n; i++)
	{
		double x = raw_number(load, order[i], f, k);

		sum += x;
		min = Min(min, x);
		max = Max(max, x);
	}
	if (load->spec->encoding == ADV_ENCODING_MINMAX)
	{
		*shift = min;
		if (max > min && isfinite(1 / (max - min)))
			*factor = 1 / (max - min);
		return;
	}
	*shift = sum / n;
	for (size_t i = 0; i < n; i++)
	{
		double d = raw_number(load, order[i], f, k) - *shift;

		squares += d * d;
	}
	/* a constant column may leave a rounding error, which is no spread */
	if (max > min && squares > 0 && isfinite(1 / sqrt(squares / n)))
		*factor = 1 / sqrt(squares / n);
	if (!isfinite(*shift))
		ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				errmsg("the mean of column \"%s\" is too large", f->column.name));
}

static int
compare_texts(const void *a, const void *b)
{
	return adv_text_compare(*(const AdvText *) a, *(const AdvText *) b);
}

static void
fit_categories(Feature *f, AdvColumn *column)
{
	column->n_values = f->categories.n;
	column->values = palloc_extended(sizeof(AdvText) * column->n_values, MCXT_ALLOC_HUGE);
	memcpy(column->values, f->categories.texts, sizeof(AdvText) * column->n_values);
	qsort(column->values, column->n_values, sizeof(AdvText), compare_texts);
}

/* The encoder of the staged rows. */
static AdvEncoder *
fit_encoder(Load *load)
{
	AdvEncoder *encoder = palloc0(sizeof(AdvEncoder));
	size_t inputs;

	encoder->encoding = load->spec->encoding;
	encoder->unseen = load->spec->unseen;
	encoder->n_columns = load->n_features;
	encoder->columns = palloc0(sizeof(AdvColumn) * load->n_features);
	for (int i = 0; i < load->n_features; i++)
	{
		Feature *f = &load->features[i];
		AdvColumn *column = &encoder->columns[i];

		column->name = advpg_cstring_text(f->column.name);
		column->kind = f->column.reader.kind;
		column->length = f->length;
		if (column->kind == ADV_COLUMN_CATEGORY)
		{
			fit_categories(f, column);
			continue;
		}
		column->shift = palloc_extended(sizeof(double) * f->length, MCXT_ALLOC_HUGE);
		column->factor = palloc_extended(sizeof(double) * f->length, MCXT_ALLOC_HUGE);
		for (int k = 0; k < f->length; k++)
			fit_number(load, f, k, &column->shift[k], &column->factor[k]);
	}
	inputs = adv_encoder_inputs(encoder);
	if (inputs > ADV_MAX_INPUTS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("features encode to %zu inputs, but at most %d are possible", inputs, ADV_MAX_INPUTS),
				errhint("Exclude text columns with many distinct values, or use encoding => 'ordinal'."));
	encoder->shape = (AdvShape){inputs, 1, 1};
	return encoder;
}

/* Encode what was staged, giving each block of raw values back as soon as it is done. */
static void
encode_staged(Load *load)
{
	size_t row = 0;
	ListCell *cell;

	foreach (cell, load->blocks)
	{
		unsigned char *raw = lfirst(cell);

		for (size_t i = 0; i < load->rows_per_block && row < load->rows->n;
			 i++, row++, raw += load->raw_bytes)
		{
			unsigned char *stored = next_stored(load);

			CHECK_FOR_INTERRUPTS();
			for (int c = 0; c < load->n_features; c++)
			{
				Feature *f = &load->features[c];
				unsigned char *place = raw + f->raw_offset;
				AdvValue value = {0};
				AdvError err;

				value.length = f->length;
				if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
					value.text = f->categories.texts[*(int32_t *) place];
				else if (f->column.reader.kind == ADV_COLUMN_ARRAY)
					value.array = (float *) place;
				else
					value.number = *(double *) place;
				if (adv_encoder_store(load->encoder, c, &value, stored + f->stored_offset, &err) != ADV_OK)
					advpg_raise(&err, NULL);
			}
		}
		pfree(lfirst(cell));
	}
}

/* ---- receiving ---- */

static void
grow_arrays(Load *load)
{
	AdvpgRows *rows = load->rows;
	size_t max = load->max_rows ? load->max_rows * 2 : 1024;

#define GROW(array)                                                                                          \
	(array) = load->max_rows ? repalloc_huge((array), sizeof(*(array)) * max)                                \
							 : MemoryContextAllocHuge(load->context, sizeof(*(array)) * max)
	if (load->label.place >= 0)
		GROW(rows->label);
	if (load->spec->want_ids)
		GROW(rows->id);
	if (load->attribute.place >= 0)
		GROW(rows->attribute);
	GROW(rows->key);
	GROW(rows->content);
#undef GROW
	load->max_rows = max;
}

/* Class code of a row's label, -1 for NULL where no label is needed; new labels get codes after the known ones. */
static int32_t
read_label(Load *load, TupleTableSlot *slot, uint64 *hash)
{
	AdvpgDictionary *labels = &load->rows->labels;
	Datum datum = slot->tts_values[load->label.place];
	AdvText text;
	int code;
	bool added;

	if (slot->tts_isnull[load->label.place])
	{
		if (load->spec->label_required)
			raise_null(load, slot, load->label.name, "Leave rows without a label out with a WHERE clause.");
		return -1;
	}
	text = advpg_read_text(&load->label.reader, datum);
	*hash = hash_bytes_extended((const unsigned char *) text.data, text.len, *hash);
	code = advpg_dictionary_add(labels, text, &added);
	if (added && !load->spec->encoder)
	{
		int16 len;
		bool byval;
		MemoryContext old;

		if (labels->n > ADV_MAX_CLASSES)
			ereport(
				ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("label column \"%s\" has more than %d classes", load->label.name, ADV_MAX_CLASSES));
		if (text.len > ADV_MAX_NAME)
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("%s: label in column \"%s\" has %u bytes, but a class name has at most %d",
						   row_name(load, slot), load->label.name, text.len, ADV_MAX_NAME));
		old = MemoryContextSwitchTo(load->context);
		get_typlenbyval(load->label_type, &len, &byval);
		if (code % 64 == 0)
			load->label_values =
				code ? repalloc(load->label_values, sizeof(Datum) * (code + 64)) : palloc(sizeof(Datum) * 64);
		load->label_values[code] = datumCopy(datum, byval, len);
		MemoryContextSwitchTo(old);
	}
	return code;
}

/* Features of a row as values, and their hash; false when the row is to be left out. */
static bool
read_features(Load *load, TupleTableSlot *slot, AdvValue *values, uint64 *hash)
{
	for (int i = 0; i < load->n_features; i++)
	{
		Column *c = &load->features[i].column;

		if (slot->tts_isnull[c->place])
		{
			if (load->spec->drop_missing)
				return false;
			raise_null(load, slot, c->name, DROP_HINT);
		}
	}
	for (int i = 0; i < load->n_features; i++)
	{
		Column *c = &load->features[i].column;
		AdvValue *v = &values[i];

		memset(v, 0, sizeof(*v));
		if (!advpg_read_value(&c->reader, slot->tts_values[c->place], v))
		{
			if (load->spec->drop_missing)
				return false;
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s: array in column \"%s\" has a NULL element", row_name(load, slot), c->name),
					errhint(DROP_HINT));
		}
		switch (c->reader.kind)
		{
			case ADV_COLUMN_NUMBER:
				*hash = hash_bytes_extended((const unsigned char *) &v->number, sizeof(double), *hash);
				break;
			case ADV_COLUMN_CATEGORY:
				*hash = hash_bytes_extended((const unsigned char *) v->text.data, v->text.len, *hash);
				break;
			case ADV_COLUMN_ARRAY:
				*hash = adv_hash(v->array, sizeof(float) * v->length, *hash);
				break;
			case ADV_COLUMN_IMAGE:
				*hash = adv_hash(v->bytes, v->length, *hash);
				break;
		}
	}
	return true;
}

static void
store_row(Load *load, TupleTableSlot *slot, const AdvValue *values)
{
	unsigned char *stored = next_stored(load);

	for (int i = 0; i < load->n_features; i++)
	{
		AdvError err;

		if (adv_encoder_store(load->encoder, i, &values[i], stored + load->features[i].stored_offset, &err) !=
			ADV_OK)
			raise_for_row(load, slot, &err);
	}
}

static void
read_id(Load *load, TupleTableSlot *slot, uint64 content)
{
	AdvpgRows *rows = load->rows;
	Datum datum;
	AdvText text;

	rows->key[rows->n] = content;
	if (load->id.place < 0)
	{
		if (load->spec->want_ids)
			rows->id[rows->n] = Int64GetDatum(load->seen);
		return;
	}
	if (slot->tts_isnull[load->id.place])
		raise_null(load, slot, load->id.name,
				   "An id must tell rows apart; name another column, or replace the NULL in a query.");
	datum = slot->tts_values[load->id.place];
	text = advpg_read_text(&load->id.reader, datum);
	rows->key[rows->n] = hash_bytes_extended((const unsigned char *) text.data, text.len, 0);
	if (load->spec->want_ids)
	{
		MemoryContext old = MemoryContextSwitchTo(load->context);

		rows->id[rows->n] = datumCopy(datum, load->id_byval, load->id_len);
		MemoryContextSwitchTo(old);
	}
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Load *load = (Load *) self;
	AdvpgRows *rows = load->rows;
	MemoryContext old = MemoryContextSwitchTo(load->row_context);
	AdvValue *values = palloc(sizeof(AdvValue) * load->n_features);
	uint64 hash = 0;

	load->seen++;
	slot_getallattrs(slot);
	if (!read_features(load, slot, values, &hash))
		rows->dropped++;
	else
	{
		if (rows->n >= PG_UINT32_MAX)
			ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("data has more than %u rows", PG_UINT32_MAX));
		if (rows->n == load->max_rows)
			grow_arrays(load);
		if (load->label.place >= 0)
			rows->label[rows->n] = read_label(load, slot, &hash);
		if (load->attribute.place >= 0)
			rows->attribute[rows->n] =
				slot->tts_isnull[load->attribute.place]
					? -1
					: advpg_dictionary_add(
						  &rows->attributes,
						  advpg_read_text(&load->attribute.reader, slot->tts_values[load->attribute.place]),
						  NULL);
		read_id(load, slot, hash);
		rows->content[rows->n] = hash;
		if (load->encoder)
			store_row(load, slot, values);
		else
			stage_row(load, slot, values);
		rows->n++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(load->row_context);
	return true;
}

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receiver_end(DestReceiver *self)
{
}

/* ---- choosing columns ---- */

static char *
column_list(TupleDesc desc)
{
	StringInfoData names;
	int listed = 0;

	initStringInfo(&names);
	for (int i = 0; i < desc->natts && listed <= MAX_LISTED; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "",
							 ++listed > MAX_LISTED ? "and more" : NameStr(TupleDescAttr(desc, i)->attname));
	return names.data;
}

static void
undefined_column(Load *load, const char *name)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
			errmsg("column \"%s\" does not exist in data \"%s\"", name, load->source->name),
			load->source->desc->natts > 0 ? errhint("Its columns are %s.", column_list(load->source->desc))
										  : 0);
}

/* Add a column to the SELECT list; missing columns are an error. Returns its type. */
static Oid
choose(Load *load, Column *column, const char *name, StringInfo select, int *place)
{
	int attno = advpg_find_column(load->source->desc, name);
	Oid type;

	if (attno == 0)
		undefined_column(load, name);
	type = TupleDescAttr(load->source->desc, attno - 1)->atttypid;
	column->name = pstrdup(name);
	column->place = (*place)++;
	advpg_reader_init(&column->reader, type);
	appendStringInfo(select, "%s data.%s", column->place ? "," : "SELECT", quote_identifier(name));
	return type;
}

static bool
is_listed(List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

static void
check_listed_exist(Load *load, List *names)
{
	ListCell *cell;

	foreach (cell, names)
		if (advpg_find_column(load->source->desc, lfirst(cell)) == 0)
			undefined_column(load, lfirst(cell));
}

/* Names of the features: the encoder's columns, those listed, or all that are left. */
static List *
feature_names(Load *load)
{
	const AdvpgRowsSpec *spec = load->spec;
	TupleDesc desc = load->source->desc;
	List *names = NIL;

	if (spec->encoder)
	{
		for (int i = 0; i < spec->encoder->n_columns; i++)
			names = lappend(names, advpg_text_cstring(spec->encoder->columns[i].name));
		return names;
	}
	check_listed_exist(load, spec->features);
	check_listed_exist(load, spec->exclude);
	for (int i = 0; i < list_length(spec->features); i++)
	{
		const char *name = list_nth(spec->features, i);

		if (strcmp(name, spec->label) == 0)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("column \"%s\" cannot be both label and feature", name));
		if (is_listed(names, name))
			ereport(ERROR, errcode(ERRCODE_DUPLICATE_COLUMN), errmsg("feature \"%s\" is listed twice", name));
		if (!is_listed(spec->exclude, name))
			names = lappend(names, pstrdup(name));
	}
	for (int i = 0; spec->features == NIL && i < desc->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(desc, i)->attname);

		if (!TupleDescAttr(desc, i)->attisdropped && strcmp(name, spec->label) != 0 &&
			!(load->id.name && strcmp(name, load->id.name) == 0) && !is_listed(spec->exclude, name))
			names = lappend(names, pstrdup(name));
	}
	if (names == NIL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("data \"%s\" has no column left to be a feature", load->source->name));
	if (list_length(names) > ADV_MAX_COLUMNS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("more than %d features", ADV_MAX_COLUMNS));
	return names;
}

/* Each feature's type must be one that can be a feature, and the one the encoder was fitted to. */
static void
check_feature(Load *load, const Feature *f, int i, Oid type)
{
	int kind = f->column.reader.kind;

	if (kind == 0)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of type %s cannot be a feature", f->column.name, format_type_be(type)),
				errhint("Exclude it, or cast it to a number or to text in a query."));
	if (load->spec->encoder && load->spec->encoder->columns[i].kind != kind)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" of type %s is %s, but the model was trained on %s", f->column.name,
					   format_type_be(type), advpg_kind_name(kind),
					   advpg_kind_name(load->spec->encoder->columns[i].kind)));
	if (kind == ADV_COLUMN_IMAGE && load->n_features > 1)
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("image column \"%s\" cannot be combined with other features", f->column.name),
				errhint("List it alone in features."));
	if (load->spec->encoder)
		return;
	if (kind == ADV_COLUMN_IMAGE && load->spec->input_shape.c == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("image column \"%s\" needs input_shape", f->column.name),
				errhint("Give channels, height and width, as in input_shape => '{3,32,32}'."));
	if (kind != ADV_COLUMN_IMAGE && load->spec->input_shape.c > 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("input_shape is for an image column, but column \"%s\" has type %s", f->column.name,
					   format_type_be(type)),
				errhint("List the image column alone in features, or leave input_shape out."));
}

/* Images have nothing to fit: their encoder is known before the first row. */
static AdvEncoder *
image_encoder(Load *load)
{
	AdvShape shape = load->spec->input_shape;
	AdvEncoder *encoder = palloc0(sizeof(AdvEncoder));

	if ((double) shape.c * shape.h * shape.w > ADV_MAX_INPUTS)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("input_shape gives %.0f inputs, but at most %d are possible",
					   (double) shape.c * shape.h * shape.w, ADV_MAX_INPUTS));
	encoder->encoding = load->spec->encoding;
	encoder->unseen = load->spec->unseen;
	encoder->shape = shape;
	encoder->n_columns = 1;
	encoder->columns = palloc0(sizeof(AdvColumn));
	encoder->columns[0].name = advpg_cstring_text(load->features[0].column.name);
	encoder->columns[0].kind = ADV_COLUMN_IMAGE;
	encoder->columns[0].length = adv_shape_size(shape);
	return encoder;
}

/* Have the ids cast to the type that was asked for. */
static void
cast_id(Load *load, const char *name, StringInfo select)
{
	const AdvpgRowsSpec *spec = load->spec;

	if (!can_coerce_type(1, &load->id_type, &spec->id_type, COERCION_ASSIGNMENT))
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("id column \"%s\" has type %s, which cannot be returned as %s", name,
					   format_type_be(load->id_type), format_type_be(spec->id_type)),
				errhint("Pass key => NULL::%s.", format_type_be(load->id_type)));
	if (load->id_type != spec->id_type)
	{
		/* not format_type_be: its "character" would be of length 1 */
		appendStringInfo(
			select, "::%s",
			format_type_extended(spec->id_type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
		load->id_type = spec->id_type;
		advpg_reader_init(&load->id.reader, load->id_type);
	}
}

static void
choose_id(Load *load, StringInfo select, int *place)
{
	const AdvpgRowsSpec *spec = load->spec;
	const char *name = spec->id;
	bool own_type = spec->id_type == ANYELEMENTOID;

	/* with a fitted encoder the name comes from the model: other data may have another id, or none */
	if (name == NULL || (spec->encoder && advpg_find_column(load->source->desc, name) == 0))
		name = load->source->primary_key;
	load->id_type = INT8OID;
	if (name == NULL)
	{
		if (spec->want_ids && spec->id_type != INT8OID && !own_type)
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("ids of data \"%s\" are row numbers of type bigint, not %s", load->source->name,
						   format_type_be(spec->id_type)),
					errhint("Only a relation with a primary key of one column has ids of its own."));
		return;
	}
	load->id_type = choose(load, &load->id, name, select, place);
	load->rows->id_name = load->id.name;
	if (!spec->want_ids)
		return;
	if (!own_type)
		cast_id(load, name, select);
	get_typlenbyval(load->id_type, &load->id_len, &load->id_byval);
}

static AdvpgDomain
domain_of(const AdvpgReader *reader)
{
	Oid type = OidIsValid(reader->element) ? reader->element : reader->base;

	if (type == BOOLOID)
		return ADVPG_DOMAIN_BOOLEAN;
	return type == INT2OID || type == INT4OID || type == INT8OID ? ADVPG_DOMAIN_INTEGER : ADVPG_DOMAIN_REAL;
}

/* Decide on all columns, and write the query that reads them. */
static char *
choose_columns(Load *load)
{
	const AdvpgRowsSpec *spec = load->spec;
	StringInfoData select;
	int place = 0;
	List *names;
	bool has_image = false;

	initStringInfo(&select);
	load->label.place = load->id.place = load->attribute.place = -1;
	if (spec->label && (spec->label_required || advpg_find_column(load->source->desc, spec->label)))
		load->label_type = choose(load, &load->label, spec->label, &select, &place);
	choose_id(load, &select, &place);
	load->rows->id_type = load->id_type;
	if (spec->attribute)
		(void) choose(load, &load->attribute, spec->attribute, &select, &place);
	names = feature_names(load);
	load->n_features = list_length(names);
	load->features = palloc0(sizeof(Feature) * load->n_features);
	load->rows->domain = palloc0(sizeof(uint8) * load->n_features);
	for (int i = 0; i < load->n_features; i++)
	{
		Feature *f = &load->features[i];
		Oid type = choose(load, &f->column, list_nth(names, i), &select, &place);

		if (strlen(f->column.name) > ADV_MAX_NAME)
			elog(ERROR, "column name too long");
		check_feature(load, f, i, type);
		advpg_dictionary_init(&f->categories, load->context);
		load->rows->domain[i] = domain_of(&f->column.reader);
		has_image |= f->column.reader.kind == ADV_COLUMN_IMAGE;
	}
	if (spec->encoder)
		set_encoder(load, unconstify(AdvEncoder *, spec->encoder));
	else if (has_image)
		set_encoder(load, image_encoder(load));
	appendStringInfo(&select, " FROM %s", load->source->from);
	return select.data;
}

/* ---- after the last row ---- */

typedef struct LabelOrder
{
	TypeCacheEntry *type;
	AdvpgDictionary *labels;
	Datum *values;
} LabelOrder;

/*
 * Classes are ordered by their type (text: bytes), not by their text: 2 comes before 10, enums in their own order. Texts of equal
 * values (numeric 1.0 and 1.00) are classes of their own.
 */
static int
compare_labels(const void *a, const void *b, void *arg)
{
	LabelOrder *order = arg;
	int x = *(const int *) a;
	int y = *(const int *) b;
	int result = 0;

	if (OidIsValid(order->type->cmp_proc_finfo.fn_oid))
		result = DatumGetInt32(FunctionCall2Coll(&order->type->cmp_proc_finfo, C_COLLATION_OID,
												 order->values[x], order->values[y]));
	return result != 0 ? result : adv_text_compare(order->labels->texts[x], order->labels->texts[y]);
}

static void
order_classes(Load *load)
{
	AdvpgRows *rows = load->rows;
	AdvpgDictionary *labels = &rows->labels;
	LabelOrder order = {lookup_type_cache(load->label_type, TYPECACHE_CMP_PROC_FINFO), labels,
						load->label_values};
	int *place = palloc(sizeof(int) * (labels->n + 1));
	int *code = palloc(sizeof(int) * (labels->n + 1));
	AdvpgDictionary sorted;

	if (labels->n < 2)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				rows->n == 0 ? errmsg("data \"%s\" has no rows", rows->source)
							 : errmsg("label column \"%s\" of data \"%s\" has only one class, \"%s\"",
									  load->label.name, rows->source, advpg_text_cstring(labels->texts[0])),
				rows->n == 0 && rows->dropped > 0
					? errdetail("%zu rows were left out because a feature is NULL.", rows->dropped)
					: 0);
	for (int i = 0; i < labels->n; i++)
		place[i] = i;
	qsort_arg(place, labels->n, sizeof(int), compare_labels, &order);
	advpg_dictionary_init(&sorted, load->context);
	for (int i = 0; i < labels->n; i++)
		code[place[i]] = advpg_dictionary_add(&sorted, labels->texts[place[i]], NULL);
	for (size_t i = 0; i < rows->n; i++)
		rows->label[i] = code[rows->label[i]];
	*labels = sorted;
	rows->n_classes = sorted.n;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const AdvpgRows *rows = arg;
	uint32_t x = *(const uint32_t *) a;
	uint32_t y = *(const uint32_t *) b;

	if (rows->key[x] != rows->key[y])
		return rows->key[x] < rows->key[y] ? -1 : 1;
	if (rows->content[x] != rows->content[y])
		return rows->content[x] < rows->content[y] ? -1 : 1;
	return 0;
}

/* Order rows by key, and make the keys of rows that share one distinct, unless they shall stay as they are. */
static void
order_rows(AdvpgRows *rows, bool shared_keys)
{
	uint32_t *order = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	uint64_t previous = 0;
	uint64_t copies = 0;

	for (size_t i = 0; i < rows->n; i++)
		order[i] = i;
	qsort_arg(order, rows->n, sizeof(uint32_t), compare_rows, rows);
	for (size_t i = 0; i < rows->n && !shared_keys; i++)
	{
		uint64_t *key = &rows->key[order[i]];

		copies = i > 0 && *key == previous ? copies + 1 : 0;
		previous = *key;
		if (copies > 0)
			*key = hash_combine64(*key, copies);
	}
	rows->canonical = order;
}

typedef struct Draw
{
	uint64_t value;
	uint32_t row;
} Draw;

static int
compare_draws(const void *a, const void *b)
{
	const Draw *x = a;
	const Draw *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

uint32_t *
advpg_rows_draw(const AdvpgRows *rows, const uint32_t *listed, size_t n, uint64 seed, AdvPurpose purpose)
{
	Draw *draws = palloc_extended(sizeof(Draw) * (n + 1), MCXT_ALLOC_HUGE);
	uint32_t *drawn = palloc_extended(sizeof(uint32_t) * (n + 1), MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < n; i++)
		draws[i] = (Draw){adv_random64(seed, purpose, rows->key[listed[i]], 0), listed[i]};
	qsort(draws, n, sizeof(Draw), compare_draws);
	for (size_t i = 0; i < n; i++)
		drawn[i] = draws[i].row;
	pfree(draws);
	return drawn;
}

/* Hold out rows; each one's fate follows from its key alone. */
static void
split_rows(AdvpgRows *rows, const AdvpgRowsSpec *spec)
{
	rows->fitted = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	rows->held = palloc_extended(sizeof(uint32_t) * (rows->n + 1), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < rows->n; i++)
	{
		uint32_t row = rows->canonical[i];

		if (spec->held_out > 0 &&
			adv_uniform(spec->seed, ADV_FOR_VALIDATION, rows->key[row], 0) < spec->held_out)
			rows->held[rows->n_held++] = row;
		else
			rows->fitted[rows->n_fitted++] = row;
	}
	if (spec->held_out > 0 && (rows->n_held == 0 || rows->n_fitted == 0))
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("validation fraction %g leaves %zu rows for training and %zu for validation",
				   spec->held_out, rows->n_fitted, rows->n_held),
			errhint(
				"Choose another validation fraction, or give a relation or query of validation rows. Method "
				"fast watches a fraction of 0.02 unless validation says otherwise."));
}

/* Run the query read-only; a failure ends the transaction or subtransaction, which restores XactReadOnly. */
static void
run_query(Load *load, const char *query)
{
	SPIExecuteOptions options = {0};
	bool read_only = XactReadOnly;
	int result;

	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = &load->receiver;
	XactReadOnly = true;
	result = SPI_execute_extended(query, &options);
	MemoryContextSwitchTo(load->context); /* SPI leaves its own */
	XactReadOnly = read_only;
	if (result < 0)
		elog(ERROR, "could not run data query: %s", SPI_result_code_string(result));
}

AdvpgRows *
advpg_rows_read(const AdvpgRowsSpec *spec)
{
	AdvpgRows *rows = palloc0(sizeof(AdvpgRows));
	Load load = {0};
	char *query;

	load.receiver.receiveSlot = receive_row;
	load.receiver.rStartup = receiver_startup;
	load.receiver.rShutdown = receiver_end;
	load.receiver.rDestroy = receiver_end;
	load.receiver.mydest = DestNone;
	load.spec = spec;
	load.rows = rows;
	load.context = CurrentMemoryContext;
	load.row_context = AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	load.source = advpg_source_open(spec->data);
	rows->source = load.source->name;
	advpg_dictionary_init(&rows->labels, load.context);
	advpg_dictionary_init(&rows->attributes, load.context);
	for (int i = 0; i < spec->n_classes; i++)
		(void) advpg_dictionary_add(&rows->labels, spec->classes[i], NULL);
	rows->n_classes = spec->n_classes;

	query = choose_columns(&load);
	run_query(&load, query);

	if (!spec->encoder)
		order_classes(&load);
	if (!spec->encoder || spec->want_order)
		order_rows(rows, spec->shared_keys);
	if (!spec->encoder || spec->split)
		split_rows(rows, spec);
	if (!load.encoder)
	{
		set_encoder(&load, fit_encoder(&load));
		encode_staged(&load);
	}
	flush_chunk(&load);
	if (load.buffer)
		pfree(load.buffer);
	MemoryContextDelete(load.row_context);
	if (rows->dropped > 0)
		ereport(NOTICE, errmsg_plural("left out %zu row of data \"%s\" in which a feature is NULL",
									  "left out %zu rows of data \"%s\" in which a feature is NULL",
									  rows->dropped, rows->dropped, rows->source));
	return rows;
}

AdvDataset
advpg_rows_dataset(const AdvpgRows *rows)
{
	AdvDataset data = {0};
	const unsigned char **chunks = palloc(sizeof(*chunks) * (rows->n_chunks + 1));

	for (int i = 0; i < rows->n_chunks; i++)
		chunks[i] = dsm_segment_address(rows->segments[i]);
	data.layout = rows->layout;
	data.n_rows = rows->n;
	data.rows_per_chunk = rows->rows_per_chunk;
	data.chunks = chunks;
	data.label = rows->label;
	return data;
}

char *
advpg_rows_digest(const AdvpgRows *rows)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *text = palloc(2 * sizeof(digest) + 1);
	bool ok = ctx && pg_cryptohash_init(ctx) >= 0;

	for (size_t i = 0; ok && i < rows->n; i++)
	{
		uint32_t row = rows->canonical[i];
		uint64_t pair[2] = {rows->key[row], rows->content[row]};

		ok = pg_cryptohash_update(ctx, (const uint8 *) pair, sizeof(pair)) >= 0;
	}
	if (!ok || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(ctx);
	text[hex_encode((const char *) digest, sizeof(digest), text)] = '\0';
	return text;
}

AdvpgRows *
advpg_rows_floats(size_t n, AdvShape shape)
{
	AdvpgRows *rows = palloc0(sizeof(AdvpgRows));
	AdvField *field = palloc(sizeof(AdvField));

	field->kind = ADV_FIELD_FLOAT;
	field->count = adv_shape_size(shape);
	rows->n = n;
	rows->layout.fields = field;
	rows->layout.n_fields = 1;
	rows->layout.shape = shape;
	rows->layout.row_bytes = adv_layout_row_bytes(field, 1);
	rows->rows_per_chunk = rows_per_chunk(rows->layout.row_bytes);
	rows->bytes = mul_size(n, rows->layout.row_bytes);
	advpg_check_memory(rows->bytes, "the adversarial examples");
	rows->segments = palloc(sizeof(dsm_segment *) * (n / rows->rows_per_chunk + 1));
	for (size_t first = 0; first < n; first += rows->rows_per_chunk)
		rows->segments[rows->n_chunks++] =
			advpg_segment_create(Min(n - first, rows->rows_per_chunk) * rows->layout.row_bytes);
	return rows;
}

/* Move the listed elements of an array to its front; the list is in any order, so by way of a copy. */
static void
pick(void *array, size_t size, const uint32_t *listed, size_t n)
{
	char *copy;

	if (array == NULL)
		return;
	copy = palloc_extended(n * size + 1, MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < n; i++)
		memcpy(copy + i * size, (char *) array + listed[i] * size, size);
	memcpy(array, copy, n * size);
	pfree(copy);
}

void
advpg_rows_keep_held(AdvpgRows *rows)
{
	size_t n = rows->n_held;
	size_t row_bytes = rows->layout.row_bytes;
	AdvDataset all = advpg_rows_dataset(rows);
	int n_segments = 0;
	dsm_segment **segments =
		palloc_extended(sizeof(dsm_segment *) * (n / rows->rows_per_chunk + 1), MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < n; i++)
	{
		size_t place = i % rows->rows_per_chunk;

		if (place == 0)
			segments[n_segments++] = advpg_segment_create(Min(n - i, rows->rows_per_chunk) * row_bytes);
		memcpy((char *) dsm_segment_address(segments[n_segments - 1]) + place * row_bytes,
			   adv_dataset_row(&all, rows->held[i]), row_bytes);
	}
	pick(rows->label, sizeof(int32_t), rows->held, n);
	pick(rows->key, sizeof(uint64_t), rows->held, n);
	pick(rows->content, sizeof(uint64_t), rows->held, n);
	pick(rows->id, sizeof(Datum), rows->held, n);
	pick(rows->attribute, sizeof(int32_t), rows->held, n);
	advpg_rows_release(rows);
	rows->segments = segments;
	rows->n_chunks = n_segments;
	rows->bytes = n * row_bytes;
	rows->n = n;
	rows->n_fitted = rows->n_held = 0;
	for (size_t i = 0; i < n; i++)
		rows->canonical[i] = i;
}

static unsigned char *
stored_field(const AdvpgRows *rows, int column, size_t row)
{
	unsigned char *chunk = dsm_segment_address(rows->segments[row / rows->rows_per_chunk]);

	return chunk + (row % rows->rows_per_chunk) * rows->layout.row_bytes +
		   adv_layout_row_bytes(rows->layout.fields, column);
}

void
advpg_rows_get_field(const AdvpgRows *rows, int column, size_t row, void *field)
{
	memcpy(field, stored_field(rows, column, row), adv_layout_row_bytes(&rows->layout.fields[column], 1));
}

void
advpg_rows_fill_field(AdvpgRows *rows, int column, const void *field)
{
	size_t bytes = adv_layout_row_bytes(&rows->layout.fields[column], 1);

	for (size_t row = 0; row < rows->n; row++)
		memcpy(stored_field(rows, column, row), field, bytes);
}

void
advpg_rows_release(AdvpgRows *rows)
{
	for (int i = 0; i < rows->n_chunks; i++)
		dsm_detach(rows->segments[i]);
	rows->n_chunks = 0;
}
