/*
 * sql_query.c
 *		Changes of rows that are looked for by queries: advfair_attack_sql, advfair_recourse.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/base/version.h"
#include "pg/operation/produce.h"

ADVPG_FUNCTION(advfair_attack_sql);
ADVPG_FUNCTION(advfair_recourse);

Datum
advfair_attack_sql(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_query);
}

Datum
advfair_recourse(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_recourse);
}
