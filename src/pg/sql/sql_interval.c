/*
 * sql_interval.c
 *		advfair_gap_interval: the gap between group means over any rows, with a bootstrap interval.
 *
 * Rows come in whatever order array_agg met them. They are sorted by group and value first, so that the interval, too, depends
 * on nothing but the rows and the seed.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/compat.h"
#include "pg/base/interval.h"
#include "pg/data/distinct.h"
#include "pg/base/version.h"

ADVPG_FUNCTION(advfair_gap_interval);

/* ---- rows from arrays ---- */

typedef struct Row
{
	int32 group;
	double value;
} Row;

static int
compare_rows(const void *a, const void *b, void *arg)
{
	const Row *x = a;
	const Row *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* An array argument; NULL is one without elements, as array_agg gives it for no rows. */
static ArrayType *
array_argument(FunctionCallInfo fcinfo, int i, Oid element)
{
	return PG_ARGISNULL(i) ? construct_empty_array(element) : PG_GETARG_ARRAYTYPE_P(i);
}

static size_t
length_of(ArrayType *array)
{
	return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

/* Rows in which nothing is NULL, their groups coded in the order of arrival. Returns how many there are. */
static size_t
read_rows(ArrayType *values, ArrayType *names, Row *rows, AdvpgDictionary *groups)
{
	ArrayIterator value_of = array_create_iterator(values, 0, NULL);
	ArrayIterator name_of = array_create_iterator(names, 0, NULL);
	size_t n = 0;
	Datum value;
	Datum name;
	bool no_value;
	bool no_name;

	for (size_t i = 1; array_iterate(value_of, &value, &no_value) && array_iterate(name_of, &name, &no_name);
		 i++)
	{
		text *group;

		CHECK_FOR_INTERRUPTS();
		if (no_value || no_name)
			continue;
		rows[n].value = DatumGetFloat8(value);
		if (!isfinite(rows[n].value))
			ereport(ERROR, errcode(ERRCODE_DATA_EXCEPTION),
					errmsg("the value at position %zu is %s", i, isnan(rows[n].value) ? "NaN" : "infinite"),
					errhint("Leave such rows out, or make the value NULL."));
		group = DatumGetTextPP(name);
		rows[n++].group =
			advpg_dictionary_add(groups, (AdvText){VARDATA_ANY(group), VARSIZE_ANY_EXHDR(group)}, NULL);
	}
	return n;
}

/* Give groups that are equal by a collation, which tell no rows apart then, one code. */
static void
settle_groups(Row *rows, size_t n, AdvpgDictionary *groups, Oid collation)
{
	AdvpgValueType type;
	AdvpgDictionary settled;
	int *code;

	advpg_value_type_init(&type, TEXTOID, collation);
	if (type.normal)
		return;
	advpg_dictionary_init(&settled, CurrentMemoryContext);
	code = advpg_distinct_settle(&type, groups, &settled, NULL);
	ADVPG_EACH (i, n)
		rows[i].group = code[rows[i].group];
	*groups = settled;
}

/* Sort rows by the text of their group, then value, with groups numbered in that order. */
static void
order_rows(Row *rows, size_t n, const AdvpgDictionary *groups)
{
	int *code = advpg_text_order(groups->texts, groups->n);
	int *place = palloc_extended(sizeof(int) * (groups->n + 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < groups->n; i++)
		place[code[i]] = i;
	ADVPG_EACH (i, n)
		rows[i].group = place[rows[i].group];
	qsort_interruptible(rows, n, sizeof(Row), compare_rows, NULL);
}

static AdvInterval
gap_interval(ArrayType *values, ArrayType *names, Oid collation, double level, int replicates, int64 seed,
			 int64 *n_rows)
{
	size_t length = length_of(values);
	Row *rows = palloc_extended(sizeof(Row) * (length + 1), MCXT_ALLOC_HUGE);
	int32_t *group = palloc_extended(sizeof(int32_t) * (length + 1), MCXT_ALLOC_HUGE);
	double *value = palloc_extended(sizeof(double) * (length + 1), MCXT_ALLOC_HUGE);
	const double *models[] = {value};
	AdvpgDictionary groups;
	AdvInterval gap;
	size_t n;

	if (length != length_of(names))
		ereport(ERROR, errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("value has %zu elements, but grp has %zu", length, length_of(names)),
				errhint("Aggregate both over the same rows."));
	advpg_dictionary_init(&groups, CurrentMemoryContext);
	n = read_rows(values, names, rows, &groups);
	settle_groups(rows, n, &groups, collation);
	order_rows(rows, n, &groups);
	ADVPG_EACH (i, n)
	{
		group[i] = rows[i].group;
		value[i] = rows[i].value;
	}
	advpg_interval_estimate((AdvBootstrap){replicates, level, (uint64) seed},
							&(AdvGrouped){n, group, groups.n, 1, models},
							&(AdvEstimates){.of[ADV_GAP] = &gap});
	*n_rows = n;
	return gap;
}

Datum
advfair_gap_interval(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"value", "grp", "level", "replicates", "seed"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext caller;
	AdvInterval gap;
	Datum result[4];
	bool nulls[4] = {0};
	int64 n;

	for (int i = 2; i < 5; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" must not be NULL", names[i]));
	advpg_interval_check(PG_GETARG_FLOAT8(2), PG_GETARG_INT32(3));
	InitMaterializedSRF(fcinfo, 0);
	context = AllocSetContextCreate(CurrentMemoryContext, "advfair interval", ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(context);
	gap = gap_interval(array_argument(fcinfo, 0, FLOAT8OID), array_argument(fcinfo, 1, TEXTOID),
					   PG_GET_COLLATION(), PG_GETARG_FLOAT8(2), PG_GETARG_INT32(3), PG_GETARG_INT64(4), &n);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);

	result[0] = Float8GetDatum(gap.value);
	result[1] = Float8GetDatum(gap.low);
	result[2] = Float8GetDatum(gap.high);
	result[3] = Int64GetDatum(n);
	nulls[0] = nulls[1] = nulls[2] = isnan(gap.value);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, result, nulls);
	return (Datum) 0;
}
