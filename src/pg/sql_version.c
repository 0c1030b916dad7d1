/*
 * sql_version.c
 *		advfair_version: what runs here.
 */
#include "pg/advpg.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "core/model.h"
#include "pg/compute.h"
#include "pg/json.h"

PG_FUNCTION_INFO_V1(advfair_version);

/*
 * The name of the BLAS that compute workers use. Only a worker can tell: loading the library here would leave it in the
 * backend.
 */
static char *
probe_blas(void)
{
	AdvpgRun run;
	char *name;

	advpg_run_init(&run);
	advpg_run_create(&run, ADVPG_RUN_PROBE, "the probe");
	(void) advpg_run_workers(&run, 1, NULL, NULL);
	name = pstrdup(run.shared->blas);
	advpg_run_release(&run);
	return name;
}

Datum
advfair_version(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "advfair", ADVFAIR_VERSION);
	advpg_json_put_string(&state, "postgresql", PG_VERSION);
	advpg_json_put_number(&state, "model_format", ADV_MODEL_VERSION);
	advpg_json_put_string(&state, "cpu", adv_cpu_name(adv_cpu_detect()));
	advpg_json_put_string(&state, "blas", probe_blas());
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
