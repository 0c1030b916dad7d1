/*
 * extension.c
 *		The extension itself. See extension.h.
 */
#include "pg/base/extension.h"

#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"

bool
advpg_extension_exists(void)
{
	return OidIsValid(get_extension_oid("advfair", true));
}

void
advpg_extension_hold(void)
{
	Oid extension = get_extension_oid("advfair", true);

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	if (!OidIsValid(extension) || get_extension_oid("advfair", true) != extension)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("extension \"advfair\" was dropped"));
}
