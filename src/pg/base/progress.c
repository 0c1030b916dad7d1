/*
 * progress.c
 *		What runs now, for the view advfair_progress.
 *
 * The slots are made on first use, out of the spare room every server keeps, so nothing has to be preloaded. A slot has one
 * writer, its session; a lock keeps readers from seeing half a change. Sessions of all databases share them, so texts are in the
 * encoding of the writer's.
 */
#include "pg/base/progress.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "pg/base/advpg.h"
#include "pg/base/characters.h"
#include "pg/base/extension.h"
#include "pg/base/version.h"

#define SLOTS 64

typedef struct Slot
{
	int pid; /* 0: free */
	Oid role;
	int encoding; /* of model */
	char task[32];
	char model[NAMEDATALEN];
	char phase[32];
	TimestampTz since; /* start of the phase */
	uint64 done;
	uint64 total;
	double loss;
} Slot;

typedef struct Progress
{
	int tranche; /* of the lock */
	LWLock lock;
	Slot slots[SLOTS];
} Progress;

static Progress *progress = NULL;
static Slot *mine = NULL;
static int depth = 0;
static int shown = 1; /* how deep an operation may be for its phases to be shown */

static void
attach(void)
{
	bool found;

	if (progress)
		return;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	progress = ShmemInitStruct("advfair progress", sizeof(Progress), &found);
	if (!found)
	{
		memset(progress, 0, sizeof(Progress));
		progress->tranche = LWLockNewTrancheId();
		LWLockInitialize(&progress->lock, progress->tranche);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(progress->tranche, "advfair progress");
}

static void
free_slot(int code, Datum arg)
{
	if (mine)
	{
		LWLockAcquire(&progress->lock, LW_EXCLUSIVE);
		mine->pid = 0;
		LWLockRelease(&progress->lock);
		mine = NULL;
	}
}

void
advpg_progress_begin(const char *task, const char *model)
{
	static bool registered = false;

	advpg_extension_hold();
	if (depth++ > 0)
		return;
	shown = 1;
	attach();
	if (!registered)
	{
		before_shmem_exit(free_slot, 0);
		registered = true;
	}
	LWLockAcquire(&progress->lock, LW_EXCLUSIVE);
	for (int i = 0; i < SLOTS && !mine; i++)
		if (progress->slots[i].pid == 0)
			mine = &progress->slots[i];
	if (mine)
	{
		memset(mine, 0, sizeof(Slot));
		mine->pid = MyProcPid;
		mine->role = GetUserId();
		mine->encoding = GetDatabaseEncoding();
		mine->loss = NAN;
		advpg_cut_text(mine->task, task, sizeof(mine->task));
		advpg_cut_text(mine->model, model ? model : "", sizeof(mine->model));
	}
	LWLockRelease(&progress->lock);
}

void
advpg_progress_show_parts(void)
{
	if (depth == 1)
		shown = 2;
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
	if (!mine || depth > shown)
		return;
	LWLockAcquire(&progress->lock, LW_EXCLUSIVE);
	advpg_cut_text(mine->phase, phase, sizeof(mine->phase));
	mine->since = GetCurrentTimestamp();
	mine->done = 0;
	mine->total = total;
	LWLockRelease(&progress->lock);
}

void
advpg_progress_update(uint64 done, double loss)
{
	if (!mine || depth > shown)
		return;
	LWLockAcquire(&progress->lock, LW_EXCLUSIVE);
	mine->done = done;
	mine->loss = loss;
	LWLockRelease(&progress->lock);
}

ADVPG_FUNCTION(advfair_progress_rows);

Datum
advfair_progress_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();

	InitMaterializedSRF(fcinfo, 0);
	attach();
	for (int i = 0; i < SLOTS; i++)
	{
		Slot slot;
		Datum values[9] = {0};
		bool nulls[9];
		double elapsed;

		LWLockAcquire(&progress->lock, LW_SHARED);
		slot = progress->slots[i];
		LWLockRelease(&progress->lock);
		if (slot.pid == 0)
			continue;
		memset(nulls, true, sizeof(nulls));
		values[0] = Int32GetDatum(slot.pid);
		nulls[0] = false;
		if (has_privs_of_role(GetUserId(), slot.role) ||
			has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS))
		{
			values[1] = CStringGetTextDatum(slot.task);
			values[2] = CStringGetTextDatum(advpg_foreign_text(slot.model, slot.encoding));
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
