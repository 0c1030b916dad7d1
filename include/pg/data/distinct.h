/*
 * distinct.h
 *		Distinct values of an SQL type, and the text that stands for all that are equal.
 *
 * While rows arrive, values are told apart by their images alone, in a dictionary. Only afterwards, for each image once, is it asked
 * which values are equal. The text that stands for equal values is one that was known before (a model's class), or else the
 * smallest of theirs, by bytes: so it depends on the set of rows, and not on their order.
 */
#ifndef ADVPG_DISTINCT_H
#define ADVPG_DISTINCT_H

#include "pg/data/dictionary.h"
#include "pg/data/value.h"

/*
 * Codes in texts (n of images) for the values that have these images. texts may hold known texts, which keep their codes; others are added.
 * values, unless NULL, becomes for each text added one of the values it stands for (texts->n).
 */
extern int *advpg_distinct_settle(AdvpgValueType *type, const AdvpgDictionary *images, AdvpgDictionary *texts,
								  Datum **values);

/* Known texts that stand for values. The texts must outlive it; memory is taken from the current context. */
typedef struct AdvpgKnown AdvpgKnown;

extern AdvpgKnown *advpg_known_make(AdvpgValueType *type, const AdvText *texts, int n);

/* Number of the known text that stands for a value whose own text is given, -1 when none does. */
extern int advpg_known_find(const AdvpgKnown *known, Datum value, AdvText text);

#endif
