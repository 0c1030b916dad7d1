/*
 * launcher.c
 *		The launcher: starts job processes where the queue says that there is something to look at.
 *
 * The launcher is connected to no database. It knows for each database when there is something to look at, and then starts a process
 * there that takes one job, the next, and tells what is due after that. When a process ends without having left its job in order, its
 * database is looked at again: whoever takes the job then goes on with it. At start, after a crash too, all databases are looked at.
 */
#include "postgres.h"

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
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/base/transaction.h"
#include "pg/job/queue.h"

#define RETRY_MS 1000  /* after a process could not be started, or did not leave its job in order */
#define IDLE_MS  60000 /* the longest sleep */

PGDLLEXPORT void advfair_launcher_main(Datum arg);

static BackgroundWorkerHandle *handles[ADVPG_MOST_JOBS];
static List *unseen = NIL; /* databases that have yet to be looked at, whatever the queue says */

/* The next launcher knows nothing of this one's processes: they put their jobs back into the queue. */
static void
leave(int code, Datum arg)
{
	advpg_queue_attend(NULL);
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
		in_order = advpg_queue_vacate(i, &database);
		/* a process cannot even start in a database that was dropped */
		if (!in_order && database_exists(database))
			advpg_queue_look_again(database, RETRY_MS);
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

/* A database that is due, taken from the queue. */
static Oid
take_due(void)
{
	Oid database = advpg_queue_take();

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
		advpg_queue_occupy(slot, database);
		handles[slot] = advpg_queue_start(database, (AdvpgJobOrder){slot, InvalidOid});
		if (handles[slot])
			continue;
		advpg_queue_look_again(database, RETRY_MS);
		return; /* no process can be started now */
	}
}

/* Milliseconds until something is due. */
static long
until_next(void)
{
	TimestampTz next;

	if (find_slot() < 0)
		return IDLE_MS; /* an ending process wakes us */
	if (unseen != NIL)
		return RETRY_MS;
	next = advpg_queue_next();
	if (next == DT_NOEND)
		return IDLE_MS;
	return Min(IDLE_MS, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next) + 1);
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
	advpg_queue_attend(MyLatch);
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
		if (advpg_queue_overflowed())
			look_at_all();
		start_due();
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, until_next(),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	proc_exit(1); /* unless the server stops, it starts another one then */
}
