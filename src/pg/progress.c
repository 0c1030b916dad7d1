/*
 * progress.c
 *		What runs now, for the view advfair_progress.
 *
 * The slots are made on first use, out of the spare room every server keeps, so nothing has to be preloaded. A slot has one
 * writer, its session; a spinlock keeps readers from seeing half a change.
 */
#include "pg/progress.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/advpg.h"
#include "pg/version.h"

#define SLOTS 64

typedef struct Slot
{
	slock_t mutex;
	int pid; /* 0: free */
	Oid role;
	char task[16];
	char model[NAMEDATALEN];
	char phase[32];
	TimestampTz since; /* start of the phase */
	uint64 done;
	uint64 total;
	double loss;
} Slot;

static Slot *slots = NULL;
static Slot *mine = NULL;
static int depth = 0;

static void
attach_slots(void)
{
	bool found;

	if (slots)
		return;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	slots = ShmemInitStruct("advfair progress", sizeof(Slot) * SLOTS, &found);
	if (!found)
		for (int i = 0; i < SLOTS; i++)
		{
			memset(&slots[i], 0, sizeof(Slot));
			SpinLockInit(&slots[i].mutex);
		}
	LWLockRelease(AddinShmemInitLock);
}

static void
free_slot(int code, Datum arg)
{
	if (mine)
	{
		SpinLockAcquire(&mine->mutex);
		mine->pid = 0;
		SpinLockRelease(&mine->mutex);
		mine = NULL;
	}
}

void
advpg_progress_begin(const char *task, const char *model)
{
	static bool registered = false;

	if (depth++ > 0)
		return;
	attach_slots();
	if (!registered)
	{
		before_shmem_exit(free_slot, 0);
		registered = true;
	}
	for (int i = 0; i < SLOTS && !mine; i++)
	{
		SpinLockAcquire(&slots[i].mutex);
		if (slots[i].pid == 0)
		{
			mine = &slots[i];
			mine->pid = MyProcPid;
			mine->role = GetUserId();
			strlcpy(mine->task, task, sizeof(mine->task));
			strlcpy(mine->model, model ? model : "", sizeof(mine->model));
			mine->phase[0] = '\0';
			mine->done = mine->total = 0;
			mine->loss = NAN;
		}
		SpinLockRelease(&slots[i].mutex);
	}
}

void
advpg_progress_end(void)
{
	if (--depth == 0)
		free_slot(0, 0);
}

void
advpg_progress_phase(const char *phase, uint64 total)
{
	if (advpg_verbose)
		ereport(NOTICE, errmsg("advfair: %s", phase));
	if (!mine || depth > 1)
		return;
	SpinLockAcquire(&mine->mutex);
	strlcpy(mine->phase, phase, sizeof(mine->phase));
	mine->since = GetCurrentTimestamp();
	mine->done = 0;
	mine->total = total;
	SpinLockRelease(&mine->mutex);
}

void
advpg_progress_update(uint64 done, double loss)
{
	if (!mine || depth > 1)
		return;
	SpinLockAcquire(&mine->mutex);
	mine->done = done;
	mine->loss = loss;
	SpinLockRelease(&mine->mutex);
}

ADVPG_FUNCTION(advfair_progress_rows);

Datum
advfair_progress_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();

	InitMaterializedSRF(fcinfo, 0);
	attach_slots();
	for (int i = 0; i < SLOTS; i++)
	{
		Slot slot;
		Datum values[9] = {0};
		bool nulls[9];
		double elapsed;

		SpinLockAcquire(&slots[i].mutex);
		slot = slots[i];
		SpinLockRelease(&slots[i].mutex);
		if (slot.pid == 0)
			continue;
		memset(nulls, true, sizeof(nulls));
		values[0] = Int32GetDatum(slot.pid);
		nulls[0] = false;
		if (has_privs_of_role(GetUserId(), slot.role) ||
			has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		{
			values[1] = CStringGetTextDatum(slot.task);
			values[2] = CStringGetTextDatum(slot.model);
			values[3] = CStringGetTextDatum(slot.phase);
			values[4] = Int64GetDatum(slot.done);
			values[5] = Int64GetDatum(slot.total);
			values[6] = Float8GetDatum(slot.loss);
			nulls[1] = nulls[3] = nulls[4] = false;
			nulls[2] = slot.model[0] == '\0';
			nulls[5] = slot.total == 0;
			nulls[6] = isnan(slot.loss);
			elapsed = (now - slot.since) / (double) USECS_PER_SEC;
			if (slot.done > 0 && elapsed > 0)
			{
				double rate = slot.done / elapsed;

				values[7] = Float8GetDatum(rate);
				nulls[7] = false;
				if (slot.total >= slot.done)
				{
					Interval *eta = palloc0(sizeof(Interval));

					eta->time = (TimeOffset) ((slot.total - slot.done) / rate * USECS_PER_SEC);
					values[8] = IntervalPGetDatum(eta);
					nulls[8] = false;
				}
			}
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
