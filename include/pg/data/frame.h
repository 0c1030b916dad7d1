/*
 * frame.h
 *		Rows as they are: all columns of a relation or query, with the types they have, in private memory.
 *
 * For what changes rows and gives them to SQL again; rows that go to the core are read by rows.h.
 */
#ifndef ADVPG_FRAME_H
#define ADVPG_FRAME_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

#include "pg/data/source.h"
#include "pg/data/value.h"

typedef struct AdvpgFrameSpec
{
	const char *data;
	const char *label;   /* NULL: none is wanted */
	bool label_required; /* the column of that name must be there */
	const char *id;      /* the column that tells rows apart; NULL: the primary key, or row numbers */
	bool id_required;
	Oid id_type; /* of results; ANYELEMENTOID: that of the column */
} AdvpgFrameSpec;

typedef struct AdvpgFrame
{
	AdvpgSource *source;
	TupleDesc desc;
	AdvpgValueType *types; /* (natts) */
	int label;             /* attribute numbers; 0: none */
	int id;
	Oid id_type;
	size_t n;
	MinimalTuple *rows; /* (n) in the order of arrival, nothing of them out of line */
	uint64 *key;        /* (n) of random numbers: the hash of the id, without one of the row's values */
	Datum *ids;         /* (n) as results have them */
} AdvpgFrame;

/*
 * Read rows; needs a connection to SPI. Nothing is written on the way, as with advpg_rows_read. Errors: no such column (42703), an id that is NULL
 * (22004) or cannot be of the type asked for (42804). Results live in the current memory context. Ids without a column are row numbers, which a
 * notice tells.
 */
extern AdvpgFrame *advpg_frame_read(const AdvpgFrameSpec *spec);

/* "row with person_id 17" or "row 17", for messages. */
extern char *advpg_frame_name(const AdvpgFrame *frame, size_t row);

/* A value of a row; NULL is told by isnull. What is not passed by value lies in the frame. */
extern Datum advpg_frame_value(const AdvpgFrame *frame, size_t row, int attribute, bool *isnull);

/* Attribute number of a column that an argument names; an unknown one is an error (42703). */
extern int advpg_frame_column(const AdvpgFrame *frame, const char *name, const char *argument);

/* The name of an attribute. */
extern const char *advpg_frame_attribute_name(const AdvpgFrame *frame, int attribute);

#endif
