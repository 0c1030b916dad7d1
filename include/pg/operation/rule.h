/*
 * rule.h
 *		What must hold for a changed row: constraints over it and the row it was (old), and columns that are derived from others.
 */
#ifndef ADVPG_RULE_H
#define ADVPG_RULE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "pg/data/frame.h"
#include "pg/task/expression.h"

/* A constraint, or the value of a derived column, ready to be evaluated. */
typedef struct AdvpgRule
{
	AdvpgExpression expression;
	int attribute; /* derived: of the column; 0: a constraint */
	ExprState *state;
} AdvpgRule;

typedef struct AdvpgRules
{
	const AdvpgFrame *frame;
	int n_derived;
	AdvpgRule *derived; /* in an order in which each needs only those before it */
	int n_constraints;
	AdvpgRule *constraints;
	ExprContext *econtext;
} AdvpgRules;

/*
 * Read constraints (of char *) and derived columns (an object of columns and expressions, or NULL). Expressions are over column and old.column;
 * functions, operators and types are pg_catalog's, and functions immutable. Errors: what is not one expression (42601), is not boolean or cannot be
 * assigned to its column (42804), has a subquery, a parameter, something from outside of pg_catalog or that is not immutable, or is derived from itself
 * (22023), an unknown column (42703).
 */
extern AdvpgRules *advpg_rules_make(const AdvpgFrame *frame, const List *constraints,
									const JsonbValue *derived);

/* Whether a column is derived. */
extern bool advpg_rules_derive(const AdvpgRules *rules, int attribute);

/*
 * Fill in what is derived of a row, whose slot is virtual. False when one would be NULL that was not. Values last until advpg_rules_reset.
 */
extern bool advpg_rules_apply(AdvpgRules *rules, TupleTableSlot *row, TupleTableSlot *old);

/* The first constraint that a row does not satisfy, NULL when it satisfies all; one that is NULL is not satisfied. */
extern const AdvpgRule *advpg_rules_broken(AdvpgRules *rules, TupleTableSlot *row, TupleTableSlot *old);

/* Give back what evaluating has taken. */
extern void advpg_rules_reset(AdvpgRules *rules);

#endif
