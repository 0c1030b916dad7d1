/*
 * keeper.h
 *		Keeps the finished parts of a long run, so that a run that was cancelled or failed continues where it stopped.
 *
 * What a backend writes vanishes when its statement is cancelled. The keeper is a background worker of its own with a connection to
 * the database: it writes each finished part to the table advfair_luf_part in a transaction of its own, as the role that runs the
 * statement, and deletes a run's parts when the run is through. A run is known by a digest of everything its results depend on.
 */
#ifndef ADVPG_KEEPER_H
#define ADVPG_KEEPER_H

#include "postgres.h"

#include <stdatomic.h>

#include "pg/run/run.h"

/* What the leader tells the keeper. */
typedef enum AdvpgKeeperOrder
{
	ADVPG_KEEPER_RUN = 0, /* write what is finished, go on */
	ADVPG_KEEPER_STOP,    /* write what is finished, leave */
	ADVPG_KEEPER_FORGET   /* the run is through: delete its parts, leave */
} AdvpgKeeperOrder;

#define ADVPG_DIGEST_LENGTH 64 /* hexadecimal SHA-256 */

#define ADVPG_KEEPER "keeper" /* name of the AdvpgKeeperRun in the run */

/* What a keeper works for: a run with arrays "models", "part" (n_models) and "change" (n_models, n_eval). */
typedef struct AdvpgKeeperRun
{
	Oid database;
	Oid role;
	Oid schema; /* the extension's */
	uint64 n_models;
	uint64 n_eval;    /* rows that are compared */
	atomic_int order; /* AdvpgKeeperOrder */
	char digest[ADVPG_DIGEST_LENGTH + 1];
} AdvpgKeeperRun;

/* The keeper of a run, or NULL. */
typedef BackgroundWorkerHandle *AdvpgKeeper;

/*
 * Take over parts that are there already: fills change and marks the models found under the digest. part (n_models) tells them apart.
 * Needs a connection to SPI. Returns how many there are.
 */
extern int advpg_keeper_load(AdvpgRun *run);

/*
 * Delete the parts of a run that is through, in the current transaction: for a job, whose result is stored in the same one. Needs a
 * connection to SPI.
 */
extern void advpg_keeper_forget(AdvpgRun *run);

/* Start a keeper for a run; NULL where nothing can be kept (read-only transaction, standby, no free slot). */
extern AdvpgKeeper advpg_keeper_start(AdvpgRun *run);

/* Give an order and wait until the keeper has left. keeper may be NULL. */
extern void advpg_keeper_end(AdvpgRun *run, AdvpgKeeper keeper, AdvpgKeeperOrder order);

#endif
