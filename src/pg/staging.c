/*
 * staging.c
 *		Raw values kept in private memory until all rows have been seen, the encoder fitted to them, and their encoding.
 */
#include "pg/load.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "pg/advpg.h"

#define BLOCK_BYTES (1024 * 1024) /* of staged raw values */
#define MANY_ROWS   100           /* of fewer, no two may be alike by chance */

/* The first row tells how long arrays are, and so how long a staged row is. */
static void
lay_out_raw(AdvpgLoad *load, TupleTableSlot *slot, const AdvValue *values)
{
	size_t offset = 0;

	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgFeature *f = &load->features[i];
		size_t bytes = sizeof(double);

		f->length = 1;
		if (f->column.reader.kind == ADV_COLUMN_ARRAY)
		{
			if (values[i].length < 1 || values[i].length > ADV_MAX_INPUTS)
				ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("%s: array in column \"%s\" has %zu values, but between 1 and %d are expected",
							   advpg_load_row_name(load, slot), f->column.name, values[i].length,
							   ADV_MAX_INPUTS));
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
raw_row(AdvpgLoad *load, size_t row)
{
	return (unsigned char *) list_nth(load->blocks, row / load->rows_per_block) +
		   (row % load->rows_per_block) * load->raw_bytes;
}

void
advpg_stage_row(AdvpgLoad *load, TupleTableSlot *slot, const AdvValue *values)
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
		AdvpgFeature *f = &load->features[i];
		unsigned char *place = raw + f->raw_offset;
		AdvError err;

		switch (f->column.reader.kind)
		{
			case ADV_COLUMN_NUMBER:
				if (!isfinite(values[i].number))
				{
					adv_fail(&err, ADV_DATA, "column \"%s\" is %s", f->column.name,
							 isnan(values[i].number) ? "NaN" : "infinite");
					advpg_load_raise(load, slot, &err);
				}
				*(double *) place = values[i].number;
				break;
			case ADV_COLUMN_CATEGORY:
				*(int32_t *) place = advpg_dictionary_add(&f->images, values[i].text, NULL);
				break;
			case ADV_COLUMN_ARRAY:
				if (values[i].length != (size_t) f->length)
				{
					adv_fail(&err, ADV_DATA, "array in column \"%s\" has %zu values, but %d are expected",
							 f->column.name, values[i].length, f->length);
					advpg_load_raise(load, slot, &err);
				}
				for (int k = 0; k < f->length; k++)
					if (!isfinite(values[i].array[k]))
					{
						adv_fail(&err, ADV_DATA, "column \"%s\" is %s at position %d", f->column.name,
								 isnan(values[i].array[k]) ? "NaN" : "infinite", k + 1);
						advpg_load_raise(load, slot, &err);
					}
				memcpy(place, values[i].array, sizeof(float) * f->length);
				break;
		}
	}
}

/* One number of a staged row: element k of feature f. */
static double
raw_number(AdvpgLoad *load, size_t row, const AdvpgFeature *f, int k)
{
	unsigned char *place = raw_row(load, row) + f->raw_offset;

	return f->column.reader.kind == ADV_COLUMN_ARRAY ? ((float *) place)[k] : *(double *) place;
}

/*
 * Shift and factor of element k of a feature, over the rows that are not held out, in canonical order (so that sums round
 * the same way).
 */
static void
fit_number(AdvpgLoad *load, const AdvpgFeature *f, int k, double *shift, double *factor)
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
fit_categories(AdvpgLoad *load, AdvpgFeature *f, AdvColumn *column)
{
	advpg_dictionary_init(&f->categories, load->context);
	f->category = advpg_distinct_settle(&f->column.reader.value, &f->images, &f->categories, NULL);
	column->n_values = f->categories.n;
	column->values = palloc_extended(sizeof(AdvText) * column->n_values, MCXT_ALLOC_HUGE);
	memcpy(column->values, f->categories.texts, sizeof(AdvText) * column->n_values);
	qsort(column->values, column->n_values, sizeof(AdvText), compare_texts);
}

/* Whether a feature is a category or a whole number that no two rows share. */
static bool
tells_rows_apart(AdvpgLoad *load, const AdvpgFeature *f)
{
	HASHCTL control = {.keysize = sizeof(double), .entrysize = sizeof(double), .hcxt = load->context};
	HTAB *met;
	bool differs = true;

	if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
		return f->images.n == load->rows->n;
	if (f->column.reader.kind != ADV_COLUMN_NUMBER)
		return false;
	met = hash_create("advfair values", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (size_t i = 0; i < load->rows->n && differs; i++)
	{
		double x = raw_number(load, i, f, 0);
		bool found;

		CHECK_FOR_INTERRUPTS();
		(void) hash_search(met, &x, HASH_ENTER, &found);
		differs = !found && x == floor(x);
	}
	hash_destroy(met);
	return differs;
}

/* A feature that nobody listed and that tells rows apart is most likely a key: from it a model learns who is who, and nothing else. */
static void
point_out_keys(AdvpgLoad *load)
{
	for (int i = 0; i < load->n_features; i++)
		if (load->spec->features == NIL && load->rows->n >= MANY_ROWS &&
			tells_rows_apart(load, &load->features[i]))
			ereport(NOTICE,
					errmsg("feature \"%s\" has another value in each of the %zu rows of data \"%s\"",
						   load->features[i].column.name, load->rows->n, load->rows->source),
					errhint("If it is a key, name it by id, or leave it out by exclude."));
}

/* The encoder of the staged rows. */
AdvEncoder *
advpg_staged_fit(AdvpgLoad *load)
{
	AdvEncoder *encoder = palloc0(sizeof(AdvEncoder));
	size_t inputs;

	point_out_keys(load);
	encoder->encoding = load->spec->encoding;
	encoder->unseen = load->spec->unseen;
	encoder->n_columns = load->n_features;
	encoder->columns = palloc0(sizeof(AdvColumn) * load->n_features);
	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgFeature *f = &load->features[i];
		AdvColumn *column = &encoder->columns[i];

		column->name = advpg_cstring_text(f->column.name);
		column->kind = f->column.reader.kind;
		column->length = f->length;
		if (column->kind == ADV_COLUMN_CATEGORY)
		{
			fit_categories(load, f, column);
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
void
advpg_staged_encode(AdvpgLoad *load)
{
	size_t row = 0;
	ListCell *cell;

	foreach (cell, load->blocks)
	{
		unsigned char *raw = lfirst(cell);

		for (size_t i = 0; i < load->rows_per_block && row < load->rows->n;
			 i++, row++, raw += load->raw_bytes)
		{
			unsigned char *stored = advpg_load_next(load);

			CHECK_FOR_INTERRUPTS();
			for (int c = 0; c < load->n_features; c++)
			{
				AdvpgFeature *f = &load->features[c];
				unsigned char *place = raw + f->raw_offset;
				AdvValue value = {0};
				AdvError err;

				value.length = f->length;
				if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
					value.text = f->categories.texts[f->category[*(int32_t *) place]];
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
