/*
 * sql_attack.c
 *		Attacks on data sets: advfair_attack, advfair_pgd, advfair_fgsm, advfair_least_eps, and what they mean for each class:
 *		advfair_class_robustness, advfair_class_least_eps.
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg/base/version.h"
#include "pg/operation/produce.h"

ADVPG_FUNCTION(advfair_attack);
ADVPG_FUNCTION(advfair_pgd);
ADVPG_FUNCTION(advfair_fgsm);
ADVPG_FUNCTION(advfair_least_eps);
ADVPG_FUNCTION(advfair_class_robustness);
ADVPG_FUNCTION(advfair_class_least_eps);

Datum
advfair_attack(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_attack);
}

Datum
advfair_pgd(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_attack);
}

Datum
advfair_fgsm(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_fgsm);
}

Datum
advfair_least_eps(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_least_eps);
}

Datum
advfair_class_robustness(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_class_robustness);
}

Datum
advfair_class_least_eps(PG_FUNCTION_ARGS)
{
	return advpg_call_produce(fcinfo, advpg_produce_class_least_eps);
}
