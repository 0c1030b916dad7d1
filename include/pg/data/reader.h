/*
 * reader.h
 *		Column values of any supported SQL type as the core wants them.
 */
#ifndef ADVPG_READER_H
#define ADVPG_READER_H

#include "postgres.h"

#include "pg/data/distinct.h"
#include "pg/data/value.h"

/* What values a column's type allows. */
typedef enum AdvpgDomain
{
	ADVPG_DOMAIN_REAL = 0, /* fractions too; categories and images have domains of their own */
	ADVPG_DOMAIN_INTEGER,
	ADVPG_DOMAIN_BOOLEAN
} AdvpgDomain;

typedef struct AdvpgReader
{
	int kind;     /* AdvColumnKind that follows from the type; 0: usable as text only */
	Oid base;     /* the type, domains looked through */
	Oid element;  /* of an array, domains looked through */
	int16 typlen; /* of the element */
	bool typbyval;
	char typalign;
	AdvpgValueType value;
	const AdvColumn *column; /* a model's, whose categories stand for values that are equal; or NULL */
	AdvpgKnown *known;       /* these, once one was looked for */
	MemoryContext context;   /* of known */
} AdvpgReader;

/* Prepare to read values of a type, of a column with this collation. */
extern void advpg_reader_init(AdvpgReader *reader, Oid type, Oid collation);

/* From now on a category is read as the one of a model's column that is equal to it, if there is one. */
extern void advpg_reader_expect(AdvpgReader *reader, const AdvColumn *column);

/*
 * As the member of AdvValue that reader->kind says, in the current memory context or in the datum. False when an array
 * has a NULL element.
 */
extern bool advpg_read_value(AdvpgReader *reader, Datum datum, AdvValue *value);

/* What values the type allows. */
extern AdvpgDomain advpg_reader_domain(const AdvpgReader *reader);

/* Word for a kind of column in messages: "a number", "a category", "an array", "an image". */
extern const char *advpg_kind_name(int kind);

#endif
