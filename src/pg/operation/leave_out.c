/*
 * leave_out.c
 *		Leave-one-out unfairness of a model of the registry: its training again and again, each time without one row.
 *
 * Everything is done as the stored task says, so only the removal differs. The base model is trained along with the others, on the
 * same machine with the same kernels: a model that came from elsewhere would differ in its last bits, and training magnifies these.
 */
#include "pg/operation/leave_out.h"

#include <math.h>

#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/task/json.h"
#include "pg/run/keeper.h"
#include "pg/run/run_luf.h"
#include "pg/base/operation.h"
#include "pg/model/registry.h"
#include "pg/base/segment.h"
#include "pg/operation/training.h"

/* The models of a run: which row each leaves out, which seed it has. */
typedef struct Models
{
	int64 n;
	AdvLufModel *model;
	int64 *part; /* what tells a model's result apart: the key of the row left out, or the seed */
} Models;

/* ---- which rows ---- */

/* Rows to leave out, drawn; a longer list begins with the shorter one. */
static uint32_t *
draw_rows(const AdvpgPlan *plan, const AdvpgLufTask *task)
{
	if (task->leave_out > plan->rows->n_fitted)
		advpg_task_invalid("leave_out", "is %.0f, but the model is trained on %zu rows", task->leave_out,
						   plan->rows->n_fitted);
	return advpg_rows_draw(plan->rows, plan->rows->fitted, plan->rows->n_fitted, (uint64) (int64) task->seed,
						   ADV_FOR_LEAVE_OUT);
}

static AdvText
key_text(const uint64_t *key)
{
	return (AdvText){(const char *) key, sizeof(*key)};
}

/*
 * What the keys of listed rows would be: that of the row with each id, and that of a second row with the same id, which tells that the
 * id is not one row's. Ids are read as SQL reads values of the column's type.
 */
static void
keys_of_ids(const AdvpgRows *rows, List *ids, AdvpgDictionary *keys, AdvpgDictionary *second_keys)
{
	ListCell *cell;

	advpg_dictionary_init(keys, CurrentMemoryContext);
	advpg_dictionary_init(second_keys, CurrentMemoryContext);
	foreach (cell, ids)
	{
		const char *id = lfirst(cell);
		Datum value = advpg_value_in(rows->id_value, advpg_cstring_text(id));
		uint64_t key = advpg_value_hash(rows->id_value, value, 0);
		uint64_t second = hash_combine64(key, 1);
		bool added;

		(void) advpg_dictionary_add(keys, key_text(&key), &added);
		if (!added)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("leave_out_ids lists %s %s twice", rows->id_name, id));
		(void) advpg_dictionary_add(second_keys, key_text(&second), NULL);
	}
}

/* The rows with listed ids, by their keys. */
static uint32_t *
find_rows(const AdvpgPlan *plan, List *ids)
{
	const AdvpgRows *rows = plan->rows;
	int64 *found = palloc(sizeof(int64) * list_length(ids));
	uint32_t *result = palloc(sizeof(uint32_t) * list_length(ids));
	AdvpgDictionary keys;
	AdvpgDictionary second_keys;

	if (rows->id_name == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("leave_out_ids needs training rows with an id, but data \"%s\" have none", rows->source),
			errhint("Give the table a primary key, or train with id => a column."));
	keys_of_ids(rows, ids, &keys, &second_keys);
	for (int i = 0; i < list_length(ids); i++)
		found[i] = -1;
	ADVPG_EACH (k, rows->n_fitted)
	{
		uint32_t row = rows->fitted[k];
		int i = advpg_dictionary_find(&keys, key_text(&rows->key[row]));
		int again = advpg_dictionary_find(&second_keys, key_text(&rows->key[row]));

		if (again >= 0)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("more than one row has %s %s", rows->id_name, (char *) list_nth(ids, again)),
					errhint("Train with an id that tells rows apart."));
		if (i >= 0)
			found[i] = row;
	}
	for (int i = 0; i < list_length(ids); i++)
	{
		if (found[i] < 0)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("no row with %s %s is among the rows the model is trained on", rows->id_name,
						   (char *) list_nth(ids, i)),
					rows->n_held > 0 ? errdetail("Rows held out for validation are not trained on.") : 0);
		result[i] = found[i];
	}
	return result;
}

static Models
choose_models(const AdvpgPlan *plan, const AdvpgLufTask *task)
{
	Models models;
	uint32_t *rows;

	rows = task->leave_out_ids != NIL ? find_rows(plan, task->leave_out_ids) : draw_rows(plan, task);
	models.n = task->leave_out_ids != NIL ? list_length(task->leave_out_ids) : (int64) task->leave_out;
	models.model = palloc_extended(sizeof(AdvLufModel) * models.n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	models.part = palloc_extended(sizeof(int64) * models.n, MCXT_ALLOC_HUGE);
	for (int64 m = 0; m < models.n; m++)
	{
		models.model[m].left_row = task->vary_seed > 0 ? -1 : (int64) rows[m];
		models.model[m].seed = plan->spec.seed + (task->vary_seed > 0 ? m + 1 : 0);
		models.part[m] =
			task->vary_seed > 0 ? (int64) models.model[m].seed : (int64) plan->rows->key[rows[m]];
	}
	return models;
}

/* ---- what a run is known by ---- */

/* SHA-256 over the task and all rows: everything the result of one model depends on, but for the row it leaves out. */
static char *
digest_run(const AdvpgPlan *plan, const AdvpgRows *eval, const AdvpgLufTask *task)
{
	AdvpgTrainTask stored = plan->task;
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *text = palloc0(ADVPG_DIGEST_LENGTH + 1);
	StringInfoData all;
	Jsonb *json;
	bool ok;

	stored.workers = 0; /* makes no difference */
	stored.model = NULL;
	json = advpg_train_task_write(&stored);
	initStringInfo(&all);
	appendStringInfo(&all, "%s %d %d %s %s %s", ADVFAIR_VERSION, task->vary_seed > 0, task->regenerate > 0,
					 JsonbToCString(NULL, &json->root, VARSIZE(json)), advpg_rows_digest(plan->rows),
					 advpg_rows_digest(eval));
	if (plan->validation) /* a method may stop by what it sees there */
		appendStringInfo(&all, " %s", advpg_rows_digest(plan->validation));
	ok = ctx && pg_cryptohash_init(ctx) >= 0 &&
		 pg_cryptohash_update(ctx, (const uint8 *) all.data, all.len) >= 0;
	ADVPG_EACH (i, ok ? eval->n : 0) /* results of rows stand in the order in which they were read */
		ok = ok && pg_cryptohash_update(ctx, (const uint8 *) &eval->key[i], sizeof(uint64_t)) >= 0;
	if (!ok || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(ctx);
	text[hex_encode((const char *) digest, sizeof(digest), text)] = '\0';
	return text;
}

/* ---- the run ---- */

static AdvpgRows *
read_eval(const AdvpgPlan *plan, const AdvpgLufTask *task, Oid id_type)
{
	AdvpgRowsSpec spec = {0};
	AdvpgRows *rows;

	spec.data = task->data;
	spec.label = plan->task.label;
	spec.id = task->id ? task->id : plan->task.id;
	spec.id_required = task->id != NULL;
	spec.drop_missing = plan->task.missing == ADVPG_MISSING_DROP;
	spec.encoder = plan->rows->encoder;
	spec.classes = plan->rows->labels.texts;
	spec.n_classes = plan->rows->n_classes;
	spec.want_ids = OidIsValid(id_type);
	spec.id_type = id_type;
	spec.want_order = true;
	rows = advpg_rows_read(&spec);
	advpg_rows_check_any(rows);
	return rows;
}

/* What a run of these models, compared on these rows, is. */
static void
run(AdvpgLeft *left, const AdvpgPlan *plan, const Models *models, const AdvpgLufTask *task, Oid schema)
{
	AdvpgTraining training = advpg_plan_training(plan);
	AdvpgLufSpec spec = {0};
	AdvpgLufResult result;

	spec.training = &training;
	spec.eval = left->rows;
	spec.n_models = models->n;
	spec.models = models->model;
	spec.part = models->part;
	spec.init = plan->task.init;
	spec.warm = plan->task.warm > 0;
	if (task->regenerate > 0)
	{
		spec.craft = &plan->craft;
		spec.source_spec = &plan->source_spec;
	}
	spec.schema = schema;
	spec.digest = digest_run(plan, left->rows, task);
	advpg_run_luf(&spec, &result);
	left->prediction = result.prediction;
	left->luf = result.luf;
	left->changed = result.changed;
	left->resumed = result.resumed;
}

/* What can be said before any row is read. Crafting again takes a source that is trained again, without the row. */
static void
check_task(const AdvpgTrainTask *train, const AdvpgLufTask *task)
{
	if (task->leave_out_ids != NIL && !isnan(task->leave_out))
		advpg_task_invalid("leave_out", "has no place beside leave_out_ids");
	if (task->leave_out_ids == NIL && isnan(task->leave_out))
		advpg_task_invalid("leave_out", "is missing: say how many rows to leave out, or list leave_out_ids");
	if (task->regenerate <= 0)
		return;
	if (train->method != ADVPG_METHOD_MERGED)
		advpg_task_invalid("regenerate", "is for models of adv_train with method merged");
	if (train->source != NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("regenerate needs a model that trained its source itself"),
				errdetail("This one's adversarial examples were crafted on \"%s\".", train->source),
				errhint("Train it without source."));
}

/* What advpg_leave_out was called with. */
typedef struct Call
{
	AdvpgLeft *left;
	Oid schema;
	const AdvpgLufTask *task;
	Oid id_type;
} Call;

static void
leave_out(void *arg)
{
	const Call *call = arg;
	const AdvpgLufTask *task = call->task;
	AdvpgLeft *left = call->left;
	AdvpgEntry *entry = advpg_registry_find(call->schema, task->model);
	AdvpgTrainTask train_task;
	AdvpgPlan *plan;
	Models models;

	advpg_registry_task(entry, &train_task);
	train_task.workers = task->workers;
	check_task(&train_task, task);
	plan = advpg_training_read(&train_task, call->schema);
	models = choose_models(plan, task);
	left->rows = read_eval(plan, task, call->id_type);
	advpg_training_make(plan);
	if (task->regenerate > 0)
		advpg_check_memory(mul_size(advpg_wanted_workers(task->workers), plan->twins->bytes),
						   "crafting again in each worker");
	left->classes = plan->rows->labels.texts;
	left->n_models = models.n;
	run(left, plan, &models, task, call->schema);
	advpg_rows_release(left->rows);
	advpg_plan_release(plan);
}

AdvpgLeft *
advpg_leave_out(Oid schema, const AdvpgLufTask *task, Oid id_type)
{
	Call call = {palloc0(sizeof(AdvpgLeft)), schema, task, id_type};

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (task->data == NULL)
		advpg_task_invalid("data", "is missing");
	advpg_operation("luf", task->model, leave_out, &call);
	return call.left;
}
