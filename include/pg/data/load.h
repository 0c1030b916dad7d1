/*
 * load.h
 *		What the parts of one reading of rows share: rows.c reads, columns.c says what, staging.c fits the encoder, chunks.c
 *		keeps encoded rows, order.c brings them into canonical order.
 */
#ifndef ADVPG_LOAD_H
#define ADVPG_LOAD_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "tcop/dest.h"
#include "utils/resowner.h"

#include "pg/base/compat.h"
#include "pg/data/idcast.h"
#include "pg/data/reader.h"
#include "pg/data/rows.h"
#include "pg/data/source.h"

#define ADVPG_MANY_ROWS 100 /* of fewer, no two may be alike by chance */

/* A column of the SELECT list: where it stands in the result (-1: nowhere) and how it is read. */
typedef struct AdvpgLoadColumn
{
	const char *name;
	int place;
	AdvpgReader reader;
} AdvpgLoadColumn;

/* A feature, in addition: where its values lie in raw and stored rows, the images of the categories met so far, and what fitting finds out. */
typedef struct AdvpgFeature
{
	AdvpgLoadColumn column;
	int length;  /* array: elements, known from the first row on; image: bytes */
	bool single; /* raw numbers are kept in single precision, because that is what they are */
	size_t raw_offset;
	size_t stored_offset;
	AdvpgDictionary images;
	AdvpgDictionary
		categories; /* their texts, and the code of each image in them; when all rows are staged */
	int *category;
	Datum first;                 /* numeric: the value of the first row */
	bool differences;            /* numeric: some value differs from it, but not in double precision */
	bool *fitted;                /* (categories) which of them rows have that are not held out */
	struct AdvpgSpread *spreads; /* (length) of numbers */
} AdvpgFeature;

/* What one reading of rows is up to. */
typedef struct AdvpgLoad
{
	DestReceiver receiver; /* first: the executor knows us by it */
	const AdvpgRowsSpec *spec;
	AdvpgRows *rows;
	const char *query;         /* of its columns */
	ResourceOwner owner;       /* of chunks */
	MemoryContext context;     /* of results */
	MemoryContext row_context; /* reset for each row */
	AdvpgSource *source;
	AdvpgLoadColumn label;
	AdvpgLoadColumn id;
	AdvpgLoadColumn attribute;
	AdvpgDictionary label_images; /* of the labels and attributes met so far; codes of rows are theirs ... */
	AdvpgDictionary attribute_images; /* ... until all rows are read */
	AdvpgIdCast id_cast;              /* to the type that was asked for */
	Oid id_type;                      /* of ids that are kept */
	int16 id_len;
	bool id_byval;
	int n_features;
	AdvpgFeature *features;
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
} AdvpgLoad;

/* For rows that have no id. */
#define ADVPG_NAME_ID_HINT                                                                                   \
	"Name the column that tells rows apart by id => 'column', or give the table a primary key."

/* rowname.c: "row with person_id 17" or "row 17", for messages, and a core error about a row as an SQL error. */
extern char *advpg_name_by_id(const char *column, AdvpgValueType *type, Datum id);
extern char *advpg_load_row_name(AdvpgLoad *load, TupleTableSlot *slot);
extern void advpg_load_raise(AdvpgLoad *load, TupleTableSlot *slot, const AdvError *err);

/* columns.c: decide on all columns, and write the query that reads them. */
extern char *advpg_load_choose_columns(AdvpgLoad *load);

/* chunks.c: no chunks yet; from now on rows can be encoded; memory for one more encoded row; what is left becomes shared memory. */
extern AdvpgChunks *advpg_load_chunks(MemoryContext context, ResourceOwner owner);
extern void advpg_load_set_encoder(AdvpgLoad *load, AdvEncoder *encoder);
extern unsigned char *advpg_load_next(AdvpgLoad *load);
extern void advpg_load_flush(AdvpgLoad *load);

/* staging.c: keep a row's raw values; the encoder of all that were kept; encode them, giving their memory back. */
extern void advpg_stage_row(AdvpgLoad *load, TupleTableSlot *slot, const AdvValue *values);
extern AdvEncoder *advpg_staged_fit(AdvpgLoad *load);
extern void advpg_staged_encode(AdvpgLoad *load);

/*
 * order.c: labels as classes, in the order of their type unless there is an encoder; rows in canonical order, with distinct keys
 * unless they shall be shared; rows held out.
 */
extern void advpg_settle_labels(AdvpgLoad *load);
pg_noreturn extern void advpg_fail_classes(const AdvpgLoad *load);
extern void advpg_order_rows(AdvpgRows *rows, bool shared_keys);
extern void advpg_split_rows(AdvpgRows *rows, const AdvpgRowsSpec *spec);

#endif
