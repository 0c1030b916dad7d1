/*
 * run.c
 *		The leader's side of a run: its manifest, its segment of shared memory, starting workers, waiting for them.
 *
 * Whatever ends the wait (completion, a core error, cancellation, a dying worker), workers are told to stop and waited
 * for before the error goes on, so a cancelled operation leaves no process and no segment behind.
 */
#include "pg/run/run.h"

#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/base/background.h"
#include "pg/base/jobsession.h"
#include "pg/base/segment.h"
#include "pg/run/attach.h"
#include "pg/run/checkpoint.h"

#define REPORT_MS 50 /* how often a waiting backend looks at progress */
#define ALIGNMENT 64 /* of arrays with ADVPG_ALIGNED */

const AdvpgRunKind advpg_run_probe_kind = {"probe", NULL};

/* ---- the manifest ---- */

void
advpg_run_init(AdvpgRun *run, const AdvpgRunKind *kind)
{
	memset(run, 0, sizeof(*run));
	run->kind = kind;
	advpg_run_array(run, ADVPG_TEAM, NULL, 1, sizeof(AdvpgShared), 0);
}

static AdvpgArray *
add_array(AdvpgRun *run, const char *name, const void *source, size_t n, size_t size, int flags)
{
	AdvpgArray *array = palloc0(sizeof(AdvpgArray));

	*array = (AdvpgArray){name, source, n, size, flags};
	run->arrays = lappend(run->arrays, array);
	return array;
}

/* The array of a name; NULL when there is none. */
static const AdvpgArray *
find_array(const AdvpgRun *run, const char *name)
{
	ListCell *cell;

	foreach (cell, run->arrays)
		if (strcmp(((const AdvpgArray *) lfirst(cell))->name, name) == 0)
			return lfirst(cell);
	return NULL;
}

void
advpg_run_array(AdvpgRun *run, const char *name, const void *source, size_t n, size_t size, int flags)
{
	(void) add_array(run, name, source, n, size, flags);
}

void *
advpg_run_result(AdvpgRun *run, const char *name, size_t n, size_t size, int flags)
{
	AdvpgArray *array = add_array(run, name, NULL, n, size, flags);

	array->result = palloc_extended(mul_size(n, size) + 1, MCXT_ALLOC_HUGE);
	return array->result;
}

void
advpg_run_rows(AdvpgRun *run, const char *name, const AdvpgRows *rows)
{
	AdvpgSharedSet *set = palloc0(sizeof(AdvpgSharedSet));

	set->n_rows = rows->n;
	set->rows_per_chunk = rows->rows_per_chunk;
	set->row_bytes = rows->layout.row_bytes;
	set->shape = rows->layout.shape;
	set->n_fields = rows->layout.n_fields;
	set->n_chunks = rows->chunks->n;
	add_array(run, name, set, 1, sizeof(*set), 0)->rows = rows;
	advpg_run_array(run, advpg_attach_part(name, ADVPG_SET_FIELDS), rows->layout.fields,
					rows->layout.n_fields, sizeof(AdvField), 0);
	advpg_run_array(run, advpg_attach_part(name, ADVPG_SET_CHUNKS), NULL, rows->chunks->n,
					sizeof(AdvpgSharedChunk), 0);
	advpg_run_array(run, advpg_attach_part(name, ADVPG_SET_FILE), NULL, MAXPGPATH, 1, 0);
	if (rows->label)
		advpg_run_array(run, advpg_attach_part(name, ADVPG_SET_LABEL), rows->label, rows->n, sizeof(int32_t),
						0);
}

/* Say where rows lie, now that they stay there. */
static void
put_chunks(AdvpgRun *run, const char *name, const AdvpgChunks *chunks)
{
	AdvpgSharedChunk *shared = advpg_run_place(run, advpg_attach_part(name, ADVPG_SET_CHUNKS));

	for (int i = 0; i < chunks->n; i++)
	{
		const AdvpgChunk *c = &chunks->of[i];

		shared[i] = (AdvpgSharedChunk){c->segment ? dsm_segment_handle(c->segment) : DSM_HANDLE_INVALID,
									   c->at, c->bytes};
	}
	if (chunks->spill) /* else it stays empty: the segment is zeroed */
		strlcpy(advpg_run_place(run, advpg_attach_part(name, ADVPG_SET_FILE)),
				advpg_spill_path(chunks->spill), MAXPGPATH);
}

/* ---- the segment ---- */

static size_t
bytes_of(const AdvpgArray *array)
{
	return mul_size(array->n, array->size);
}

/* Bytes an array takes: one that is to be aligned may have to be moved up. */
static size_t
room_for(const AdvpgArray *array)
{
	return add_size(bytes_of(array), array->flags & ADVPG_ALIGNED ? ALIGNMENT : 0);
}

static size_t
segment_size(const AdvpgRun *run)
{
	shm_toc_estimator estimator;
	ListCell *cell;

	shm_toc_initialize_estimator(&estimator);
	foreach (cell, run->arrays)
		shm_toc_estimate_chunk(&estimator, room_for(lfirst(cell)));
	shm_toc_estimate_keys(&estimator, list_length(run->arrays));
	return shm_toc_estimate(&estimator);
}

static void
put_array(AdvpgRun *run, AdvpgArray *array)
{
	uint64 key = advpg_attach_key(array->name);

	if (shm_toc_lookup(run->toc, key, true))
		elog(ERROR, "run has two \"%s\"", array->name);
	array->place = shm_toc_allocate(run->toc, room_for(array));
	if (array->flags & ADVPG_ALIGNED)
		array->place = (void *) TYPEALIGN(ALIGNMENT, (uintptr_t) array->place);
	advpg_segment_fill(array->place, array->source, bytes_of(array));
	shm_toc_insert(run->toc, key, array->place);
}

/* When the leader lets go of the segment, for whatever reason, nobody waits for the workers any more. */
static void
abort_team(dsm_segment *segment, Datum arg)
{
	atomic_store(&((AdvpgShared *) DatumGetPointer(arg))->team.abort, 1);
}

void
advpg_run_create(AdvpgRun *run, const char *what)
{
	size_t size = segment_size(run);
	AdvpgShared *shared;
	ListCell *cell;

	run->segment = advpg_segment_create(size, what);
	run->toc = shm_toc_create(ADVPG_SHARED_MAGIC, dsm_segment_address(run->segment), size);
	foreach (cell, run->arrays)
		put_array(run, lfirst(cell));
	foreach (cell, run->arrays)
	{
		const AdvpgArray *array = lfirst(cell);

		if (array->rows)
			put_chunks(run, array->name, array->rows->chunks);
	}
	run->shared = shared = advpg_run_place(run, ADVPG_TEAM);
	strlcpy(shared->kind, run->kind->name, sizeof(shared->kind));
	shared->most = advpg_instruction_set;
	shared->nice = advpg_nice;
	shared->leader = MyProc;
	adv_team_init(&shared->team);
	atomic_flag_clear(&shared->error_taken);
	on_dsm_detach(run->segment, abort_team, PointerGetDatum(shared));
}

void *
advpg_run_place(const AdvpgRun *run, const char *name)
{
	return advpg_attach(run->toc, name);
}

void
advpg_run_copy(const AdvpgRun *run, const char *name, void *to)
{
	const AdvpgArray *array = find_array(run, name);

	if (array)
		advpg_segment_fill(to, array->place, bytes_of(array));
}

/* Copy what the leader wants of it out of the segment. */
static void
take_results(const AdvpgRun *run)
{
	ListCell *cell;

	foreach (cell, run->arrays)
	{
		const AdvpgArray *array = lfirst(cell);

		if (array->result)
			advpg_segment_fill(array->result, array->place, bytes_of(array));
	}
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
advpg_run_register(AdvpgRun *run, const char *type, const char *function, bool connects)
{
	AdvpgBackground what = {.type = type, .function = function, .connects = connects, .recovers = true};

	what.name = psprintf("%s for PID %d", type, MyProcPid);
	what.arg = UInt32GetDatum(dsm_segment_handle(run->segment));
	return advpg_background_start(&what);
}

static void
register_workers(AdvpgRun *run, int wanted, Workers *workers)
{
	for (workers->n = 0; workers->n < wanted; workers->n++)
		if ((workers->handles[workers->n] =
				 advpg_run_register(run, "advfair compute worker", "advfair_worker_main", false)) == NULL)
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
	const AdvpgArray *set = find_array(run, which == ADV_ROW_COMPARED ? ADVPG_EVAL : ADVPG_DATA);
	unsigned long long row = run->shared->error.row[which];

	return set && row > 0 ? advpg_rows_name(set->rows, row - 1) : NULL;
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

static bytea *
take_state(void *run)
{
	return ((AdvpgRun *) run)->take_state(run);
}

static void
keep_state(AdvpgRun *run, bool last)
{
	if (run->take_state)
		advpg_checkpoint_keep(take_state, run, last);
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
		keep_state(run, false);
	}
	if (shared->error.status != ADV_OK)
		raise_failure(run);
	if (atomic_load(&shared->finished) == size && size > 0)
	{
		if (atomic_load(&shared->team.abort) == 0)
		{
			keep_state(run, true);
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
	take_results(run);
	return atomic_load(&run->shared->size);
}
