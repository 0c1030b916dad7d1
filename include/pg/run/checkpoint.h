/*
 * checkpoint.h
 *		What a job's runs have become so far, kept in the table advfair_checkpoint, so that the job goes on after whatever ended it.
 *
 * A run is known by its name, which follows from the job's task: "training", "attack on m@1, eps 0.1". What it depends on beside the
 * task, rows and models, is announced before (advpg_checkpoint_saw): a state is taken up only if a run of the same name saw the same.
 * States that another version of the library has left are thrown away. Outside of jobs all of this does nothing.
 */
#ifndef ADVPG_CHECKPOINT_H
#define ADVPG_CHECKPOINT_H

#include "postgres.h"

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

/*
 * Throw away what another version has left, with a WARNING, which the job then says. In a transaction, with a connection to SPI, before
 * anything is loaded.
 */
extern void advpg_checkpoint_discard(void);

/* Whether states are kept at all. */
extern bool advpg_checkpointing(void);

/* Announce what the next run depends on: a digest of rows, or a model. */
extern void advpg_checkpoint_saw(const void *bytes, size_t size);

/*
 * The next run is that of a name; one that a run of this process has had already gets a number. Returns its state, as an earlier attempt
 * left it, in the current memory context; NULL when there is none. Needs a transaction and a connection to SPI. Each run that keeps
 * states must ask, once. Error: the data have changed (55000), if the job is to fail then.
 */
extern bytea *advpg_checkpoint_load(const char *name);

/*
 * To be called again and again while a run is waited for, outside of any transaction: when a checkpoint is due and take(arg) has
 * one (it may be NULL), it is written in a transaction of its own. With last, what is there is written at once.
 */
extern void advpg_checkpoint_keep(bytea *(*take)(void *arg), void *arg, bool last);

#endif
