/*
 * call.h
 *		The arguments of an SQL function as a task.
 */
#ifndef ADVPG_CALL_H
#define ADVPG_CALL_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

/*
 * An object with kind, unless that is NULL, and a member for each named input argument of this call that is not NULL. key is left
 * out, because only its type counts. Numbers, booleans, texts and one-dimensional arrays of them are
 * taken as they are; a text for an argument of polymorphic type must be JSON. Errors (22023) name the argument: NaN, infinity.
 */
extern Jsonb *advpg_call_task(FunctionCallInfo fcinfo, const char *kind);

/*
 * Arguments of functions that take no task. A text, NULL when it is left out (then 22004 if it is required) or an earlier version of the
 * function does not have it; a number of workers, 0 when it is left out (22023 unless between 0 and 1024).
 */
extern char *advpg_call_text(FunctionCallInfo fcinfo, int i, const char *name, bool required);
extern int advpg_call_workers(FunctionCallInfo fcinfo, int i);

/* Type of the ids that a function returns: that of its argument named key, bigint when there is none. */
extern Oid advpg_call_id_type(FunctionCallInfo fcinfo);

/*
 * Where a function that returns rows puts them: the result of an SQL call, or what becomes a table. begin is to be called when all is
 * computed, before the first row; id_type is the type of the column id where the caller left it open.
 */
typedef struct AdvpgOutput
{
	Oid id_type; /* asked for; ANYELEMENTOID: that of the data's own ids; InvalidOid: rows go without ids */
	void (*begin)(struct AdvpgOutput *output, Oid id_type);
	Tuplestorestate *store;
	TupleDesc desc;
} AdvpgOutput;

/* Put a row whose first value is an id, which is left out where ids were not asked for. */
extern void advpg_output_row(AdvpgOutput *output, Datum *values, bool *nulls);

/* Carries out a task and puts the rows of its result. schema is the extension's; memory is taken from the current context. */
typedef void (*AdvpgProduce)(Oid schema, Jsonb *task, AdvpgOutput *output);

/* An SQL call of a set-returning function whose arguments are a task. */
extern Datum advpg_call_produce(FunctionCallInfo fcinfo, AdvpgProduce produce);

/*
 * Begin the result of a set-returning function: its rows go to the tuple store, desc describes them. The current memory context
 * becomes one of the call's own.
 */
extern Tuplestorestate *advpg_call_result(FunctionCallInfo fcinfo, TupleDesc *desc);

#endif
