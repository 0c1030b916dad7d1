/*
 * launcher.c
 *		Starts job processes: the queue in shared memory and the launcher that works on it.
 *
 * The launcher is connected to no database. It knows for each database when there is something to look at, and then starts a process
 * there that takes one job, the next, and tells what is due after that. When a process ends without having left its job in order, its
 * database is looked at again: whoever takes the job then goes on with it. At start, after a crash too, all databases are looked at.
 */
#include "pg/job/queue.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/base/transaction.h"

#define MAX_DATABASES 256  /* with jobs at a time; with more, all databases are looked at now and then */
#define RETRY_MS      1000 /* after a process could not be started, or did not leave its job in order */

PGDLLEXPORT void advfair_launcher_main(Datum arg);

typedef struct Entry
{
	Oid database; /* InvalidOid: free */
	TimestampTz due;
} Entry;

/* What a job process has said. */
typedef enum SlotState
{
	SLOT_FREE,
	SLOT_STARTED,
	SLOT_FINISHED
} SlotState;

typedef struct Slot
{
	SlotState state;
	Oid database;
} Slot;

typedef struct Queue
{
	int tranche; /* of the lock */
	LWLock lock;
	Latch *launcher; /* NULL: not running */
	bool overflow;   /* a database did not fit */
	Entry entries[MAX_DATABASES];
	Slot slots[ADVPG_MOST_JOBS];
} Queue;

static Queue *queue = NULL;
static shmem_request_hook_type next_request = NULL;
static shmem_startup_hook_type next_startup = NULL;
static bool wake_at_commit = false;

/* ---- the queue ---- */

/* With the lock held: have a database looked at, at this time or earlier. */
static void
set_due(Oid database, TimestampTz due)
{
	Entry *spare = NULL;

	for (int i = 0; i < MAX_DATABASES; i++)
	{
		Entry *e = &queue->entries[i];

		if (e->database == database)
		{
			e->due = Min(e->due, due);
			return;
		}
		if (e->database == InvalidOid && spare == NULL)
			spare = e;
	}
	if (spare)
		*spare = (Entry){database, due};
	else
		queue->overflow = true;
}

static void
wake_launcher(void)
{
	Latch *latch;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	latch = queue->launcher;
	LWLockRelease(&queue->lock);
	if (latch)
		SetLatch(latch);
}

static void
look_at(Oid database, TimestampTz due)
{
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	set_due(database, due);
	LWLockRelease(&queue->lock);
	wake_launcher();
}

bool
advpg_queue_exists(void)
{
	return queue != NULL;
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && wake_at_commit)
		look_at(MyDatabaseId, GetCurrentTimestamp());
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		wake_at_commit = false;
}

void
advpg_queue_wake_at_commit(void)
{
	static bool registered = false;

	if (queue == NULL)
		return;
	if (!registered)
		RegisterXactCallback(at_end_of_transaction, NULL);
	registered = true;
	wake_at_commit = true;
}

void
advpg_queue_looked(int slot, TimestampTz due)
{
	if (slot >= 0 && queue && !TIMESTAMP_IS_NOEND(due))
		look_at(MyDatabaseId, due);
}

void
advpg_queue_finished(int slot)
{
	if (slot < 0 || queue == NULL)
		return;
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	queue->slots[slot].state = SLOT_FINISHED;
	LWLockRelease(&queue->lock);
}

BackgroundWorkerHandle *
advpg_queue_start(Oid database, AdvpgJobOrder order)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	memcpy(worker.bgw_extra, &order, sizeof(order));
	strlcpy(worker.bgw_library_name, "$libdir/advfair", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "advfair_job_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "advfair job", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "advfair job", sizeof(worker.bgw_type));
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

/* ---- shared memory ---- */

static void
request_memory(void)
{
	if (next_request)
		next_request();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Queue)));
}

static void
make_queue(void)
{
	bool found;

	if (next_startup)
		next_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	queue = ShmemInitStruct("advfair queue", sizeof(Queue), &found);
	if (!found)
	{
		memset(queue, 0, sizeof(Queue));
		queue->tranche = LWLockNewTrancheId();
		LWLockInitialize(&queue->lock, queue->tranche);
	}
	LWLockRelease(AddinShmemInitLock);
	LWLockRegisterTranche(queue->tranche, "advfair queue");
}

void
advpg_queue_init(void)
{
	BackgroundWorker worker = {0};

	if (!process_shared_preload_libraries_in_progress)
		return;
	next_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup = shmem_startup_hook;
	shmem_startup_hook = make_queue;

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "advfair", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "advfair_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "advfair launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "advfair launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}

/* ---- the launcher ---- */

static BackgroundWorkerHandle *handles[ADVPG_MOST_JOBS];
static List *unseen = NIL; /* databases that have yet to be looked at, whatever the queue says */

/* The next launcher knows nothing of this one's processes: they put their jobs back into the queue. */
static void
leave(int code, Datum arg)
{
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	queue->launcher = NULL;
	LWLockRelease(&queue->lock);
	for (int i = 0; i < ADVPG_MOST_JOBS; i++)
		if (handles[i])
			TerminateBackgroundWorker(handles[i]);
}

/* Have every database looked at. */
static void
look_at_all(void)
{
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;
	MemoryContext context = CurrentMemoryContext;

	queue->overflow = false;
	advpg_transaction_begin();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (!database->datallowconn || database->datistemplate)
			continue;
		MemoryContextSwitchTo(context);
		unseen = list_append_unique_oid(unseen, database->oid);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
}

static bool
database_exists(Oid database)
{
	MemoryContext context = CurrentMemoryContext;
	bool exists;

	advpg_transaction_begin();
	exists = SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database));
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return exists;
}

/* Free the slots of processes that have ended. */
static void
reap(void)
{
	for (int i = 0; i < ADVPG_MOST_JOBS; i++)
	{
		pid_t pid;
		Oid database;
		bool in_order;

		if (handles[i] == NULL || GetBackgroundWorkerPid(handles[i], &pid) != BGWH_STOPPED)
			continue;
		pfree(handles[i]);
		handles[i] = NULL;
		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		in_order = queue->slots[i].state == SLOT_FINISHED;
		database = queue->slots[i].database;
		queue->slots[i].state = SLOT_FREE;
		LWLockRelease(&queue->lock);
		/* a process cannot even start in a database that was dropped */
		if (!in_order && database_exists(database))
			look_at(database, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS));
	}
}

/* A slot to start a process in, -1 when as many run as may. */
static int
find_slot(void)
{
	int running = 0;
	int spare = -1;

	for (int i = 0; i < ADVPG_MOST_JOBS; i++)
		if (handles[i])
			running++;
		else if (spare < 0)
			spare = i;
	return running < advpg_max_jobs ? spare : -1;
}

/* Take the database that has been due for longest from the queue. */
static Oid
take_due(void)
{
	Entry *first = NULL;
	Oid database = InvalidOid;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_DATABASES; i++)
		if (queue->entries[i].database != InvalidOid && (first == NULL || queue->entries[i].due < first->due))
			first = &queue->entries[i];
	if (first && first->due <= GetCurrentTimestamp())
	{
		database = first->database;
		first->database = InvalidOid;
	}
	LWLockRelease(&queue->lock);
	if (!OidIsValid(database) && unseen != NIL)
	{
		database = linitial_oid(unseen);
		unseen = list_delete_first(unseen);
	}
	return database;
}

/* Start what is due. */
static void
start_due(void)
{
	int slot;
	Oid database;

	while ((slot = find_slot()) >= 0 && OidIsValid(database = take_due()))
	{
		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		queue->slots[slot] = (Slot){SLOT_STARTED, database};
		LWLockRelease(&queue->lock);
		handles[slot] = advpg_queue_start(database, (AdvpgJobOrder){slot, InvalidOid});
		if (handles[slot])
			continue;
		look_at(database, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS));
		return; /* no process can be started now */
	}
}

/* Milliseconds until something is due. */
static long
until_next(void)
{
	TimestampTz next = DT_NOEND;
	TimestampTz now = GetCurrentTimestamp();

	if (find_slot() < 0)
		return 60000; /* an ending process wakes us */
	if (unseen != NIL)
		return RETRY_MS;
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	for (int i = 0; i < MAX_DATABASES; i++)
		if (queue->entries[i].database != InvalidOid)
			next = Min(next, queue->entries[i].due);
	LWLockRelease(&queue->lock);
	if (next == DT_NOEND)
		return 60000;
	return Min(60000, TimestampDifferenceMilliseconds(now, next) + 1);
}

void
advfair_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	CurrentMemoryContext =
		AllocSetContextCreate(TopMemoryContext, "advfair launcher", ALLOCSET_DEFAULT_SIZES);
	before_shmem_exit(leave, 0);
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	queue->launcher = MyLatch;
	LWLockRelease(&queue->lock);
	look_at_all();
	while (!ShutdownRequestPending)
	{
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		reap();
		if (queue->overflow)
			look_at_all();
		start_due();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, until_next(),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(1); /* unless the server stops, it starts another one then */
}
