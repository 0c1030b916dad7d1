/*
 * sql_job.c
 *		Jobs as users see them: advfair_submit, advfair_cancel, advfair_wait, advfair_run_jobs, and the trigger that tells others of a
 *		change. All access to the table is by plain SQL with the caller's rights.
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/base/extension.h"
#include "pg/job/jobkind.h"
#include "pg/base/ownsql.h"
#include "pg/job/queue.h"
#include "pg/base/transaction.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_submit);
ADVPG_FUNCTION(advfair_cancel);
ADVPG_FUNCTION(advfair_wait);
ADVPG_FUNCTION(advfair_run_jobs);
ADVPG_FUNCTION(advfair_job_changed);
ADVPG_FUNCTION(advfair_job_queued);

#define LOOK_MS     50  /* how often a waiting session looks at a job */
#define RUN_LOOK_MS 200 /* how often one that runs jobs looks for more */

static const char *
schema_name(Oid schema)
{
	return quote_identifier(get_namespace_name(schema));
}

/* A function of the extension by its arguments, whatever others of the name lie in the schema. */
static Oid
own_function(Oid schema, const char *name)
{
	return LookupFuncName(list_make2(makeString(get_namespace_name(schema)), makeString(pstrdup(name))), 0,
						  NULL, false);
}

/* What advfair_wait and advfair_cancel are to say of a job the caller does not see. */
static void
no_such_job(int64 job, const char *schema)
{
	ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("job " INT64_FORMAT " does not exist", job),
			errhint("SELECT job, state FROM %s.advfair_jobs lists your jobs.", schema));
}

/* ---- submit ---- */

/* The table would refuse them, too, but with its constraints' names. */
static void
check_submission(FunctionCallInfo fcinfo)
{
	const char *on_change = PG_ARGISNULL(3) ? "restart" : text_to_cstring(PG_GETARG_TEXT_PP(3));

	if (!PG_ARGISNULL(2) && PG_GETARG_INT32(2) < 1)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_attempts is %d, but must be at least 1", PG_GETARG_INT32(2)));
	if (strcmp(on_change, "restart") != 0 && strcmp(on_change, "fail") != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("on_change is \"%s\", but must be one of: restart, fail", on_change));
}

Datum
advfair_submit(PG_FUNCTION_ARGS)
{
	Oid types[] = {JSONBOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TEXTARRAYOID};
	const char *schema = schema_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	Datum values[5];
	char nulls[5];
	bool isnull;
	int64 job;

	if (PG_ARGISNULL(0))
		ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("task must not be NULL"));
	PreventCommandIfReadOnly("advfair_submit()");
	advpg_jobkind_check(PG_GETARG_JSONB_P(0));
	check_submission(fcinfo);
	for (int i = 0; i < 4; i++)
	{
		values[i] = PG_ARGISNULL(i) ? (Datum) 0 : PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	/* those of the session, not those that the statement has */
	values[4] =
		OidFunctionCall0(own_function(get_func_namespace(fcinfo->flinfo->fn_oid), "advfair_job_settings"));
	nulls[4] = ' ';
	SPI_connect();
	if (advpg_own_execute(
			psprintf("INSERT INTO %s.advfair_job (task, not_before, max_attempts, on_change, settings)"
					 " VALUES ($1, COALESCE($2, pg_catalog.clock_timestamp()), COALESCE($3, 5),"
					 " COALESCE($4, 'restart'), $5) RETURNING job",
					 schema),
			5, types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING ||
		SPI_processed != 1)
		elog(ERROR, "could not write advfair_job");
	job = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	PG_RETURN_INT64(job);
}

/* Tells listeners of a new state, and the launcher of a job to run. */
Datum
advfair_job_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = advpg_own_trigger(fcinfo, "advfair_job", false);
	HeapTuple row;
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	char channel[64];
	char *state;
	bool isnull;

	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	state = SPI_getvalue(row, desc, SPI_fnumber(desc, "state"));
	snprintf(channel, sizeof(channel), "advfair_job_" INT64_FORMAT,
			 DatumGetInt64(heap_getattr(row, SPI_fnumber(desc, "job"), desc, &isnull)));
	Async_Notify(channel, state);
	if (strcmp(state, "queued") == 0)
		advpg_queue_wake_at_commit();
	return PointerGetDatum(row);
}

/* Whether the current role may have a job of this owner run. */
static bool
may_run_for(const char *owner)
{
	Oid role = get_role_oid(owner, true);

	return superuser() || (OidIsValid(role) && has_privs_of_role(GetUserId(), role));
}

/*
 * A job is run where it was submitted, or queued again by who may. Rows that come from elsewhere (a dump that is restored, replication) keep
 * what they say. One inserted for a role whose rights the current one has not, which row-level security lets no more than who may bypass it
 * do, is run nowhere.
 */
Datum
advfair_job_queued(PG_FUNCTION_ARGS)
{
	TriggerData *data = advpg_own_trigger(fcinfo, "advfair_job", true);
	bool inserted = TRIGGER_FIRED_BY_INSERT(data->tg_event);
	HeapTuple row = inserted ? data->tg_trigtuple : data->tg_newtuple;
	TupleDesc desc = RelationGetDescr(data->tg_relation);
	char *state = SPI_getvalue(row, desc, SPI_fnumber(desc, "state"));
	char *owner = SPI_getvalue(row, desc, SPI_fnumber(desc, "owner"));
	int origin = SPI_fnumber(desc, "origin");
	bool isnull = false;
	Datum value;

	if (state == NULL || owner == NULL) /* the table does not take it */
		return PointerGetDatum(row);
	if (inserted && !may_run_for(owner))
		value = CStringGetTextDatum("");
	else if (!inserted && may_run_for(owner) && strcmp(state, "queued") == 0)
		value = OidFunctionCall0(own_function(RelationGetNamespace(data->tg_relation), "advfair_origin"));
	else
		return PointerGetDatum(row);
	return PointerGetDatum(heap_modify_tuple_by_cols(row, desc, 1, &origin, &value, &isnull));
}

/* ---- cancel ---- */

/* Interrupt the process that runs a job, if there is one. */
static bool
interrupt(int64 job, const char *schema)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(job)};
	Datum pid;
	bool isnull;

	if (advpg_own_execute(psprintf("SELECT %s.advfair_job_pid($1)", schema), 1, types, values, NULL, true,
						  1) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_locks");
	pid = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return !isnull && kill(DatumGetInt32(pid), SIGINT) == 0;
}

Datum
advfair_cancel(PG_FUNCTION_ARGS)
{
	int64 job = PG_GETARG_INT64(0);
	const char *schema = schema_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(job)};
	bool cancelled;

	PreventCommandIfReadOnly("advfair_cancel()");
	SPI_connect();
	/*
	 * A member of pg_monitor sees jobs, but the update finds only those it may change. One that says running without a process is
	 * left over from a server that died.
	 */
	if (advpg_own_execute(
			psprintf("UPDATE %s.advfair_job SET state = 'cancelled',"
					 " finished_at = pg_catalog.clock_timestamp()"
					 " WHERE job OPERATOR(pg_catalog.=) $1 AND (state OPERATOR(pg_catalog.=) 'queued' OR"
					 " state OPERATOR(pg_catalog.=) 'running' AND %s.advfair_job_pid(job) IS NULL)",
					 schema, schema),
			1, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write advfair_job");
	cancelled = SPI_processed == 1;
	if (!cancelled)
	{
		if (advpg_own_execute(psprintf("SELECT state OPERATOR(pg_catalog.=) 'running' FROM %s.advfair_job"
									   " WHERE job OPERATOR(pg_catalog.=) $1 AND %s.advfair_owns(owner)",
									   schema, schema),
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not read advfair_job");
		if (SPI_processed == 0)
			no_such_job(job, schema);
		cancelled = strcmp(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), "t") == 0 &&
					interrupt(job, schema);
	}
	SPI_finish();
	PG_RETURN_BOOL(cancelled);
}

/* ---- wait ---- */

/* A look at a job. */
typedef struct Look
{
	int64 job;
	const char *schema;
	char state[16]; /* by now */
	bool by_us;     /* it was submitted, or put back into the queue, by the transaction under way */
	bool here;      /* on this server, which runs it */
} Look;

static void
look(void *arg)
{
	Look *look = arg;
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(look->job)};
	HeapTuple row;
	TupleDesc desc;
	bool isnull;

	advpg_extension_hold();
	SPI_connect();
	if (advpg_own_execute(psprintf("SELECT state, xmin, origin OPERATOR(pg_catalog.=) %1$s.advfair_origin() "
								   "FROM %1$s.advfair_job"
								   " WHERE job OPERATOR(pg_catalog.=) $1",
								   look->schema),
						  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read advfair_job");
	if (SPI_processed == 0)
		no_such_job(look->job, look->schema);
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	strlcpy(look->state, SPI_getvalue(row, desc, 1), sizeof(look->state));
	look->by_us =
		TransactionIdIsCurrentTransactionId(DatumGetTransactionId(SPI_getbinval(row, desc, 2, &isnull)));
	look->here = DatumGetBool(SPI_getbinval(row, desc, 3, &isnull));
	SPI_finish();
}

/* Once, before a wait that may be in vain. */
static void
tell_who_runs(int64 job, bool here, const char *schema, bool *told)
{
	if (!*told && !here)
		ereport(NOTICE,
				errmsg("job " INT64_FORMAT " was copied from another server or database and is not run here",
					   job),
				errhint("UPDATE %s.advfair_job SET state = 'queued' WHERE job = " INT64_FORMAT
						" has it run here.",
						schema, job));
	else if (!*told && !advpg_queue_exists())
		ereport(NOTICE, errmsg("no launcher starts jobs on this server"),
				errhint("CALL %s.advfair_run_jobs() in another session, or add advfair to "
						"shared_preload_libraries.",
						schema));
	*told = true;
}

static bool
is_final(const char *state)
{
	return strcmp(state, "queued") != 0 && strcmp(state, "running") != 0;
}

static void
wait_ms(long ms)
{
	if (WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, PG_WAIT_EXTENSION) &
		WL_LATCH_SET)
		ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

Datum
advfair_wait(PG_FUNCTION_ARGS)
{
	Look at = {.schema = schema_name(get_func_namespace(fcinfo->flinfo->fn_oid))};
	TimestampTz until = DT_NOEND;
	bool told = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	at.job = PG_GETARG_INT64(0);
	if (!PG_ARGISNULL(1))
		until = DatumGetTimestampTz(DirectFunctionCall2(
			timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(1)));
	if (IsolationUsesXactSnapshot())
		ereport(
			ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			errmsg("advfair_wait() cannot be used in a transaction that is REPEATABLE READ or SERIALIZABLE"),
			errdetail("It would never see the job change."));
	for (;;)
	{
		/* without a lock on the table in between: the job needs it, too, and somebody may wait for all of it */
		advpg_transaction_undone(look, &at);
		if (is_final(at.state) || GetCurrentTimestamp() >= until)
			break;
		if (at.by_us && strcmp(at.state, "queued") == 0)
			ereport(ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
					errmsg("job " INT64_FORMAT " was submitted by the transaction that is to wait for it",
						   at.job),
					errhint("Nobody sees it before this transaction commits."));
		tell_who_runs(at.job, at.here, at.schema, &told);
		wait_ms(LOOK_MS);
	}
	PG_RETURN_TEXT_P(cstring_to_text(at.state));
}

/* ---- run ---- */

typedef struct Processes
{
	int n;
	BackgroundWorkerHandle *handles[ADVPG_MOST_JOBS];
} Processes;

/* Forget those that have ended. */
static void
reap(Processes *p)
{
	for (int i = 0; i < p->n;)
	{
		pid_t pid;

		if (GetBackgroundWorkerPid(p->handles[i], &pid) == BGWH_STOPPED)
			p->handles[i] = p->handles[--p->n];
		else
			i++;
	}
}

static void
stop(int code, Datum arg)
{
	Processes *p = (Processes *) DatumGetPointer(arg);

	for (int i = 0; i < p->n; i++)
		TerminateBackgroundWorker(p->handles[i]);
}

/* Jobs that are due and that the caller may have run. */
typedef struct Due
{
	const char *schema;
	int64 n;
} Due;

static void
count_due(void *arg)
{
	Due *due = arg;
	bool isnull;

	advpg_extension_hold();
	SPI_connect();
	if (SPI_execute(psprintf("SELECT %s.advfair_jobs_due()", due->schema), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read advfair_job");
	due->n = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
}

static void
run_due(const char *schema, int most, Processes *p)
{
	AdvpgJobOrder order = {-1, GetUserId()};
	Due due = {schema};

	for (;;)
	{
		advpg_transaction_undone(count_due, &due); /* as advfair_wait looks */
		if (due.n == 0 && p->n == 0)
			break;
		for (; p->n < Min(due.n, most); p->n++)
			if ((p->handles[p->n] = advpg_queue_start(MyDatabaseId, order)) == NULL)
				break;
		if (p->n == 0)
			ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					errmsg("no background worker slot is free for a job"),
					errdetail("All %d of max_worker_processes are in use.", max_worker_processes),
					errhint("Wait for other operations to end, or increase max_worker_processes."));
		wait_ms(RUN_LOOK_MS);
		reap(p);
	}
}

static void
next_transaction(void)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();
}

Datum
advfair_run_jobs(PG_FUNCTION_ARGS)
{
	char *schema =
		MemoryContextStrdup(PortalContext, schema_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	int most = PG_ARGISNULL(0) ? Max(advpg_max_jobs, 1) : PG_GETARG_INT32(0);
	Processes *p = MemoryContextAllocZero(PortalContext, sizeof(Processes));

	if (!(fcinfo->context && IsA(fcinfo->context, CallContext)) || ((CallContext *) fcinfo->context)->atomic)
		ereport(
			ERROR, errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			errmsg("advfair_run_jobs() cannot be called in a transaction block or a function"),
			errdetail("Jobs run in transactions of their own, which the one of the call would never see."));
	if (most < 1 || most > ADVPG_MOST_JOBS)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("at_once must be between 1 and %d", ADVPG_MOST_JOBS));
	PreventCommandDuringRecovery("advfair_run_jobs()");

	/* the snapshot of the call would hold back vacuum for as long as jobs run, and need not see what becomes of them */
	next_transaction();
	advpg_transaction_own();
	PG_ENSURE_ERROR_CLEANUP(stop, PointerGetDatum(p));
	{
		run_due(schema, most, p);
	}
	PG_END_ENSURE_ERROR_CLEANUP(stop, PointerGetDatum(p));
	next_transaction(); /* what follows in the caller's procedure is of the session's kind again */
	PG_RETURN_VOID();
}
