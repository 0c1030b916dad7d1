/*
 * sql_luf.c
 *		advfair_luf_rows, with ids and without; advfair_luf and advfair_luf_summary are SQL over it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/base/version.h"
#include "pg/operation/produce.h"

ADVPG_FUNCTION(advfair_luf_rows);

Datum
advfair_luf_rows(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_luf);
}
