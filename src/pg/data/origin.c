/*
 * origin.c
 *		Which column of a query is a table's primary key.
 */
#include "pg/data/origin.h"

#include "access/genam.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* A query and those around it, where its WITH queries may be defined. */
typedef struct Level
{
	const Query *query;
	const struct Level *around;
} Level;

/* A relation's column. */
typedef struct Origin
{
	Oid relation; /* InvalidOid: none */
	AttrNumber column;
} Origin;

/* Whether each row of a query is a row of the one thing it reads from, and no row is so twice. */
static bool
keeps_rows(const Query *query)
{
	return query->commandType == CMD_SELECT && query->setOperations == NULL && query->groupClause == NIL &&
		   query->groupingSets == NIL && !query->hasAggs && !query->hasTargetSRFs &&
		   query->havingQual == NULL && list_length(query->jointree->fromlist) == 1 &&
		   IsA(linitial(query->jointree->fromlist), RangeTblRef);
}

/* Whether rows of tables that inherit from a relation are read with its own: they have keys of their own, which may be the same. */
static bool
has_other_keys(const RangeTblEntry *rte)
{
	return rte->inh && rte->relkind != RELKIND_PARTITIONED_TABLE && has_subclass(rte->relid) &&
		   find_inheritance_children(rte->relid, NoLock) != NIL;
}

static Origin find_origin(const Level *level, AttrNumber column);

static Origin
find_in_with_query(const Level *level, const RangeTblEntry *rte, AttrNumber column)
{
	ListCell *cell;

	for (Index up = rte->ctelevelsup; up > 0; up--)
		level = level->around;
	foreach (cell, level->query->cteList)
	{
		CommonTableExpr *with = lfirst_node(CommonTableExpr, cell);

		if (strcmp(with->ctename, rte->ctename) == 0 && !with->cterecursive && IsA(with->ctequery, Query))
			return find_origin(&(Level){(Query *) with->ctequery, level}, column);
	}
	return (Origin){InvalidOid, 0};
}

/* Where the values of a query's column come from, if each of its rows is a row of one relation. */
static Origin
find_origin(const Level *level, AttrNumber column)
{
	TargetEntry *entry = get_tle_by_resno(level->query->targetList, column);
	const RangeTblEntry *rte;
	const Var *var;

	check_stack_depth();
	if (!keeps_rows(level->query) || entry == NULL || !IsA(entry->expr, Var))
		return (Origin){InvalidOid, 0};
	var = (const Var *) entry->expr;
	if (var->varlevelsup > 0)
		return (Origin){InvalidOid, 0};
	rte = rt_fetch(var->varno, level->query->rtable);
	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return has_other_keys(rte) ? (Origin){InvalidOid, 0} : (Origin){rte->relid, var->varattno};
		case RTE_SUBQUERY: /* views, too */
			return find_origin(&(Level){rte->subquery, level}, var->varattno);
		case RTE_CTE:
			return find_in_with_query(level, rte, var->varattno);
		default:
			return (Origin){InvalidOid, 0};
	}
}

/* Column that is the relation's primary key on its own, 0 when there is none. */
static AttrNumber
primary_key(Oid relation)
{
	Relation rel = relation_open(relation, AccessShareLock);
	AttrNumber column = 0;

	if (rel->rd_rel->relhasindex)
		list_free(RelationGetIndexList(rel)); /* which is what fills in rd_pkindex */
	if (rel->rd_rel->relhasindex && OidIsValid(rel->rd_pkindex))
	{
		Relation index = index_open(rel->rd_pkindex, AccessShareLock);

		if (index->rd_index->indnkeyatts == 1)
			column = index->rd_index->indkey.values[0];
		index_close(index, AccessShareLock);
	}
	relation_close(rel, NoLock); /* the lock stays until the transaction ends, as a query's would */
	return column;
}

char *
advpg_origin_key(const Query *query)
{
	Level level = {query, NULL};
	Oid relation = InvalidOid;
	AttrNumber key = 0;
	ListCell *cell;

	foreach (cell, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, cell);
		Origin origin = find_origin(&level, entry->resno);

		if (entry->resjunk || !OidIsValid(origin.relation))
			continue;
		if (!OidIsValid(relation)) /* all columns come from the same one */
		{
			relation = origin.relation;
			key = primary_key(relation);
		}
		if (key > 0 && origin.column == key)
			return pstrdup(entry->resname);
	}
	return NULL;
}
