/*
 * leaving.c
 *		Leave-one-out unfairness of a model of the registry: its training again and again, each time without one row.
 *
 * Everything is done as the stored task says, so only the removal differs. The base model is trained along with the others, on the
 * same machine with the same kernels: a model that came from elsewhere would differ in its last bits, and training magnifies these.
 */
#include "pg/operation/leaving.h"

#include <math.h>

#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/compat.h"
#include "pg/run/compute.h"
#include "pg/data/dictionary.h"
#include "pg/base/jobsession.h"
#include "pg/task/json.h"
#include "pg/run/keeper.h"
#include "pg/base/progress.h"
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
	if (plan->validation) /* method fast stops by what it sees there */
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

static void
report(AdvpgRun *run, void *arg)
{
	AdvTrainState *state = &run->shared->state;

	advpg_progress_update(atomic_load(&state->examples_done) +
							  atomic_load(&run->shared->luf_state.examples_done),
						  atomic_load(&state->loss));
}

static void
create_run(AdvpgRun *run, const AdvpgPlan *plan, const AdvpgRows *eval, const Models *models, bool regenerate,
		   AdvpgKeeperRun *keeper)
{
	size_t n = eval->n;
	size_t classes = plan->net.classes;

	advpg_run_init(run);
	advpg_plan_estimate(run, plan);
	advpg_run_estimate_rows(run, eval);
	advpg_run_estimate(run, plan->net.n_params, sizeof(float));
	advpg_run_estimate(run, models->n, sizeof(AdvLufModel));
	advpg_run_estimate(run, mul_size(models->n, n), sizeof(float));
	advpg_run_estimate(run, mul_size(n, classes), sizeof(float));
	advpg_run_estimate(run, n, sizeof(int32_t));
	advpg_run_estimate(run, models->n, sizeof(int64));
	advpg_run_estimate(run, 1, sizeof(AdvpgKeeperRun));
	if (regenerate)
	{
		size_t inputs = adv_shape_size(plan->net.input);

		advpg_run_estimate(run, inputs, sizeof(float));
		advpg_run_estimate(run, inputs, sizeof(AdvGrid));
		advpg_run_estimate(run, plan->rows->n, sizeof(uint64_t));
	}

	advpg_run_create(run, ADVPG_RUN_LUF, "the leave-one-out run");
	advpg_plan_put(run, plan);
	advpg_run_put_rows(run, ADVPG_SET_EVAL, eval);
	run->shared->n_models = models->n;
	run->shared->init = plan->task.init;
	run->shared->warm = plan->task.warm > 0;
	run->shared->regenerate = regenerate;
	if (regenerate)
	{
		size_t inputs = adv_shape_size(plan->net.input);

		run->shared->attack = plan->craft;
		run->shared->source_spec = plan->source_spec;
		if (plan->craft.ball.unit)
			advpg_run_put(run, ADVPG_KEY_UNIT, plan->craft.ball.unit, inputs, sizeof(float));
		if (plan->craft.grid)
			advpg_run_put(run, ADVPG_KEY_GRID, plan->craft.grid, inputs, sizeof(AdvGrid));
		advpg_run_put(run, ADVPG_KEY_ROW_KEY, plan->rows->key, plan->rows->n, sizeof(uint64_t));
	}
	advpg_run_put(run, ADVPG_KEY_INITIAL, plan->params, plan->net.n_params, sizeof(float));
	advpg_run_put(run, ADVPG_KEY_MODELS, models->model, models->n, sizeof(AdvLufModel));
	advpg_run_put(run, ADVPG_KEY_CHANGE, NULL, models->n * n, sizeof(float));
	advpg_run_put(run, ADVPG_KEY_PROBA, NULL, n * classes, sizeof(float));
	advpg_run_put(run, ADVPG_KEY_PREDICTION, NULL, n, sizeof(int32_t));
	advpg_run_put(run, ADVPG_KEY_PARTS, models->part, models->n, sizeof(int64));
	advpg_run_put(run, ADVPG_KEY_KEEPER, keeper, 1, sizeof(AdvpgKeeperRun));
}

/* Run with a keeper at hand, which must be gone before this returns or fails. */
static void
run_kept(AdvpgRun *run, const AdvpgPlan *plan, int wanted)
{
	AdvpgKeeper keeper = run->spare = advpg_keeper_start(run);

	PG_TRY();
	{
		(void) advpg_run_workers(run, wanted, report, NULL);
	}
	PG_CATCH();
	{
		advpg_keeper_end(run, keeper, ADVPG_KEEPER_STOP);
		PG_RE_THROW();
	}
	PG_END_TRY();
	advpg_keeper_end(run, keeper, advpg_in_job() ? ADVPG_KEEPER_STOP : ADVPG_KEEPER_FORGET);
	if (advpg_in_job())
		advpg_keeper_forget(run);
}

static void
collect(AdvpgLeft *left, AdvpgRun *run)
{
	const float *change = shm_toc_lookup(run->toc, ADVPG_KEY_CHANGE, false);
	size_t n = left->rows->n;

	left->prediction = palloc_extended(sizeof(int32_t) * n, MCXT_ALLOC_HUGE);
	advpg_segment_fill(left->prediction, shm_toc_lookup(run->toc, ADVPG_KEY_PREDICTION, false),
					   sizeof(int32_t) * n);
	left->luf = palloc_extended(sizeof(double) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	left->changed = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int64 m = 0; m < left->n_models; m++)
		ADVPG_EACH (i, n)
		{
			float c = change[m * n + i];

			left->luf[i] = fmax(left->luf[i], fabs(c));
			left->changed[i] += signbit(c) != 0;
		}
}

/* How many examples the run will see: those of the base model, of each other one, and of the sources trained again, without twins. */
static uint64
count_examples(const AdvpgPlan *plan, int64 n_models, bool regenerate)
{
	uint64 of_one = plan->n_examples + (regenerate ? plan->n_examples / 2 : 0);

	return plan->spec.epochs * (plan->n_examples + n_models * of_one);
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

static void
leave_out(AdvpgLeft *left, Oid schema, const AdvpgLufTask *task, Oid id_type)
{
	AdvpgEntry *entry = advpg_registry_find(schema, task->model);
	AdvpgKeeperRun keeper = {MyDatabaseId, GetUserId(), schema};
	AdvpgTrainTask train_task;
	AdvpgPlan *plan;
	Models models;
	AdvpgRun run;

	advpg_registry_task(entry, &train_task);
	train_task.workers = task->workers;
	check_task(&train_task, task);
	plan = advpg_plan_read(&train_task, schema);
	models = choose_models(plan, task);
	left->rows = read_eval(plan, task, id_type);
	advpg_plan_make(plan);
	if (task->regenerate > 0)
		advpg_check_memory(mul_size(advpg_wanted_workers(task->workers), plan->twins->bytes),
						   "crafting again in each worker");
	left->classes = plan->rows->labels.texts;
	left->n_models = models.n;
	strlcpy(keeper.digest, digest_run(plan, left->rows, task), sizeof(keeper.digest));

	create_run(&run, plan, left->rows, &models, task->regenerate > 0, &keeper);
	left->resumed = advpg_keeper_load(&run, left->rows->n);
	if (left->resumed > 0)
		ereport(NOTICE, errmsg("going on with a run of which %d of " INT64_FORMAT " models are trained",
							   left->resumed, models.n));
	advpg_progress_phase("computing", count_examples(plan, models.n - left->resumed, task->regenerate > 0));
	run_kept(&run, plan, advpg_wanted_workers(task->workers));
	collect(left, &run);
	advpg_run_release(&run);
	advpg_rows_release(left->rows);
	advpg_plan_release(plan);
}

AdvpgLeft *
advpg_leave_out(Oid schema, const AdvpgLufTask *task, Oid id_type)
{
	AdvpgLeft *left = palloc0(sizeof(AdvpgLeft));
	MemoryContext context = CurrentMemoryContext;

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (task->data == NULL)
		advpg_task_invalid("data", "is missing");
	SPI_connect();
	MemoryContextSwitchTo(context);
	advpg_progress_begin("luf", task->model);
	PG_TRY();
	{
		leave_out(left, schema, task, id_type);
	}
	PG_FINALLY();
	{
		advpg_progress_end();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextSwitchTo(context);
	return left;
}
