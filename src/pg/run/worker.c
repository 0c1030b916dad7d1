/*
 * worker.c
 *		A compute worker: attaches to a run's shared memory, runs the core, leaves.
 *
 * It has no database connection, takes no lock and touches nothing but the run's segments. It stops when the run is aborted, on
 * SIGTERM, and when the postmaster is gone; should its leader vanish, the leader's exit aborts the run.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"

#include "core/kernel/gemm.h"
#include "pg/base/advpg.h"
#include "pg/base/priority.h"
#include "pg/run/attach.h"
#include "pg/run/run_attack.h"
#include "pg/run/run_certify.h"
#include "pg/run/run_luf.h"
#include "pg/run/run_predict.h"
#include "pg/run/run_train.h"

#define JOIN_LOOK_MS 1 /* how often a worker looks whether its team is complete */

PGDLLEXPORT void advfair_worker_main(Datum arg);

/* All kinds of runs. */
static const AdvpgRunKind *const kinds[] = {&advpg_run_probe_kind,   &advpg_run_train_kind,
											&advpg_run_predict_kind, &advpg_run_attack_kind,
											&advpg_run_luf_kind,     &advpg_run_certify_kind};

/* AdvTeam.poll: turn what the server tells us into an abort of the run. */
static void
poll_server(void *arg)
{
	AdvpgShared *shared = arg;

	advpg_priority_retry();
	if (ShutdownRequestPending || !PostmasterIsAlive())
		atomic_store(&shared->team.abort, 1);
}

/* Join the team; false when the run ended before it began. */
static bool
join(AdvpgShared *shared, AdvTeam *team)
{
	team->shared = &shared->team;
	team->poll = poll_server;
	team->poll_arg = shared;
	team->rank = atomic_fetch_add(&shared->joined, 1);
	SetLatch(&shared->leader->procLatch);
	while ((team->size = atomic_load(&shared->size)) == 0)
	{
		if (adv_team_should_stop(team))
			return false;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, JOIN_LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	return true;
}

/*
 * The first member to fail tells why, and stops the others. One that was stopped leaves that to whoever stopped it: when a
 * training diverges all members unwind, and only rank 0, perhaps the last to notice, says so.
 */
static void
report_failure(AdvpgShared *shared, AdvStatus status, const AdvError *err)
{
	if (status == ADV_ABORTED)
		return;
	if (!atomic_flag_test_and_set(&shared->error_taken))
		shared->error = *err;
	atomic_store(&shared->team.abort, 1);
}

static const AdvpgRunKind *
find_kind(const char *name)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	elog(ERROR, "unknown kind of run \"%s\"", name);
}

static void
run_core(shm_toc *toc, AdvpgShared *shared, AdvTeam *team)
{
	const AdvpgRunKind *kind = find_kind(shared->kind);
	AdvStatus status = ADV_OK;
	AdvError err = {0};
	AdvIsa isa = adv_cpu_use(shared->most);

	(void) adv_gemm_load_blas();
	if (team->rank == 0)
	{
		shared->isa = isa;
		strlcpy(shared->blas, adv_gemm_name(), sizeof(shared->blas));
	}
	if (kind->work)
		status = kind->work(toc, team, &err);
	if (status != ADV_OK)
		report_failure(shared, status, &err);
}

void
advfair_worker_main(Datum arg)
{
	dsm_segment *segment;
	shm_toc *toc;
	AdvpgShared *shared;
	AdvTeam team = {0};

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "advfair compute worker");
	CurrentMemoryContext =
		AllocSetContextCreate(TopMemoryContext, "advfair compute worker", ALLOCSET_DEFAULT_SIZES);

	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return; /* the leader is gone */
	toc = shm_toc_attach(ADVPG_SHARED_MAGIC, dsm_segment_address(segment));
	if (toc == NULL)
		return;
	shared = advpg_attach(toc, ADVPG_TEAM);
	if (!join(shared, &team))
		return;
	advpg_priority_lower(shared->nice);

	PG_TRY();
	{
		run_core(toc, shared, &team);
	}
	PG_CATCH();
	{
		ErrorData *error;
		AdvError err;

		MemoryContextSwitchTo(TopMemoryContext);
		error = CopyErrorData();
		adv_fail(&err, ADV_LIMIT, "compute worker failed: %s", error->message);
		report_failure(shared, ADV_LIMIT, &err);
		FlushErrorState();
	}
	PG_END_TRY();
	atomic_fetch_add(&shared->finished, 1);
	SetLatch(&shared->leader->procLatch);
	dsm_detach(segment);
}
