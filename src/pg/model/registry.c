/*
 * registry.c
 *		The tables advfair_model and advfair_curve: finding models, adding versions.
 *
 * All access is by plain SQL with the caller's rights, so row-level security and grants decide what is seen. Names and operators
 * are qualified: the caller's search_path means nothing here.
 */
#include "pg/model/registry.h"

#include <ctype.h>
#include <math.h>

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#include "pg/base/ownsql.h"
#include "pg/data/source.h"

#define NAMELOCK_KIND 0x6e61 /* of advisory locks, beside ADVPG_JOBLOCK_KIND */

static const char *
schema_name(Oid schema)
{
	return quote_identifier(get_namespace_name(schema));
}

/* Split 'name@version'; returns false when what follows the @ is not a version. */
static bool
split_name(const char *model, char **name, int *version)
{
	const char *at = strrchr(model, '@');
	char *end;
	long number;

	*version = 0;
	*name = at ? pnstrdup(model, at - model) : pstrdup(model);
	if (at == NULL)
		return true;
	errno = 0;
	number = strtol(at + 1, &end, 10);
	if (!isdigit((unsigned char) at[1]) || *end != '\0' || errno != 0 || number < 1 || number > PG_INT32_MAX)
		return false;
	*version = (int) number;
	return true;
}

/* The entry a query finds, NULL when it finds none. Its columns are those of SELECTED. */
#define SELECTED                                                                                             \
	"SELECT model_id::pg_catalog.text, name, version, owner::pg_catalog.text, task, model, promoted_at IS "  \
	"NOT NULL FROM "                                                                                         \
	"%s.advfair_model"

static AdvpgEntry *
find(const char *query, int n, Oid *types, Datum *values)
{
	AdvpgEntry *entry = palloc0(sizeof(AdvpgEntry));
	MemoryContext context = CurrentMemoryContext;
	HeapTuple row;
	TupleDesc desc;
	bool isnull;

	if (advpg_own_execute(query, n, types, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read advfair_model");
	MemoryContextSwitchTo(context); /* SPI leaves its own */
	if (SPI_processed == 0)
		return NULL;
	row = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	entry->model_id = TextDatumGetCString(SPI_getbinval(row, desc, 1, &isnull));
	entry->name = TextDatumGetCString(SPI_getbinval(row, desc, 2, &isnull));
	entry->version = DatumGetInt32(SPI_getbinval(row, desc, 3, &isnull));
	entry->owner = TextDatumGetCString(SPI_getbinval(row, desc, 4, &isnull));
	entry->task = DatumGetJsonbPCopy(SPI_getbinval(row, desc, 5, &isnull));
	entry->model = datumCopy(SPI_getbinval(row, desc, 6, &isnull), false, -1);
	entry->promoted = DatumGetBool(SPI_getbinval(row, desc, 7, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return entry;
}

AdvpgEntry *
advpg_registry_find(Oid schema, const char *model)
{
	Oid types[] = {TEXTOID, INT4OID};
	Datum values[2];
	char *name;
	int version;
	AdvpgEntry *entry;

	if (!split_name(model, &name, &version))
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is not the name of a model", model),
				errhint("Write name for the version promoted last or name@version for one version."));
	values[0] = CStringGetTextDatum(name);
	values[1] = Int32GetDatum(version);
	entry = find(psprintf(SELECTED " WHERE name OPERATOR(pg_catalog.=) $1"
								   " AND ($2 OPERATOR(pg_catalog.=) 0 OR version OPERATOR(pg_catalog.=) $2)"
								   " ORDER BY owner OPERATOR(pg_catalog.=) current_user DESC,"
								   " promoted_at DESC NULLS LAST, version DESC, created_at DESC LIMIT 1",
						  schema_name(schema)),
				 2, types, values);
	if (entry == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", model),
				errhint("SELECT name, version FROM %s.advfair_model lists the models you may use.",
						schema_name(schema)));
	/* what was promoted may have been deleted: a version that was refused must not take its place */
	if (version == 0 && !entry->promoted)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("no version of model \"%s\" is promoted", model),
				errhint("Write \"%s@%d\" for the newest one, or promote one with %s.advfair_promote.", name,
						entry->version, schema_name(schema)));
	return entry;
}

AdvpgEntry *
advpg_registry_find_id(Oid schema, const char *model_id)
{
	Oid types[] = {UUIDOID};
	Datum values[] = {DirectFunctionCall1(uuid_in, CStringGetDatum(model_id))};

	return find(psprintf(SELECTED " WHERE model_id OPERATOR(pg_catalog.=) $1", schema_name(schema)), 1, types,
				values);
}

/*
 * What a model says about its data is its owner's text. Not only a query can run anything, with the rights of who reads it: so can a view,
 * a policy for row-level security, or a table that is replaced by a view before it is read. So it is read by its owner alone.
 */
static void
check_owner(const AdvpgEntry *entry)
{
	if (strcmp(entry->owner, GetUserNameFromId(GetUserId(), false)) != 0)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("model \"%s@%d\" belongs to role \"%s\"", entry->name, entry->version, entry->owner),
				errdetail("The data another role has named are not read with your rights."),
				errhint("SET ROLE %s, if you may.", quote_identifier(entry->owner)));
}

/* Names of the temporary tables of a session of its own, as tasks had them before 1.2, when they did not tell the session. */
static bool
is_temporary(const char *data)
{
	return data && strncmp(data, "pg_temp_", strlen("pg_temp_")) == 0;
}

/*
 * Temporary tables are read again in the session that has them alone: in another one their names mean nothing, or tables that have nothing to
 * do with them.
 */
static void
check_session(const AdvpgEntry *entry, const AdvpgTrainTask *task)
{
	if (task->session ? strcmp(task->session, advpg_session()) != 0
					  : is_temporary(task->data) || is_temporary(task->validation))
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("model \"%s@%d\" was trained on temporary tables of another session", entry->name,
					   entry->version),
				errhint("Train a new version on tables that stay."));
}

void
advpg_registry_task(const AdvpgEntry *entry, AdvpgTrainTask *task)
{
	check_owner(entry);
	if (advpg_task_text(entry->task, "data") == NULL)
		ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("model \"%s@%d\" has no task to train it again by", entry->name, entry->version),
				errdetail("Its column task in advfair_model does not say on which data it was trained."));
	advpg_train_task_read(entry->task, advpg_task_text(entry->task, "model") != NULL, task);
	check_session(entry, task);
	task->model = entry->name; /* it may have been renamed since */
}

/* A float8[] of one member of the epochs, NaN as NULL. */
static Datum
epoch_array(const AdvEpoch *epochs, int n, size_t offset)
{
	Datum *values = palloc(sizeof(Datum) * n);
	bool *nulls = palloc(sizeof(bool) * n);
	int lower = 1;

	for (int i = 0; i < n; i++)
	{
		double value = *(const double *) ((const char *) &epochs[i] + offset);

		values[i] = Float8GetDatum(value);
		nulls[i] = isnan(value);
	}
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower, FLOAT8OID, sizeof(float8),
											  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
add_curve(Oid schema, Datum model_id, const AdvEpoch *epochs, int n)
{
	Oid types[] = {UUIDOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID, FLOAT8ARRAYOID};
	Datum values[] = {model_id,
					  epoch_array(epochs, n, offsetof(AdvEpoch, loss)),
					  epoch_array(epochs, n, offsetof(AdvEpoch, accuracy)),
					  epoch_array(epochs, n, offsetof(AdvEpoch, validation_loss)),
					  epoch_array(epochs, n, offsetof(AdvEpoch, validation_accuracy)),
					  epoch_array(epochs, n, offsetof(AdvEpoch, seconds))};
	char *query = psprintf("INSERT INTO %s.advfair_curve"
						   " (model_id, epoch, loss, accuracy, validation_loss, validation_accuracy, seconds)"
						   " SELECT $1, e.epoch, e.l, e.a, e.vl, e.va, e.s"
						   " FROM unnest($2, $3, $4, $5, $6)" /* with several arrays always pg_catalog's */
						   " WITH ORDINALITY AS e (l, a, vl, va, s, epoch)",
						   schema_name(schema));

	if (advpg_own_execute(query, 6, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write advfair_curve");
}

/*
 * Trainings of one name by one role number their versions one after the other, until the transaction ends. The lock is of a kind that no SQL
 * function takes (see joblock.h), so that no other role can hold it.
 */
static void
lock_name(const char *name)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, GetUserId(),
						 hash_bytes((const unsigned char *) name, strlen(name)), NAMELOCK_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* Run one statement that sees what is committed by now; in a repeatable read transaction SPI's own snapshot would be an old one. */
static void
execute_now(const char *query, int n, Oid *types, Datum *values, int expected)
{
	int level = advpg_own_begin();
	SPIPlanPtr plan = SPI_prepare(query, n, types);

	if (plan == NULL || SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot, false,
											 true, 0) != expected)
		elog(ERROR, "could not write advfair_model");
	SPI_freeplan(plan);
	advpg_own_end(level);
}

int
advpg_registry_add(Oid schema, const AdvpgVersion *version, bool promoted)
{
	Oid types[] = {TEXTOID, JSONBOID, TEXTOID, JSONBOID, BYTEAOID, BOOLOID};
	Datum values[] = {CStringGetTextDatum(version->name),   JsonbPGetDatum(version->task),
					  CStringGetTextDatum(version->digest), JsonbPGetDatum(version->metrics),
					  PointerGetDatum(version->model),      BoolGetDatum(promoted)};
	char *query =
		psprintf("INSERT INTO %1$s.advfair_model (name, version, owner, task, data_digest, metrics, model, "
				 "promoted_at)"
				 " SELECT $1, COALESCE(pg_catalog.max(version), 0) OPERATOR(pg_catalog.+) 1, current_user,"
				 " $2, $3, $4, $5, CASE WHEN $6 THEN pg_catalog.clock_timestamp() END FROM %1$s.advfair_model"
				 " WHERE name OPERATOR(pg_catalog.=) $1 AND owner OPERATOR(pg_catalog.=) current_user"
				 " RETURNING model_id, version",
				 schema_name(schema));
	Datum model_id;
	int number;
	bool isnull;

	lock_name(version->name);
	execute_now(query, 6, types, values, SPI_OK_INSERT_RETURNING);
	if (SPI_processed != 1)
		elog(ERROR, "could not write advfair_model");
	model_id =
		datumCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull), false, UUID_LEN);
	number = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
	add_curve(schema, model_id, version->epochs, version->n_epochs);
	return number;
}

void
advpg_registry_promote(Oid schema, const AdvpgEntry *entry)
{
	MemoryContext context = CurrentMemoryContext;
	Oid types[] = {UUIDOID};
	Datum values[] = {DirectFunctionCall1(uuid_in, CStringGetDatum(entry->model_id))};

	if (advpg_own_execute(psprintf("UPDATE %s.advfair_model SET promoted_at = pg_catalog.clock_timestamp()"
								   " WHERE model_id OPERATOR(pg_catalog.=) $1",
								   schema_name(schema)),
						  1, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write advfair_model");
	if (SPI_processed != 1)
		ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				errmsg("model \"%s@%d\" is not yours to promote", entry->name, entry->version));
	MemoryContextSwitchTo(context);
}

void
advpg_registry_forget_curve(Oid schema, Datum model_id)
{
	Oid types[] = {UUIDOID};

	if (advpg_own_execute(psprintf("DELETE FROM %s.advfair_curve WHERE model_id OPERATOR(pg_catalog.=) $1",
								   schema_name(schema)),
						  1, types, &model_id, NULL, false, 0) != SPI_OK_DELETE)
		elog(ERROR, "could not write advfair_curve");
}
