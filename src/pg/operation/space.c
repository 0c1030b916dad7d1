/*
 * space.c
 *		What may change in rows as they are. See space.h.
 *
 * Ranges, standard deviations, decimals and categories are the data's. They come from sorted values, so that the order of rows means nothing.
 */
#include "pg/operation/space.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "pg/base/advpg.h"
#include "pg/data/distinct.h"
#include "pg/data/reader.h"
#include "pg/task/json.h"

#define MOST_DAYS                                                                                            \
	2400000 /* before and after 2000: the calendar begins a little earlier, and ends much later */
#define EXACT 9007199254740992.0 /* 2^53: up to there whole numbers and double agree */

/* ---- what a change is ---- */

double
advpg_space_cost(const AdvpgSpace *space, size_t row, const double *x)
{
	double cost = 0;

	for (int j = 0; j < space->n; j++)
		cost += space->moves[j].weight *
				advpg_move_difference(&space->moves[j], advpg_space_origin(space, row)[j], x[j]);
	return cost;
}

/* How far a column has moved, in its unit; what does not move needs none. */
static double
moved(const AdvpgSpace *space, size_t row, const double *x, int j)
{
	double by = advpg_move_difference(&space->moves[j], advpg_space_origin(space, row)[j], x[j]);

	return by == 0 ? 0 : by / space->moves[j].unit;
}

double
advpg_space_linf(const AdvpgSpace *space, size_t row, const double *x)
{
	double largest = 0;

	for (int j = 0; j < space->n; j++)
		largest = fmax(largest, moved(space, row, x, j));
	return largest;
}

double
advpg_space_l2(const AdvpgSpace *space, size_t row, const double *x)
{
	double squares = 0;

	for (int j = 0; j < space->n; j++)
		squares += moved(space, row, x, j) * moved(space, row, x, j);
	return sqrt(squares);
}

/* ---- which columns ---- */

/* How values of a type can change; -1: they cannot. */
static int
kind_of(Oid type, Oid collation)
{
	AdvpgReader reader;

	if (DomainHasConstraints(type))
		return -1;
	advpg_reader_init(&reader, type, collation);
	switch (reader.base)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case DATEOID:
			return ADVPG_MOVE_WHOLE;
		case NUMERICOID:
			return ADVPG_MOVE_DECIMAL;
		case FLOAT4OID:
			return ADVPG_MOVE_SINGLE;
		case FLOAT8OID:
			return ADVPG_MOVE_DOUBLE;
		case BOOLOID:
			return ADVPG_MOVE_CATEGORY;
		default:
			return reader.kind == ADV_COLUMN_CATEGORY ? ADVPG_MOVE_CATEGORY : -1;
	}
}

/* Why a column does not change, NULL when it may. */
static const char *
what_holds(const AdvpgFrame *frame, const AdvpgRules *rules, int attribute)
{
	if (attribute == frame->label)
		return "the label";
	if (attribute == frame->id)
		return "the id";
	return advpg_rules_derive(rules, attribute) ? "derived from others" : NULL;
}

static void
add_move(AdvpgSpace *space, const AdvpgRules *rules, int attribute, bool wanted)
{
	const AdvpgFrame *frame = space->frame;
	Form_pg_attribute att = TupleDescAttr(frame->desc, attribute - 1);
	const char *held = what_holds(frame, rules, attribute);
	int kind = kind_of(att->atttypid, att->attcollation);

	for (int j = 0; j < space->n; j++)
		if (space->moves[j].attribute == attribute)
			return;
	if (wanted && held)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("column \"%s\" cannot change: it is %s", NameStr(att->attname), held));
	if (wanted && kind < 0)
		ereport(
			ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("column \"%s\" of type %s cannot change", NameStr(att->attname),
				   format_type_be(att->atttypid)),
			errhint(
				"Numbers, dates, booleans, texts and enums can. Cast it in a query, and write what a domain "
				"demands as a constraint."));
	if (!held && kind >= 0)
		space->moves[space->n++] = (AdvpgMove){.attribute = attribute,
											   .name = pstrdup(NameStr(att->attname)),
											   .kind = kind,
											   .type = &frame->types[attribute - 1],
											   .unit = 1,
											   .reach = INFINITY};
}

/* Columns in the order of the data, so that the order in which they are named means nothing. */
static int
compare_moves(const void *a, const void *b)
{
	return ((const AdvpgMove *) a)->attribute - ((const AdvpgMove *) b)->attribute;
}

static void
choose_columns(AdvpgSpace *space, const AdvpgRules *rules, const AdvpgSpaceSpec *spec)
{
	const AdvpgFrame *frame = space->frame;
	bool by_eps = spec->eps && spec->eps->type == jbvBinary && spec->change->mutable == NIL;
	const List *names = spec->change->mutable != NIL ? spec->change->mutable : spec->candidates;
	ListCell *cell;

	space->moves = palloc0(sizeof(AdvpgMove) * (frame->desc->natts + 1));
	if (by_eps)
	{
		JsonbIterator *it = JsonbIteratorInit(spec->eps->val.binary.data);
		JsonbIteratorToken token;
		JsonbValue item;

		while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
			if (token == WJB_KEY)
				add_move(space, rules, advpg_frame_column(frame, advpg_json_cstring(&item), "eps"), true);
	}
	else if (names != NIL)
		foreach (cell, names)
			add_move(space, rules, advpg_frame_column(frame, lfirst(cell), "mutable"),
					 spec->change->mutable != NIL);
	else
		for (int i = 1; i <= frame->desc->natts; i++)
			add_move(space, rules, i, false);
	if (space->n == 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("data \"%s\" has no column that can change", frame->source->name),
				errhint("Label, id and derived columns stay, and so does what the model does not look at."));
	qsort(space->moves, space->n, sizeof(AdvpgMove), compare_moves);
}

/* ---- what the data have ---- */

pg_noreturn static void
fail_number(const AdvpgFrame *frame, size_t row, const AdvpgMove *move, const char *what)
{
	ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("%s: column \"%s\" %s", advpg_frame_name(frame, row), move->name, what));
	pg_unreachable();
}

/* Decimals that a numeric shows. */
static int
decimals_of(Numeric number)
{
	const char *point =
		strchr(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number))), '.');

	return point ? Min((int) strlen(point) - 1, ADVPG_MOVE_DECIMALS) : 0;
}

static double
number_of(const AdvpgFrame *frame, size_t row, AdvpgMove *move, Datum value)
{
	double number = 0;

	switch (move->type->type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case DATEOID:
			if (DATE_NOT_FINITE(DatumGetDateADT(value)))
				fail_number(frame, row, move, "is not finite");
			return DatumGetDateADT(value);
		case INT8OID:
			number = (double) DatumGetInt64(value);
			if (DatumGetInt64(value) > (int64) EXACT || DatumGetInt64(value) < -(int64) EXACT)
				fail_number(frame, row, move,
							"is beyond 2^53, where double precision cannot tell numbers apart");
			return number;
		case FLOAT4OID:
			number = DatumGetFloat4(value);
			break;
		case FLOAT8OID:
			number = DatumGetFloat8(value);
			break;
		default:
			if (!numeric_is_nan(DatumGetNumeric(value)) && !numeric_is_inf(DatumGetNumeric(value)))
				move->decimals = Max(move->decimals, decimals_of(DatumGetNumeric(value)));
			number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
	}
	if (!isfinite(number))
		fail_number(frame, row, move, "is not finite");
	return number;
}

static int
compare_doubles(const void *a, const void *b, void *arg)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Range and standard deviation of n sorted numbers. */
static void
fit(AdvpgMove *move, const double *sorted, size_t n)
{
	double mean = 0, squares = 0;

	for (size_t i = 0; i < n; i++)
		mean += sorted[i] / (double) n;
	for (size_t i = 0; i < n; i++)
		squares += (sorted[i] - mean) * (sorted[i] - mean) / (double) n;
	move->sd = n > 0 ? sqrt(squares) : 0;
	move->min = n > 0 ? sorted[0] : 0;
	move->max = n > 0 ? sorted[n - 1] : 0;
}

static void
read_numbers(AdvpgSpace *space, int j)
{
	const AdvpgFrame *frame = space->frame;
	AdvpgMove *move = &space->moves[j];
	double *sorted = palloc_extended(sizeof(double) * (frame->n + 1), MCXT_ALLOC_HUGE);
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row_context);
	size_t n = 0;

	ADVPG_EACH (i, frame->n)
	{
		bool isnull;
		Datum value = advpg_frame_value(frame, i, move->attribute, &isnull);
		double number = isnull ? NAN : number_of(frame, i, move, value);

		space->origin[i * space->n + j] = number;
		if (!isnull)
			sorted[n++] = number;
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row_context);
	qsort_interruptible(sorted, n, sizeof(double), compare_doubles, NULL);
	fit(move, sorted, n);
	pfree(sorted);
	if (move->kind == ADVPG_MOVE_WHOLE)
		move->step = 1;
	if (move->kind == ADVPG_MOVE_DECIMAL)
		move->step = pow(10, -move->decimals);
}

/* Categories in the order of their texts, and each row's place in it. */
static void
read_categories(AdvpgSpace *space, int j)
{
	const AdvpgFrame *frame = space->frame;
	AdvpgMove *move = &space->moves[j];
	AdvpgDictionary images, texts;
	int *code, *order, *place;
	Datum *values;

	advpg_dictionary_init(&images, CurrentMemoryContext);
	advpg_dictionary_init(&texts, CurrentMemoryContext);
	ADVPG_EACH (i, frame->n)
	{
		bool isnull;
		Datum value = advpg_frame_value(frame, i, move->attribute, &isnull);

		space->origin[i * space->n + j] =
			isnull ? NAN : advpg_dictionary_add(&images, advpg_value_image(move->type, value), NULL);
	}
	code = advpg_distinct_settle(move->type, &images, &texts, &values);
	order = advpg_text_order(texts.texts, texts.n);
	place = palloc_extended(sizeof(int) * ((size_t) texts.n + 1), MCXT_ALLOC_HUGE);
	move->n_categories = texts.n;
	move->texts = palloc_extended(sizeof(AdvText) * ((size_t) texts.n + 1), MCXT_ALLOC_HUGE);
	move->categories = palloc_extended(sizeof(Datum) * ((size_t) texts.n + 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < texts.n; i++)
	{
		place[order[i]] = i;
		move->texts[i] = texts.texts[order[i]];
		move->categories[i] = values[order[i]];
	}
	ADVPG_EACH (i, frame->n)
	{
		double *origin = &space->origin[i * space->n + j];

		if (!isnan(*origin))
			*origin = place[code[(int) *origin]];
	}
}

/* ---- what was said of columns ---- */

static AdvpgMove *
find_move(AdvpgSpace *space, const JsonbValue *name, const char *argument)
{
	int attribute = advpg_frame_column(space->frame, advpg_json_cstring(name), argument);

	for (int j = 0; j < space->n; j++)
		if (space->moves[j].attribute == attribute)
			return &space->moves[j];
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s names column \"%s\", which does not change", argument, advpg_json_cstring(name)));
	pg_unreachable();
}

pg_noreturn static void
fail_setting(const char *argument, const AdvpgMove *move, const char *must)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s of column \"%s\" must %s", argument, move->name, must));
	pg_unreachable();
}

static void
set_weight(AdvpgMove *move, const JsonbValue *value)
{
	if (value->type != jbvNumeric || !(advpg_json_double(value) >= 0) || !isfinite(advpg_json_double(value)))
		fail_setting("cost", move, "be a number that is not negative");
	move->weight = advpg_json_double(value);
}

static void
set_step(AdvpgMove *move, const JsonbValue *value)
{
	double step = value->type == jbvNumeric ? advpg_json_double(value) : NAN;

	if (move->kind == ADVPG_MOVE_CATEGORY)
		fail_setting("step", move, "be left out: it has no numbers");
	if (!(step > 0 && isfinite(step)))
		fail_setting("step", move, "be a number greater than 0");
	if (move->step > 0 && fabs(step / move->step - nearbyint(step / move->step)) > ADVPG_MOVE_SHORT)
		fail_setting("step", move,
					 move->kind == ADVPG_MOVE_WHOLE
						 ? "be a whole number, as its values are"
						 : psprintf("have no more than %d decimals, as its values have", move->decimals));
	move->step = step;
}

/* [min, max]; null: no bound. */
static void
set_clip(AdvpgMove *move, const JsonbValue *value)
{
	double bounds[2] = {-INFINITY, INFINITY};
	JsonbIterator *it;
	JsonbValue item;
	int n = 0;

	if (move->kind == ADVPG_MOVE_CATEGORY)
		fail_setting("clip", move, "be left out: it has no numbers");
	if (value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
	{
		it = JsonbIteratorInit(value->val.binary.data);
		(void) JsonbIteratorNext(&it, &item, false);
		for (; JsonbIteratorNext(&it, &item, true) == WJB_ELEM; n++)
			if (n < 2 && item.type == jbvNumeric)
				bounds[n] = advpg_json_double(&item);
			else if (item.type != jbvNull)
				n = 2;
	}
	if (n != 2 || !(bounds[0] <= bounds[1]))
		fail_setting("clip", move,
					 "be an array of two numbers, the least and the greatest, or null for none");
	move->min = bounds[0];
	move->max = bounds[1];
}

/* Call set for each column that an object has. */
static void
set_each(AdvpgSpace *space, const JsonbValue *object, const char *argument,
		 void (*set)(AdvpgMove *move, const JsonbValue *value))
{
	JsonbIterator *it;
	JsonbValue name, value;

	if (object == NULL)
		return;
	it = JsonbIteratorInit(object->val.binary.data);
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		set(find_move(space, &name, argument), &value);
	}
}

static void
set_size(AdvpgMove *move, const JsonbValue *value)
{
	move->reach = move->unit = advpg_json_double(value);
}

/* How far each column may go: as in an attack on a model, an object's sizes are the columns' units, too. */
static void
set_reach(AdvpgSpace *space, const AdvpgSpaceSpec *spec)
{
	const JsonbValue *eps = spec->eps;

	if (eps == NULL)
		return;
	for (int j = 0; j < space->n; j++)
	{
		AdvpgMove *move = &space->moves[j];
		bool by_sd =
			eps->type != jbvBinary && spec->eps_unit == ADVPG_EPS_SD && move->kind != ADVPG_MOVE_CATEGORY;

		move->unit = by_sd ? move->sd : 1;
		move->reach = eps->type == jbvBinary ? 0 : advpg_json_double(eps) * move->unit;
	}
	if (eps->type == jbvBinary)
		set_each(space, eps, "eps", set_size);
}

/* The greatest number that a column has room for. */
static double
most_of(const AdvpgFrame *frame, const AdvpgMove *move)
{
	int32 typmod = TupleDescAttr(frame->desc, move->attribute - 1)->atttypmod - (int32) VARHDRSZ;

	switch (move->type->type)
	{
		case INT2OID:
			return PG_INT16_MAX;
		case INT4OID:
			return PG_INT32_MAX;
		case DATEOID:
			return MOST_DAYS;
		case INT8OID:
			return EXACT;
		case NUMERICOID: /* (precision, scale): scale is a number of 11 bits with a sign */
			if (typmod >= 0)
				return pow(10, ((typmod >> 16) & 0xffff) - (((typmod & 0x7ff) ^ 1024) - 1024)) -
					   pow(10, -move->decimals);
	}
	return ADV_MAX_EPS;
}

static void
keep_in_type(const AdvpgFrame *frame, AdvpgMove *move)
{
	double most = most_of(frame, move);

	move->min = fmax(move->min, -most);
	move->max = fmin(move->max, most);
}

/* What is derived is neither the label nor the id. */
static void
check_derived(const AdvpgFrame *frame, const AdvpgRules *rules)
{
	for (int i = 0; i < rules->n_derived; i++)
		if (rules->derived[i].attribute == frame->label || rules->derived[i].attribute == frame->id)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("column \"%s\" cannot be derived: it is %s",
						   advpg_frame_attribute_name(frame, rules->derived[i].attribute),
						   rules->derived[i].attribute == frame->label ? "the label" : "the id"));
}

AdvpgSpace *
advpg_space_make(const AdvpgFrame *frame, const AdvpgRules *rules, const AdvpgSpaceSpec *spec)
{
	AdvpgSpace *space = palloc0(sizeof(AdvpgSpace));

	space->frame = frame;
	space->budget = isnan(spec->change->budget) ? INFINITY : spec->change->budget;
	if (spec->eps && spec->eps->type == jbvBinary && !JsonContainerIsObject(spec->eps->val.binary.data))
		advpg_task_invalid("eps", "must be a number or an object of columns");
	check_derived(frame, rules);
	choose_columns(space, rules, spec);
	space->origin = palloc_extended(sizeof(double) * (frame->n * space->n + 1), MCXT_ALLOC_HUGE);
	for (int j = 0; j < space->n; j++)
	{
		AdvpgMove *move = &space->moves[j];

		if (move->kind == ADVPG_MOVE_CATEGORY)
			read_categories(space, j);
		else
			read_numbers(space, j);
		move->weight = move->kind == ADVPG_MOVE_CATEGORY || move->sd == 0 ? 1 : 1 / move->sd;
	}
	set_reach(space, spec);
	set_each(space, spec->change->clip, "clip", set_clip);
	set_each(space, spec->change->step, "step", set_step);
	for (int j = 0; j < space->n; j++)
		if (space->moves[j].kind != ADVPG_MOVE_CATEGORY && space->moves[j].step == 0)
			space->moves[j].step = spec->fineness * space->moves[j].sd;
	set_each(space, spec->change->cost, "cost", set_weight);
	for (int j = 0; j < space->n; j++)
		keep_in_type(frame, &space->moves[j]);
	return space;
}
