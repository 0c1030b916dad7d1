/*
 * oracle.c
 *		A model that SQL can call. See oracle.h.
 */
#include "pg/operation/oracle.h"

#include <math.h>

#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/params.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"

#include "pg/base/characters.h"
#include "pg/data/dictionary.h"
#include "pg/model/classes.h"
#include "pg/task/expression.h"

#define RELATION "advfair_candidates" /* what the query calls the rows; expressions call one of them data */
#define LEAST    1e-300               /* what a probability of 0 counts as, where its logarithm is wanted */
#define HINT                                                                                                 \
	"Write an expression over the columns of data, or the whole row, data: its value is an array of "        \
	"probabilities in the order of classes, or one class."

struct AdvpgOracle
{
	DestReceiver receiver; /* first: the executor knows us by it */
	const AdvpgFrame *frame;
	AdvpgExpression expression;
	MemoryContext context;
	int n_classes;
	AdvText *classes;
	EphemeralNamedRelationData relation;
	SPIPlanPtr plan;
	ParamListInfo params;
	Oid type;   /* of what the query returns: text, or an array of real or double precision */
	bool *seen; /* (natts) columns that the expression looks at */

	/* what was put, and what came of it */
	Tuplestorestate *store;
	size_t n;
	size_t max;
	size_t *row;   /* (max) */
	double *proba; /* (max, n_classes) */
	size_t answered;
	MemoryContext answer; /* reset for each */
};

/* ---- classes ---- */

int
advpg_oracle_find(const AdvpgOracle *oracle, AdvText text)
{
	for (int c = 0; c < oracle->n_classes; c++)
		if (adv_text_compare(oracle->classes[c], text) == 0)
			return c;
	for (int c = 0; c < oracle->n_classes; c++)
		if (advpg_same_class(oracle->classes[c], text))
			return c;
	return -1;
}

const char *
advpg_oracle_name(const AdvpgOracle *oracle, int class)
{
	return oracle->classes[class].data;
}

static void
set_classes(AdvpgOracle *oracle, const List *classes)
{
	ListCell *cell;

	oracle->classes = palloc(sizeof(AdvText) * (list_length(classes) + 1));
	foreach (cell, classes)
	{
		AdvText class = advpg_cstring_text(lfirst(cell));

		if (advpg_oracle_find(oracle, class) >= 0)
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("class \"%s\" is listed twice", class.data));
		oracle->classes[oracle->n_classes++] = class;
	}
}

/* ---- the query ---- */

/* Columns of the rows that a query looks at, from levels deep within it. */
typedef struct Seen
{
	bool *columns;
	int natts;
	int levels;
} Seen;

static bool
walk_columns(Node *node, void *arg)
{
	Seen *seen = arg;
	bool stop;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		seen->levels++;
		stop = query_tree_walker((Query *) node, walk_columns, arg, 0);
		seen->levels--;
		return stop;
	}
	if (IsA(node, Var) && (int) ((Var *) node)->varlevelsup == seen->levels)
	{
		int attribute = ((Var *) node)->varattno;

		if (attribute > 0)
			seen->columns[attribute - 1] = true;
		else /* the whole row */
			memset(seen->columns, true, seen->natts);
	}
	return expression_tree_walker(node, walk_columns, arg);
}

static void
check_query(const AdvpgOracle *oracle, Query *query)
{
	const AdvpgExpression *e = &oracle->expression;
	Seen seen = {oracle->seen, oracle->frame->desc->natts, 0};

	if (query->hasAggs)
		advpg_expression_refuse(e, "an aggregate");
	if (query->hasWindowFuncs)
		advpg_expression_refuse(e, "a window function");
	if (query->hasTargetSRFs)
		advpg_expression_refuse(e, "a function that returns a set");
	if (contain_volatile_functions((Node *) query))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("%s \"%s\" has a volatile function", e->what, advpg_short_text(e->text)),
				errhint("An attack compares answers, so the same row must have the same one. Declare a "
						"function STABLE or IMMUTABLE if it neither writes nor draws at random."));
	(void) walk_columns((Node *) query->targetList, &seen);
}

/* Prepare the query with a cast behind the expression; the type that it returns. */
static Oid
prepare(AdvpgOracle *oracle, const char *cast, bool with_model)
{
	Oid bytes = BYTEAOID;
	CachedPlanSource *source;
	Oid type;

	/* on a line of its own: a comment at the end of the text ends there */
	oracle->plan =
		SPI_prepare(psprintf("SELECT (%s\n)%s FROM " RELATION " AS data", oracle->expression.text, cast),
					with_model ? 1 : 0, &bytes);
	MemoryContextSwitchTo(oracle->context); /* SPI leaves its own */
	if (oracle->plan == NULL)
		elog(ERROR, "could not prepare predict: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(oracle->plan));
	check_query(oracle, linitial_node(Query, source->query_list));
	type = getBaseType(TupleDescAttr(source->resultDesc, 0)->atttypid);
	return type;
}

/* What the value of the expression is to be read as, for a query that casts it to that; NULL: it can be read as it is. */
static const char *
cast_for(const AdvpgOracle *oracle, Oid type)
{
	Oid element = get_element_type(type);
	char category = TypeCategory(type);

	if (type == TEXTOID || type == FLOAT4ARRAYOID || type == FLOAT8ARRAYOID)
		return NULL;
	if (OidIsValid(element) && TypeCategory(getBaseType(element)) == TYPCATEGORY_NUMERIC)
		return "::pg_catalog.float8[]";
	if (!OidIsValid(element) &&
		(category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM || category == TYPCATEGORY_BOOLEAN ||
		 category == TYPCATEGORY_NUMERIC || type == UNKNOWNOID))
		return "::pg_catalog.text";
	ereport(
		ERROR, errcode(ERRCODE_DATATYPE_MISMATCH),
		errmsg("predict \"%s\" has type %s", advpg_short_text(oracle->expression.text), format_type_be(type)),
		errhint(HINT));
	pg_unreachable();
}

static ParamListInfo
params_of(Datum model)
{
	ParamListInfo params = makeParamList(1);

	params->params[0] = (ParamExternData){model, false, PARAM_FLAG_CONST, BYTEAOID};
	return params;
}

static bool receive_answer(TupleTableSlot *slot, DestReceiver *self);

static void
receiver_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
receiver_end(DestReceiver *self)
{
}

AdvpgOracle *
advpg_oracle_open(const AdvpgFrame *frame, const char *predict, const List *classes, Datum model)
{
	AdvpgOracle *oracle = palloc0(sizeof(AdvpgOracle));
	const char *cast;

	oracle->receiver = (DestReceiver){receive_answer, receiver_startup, receiver_end, receiver_end, DestNone};
	oracle->frame = frame;
	oracle->context = CurrentMemoryContext;
	oracle->expression = (AdvpgExpression){"predict", predict, HINT};
	oracle->answer = AllocSetContextCreate(CurrentMemoryContext, "advfair answer", ALLOCSET_SMALL_SIZES);
	oracle->seen = palloc0(sizeof(bool) * (frame->desc->natts + 1));
	set_classes(oracle, classes);
	(void) advpg_expression_parse(&oracle->expression, predict);
	oracle->relation.md = (EphemeralNamedRelationMetadataData){
		.name = RELATION, .tupdesc = frame->desc, .enrtype = ENR_NAMED_TUPLESTORE, .enrtuples = 1000};
	if (SPI_register_relation(&oracle->relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register candidates");
	MemoryContextSwitchTo(oracle->context);
	if (DatumGetPointer(model))
		oracle->params = params_of(model);
	oracle->type = prepare(oracle, "", oracle->params != NULL);
	cast = cast_for(oracle, oracle->type);
	if (cast)
	{
		SPI_freeplan(oracle->plan);
		oracle->type = prepare(oracle, cast, oracle->params != NULL);
	}
	return oracle;
}

bool
advpg_oracle_sees(const AdvpgOracle *oracle, int attribute)
{
	return oracle->seen[attribute - 1];
}

/* ---- answers ---- */

pg_noreturn static void
fail_answer(const AdvpgOracle *oracle, int code, const char *what)
{
	ereport(ERROR, errcode(code),
			errmsg("%s: predict %s", advpg_frame_name(oracle->frame, oracle->row[oracle->answered]), what),
			errhint(HINT));
	pg_unreachable();
}

static void
read_class(AdvpgOracle *oracle, Datum value, double *proba)
{
	text *class = DatumGetTextPP(value);
	int found = advpg_oracle_find(oracle, (AdvText){VARDATA_ANY(class), VARSIZE_ANY_EXHDR(class)});

	if (found < 0)
		fail_answer(oracle, ERRCODE_DATA_EXCEPTION,
					psprintf("gives class \"%s\", which is not one of classes",
							 advpg_short_text(text_to_cstring(class))));
	for (int c = 0; c < oracle->n_classes; c++)
		proba[c] = c == found;
}

static void
read_probabilities(AdvpgOracle *oracle, Datum value, double *proba)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1 || n != oracle->n_classes)
		fail_answer(oracle, ERRCODE_DATA_EXCEPTION,
					psprintf("gives %d probabilities for %d classes", n, oracle->n_classes));
	if (ARR_HASNULL(array) && array_contains_nulls(array))
		fail_answer(oracle, ERRCODE_NULL_VALUE_NOT_ALLOWED, "gives a probability that is NULL");
	for (int c = 0; c < n; c++)
	{
		proba[c] = oracle->type == FLOAT4ARRAYOID ? (double) ((float4 *) ARR_DATA_PTR(array))[c]
												  : ((float8 *) ARR_DATA_PTR(array))[c];
		if (!(proba[c] >= 0 && isfinite(proba[c])))
			fail_answer(oracle, ERRCODE_DATA_EXCEPTION, psprintf("gives a probability of %g", proba[c]));
	}
}

static bool
receive_answer(TupleTableSlot *slot, DestReceiver *self)
{
	AdvpgOracle *oracle = (AdvpgOracle *) self;
	MemoryContext old = MemoryContextSwitchTo(oracle->answer);
	double *proba = oracle->proba + oracle->answered * oracle->n_classes;
	bool isnull;
	Datum value = slot_getattr(slot, 1, &isnull);

	if (isnull)
		fail_answer(oracle, ERRCODE_NULL_VALUE_NOT_ALLOWED, "gives NULL");
	if (oracle->type == TEXTOID)
		read_class(oracle, value, proba);
	else
		read_probabilities(oracle, value, proba);
	oracle->answered++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(oracle->answer);
	return true;
}

/* ---- asking ---- */

void
advpg_oracle_put(AdvpgOracle *oracle, TupleTableSlot *slot, size_t row)
{
	if (oracle->store == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(oracle->context);

		oracle->store = tuplestore_begin_heap(false, false, work_mem);
		oracle->n = 0;
		MemoryContextSwitchTo(old);
	}
	if (oracle->n == oracle->max)
	{
		size_t max = oracle->max ? oracle->max * 2 : 1024;

#define GROW(array, size)                                                                                    \
	(array) = oracle->max ? repalloc_huge((array), (size) *max)                                              \
						  : MemoryContextAllocHuge(oracle->context, (size) *max)
		GROW(oracle->row, sizeof(size_t));
		GROW(oracle->proba, sizeof(double) * oracle->n_classes);
#undef GROW
		oracle->max = max;
	}
	tuplestore_puttupleslot(oracle->store, slot);
	oracle->row[oracle->n++] = row;
}

/* Rows are answered in the order in which they were put: an error is about the next one. */
static void
say_row(void *arg)
{
	const AdvpgOracle *oracle = arg;

	if (oracle->answered < oracle->n)
		errcontext("%s", advpg_frame_name(oracle->frame, oracle->row[oracle->answered]));
}

void
advpg_oracle_ask(AdvpgOracle *oracle)
{
	ErrorContextCallback callback = {error_context_stack, say_row, oracle};
	SPIExecuteOptions options = {.params = oracle->params, .read_only = true, .must_return_tuples = true};
	bool read_only = XactReadOnly;
	int result;

	oracle->answered = 0;
	if (oracle->store == NULL)
	{
		oracle->n = 0;
		return;
	}
	options.dest = &oracle->receiver;
	oracle->relation.reldata = oracle->store;
	error_context_stack = &callback;
	XactReadOnly = true; /* the caller's subtransaction ends it, should this fail */
	result = SPI_execute_plan_extended(oracle->plan, &options);
	XactReadOnly = read_only;
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(oracle->context);
	if (result < 0 || oracle->answered != oracle->n)
		elog(ERROR, "could not ask about candidates: %s", SPI_result_code_string(result));
	tuplestore_end(oracle->store);
	oracle->store = NULL;
}

int
advpg_oracle_class(const AdvpgOracle *oracle, size_t i)
{
	const double *proba = oracle->proba + i * oracle->n_classes;
	int best = 0;

	for (int c = 1; c < oracle->n_classes; c++)
		if (proba[c] > proba[best])
			best = c;
	return best;
}

double
advpg_oracle_margin(const AdvpgOracle *oracle, size_t i, int class)
{
	const double *proba = oracle->proba + i * oracle->n_classes;
	double other = 0;

	for (int c = 0; c < oracle->n_classes; c++)
		if (c != class)
			other = fmax(other, proba[c]);
	return log(fmax(proba[class], LEAST)) - log(fmax(other, LEAST));
}

void
advpg_oracle_close(AdvpgOracle *oracle)
{
	SPI_freeplan(oracle->plan);
	(void) SPI_unregister_relation(RELATION);
	MemoryContextSwitchTo(oracle->context);
}
