/*
 * jobkind.h
 *		The kinds of tasks that can be jobs.
 */
#ifndef ADVPG_JOBKIND_H
#define ADVPG_JOBKIND_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * Check a task that is to be a job as far as it can be checked without data: its kind, keys and ranges, and that the table its key
 * "into" names, which kinds with rows as result need, does not exist. Errors: 22023, 42P07 and those of names.
 */
extern void advpg_jobkind_check(Jsonb *task);

/*
 * Carry out a task; returns what is known of its result: model and version, or the table and its number of rows. Needs a
 * transaction, which is another one when it returns; whatever is stored is stored in that one. Memory is taken from the current
 * context; schema is the extension's.
 */
extern Jsonb *advpg_jobkind_run(Oid schema, Jsonb *task);

#endif
