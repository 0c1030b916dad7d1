/*
 * jobsession.c
 *		A session in which a job runs: rights that cannot be left, transactions that end while workers compute. See jobsession.h.
 *
 * It lies below what computes and above nothing but transactions: whoever waits for workers asks here, and need not know what a job is.
 */
#include "pg/base/jobsession.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/base/extension.h"
#include "pg/base/ownsql.h"
#include "pg/base/transaction.h"

static Oid job_role = InvalidOid;
static int connections = 0; /* to SPI, when paused */

bool
advpg_in_job(void)
{
	return OidIsValid(job_role);
}

/* Between transactions there is no context, but what runs at commit, like deferred triggers, is still under it. */
static void
drop_context(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		SetUserIdAndSecContext(job_role, 0);
}

void
advpg_jobsession_enter(Oid role)
{
	job_role = role;
	RegisterXactCallback(drop_context, NULL);
}

/* Rights of the job's role, and no way to others. */
void
advpg_jobsession_begin(void)
{
	advpg_transaction_begin();
	if (advpg_in_job())
		SetUserIdAndSecContext(job_role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
advpg_jobsession_commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

void
advpg_jobsession_pause(void)
{
	MemoryContext context = CurrentMemoryContext;

	if (!advpg_in_job())
		return;
	for (connections = 0; SPI_finish() == SPI_OK_FINISH; connections++)
		;
	advpg_jobsession_commit();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
}

void
advpg_jobsession_continue(void)
{
	MemoryContext context = CurrentMemoryContext;

	if (!advpg_in_job())
		return;
	advpg_jobsession_begin();
	/* not held: somebody may wait to drop it for as long as a session takes, and a job goes on meanwhile */
	if (!advpg_extension_exists())
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("extension \"advfair\" was dropped while a job ran"));
	for (int i = 0; i < connections; i++)
		SPI_connect();
	MemoryContextSwitchTo(context);
}

AdvpgIdentity
advpg_jobsession_as_superuser(void)
{
	AdvpgIdentity identity;

	GetUserIdAndSecContext(&identity.role, &identity.context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, identity.context | SECURITY_LOCAL_USERID_CHANGE);
	identity.nest_level = advpg_own_begin();
	return identity;
}

void
advpg_jobsession_as(AdvpgIdentity identity)
{
	advpg_own_end(identity.nest_level);
	SetUserIdAndSecContext(identity.role, identity.context);
}
