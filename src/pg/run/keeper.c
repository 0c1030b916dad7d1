/*
 * keeper.c
 *		Keeps the finished parts of a long run. See keeper.h.
 */
#include "pg/run/keeper.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "core/train/luf.h"
#include "pg/base/advpg.h"
#include "pg/base/ownsql.h"
#include "pg/base/transaction.h"
#include "pg/run/attach.h"

#define TABLE           "advfair_luf_part"
#define LOOK_MS         200 /* how often a keeper looks for finished parts */
#define LOCK_TIMEOUT_MS "500"

PGDLLEXPORT void advfair_keeper_main(Datum arg);

/*
 * Delete the parts of a run, in the current transaction. A longer run of the same digest, with more rows left out, has others, which it may
 * need again.
 */
static void
delete_parts(const AdvpgKeeperRun *run, const int64 *part)
{
	Oid types[] = {TEXTOID, INT8ARRAYOID};
	Datum values[2];
	uint64 n = run->n_models;
	Datum *parts = palloc_extended(sizeof(Datum) * (n + 1), MCXT_ALLOC_HUGE);

	for (uint64 m = 0; m < n; m++)
		parts[m] = Int64GetDatum(part[m]);
	values[0] = CStringGetTextDatum(run->digest);
	values[1] =
		PointerGetDatum(construct_array(parts, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	if (advpg_own_execute(psprintf("DELETE FROM %s." TABLE " WHERE digest OPERATOR(pg_catalog.=) $1"
								   " AND part OPERATOR(pg_catalog.=) ANY ($2)"
								   " AND owner OPERATOR(pg_catalog.=) current_user",
								   quote_identifier(get_namespace_name(run->schema))),
						  2, types, values, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not delete from " TABLE);
}

/* ---- the leader's side ---- */

/* A model's part and its number, to find models by part. */
typedef struct Place
{
	int64 part;
	uint64 model;
} Place;

static int
compare_places(const void *a, const void *b)
{
	int64 left = ((const Place *) a)->part;
	int64 right = ((const Place *) b)->part;

	return (left > right) - (left < right);
}

int
advpg_keeper_load(AdvpgRun *run)
{
	const AdvpgKeeperRun *keeper = advpg_run_place(run, ADVPG_KEEPER);
	const int64 *part = advpg_run_place(run, "part");
	AdvLufModel *models = advpg_run_place(run, "models");
	float *change = advpg_run_place(run, "change");
	uint64 n = keeper->n_models;
	size_t n_eval = keeper->n_eval;
	Place *places = palloc_extended(sizeof(Place) * (n + 1), MCXT_ALLOC_HUGE);
	MemoryContext context = CurrentMemoryContext;
	Oid types[] = {TEXTOID};
	Datum values[] = {CStringGetTextDatum(keeper->digest)};
	int loaded = 0;

	for (uint64 m = 0; m < n; m++)
		places[m] = (Place){part[m], m};
	qsort(places, n, sizeof(Place), compare_places);
	if (advpg_own_execute(psprintf("SELECT part, change FROM %s." TABLE
								   " WHERE digest OPERATOR(pg_catalog.=) $1"
								   " AND owner OPERATOR(pg_catalog.=) current_user",
								   quote_identifier(get_namespace_name(keeper->schema))),
						  1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read " TABLE);
	for (uint64 r = 0; r < SPI_processed; r++)
	{
		bool isnull;
		HeapTuple row = SPI_tuptable->vals[r];
		Place wanted = {DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull))};
		bytea *bytes = DatumGetByteaPP(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
		Place *place = bsearch(&wanted, places, n, sizeof(Place), compare_places);

		CHECK_FOR_INTERRUPTS();
		if (place == NULL || VARSIZE_ANY_EXHDR(bytes) != n_eval * sizeof(float))
			continue;
		memcpy(change + place->model * n_eval, VARDATA_ANY(bytes), n_eval * sizeof(float));
		atomic_store(&models[place->model].stage, ADV_LUF_GIVEN);
		loaded++;
	}
	SPI_freetuptable(SPI_tuptable);
	pfree(places);
	MemoryContextSwitchTo(context);
	return loaded;
}

void
advpg_keeper_forget(AdvpgRun *run)
{
	MemoryContext context = CurrentMemoryContext;

	delete_parts(advpg_run_place(run, ADVPG_KEEPER), advpg_run_place(run, "part"));
	MemoryContextSwitchTo(context);
}

AdvpgKeeper
advpg_keeper_start(AdvpgRun *run)
{
	if (XactReadOnly || RecoveryInProgress())
		return NULL;
	return advpg_run_register(run, "advfair keeper", "advfair_keeper_main", true);
}

void
advpg_keeper_end(AdvpgRun *run, AdvpgKeeper keeper, AdvpgKeeperOrder order)
{
	pid_t pid;

	if (keeper == NULL)
		return;
	atomic_store(&((AdvpgKeeperRun *) advpg_run_place(run, ADVPG_KEEPER))->order, order);
	HOLD_INTERRUPTS();
	(void) WaitForBackgroundWorkerStartup(keeper,
										  &pid); /* one told to end before it began would never begin */
	TerminateBackgroundWorker(keeper);           /* wakes it up; it finishes what it was told to do first */
	(void) WaitForBackgroundWorkerShutdown(keeper);
	RESUME_INTERRUPTS();
}

/* ---- the keeper ---- */

typedef struct Keeper
{
	AdvpgShared *shared;
	AdvpgKeeperRun *run;
	const int64 *part;
	AdvLufModel *models;
	const float *change;
	bool *kept; /* (n_models) */
} Keeper;

/*
 * Settings of the database would hold for a keeper, too. The leader, in the midst of a transaction, waits for its keeper in the end,
 * and may hold the very lock the keeper needs: the keeper gives up then. No deadlock check would see that.
 */
static void
set_up(void)
{
	static const char *const settings[][2] = {
		{"lock_timeout", LOCK_TIMEOUT_MS},
		{"statement_timeout", "0"},
		{"synchronous_commit", "local"}, /* no standby shall hold up a cancellation */
		{"row_security", "on"},
	};

	for (int i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

/* Whether there is a table to write to and a role to do so. What the leader's transaction has just made is not there for others. */
static bool
can_keep(const AdvpgKeeperRun *run)
{
	bool result;

	advpg_transaction_begin();
	result = get_namespace_name(run->schema) != NULL && OidIsValid(get_relname_relid(TABLE, run->schema)) &&
			 SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(run->role));
	CommitTransactionCommand();
	return result;
}

/* Run one statement in a transaction, as the role that runs the statement this is done for. */
static void
begin(Keeper *k)
{
	advpg_transaction_begin();
	SetUserIdAndSecContext(k->run->role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, 0);
	CommitTransactionCommand();
}

/* Write all parts that are finished and not kept yet. */
static void
keep_finished(Keeper *k)
{
	Oid types[] = {TEXTOID, INT8OID, BYTEAOID};
	bool begun = false;

	for (uint64 m = 0; m < k->run->n_models; m++)
	{
		size_t size = k->run->n_eval * sizeof(float);
		Datum values[3];
		bytea *bytes;

		if (k->kept[m] || atomic_load(&k->models[m].stage) == ADV_LUF_OPEN)
			continue;
		if (!begun)
			begin(k);
		begun = true;
		bytes = palloc_extended(size + VARHDRSZ, MCXT_ALLOC_HUGE);
		SET_VARSIZE(bytes, size + VARHDRSZ);
		memcpy(VARDATA(bytes), k->change + m * k->run->n_eval, size);
		values[0] = CStringGetTextDatum(k->run->digest);
		values[1] = Int64GetDatum(k->part[m]);
		values[2] = PointerGetDatum(bytes);
		if (advpg_own_execute(psprintf("INSERT INTO %s." TABLE " (digest, part, change, owner)"
									   " VALUES ($1, $2, $3, current_user) ON CONFLICT DO NOTHING",
									   quote_identifier(get_namespace_name(k->run->schema))),
							  3, types, values, NULL, false, 0) != SPI_OK_INSERT)
			elog(ERROR, "could not write " TABLE);
		k->kept[m] = true;
	}
	if (begun)
		commit();
}

/* Parts that were there before are kept already. */
static void
note_kept(Keeper *k)
{
	k->kept = palloc0(sizeof(bool) * (k->run->n_models + 1));
	for (uint64 m = 0; m < k->run->n_models; m++)
		k->kept[m] = atomic_load(&k->models[m].stage) == ADV_LUF_GIVEN;
}

void
advfair_keeper_main(Datum arg)
{
	dsm_segment *segment;
	shm_toc *toc;
	Keeper k = {0};
	AdvpgKeeperOrder order;
	bool last;

	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	CurrentResourceOwner = ResourceOwnerCreate(NULL, "advfair keeper");
	segment = dsm_attach(DatumGetUInt32(arg));
	if (segment == NULL)
		return; /* the leader is gone */
	dsm_pin_mapping(segment);
	toc = shm_toc_attach(ADVPG_SHARED_MAGIC, dsm_segment_address(segment));
	if (toc == NULL)
		return;
	k.shared = advpg_attach(toc, ADVPG_TEAM);
	k.run = advpg_attach(toc, ADVPG_KEEPER);
	k.part = advpg_attach(toc, "part");
	k.models = advpg_attach(toc, "models");
	k.change = advpg_attach(toc, "change");
	BackgroundWorkerInitializeConnectionByOid(k.run->database, InvalidOid, 0);
	set_up();
	if (!can_keep(k.run))
		return;
	CurrentMemoryContext = AllocSetContextCreate(TopMemoryContext, "advfair keeper", ALLOCSET_DEFAULT_SIZES);
	note_kept(&k);

	do
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, LOOK_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		/* asked before: an order, or what is finished, may come while parts are being written */
		last = ShutdownRequestPending || atomic_load(&k.shared->team.abort) != 0;
		order = atomic_load(&k.run->order);
		if (order == ADVPG_KEEPER_FORGET)
		{
			begin(&k);
			delete_parts(k.run, k.part);
			commit();
		}
		else
			keep_finished(&k);
	} while (order == ADVPG_KEEPER_RUN && !last);
	dsm_detach(segment);
}
