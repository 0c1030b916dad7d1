/*
 * staging.c
 *		Raw values kept in private memory until all rows have been seen, the encoder fitted to them, and their encoding.
 */
#include "pg/data/load.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/base/advpg.h"
#include "pg/data/charset.h"
#include "pg/data/distinct.h"

#define BLOCK_BYTES (1024 * 1024) /* of staged raw values */
#define MOST_BLUR   0.01          /* of a standard deviation, that rounding may move a number */

/*
 * How an input's numbers are spread over the rows that are not held out. Sums are of (x - min) * unit, which lies in [0, 1]: so nothing
 * overflows or vanishes, and numbers far from zero lose nothing.
 */
typedef struct AdvpgSpread
{
	double min;
	double max;
	double blur;    /* the most that rounding moves one of them */
	double unit;    /* a power of two */
	double mean;    /* until all are known their sum */
	double squares; /* of distances to the mean */
} AdvpgSpread;

/* ---- staging ---- */

/* The first row tells how long arrays are, and so how long a staged row is. */
static void
lay_out_raw(AdvpgLoad *load, TupleTableSlot *slot, const AdvValue *values)
{
	size_t offset = 0;

	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgFeature *f = &load->features[i];
		Oid type = OidIsValid(f->column.reader.element) ? f->column.reader.element : f->column.reader.base;

		f->length = 1;
		if (f->column.reader.kind == ADV_COLUMN_ARRAY)
		{
			if (values[i].length < 1 || values[i].length > ADV_MAX_INPUTS)
				ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
						errmsg("%s: array in column \"%s\" has %zu values, but between 1 and %d are expected",
							   advpg_load_row_name(load, slot), f->column.name, values[i].length,
							   ADV_MAX_INPUTS));
			f->length = values[i].length;
		}
		f->single = type == FLOAT4OID;
		f->raw_offset = offset;
		offset += MAXALIGN((f->single ? sizeof(float) : sizeof(double)) * f->length);
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

/* A number of a staged row: element k of a feature. */
static inline double
raw_number(const AdvpgFeature *f, const unsigned char *place, int k)
{
	return f->single ? ((const float *) place)[k] : ((const double *) place)[k];
}

/* Keep the numbers of a feature once they are found to be fit for it. */
static void
stage_numbers(AdvpgLoad *load, TupleTableSlot *slot, const AdvpgFeature *f, const AdvValue *value,
			  unsigned char *place)
{
	AdvColumn column = {
		.name = advpg_cstring_text(f->column.name), .kind = f->column.reader.kind, .length = f->length};
	const double *numbers = column.kind == ADV_COLUMN_ARRAY ? value->array : &value->number;
	AdvError err;

	if (adv_value_check(load->spec->encoding, &column, value, &err) != ADV_OK)
		advpg_load_raise(load, slot, &err);
	for (int k = 0; k < f->length; k++)
		if (f->single)
			((float *) place)[k] = numbers[k];
		else
			((double *) place)[k] = numbers[k];
}

/* Decimals may differ though in double precision they do not; then a column looks constant. */
static void
look_for_differences(AdvpgLoad *load, AdvpgFeature *f, Datum datum, double number)
{
	if (f->column.reader.base != NUMERICOID || f->differences)
		return;
	if (load->rows->n == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(load->context);

		f->first = PointerGetDatum(DatumGetNumericCopy(datum));
		MemoryContextSwitchTo(old);
	}
	else if (number == raw_number(f, raw_row(load, 0) + f->raw_offset, 0))
		f->differences = DatumGetBool(DirectFunctionCall2(numeric_ne, datum, f->first));
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

		if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
			*(int32_t *) place = advpg_dictionary_add(&f->images, values[i].text, NULL);
		else
		{
			stage_numbers(load, slot, f, &values[i], place);
			look_for_differences(load, f, slot->tts_values[f->column.place], values[i].number);
		}
	}
}

/* ---- fitting ---- */

/*
 * Show each feature of each row that is not held out, row by row because that is how they lie in memory, in canonical order, so that
 * sums round the same way.
 */
static void
sweep(AdvpgLoad *load, void (*look)(const AdvpgLoad *, AdvpgFeature *, const unsigned char *))
{
	ADVPG_EACH (i, load->rows->n_fitted)
	{
		const unsigned char *raw = raw_row(load, load->rows->fitted[i]);

		for (int c = 0; c < load->n_features; c++)
			look(load, &load->features[c], raw + load->features[c].raw_offset);
	}
}

/* What rounding takes from a number: to single precision, where inputs are numbers as they are, or from numeric to double. */
static inline double
blur_of(const AdvpgLoad *load, const AdvpgFeature *f, double x)
{
	const AdvpgReader *reader = &f->column.reader;

	if (load->spec->encoding == ADV_ENCODING_ORDINAL)
		return fabs(x - (float) x);
	if ((reader->base == NUMERICOID || reader->element == NUMERICOID) && (x != rint(x) || fabs(x) > 0x1p53))
		return fabs(x) * 0x1p-53;
	return 0;
}

static void
look_at_range(const AdvpgLoad *load, AdvpgFeature *f, const unsigned char *place)
{
	if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
	{
		f->fitted[f->category[*(const int32_t *) place]] = true;
		return;
	}
	for (int k = 0; k < f->length; k++)
	{
		AdvpgSpread *s = &f->spreads[k];
		double x = raw_number(f, place, k);

		s->min = Min(s->min, x);
		s->max = Max(s->max, x);
		s->blur = Max(s->blur, blur_of(load, f, x));
	}
}

static void
add_up(const AdvpgLoad *load, AdvpgFeature *f, const unsigned char *place)
{
	for (int k = 0; f->spreads && k < f->length; k++)
	{
		AdvpgSpread *s = &f->spreads[k];

		s->mean += raw_number(f, place, k) * s->unit - s->min * s->unit;
	}
}

static void
add_squares(const AdvpgLoad *load, AdvpgFeature *f, const unsigned char *place)
{
	for (int k = 0; f->spreads && k < f->length; k++)
	{
		AdvpgSpread *s = &f->spreads[k];
		double d = raw_number(f, place, k) * s->unit - s->min * s->unit - s->mean;

		s->squares += d * d;
	}
}

static void
each_spread(AdvpgLoad *load, void (*change)(const AdvpgLoad *, AdvpgSpread *))
{
	for (int c = 0; c < load->n_features; c++)
		for (int k = 0; load->features[c].spreads && k < load->features[c].length; k++)
			change(load, &load->features[c].spreads[k]);
}

static void
begin_spread(const AdvpgLoad *load, AdvpgSpread *s)
{
	*s = (AdvpgSpread){.min = INFINITY, .max = -INFINITY};
}

static void
choose_unit(const AdvpgLoad *load, AdvpgSpread *s)
{
	int exponent;

	(void) frexp(s->max / 2 - s->min / 2, &exponent);
	s->unit = ldexp(1, -Max(exponent + 1, -1000));
}

static void
finish_mean(const AdvpgLoad *load, AdvpgSpread *s)
{
	s->mean /= load->rows->n_fitted;
}

static void
measure(AdvpgLoad *load)
{
	for (int c = 0; c < load->n_features; c++)
	{
		AdvpgFeature *f = &load->features[c];

		if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
		{
			advpg_dictionary_init(&f->categories, load->context);
			f->category = advpg_distinct_settle(&f->column.reader.value, &f->images, &f->categories, NULL);
			f->fitted = palloc_extended(sizeof(bool) * f->categories.n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		}
		else
			f->spreads = palloc_extended(sizeof(AdvpgSpread) * f->length, MCXT_ALLOC_HUGE);
	}
	each_spread(load, begin_spread);
	sweep(load, look_at_range);
	each_spread(load, choose_unit);
	sweep(load, add_up);
	each_spread(load, finish_mean);
	sweep(load, add_squares);
}

/* Say something about the spread of a column, or of an element of its arrays. */
static void
tell_spread(int level, const AdvpgFeature *f, int k, const char *what, const char *hint)
{
	const AdvpgSpread *s = &f->spreads[k];
	bool array = f->column.reader.kind == ADV_COLUMN_ARRAY;

	ereport(
		level, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
		errmsg("%scolumn \"%s\" %s", array ? psprintf("element %d of ", k + 1) : "", f->column.name, what),
		errdetail("Its values in training rows lie between %.17g and %.17g.", s->min, s->max),
		errhint("%s", hint));
}

/* Rounding must not hide how numbers differ. Decimals may differ in digits that mean nothing, so about these there is only a warning. */
static void
check_blur(const AdvpgLoad *load, const AdvpgFeature *f, int k, double sd)
{
	const AdvpgSpread *s = &f->spreads[k];
	bool constant = s->max == s->min;

	if (constant ? !f->differences : s->blur <= MOST_BLUR * sd)
		return;
	if (load->spec->encoding == ADV_ENCODING_ORDINAL)
		tell_spread(
			ERROR, f, k, "varies too little for single precision",
			"Use encoding standard or minmax, which round numbers once they are scaled, or subtract a "
			"number in a query.");
	tell_spread(WARNING, f, k, "varies too little for double precision", "Subtract a number in a query.");
}

/* Shift and factor of element k of a feature. A constant keeps its unit. */
static void
fit_number(const AdvpgLoad *load, const AdvpgFeature *f, int k, double *shift, double *factor)
{
	const AdvpgSpread *s = &f->spreads[k];
	bool minmax = load->spec->encoding == ADV_ENCODING_MINMAX;
	double sd = sqrt(s->squares / load->rows->n_fitted) / s->unit;

	check_blur(load, f, k, sd);
	*shift = 0;
	*factor = 1;
	if (load->spec->encoding == ADV_ENCODING_ORDINAL)
		return;
	*shift = minmax ? s->min : s->min + s->mean / s->unit;
	if (s->max > s->min)
		*factor = 1 / (minmax ? s->max - s->min : sd);
	if (!isnormal(*factor))
		tell_spread(ERROR, f, k, "cannot be scaled in double precision",
					"Bring it to another unit in a query, or take its logarithm.");
}

static void
fit_categories(const AdvpgFeature *f, AdvColumn *column)
{
	column->values = palloc_extended(sizeof(AdvText) * f->categories.n, MCXT_ALLOC_HUGE);
	for (int i = 0; i < f->categories.n; i++)
		if (f->fitted[i])
			column->values[column->n_values++] = f->categories.texts[i];
	advpg_sort_categories(column);
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
		double x = raw_number(f, raw_row(load, i) + f->raw_offset, 0);
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
		if (load->spec->features == NIL && load->rows->n >= ADVPG_MANY_ROWS &&
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
	measure(load);
	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgFeature *f = &load->features[i];
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

/* ---- encoding ---- */

/* A feature of a staged row as a value; numbers (length) is memory for an array. */
static AdvValue
staged_value(const AdvpgFeature *f, const unsigned char *place, double *numbers)
{
	AdvValue value = {.length = f->length};

	if (f->column.reader.kind == ADV_COLUMN_CATEGORY)
		value.text = f->categories.texts[f->category[*(const int32_t *) place]];
	else if (f->column.reader.kind == ADV_COLUMN_NUMBER)
		value.number = raw_number(f, place, 0);
	else
	{
		for (int k = 0; k < f->length; k++)
			numbers[k] = raw_number(f, place, k);
		value.array = numbers;
	}
	return value;
}

static void
encode_row(AdvpgLoad *load, size_t row, const unsigned char *raw, double *numbers)
{
	unsigned char *stored = advpg_load_next(load);

	for (int c = 0; c < load->n_features; c++)
	{
		AdvpgFeature *f = &load->features[c];
		AdvValue value = staged_value(f, raw + f->raw_offset, numbers);
		AdvError err;

		if (adv_encoder_store(load->encoder, c, &value, stored + f->stored_offset, &err) == ADV_OK)
			continue;
		if (f->fitted)
			adv_detail(&err, "Only rows held out for validation have it.");
		advpg_raise(&err, psprintf("%s: ", advpg_rows_name(load->rows, row)));
	}
}

/* Encode what was staged, giving each block of raw values back as soon as it is done. */
void
advpg_staged_encode(AdvpgLoad *load)
{
	size_t row = 0;
	int longest = 1;
	double *numbers;
	ListCell *cell;

	for (int c = 0; c < load->n_features; c++)
		longest = Max(longest, load->features[c].length);
	numbers = palloc_extended(sizeof(double) * longest, MCXT_ALLOC_HUGE);
	foreach (cell, load->blocks)
	{
		const unsigned char *raw = lfirst(cell);

		for (size_t i = 0; i < load->rows_per_block && row < load->rows->n; i++, row++)
		{
			CHECK_FOR_INTERRUPTS();
			encode_row(load, row, raw + i * load->raw_bytes, numbers);
		}
		pfree(lfirst(cell));
	}
	pfree(numbers);
}
