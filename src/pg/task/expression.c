/*
 * expression.c
 *		SQL expressions that users give as text. See expression.h.
 */
#include "pg/task/expression.h"

#include "nodes/parsenodes.h"
#include "parser/parser.h"

#include "pg/base/characters.h"

void
advpg_expression_refuse(const AdvpgExpression *e, const char *has)
{
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("%s \"%s\" has %s", e->what, advpg_short_text(e->text), has), errhint("%s", e->hint));
	pg_unreachable();
}

/* Functions, operators and types are found in pg_catalog, and may name it. */
static void
check_place(const AdvpgExpression *e, const List *name)
{
	if (list_length(name) > 1 && strcmp(strVal(linitial(name)), "pg_catalog") != 0)
		advpg_expression_refuse(e, "a function, operator or type outside of pg_catalog");
}

void
advpg_expression_check(const AdvpgExpression *e, const Node *node)
{
	if (IsA(node, SubLink))
		advpg_expression_refuse(e, "a subquery");
	if (IsA(node, ParamRef))
		advpg_expression_refuse(e, "a parameter");
	if (IsA(node, FuncCall))
		check_place(e, ((const FuncCall *) node)->funcname);
	if (IsA(node, A_Expr))
		check_place(e, ((const A_Expr *) node)->name);
	if (IsA(node, TypeName))
		check_place(e, ((const TypeName *) node)->names);
	if (IsA(node, CollateClause))
		check_place(e, ((const CollateClause *) node)->collname);
	if (IsA(node, SortBy))
		check_place(e, ((const SortBy *) node)->useOp);
}

Node *
advpg_expression_parse(const AdvpgExpression *e, const char *sql)
{
	List *statements = raw_parser(psprintf("SELECT %s", sql), RAW_PARSE_DEFAULT);
	SelectStmt *select = NULL;

	if (list_length(statements) == 1)
		select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (select == NULL || !IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		list_length(select->targetList) != 1 || select->distinctClause || select->intoClause ||
		select->fromClause || select->whereClause || select->groupClause || select->havingClause ||
		select->windowClause || select->valuesLists || select->sortClause || select->limitOffset ||
		select->limitCount || select->lockingClause || select->withClause ||
		linitial_node(ResTarget, select->targetList)->name)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("%s \"%s\" is not one expression", e->what, advpg_short_text(e->text)),
				errhint("%s", e->hint));
	return linitial_node(ResTarget, select->targetList)->val;
}
