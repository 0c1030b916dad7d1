/*
 * compute.c
 *		The leader's side of a run: its segment of shared memory, starting workers, waiting for them.
 *
 * Whatever ends the wait (completion, a core error, cancellation, a dying worker), workers are told to stop and waited
 * for before the error goes on, so a cancelled operation leaves no process and no segment behind.
 */
#include "pg/run/compute.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/run/checkpoint.h"
#include "pg/base/jobsession.h"
#include "pg/base/segment.h"

#define REPORT_MS 50 /* how often a waiting backend looks at progress */

void
advpg_run_init(AdvpgRun *run)
{
	memset(run, 0, sizeof(*run));
	shm_toc_initialize_estimator(&run->estimator);
	advpg_run_estimate(run, 1, sizeof(AdvpgShared));
}

void
advpg_run_estimate(AdvpgRun *run, size_t n, size_t size)
{
	shm_toc_estimate_chunk(&run->estimator, mul_size(n, size));
	shm_toc_estimate_keys(&run->estimator, 1);
}

void
advpg_run_estimate_rows(AdvpgRun *run, const AdvpgRows *rows)
{
	advpg_run_estimate(run, rows->layout.n_fields, sizeof(AdvField));
	advpg_run_estimate(run, rows->n_chunks, sizeof(dsm_handle));
	if (rows->label)
		advpg_run_estimate(run, rows->n, sizeof(int32_t));
}

/* When the leader lets go of the segment, for whatever reason, nobody waits for the workers any more. */
static void
abort_team(dsm_segment *segment, Datum arg)
{
	atomic_store(&((AdvpgShared *) DatumGetPointer(arg))->team.abort, 1);
}

void
advpg_run_create(AdvpgRun *run, AdvpgRunKind kind, const char *what)
{
	size_t size = shm_toc_estimate(&run->estimator);
	AdvpgShared *shared;

	run->segment = advpg_segment_create(size, what);
	run->toc = shm_toc_create(ADVPG_SHARED_MAGIC, dsm_segment_address(run->segment), size);
	run->shared = shared = advpg_run_put(run, ADVPG_KEY_SHARED, NULL, 1, sizeof(AdvpgShared));
	shared->kind = kind;
	shared->most = advpg_instruction_set;
	shared->nice = advpg_nice;
	shared->leader = MyProc;
	adv_team_init(&shared->team);
	atomic_flag_clear(&shared->error_taken);
	on_dsm_detach(run->segment, abort_team, PointerGetDatum(shared));
}

void *
advpg_run_put(AdvpgRun *run, uint64 key, const void *source, size_t n, size_t size)
{
	void *place = shm_toc_allocate(run->toc, n * size);

	advpg_segment_fill(place, source, n * size);
	shm_toc_insert(run->toc, key, place);
	return place;
}

void
advpg_run_put_rows(AdvpgRun *run, int set, const AdvpgRows *rows)
{
	AdvpgSharedSet *shared = &run->shared->sets[set];
	uint64 base = (uint64) set * ADVPG_KEY_SET_STRIDE;
	dsm_handle *handles;

	run->rows[set] = rows;
	shared->n_rows = rows->n;
	shared->rows_per_chunk = rows->rows_per_chunk;
	shared->row_bytes = rows->layout.row_bytes;
	shared->shape = rows->layout.shape;
	shared->n_fields = rows->layout.n_fields;
	shared->n_chunks = rows->n_chunks;
	shared->labelled = rows->label != NULL;
	advpg_run_put(run, base + ADVPG_KEY_FIELDS, rows->layout.fields, rows->layout.n_fields, sizeof(AdvField));
	handles = advpg_run_put(run, base + ADVPG_KEY_HANDLES, NULL, rows->n_chunks, sizeof(dsm_handle));
	for (int i = 0; i < rows->n_chunks; i++)
		handles[i] = dsm_segment_handle(rows->segments[i]);
	if (rows->label)
		advpg_run_put(run, base + ADVPG_KEY_LABEL, rows->label, rows->n, sizeof(int32_t));
}

AdvCheckpoint *
advpg_run_checkpoint(shm_toc *toc)
{
	void *memory = shm_toc_lookup(toc, ADVPG_KEY_CHECKPOINT, true);

	return memory ? (AdvCheckpoint *) ADVPG_ALIGN64(memory) : NULL;
}

void
advpg_run_release(AdvpgRun *run)
{
	if (run->segment)
		dsm_detach(run->segment);
	run->segment = NULL;
}

/* ---- workers ---- */

typedef struct Workers
{
	int n;
	BackgroundWorkerHandle **handles;
} Workers;

BackgroundWorkerHandle *
advpg_run_register(AdvpgRun *run, const char *type, const char *function, int flags)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | flags;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(run->segment));
	strlcpy(worker.bgw_library_name, "$libdir/advfair", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s for PID %d", type, MyProcPid);
	strlcpy(worker.bgw_type, type, sizeof(worker.bgw_type));
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

static void
register_workers(AdvpgRun *run, int wanted, Workers *workers)
{
	for (workers->n = 0; workers->n < wanted; workers->n++)
		if ((workers->handles[workers->n] =
				 advpg_run_register(run, "advfair compute worker", "advfair_worker_main", 0)) == NULL)
			break;
}

static void
start_workers(AdvpgRun *run, int wanted, Workers *workers)
{
	register_workers(run, wanted, workers);
	if (workers->n == 0 && run->spare)
	{
		TerminateBackgroundWorker(run->spare);
		(void) WaitForBackgroundWorkerShutdown(run->spare);
		register_workers(run, wanted, workers);
	}
	if (workers->n == 0)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("no background worker slot is free for a compute worker"),
				errdetail("All %d of max_worker_processes are in use.", max_worker_processes),
				errhint("Wait for other operations to end, or increase max_worker_processes."));
	if (workers->n < wanted)
		ereport(advpg_verbose ? NOTICE : DEBUG1,
				errmsg("%d of %d compute workers started: no more background worker slots are free",
					   workers->n, wanted));
}

/* How many workers have not ended. */
static int
count_alive(Workers *workers)
{
	int alive = 0;
	pid_t pid;

	for (int i = 0; i < workers->n; i++)
	{
		BgwHandleStatus status = GetBackgroundWorkerPid(workers->handles[i], &pid);

		if (status == BGWH_STARTED || status == BGWH_NOT_YET_STARTED)
			alive++;
	}
	return alive;
}

static void
wait_a_little(void)
{
	int events =
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, REPORT_MS, PG_WAIT_EXTENSION);

	if (events & WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* The name of a row that a failure is about, or NULL. */
static char *
failed_row(const AdvpgRun *run, AdvErrorRow which)
{
	const AdvpgRows *rows = run->rows[which == ADV_ROW_COMPARED ? ADVPG_SET_EVAL : ADVPG_SET_DATA];
	unsigned long long row = run->shared->error.row[which];

	return row > 0 ? advpg_rows_name(rows, row - 1) : NULL;
}

/* Raise what a worker reports, with names for rows. */
static void
raise_failure(const AdvpgRun *run)
{
	AdvError err = run->shared->error;
	char *name = failed_row(run, ADV_ROW_OF_DATA);
	char *compared = failed_row(run, ADV_ROW_COMPARED);
	char *left_out = failed_row(run, ADV_ROW_LEFT_OUT);

	if (left_out)
		snprintf(err.detail, sizeof(err.detail), "Left out: %s.", left_out);
	advpg_raise(&err, name ? psprintf("%s: ", name) : compared ? psprintf("compared %s: ", compared) : NULL);
}

static void
wait_for_team(AdvpgRun *run, Workers *workers, void (*report)(AdvpgRun *, void *), void *arg)
{
	AdvpgShared *shared = run->shared;
	int size;

	/* everybody who is still alive joins; then the team is complete */
	while (atomic_load(&shared->joined) < count_alive(workers))
		wait_a_little();
	size = atomic_load(&shared->joined);
	atomic_store(&shared->size, size);

	while (size > 0 && atomic_load(&shared->finished) < size)
	{
		/* counted in this order: who finishes meanwhile must not look as if it had died */
		int alive = count_alive(workers);

		/* a member that is gone without finishing failed before it could say why */
		if (alive < size - atomic_load(&shared->finished))
			break;
		wait_a_little();
		if (report)
			report(run, arg);
		advpg_checkpoint_keep(run, false);
	}
	if (shared->error.status != ADV_OK)
		raise_failure(run);
	if (atomic_load(&shared->finished) == size && size > 0)
	{
		if (atomic_load(&shared->team.abort) == 0)
		{
			advpg_checkpoint_keep(run, true);
			return;
		}
		ereport(ERROR, errcode(ERRCODE_ADMIN_SHUTDOWN), errmsg("a compute worker was told to stop"));
	}
	ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("a compute worker ended unexpectedly"),
			errhint("The server log may tell why."));
}

/* Wait until no worker is left, whatever else happens meanwhile. */
static void
stop_workers(AdvpgRun *run, Workers *workers)
{
	atomic_store(&run->shared->team.abort, 1);
	HOLD_INTERRUPTS();
	for (int i = 0; i < workers->n; i++)
		TerminateBackgroundWorker(workers->handles[i]);
	for (int i = 0; i < workers->n; i++)
		(void) WaitForBackgroundWorkerShutdown(workers->handles[i]);
	RESUME_INTERRUPTS();
}

int
advpg_run_workers(AdvpgRun *run, int wanted, void (*report)(AdvpgRun *, void *), void *arg)
{
	Workers workers = {0};

	workers.handles = palloc0(sizeof(BackgroundWorkerHandle *) * wanted);
	advpg_jobsession_pause();
	start_workers(run, wanted, &workers);
	PG_TRY();
	{
		wait_for_team(run, &workers, report, arg);
	}
	PG_CATCH();
	{
		stop_workers(run, &workers);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (report)
		report(run, arg);
	for (int i = 0; i < workers.n; i++)
		(void) WaitForBackgroundWorkerShutdown(workers.handles[i]);
	advpg_jobsession_continue();
	return atomic_load(&run->shared->size);
}
