/*
 * advfair.c
 *		Module start. Nothing runs here but the definition of settings.
 */
#include "pg/advpg.h"

#include "fmgr.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	advpg_guc_init();
}
