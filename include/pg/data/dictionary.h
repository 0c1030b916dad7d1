/*
 * dictionary.h
 *		Distinct texts and their codes, in order of arrival.
 */
#ifndef ADVPG_DICTIONARY_H
#define ADVPG_DICTIONARY_H

#include "postgres.h"

#include "core/network/encoder.h"

typedef struct AdvpgDictionary
{
	MemoryContext context;
	int n;
	int max;        /* allocated */
	AdvText *texts; /* (n), copies */
	struct dictionary_hash *hash;
} AdvpgDictionary;

extern void advpg_dictionary_init(AdvpgDictionary *dictionary, MemoryContext context);

/* Code of a text, added when it is new (then *added is set, which may be NULL). */
extern int advpg_dictionary_add(AdvpgDictionary *dictionary, AdvText text, bool *added);

/* Code of a text, -1 when it is not there. */
extern int advpg_dictionary_find(const AdvpgDictionary *dictionary, AdvText text);

/* Numbers of n texts in the order of their bytes, in the current memory context. */
extern int *advpg_text_order(const AdvText *texts, int n);

/* A text as a C string in the current memory context. */
extern char *advpg_text_cstring(AdvText text);

/* A text as an SQL text datum. */
extern Datum advpg_text_datum(AdvText text);

/* A C string as a text; no copy. */
extern AdvText advpg_cstring_text(const char *string);

#endif
