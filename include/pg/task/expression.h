/*
 * expression.h
 *		SQL expressions that users give as text: one expression, and nothing around it.
 */
#ifndef ADVPG_EXPRESSION_H
#define ADVPG_EXPRESSION_H

#include "postgres.h"

#include "nodes/parsenodes.h"

#include "pg/base/compat.h"

/* An expression for messages. */
typedef struct AdvpgExpression
{
	const char *what; /* it is: "condition" */
	const char *text; /* as it was given */
	const char *hint; /* how to write one */
} AdvpgExpression;

/*
 * The one expression that sql is (what the user gave, or that with other names), as the parser sees it. Error (42601): it is more, or less,
 * than that.
 */
extern Node *advpg_expression_parse(const AdvpgExpression *e, const char *sql);

/*
 * Refuse a node of a parsed expression (22023) that asks for more than the values it is given: a subquery, a parameter, or something by a name
 * that is not pg_catalog's. To be called for each node; names without a schema are the caller's to have looked up in pg_catalog alone.
 */
extern void advpg_expression_check(const AdvpgExpression *e, const Node *node);

/* Error (22023): the expression has what it must not have. */
pg_noreturn extern void advpg_expression_refuse(const AdvpgExpression *e, const char *has);

#endif
