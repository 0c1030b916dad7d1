/*
 * sql_report.c
 *		What charts and reports need of C: errors in their arguments, which model a name means, and files that were installed for pages.
 */
#include "pg/base/advpg.h"

#include <unistd.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/uuid.h"

#include "pg/model/registry.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_model_id);
ADVPG_FUNCTION(advfair_one_of);
ADVPG_FUNCTION(advfair_given);
ADVPG_FUNCTION(advfair_report_file);

Datum
advfair_model_id(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	pg_uuid_t *id;

	SPI_connect();
	MemoryContextSwitchTo(context);
	id = DatumGetUUIDP(DirectFunctionCall1(
		uuid_in, CStringGetDatum(advpg_registry_find(get_func_namespace(fcinfo->flinfo->fn_oid),
													 text_to_cstring(PG_GETARG_TEXT_PP(0)))
									 ->model_id)));
	SPI_finish();
	MemoryContextSwitchTo(context);
	PG_RETURN_UUID_P(id);
}

/* The name of an argument that may be missing. */
static char *
argument_name(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? pstrdup("value") : text_to_cstring(PG_GETARG_TEXT_PP(0));
}

Datum
advfair_one_of(PG_FUNCTION_ARGS)
{
	Datum *choices;
	bool *nulls;
	int n;
	char *value;
	StringInfoData list;

	if (PG_ARGISNULL(2))
		PG_RETURN_NULL();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false, TYPALIGN_INT, &choices, &nulls, &n);
	value = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		const char *choice = nulls[i] ? "" : TextDatumGetCString(choices[i]);

		if (value && strcmp(choice, value) == 0)
			PG_RETURN_DATUM(PG_GETARG_DATUM(1));
		appendStringInfo(&list, "%s%s", i ? ", " : "", choice);
	}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			value ? errmsg("%s is \"%s\", but must be one of: %s", argument_name(fcinfo), value, list.data)
				  : errmsg("%s must not be NULL, but one of: %s", argument_name(fcinfo), list.data));
}

Datum
advfair_given(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s is missing: this kind of chart needs it", argument_name(fcinfo)));
	PG_RETURN_DATUM(PG_GETARG_DATUM(1));
}

/* The text of an installed file of pages, which are ASCII; NULL when it is not there. */
static text *
read_installed(const char *name)
{
	char share[MAXPGPATH];
	char *path;
	FILE *file;
	StringInfoData all;
	char buffer[8192];
	size_t n;

	get_share_path(my_exec_path, share);
	path = psprintf("%s/extension/advfair-%s", share, name);
	file = AllocateFile(path, PG_BINARY_R);
	if (file == NULL && errno == ENOENT)
		return NULL;
	if (file == NULL)
		ereport(ERROR, errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path));
	initStringInfo(&all);
	while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
		appendBinaryStringInfo(&all, buffer, (int) n);
	if (ferror(file))
		ereport(ERROR, errcode_for_file_access(), errmsg("could not read file \"%s\": %m", path));
	FreeFile(file);
	return cstring_to_text_with_len(all.data, all.len);
}

Datum
advfair_report_file(PG_FUNCTION_ARGS)
{
	static const char *const files[] = {"report.css", "report.js", "vega.js"};
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text *content = NULL;

	for (int i = 0; i < lengthof(files); i++)
		if (strcmp(files[i], name) == 0)
			content = read_installed(name);
	if (content == NULL)
		PG_RETURN_NULL();
	if (!pg_verifymbstr(VARDATA_ANY(content), VARSIZE_ANY_EXHDR(content), true))
		ereport(ERROR, errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				errmsg("file \"%s\" is no text in this database's encoding", name));
	PG_RETURN_TEXT_P(content);
}
