/*
 * job.c
 *		The process that runs one job: takes it, becomes its role, carries it out, says what became of it.
 *
 * A job is held by an advisory lock of the process that runs it, under a number no user's advisory lock has. A row that says running
 * while nobody holds the lock is one whose process has died: whoever finds it goes on with it. All changes of state are made as the
 * extension's superuser; everything else as the job's role, in a context in which it cannot become anybody else.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/base/advpg.h"
#include "pg/base/characters.h"
#include "pg/run/checkpoint.h"
#include "pg/base/extension.h"
#include "pg/base/jobsession.h"
#include "pg/job/jobkind.h"
#include "pg/job/joblock.h"
#include "pg/task/json.h"
#include "pg/job/queue.h"
#include "pg/base/version.h"

#define SAFE_PATH     "pg_catalog, pg_temp"
#define CANDIDATES    100 /* looked at at a time */
#define FIRST_DELAY_S 1   /* before the second attempt; doubles from attempt to attempt */
#define MOST_DELAY_S  600
#define HERE          "origin OPERATOR(pg_catalog.=) %1$s.advfair_origin()" /* is a row of this database's own */
#define HELD_MS       1000  /* before looking again at a job that another process holds */
#define OUTDATED_MS   60000 /* before looking again whether the extension was updated */

PGDLLEXPORT void advfair_job_main(Datum arg);

typedef struct Job
{
	Oid schema;
	const char *schema_name; /* quoted */
	int64 number;
	char *owner;
	Oid role;
	Jsonb *task;
	List *settings; /* of char *: name=value */
	int failures;
	int max_attempts;
	AdvpgOnChange on_change;
	StringInfoData warnings;
} Job;

static Job job;
static emit_log_hook_type next_emit_log;

/* Settings of the process that nobody changes: not a database or role, and not the job's owner. */
static const char *const own_settings[][2] = {
	{"exit_on_error", "off"},     /* what became of the job has yet to be written */
	{"transaction_timeout", "0"}, /* of PostgreSQL 17 */
};

static bool
is_own_setting(const char *name)
{
	for (int i = 0; i < lengthof(own_settings); i++)
		if (pg_strcasecmp(name, own_settings[i][0]) == 0)
			return true;
	return false;
}

/* A database may have its sessions begin as some role: this one is to look at jobs as who owns them all. */
static void
set_up(void)
{
	SetSessionAuthorization(BOOTSTRAP_SUPERUSERID, true);
	SetConfigOption("role", "none", PGC_SUSET, PGC_S_SESSION);
	for (int i = 0; i < lengthof(own_settings); i++)
		if (GetConfigOption(own_settings[i][0], true, false))
			SetConfigOption(own_settings[i][0], own_settings[i][1], PGC_SUSET, PGC_S_SESSION);
	/* until there are the job's own */
	SetConfigOption("search_path", SAFE_PATH, PGC_SUSET, PGC_S_SESSION);
	SetConfigOption("row_security", "on", PGC_SUSET, PGC_S_SESSION);
}

/* ---- signals and messages ---- */

/* The server stops, or somebody wants this process gone: the statement under way is cancelled, and the job goes back to the queue. */
static void
handle_term(SIGNAL_ARGS)
{
	int save_errno = errno;

	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = save_errno;
}

/* Nobody reads notices of a job: its warnings are kept for its row. */
static void
keep_warning(ErrorData *error)
{
	if (error->elevel == WARNING && error->message && job.warnings.len < 4096)
		appendStringInfo(&job.warnings, "%s%s: %s", job.warnings.len ? "\n" : "", "WARNING", error->message);
	if (next_emit_log)
		next_emit_log(error);
}

/* ---- taking a job ---- */

/* The extension's schema; false when this database has none, or one that knows no jobs. */
static bool
find_extension(void)
{
	bool isnull;

	if (SPI_execute("SELECT n.oid, n.nspname FROM pg_catalog.pg_extension e"
					" JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'advfair'",
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read pg_extension");
	if (SPI_processed == 0)
		return false;
	job.schema = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	job.schema_name = MemoryContextStrdup(
		TopMemoryContext, quote_identifier(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2)));
	return OidIsValid(get_relname_relid("advfair_job", job.schema));
}

static char *
keep_text(int column)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return text ? MemoryContextStrdup(TopMemoryContext, text) : NULL;
}

static List *
read_settings(Datum array)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	List *list = NIL;
	Datum *values;
	bool *nulls;
	int n;

	deconstruct_array(DatumGetArrayTypePCopy(array), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i])
			list = lappend(list, TextDatumGetCString(values[i]));
	MemoryContextSwitchTo(old);
	return list;
}

/*
 * A job, whose lock is held, whose process has died not for the first time without getting on waits before the next attempt: it may be
 * what brings the server down.
 */
static bool
put_back(int64 number)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(number)};

	if (SPI_execute_with_args(
			psprintf(
				"UPDATE %1$s.advfair_job SET state = 'queued', failures = failures OPERATOR(pg_catalog.+) 1,"
				" pid = NULL, not_before = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+)"
				" pg_catalog.make_interval(secs => LEAST(%2$d, %3$d OPERATOR(pg_catalog.*)"
				" pg_catalog.power(2, LEAST(failures, 20))::float8)), sqlstate = '57P02',"
				" message = 'the job''s process ended unexpectedly'"
				" WHERE job OPERATOR(pg_catalog.=) $1 AND state OPERATOR(pg_catalog.=) 'running'"
				" AND failures OPERATOR(pg_catalog.>) 0 AND " HERE,
				job.schema_name, MOST_DELAY_S, FIRST_DELAY_S),
			1, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write advfair_job");
	return SPI_processed > 0;
}

/* Take the job of a number, whose lock is held: its row becomes this process's. False when there is nothing to do for it any more. */
static bool
take(int64 number)
{
	Oid types[] = {INT8OID, INT4OID};
	Datum values[] = {Int64GetDatum(number), Int32GetDatum(MyProcPid)};
	MemoryContext old;
	HeapTuple row;
	TupleDesc desc;
	Datum settings;
	bool isnull;

	/* one that was running has failed once more, without a word; one that had come to an end begins anew */
	if (SPI_execute_with_args(
			psprintf(
				"UPDATE %1$s.advfair_job SET state = 'running', attempt = attempt OPERATOR(pg_catalog.+) 1,"
				" failures = CASE WHEN state OPERATOR(pg_catalog.=) 'running' THEN failures "
				"OPERATOR(pg_catalog.+) 1"
				" WHEN finished_at IS NULL THEN failures ELSE 0 END,"
				" pid = $2, started_at = pg_catalog.clock_timestamp(), finished_at = NULL, sqlstate = NULL,"
				" message = NULL, hint = NULL, result = NULL"
				" WHERE job OPERATOR(pg_catalog.=) $1 AND (state OPERATOR(pg_catalog.=) 'running' OR"
				" state OPERATOR(pg_catalog.=) 'queued' AND not_before OPERATOR(pg_catalog.<=)"
				" pg_catalog.clock_timestamp()) AND " HERE
				" RETURNING owner::text, task, settings, failures, max_attempts, on_change",
				job.schema_name),
			2, types, values, NULL, false, 0) != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "could not write advfair_job");
	if (SPI_processed == 0)
		return false;
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	job.number = number;
	job.owner = keep_text(1);
	old = MemoryContextSwitchTo(TopMemoryContext);
	job.task = DatumGetJsonbPCopy(SPI_getbinval(row, desc, 2, &isnull));
	MemoryContextSwitchTo(old);
	settings = SPI_getbinval(row, desc, 3, &isnull);
	if (!isnull)
		job.settings = read_settings(settings);
	job.failures = DatumGetInt32(SPI_getbinval(row, desc, 4, &isnull));
	job.max_attempts = DatumGetInt32(SPI_getbinval(row, desc, 5, &isnull));
	job.on_change = strcmp(keep_text(6), "fail") == 0 ? ADVPG_ON_CHANGE_FAIL : ADVPG_ON_CHANGE_RESTART;
	return true;
}

/* Whether a job's row can be changed at once. Its owner may hold it for as long as a transaction lasts; others do not wait for that. */
static bool
is_free(int64 number)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(number)};

	if (SPI_execute_with_args(psprintf("SELECT FROM %s.advfair_job WHERE job OPERATOR(pg_catalog.=) $1 FOR "
									   "NO KEY UPDATE SKIP LOCKED",
									   job.schema_name),
							  1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read advfair_job");
	return SPI_processed == 1;
}

/* Take one of some jobs that are due: the first that nobody runs. */
static bool
take_one(const SPITupleTable *table, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		int64 number = DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));

		if (!advpg_joblock_take(number))
			continue;
		if (is_free(number) && !put_back(number) && take(number))
			return true;
		advpg_joblock_release(number);
	}
	return false;
}

/* Take the first job that is due and that nobody runs. */
static bool
take_next(Oid role)
{
	Oid types[] = {OIDOID};
	Datum values[] = {ObjectIdGetDatum(role)};
	Portal due = SPI_cursor_open_with_args(
		NULL,
		psprintf("SELECT job FROM %1$s.advfair_job WHERE (state OPERATOR(pg_catalog.=) 'running' OR"
				 " state OPERATOR(pg_catalog.=) 'queued' AND"
				 " not_before OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp())"
				 " AND ($1 OPERATOR(pg_catalog.=) 0::oid OR EXISTS (SELECT FROM pg_catalog.pg_roles r"
				 " WHERE r.rolname OPERATOR(pg_catalog.=) owner AND pg_catalog.pg_has_role($1, r.oid, "
				 "'USAGE'))) AND " HERE " ORDER BY not_before, job",
				 job.schema_name),
		1, types, values, NULL, false, 0);
	bool taken;
	uint64 n;

	do
	{
		SPI_cursor_fetch(due, true, CANDIDATES);
		n = SPI_processed;
		taken = take_one(SPI_tuptable, n);
	} while (!taken && n > 0);
	SPI_cursor_close(due);
	return taken;
}

/* When there is something to look at again: at once, if a further job has lost its process, as many may have in a crash. */
static TimestampTz
next_due(void)
{
	bool isnull;
	Datum due;

	if (SPI_execute(
			psprintf("SELECT pg_catalog.min(CASE WHEN state OPERATOR(pg_catalog.=) 'queued' THEN not_before"
					 " ELSE pg_catalog.clock_timestamp() END) FROM %1$s.advfair_job"
					 " WHERE " HERE " AND (state OPERATOR(pg_catalog.=) 'queued' OR"
					 " state OPERATOR(pg_catalog.=) 'running' AND %1$s.advfair_job_pid(job) IS NULL)",
					 job.schema_name),
			false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read advfair_job");
	due = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? DT_NOEND : DatumGetTimestampTz(due);
}

/* Look for a job and take it. */
static bool
look(const AdvpgJobOrder *order)
{
	bool found = false;
	TimestampTz due = DT_NOEND;

	advpg_jobsession_begin();
	SPI_connect();
	if (find_extension())
	{
		if (advpg_version_agrees())
		{
			found = take_next(order->role);
			due = next_due();
		}
		else
		{
			ereport(LOG, errmsg("jobs in database \"%s\" wait for ALTER EXTENSION advfair UPDATE",
								get_database_name(MyDatabaseId)));
			due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), OUTDATED_MS);
		}
	}
	SPI_finish();
	advpg_jobsession_commit();
	/* one that is due and yet cannot be taken is held by another process */
	if (!found)
		due = Max(due, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), HELD_MS));
	advpg_queue_looked(order->slot, due);
	return found;
}

/* ---- running it ---- */

/* From here on this is a session of the job's role; there is no way back. */
static void
become_role(void)
{
	Oid role;
	bool superuser;

	advpg_jobsession_begin();
	role = get_role_oid(job.owner, true);
	if (!OidIsValid(role))
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role \"%s\" does not exist", job.owner));
	superuser = superuser_arg(role);
	advpg_jobsession_commit();
	SetSessionAuthorization(role, superuser);
	job.role = role;
	advpg_jobsession_enter(role);
}

/* What the role would have on connecting; an administrator may have set what it may not set itself. */
static void
apply_role_settings(void)
{
	Relation relation = table_open(DbRoleSettingRelationId, AccessShareLock);

	ApplySetting(GetActiveSnapshot(), MyDatabaseId, job.role, relation, PGC_S_DATABASE_USER);
	ApplySetting(GetActiveSnapshot(), InvalidOid, job.role, relation, PGC_S_USER);
	table_close(relation, AccessShareLock);
}

/* Settings as of submission, with the rights of the role. */
static void
apply_settings(void)
{
	ListCell *cell;

	apply_role_settings();
	foreach (cell, job.settings)
	{
		char *name = pstrdup(lfirst(cell));
		char *value = strchr(name, '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (is_own_setting(name))
			continue;
		(void) set_config_option(name, value, superuser_arg(job.role) ? PGC_SUSET : PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	}
}

/* Run one UPDATE on the job's row, as long as it is this process's. $1 is the job, $2 the process. */
static void
update_row(const char *set, int n, Oid *more_types, Datum *more_values, const char *nulls)
{
	Oid types[8] = {INT8OID, INT4OID};
	Datum values[8] = {Int64GetDatum(job.number), Int32GetDatum(MyProcPid)};
	AdvpgIdentity identity = advpg_jobsession_as_superuser();

	for (int i = 0; i < n; i++)
	{
		types[2 + i] = more_types[i];
		values[2 + i] = more_values[i];
	}
	SPI_connect();
	if (SPI_execute_with_args(
			psprintf("UPDATE %s.advfair_job SET pid = NULL, %s WHERE job OPERATOR(pg_catalog.=) $1"
					 " AND pid OPERATOR(pg_catalog.=) $2 AND state OPERATOR(pg_catalog.=) 'running'",
					 job.schema_name, set),
			2 + n, types, values, nulls, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write advfair_job");
	if (SPI_processed != 1)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("job " INT64_FORMAT " is not to be run any more", job.number));
	SPI_finish();
	advpg_jobsession_as(identity);
}

/* In the transaction that stores the result. */
static void
succeed(Jsonb *result)
{
	Oid types[] = {JSONBOID, TEXTOID};
	Datum values[] = {JsonbPGetDatum(result), CStringGetTextDatum(advpg_mend_text(job.warnings.data))};
	AdvpgIdentity identity;
	Oid number_type[] = {INT8OID};
	Datum number[] = {Int64GetDatum(job.number)};

	update_row("state = 'succeeded', finished_at = pg_catalog.clock_timestamp(), result = $3,"
			   " message = NULLIF($4, '')",
			   2, types, values, NULL);
	identity = advpg_jobsession_as_superuser();
	SPI_connect();
	if (SPI_execute_with_args(
			psprintf("DELETE FROM %s.advfair_checkpoint WHERE job OPERATOR(pg_catalog.=) $1",
					 job.schema_name),
			1, number_type, number, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not write advfair_checkpoint");
	SPI_finish();
	advpg_jobsession_as(identity);
}

/* The job has got on: failures so far count no more. */
static void
forget_failures(void)
{
	job.failures = 0;
}

static void
carry_out(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "advfair job", ALLOCSET_DEFAULT_SIZES);
	Jsonb *result;

	become_role();
	advpg_checkpoint_begin(job.schema, job.number, job.on_change, forget_failures);
	advpg_jobsession_begin();
	MemoryContextSwitchTo(context);
	apply_settings();
	SPI_connect();
	advpg_checkpoint_discard();
	SPI_finish();
	MemoryContextSwitchTo(context);
	result = advpg_jobkind_run(job.schema, job.task);
	succeed(result);
	advpg_jobsession_commit();
}

/* ---- when it fails ---- */

/* What may go better next time. */
static bool
is_transient(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'): /* insufficient resources */
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'): /* transaction rollback */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'): /* system error */
		case MAKE_SQLSTATE('0', '8', '0', '0', '0'): /* connection exception */
			return true;
		default:
			return sqlstate == ERRCODE_ADMIN_SHUTDOWN || sqlstate == ERRCODE_CRASH_SHUTDOWN ||
				   sqlstate == ERRCODE_LOCK_NOT_AVAILABLE || sqlstate == ERRCODE_INTERNAL_ERROR;
	}
}

static int
delay_seconds(void)
{
	int delay = FIRST_DELAY_S;

	for (int i = 0; i < job.failures && delay < MOST_DELAY_S; i++)
		delay *= 2;
	return Min(delay, MOST_DELAY_S);
}

/* What the row says after an error: $3 SQLSTATE, $4 message, $5 hint, $6 seconds to wait. */
static const char *
outcome(const ErrorData *error)
{
	if (ShutdownRequestPending)
		return "state = 'queued', not_before = pg_catalog.clock_timestamp(), sqlstate = $3, message = $4, "
			   "hint = $5";
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		return "state = 'cancelled', finished_at = pg_catalog.clock_timestamp(), sqlstate = $3, message = $4,"
			   " hint = $5";
	if (is_transient(error->sqlerrcode) && job.failures + 1 < job.max_attempts)
		return "state = 'queued', failures = failures OPERATOR(pg_catalog.+) 1, sqlstate = $3, message = $4,"
			   " hint = $5, not_before = pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+)"
			   " pg_catalog.make_interval(secs => $6)";
	return "state = 'failed', failures = 0,"
		   " finished_at = pg_catalog.clock_timestamp(), sqlstate = $3, message = $4, hint = $5";
}

static void
fail(const ErrorData *error)
{
	Oid types[] = {TEXTOID, TEXTOID, TEXTOID, FLOAT8OID};
	/* whoever made these, they become values of the table */
	char *message = advpg_mend_text(pstrdup(error->message ? error->message : ""));
	char *hint = advpg_mend_text(pstrdup(error->hint ? error->hint : ""));
	Datum values[] = {CStringGetTextDatum(unpack_sql_state(error->sqlerrcode)), CStringGetTextDatum(message),
					  CStringGetTextDatum(hint), Float8GetDatum(delay_seconds())};
	char nulls[] = "      ";

	if (error->hint == NULL)
		nulls[4] = 'n';
	advpg_jobsession_begin();
	if (advpg_extension_exists()) /* else there is nobody to tell */
		update_row(outcome(error), 4, types, values, nulls);
	advpg_jobsession_commit();
}

/* Carry it out, and say so when that fails. */
static void
run(void)
{
	ErrorData *error = NULL;

	PG_TRY();
	{
		if (job.failures >= job.max_attempts)
			ereport(ERROR, errcode(ERRCODE_CRASH_SHUTDOWN),
					errmsg("the job's process ended unexpectedly, %d times in a row without getting on",
						   job.failures),
					errhint("The server log may tell why."));
		carry_out();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(TopMemoryContext);
		error = CopyErrorData();
		if (ShutdownRequestPending)
		{
			error->sqlerrcode = ERRCODE_ADMIN_SHUTDOWN;
			error->message = "the job's process was told to stop";
			error->hint = NULL;
		}
		EmitErrorReport();
		FlushErrorState();
		HOLD_INTERRUPTS();
		AbortCurrentTransaction();
		QueryCancelPending = false;
		MemoryContextSwitchTo(TopMemoryContext);
		fail(error);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
}

void
advfair_job_main(Datum arg)
{
	AdvpgJobOrder order;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGTERM, handle_term);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	set_up();
	initStringInfo(&job.warnings);
	next_emit_log = emit_log_hook;
	emit_log_hook = keep_warning;
	pgstat_report_activity(STATE_RUNNING, "looking for a job");
	if (!ShutdownRequestPending && look(&order))
	{
		char *activity = psprintf("advfair job " INT64_FORMAT, job.number);

		pgstat_report_activity(STATE_RUNNING, activity);
		run();
	}
	advpg_queue_finished(order.slot);
}
