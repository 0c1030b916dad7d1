/*
 * idcast.c
 *		Ids cast to the type that was asked for, one to one.
 *
 * A cast may lose what tells two ids apart: 0.5 and 1.0 are both 1 as bigint, two times of one day are the same date. So each id is cast
 * back and must be what it was: then no two ids have become one, whatever the types are.
 */
#include "pg/data/idcast.h"

#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define SHOWN_BYTES 100 /* of an id in a message */

/* A cast between two types, ready to be evaluated; NULL when there is none. */
static ExprState *
compile_cast(Oid from, Oid to, CoercionContext context)
{
	CaseTestExpr *value = makeNode(CaseTestExpr);
	Node *cast;

	value->typeId = from;
	value->typeMod = -1;
	value->collation = get_typcollation(from);
	cast = coerce_to_target_type(NULL, (Node *) value, from, to, -1, context, COERCE_IMPLICIT_CAST, -1);
	return cast ? ExecInitExpr(expression_planner((Expr *) cast), NULL) : NULL;
}

void
advpg_idcast_init(AdvpgIdCast *cast, const char *column, AdvpgReader *reader, Oid from, Oid to)
{
	TypeCacheEntry *type;

	memset(cast, 0, sizeof(*cast));
	cast->column = column;
	cast->reader = reader;
	cast->from = from;
	cast->to = to;
	if (IsBinaryCoercible(from, to))
		return;
	type = lookup_type_cache(from, TYPECACHE_EQ_OPR_FINFO);
	cast->there = compile_cast(from, to, COERCION_ASSIGNMENT);
	cast->back = compile_cast(to, from, COERCION_EXPLICIT);
	if (cast->there == NULL || cast->back == NULL || !OidIsValid(type->eq_opr_finfo.fn_oid))
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("id column \"%s\" has type %s, which cannot be returned as %s", column,
					   format_type_be(from), format_type_be(to)),
				errhint("Pass key => NULL::%s.", format_type_be(from)));
	cast->econtext = CreateStandaloneExprContext();
	cast->equal = &type->eq_opr_finfo;
	cast->collation = type->typcollation;
}

static Datum
evaluate(AdvpgIdCast *cast, ExprState *expression, Datum value)
{
	bool is_null;
	Datum result;

	cast->econtext->caseValue_datum = value;
	cast->econtext->caseValue_isNull = false;
	result = ExecEvalExpr(expression, cast->econtext, &is_null);
	if (is_null)
		ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
				errmsg("an id in column \"%s\" becomes NULL as %s", cast->column, format_type_be(cast->to)));
	return result;
}

typedef struct Failing
{
	AdvpgIdCast *cast;
	Datum id;
} Failing;

/* Says of which id an error of the cast itself is, such as a number that is out of range, and what to do. */
static void
add_context(void *arg)
{
	Failing *f = arg;
	AdvText text = advpg_value_text(&f->cast->reader->value, f->id);

	errcontext("id %.*s in column \"%s\" as %s", pg_mbcliplen(text.data, text.len, SHOWN_BYTES), text.data,
			   f->cast->column, format_type_be(f->cast->to));
	errhint("Pass key => NULL::%s.", format_type_be(f->cast->from));
}

static void
raise_changed(AdvpgIdCast *cast, Datum id, Datum changed)
{
	AdvText text = advpg_value_text(&cast->reader->value, id);
	Oid out;
	bool is_varlena;

	getTypeOutputInfo(cast->to, &out, &is_varlena);
	ereport(ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
			errmsg("id %.*s in column \"%s\" cannot be returned as %s",
				   pg_mbcliplen(text.data, text.len, SHOWN_BYTES), text.data, cast->column,
				   format_type_be(cast->to)),
			errdetail("It would become %s, and so might another one.", OidOutputFunctionCall(out, changed)),
			errhint("Pass key => NULL::%s.", format_type_be(cast->from)));
}

Datum
advpg_idcast(AdvpgIdCast *cast, Datum id)
{
	Failing failing = {cast, id};
	ErrorContextCallback callback = {error_context_stack, add_context, &failing};
	Datum result;
	Datum back;

	if (cast->there == NULL)
		return id;
	error_context_stack = &callback;
	result = evaluate(cast, cast->there, id);
	back = evaluate(cast, cast->back, result);
	error_context_stack = callback.previous;
	if (!DatumGetBool(FunctionCall2Coll(cast->equal, cast->collation, id, back)))
		raise_changed(cast, id, result);
	return result;
}
