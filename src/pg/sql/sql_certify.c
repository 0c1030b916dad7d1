/*
 * sql_certify.c
 *		Certificates of data sets: advfair_certify.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/base/version.h"
#include "pg/operation/produce.h"

ADVPG_FUNCTION(advfair_certify);

Datum
advfair_certify(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_certify);
}
