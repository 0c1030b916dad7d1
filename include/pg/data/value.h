/*
 * value.h
 *		Values of an SQL type: which are equal, and what text stands for one, whatever the session's settings are.
 *
 * Two values are equal when the type's own operator = says so (under the column's collation): numeric 1 and 1.0, float 0 and -0,
 * citext 'a' and 'A'. Most types have a text that equal values share and others do not; for them nothing but that text is looked at.
 * Other types are compared by their operator. A type that has none, or that cannot be hashed, goes by its text.
 */
#ifndef ADVPG_VALUE_H
#define ADVPG_VALUE_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/typcache.h"

#include "core/network/encoder.h"

typedef struct AdvpgValueType
{
	Oid type; /* domains looked through */
	Oid collation;
	int16 len;
	bool byval;
	bool normal;           /* equal values, and no others, have the same text */
	bool is_text;          /* a value's bytes are its text */
	TypeCacheEntry *equal; /* what compares and hashes values; NULL: their texts do */
	FmgrInfo out;
	Datum image; /* the value whose image was given last, where it is passed by value */
} AdvpgValueType;

/*
 * From here to AtEOXact_GUC(true, result) what input and output functions look at is as it is for texts that are kept. An error ends it
 * with the (sub)transaction.
 */
extern int advpg_begin_kept_settings(void);

/* Prepare to look at values of a type; collation is that of their column. */
extern void advpg_value_type_init(AdvpgValueType *type, Oid sql_type, Oid collation);

/* The text of a value, in the current memory context, in the datum, or until the next call. */
extern AdvText advpg_value_text(AdvpgValueType *type, Datum value);

/* The bytes of a value, which tell at least as many values apart as its text does, and a copy of the value from them. */
extern AdvText advpg_value_image(AdvpgValueType *type, Datum value);
extern Datum advpg_value_of_image(const AdvpgValueType *type, AdvText image);

/* The number that a text is, as numeric; false when it is none. No error, and no subtransaction: parallel workers may call it. */
extern bool advpg_text_number(AdvText text, Datum *number);

/* A hash that equal values share, and whether two values (whose texts are known) are equal. */
extern uint64 advpg_value_hash(AdvpgValueType *type, Datum value, uint64 seed);
extern bool advpg_value_equal(const AdvpgValueType *type, Datum a, AdvText text_a, Datum b, AdvText text_b);

/* The value that a text stands for: as SQL reads it in this session, or a text of advpg_value_text. Errors are the type's own. */
extern Datum advpg_value_in(const AdvpgValueType *type, AdvText text);
extern Datum advpg_value_of_text(const AdvpgValueType *type, AdvText text);

/* The same as advpg_value_of_text; false when the text stands for no value. Needs to be where a subtransaction can begin. */
extern bool advpg_value_try_text(const AdvpgValueType *type, AdvText text, Datum *value);

#endif
