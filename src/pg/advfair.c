/*
 * advfair.c
 *		Module start: settings, and with shared_preload_libraries the launcher of jobs.
 */
#include "pg/base/advpg.h"

#include "fmgr.h"

#include "pg/job/queue.h"

PG_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	advpg_guc_init();
	advpg_queue_init();
}
