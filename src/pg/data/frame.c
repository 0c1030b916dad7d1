/*
 * frame.c
 *		Rows as they are, in private memory. See frame.h.
 */
#include "pg/data/frame.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/progress.h"
#include "pg/base/transaction.h"
#include "pg/data/load.h"

#define FIRST_ROWS 1024 /* that there is room for at first */

/* What one reading is up to. */
typedef struct Reading
{
	DestReceiver receiver; /* first: the executor knows us by it */
	AdvpgFrame *frame;
	size_t max;             /* rows there is room for */
	TupleTableSlot *copied; /* a row whose values lie in line */
	AdvpgReader id;
	AdvpgIdCast cast;
	int16 id_len;
	bool id_byval;
	MemoryContext context;     /* of results */
	MemoryContext row_context; /* reset for each row */
} Reading;

/* ---- a row ---- */

static void
grow(Reading *reading)
{
	AdvpgFrame *frame = reading->frame;
	size_t max = reading->max ? reading->max * 2 : FIRST_ROWS;

	if (frame->n >= PG_UINT32_MAX)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("data has more than %u rows", PG_UINT32_MAX));
#define GROW(array)                                                                                          \
	(array) = reading->max ? repalloc_huge((array), sizeof(*(array)) * max)                                  \
						   : MemoryContextAllocHuge(reading->context, sizeof(*(array)) * max)
	GROW(frame->rows);
	GROW(frame->key);
	GROW(frame->ids);
#undef GROW
	reading->max = max;
}

/* Values of a row in a slot of our own: what lies out of line may be gone when it is looked at. */
static void
bring_in_line(Reading *reading, TupleTableSlot *slot)
{
	TupleDesc desc = reading->frame->desc;
	TupleTableSlot *copied = reading->copied;

	slot_getallattrs(slot);
	ExecClearTuple(copied);
	for (int i = 0; i < desc->natts; i++)
	{
		Datum value = slot->tts_values[i];
		bool out_of_line = !slot->tts_isnull[i] && TupleDescAttr(desc, i)->attlen == -1 &&
						   VARATT_IS_EXTERNAL(DatumGetPointer(value));

		copied->tts_isnull[i] = slot->tts_isnull[i];
		copied->tts_values[i] = out_of_line ? PointerGetDatum(PG_DETOAST_DATUM(value)) : value;
	}
	ExecStoreVirtualTuple(copied);
}

/* What tells rows apart that have no id: all they hold. */
static uint64
content_hash(const AdvpgFrame *frame, const TupleTableSlot *slot)
{
	uint64 hash = 0;

	for (int i = 0; i < frame->desc->natts; i++)
		if (!slot->tts_isnull[i])
			hash = advpg_value_hash(&frame->types[i], slot->tts_values[i], hash + i);
	return hash;
}

static void
take_id(Reading *reading, const TupleTableSlot *slot)
{
	AdvpgFrame *frame = reading->frame;
	MemoryContext old;
	Datum id;

	if (frame->id == 0)
	{
		frame->key[frame->n] = content_hash(frame, slot);
		frame->ids[frame->n] = Int64GetDatum(frame->n + 1);
		return;
	}
	if (slot->tts_isnull[frame->id - 1])
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("row %zu: column \"%s\" is NULL", frame->n + 1,
					   advpg_frame_attribute_name(frame, frame->id)),
				errhint("An id must tell rows apart; name another column, or replace the NULL in a query."));
	frame->key[frame->n] = advpg_value_hash(&frame->types[frame->id - 1], slot->tts_values[frame->id - 1], 0);
	id = advpg_idcast(&reading->cast, slot->tts_values[frame->id - 1]);
	old = MemoryContextSwitchTo(reading->context);
	frame->ids[frame->n] = datumCopy(id, reading->id_byval, reading->id_len);
	MemoryContextSwitchTo(old);
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	Reading *reading = (Reading *) self;
	AdvpgFrame *frame = reading->frame;
	MemoryContext old = MemoryContextSwitchTo(reading->row_context);

	if (frame->n == reading->max)
		grow(reading);
	bring_in_line(reading, slot);
	take_id(reading, reading->copied);
	MemoryContextSwitchTo(reading->context);
	frame->rows[frame->n++] = ExecCopySlotMinimalTuple(reading->copied);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reading->row_context);
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

/* ---- all rows ---- */

static void
choose_id(Reading *reading, const AdvpgFrameSpec *spec)
{
	AdvpgFrame *frame = reading->frame;
	const char *name = frame->source->primary_key;
	Form_pg_attribute attribute;

	if (spec->id && (spec->id_required || advpg_find_column(frame->desc, spec->id) > 0))
		name = spec->id;
	frame->id_type = INT8OID;
	if (name == NULL)
	{
		if (spec->id_type != INT8OID && spec->id_type != ANYELEMENTOID)
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("ids of data \"%s\" are row numbers of type bigint, not %s", frame->source->name,
						   format_type_be(spec->id_type)),
					errhint(ADVPG_NAME_ID_HINT));
		return;
	}
	frame->id = advpg_frame_column(frame, name, "id");
	attribute = TupleDescAttr(frame->desc, frame->id - 1);
	advpg_reader_init(&reading->id, attribute->atttypid, attribute->attcollation);
	frame->id_type = spec->id_type == ANYELEMENTOID ? attribute->atttypid : spec->id_type;
	advpg_idcast_init(&reading->cast, pstrdup(name), &reading->id, attribute->atttypid, frame->id_type);
	get_typlenbyval(frame->id_type, &reading->id_len, &reading->id_byval);
}

/* Run the query read-only. */
static void
run_query(void *arg)
{
	Reading *reading = arg;
	SPIExecuteOptions options = {0};
	int result;

	options.read_only = true;
	options.must_return_tuples = true;
	options.dest = &reading->receiver;
	XactReadOnly = true;
	result = SPI_execute_extended(psprintf("SELECT * FROM %s", reading->frame->source->from), &options);
	if (result < 0)
		elog(ERROR, "could not run data query: %s", SPI_result_code_string(result));
}

AdvpgFrame *
advpg_frame_read(const AdvpgFrameSpec *spec)
{
	AdvpgFrame *frame = palloc0(sizeof(AdvpgFrame));
	Reading reading = {.frame = frame, .context = CurrentMemoryContext};

	reading.receiver = (DestReceiver){receive_row, receiver_startup, receiver_end, receiver_end, DestNone};
	reading.row_context = AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	frame->source = advpg_source_open(spec->data);
	frame->desc = frame->source->desc;
	frame->types = palloc0(sizeof(AdvpgValueType) * (frame->desc->natts + 1));
	for (int i = 0; i < frame->desc->natts; i++)
		advpg_value_type_init(&frame->types[i], TupleDescAttr(frame->desc, i)->atttypid,
							  TupleDescAttr(frame->desc, i)->attcollation);
	if (spec->label)
		frame->label = spec->label_required ? advpg_frame_column(frame, spec->label, "label")
											: advpg_find_column(frame->desc, spec->label);
	choose_id(&reading, spec);
	reading.copied = MakeSingleTupleTableSlot(frame->desc, &TTSOpsVirtual);
	advpg_progress_phase("reading rows", 0);
	advpg_transaction_undone(run_query, &reading);
	ExecDropSingleTupleTableSlot(reading.copied);
	MemoryContextDelete(reading.row_context);
	if (frame->id == 0 && frame->n > 0)
		ereport(NOTICE,
				errmsg("ids of data \"%s\" are row numbers, in the order in which rows arrived",
					   frame->source->name),
				errhint(ADVPG_NAME_ID_HINT));
	return frame;
}

/* ---- looking at it ---- */

Datum
advpg_frame_value(const AdvpgFrame *frame, size_t row, int attribute, bool *isnull)
{
	HeapTupleData tuple;

	tuple.t_len = frame->rows[row]->t_len + MINIMAL_TUPLE_OFFSET;
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = (HeapTupleHeader) ((char *) frame->rows[row] - MINIMAL_TUPLE_OFFSET);
	return heap_getattr(&tuple, attribute, frame->desc, isnull);
}

char *
advpg_frame_name(const AdvpgFrame *frame, size_t row)
{
	bool isnull;
	Datum id;

	if (frame->id == 0)
		return psprintf("row %zu", row + 1);
	id = advpg_frame_value(frame, row, frame->id, &isnull);
	return advpg_name_by_id(advpg_frame_attribute_name(frame, frame->id), &frame->types[frame->id - 1], id);
}

const char *
advpg_frame_attribute_name(const AdvpgFrame *frame, int attribute)
{
	return NameStr(TupleDescAttr(frame->desc, attribute - 1)->attname);
}

int
advpg_frame_column(const AdvpgFrame *frame, const char *name, const char *argument)
{
	int attribute = advpg_find_column(frame->desc, name);

	if (attribute == 0)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
				errmsg("%s names column \"%s\", which does not exist in data \"%s\"", argument, name,
					   frame->source->name),
				errhint("Its columns are %s.", advpg_list_columns(frame->desc)));
	return attribute;
}
