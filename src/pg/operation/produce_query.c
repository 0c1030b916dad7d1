/*
 * produce_query.c
 *		Rows of attacks by queries on models that SQL can call: what was changed in each row, and what came of it.
 */
#include "pg/operation/produce.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/characters.h"
#include "pg/base/operation.h"
#include "pg/base/transaction.h"
#include "pg/data/dictionary.h"
#include "pg/operation/random_search.h"
#include "pg/task/kind.h"

/* One attack, as its parts come to be. */
typedef struct QueryAttack
{
	const AdvpgQueryTask *task;
	AdvpgOutput *output;
	AdvpgFrame *frame;
	AdvpgRules *rules;
	AdvpgSpace *space;
	AdvpgSearch search;
} QueryAttack;

static void
check_task(const AdvpgQueryTask *task)
{
	const struct
	{
		const char *name;
		bool missing;
	} required[] = {{"data", task->data == NULL},
					{"label", task->label == NULL},
					{"predict", task->predict == NULL},
					{"classes", task->classes == NIL},
					{"eps", task->eps == NULL}};

	for (int i = 0; i < lengthof(required); i++)
		if (required[i].missing)
			advpg_task_invalid(required[i].name, "is missing");
}

/* Columns that the expression looks at; those that are derived may come from any. */
static List *
candidates(const QueryAttack *attack)
{
	List *names = NIL;

	for (int i = 1; i <= attack->frame->desc->natts && attack->rules->n_derived == 0; i++)
		if (advpg_oracle_sees(attack->search.oracle, i))
			names = lappend(names, unconstify(char *, advpg_frame_attribute_name(attack->frame, i)));
	return names;
}

/* The class of each row. */
static int *
read_labels(const QueryAttack *attack)
{
	const AdvpgFrame *frame = attack->frame;
	int *label = palloc_extended(sizeof(int) * (frame->n + 1), MCXT_ALLOC_HUGE);

	ADVPG_EACH (i, frame->n)
	{
		bool isnull;
		Datum value = advpg_frame_value(frame, i, frame->label, &isnull);
		AdvText text;

		if (isnull)
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("%s: column \"%s\" is NULL", advpg_frame_name(frame, i), attack->task->label),
					errhint("Leave rows without a label out with a WHERE clause."));
		text = advpg_value_text(&frame->types[frame->label - 1], value);
		label[i] = advpg_oracle_find(attack->search.oracle, text);
		if (label[i] < 0)
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("%s: label \"%s\" in column \"%s\" is not one of classes",
						   advpg_frame_name(frame, i), advpg_short_text(advpg_text_cstring(text)),
						   attack->task->label));
	}
	return label;
}

/* Say which columns can change in no row, as where eps is less than what separates their values. */
static void
tell_still(const AdvpgSpace *space)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int j = 0; j < space->n; j++)
	{
		bool moves = space->frame->n == 0;

		for (size_t i = 0; i < space->frame->n && !moves; i++)
			moves = advpg_move_moves(&space->moves[j], advpg_space_origin(space, i)[j]);
		if (!moves)
			appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "", space->moves[j].name);
	}
	if (names.len)
		ereport(
			NOTICE, errmsg("no row can change in column %s", names.data),
			errhint("Its values are all alike, or further apart than eps: another category is 1 away, whole "
					"numbers are so in units of their own. See eps_unit and clip."));
}

static void
tell_broken(const AdvpgSearch *search)
{
	size_t broken = 0, n = search->space->frame->n;

	for (size_t i = 0; i < n; i++)
		broken += (search->flags[i] & ADVPG_SEARCH_BROKEN) != 0;
	if (broken > 0)
		ereport(NOTICE,
				errmsg("%zu of %zu rows break a constraint as they are, and are not attacked", broken, n));
}

/* Nothing that the search calls may write. */
static void
run_search(void *arg)
{
	advpg_search_run(&((QueryAttack *) arg)->search);
}

static int
target_of(const QueryAttack *attack)
{
	int target;

	if (attack->task->targeted == NULL)
		return -1;
	target = advpg_oracle_find(attack->search.oracle, advpg_cstring_text(attack->task->targeted));
	if (target < 0)
		advpg_task_invalid("targeted", "is \"%s\", which is not one of classes",
						   advpg_short_text(attack->task->targeted));
	return target;
}

static void
put_row(const QueryAttack *attack, size_t i)
{
	const AdvpgSearch *s = &attack->search;
	const double *x = s->x + i * (size_t) s->space->n;
	Datum values[10];
	bool nulls[10] = {0};

	values[0] = attack->frame->ids[i];
	values[1] = CStringGetTextDatum(advpg_oracle_name(s->oracle, s->label[i]));
	values[2] = CStringGetTextDatum(advpg_oracle_name(s->oracle, s->prediction[i]));
	values[3] = CStringGetTextDatum(advpg_oracle_name(s->oracle, s->adversarial[i]));
	nulls[4] = (s->flags[i] & (ADVPG_SEARCH_EXEMPT | ADVPG_SEARCH_BROKEN)) != 0;
	values[4] = BoolGetDatum((s->flags[i] & ADVPG_SEARCH_SUCCESS) != 0);
	values[5] = Float8GetDatum(advpg_space_linf(s->space, i, x));
	values[6] = Float8GetDatum(advpg_space_l2(s->space, i, x));
	values[7] = Float8GetDatum(advpg_space_cost(s->space, i, x));
	values[8] = Int64GetDatum(s->asked[i]);
	values[9] = JsonbPGetDatum(advpg_candidate_changes(s->candidate, i, x));
	advpg_output_row(attack->output, values, nulls);
}

static void
put_rows(const QueryAttack *attack)
{
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;

	attack->output->begin(attack->output, attack->frame->id_type);
	old = MemoryContextSwitchTo(row_context);
	ADVPG_EACH (i, attack->frame->n)
	{
		put_row(attack, i);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
}

static void
run(void *arg)
{
	QueryAttack *attack = arg;
	const AdvpgQueryTask *task = attack->task;
	AdvpgSearch *search = &attack->search;
	AdvpgSpaceSpec spec = {.change = &task->change, .eps = task->eps, .eps_unit = task->eps_unit};
	AdvpgFrameSpec rows = {task->data, task->label, true, task->id, true, attack->output->id_type};

	attack->frame = advpg_frame_read(&rows);
	attack->rules = advpg_rules_make(attack->frame, task->change.constraints, task->change.derived);
	search->oracle = advpg_oracle_open(attack->frame, task->predict, task->classes, (Datum) 0);
	spec.candidates = candidates(attack);
	search->space = attack->space = advpg_space_make(attack->frame, attack->rules, &spec);
	search->candidate = advpg_candidate_make(attack->space, attack->rules);
	search->label = read_labels(attack);
	search->target = target_of(attack);
	search->queries = (int64) task->queries;
	search->seed = (uint64) (int64) task->seed;
	tell_still(attack->space);
	advpg_transaction_undone(run_search, attack);
	tell_broken(search);
	put_rows(attack);
	advpg_oracle_close(search->oracle);
}

void
advpg_produce_query(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgQueryTask task;
	QueryAttack attack = {.task = &task, .output = output};

	advpg_task_read(&advpg_query_kind, json, &task);
	check_task(&task);
	advpg_operation("attack_sql", NULL, run, &attack);
}
