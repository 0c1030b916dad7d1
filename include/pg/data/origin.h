/*
 * origin.h
 *		Which column of a query is a table's primary key.
 */
#ifndef ADVPG_ORIGIN_H
#define ADVPG_ORIGIN_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * Name of the column of an analyzed and rewritten query that is the primary key, of one column, of the one relation its rows come from;
 * NULL when there is none. Rows come from one relation when the query, and each view, subquery or WITH query on the way down, reads from just
 * one place and neither groups, unites nor multiplies rows: then the key tells the query's rows apart, too.
 */
extern char *advpg_origin_key(const Query *query);

#endif
