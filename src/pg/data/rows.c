/*
 * rows.c
 *		Rows of a relation or query, read with the caller's snapshot and rights, encoded, in shared memory.
 *
 * The executor hands each row to a DestReceiver, so nothing is materialised on the way. Where the encoder is known (a
 * model's, or an image's, which has nothing to fit) a row is encoded at once; otherwise raw values are staged in private
 * memory, the encoder is fitted to them, and they are encoded afterwards.
 */
#include "pg/data/load.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "core/base/hash.h"
#include "pg/base/advpg.h"
#include "pg/base/transaction.h"
#include "pg/data/charset.h"
#include "pg/base/progress.h"

#define DROP_HINT "Leave such rows out with missing => 'drop', or replace the NULL in a query."

static void
raise_null(AdvpgLoad *load, TupleTableSlot *slot, const char *column, const char *hint)
{
	ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			errmsg("%s: column \"%s\" is NULL", advpg_load_row_name(load, slot), column),
			errhint("%s", hint));
}

/* ---- receiving ---- */

static void
grow_arrays(AdvpgLoad *load)
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
	GROW(rows->name);
	GROW(rows->key);
	GROW(rows->content);
#undef GROW
	load->max_rows = max;
}

/*
 * A copy of a value that needs nothing of the database any more: what lies out of line may be gone when a job, which has no snapshot while it
 * computes, comes to use it.
 */
static Datum
own_copy(Datum value, bool byval, int16 len)
{
	return len == -1 ? PointerGetDatum(PG_DETOAST_DATUM_COPY(value)) : datumCopy(value, byval, len);
}

/* A new label that may become a class. Its text is what the model will call it, unless a smaller one stands for an equal value. */
static void
check_label(AdvpgLoad *load, TupleTableSlot *slot, Datum datum)
{
	AdvText text = advpg_value_text(&load->label.reader.value, datum);

	/* equal values may have several images: how many classes there are is seen when all rows are read */
	if (load->label_images.n > 4 * ADV_MAX_CLASSES)
		advpg_fail_classes(load);
	if (advpg_utf8(text).len > ADV_MAX_NAME)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%s: label in column \"%s\" has %u bytes, but a class name has at most %d",
					   advpg_load_row_name(load, slot), load->label.name, advpg_utf8(text).len,
					   ADV_MAX_NAME));
}

/* Code of the image of a row's label, -1 for NULL where no label is needed. */
static int32_t
read_label(AdvpgLoad *load, TupleTableSlot *slot, uint64 *hash)
{
	AdvpgValueType *type = &load->label.reader.value;
	Datum datum = slot->tts_values[load->label.place];
	int code;
	bool added;

	if (slot->tts_isnull[load->label.place])
	{
		if (load->spec->label_required)
			raise_null(load, slot, load->label.name, "Leave rows without a label out with a WHERE clause.");
		return -1;
	}
	*hash = advpg_value_hash(type, datum, *hash);
	code = advpg_dictionary_add(&load->label_images, advpg_value_image(type, datum), &added);
	if (added && !load->spec->encoder)
		check_label(load, slot, datum);
	return code;
}

/* Code of the image of a row's attribute, -1 for NULL. */
static int32_t
read_attribute(AdvpgLoad *load, TupleTableSlot *slot)
{
	int place = load->attribute.place;

	if (slot->tts_isnull[place])
		return -1;
	return advpg_dictionary_add(&load->attribute_images,
								advpg_value_image(&load->attribute.reader.value, slot->tts_values[place]),
								NULL);
}

/* Features of a row as values, and their hash; false when the row is to be left out. */
static bool
read_features(AdvpgLoad *load, TupleTableSlot *slot, AdvValue *values, uint64 *hash)
{
	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgLoadColumn *c = &load->features[i].column;

		if (slot->tts_isnull[c->place])
		{
			if (load->spec->drop_missing)
				return false;
			raise_null(load, slot, c->name, DROP_HINT);
		}
	}
	for (int i = 0; i < load->n_features; i++)
	{
		AdvpgLoadColumn *c = &load->features[i].column;
		AdvValue *v = &values[i];

		memset(v, 0, sizeof(*v));
		if (c->reader.kind == ADV_COLUMN_CATEGORY && !load->encoder)
			v->text = advpg_value_image(&c->reader.value, slot->tts_values[c->place]);
		else if (!advpg_read_value(&c->reader, slot->tts_values[c->place], v))
		{
			if (load->spec->drop_missing)
				return false;
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s: array in column \"%s\" has a NULL element", advpg_load_row_name(load, slot),
						   c->name),
					errhint(DROP_HINT));
		}
		switch (c->reader.kind)
		{
			case ADV_COLUMN_NUMBER:
				*hash = hash_bytes_extended((const unsigned char *) &v->number, sizeof(double), *hash);
				break;
			case ADV_COLUMN_CATEGORY:
				*hash = advpg_value_hash(&c->reader.value, slot->tts_values[c->place], *hash);
				break;
			case ADV_COLUMN_ARRAY:
				*hash = adv_hash(v->array, sizeof(double) * v->length, *hash);
				break;
			case ADV_COLUMN_IMAGE:
				*hash = adv_hash(v->bytes, v->length, *hash);
				break;
		}
	}
	return true;
}

static void
store_row(AdvpgLoad *load, TupleTableSlot *slot, const AdvValue *values)
{
	unsigned char *stored = advpg_load_next(load);

	for (int i = 0; i < load->n_features; i++)
	{
		AdvError err;

		if (adv_encoder_store(load->encoder, i, &values[i], stored + load->features[i].stored_offset, &err) !=
			ADV_OK)
			advpg_load_raise(load, slot, &err);
	}
}

static void
read_id(AdvpgLoad *load, TupleTableSlot *slot, uint64 content)
{
	AdvpgRows *rows = load->rows;
	Datum datum;

	rows->key[rows->n] = content;
	rows->name[rows->n] = (Datum) load->seen;
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
	rows->key[rows->n] = advpg_value_hash(&load->id.reader.value, datum, 0);
	if (load->id.reader.value.byval)
		rows->name[rows->n] = datum;
	if (load->spec->want_ids)
	{
		Datum id = advpg_idcast(&load->id_cast, datum);
		MemoryContext old = MemoryContextSwitchTo(load->context);

		rows->id[rows->n] = own_copy(id, load->id_byval, load->id_len);
		MemoryContextSwitchTo(old);
		if (!load->id.reader.value.byval)
			rows->name[rows->n] = rows->id[rows->n];
	}
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	AdvpgLoad *load = (AdvpgLoad *) self;
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
			rows->attribute[rows->n] = read_attribute(load, slot);
		read_id(load, slot, hash);
		rows->content[rows->n] = hash;
		if (load->encoder)
			store_row(load, slot, values);
		else
			advpg_stage_row(load, slot, values);
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

/* Run the query read-only. */
static void
run_query(void *arg)
{
	AdvpgLoad *load = arg;
	SPIExecuteOptions options = {0};
	int result;

	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = &load->receiver;
	XactReadOnly = true;
	result = SPI_execute_extended(load->query, &options);
	if (result < 0)
		elog(ERROR, "could not run data query: %s", SPI_result_code_string(result));
}

/* Give rows whose attributes are equal one code. */
static void
settle_attributes(AdvpgLoad *load)
{
	AdvpgRows *rows = load->rows;
	int *code;

	if (load->attribute.place < 0)
		return;
	code = advpg_distinct_settle(&load->attribute.reader.value, &load->attribute_images, &rows->attributes,
								 NULL);
	ADVPG_EACH (i, rows->n)
		if (rows->attribute[i] >= 0)
			rows->attribute[i] = code[rows->attribute[i]];
	pfree(code);
}

void
advpg_rows_check_any(const AdvpgRows *rows)
{
	if (rows->n == 0)
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION), errmsg("data \"%s\" has no rows", rows->source),
				rows->dropped > 0
					? errdetail("%zu rows were left out because a feature is NULL.", rows->dropped)
					: 0);
}

/* What is common to all rows, once they are there; what is fitted is fitted to the rows that are not held out. */
static void
arrange(AdvpgLoad *load)
{
	const AdvpgRowsSpec *spec = load->spec;
	bool split = !spec->encoder || spec->split;

	settle_attributes(load);
	if (split)
		advpg_rows_check_any(load->rows);
	if (split || spec->want_order)
	{
		advpg_progress_phase("ordering rows", 0);
		advpg_order_rows(load->rows, spec->shared_keys);
	}
	if (split)
		advpg_split_rows(load->rows, spec);
	advpg_settle_labels(load);
	if (!load->encoder)
	{
		advpg_progress_phase("fitting the encoder", 0);
		advpg_load_set_encoder(load, advpg_staged_fit(load));
		advpg_progress_phase("encoding rows", 0);
		advpg_staged_encode(load);
	}
	advpg_load_flush(load);
}

AdvpgRows *
advpg_rows_read(const AdvpgRowsSpec *spec)
{
	AdvpgRows *rows = palloc0(sizeof(AdvpgRows));
	AdvpgLoad load = {0};

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
	rows->temporary = load.source->temporary;
	advpg_dictionary_init(&rows->labels, load.context);
	advpg_dictionary_init(&rows->attributes, load.context);
	advpg_dictionary_init(&load.label_images, load.context);
	advpg_dictionary_init(&load.attribute_images, load.context);
	for (int i = 0; i < spec->n_classes; i++)
		(void) advpg_dictionary_add(&rows->labels, spec->classes[i], NULL);
	rows->n_classes = spec->n_classes;

	load.query = advpg_load_choose_columns(&load);
	load.owner = CurrentResourceOwner;
	rows->chunks = advpg_load_chunks(load.context, load.owner);
	advpg_progress_phase("reading rows", 0);

	/*
	 * What functions may write in a read-only transaction (temporary tables, large objects before PostgreSQL 16, notifications, settings of the
	 * session) so comes to nothing.
	 */
	advpg_transaction_undone(run_query, &load);

	arrange(&load);
	if (load.buffer)
		pfree(load.buffer);
	MemoryContextDelete(load.row_context);
	if (rows->dropped > 0 && !spec->quiet)
		ereport(NOTICE, errmsg_plural("left out %zu row of data \"%s\" in which a feature is NULL",
									  "left out %zu rows of data \"%s\" in which a feature is NULL",
									  rows->dropped, rows->dropped, rows->source));
	if (spec->want_ids && rows->id_name == NULL && rows->n > 0)
		ereport(
			NOTICE,
			errmsg("ids of data \"%s\" are row numbers, in the order in which rows arrived", rows->source),
			errhint(ADVPG_NAME_ID_HINT));
	return rows;
}
