/*
 * job.h
 *		A job as the process sees it that runs it: whose rights it has, and when it has a transaction open.
 *
 * A job process reads rows in one transaction and stores results in a last one. While its compute workers compute it has none, so that
 * it holds no snapshot and no lock: advpg_run_workers pauses around the wait. Outside of jobs the functions here do nothing.
 */
#ifndef ADVPG_JOB_H
#define ADVPG_JOB_H

#include "postgres.h"

/* Whether this process runs a job. */
extern bool advpg_in_job(void);

/*
 * Commit the transaction, closing what SPI connection there is, and begin another one, with as many connections. In between nothing
 * of the database may be touched. Memory contexts but SPI's survive, the current one stays current.
 */
extern void advpg_job_pause(void);
extern void advpg_job_continue(void);

/* The job has got on: failures so far count no more. */
extern void advpg_job_progressed(void);

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

extern AdvpgIdentity advpg_job_as_superuser(void);
extern void advpg_job_as(AdvpgIdentity identity);

#endif
