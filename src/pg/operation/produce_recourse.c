/*
 * produce_recourse.c
 *		Rows of recourse: the cheapest changes of each row that a model of the registry gives a class to.
 */
#include "pg/operation/produce.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/operation.h"
#include "pg/base/transaction.h"
#include "pg/data/charset.h"
#include "pg/data/dictionary.h"
#include "pg/model/classes.h"
#include "pg/model/registry.h"
#include "pg/operation/recourse.h"
#include "pg/task/kind.h"

#define FINENESS 0.05 /* steps of numbers that have none, in standard deviations */

/* One recourse, as its parts come to be. */
typedef struct Request
{
	Oid schema;
	const AdvpgRecourseTask *task;
	AdvpgOutput *output;
	AdvModel model;
	AdvpgFrame *frame;
	AdvpgRules *rules;
	AdvpgRecourse recourse;
} Request;

static void
check_task(const AdvpgRecourseTask *task)
{
	const struct
	{
		const char *name;
		bool missing;
	} required[] = {
		{"model", task->model == NULL}, {"data", task->data == NULL}, {"target", task->target == NULL}};

	for (int i = 0; i < lengthof(required); i++)
		if (required[i].missing)
			advpg_task_invalid(required[i].name, "is missing");
}

/* Columns that the model sees. */
static List *
features(const AdvModel *model)
{
	List *names = NIL;

	for (int i = 0; i < model->encoder.n_columns; i++)
		names = lappend(names, advpg_text_cstring(model->encoder.columns[i].name));
	return names;
}

static List *
class_names(const AdvModel *model)
{
	List *names = NIL;

	for (int i = 0; i < model->net.classes; i++)
		names = lappend(names, advpg_text_cstring(model->classes[i]));
	return names;
}

/* Read the model, and the rows that it may be asked about. */
static void
open_request(Request *request)
{
	const AdvpgRecourseTask *task = request->task;
	const AdvpgEntry *entry = advpg_registry_find(request->schema, task->model);
	AdvpgSpaceSpec spec = {.change = &task->change, .fineness = FINENESS};
	AdvpgRecourse *recourse = &request->recourse;
	const char *proba = quote_qualified_identifier(get_namespace_name(request->schema), "advfair_proba");
	AdvpgFrameSpec rows;

	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, &request->model);
	recourse->target = advpg_find_class(&request->model, advpg_cstring_text(task->target));
	rows = (AdvpgFrameSpec){.data = task->data,
							.label = advpg_text_cstring(request->model.label),
							.id = task->id ? task->id : advpg_task_text(entry->task, "id"),
							.id_required = task->id != NULL,
							.id_type = request->output->id_type};
	request->frame = advpg_frame_read(&rows);
	request->rules = advpg_rules_make(request->frame, task->change.constraints, task->change.derived);
	spec.candidates = features(&request->model);
	recourse->space = advpg_space_make(request->frame, request->rules, &spec);
	recourse->candidate = advpg_candidate_make(recourse->space, request->rules);
	recourse->oracle = advpg_oracle_open(request->frame, psprintf("%s($1, data)", proba),
										 class_names(&request->model), entry->model);
	recourse->k = (int) task->k;
	recourse->queries = isnan(task->queries) ? 0 : (int64) task->queries;
	recourse->seed = (uint64) (int64) task->seed;
}

/* Nothing that is called may write. */
static void
run_recourse(void *arg)
{
	advpg_recourse_run(&((Request *) arg)->recourse);
}

static void
tell(const Request *request)
{
	const AdvpgRecourse *r = &request->recourse;
	size_t n = request->frame->n;

	if (r->broken > 0)
		ereport(NOTICE,
				errmsg("%zu of %zu rows break a constraint as they are, and have no recourse", r->broken, n));
	if (r->found + r->lost > 0)
		ereport(
			NOTICE,
			errmsg(
				"for %zu of %zu rows none of the cheapest changes reaches class \"%s\", as far as they were "
				"looked at",
				r->found + r->lost, n, request->task->target),
			errdetail(
				"A random search found a change for %zu of them, which need not be the cheapest, and none "
				"for %zu.",
				r->found, r->lost),
			errhint("Let fewer columns change, in longer steps, or give more queries or a budget."));
}

/* Put a row for a way, or for none. */
static void
put_row(const Request *request, size_t row, int rank, const AdvpgWay *way)
{
	Datum values[4] = {request->frame->ids[row]};
	bool nulls[4] = {false, way == NULL, way == NULL, way == NULL};

	if (way)
	{
		values[1] = Int32GetDatum(rank);
		values[2] = Float8GetDatum(way->cost);
		values[3] = JsonbPGetDatum(advpg_candidate_changes(request->recourse.candidate, row, way->x));
	}
	advpg_output_row(request->output, values, nulls);
}

static void
put_rows(const Request *request)
{
	const AdvpgRecourse *r = &request->recourse;
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	request->output->begin(request->output, request->frame->id_type);
	old = MemoryContextSwitchTo(row_context);
	ADVPG_EACH (i, request->frame->n)
	{
		for (int k = 0; k < r->n_ways[i]; k++)
			put_row(request, i, k + 1, &r->ways[i][k]);
		if (r->n_ways[i] == 0)
			put_row(request, i, 0, NULL);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
}

static void
run(void *arg)
{
	Request *request = arg;

	open_request(request);
	advpg_transaction_undone(run_recourse, request);
	tell(request);
	put_rows(request);
	advpg_oracle_close(request->recourse.oracle);
}

void
advpg_produce_recourse(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgRecourseTask task;
	Request request = {.schema = schema, .task = &task, .output = output};

	advpg_task_read(&advpg_recourse_kind, json, &task);
	check_task(&task);
	advpg_operation("recourse", task.model, run, &request);
}
