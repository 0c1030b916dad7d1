/*
 * rows.h
 *		Rows of a relation or query, read with the caller's snapshot and rights, encoded, in shared memory.
 */
#ifndef ADVPG_ROWS_H
#define ADVPG_ROWS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "lib/ilist.h"
#include "storage/dsm.h"
#include "utils/resowner.h"

#include "core/network/encoder.h"
#include "core/base/rng.h"
#include "pg/base/spill.h"
#include "pg/data/dictionary.h"
#include "pg/data/value.h"

/* What to read and how. */
typedef struct AdvpgRowsSpec
{
	const char *data;
	const char *label;     /* column name */
	bool label_required;   /* else data may lack the column */
	const char *id;        /* column; NULL, or not there unless required: the primary key, if it is one */
	bool id_required;      /* else data may lack the column */
	bool drop_missing;     /* leave out rows with a NULL feature */
	bool quiet;            /* say nothing of them: another reading has */
	const char *attribute; /* a further column to group rows by, or NULL */
	bool want_ids;         /* keep the id of each row */
	Oid id_type;           /* cast ids to this type, one to one; ANYELEMENTOID: leave them as they are */
	bool want_order;       /* canonical order also with a fitted encoder */
	bool shared_keys;      /* rows with equal ids, or equal contents without ids, keep equal keys */
	bool split;            /* fitted and held out rows, in canonical order, also with a fitted encoder */

	/* A fitted encoder and the classes it goes with, or what to fit one by. */
	const AdvEncoder *encoder;
	const AdvText *classes;
	int n_classes;
	List *features; /* of char *; NIL: all columns but label and id */
	List *exclude;  /* of char * */
	int encoding;
	int unseen;
	AdvShape input_shape; /* c = 0: none given */
	double held_out;      /* share of rows, drawn by seed and key, that nothing is fitted on; 0: none */
	uint64_t seed;
} AdvpgRowsSpec;

/* Where stored rows lie. */
typedef struct AdvpgChunks
{
	MemoryContext context;
	ResourceOwner owner; /* of segments and file */
	dlist_node node;     /* in the list of all whose segments can be given up */
	MemoryContextCallback gone;
	int n;
	struct AdvpgChunk *of; /* (n) */
	AdvpgSpill *spill;     /* NULL: all are in shared memory */
} AdvpgChunks;

typedef struct AdvpgChunk
{
	dsm_segment *segment; /* NULL: it is in the file, at */
	uint64 at;
	size_t bytes;
	const unsigned char *mapped; /* of the file; NULL: not yet */
} AdvpgChunk;

typedef struct AdvpgRows
{
	size_t n;
	size_t dropped;           /* rows left out for a NULL feature */
	char *source;             /* schema-qualified relation, or the query */
	bool temporary;           /* it reads temporary tables or views */
	const char *id_name;      /* the column ids come from, NULL for row numbers */
	AdvpgValueType *id_value; /* of that column */

	/* stored rows: chunks of shared memory, or of a temporary file; compute workers see them, too */
	AdvLayout layout;
	size_t rows_per_chunk;
	AdvpgChunks *chunks;
	size_t bytes; /* of all of them */

	int32_t *label;         /* (n) class, n_classes and above for labels no class has; NULL without labels */
	AdvpgDictionary labels; /* texts of these codes */
	int n_classes;
	uint64_t *
		key; /* (n) from the id or else the content of the row; with a canonical order distinct, but for shared_keys */
	uint64_t *content; /* (n) hash of label and values */
	Datum *id;         /* (n) when wanted */
	Oid id_type;       /* of these */
	Datum *name;       /* (n) for messages: a row's id if that takes no memory of its own, else its number */
	AdvpgValueType *name_value; /* of names that are ids, NULL for numbers */
	int32_t *attribute; /* (n) code of the attribute's value, -1 for NULL; NULL when none was asked for */
	AdvpgDictionary attributes; /* texts of these codes */

	const AdvEncoder *encoder; /* the one given, or the one fitted */
	uint8 *domain;             /* (encoder's columns) AdvpgDomain of each */
	uint32_t *canonical;       /* (n) rows in order of key; NULL when not wanted */

	/* canonical order again, in two parts; only when an encoder was fitted, or on request */
	uint32_t *fitted; /* (n_fitted) rows the encoder was fitted on */
	size_t n_fitted;
	uint32_t *held; /* (n_held) rows held out */
	size_t n_held;
} AdvpgRows;

/*
 * Read rows; needs a connection to SPI. Nothing is written on the way: the query runs read-only. Errors name row and
 * column: NULL (22004), NaN or infinity, wrong length, unseen category (22000), no such column (42703), a type that cannot
 * be a feature (42804). Results live in the current memory context, chunks in the current resource owner.
 */
extern AdvpgRows *advpg_rows_read(const AdvpgRowsSpec *spec);

/* "row with person_id 17" or "row 17", for messages. */
extern char *advpg_rows_name(const AdvpgRows *rows, size_t row);

/* The rows as the core sees them, over this process's mapping of the chunks. */
extern AdvDataset advpg_rows_dataset(const AdvpgRows *rows);

/* SHA-256 over keys and contents in canonical order, as hexadecimal text. */
extern char *advpg_rows_digest(const AdvpgRows *rows);

/* The listed rows in a random order, drawn by seed, purpose and key: physical order means nothing. */
extern uint32_t *advpg_rows_draw(const AdvpgRows *rows, const uint32_t *listed, size_t n, uint64 seed,
								 AdvPurpose purpose);

/* Room in shared memory for n plain inputs of a shape, channels last, as rows without anything else. */
extern AdvpgRows *advpg_rows_floats(size_t n, AdvShape shape);

/* The stored field of a feature as a row has it, and the same field in all rows from now on. */
extern void advpg_rows_get_field(const AdvpgRows *rows, int column, size_t row, void *field);
extern void advpg_rows_fill_field(AdvpgRows *rows, int column, const void *field);

/* Drop all rows but those held out, which become rows 0 .. n_held - 1 in canonical order; needs a split. */
extern void advpg_rows_keep_held(AdvpgRows *rows);

/* Error (22000), with how many were left out, where no row is there: nothing can be fitted to none, none held out or judged. */
extern void advpg_rows_check_any(const AdvpgRows *rows);

/* Give back the memory, or the file. */
extern void advpg_rows_release(AdvpgRows *rows);

#endif
