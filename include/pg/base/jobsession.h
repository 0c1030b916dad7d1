/*
 * jobsession.h
 *		A session in which a job runs: whose rights it has, and when it has a transaction open.
 *
 * A job process reads rows in one transaction and stores results in a last one. While its compute workers compute it has none, so that
 * it holds no snapshot and no lock: advpg_run_workers pauses around the wait. In other sessions pause and continue do nothing.
 */
#ifndef ADVPG_JOBSESSION_H
#define ADVPG_JOBSESSION_H

#include "postgres.h"

/* Whether this process runs a job. */
extern bool advpg_in_job(void);

/* From here on this is a session of the job's role; there is no way back. Outside of any transaction. */
extern void advpg_jobsession_enter(Oid role);

/* A transaction with a snapshot, with the rights that the session has by now. */
extern void advpg_jobsession_begin(void);
extern void advpg_jobsession_commit(void);

/*
 * Commit the transaction, closing what SPI connections there are, and begin another one, with as many connections. In between nothing
 * of the database may be touched. Memory contexts but SPI's survive, the current one stays current. Continuing is an error (42704) when
 * the extension has been dropped meanwhile.
 */
extern void advpg_jobsession_pause(void);
extern void advpg_jobsession_continue(void);

/*
 * Become the extension's superuser for a statement or two on its own tables, and the job's role again. Meanwhile the search_path is
 * PostgreSQL's own: the job's is its owner's to choose.
 */
typedef struct AdvpgIdentity
{
	Oid role;
	int context;
	int nest_level; /* of settings */
} AdvpgIdentity;

extern AdvpgIdentity advpg_jobsession_as_superuser(void);
extern void advpg_jobsession_as(AdvpgIdentity identity);

#endif
