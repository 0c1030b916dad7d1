/*
 * idcast.h
 *		Ids cast to the type that was asked for, one to one.
 */
#ifndef ADVPG_IDCAST_H
#define ADVPG_IDCAST_H

#include "postgres.h"

#include "nodes/execnodes.h"

#include "pg/data/reader.h"

typedef struct AdvpgIdCast
{
	const char *column;
	AdvpgReader *reader; /* of the ids as they are, for messages */
	Oid from;
	Oid to;
	ExprState *there; /* NULL: the two types have the same values */
	ExprState *back;
	ExprContext *econtext;
	FmgrInfo *equal;
	Oid collation;
} AdvpgIdCast;

/* Prepare to cast ids of a column. Error (42804): there is no such cast, or no way to tell whether it changes ids. */
extern void advpg_idcast_init(AdvpgIdCast *cast, const char *column, AdvpgReader *reader, Oid from, Oid to);

/* The id as the type asked for, in the current memory context. Error (42804): cast back, it is another id. */
extern Datum advpg_idcast(AdvpgIdCast *cast, Datum id);

#endif
