/*
 * ownsql.c
 *		Statements on the extension's own tables. See ownsql.h.
 */
#include "pg/base/ownsql.h"

#include "executor/spi.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

int
advpg_own_begin(void)
{
	static const char *const settings[][2] = {{"search_path", "pg_catalog, pg_temp"}, {"row_security", "on"}};
	int level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
	return level;
}

void
advpg_own_end(int level)
{
	AtEOXact_GUC(true, level);
}

int
advpg_own_execute(const char *query, int n, Oid *types, Datum *values, const char *nulls, bool read_only,
				  long limit)
{
	int level = advpg_own_begin();
	int result = SPI_execute_with_args(query, n, types, values, nulls, read_only, limit);

	advpg_own_end(level);
	return result;
}

TriggerData *
advpg_own_trigger(FunctionCallInfo fcinfo, const char *table, bool before)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!(before ? TRIGGER_FIRED_BEFORE(data->tg_event) : TRIGGER_FIRED_AFTER(data->tg_event)) ||
		RelationGetRelid(data->tg_relation) !=
			get_relname_relid(table, get_func_namespace(fcinfo->flinfo->fn_oid)))
		ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				errmsg("%s is for a trigger of %s", get_func_name(fcinfo->flinfo->fn_oid), table));
	return data;
}
