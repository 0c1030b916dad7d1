/*
 * reader.h
 *		Column values of any supported SQL type as the core wants them.
 */
#ifndef ADVPG_READER_H
#define ADVPG_READER_H

#include "postgres.h"

#include "fmgr.h"

#include "core/encoder.h"

typedef struct AdvpgReader
{
	int kind;     /* AdvColumnKind that follows from the type; 0: usable as text only */
	Oid base;     /* the type, domains looked through */
	Oid element;  /* of an array, domains looked through */
	int16 typlen; /* of the element */
	bool typbyval;
	char typalign;
	FmgrInfo out; /* output function, for types that are not text already */
} AdvpgReader;

/* Prepare to read values of a type. */
extern void advpg_reader_init(AdvpgReader *reader, Oid type);

/* As text: exactly what casting the value to text gives. Result lives in the current memory context or in the datum. */
extern AdvText advpg_read_text(AdvpgReader *reader, Datum datum);

/*
 * As the member of AdvValue that reader->kind says, in the current memory context or in the datum. False when an array
 * has a NULL element.
 */
extern bool advpg_read_value(AdvpgReader *reader, Datum datum, AdvValue *value);

/* Word for a kind of column in messages: "a number", "a category", "an array", "an image". */
extern const char *advpg_kind_name(int kind);

#endif
