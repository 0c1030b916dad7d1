/*
 * source.h
 *		The "data" argument: the name of a relation, or a query.
 */
#ifndef ADVPG_SOURCE_H
#define ADVPG_SOURCE_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/primnodes.h"

typedef struct AdvpgSource
{
	char *name;        /* schema-qualified relation, or the query as given */
	char *from;        /* what stands behind FROM: the relation, or the query in parentheses, as data */
	TupleDesc desc;    /* its columns */
	bool temporary;    /* it reads temporary tables or views */
	char *primary_key; /* column that is the primary key of the one table all rows come from, else NULL */
} AdvpgSource;

/*
 * Find out what data names and which columns it has. Needs a connection to SPI. Errors: no such relation (42P01), not a
 * relation that holds rows (42809), neither a name nor a query (42602), a query that writes (25006).
 */
extern AdvpgSource *advpg_source_open(const char *data);

/* The relation that a text names as SQL would write it, NULL when it cannot be a name. */
extern RangeVar *advpg_relation_name(const char *text);

/* What tells this session, whose temporary tables a source may name, from all others. */
extern char *advpg_session(void);

/* Attribute number of a column (1-based), 0 when there is none of the name. */
extern int advpg_find_column(TupleDesc desc, const char *name);

/* Names of its columns, the first of them where there are many. */
extern char *advpg_list_columns(TupleDesc desc);

/* Whether a list of names (of char *) has this one. */
extern bool advpg_is_listed(const List *names, const char *name);

#endif
