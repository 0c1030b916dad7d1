/*
 * ownsql.h
 *		Statements on the extension's own tables.
 *
 * They run with the caller's rights, but with settings of our own: names and operators are PostgreSQL's, whatever the session's
 * search_path says; and row-level security decides which rows are seen, also where row_security = off would raise an error instead
 * (as in what pg_dump writes, which fills materialized views).
 */
#ifndef ADVPG_OWNSQL_H
#define ADVPG_OWNSQL_H

#include "postgres.h"

/* From begin to end these settings hold. An error ends them, too, with the transaction or subtransaction. */
extern int advpg_own_begin(void);
extern void advpg_own_end(int level);

/* As SPI_execute_with_args, with these settings. */
extern int advpg_own_execute(const char *query, int n, Oid *types, Datum *values, const char *nulls,
							 bool read_only, long limit);

#endif
