/*
 * sql_version.c
 *		advfair_version: what runs here.
 */
#include "pg/base/advpg.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "core/network/model.h"
#include "pg/run/run.h"
#include "pg/task/json.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_version);

/*
 * What compute workers run on. Only a worker can tell: loading the library here would leave it in the backend, and tiles
 * are granted to a process.
 */
static void
put_kernels(JsonbParseState **state)
{
	AdvpgRun run;

	advpg_run_init(&run, &advpg_run_probe_kind);
	advpg_run_create(&run, "the probe");
	(void) advpg_run_workers(&run, 1, NULL, NULL);
	advpg_json_put_string(state, "instruction_set", adv_cpu_name(run.shared->isa));
	advpg_json_put_string(state, "blas", pstrdup(run.shared->blas)); /* the state keeps pointers */
	advpg_run_release(&run);
}

Datum
advfair_version(PG_FUNCTION_ARGS)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "advfair", ADVFAIR_VERSION);
	advpg_json_put_string(&state, "postgresql", PG_VERSION);
	advpg_json_put_number(&state, "model_format", ADV_MODEL_VERSION);
	advpg_json_put_string(&state, "cpu", adv_cpu_name(adv_cpu_widest()));
	put_kernels(&state);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
