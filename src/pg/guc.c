/*
 * guc.c
 *		All settings, in alphabetical order.
 */
#include "pg/advpg.h"

#include <limits.h>
#include <unistd.h>

#include "utils/guc.h"

#define MAX_WORKERS       1024
#define MIN_MEMORY_KB     1024
#define DEFAULT_MEMORY_KB (4 * 1024 * 1024)

int advpg_max_memory = DEFAULT_MEMORY_KB;
bool advpg_verbose = false;
int advpg_workers = 0;

void
advpg_guc_init(void)
{
	DefineCustomIntVariable("advfair.max_memory",
							"Most shared memory one operation may use for rows, weights and results.", NULL,
							&advpg_max_memory, DEFAULT_MEMORY_KB, MIN_MEMORY_KB, INT_MAX, PGC_USERSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomBoolVariable("advfair.verbose", "Reports phases and epochs of an operation as notices.", NULL,
							 &advpg_verbose, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("advfair.workers",
							"Compute workers an operation asks for; 0 means one for each processor.", NULL,
							&advpg_workers, 0, 0, MAX_WORKERS, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("advfair");
}

int
advpg_wanted_workers(int requested)
{
	long processors;

	if (requested > 0)
		return requested;
	if (advpg_workers > 0)
		return advpg_workers;
	processors = sysconf(_SC_NPROCESSORS_ONLN);
	return Max(1, Min(processors, MAX_WORKERS));
}
