/*
 * source.c
 *		The "data" argument: the name of a relation, or a query.
 */
#include "pg/data/source.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/varlena.h"

#include "pg/data/origin.h"
#include "pg/data/value.h"

#define MAX_LISTED 30 /* columns that a message lists */

int
advpg_find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && strcmp(NameStr(att->attname), name) == 0)
			return i + 1;
	}
	return 0;
}

char *
advpg_list_columns(TupleDesc desc)
{
	StringInfoData names;
	int listed = 0;

	initStringInfo(&names);
	for (int i = 0; i < desc->natts && listed <= MAX_LISTED; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "",
							 ++listed > MAX_LISTED ? "and more" : NameStr(TupleDescAttr(desc, i)->attname));
	return names.data;
}

bool
advpg_is_listed(const List *names, const char *name)
{
	ListCell *cell;

	foreach (cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* The first word decides: a relation cannot be called SELECT unless it is quoted. */
static bool
looks_like_query(const char *data)
{
	static const char *const words[] = {"select", "with", "values", "table"};

	while (scanner_isspace(*data))
		data++;
	if (*data == '(' || (data[0] == '-' && data[1] == '-') || (data[0] == '/' && data[1] == '*'))
		return true;
	for (int i = 0; i < lengthof(words); i++)
	{
		size_t len = strlen(words[i]);
		unsigned char next;

		if (pg_strncasecmp(data, words[i], len) != 0)
			continue;
		next = data[len];
		if (next == '\0' || next == '(' || next == '\'' || next == '"' || scanner_isspace(next))
			return true;
	}
	return false;
}

/*
 * Text of the one SELECT (or VALUES, TABLE) in data, without semicolons; it neither creates a table nor locks rows nor writes in
 * a WITH clause.
 */
static char *
check_query(const char *data)
{
	List *statements = raw_parser(data, RAW_PARSE_DEFAULT);
	RawStmt *statement;
	SelectStmt *select;
	ListCell *cell;

	if (list_length(statements) != 1)
		ereport(ERROR, errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("data must be one query, but has %d statements", list_length(statements)));
	statement = linitial_node(RawStmt, statements);
	select = (SelectStmt *) statement->stmt;
	if (!IsA(select, SelectStmt) || select->intoClause || select->lockingClause)
		ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				errmsg("a query as data must be a SELECT that neither writes nor locks rows"));
	foreach (cell, select->withClause ? select->withClause->ctes : NIL)
	{
		CommonTableExpr *cte = lfirst_node(CommonTableExpr, cell);

		if (!IsA(cte->ctequery, SelectStmt))
			ereport(ERROR, errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
					errmsg("a query as data must not write, but WITH query \"%s\" does", cte->ctename));
	}
	/* a length of 0 means all the rest */
	return pnstrdup(data + statement->stmt_location,
					statement->stmt_len ? statement->stmt_len : strlen(data + statement->stmt_location));
}

/* Whether any of some relations is temporary: to another session its name means nothing, or another table. */
static bool
any_temporary(const List *relations)
{
	ListCell *cell;

	foreach (cell, relations)
		if (get_rel_persistence(lfirst_oid(cell)) == RELPERSISTENCE_TEMP)
			return true;
	return false;
}

/* Find out which columns there are, which of them is the key, and whether all of it stays when the session ends. */
static void
describe(AdvpgSource *source)
{
	MemoryContext context = CurrentMemoryContext;
	SPIPlanPtr plan = SPI_prepare(psprintf("SELECT * FROM %s", source->from), 0, NULL);
	CachedPlanSource *planned;

	MemoryContextSwitchTo(context); /* SPI leaves its own */
	if (plan == NULL)
		elog(ERROR, "could not prepare data query: %s", SPI_result_code_string(SPI_result));
	planned = linitial(SPI_plan_get_plan_sources(plan));
	if (planned->resultDesc == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN), errmsg("data query returns no columns"));
	source->desc = CreateTupleDescCopy(planned->resultDesc);
	source->primary_key = advpg_origin_key(linitial_node(Query, planned->query_list));
	source->temporary = any_temporary(planned->relationOids);
	SPI_freeplan(plan);
}

static void
open_query(AdvpgSource *source, const char *data)
{
	/* the line break ends a comment the query may end with */
	source->from = psprintf("(%s\n) AS data", check_query(data));
	source->name = pstrdup(data);
}

RangeVar *
advpg_relation_name(const char *text)
{
	List *names;
	List *quoted = NIL;
	ListCell *cell;

	if (!SplitIdentifierString(pstrdup(text), '.', &names) || names == NIL)
		return NULL;
	foreach (cell, names)
		quoted = lappend(quoted, makeString(pstrdup(lfirst(cell))));
	return makeRangeVarFromNameList(quoted);
}

static void
open_relation(AdvpgSource *source, const char *data)
{
	RangeVar *name = advpg_relation_name(data);
	Relation rel;
	Oid schema;
	int level;

	if (name == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_NAME),
			errmsg("data \"%s\" is neither the name of a relation nor a query that reads", data),
			errhint("A query starts with SELECT, WITH, VALUES, TABLE or a parenthesis. A name with blanks or "
					"other such characters needs double quotes."));
	rel = relation_openrv(name, AccessShareLock);
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_PARTITIONED_TABLE:
			break;
		default:
			ereport(ERROR, errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("\"%s\" is not a table, view, materialized view or foreign table", data));
	}
	level = advpg_begin_kept_settings(); /* the name is kept with the model */
	schema = RelationGetNamespace(rel);
	source->name = quote_qualified_identifier(
		isTempNamespace(schema) ? "pg_temp" : get_namespace_name(schema), RelationGetRelationName(rel));
	AtEOXact_GUC(true, level);
	source->from = psprintf("%s AS data", source->name);
	relation_close(rel, NoLock); /* the lock stays until the transaction ends, as a query's would */
}

char *
advpg_session(void)
{
	return psprintf("%lx.%x", (long) MyStartTime, MyProcPid);
}

AdvpgSource *
advpg_source_open(const char *data)
{
	AdvpgSource *source = palloc0(sizeof(AdvpgSource));

	if (looks_like_query(data))
		open_query(source, data);
	else
		open_relation(source, data);
	describe(source);
	return source;
}
