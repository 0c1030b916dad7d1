/*
 * rule.c
 *		Constraints and derived columns. See rule.h.
 *
 * Expressions are analyzed once, with names that become columns of one of two slots, and evaluated for each candidate by the executor's own
 * machine: no query is planned or run. So they cost little, and a search may throw many candidates away before it asks the model.
 */
#include "pg/operation/rule.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg/base/characters.h"
#include "pg/base/ownsql.h"
#include "pg/task/json.h"

#define OLD  "old"
#define DATA "data"
#define HINT                                                                                                 \
	"Write an expression over columns of the row and, as old.column, of the row it was, such as age >= "     \
	"old.age."

#define VAR_OF_ROW 1 /* any number that is none of the executor's special ones: the slot of scans */

/* ---- from text to expression ---- */

/* What an expression is made of, while it is analyzed. */
typedef struct Analysis
{
	const AdvpgFrame *frame;
	const AdvpgExpression *expression;
} Analysis;

/* Refuse what asks for more than columns. */
static bool
walk_raw(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	advpg_expression_check(arg, node);
	return raw_expression_tree_walker(node, walk_raw, arg);
}

/* A name: column, data.column or old.column. */
static Node *
resolve_name(ParseState *pstate, ColumnRef *reference)
{
	const Analysis *analysis = pstate->p_ref_hook_state;
	const AdvpgFrame *frame = analysis->frame;
	int n = list_length(reference->fields);
	const char *prefix = n == 2 ? strVal(linitial(reference->fields)) : DATA;
	Form_pg_attribute attribute;
	int number;

	if (n > 2 || !IsA(llast(reference->fields), String))
		advpg_expression_refuse(analysis->expression, "a name that is no column");
	if (strcmp(prefix, OLD) != 0 && strcmp(prefix, DATA) != 0)
		advpg_expression_refuse(analysis->expression, "a name with another prefix than " OLD " or " DATA);
	number = advpg_frame_column(
		frame, strVal(llast(reference->fields)),
		psprintf("%s \"%s\"", analysis->expression->what, advpg_short_text(analysis->expression->text)));
	attribute = TupleDescAttr(frame->desc, number - 1);
	return (Node *) makeVar(strcmp(prefix, OLD) == 0 ? OUTER_VAR : VAR_OF_ROW, number, attribute->atttypid,
							attribute->atttypmod, attribute->attcollation, 0);
}

static bool
is_elsewhere(Oid function, void *arg)
{
	return get_func_namespace(function) != PG_CATALOG_NAMESPACE;
}

/* Casts and the like have no name that the parser could have looked at. */
static bool
walk_functions(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_elsewhere, NULL))
		advpg_expression_refuse(arg, "a function, operator or type outside of pg_catalog");
	return expression_tree_walker(node, walk_functions, arg);
}

static void
check_analyzed(const AdvpgExpression *e, const ParseState *pstate, Node *node)
{
	if (pstate->p_hasAggs)
		advpg_expression_refuse(e, "an aggregate");
	if (pstate->p_hasWindowFuncs)
		advpg_expression_refuse(e, "a window function");
	if (pstate->p_hasTargetSRFs)
		advpg_expression_refuse(e, "a function that returns a set");
	if (contain_mutable_functions(node))
		advpg_expression_refuse(e, "a function that is not immutable");
	(void) walk_functions(node, unconstify(AdvpgExpression *, e));
}

/* The value of a derived column as the column's type has it, or whether a constraint holds. */
static Node *
coerce(ParseState *pstate, const AdvpgFrame *frame, const AdvpgRule *rule, Node *node)
{
	Form_pg_attribute attribute;
	Node *result;

	if (rule->attribute == 0)
	{
		if (exprType(node) != BOOLOID)
			ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("%s \"%s\" is not boolean", rule->expression.what,
						   advpg_short_text(rule->expression.text)),
					errhint("%s", rule->expression.hint));
		return node;
	}
	attribute = TupleDescAttr(frame->desc, rule->attribute - 1);
	result = coerce_to_target_type(pstate, node, exprType(node), attribute->atttypid, attribute->atttypmod,
								   COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (result == NULL)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("column \"%s\" is of type %s, but what it is derived from is of type %s",
					   NameStr(attribute->attname), format_type_be(attribute->atttypid),
					   format_type_be(exprType(node))));
	return result;
}

static void
say_which(void *arg)
{
	const AdvpgExpression *e = arg;

	errcontext("%s \"%s\"", e->what, advpg_short_text(e->text));
}

/* The expression, analyzed; names without a schema are pg_catalog's meanwhile. */
static Node *
analyze(const AdvpgFrame *frame, AdvpgRule *rule)
{
	AdvpgExpression *e = &rule->expression;
	Analysis analysis = {frame, e};
	Node *raw = advpg_expression_parse(e, e->text);
	ErrorContextCallback callback = {error_context_stack, say_which, e};
	ParseState *pstate = make_parsestate(NULL);
	int level;
	Node *node;

	(void) walk_raw(raw, e);
	error_context_stack = &callback;
	level = advpg_own_begin();
	pstate->p_sourcetext = e->text;
	pstate->p_pre_columnref_hook = resolve_name;
	pstate->p_ref_hook_state = &analysis;
	node = transformExpr(pstate, raw, EXPR_KIND_OTHER);
	node = coerce(pstate, frame, rule, node);
	assign_expr_collations(pstate, node);
	check_analyzed(e, pstate, node);
	free_parsestate(pstate);
	advpg_own_end(level);
	error_context_stack = callback.previous;
	return node;
}

static void
compile(AdvpgRule *rule, Node *node)
{
	ErrorContextCallback callback = {error_context_stack, say_which, &rule->expression};

	error_context_stack = &callback; /* what is constant is evaluated now */
	rule->state = ExecInitExpr(expression_planner((Expr *) node), NULL);
	error_context_stack = callback.previous;
}

/* ---- derived columns in order ---- */

typedef struct Names
{
	bool *of; /* (natts) whether the expression names that column of the row */
} Names;

static bool
walk_columns(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) && ((Var *) node)->varno == VAR_OF_ROW)
		((Names *) arg)->of[((Var *) node)->varattno - 1] = true;
	return expression_tree_walker(node, walk_columns, arg);
}

/* Whether a rule needs none of those that are left, itself included. */
static bool
is_ready(const AdvpgRule *rules, int n, const Names *names)
{
	for (int i = 0; i < n; i++)
		if (names->of[rules[i].attribute - 1])
			return false;
	return true;
}

/* Bring rules into an order in which each needs only those before it. */
static void
sort_derived(AdvpgRules *rules, Node **nodes)
{
	AdvpgRule *left = rules->derived;
	int n = rules->n_derived;
	Names *names = palloc(sizeof(Names) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		names[i].of = palloc0(sizeof(bool) * (rules->frame->desc->natts + 1));
		(void) walk_columns(nodes[i], &names[i]);
	}
	for (int done = 0; done < n; done++)
	{
		int next = done;
		AdvpgRule rule;
		Names its;

		while (next < n && !is_ready(left + done, n - done, &names[next]))
			next++;
		if (next == n)
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("column \"%s\" is derived from itself",
					   advpg_frame_attribute_name(rules->frame, left[done].attribute)),
				errhint(
					"Expressions of derived columns may name each other, but not in a circle. The value that "
					"the row had is old.%s.",
					quote_identifier(advpg_frame_attribute_name(rules->frame, left[done].attribute))));
		rule = left[next];
		its = names[next];
		left[next] = left[done];
		names[next] = names[done];
		left[done] = rule;
		names[done] = its;
	}
}

static void
read_derived(AdvpgRules *rules, const JsonbValue *derived)
{
	JsonbIterator *it = JsonbIteratorInit(derived->val.binary.data);
	JsonbValue name, value;
	int max = JsonContainerSize(derived->val.binary.data);
	Node **nodes = palloc(sizeof(Node *) * (max + 1));

	rules->derived = palloc0(sizeof(AdvpgRule) * (max + 1));
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		AdvpgRule *rule = &rules->derived[rules->n_derived];
		char *column = advpg_json_cstring(&name);

		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type != jbvString)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("derived column \"%s\" must be a string, an SQL expression", column));
		rule->attribute = advpg_frame_column(rules->frame, column, "derived");
		rule->expression =
			(AdvpgExpression){psprintf("derived column \"%s\":", column), advpg_json_cstring(&value), HINT};
		nodes[rules->n_derived++] = analyze(rules->frame, rule);
	}
	for (int i = 0; i < rules->n_derived; i++)
		compile(&rules->derived[i], nodes[i]);
	sort_derived(rules, nodes);
}

AdvpgRules *
advpg_rules_make(const AdvpgFrame *frame, const List *constraints, const JsonbValue *derived)
{
	AdvpgRules *rules = palloc0(sizeof(AdvpgRules));
	ListCell *cell;

	rules->frame = frame;
	rules->econtext = CreateStandaloneExprContext();
	if (derived)
		read_derived(rules, derived);
	rules->constraints = palloc0(sizeof(AdvpgRule) * (list_length(constraints) + 1));
	foreach (cell, constraints)
	{
		AdvpgRule *rule = &rules->constraints[rules->n_constraints++];

		rule->expression = (AdvpgExpression){"constraint", lfirst(cell), HINT};
		compile(rule, analyze(frame, rule));
	}
	return rules;
}

bool
advpg_rules_derive(const AdvpgRules *rules, int attribute)
{
	for (int i = 0; i < rules->n_derived; i++)
		if (rules->derived[i].attribute == attribute)
			return true;
	return false;
}

/* ---- for a row ---- */

static Datum
evaluate(AdvpgRules *rules, AdvpgRule *rule, TupleTableSlot *row, TupleTableSlot *old, bool *isnull)
{
	ErrorContextCallback callback = {error_context_stack, say_which, &rule->expression};
	Datum value;

	error_context_stack = &callback;
	rules->econtext->ecxt_scantuple = row;
	rules->econtext->ecxt_outertuple = old;
	value = ExecEvalExprSwitchContext(rule->state, rules->econtext, isnull);
	error_context_stack = callback.previous;
	return value;
}

bool
advpg_rules_apply(AdvpgRules *rules, TupleTableSlot *row, TupleTableSlot *old)
{
	bool whole = true;

	for (int i = 0; i < rules->n_derived; i++)
	{
		AdvpgRule *rule = &rules->derived[i];
		int at = rule->attribute - 1;

		row->tts_values[at] = evaluate(rules, rule, row, old, &row->tts_isnull[at]);
		whole &= !row->tts_isnull[at] || old->tts_isnull[at];
	}
	return whole;
}

const AdvpgRule *
advpg_rules_broken(AdvpgRules *rules, TupleTableSlot *row, TupleTableSlot *old)
{
	for (int i = 0; i < rules->n_constraints; i++)
	{
		bool isnull;
		Datum holds = evaluate(rules, &rules->constraints[i], row, old, &isnull);

		if (isnull || !DatumGetBool(holds))
			return &rules->constraints[i];
	}
	return NULL;
}

void
advpg_rules_reset(AdvpgRules *rules)
{
	ResetExprContext(rules->econtext);
}
