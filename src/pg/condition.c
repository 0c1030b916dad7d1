/*
 * condition.c
 *		Reads and evaluates conditions on metrics. See condition.h.
 *
 * The expression stands in a query of its own, with the metrics as columns of two rows. Names are looked for in the inner one first, so
 * those without a prefix are the new model's. The text is parsed before, so that nothing but an expression gets there.
 */
#include "pg/condition.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#define OLD "old"
#define NEW "new"

static void
refuse(const AdvpgCondition *condition, const char *what)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("condition \"%s\" has %s", condition->text, what),
			errhint("Write an expression over metrics, such as accuracy >= 0.8 AND cau <= old.cau."));
}

static bool
has_name(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* Take the name of a column reference: name, new.name or old.name. */
static void
take_name(AdvpgCondition *condition, const ColumnRef *reference)
{
	int n = list_length(reference->fields);
	const char *name;

	if (n > 2 || !IsA(llast(reference->fields), String))
		refuse(condition, "a name that is no metric");
	if (n == 2 && strcmp(strVal(linitial(reference->fields)), OLD) != 0 &&
		strcmp(strVal(linitial(reference->fields)), NEW) != 0)
		refuse(condition, "a name with another prefix than " OLD " or " NEW);
	name = strVal(llast(reference->fields));
	if (!has_name(condition->names, name))
		condition->names = lappend(condition->names, pstrdup(name));
}

static bool
walk(Node *node, void *arg)
{
	AdvpgCondition *condition = arg;

	if (node == NULL)
		return false;
	if (IsA(node, SubLink))
		refuse(condition, "a subquery");
	if (IsA(node, ParamRef))
		refuse(condition, "a parameter");
	if (IsA(node, ColumnRef))
	{
		take_name(condition, (ColumnRef *) node);
		return false;
	}
	return raw_expression_tree_walker(node, walk, arg);
}

/* The one expression a text is, as the parser sees it. */
static Node *
parse(const char *text)
{
	List *statements = raw_parser(psprintf("SELECT %s", text), RAW_PARSE_DEFAULT);
	SelectStmt *select = NULL;

	if (list_length(statements) == 1)
		select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (select == NULL || !IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		list_length(select->targetList) != 1 || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->valuesLists || select->sortClause || select->limitOffset ||
		select->limitCount || select->lockingClause || select->withClause ||
		linitial_node(ResTarget, select->targetList)->name)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR), errmsg("condition \"%s\" is not one expression", text));
	return linitial_node(ResTarget, select->targetList)->val;
}

/* A row of the metrics, as parameters from first on. */
static void
append_row(StringInfo query, const AdvpgCondition *condition, int first, const char *name)
{
	appendStringInfoString(query, "(SELECT ");
	for (int i = 0; i < list_length(condition->names); i++)
		appendStringInfo(query, "%s$%d AS %s", i ? ", " : "", first + i,
						 quote_identifier(list_nth(condition->names, i)));
	appendStringInfo(query, ") AS %s", name);
}

AdvpgVerdict
advpg_condition_value(const AdvpgCondition *condition, const double *new_values, const double *old_values)
{
	int n = list_length(condition->names);
	Oid *types = palloc(sizeof(Oid) * (2 * n + 1));
	Datum *values = palloc(sizeof(Datum) * (2 * n + 1));
	char *nulls = palloc(2 * n + 1);
	StringInfoData query;
	bool isnull;
	bool value;

	for (int i = 0; i < 2 * n; i++)
	{
		double v = i < n ? new_values[i] : old_values[i - n];

		types[i] = FLOAT8OID;
		values[i] = Float8GetDatum(v);
		nulls[i] = isnan(v) ? 'n' : ' ';
	}
	initStringInfo(&query);
	/* on a line of its own: a comment at the end of the text ends there */
	appendStringInfo(&query, "SELECT (SELECT (%s\n) FROM ", condition->text);
	append_row(&query, condition, 1, NEW);
	appendStringInfoString(&query, ") FROM ");
	append_row(&query, condition, n + 1, OLD);
	if (SPI_execute_with_args(query.data, 2 * n, types, values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not evaluate a condition");
	if (SPI_gettypeid(SPI_tuptable->tupdesc, 1) != BOOLOID)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("condition \"%s\" is not boolean", condition->text));
	value = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return isnull ? ADVPG_VERDICT_UNKNOWN : value ? ADVPG_VERDICT_TRUE : ADVPG_VERDICT_FALSE;
}

AdvpgCondition *
advpg_condition_read(const char *text)
{
	MemoryContext context = CurrentMemoryContext;
	AdvpgCondition *condition = palloc0(sizeof(AdvpgCondition));
	double *unknown;

	condition->text = text;
	(void) walk(parse(text), condition);
	unknown = palloc(sizeof(double) * (list_length(condition->names) + 1));
	for (int i = 0; i < list_length(condition->names); i++)
		unknown[i] = NAN;
	(void) advpg_condition_value(condition, unknown, unknown); /* for its type, and what else can be wrong */
	MemoryContextSwitchTo(context);
	return condition;
}
