/*
 * checkpoint.c
 *		Keeps and finds the states of a job's runs. See checkpoint.h.
 *
 * The table belongs to the extension's owner and nobody else may write it: what is loaded has been written here. It is checked all the
 * same before use, by those who know what a state is.
 */
#include "pg/run/checkpoint.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "pg/base/advpg.h"
#include "pg/base/jobsession.h"

#define MAX_NAME 500 /* bytes of a run's name as a user sees it */

static Oid schema = InvalidOid;
static int64 job = 0; /* 0: not in a job */
static AdvpgOnChange on_change;
static void (*progressed)(void); /* the job has got on */
static uint64 seen = 0;          /* what was announced so far, hashed */
static List *names = NIL;        /* of char *: the runs so far, the one under way first */
static TimestampTz last_kept;
static uint64 kept = 0; /* hash of the state that the table has of it, 0 when it has none */

void
advpg_checkpoint_begin(Oid extension_schema, int64 number, AdvpgOnChange what, void (*on_progress)(void))
{
	schema = extension_schema;
	job = number;
	on_change = what;
	progressed = on_progress;
}

bool
advpg_checkpointing(void)
{
	return job != 0;
}

void
advpg_checkpoint_saw(const void *bytes, size_t size)
{
	if (job != 0)
		seen = hash_combine64(seen, hash_bytes_extended(bytes, (int) size, 0));
}

static uint64
hash_state(const bytea *state)
{
	return hash_bytes_extended((const unsigned char *) VARDATA_ANY(state), (int) VARSIZE_ANY_EXHDR(state), 0);
}

static const char *
schema_name(void)
{
	return quote_identifier(get_namespace_name(schema));
}

/* Run one statement on the table, as the extension's owner would. */
static void
execute(const char *query, int n, Oid *types, Datum *values, int expected)
{
	AdvpgIdentity identity = advpg_jobsession_as_superuser();

	if (SPI_execute_with_args(query, n, types, values, NULL, false, 0) != expected)
		elog(ERROR, "could not use advfair_checkpoint");
	advpg_jobsession_as(identity);
}

void
advpg_checkpoint_discard(void)
{
	Oid types[] = {INT8OID, TEXTOID};
	Datum values[] = {Int64GetDatum(job), CStringGetTextDatum(ADVFAIR_VERSION)};

	execute(psprintf("DELETE FROM %s.advfair_checkpoint WHERE job OPERATOR(pg_catalog.=) $1"
					 " AND version OPERATOR(pg_catalog.<>) $2",
					 schema_name()),
			2, types, values, SPI_OK_DELETE);
	if (SPI_processed > 0)
		ereport(WARNING,
				errmsg("the job's last checkpoint was left by another version of advfair; computing again"));
}

/* ---- which run it is ---- */

static bool
is_taken(const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* A name that an index holds, whatever names users have given and however many columns have an eps of their own. */
static char *
short_name(const char *name)
{
	int size = (int) strlen(name);

	if (size <= MAX_NAME)
		return pstrdup(name);
	return psprintf("%.*s ... (" UINT64_FORMAT ")", pg_mbcliplen(name, size, MAX_NAME), name,
					hash_bytes_extended((const unsigned char *) name, size, 0));
}

/* Runs of one name come in an order that follows from the task, too: the same model twice, or the same eps. */
static const char *
begin_run(const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	char *first = short_name(name);
	char *own = first;

	for (int again = 2; is_taken(own); again++)
		own = psprintf("%s (%d)", first, again);
	names = lcons(own, names);
	MemoryContextSwitchTo(old);
	return own;
}

static Datum
run_name(void)
{
	return CStringGetTextDatum(linitial(names));
}

/* ---- loading ---- */

/* The names of the runs that this process has been through, that under way not among them. */
static Datum
finished_runs(void)
{
	int n = list_length(names) - 1;
	Datum *texts = palloc(sizeof(Datum) * (n + 1));

	for (int i = 0; i < n; i++)
		texts[i] = CStringGetTextDatum(list_nth(names, i + 1));
	return PointerGetDatum(construct_array(texts, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The data are not what they were: forget this state and all that followed from it, or fail. */
static void
data_changed(void)
{
	Oid types[] = {INT8OID, TEXTARRAYOID};
	Datum values[] = {Int64GetDatum(job), finished_runs()};

	if (on_change == ADVPG_ON_CHANGE_FAIL)
		ereport(
			ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			errmsg("rows or models have changed since the job's last checkpoint"),
			errhint("Submit it again, or submit with on_change => 'restart' to compute again by itself."));
	execute(psprintf("DELETE FROM %s.advfair_checkpoint WHERE job OPERATOR(pg_catalog.=) $1"
					 " AND name OPERATOR(pg_catalog.<>) ALL ($2)",
					 schema_name()),
			2, types, values, SPI_OK_DELETE);
	ereport(WARNING, errmsg("rows or models have changed since the job's last checkpoint; computing again"));
}

bytea *
advpg_checkpoint_load(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	Oid types[] = {INT8OID, TEXTOID};
	Datum values[2];
	bytea *state = NULL;

	if (job == 0)
		return NULL;
	last_kept = GetCurrentTimestamp();
	values[0] = Int64GetDatum(job);
	values[1] = CStringGetTextDatum(begin_run(name));
	execute(psprintf("SELECT seen, state FROM %s.advfair_checkpoint WHERE job OPERATOR(pg_catalog.=) $1"
					 " AND name OPERATOR(pg_catalog.=) $2",
					 schema_name()),
			2, types, values, SPI_OK_SELECT);
	if (SPI_processed > 0)
	{
		HeapTuple row = SPI_tuptable->vals[0];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool isnull;
		uint64 then = (uint64) DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));

		MemoryContextSwitchTo(context);
		if (then == seen)
			state = DatumGetByteaPCopy(SPI_getbinval(row, desc, 2, &isnull));
		else
			data_changed();
	}
	MemoryContextSwitchTo(context);
	kept = state ? hash_state(state) : 0;
	return state;
}

/* ---- keeping ---- */

/* Write a state in a transaction of its own; the job is getting on, so failures so far do not count any more. */
static void
write_state(bytea *state)
{
	Oid types[] = {INT8OID, TEXTOID, INT8OID, BYTEAOID, TEXTOID};
	Datum values[] = {Int64GetDatum(job), run_name(), Int64GetDatum((int64) seen), PointerGetDatum(state),
					  CStringGetTextDatum(ADVFAIR_VERSION)};

	advpg_jobsession_continue();
	SPI_connect();
	/* in the order in which DROP EXTENSION locks the tables, that of their creation: else each might wait for the other */
	execute(psprintf("UPDATE %s.advfair_job SET failures = 0 WHERE job OPERATOR(pg_catalog.=) $1"
					 " AND failures OPERATOR(pg_catalog.>) 0",
					 schema_name()),
			1, types, values, SPI_OK_UPDATE);
	execute(
		psprintf(
			"INSERT INTO %s.advfair_checkpoint (job, name, seen, state, version) VALUES ($1, $2, $3, $4, $5)"
			" ON CONFLICT (job, name) DO UPDATE SET seen = EXCLUDED.seen, state = EXCLUDED.state,"
			" taken_at = pg_catalog.clock_timestamp()",
			schema_name()),
		5, types, values, SPI_OK_INSERT);
	SPI_finish();
	advpg_jobsession_pause();
	progressed();
}

void
advpg_checkpoint_keep(bytea *(*take)(void *), void *arg, bool last)
{
	bytea *state;

	if (job == 0)
		return;
	if (!last &&
		!TimestampDifferenceExceeds(last_kept, GetCurrentTimestamp(), advpg_checkpoint_interval * 1000))
		return;
	state = take(arg);
	if (state == NULL)
		return;
	/* a state that is there already is no progress: what fails after it would be tried again for ever */
	if (hash_state(state) != kept)
		write_state(state);
	kept = hash_state(state);
	pfree(state);
	last_kept = GetCurrentTimestamp();
}
