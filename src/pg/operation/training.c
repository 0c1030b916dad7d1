/*
 * training.c
 *		A training, step by step: read its rows, make what it needs of them, run it, store the model.
 */
#include "pg/operation/training.h"

#include <math.h>

#include "portability/instr_time.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/operation.h"
#include "pg/base/progress.h"
#include "pg/data/charset.h"
#include "pg/model/registry.h"
#include "pg/operation/defending.h"
#include "pg/run/checkpoint.h"
#include "pg/task/json.h"

static double
seconds_since(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

/* What a checkpoint of this training is worth nothing without. */
static void
announce(const AdvpgPlan *t)
{
	char *digest;

	if (!advpg_checkpointing())
		return;
	digest = advpg_rows_digest(t->rows);
	advpg_checkpoint_saw(digest, strlen(digest));
	if (t->validation)
	{
		digest = advpg_rows_digest(t->validation);
		advpg_checkpoint_saw(digest, strlen(digest));
	}
	if (t->task.source_id)
		advpg_checkpoint_saw(t->source.params, sizeof(float) * t->source.net.n_params);
}

AdvpgPlan *
advpg_training_read(const AdvpgTrainTask *task, Oid schema)
{
	AdvpgPlan *t = palloc0(sizeof(AdvpgPlan));
	instr_time start;

	t->task = *task;
	t->twin_success = NAN;
	if (advpg_defence(task)->validation > 0 && task->validation == NULL)
		t->task.validation = psprintf("%g", advpg_defence(task)->validation);
	advpg_defending_open(t, schema);
	if (t->task.encoding == 0)
		t->task.encoding = ADV_ENCODING_STANDARD;
	if (t->task.unseen == 0)
		t->task.unseen = ADV_UNSEEN_ERROR;
	if (isnan(task->defence.beta))
		t->task.defence.beta = adv_defence_unset(advpg_defence(task)).beta;
	INSTR_TIME_SET_CURRENT(start);
	advpg_plan_read_rows(t);
	t->read_seconds = seconds_since(start);
	announce(t);
	return t;
}

void
advpg_training_make(AdvpgPlan *t)
{
	advpg_plan_make_network(t);
	advpg_defending_make(t);
}

static bytea *
model_bytes(const AdvpgPlan *t)
{
	AdvModel model = advpg_plan_model(t);

	return advpg_model_write(&model);
}

AdvpgTrained *
advpg_training(const AdvpgTrainTask *task, Oid schema)
{
	AdvpgTrained *result = palloc0(sizeof(AdvpgTrained));
	AdvpgPlan *plan;
	instr_time start;

	INSTR_TIME_SET_CURRENT(start);
	plan = advpg_training_read(task, schema);
	advpg_training_make(plan);
	result->digest = advpg_rows_digest(plan->rows);
	result->course = advpg_plan_run(plan, NULL, plan->params);
	result->model = model_bytes(plan);
	result->n_rows = plan->rows->n;
	advpg_plan_release(plan);

	result->seconds = seconds_since(start);
	result->read_seconds = plan->read_seconds;
	result->twin_success = plan->twin_success;
	result->task = plan->task;
	result->n_examples = plan->n_examples;
	return result;
}

/* ---- storing ---- */

static Jsonb *
training_metrics(const AdvpgTrained *trained)
{
	JsonbParseState *state = NULL;
	const AdvEpoch *epoch = advpg_trained_epoch(trained);

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_number(&state, "rows", trained->n_rows);
	advpg_json_put_number(&state, "examples", trained->n_examples);
	advpg_json_put_number(&state, "loss", epoch->loss);
	advpg_json_put_number(&state, "accuracy", epoch->accuracy);
	if (!isnan(epoch->validation_loss))
	{
		advpg_json_put_number(&state, "validation_loss", epoch->validation_loss);
		advpg_json_put_number(&state, "validation_accuracy", epoch->validation_accuracy);
	}
	if (adv_train_options_patience(&trained->task.options) > 0)
		advpg_json_put_number(&state, "epoch", trained->course.kept + 1);
	if (!isnan(trained->twin_success))
		advpg_json_put_number(&state, "twin_success", trained->twin_success);
	advpg_json_put_number(&state, "read_seconds", trained->read_seconds);
	advpg_json_put_number(&state, "seconds", trained->seconds);
	advpg_json_put_number(&state, "workers", trained->course.n_workers);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

int
advpg_training_store(Oid schema, const char *model, AdvpgTrained *trained, bool promoted)
{
	AdvpgVersion version = {.name = model,
							.task = advpg_train_task_write(&trained->task),
							.digest = trained->digest,
							.metrics = training_metrics(trained),
							.model = trained->model,
							.epochs = trained->course.epochs,
							.n_epochs = trained->course.n_epochs};

	return advpg_registry_add(schema, &version, promoted);
}

/* What advpg_training_run was called with, and its result. */
typedef struct Call
{
	const AdvpgTrainTask *task;
	Oid schema;
	bool store;
	int version;
	AdvpgTrained *trained;
} Call;

static void
train(void *arg)
{
	Call *call = arg;

	call->trained = advpg_training(call->task, call->schema);
	if (!call->store)
		return;
	advpg_progress_phase("storing", 0);
	call->version = advpg_training_store(call->schema, call->task->model, call->trained, true);
}

AdvpgTrained *
advpg_training_run(const AdvpgTrainTask *task, Oid schema, bool store, int *version)
{
	Call call = {task, schema, store};

	MemoryContextSwitchTo(
		AllocSetContextCreate(CurrentMemoryContext, "advfair training", ALLOCSET_DEFAULT_SIZES));
	advpg_operation(task->adversarial ? "adv_train" : "train", task->model, train, &call);
	if (store)
		*version = call.version;
	return call.trained;
}
