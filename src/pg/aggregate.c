/*
 * aggregate.c
 *		advfair_gap, advfair_cau and advfair_eou as aggregates: largest minus smallest group mean.
 *
 * The state is a bytea that holds everything itself, so it can travel between processes and servers (parallel query, other
 * nodes): a header, entries (count, sum, place of the group's text) sorted by text, and a heap of texts at the end that grows
 * towards them. Adding a row is a binary search. Anybody can call these functions with any bytes as a state, so every place
 * in it is checked before it is used.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "core/encoder.h"
#include "pg/compat.h"
#include "pg/value.h"
#include "pg/version.h"

#define STATE_MAGIC 0x67617031
#define FIRST_SIZE  1024

typedef struct Group
{
	int64 n;
	double sum;
	uint32 offset; /* of the text from the start of the state */
	uint32 len;
} Group;

/* A bytea; sizes are known from its header. 8-byte aligned. */
typedef struct State
{
	int32 vl_len_;
	uint32 magic;
	uint32 n_groups;
	uint32 heap; /* offset of the first byte used by texts */
	Group groups[FLEXIBLE_ARRAY_MEMBER];
} State;

static void
invalid_state(void)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			errmsg("invalid state of an advfair aggregate"));
}

static State *
new_state(MemoryContext context, size_t size)
{
	State *state = MemoryContextAllocZero(context, size);

	SET_VARSIZE(state, size);
	state->magic = STATE_MAGIC;
	state->heap = size;
	return state;
}

/* A state from an argument; an aligned, unpacked one is used in place. */
static State *
get_state(Datum datum)
{
	State *state = (State *) PG_DETOAST_DATUM(datum);
	size_t size = VARSIZE(state);

	if (size < offsetof(State, groups) || state->magic != STATE_MAGIC || state->heap > size ||
		state->n_groups > (size - offsetof(State, groups)) / sizeof(Group) ||
		offsetof(State, groups) + state->n_groups * sizeof(Group) > state->heap)
		invalid_state();
	return state;
}

static AdvText
group_text(const State *state, const Group *group)
{
	AdvText text = {(const char *) state + group->offset, group->len};

	if (group->offset > VARSIZE(state) || group->len > VARSIZE(state) - group->offset)
		invalid_state();
	return text;
}

/* Place of the group with this text, or where it belongs. */
static uint32
find_group(const State *state, AdvText text, bool *found)
{
	uint32 low = 0;
	uint32 high = state->n_groups;

	*found = false;
	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;
		int order = adv_text_compare(group_text(state, &state->groups[middle]), text);

		if (order == 0)
		{
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A state twice as large, or larger if need be, with the same groups. */
static State *
grow(State *state, size_t need, MemoryContext context)
{
	size_t old_size = VARSIZE(state);
	size_t size = Max(old_size * 2, old_size + need);
	State *larger;
	size_t texts = old_size - state->heap;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many groups for one aggregate"));
	larger = new_state(context, size);
	larger->n_groups = state->n_groups;
	larger->heap = size - texts;
	memcpy(larger->groups, state->groups, sizeof(Group) * state->n_groups);
	memcpy((char *) larger + larger->heap, (char *) state + state->heap, texts);
	for (uint32 i = 0; i < larger->n_groups; i++)
		larger->groups[i].offset += size - old_size;
	return larger;
}

/* Add n values with this sum to a group; returns the state, which may have moved. */
static State *
add(State *state, AdvText text, int64 n, double sum, MemoryContext context)
{
	bool found;
	uint32 place = find_group(state, text, &found);

	if (!found)
	{
		size_t need = sizeof(Group) + text.len;
		Group *group;

		if (state->heap - (offsetof(State, groups) + state->n_groups * sizeof(Group)) < need)
			state = grow(state, need, context);
		group = &state->groups[place];
		memmove(group + 1, group, sizeof(Group) * (state->n_groups - place));
		state->n_groups++;
		state->heap -= text.len;
		memcpy((char *) state + state->heap, text.data, text.len);
		*group = (Group){0, 0, state->heap, text.len};
	}
	/* no real state has counted so far */
	if (pg_add_s64_overflow(state->groups[place].n, n, &state->groups[place].n))
		invalid_state();
	state->groups[place].sum += sum;
	if (isinf(state->groups[place].sum))
		float_overflow_error();
	return state;
}

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("aggregate function called outside an aggregate"));
	return context;
}

/* Transition: state of argument 0, or a new one. */
static Datum
transition(FunctionCallInfo fcinfo, AdvText group, double value)
{
	MemoryContext context = aggregate_context(fcinfo);
	State *state = PG_ARGISNULL(0) ? new_state(context, FIRST_SIZE) : get_state(PG_GETARG_DATUM(0));

	return PointerGetDatum(add(state, group, 1, value, context));
}

static Datum
unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return PG_GETARG_DATUM(0);
}

ADVPG_FUNCTION(advfair_gap_add);
ADVPG_FUNCTION(advfair_cau_add);
ADVPG_FUNCTION(advfair_gap_combine);
ADVPG_FUNCTION(advfair_gap_final);

Datum
advfair_gap_add(PG_FUNCTION_ARGS)
{
	text *group;
	double value;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return unchanged(fcinfo);
	value = PG_GETARG_FLOAT8(1);
	if (!isfinite(value))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("cannot aggregate a value that is %s", isnan(value) ? "NaN" : "infinite"));
	group = PG_GETARG_TEXT_PP(2);
	return transition(fcinfo, (AdvText){VARDATA_ANY(group), VARSIZE_ANY_EXHDR(group)}, value);
}

/*
 * advfair_cau(model, data) with data of type text comes here, too. With one constant for all labels there is one class and the
 * gap is 0, which nobody should take for the model's score.
 */
static void
check_label(FunctionCallInfo fcinfo)
{
	Aggref *aggref = AggGetAggref(fcinfo);

	if (aggref && !contain_var_clause((Node *) linitial_node(TargetEntry, aggref->args)->expr))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("advfair_cau(label, prediction) aggregates columns, but label is a constant"),
				errhint("To score a model on a data set that is not a literal, write advfair_cau(model, "
						"data::advfair_data)."));
}

/* The types of label and prediction may differ (a stored integer, a predicted text): they are compared as text. */
Datum
advfair_cau_add(PG_FUNCTION_ARGS)
{
	AdvpgValueType *types = fcinfo->flinfo->fn_extra;
	AdvText label;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return unchanged(fcinfo);
	if (types == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		check_label(fcinfo);

		types = fcinfo->flinfo->fn_extra = palloc(sizeof(AdvpgValueType) * 2);
		for (int i = 0; i < 2; i++)
			advpg_value_type_init(&types[i], get_fn_expr_argtype(fcinfo->flinfo, i + 1), PG_GET_COLLATION());
		MemoryContextSwitchTo(old);
	}
	label = advpg_value_text(&types[0], PG_GETARG_DATUM(1));
	return transition(fcinfo, label,
					  adv_text_compare(label, advpg_value_text(&types[1], PG_GETARG_DATUM(2))) == 0 ? 1 : 0);
}

Datum
advfair_gap_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	State *state;
	State *other;

	if (PG_ARGISNULL(1))
		return unchanged(fcinfo);
	other = get_state(PG_GETARG_DATUM(1));
	state = PG_ARGISNULL(0) ? new_state(context, FIRST_SIZE) : get_state(PG_GETARG_DATUM(0));
	for (uint32 i = 0; i < other->n_groups; i++)
		state = add(state, group_text(other, &other->groups[i]), other->groups[i].n, other->groups[i].sum,
					context);
	return PointerGetDatum(state);
}

Datum
advfair_gap_final(PG_FUNCTION_ARGS)
{
	State *state;
	double min = INFINITY;
	double max = -INFINITY;

	(void) aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = get_state(PG_GETARG_DATUM(0));
	for (uint32 i = 0; i < state->n_groups; i++)
	{
		double mean = state->groups[i].sum / state->groups[i].n;

		if (!isfinite(mean))
			invalid_state();
		min = Min(min, mean);
		max = Max(max, mean);
	}
	if (state->n_groups == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(max - min);
}
