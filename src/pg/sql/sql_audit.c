/*
 * sql_audit.c
 *		advfair_audit: all scores of some models. advfair_compare: those of two models, and how far they differ.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/base/version.h"
#include "pg/operation/produce.h"

ADVPG_FUNCTION(advfair_audit);
ADVPG_FUNCTION(advfair_compare);

Datum
advfair_audit(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_audit);
}

Datum
advfair_compare(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_compare);
}
