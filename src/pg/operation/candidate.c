/*
 * candidate.c
 *		A changed row as SQL would have it. See candidate.h.
 *
 * Values that did not change are the very values of the row, so that nothing but what is said to be changed is.
 */
#include "pg/operation/candidate.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "pg/task/json.h"

#define NOWHERE ((size_t) -1)

AdvpgCandidate *
advpg_candidate_make(const AdvpgSpace *space, AdvpgRules *rules)
{
	AdvpgCandidate *c = palloc0(sizeof(AdvpgCandidate));

	c->space = space;
	c->rules = rules;
	c->row = MakeSingleTupleTableSlot(space->frame->desc, &TTSOpsVirtual);
	c->old = MakeSingleTupleTableSlot(space->frame->desc, &TTSOpsMinimalTuple);
	c->at = NOWHERE;
	c->values = AllocSetContextCreate(CurrentMemoryContext, "advfair candidate", ALLOCSET_SMALL_SIZES);
	return c;
}

/* Both slots as the row is. */
static void
begin(AdvpgCandidate *c, size_t row)
{
	const AdvpgFrame *frame = c->space->frame;

	MemoryContextReset(c->values);
	advpg_rules_reset(c->rules);
	if (c->at != row)
	{
		ExecStoreMinimalTuple(frame->rows[row], c->old, false);
		slot_getallattrs(c->old);
		c->at = row;
	}
	ExecClearTuple(c->row);
	memcpy(c->row->tts_values, c->old->tts_values, sizeof(Datum) * frame->desc->natts);
	memcpy(c->row->tts_isnull, c->old->tts_isnull, sizeof(bool) * frame->desc->natts);
	ExecStoreVirtualTuple(c->row);
}

static void
say_row(void *arg)
{
	const AdvpgCandidate *c = arg;

	errcontext("%s", advpg_frame_name(c->space->frame, c->at));
}

static bool
is_valid(AdvpgCandidate *c, bool changed)
{
	ErrorContextCallback callback = {error_context_stack, say_row, c};
	bool valid;

	error_context_stack = &callback;
	valid = (!changed || advpg_rules_apply(c->rules, c->row, c->old)) &&
			advpg_rules_broken(c->rules, c->row, c->old) == NULL;
	error_context_stack = callback.previous;
	return valid;
}

bool
advpg_candidate_original(AdvpgCandidate *c, size_t row)
{
	begin(c, row);
	return is_valid(c, false);
}

/* The values of a change in the slot. */
static void
put_values(AdvpgCandidate *c, size_t row, const double *x)
{
	const double *origin = advpg_space_origin(c->space, row);
	MemoryContext old = MemoryContextSwitchTo(c->values);

	for (int j = 0; j < c->space->n; j++)
		if (!isnan(origin[j]) && x[j] != origin[j])
			c->row->tts_values[c->space->moves[j].attribute - 1] =
				advpg_move_datum(&c->space->moves[j], x[j]);
	MemoryContextSwitchTo(old);
}

/* Whether anything is another value. */
static bool
is_change(const AdvpgCandidate *c, size_t row, const double *x)
{
	const double *origin = advpg_space_origin(c->space, row);

	for (int j = 0; j < c->space->n; j++)
		if (!isnan(origin[j]) && x[j] != origin[j])
			return true;
	return false;
}

bool
advpg_candidate_change(AdvpgCandidate *c, size_t row, const double *x)
{
	begin(c, row);
	if (!is_change(c, row, x) || advpg_space_cost(c->space, row, x) > c->space->budget)
		return false;
	put_values(c, row, x);
	return is_valid(c, true);
}

/* ---- changes, for the result ---- */

static void
push_value(JsonbParseState **state, AdvpgValueType *type, Datum value)
{
	JsonbValue number = {.type = jbvNumeric};

	switch (type->type)
	{
		case BOOLOID:
			advpg_json_boolean(state, DatumGetBool(value));
			break;
		case INT2OID:
			advpg_json_number(state, WJB_VALUE, DatumGetInt16(value));
			break;
		case INT4OID:
			advpg_json_number(state, WJB_VALUE, DatumGetInt32(value));
			break;
		case INT8OID:
			number.val.numeric = int64_to_numeric(DatumGetInt64(value));
			pushJsonbValue(state, WJB_VALUE, &number);
			break;
		case FLOAT4OID:
			advpg_json_real(state, WJB_VALUE, DatumGetFloat4(value));
			break;
		case FLOAT8OID:
			advpg_json_number(state, WJB_VALUE, DatumGetFloat8(value));
			break;
		case NUMERICOID:
			number.val.numeric = DatumGetNumeric(value);
			pushJsonbValue(state, WJB_VALUE, &number);
			break;
		default:
			advpg_json_text(state, WJB_VALUE, advpg_value_text(type, value));
	}
}

/* JSON has no number for what a derived column may be. */
static bool
is_finite(const AdvpgValueType *type, Datum value)
{
	switch (type->type)
	{
		case FLOAT4OID:
			return isfinite(DatumGetFloat4(value));
		case FLOAT8OID:
			return isfinite(DatumGetFloat8(value));
		case NUMERICOID:
			return !numeric_is_nan(DatumGetNumeric(value)) && !numeric_is_inf(DatumGetNumeric(value));
		default:
			return true;
	}
}

/* Whether a column of the changed row is another one. */
static bool
differs(const AdvpgCandidate *c, int i)
{
	AdvpgValueType *type = &c->space->frame->types[i];
	Datum now = c->row->tts_values[i], was = c->old->tts_values[i];
	AdvText text;

	if (c->row->tts_isnull[i] || c->old->tts_isnull[i])
		return c->row->tts_isnull[i] != c->old->tts_isnull[i];
	if (now == was)
		return false;
	text = advpg_value_text(type, now);
	text = (AdvText){pnstrdup(text.data, text.len), text.len};
	return !advpg_value_equal(type, now, text, was, advpg_value_text(type, was));
}

Jsonb *
advpg_candidate_changes(AdvpgCandidate *c, size_t row, const double *x)
{
	const AdvpgFrame *frame = c->space->frame;
	JsonbParseState *state = NULL;

	(void) advpg_candidate_change(c, row, x);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < frame->desc->natts; i++)
		if (differs(c, i))
		{
			advpg_json_string(&state, WJB_KEY, advpg_frame_attribute_name(frame, i + 1));
			if (c->row->tts_isnull[i])
				advpg_json_null(&state);
			else if (!is_finite(&frame->types[i], c->row->tts_values[i]))
				advpg_json_text(&state, WJB_VALUE, advpg_value_text(&frame->types[i], c->row->tts_values[i]));
			else
				push_value(&state, &frame->types[i], c->row->tts_values[i]);
		}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
