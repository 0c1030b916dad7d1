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

#include "commands/trigger.h"
#include "fmgr.h"

/* From begin to end these settings hold. An error ends them, too, with the transaction or subtransaction. */
extern int advpg_own_begin(void);
extern void advpg_own_end(int level);

/* As SPI_execute_with_args, with these settings. */
extern int advpg_own_execute(const char *query, int n, Oid *types, Datum *values, const char *nulls,
							 bool read_only, long limit);

/*
 * What a trigger function is called for. Errors out unless it is a row of this table of the extension, before (or else after) the event: who
 * may call the function may also make it a trigger of a table of theirs, whose columns are others.
 */
extern TriggerData *advpg_own_trigger(FunctionCallInfo fcinfo, const char *table, bool before);

#endif
