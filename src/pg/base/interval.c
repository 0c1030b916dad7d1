/*
 * interval.c
 *		Bootstrap intervals in a backend. See interval.h.
 *
 * The core must not be jumped out of: it asks now and then whether to stop, the question handles interrupts, and an error of that is raised
 * when the core has returned.
 */
#include "pg/base/interval.h"

#include <math.h>

#include "utils/memutils.h"

#include "pg/base/advpg.h"

void
advpg_interval_check(double level, int replicates)
{
	if (!(level > 0 && level < 1))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("level is %g, but must lie between 0 and 1", level),
				errhint("Give it as a fraction, such as 0.95."));
	if (replicates < 1 || replicates > ADVPG_MAX_REPLICATES)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("replicates is %d, but must be between 1 and %d", replicates, ADVPG_MAX_REPLICATES));
}

/*
 * Resampled means are kept for each group, model and replicate: so few rows may take much memory, which is this process' own but no less the
 * server's.
 */
static void
check_room(int replicates, const AdvGrouped *rows)
{
	double bytes = (double) replicates * rows->n_groups * rows->n_models * sizeof(double);

	if (bytes / 1024 > advpg_max_memory)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("%d replicates of the means of %d groups would need %.0f MB of memory, more than "
					   "advfair.max_memory (%d MB)",
					   replicates, rows->n_groups, ceil(bytes / (1024 * 1024)), advpg_max_memory / 1024),
				errhint("Use fewer replicates, or increase advfair.max_memory."));
}

void
advpg_interval_estimate(AdvBootstrap how, const AdvGrouped *rows, const AdvEstimates *wanted)
{
	AdvpgInterruption interruption = {CurrentMemoryContext, NULL};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair bootstrap", ALLOCSET_DEFAULT_SIZES);
	AdvAllocator allocator = advpg_allocator(context);
	AdvStatus status;
	AdvError err;

	how.should_stop = advpg_interrupted;
	how.stop_arg = &interruption;
	if (wanted->of[ADV_MEAN] || wanted->change[ADV_MEAN])
		check_room(how.replicates, rows);
	status = adv_bootstrap(&how, rows, wanted, &allocator, &err);
	advpg_raise_interruption(&interruption);
	if (status != ADV_OK)
		advpg_raise(&err, NULL);
	MemoryContextDelete(context);
}
