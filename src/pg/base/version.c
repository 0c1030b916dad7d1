/*
 * version.c
 *		Whether the extension's objects are of the library's version. See version.h.
 */
#include "pg/base/version.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "pg/base/advpg.h"
#include "pg/base/compat.h"

/* The version of the extension in this database, NULL when it has none. */
static char *
objects_version(void)
{
	Relation relation = table_open(ExtensionRelationId, AccessShareLock);
	char *version = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple row;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("advfair"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	row = systable_getnext(scan);
	if (HeapTupleIsValid(row))
	{
		bool isnull;
		Datum value = heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(relation), &isnull);

		if (!isnull)
			version = TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version;
}

/* Whether a version is later than the library's. */
static bool
is_later(const char *version)
{
	int major = 0;
	int minor = 0;
	int our_major = 0;
	int our_minor = 0;

	(void) sscanf(version, "%d.%d", &major, &minor);
	(void) sscanf(ADVFAIR_VERSION, "%d.%d", &our_major, &our_minor);
	return major > our_major || (major == our_major && minor > our_minor);
}

bool
advpg_version_agrees(void)
{
	char *version = objects_version();

	return version == NULL || strcmp(version, ADVFAIR_VERSION) == 0;
}

void
advpg_version_check(void)
{
	char *version;

	/* scripts make functions before the version is what it will be; so does pg_upgrade */
	if (creating_extension || IsBinaryUpgrade)
		return;
	version = objects_version();
	if (version && strcmp(version, ADVFAIR_VERSION) != 0)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("advfair's objects are of version %s, but its library is %s", version, ADVFAIR_VERSION),
			is_later(version)
				? errhint("Begin a new session, or restart the server where the library is preloaded.")
				: errhint("Run \"ALTER EXTENSION advfair UPDATE\"."));
}
