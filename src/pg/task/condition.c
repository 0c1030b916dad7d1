/*
 * condition.c
 *		Reads and evaluates conditions on metrics. See condition.h.
 *
 * The expression stands in a query of its own, with the metrics as columns of two rows. Names are looked for in the inner one first, so
 * those without a prefix are the new model's. The text is parsed before, so that nothing but an expression gets there.
 */
#include "pg/task/condition.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/resowner.h"

#include "pg/base/characters.h"
#include "pg/base/longname.h"
#include "pg/task/expression.h"

#define OLD "old"
#define NEW "new"

static AdvpgExpression
expression_of(const AdvpgCondition *condition)
{
	return (AdvpgExpression){"condition", condition->text,
							 "Write an expression over metrics, such as accuracy >= 0.8 AND cau <= old.cau."};
}

static void
refuse(const AdvpgCondition *condition, const char *what)
{
	AdvpgExpression e = expression_of(condition);

	advpg_expression_refuse(&e, what);
}

/* Take the name of a column reference: name, new.name or old.name. */
static void
take_name(AdvpgCondition *condition, const ColumnRef *reference)
{
	int n = list_length(reference->fields);
	const char *column;
	List **columns;
	List **names;
	ListCell *cell;
	bool old;

	if (n > 2 || !IsA(llast(reference->fields), String))
		refuse(condition, "a name that is no metric");
	if (n == 2 && strcmp(strVal(linitial(reference->fields)), OLD) != 0 &&
		strcmp(strVal(linitial(reference->fields)), NEW) != 0)
		refuse(condition, "a name with another prefix than " OLD " or " NEW);
	old = n == 2 && strcmp(strVal(linitial(reference->fields)), OLD) == 0;
	columns = old ? &condition->old_columns : &condition->columns;
	names = old ? &condition->old_names : &condition->names;
	column = strVal(llast(reference->fields));
	foreach (cell, *columns)
		if (strcmp(lfirst(cell), column) == 0)
			return;
	*columns = lappend(*columns, pstrdup(column));
	*names = lappend(*names, pstrdup(advpg_full_name(condition->long_names, column)));
}

static bool
walk(Node *node, void *arg)
{
	AdvpgCondition *condition = arg;
	AdvpgExpression e;

	if (node == NULL)
		return false;
	e = expression_of(condition);
	advpg_expression_check(&e, node);
	if (IsA(node, ColumnRef))
	{
		take_name(condition, (ColumnRef *) node);
		return false;
	}
	return raw_expression_tree_walker(node, walk, arg);
}

/* A row of metrics, as parameters from first on. */
static void
append_row(StringInfo query, const List *columns, int first, const char *row)
{
	appendStringInfoString(query, "(SELECT ");
	for (int i = 0; i < list_length(columns); i++)
		appendStringInfo(query, "%s$%d AS %s", i ? ", " : "", first + i,
						 quote_identifier(list_nth(columns, i)));
	appendStringInfo(query, ") AS %s", row);
}

/* What makes more or fewer rows of the one that metrics are. */
static bool
check_query(Node *node, void *arg)
{
	const AdvpgCondition *condition = arg;
	const Query *query = (const Query *) node;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, check_query, arg);
	if (query->hasAggs)
		refuse(condition, "an aggregate");
	if (query->hasWindowFuncs)
		refuse(condition, "a window function");
	if (query->hasTargetSRFs)
		refuse(condition, "a function that returns a set");
	return query_tree_walker((Query *) node, check_query, arg, 0);
}

/* The query, checked for what only its analysis tells. */
static SPIPlanPtr
prepare(const AdvpgCondition *condition)
{
	int n = list_length(condition->names) + list_length(condition->old_names);
	Oid *types = palloc(sizeof(Oid) * (n + 1));
	CachedPlanSource *source;
	SPIPlanPtr plan;
	StringInfoData query;
	ListCell *cell;

	for (int i = 0; i < n; i++)
		types[i] = FLOAT8OID;
	initStringInfo(&query);
	/* on a line of its own: a comment at the end of the text ends there */
	appendStringInfo(&query, "SELECT (SELECT (%s\n) FROM ", condition->query);
	append_row(&query, condition->columns, 1, NEW);
	appendStringInfoString(&query, ") FROM ");
	append_row(&query, condition->old_columns, list_length(condition->columns) + 1, OLD);
	plan = SPI_prepare(query.data, n, types);
	if (plan == NULL)
		elog(ERROR, "could not prepare a condition: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	if (TupleDescAttr(source->resultDesc, 0)->atttypid != BOOLOID)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("condition \"%s\" is not boolean", advpg_short_text(condition->text)));
	foreach (cell, source->query_list)
	{
		(void) check_query(lfirst(cell), (void *) condition);
		if (contain_volatile_functions(lfirst(cell)))
			refuse(condition, "a volatile function");
	}
	return plan;
}

/* Whether the condition holds; *isnull when nobody knows. */
static bool
evaluate(const AdvpgCondition *condition, const double *new_values, const double *old_values, bool *isnull)
{
	int n = list_length(condition->names);
	int n_old = list_length(condition->old_names);
	Datum *values = palloc(sizeof(Datum) * (n + n_old + 1));
	char *nulls = palloc(n + n_old + 1);
	SPIPlanPtr plan = prepare(condition);
	bool value;

	for (int i = 0; i < n + n_old; i++)
	{
		double v = i < n ? new_values[i] : old_values[i - n];

		values[i] = Float8GetDatum(v);
		nulls[i] = isnan(v) ? 'n' : ' ';
	}
	if (SPI_execute_plan(plan, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not evaluate a condition");
	value = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, isnull));
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
	return value;
}

/* What surrounds a look at a condition in PostgreSQL's own terms. Settings are restored by the end of the transaction or subtransaction, should it fail. */
typedef struct Surroundings
{
	int level;
	bool read_only;
} Surroundings;

static Surroundings
enter(void)
{
	Surroundings s = {NewGUCNestLevel(), XactReadOnly};

	/* an operator >= (float8, numeric) in a schema of the caller's search_path would suit better than pg_catalog's */
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	XactReadOnly = true;
	return s;
}

static void
leave(Surroundings s)
{
	XactReadOnly = s.read_only;
	AtEOXact_GUC(true, s.level);
}

/* What the current error says of the condition, now that it is over; one that was to stop the operation goes on. */
static const char *
take_failure(void)
{
	ErrorData *error = CopyErrorData();

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		PG_RE_THROW();
	FlushErrorState();
	return psprintf("fails (%s)", error->message);
}

const char *
advpg_condition_outcome(const AdvpgCondition *condition, const double *new_values, const double *old_values)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	const char *volatile outcome = NULL;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		Surroundings surroundings;
		bool isnull;
		bool value;

		SPI_connect();
		surroundings = enter();
		value = evaluate(condition, new_values, old_values, &isnull);
		leave(surroundings);
		SPI_finish();
		outcome = isnull ? "is NULL" : value ? NULL : "is false";
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		outcome = take_failure();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return outcome;
}

static double *
unknowns(const List *names)
{
	double *values = palloc(sizeof(double) * (list_length(names) + 1));

	for (int i = 0; i < list_length(names); i++)
		values[i] = NAN;
	return values;
}

static void
say_which(void *arg)
{
	errcontext("condition \"%s\"", advpg_short_text(((const AdvpgCondition *) arg)->text));
}

AdvpgCondition *
advpg_condition_read(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	AdvpgCondition *condition = palloc0(sizeof(AdvpgCondition));
	Surroundings surroundings;
	ErrorContextCallback context_callback;
	AdvpgExpression e;
	bool isnull;

	condition->text = text;
	e = expression_of(condition);
	condition->query = advpg_shorten_names(text, &condition->long_names);
	(void) walk(advpg_expression_parse(&e, condition->query), condition);
	/* for its type, and what fails whatever metrics are */
	surroundings = enter();
	context_callback = (ErrorContextCallback){error_context_stack, say_which, condition};
	error_context_stack = &context_callback;
	(void) evaluate(condition, unknowns(condition->names), unknowns(condition->old_names), &isnull);
	error_context_stack = context_callback.previous;
	leave(surroundings);
	MemoryContextSwitchTo(context);
	return condition;
}
