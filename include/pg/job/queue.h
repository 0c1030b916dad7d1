/*
 * queue.h
 *		Which databases have jobs to run, for the launcher; in the server's main shared memory, with shared_preload_libraries only.
 */
#ifndef ADVPG_QUEUE_H
#define ADVPG_QUEUE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"

/* Called from _PG_init: ask for shared memory and register the launcher. */
extern void advpg_queue_init(void);

/* Whether a launcher is there that starts jobs. */
extern bool advpg_queue_exists(void);

/* When the current transaction commits, tell the launcher that this database has jobs to look at. */
extern void advpg_queue_wake_at_commit(void);

/*
 * From a job process the launcher started: it has looked; at due there is something to look at again (DT_NOEND: nothing that is known
 * of). Then: it has left its job in order.
 */
extern void advpg_queue_looked(int slot, TimestampTz due);
extern void advpg_queue_finished(int slot);

/* What the launcher, or a session in its place, tells a job process; travels in bgw_extra. */
typedef struct AdvpgJobOrder
{
	int slot; /* of the launcher's, -1: none */
	Oid role; /* run only jobs of roles whose privileges this one has; InvalidOid: any */
} AdvpgJobOrder;

/* Register a process that runs one job of a database; NULL when no slot is free. */
extern BackgroundWorkerHandle *advpg_queue_start(Oid database, AdvpgJobOrder order);

/* ---- for the launcher; slots are numbers from 0 to below ADVPG_MOST_JOBS ---- */

/* Wake this latch when something gets due; NULL: the launcher is gone. */
extern void advpg_queue_attend(Latch *latch);

/* Have a database looked at, after so many milliseconds. */
extern void advpg_queue_look_again(Oid database, int delay_ms);

/* Whether a database did not fit since this was asked before: then all are to be looked at. */
extern bool advpg_queue_overflowed(void);

/* Take the database that has been due for longest out; InvalidOid when none is due. When the next one will be; DT_NOEND: none is known of. */
extern Oid advpg_queue_take(void);
extern TimestampTz advpg_queue_next(void);

/* A process is started for a slot, in this database. It has ended: whether it left its job in order, and which database it was. */
extern void advpg_queue_occupy(int slot, Oid database);
extern bool advpg_queue_vacate(int slot, Oid *database);

#endif
