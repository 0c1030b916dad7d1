/*
 * queue.c
 *		Which databases have jobs to run: a list in shared memory that sessions and job processes write, and the launcher works on.
 *
 * It knows nothing of jobs, only when there is something to look at in a database. Whoever looks there finds the jobs in its table.
 */
#include "pg/job/queue.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "pg/base/advpg.h"
#include "pg/base/background.h"

#define MAX_DATABASES 256 /* with jobs at a time; with more, all databases are looked at now and then */
#define RESTART_S     5   /* before the launcher, should it end, is started again */

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

/* ---- what is due ---- */

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

/* ---- sessions ---- */

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

/* ---- job processes ---- */

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
	AdvpgBackground what = {.type = "advfair job", .function = "advfair_job_main", .connects = true};

	what.arg = ObjectIdGetDatum(database);
	what.extra = &order;
	what.extra_size = sizeof(order);
	return advpg_background_start(&what);
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
	AdvpgBackground what = {
		.type = "advfair launcher", .function = "advfair_launcher_main", .connects = true};

	if (!process_shared_preload_libraries_in_progress)
		return;
	next_request = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup = shmem_startup_hook;
	shmem_startup_hook = make_queue;

	advpg_background_preload(&what, RESTART_S);
}

/* ---- the launcher ---- */

void
advpg_queue_attend(Latch *latch)
{
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	queue->launcher = latch;
	LWLockRelease(&queue->lock);
}

void
advpg_queue_look_again(Oid database, int delay_ms)
{
	look_at(database, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), delay_ms));
}

bool
advpg_queue_overflowed(void)
{
	bool overflow;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	overflow = queue->overflow;
	queue->overflow = false;
	LWLockRelease(&queue->lock);
	return overflow;
}

/* With the lock held: the database that has been due for longest, or will be first; NULL: none. */
static Entry *
first_entry(void)
{
	Entry *first = NULL;

	for (int i = 0; i < MAX_DATABASES; i++)
		if (queue->entries[i].database != InvalidOid && (first == NULL || queue->entries[i].due < first->due))
			first = &queue->entries[i];
	return first;
}

Oid
advpg_queue_take(void)
{
	Entry *first;
	Oid database = InvalidOid;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	first = first_entry();
	if (first && first->due <= GetCurrentTimestamp())
	{
		database = first->database;
		first->database = InvalidOid;
	}
	LWLockRelease(&queue->lock);
	return database;
}

TimestampTz
advpg_queue_next(void)
{
	Entry *first;
	TimestampTz next;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	first = first_entry();
	next = first ? first->due : DT_NOEND;
	LWLockRelease(&queue->lock);
	return next;
}

void
advpg_queue_occupy(int slot, Oid database)
{
	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	queue->slots[slot] = (Slot){SLOT_STARTED, database};
	LWLockRelease(&queue->lock);
}

bool
advpg_queue_vacate(int slot, Oid *database)
{
	bool in_order;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	in_order = queue->slots[slot].state == SLOT_FINISHED;
	*database = queue->slots[slot].database;
	queue->slots[slot].state = SLOT_FREE;
	LWLockRelease(&queue->lock);
	return in_order;
}
