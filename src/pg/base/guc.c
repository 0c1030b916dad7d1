/*
 * guc.c
 *		All settings, in alphabetical order.
 */
#include "pg/base/advpg.h"

#include <limits.h>
#include <unistd.h>

#include "utils/guc.h"

#include "core/base/team.h"
#include "core/kernel/cpu.h"

#define MIN_MEMORY_KB     1024
#define DEFAULT_MEMORY_KB (4 * 1024 * 1024)

int advpg_checkpoint_interval = 30;
int advpg_instruction_set = ADV_ISA_AMX;
int advpg_max_jobs = 2;
int advpg_nice = 0;
int advpg_max_memory = DEFAULT_MEMORY_KB;
int advpg_max_workers = 0;
bool advpg_verbose = false;
int advpg_workers = 0;

static const struct config_enum_entry instruction_sets[] = {
	{"auto", ADV_ISA_AMX, false},
	{"avx512", ADV_ISA_AVX512, false},
	{"avx2", ADV_ISA_AVX2, false},
	{"generic", ADV_ISA_GENERIC, false},
	{NULL, 0, false},
};

/* Row functions run in this process, on whole registers at most: tiles pay for many rows only. */
static void
assign_instruction_set(int most, void *extra)
{
	(void) adv_cpu_use(Min(most, ADV_ISA_AVX512));
}

void
advpg_guc_init(void)
{
	DefineCustomIntVariable("advfair.checkpoint_interval", "Time between two checkpoints of a job.", NULL,
							&advpg_checkpoint_interval, 30, 1, 86400, PGC_USERSET, GUC_UNIT_S, NULL, NULL,
							NULL);
	DefineCustomEnumVariable("advfair.instruction_set",
							 "Widest instruction set that may be used; auto means what the processor has.",
							 NULL, &advpg_instruction_set, ADV_ISA_AMX, instruction_sets, PGC_USERSET, 0,
							 NULL, assign_instruction_set, NULL);
	DefineCustomIntVariable("advfair.max_jobs", "Most jobs the launcher runs at a time; 0 starts none.", NULL,
							&advpg_max_jobs, 2, 0, ADVPG_MOST_JOBS, PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("advfair.max_memory",
							"Most shared memory one operation may use for rows, weights and results.", NULL,
							&advpg_max_memory, DEFAULT_MEMORY_KB, MIN_MEMORY_KB, INT_MAX, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("advfair.max_workers",
							"Most compute workers one operation gets, whatever it asks for; 0 sets no limit.",
							NULL, &advpg_max_workers, 0, 0, ADV_TEAM_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("advfair.nice",
							"Lowers the priority of compute workers, as nice does; 0 leaves it as it is.",
							NULL, &advpg_nice, 0, 0, 19, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("advfair.verbose", "Reports phases and epochs of an operation as notices.", NULL,
							 &advpg_verbose, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("advfair.workers",
							"Compute workers an operation asks for; 0 means one for each processor.", NULL,
							&advpg_workers, 0, 0, ADV_TEAM_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("advfair");
}

int
advpg_wanted_workers(int requested)
{
	long wanted = requested > 0       ? requested
				  : advpg_workers > 0 ? advpg_workers
									  : sysconf(_SC_NPROCESSORS_ONLN);
	int most = advpg_max_workers > 0 ? advpg_max_workers : ADV_TEAM_MAX;

	return Max(1, Min(wanted, most));
}
