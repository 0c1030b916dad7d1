/*
 * sql_aggregate.c
 *		advfair_gap, advfair_cau and advfair_eou as aggregates: largest minus smallest group mean.
 *
 * The state is a bytea that holds everything itself, so it can travel between processes and servers (parallel query, other
 * nodes): a header; groups (count, sum, place of the group's text) in the order of their arrival; slots, by which a group is found from
 * the hash of its text; and a heap of texts at the end that grows towards them. Adding a row takes the same time however many groups there
 * are. Anybody can call these functions with any bytes as a state, so every place in it is checked before it is used.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "core/network/encoder.h"
#include "core/base/hash.h"
#include "core/score/statistic.h"
#include "pg/base/advpg.h"
#include "pg/base/compat.h"
#include "pg/data/distinct.h"
#include "pg/base/version.h"

#define STATE_MAGIC 0x67617032
#define FIRST_ROOM  8   /* groups */
#define FIRST_TEXTS 512 /* bytes */

typedef struct Group
{
	int64 n; /* 0: a prediction that has been no row's label so far */
	double sum;
	uint32 offset; /* of the text before the end of the state */
	uint32 len : 31;
	uint32 predicted : 1; /* advfair_cau: the text is also some row's prediction */
} Group;

/* A bytea; sizes are known from its header. 8-byte aligned. Behind the groups there are 2 * room slots and the heap. */
typedef struct State
{
	int32 vl_len_;
	uint32 magic;
	uint32 n_groups;
	uint32 room;  /* for groups; a power of 2 */
	uint32 texts; /* bytes of the heap that are used */
	uint32 size;  /* of all of it: one that was cut is none */
	Group groups[FLEXIBLE_ARRAY_MEMBER];
} State;

static void
invalid_state(void)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			errmsg("invalid state of an advfair aggregate"));
}

/* Size of a state but for its heap. */
static size_t
head_size(uint32 room)
{
	return offsetof(State, groups) + room * (sizeof(Group) + 2 * sizeof(uint32));
}

/* Number of the group + 1 in the slot of its hash or the first free one behind it, 0 in free ones. */
static uint32 *
slots_of(State *state)
{
	return (uint32 *) &state->groups[state->room];
}

/* In the current memory context: the executor keeps a copy of each state that has moved. */
static State *
new_state(uint32 room, size_t heap)
{
	size_t size = head_size(room) + heap;
	State *state;

	if (!AllocSizeIsValid(size))
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many groups for one aggregate"));
	state = palloc0(size);
	SET_VARSIZE(state, size);
	state->magic = STATE_MAGIC;
	state->room = room;
	state->size = size;
	return state;
}

/* A state from an argument; an aligned, unpacked one is used in place. */
static State *
get_state(Datum datum)
{
	State *state = (State *) PG_DETOAST_DATUM(datum);
	size_t size = VARSIZE(state);

	if (size < offsetof(State, groups))
		invalid_state();
	if ((uintptr_t) state % sizeof(int64) != 0) /* it lies in a row of a table */
		state = memcpy(palloc(size), state, size);
	if (state->magic != STATE_MAGIC || state->size != size || state->room == 0 ||
		(state->room & (state->room - 1)) != 0 || state->n_groups > state->room ||
		head_size(state->room) > size || state->texts > size - head_size(state->room))
		invalid_state();
	return state;
}

static AdvText
group_text(const State *state, const Group *group)
{
	AdvText text = {(const char *) state + VARSIZE(state) - group->offset, group->len};

	if (group->offset > state->texts || group->len > group->offset)
		invalid_state();
	return text;
}

/* The slot of the group with this text, or the free one where it belongs. */
static uint32 *
find_slot(State *state, AdvText text)
{
	uint32 *slots = slots_of(state);
	uint32 mask = state->room * 2 - 1;
	uint32 place = (uint32) adv_hash(text.data, text.len, 0) & mask;

	for (uint32 probes = 0; probes <= mask; probes++, place = (place + 1) & mask)
	{
		AdvText other;

		if (slots[place] == 0)
			return &slots[place];
		if (slots[place] > state->n_groups)
			invalid_state();
		other = group_text(state, &state->groups[slots[place] - 1]);
		if (other.len == text.len && memcmp(other.data, text.data, text.len) == 0)
			return &slots[place];
	}
	invalid_state(); /* half of them should be free */
	pg_unreachable();
}

/* A state with the same groups and room for one more, with a text of len bytes. */
static State *
grow(State *state, size_t len)
{
	size_t size = VARSIZE(state);
	size_t heap = size - head_size(state->room);
	bool full = state->n_groups == state->room;
	State *larger =
		new_state(full ? state->room * 2 : state->room, heap - state->texts < len ? heap * 2 + len : heap);

	larger->n_groups = state->n_groups;
	larger->texts = state->texts;
	memcpy(larger->groups, state->groups, sizeof(Group) * state->n_groups);
	memcpy((char *) larger + VARSIZE(larger) - state->texts, (char *) state + size - state->texts,
		   state->texts);
	for (uint32 i = 0; i < larger->n_groups; i++)
		*find_slot(larger, group_text(larger, &larger->groups[i])) = i + 1;
	return larger;
}

/* Number of the group with this text in a state, which may move. */
static uint32
find_group(State **state, AdvText text)
{
	State *s = *state;
	uint32 *slot = find_slot(s, text);

	if (*slot != 0)
		return *slot - 1;
	if (s->n_groups == s->room || VARSIZE(s) - head_size(s->room) - s->texts < text.len)
	{
		*state = s = grow(s, text.len);
		slot = find_slot(s, text);
	}
	s->texts += text.len;
	memcpy((char *) s + VARSIZE(s) - s->texts, text.data, text.len);
	s->groups[s->n_groups] = (Group){.offset = s->texts, .len = text.len};
	*slot = ++s->n_groups;
	return s->n_groups - 1;
}

/* Add n values with this sum to a group; returns the state, which may have moved. */
static State *
add(State *state, AdvText text, int64 n, double sum, bool predicted)
{
	uint32 i = find_group(&state, text);
	Group *group = &state->groups[i];

	/* no real state has counted so far */
	if (pg_add_s64_overflow(group->n, n, &group->n))
		invalid_state();
	group->sum += sum;
	if (isinf(group->sum))
		float_overflow_error();
	group->predicted |= predicted;
	return state;
}

/* ---- SQL calls ---- */

static void
check_context(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("aggregate function called outside an aggregate"));
}

/* State of argument 0, or a new one. */
static State *
state_argument(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? new_state(FIRST_ROOM, FIRST_TEXTS) : get_state(PG_GETARG_DATUM(0));
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

	check_context(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return unchanged(fcinfo);
	value = PG_GETARG_FLOAT8(1);
	if (!isfinite(value))
		ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
				errmsg("cannot aggregate a value that is %s", isnan(value) ? "NaN" : "infinite"));
	group = PG_GETARG_TEXT_PP(2);
	return PointerGetDatum(add(state_argument(fcinfo),
							   (AdvText){VARDATA_ANY(group), VARSIZE_ANY_EXHDR(group)}, 1, value, false));
}

/*
 * advfair_cau(model, data) with data of type text comes here, too. With one constant for all labels there is one class and no gap,
 * although the model has a score.
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

/* What advfair_cau looks at. */
typedef struct Compared
{
	AdvpgValueType label;
	AdvpgValueType prediction;
	bool numbers; /* labels are: then a prediction is one, too, if that is what it says */
} Compared;

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID ||
		   type == NUMERICOID;
}

static Compared *
compared_types(FunctionCallInfo fcinfo)
{
	Compared *compared = fcinfo->flinfo->fn_extra;

	if (compared == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		check_label(fcinfo);
		compared = fcinfo->flinfo->fn_extra = palloc(sizeof(Compared));
		advpg_value_type_init(&compared->label, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GET_COLLATION());
		advpg_value_type_init(&compared->prediction, get_fn_expr_argtype(fcinfo->flinfo, 2),
							  PG_GET_COLLATION());
		compared->numbers = is_number(compared->label.type);
		MemoryContextSwitchTo(old);
	}
	return compared;
}

/* The text by which a label or prediction is known. As numbers 1, 1.0 and '1.00' are one. */
static AdvText
read_text(const Compared *compared, AdvpgValueType *type, Datum value)
{
	AdvText text = advpg_value_text(type, value);
	Datum number;

	if (!compared->numbers || type->type == INT2OID || type->type == INT4OID || type->type == INT8OID ||
		!advpg_text_number(text, &number))
		return text;
	return advpg_cstring_text(numeric_normalize(DatumGetNumeric(number)));
}

/* Whether a prediction is the label; a text, such as the name of a class, is read as a value of the label's type. */
static bool
is_right(const Compared *c, Datum label, AdvText label_text, Datum prediction, AdvText prediction_text)
{
	if (adv_text_compare(label_text, prediction_text) == 0)
		return true;
	if (c->numbers || c->label.equal == NULL)
		return false;
	if (c->prediction.type != c->label.type)
	{
		if (!c->prediction.is_text)
			return false;
		prediction = advpg_value_of_text(&c->label, prediction_text);
	}
	return advpg_value_equal(&c->label, label, label_text, prediction, prediction_text);
}

Datum
advfair_cau_add(PG_FUNCTION_ARGS)
{
	Compared *compared;
	AdvText label;
	AdvText prediction;
	State *state;
	bool right;

	check_context(fcinfo);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return unchanged(fcinfo);
	compared = compared_types(fcinfo);
	label = read_text(compared, &compared->label, PG_GETARG_DATUM(1));
	prediction = read_text(compared, &compared->prediction, PG_GETARG_DATUM(2));
	right = is_right(compared, PG_GETARG_DATUM(1), label, PG_GETARG_DATUM(2), prediction);
	state = add(state_argument(fcinfo), label, 1, right ? 1 : 0, right);
	if (!right)
		state = add(state, prediction, 0, 0, true);
	return PointerGetDatum(state);
}

Datum
advfair_gap_combine(PG_FUNCTION_ARGS)
{
	State *state;
	State *other;

	check_context(fcinfo);
	if (PG_ARGISNULL(1))
		return unchanged(fcinfo);
	other = get_state(PG_GETARG_DATUM(1));
	state = state_argument(fcinfo);
	for (uint32 i = 0; i < other->n_groups; i++)
	{
		const Group *group = &other->groups[i];

		CHECK_FOR_INTERRUPTS();
		state = add(state, group_text(other, group), group->n, group->sum, group->predicted);
	}
	return PointerGetDatum(state);
}

/* A text of a state for messages. */
static const char *
shown(AdvText text)
{
	return pnstrdup(text.data, pg_mbcliplen(text.data, text.len, 100));
}

/*
 * A prediction that is no label is of a class that these rows do not have, or it is a class in another spelling: '1' where labels are
 * '1.00'. If that is so of all predictions, no accuracy can be told; of some of them a word is enough, and one for a query.
 */
static void
check_predictions(FunctionCallInfo fcinfo, const State *state)
{
	const Group *stray = NULL;
	const Group *label = NULL;
	bool met = false;

	for (uint32 i = 0; i < state->n_groups; i++)
	{
		const Group *group = &state->groups[i];
		const Group **first = group->n > 0 ? &label : &stray;

		met |= group->n > 0 && group->predicted;
		if (*first == NULL || adv_text_compare(group_text(state, group), group_text(state, *first)) < 0)
			*first = group;
	}
	if (stray == NULL || (met && fcinfo->flinfo->fn_extra))
		return;
	fcinfo->flinfo->fn_extra = fcinfo->flinfo; /* it has been said */
	ereport(
		met ? NOTICE : ERROR, errcode(met ? ERRCODE_SUCCESSFUL_COMPLETION : ERRCODE_DATA_EXCEPTION),
		errmsg("prediction \"%s\" is no row's label", shown(group_text(state, stray))),
		met ? errdetail("Rows with this prediction count as wrong.")
			: errdetail("Nor is any other prediction here. A label is \"%s\".",
						shown(group_text(state, label))),
		errhint("Cast both so that they are spelt alike. If these rows may well be taken for a class that "
				"none of "
				"them has, advfair_gap((label = prediction)::int, label) is the score without this check."));
}

/*
 * The type that a state's texts are of: that of the labels of advfair_cau, else text. What a window function is called with cannot be seen
 * here, so labels are text there.
 */
static void
type_of_texts(FunctionCallInfo fcinfo, AdvpgValueType *type)
{
	Aggref *aggref = AggGetAggref(fcinfo);
	char *name = aggref ? get_func_name(aggref->aggfnoid) : NULL;
	bool labels = name && strcmp(name, "advfair_cau") == 0 && aggref->aggargtypes != NIL;

	advpg_value_type_init(type, labels ? linitial_oid(aggref->aggargtypes) : TEXTOID, PG_GET_COLLATION());
}

/* A state in which groups are one whose texts stand for equal values. */
static State *
settle(FunctionCallInfo fcinfo, State *state)
{
	AdvpgValueType type;
	AdvpgDictionary images;
	AdvpgDictionary texts;
	int *image;
	int *code;
	State *settled;

	type_of_texts(fcinfo, &type);
	if (type.equal == NULL || type.type == NUMERICOID) /* numbers are known by one text each */
		return state;
	image = palloc_extended(sizeof(int) * (state->n_groups + 1), MCXT_ALLOC_HUGE);
	advpg_dictionary_init(&images, CurrentMemoryContext);
	advpg_dictionary_init(&texts, CurrentMemoryContext);
	ADVPG_EACH (i, state->n_groups)
	{
		Datum value = advpg_value_of_text(&type, group_text(state, &state->groups[i]));

		image[i] = advpg_dictionary_add(&images, advpg_value_image(&type, value), NULL);
	}
	code = advpg_distinct_settle(&type, &images, &texts, NULL);
	settled = new_state(FIRST_ROOM, FIRST_TEXTS);
	ADVPG_EACH (i, state->n_groups)
	{
		const Group *group = &state->groups[i];

		settled = add(settled, texts.texts[code[image[i]]], group->n, group->sum, group->predicted);
	}
	return settled;
}

/* Shared by all: only states of advfair_cau have predictions. */
Datum
advfair_gap_final(PG_FUNCTION_ARGS)
{
	State *state;
	double *mean;
	double gap;
	int n = 0;

	check_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = settle(fcinfo, get_state(PG_GETARG_DATUM(0)));
	mean = palloc(sizeof(double) * (state->n_groups + 1));
	for (uint32 i = 0; i < state->n_groups; i++)
	{
		const Group *group = &state->groups[i];

		if (group->n < 0 || (group->n == 0 && !group->predicted) || !isfinite(group->sum))
			invalid_state();
		if (group->n > 0)
			mean[n++] = group->sum / group->n;
	}
	gap = adv_gap(n, mean);
	pfree(mean);
	if (isnan(gap))
		PG_RETURN_NULL();
	if (isinf(gap))
		float_overflow_error();
	check_predictions(fcinfo, state);
	PG_RETURN_FLOAT8(gap);
}
