/*
 * checkpoint.h
 *		What a job's runs have become so far, kept in the table advfair_checkpoint, so that the job goes on after whatever ended it.
 *
 * The runs of a job come in an order that follows from its task alone, so a run is known by its number. What it depends on beside the
 * task, rows and models, is announced before (advpg_checkpoint_saw): a state is taken up only if a run with the same state saw the
 * same. Outside of jobs all of this does nothing.
 */
#ifndef ADVPG_CHECKPOINT_H
#define ADVPG_CHECKPOINT_H

#include "postgres.h"

#include "pg/run/compute.h"

/* What a job does when its data have changed since a checkpoint. */
typedef enum AdvpgOnChange
{
	ADVPG_ON_CHANGE_RESTART, /* compute again, and say so */
	ADVPG_ON_CHANGE_FAIL
} AdvpgOnChange;

/*
 * Begin: from now on this process's runs are those of a job. schema is the extension's; progressed is called when a state has been kept that
 * is further than the one before.
 */
extern void advpg_checkpoint_begin(Oid schema, int64 job, AdvpgOnChange on_change, void (*progressed)(void));

/* Whether states are kept at all. */
extern bool advpg_checkpointing(void);

/* Announce what the next run depends on: a digest of rows, or a model. */
extern void advpg_checkpoint_saw(const void *bytes, size_t size);

/*
 * The next run's state, as an earlier attempt left it, in the current memory context; NULL when there is none. Needs a transaction and
 * a connection to SPI. Each run that keeps states must ask, once. Error: the data have changed (55000), if the job is to fail then.
 */
extern bytea *advpg_checkpoint_load(void);

/*
 * To be called again and again while a run is waited for, outside of any transaction: when a checkpoint is due and run->take_state has
 * one, it is written in a transaction of its own. With last, what is there is written at once.
 */
extern void advpg_checkpoint_keep(AdvpgRun *run, bool last);

#endif
