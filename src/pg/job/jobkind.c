/*
 * jobkind.c
 *		From a job's task to what carries it out, and from rows to a table.
 */
#include "pg/job/jobkind.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "pg/base/advpg.h"
#include "pg/task/json.h"
#include "pg/operation/produce.h"
#include "pg/operation/retrain.h"
#include "pg/data/source.h"
#include "pg/task/task.h"
#include "pg/operation/training.h"
#include "pg/data/value.h"

#define INTO   "into"
#define RESULT "advfair_result" /* what a query calls the rows that become a table */

typedef struct Kind
{
	const char *name;
	const AdvpgTaskKind *task; /* NULL: a training */
	AdvpgProduce produce;      /* NULL: the result is a model */
	const char *function;      /* whose rows they are */
} Kind;

static const Kind kinds[] = {
	{"train", NULL, NULL, NULL},
	{"adv_train", NULL, NULL, NULL},
	{"retrain", &advpg_retrain_kind, NULL, NULL},
	{"attack", &advpg_attack_kind, advpg_produce_attack, "advfair_attack"},
	{"fgsm", &advpg_fgsm_kind, advpg_produce_fgsm, "advfair_fgsm"},
	{"least_eps", &advpg_least_eps_kind, advpg_produce_least_eps, "advfair_least_eps"},
	{"class_robustness", &advpg_class_robustness_kind, advpg_produce_class_robustness,
	 "advfair_class_robustness"},
	{"class_least_eps", &advpg_class_least_eps_kind, advpg_produce_class_least_eps,
	 "advfair_class_least_eps"},
	{"certify", &advpg_certify_kind, advpg_produce_certify, "advfair_certify"},
	{"attack_sql", &advpg_query_kind, advpg_produce_query, "advfair_attack_sql"},
	{"recourse", &advpg_recourse_kind, advpg_produce_recourse, "advfair_recourse"},
	{"luf", &advpg_luf_kind, advpg_produce_luf, "advfair_luf_rows"},
	{"audit", &advpg_audit_kind, advpg_produce_audit, "advfair_audit"},
	{"compare", &advpg_compare_kind, advpg_produce_compare, "advfair_compare"},
};

/* ---- tasks ---- */

static const Kind *
find_kind(Jsonb *task)
{
	char *name;
	StringInfoData allowed;

	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a task must be a JSON object"));
	name = advpg_task_text(task, "kind");
	initStringInfo(&allowed);
	for (int i = 0; i < lengthof(kinds); i++)
	{
		if (name && strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
		appendStringInfo(&allowed, "%s%s", i ? ", " : "", kinds[i].name);
	}
	if (name == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("task key \"kind\" is missing, or not a string"),
				errhint("It is one of: %s.", allowed.data));
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("task key \"kind\" is \"%s\", but must be one of: %s", name, allowed.data));
	return NULL;
}

/* The task without what only jobs know. */
static Jsonb *
plain_task(Jsonb *task)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it = JsonbIteratorInit(&task->root);
	JsonbValue name;
	JsonbValue value;

	(void) JsonbIteratorNext(&it, &name, false);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if ((name.val.string.len == strlen(INTO) && memcmp(name.val.string.val, INTO, strlen(INTO)) == 0) ||
			(name.val.string.len == 4 && memcmp(name.val.string.val, "kind", 4) == 0))
			continue;
		pushJsonbValue(&state, WJB_KEY, &name);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The table that rows go to, as it can be written in a statement. It must not be there yet. */
static char *
check_table(Jsonb *task)
{
	char *into = advpg_task_text(task, INTO);
	RangeVar *name;
	Oid schema;
	char *table;
	int level;

	if (into == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"" INTO "\" is missing"),
				errhint("Name the table that the rows of the result shall become."));
	name = advpg_relation_name(into);
	if (name == NULL)
		ereport(ERROR, errcode(ERRCODE_INVALID_NAME),
				errmsg("task key \"" INTO "\" is \"%s\", which is not the name of a table", into),
				errhint("A name with blanks or other such characters needs double quotes."));
	schema = RangeVarGetCreationNamespace(name);
	if (isAnyTempNamespace(schema))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("table \"%s\" would be temporary", into),
				errdetail("A job has a session of its own, whose temporary tables nobody else sees."));
	if (OidIsValid(get_relname_relid(name->relname, schema)))
		ereport(ERROR, errcode(ERRCODE_DUPLICATE_TABLE), errmsg("relation \"%s\" already exists", into),
				errhint("Drop it, or name another table by task key \"" INTO "\"."));
	level = advpg_begin_kept_settings(); /* the job's result says it */
	table = quote_qualified_identifier(get_namespace_name(schema), name->relname);
	AtEOXact_GUC(true, level);
	return table;
}

static void
check_training(Jsonb *task)
{
	AdvpgTrainTask training;

	advpg_train_task_read(task, true, &training);
}

void
advpg_jobkind_check(Jsonb *task)
{
	const Kind *kind = find_kind(task);

	if (kind->task == NULL)
		check_training(task);
	else if (kind->task == &advpg_retrain_kind)
	{
		AdvpgRetrainTask retrain;

		advpg_task_read(kind->task, task, &retrain);
		advpg_retrain_check(&retrain);
	}
	else
	{
		void *scratch = palloc(advpg_task_size(kind->task));

		advpg_task_read(kind->task, plain_task(task), scratch);
		(void) check_table(task);
	}
}

/* ---- rows as a table ---- */

/*
 * The row type of an SQL function of the extension that returns a set; of two, that of the one whose types are all given. Its schema may have others
 * of that name, which are somebody else's.
 */
static TupleDesc
function_rows(const char *name)
{
	CatCList *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	Oid extension = get_extension_oid("advfair", false);
	TupleDesc desc = NULL;

	for (int i = 0; i < list->n_members && desc == NULL; i++)
	{
		Form_pg_proc function = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (function->proretset && getExtensionOfObject(ProcedureRelationId, function->oid) == extension &&
			get_func_result_type(function->oid, NULL, &desc) != TYPEFUNC_COMPOSITE)
			desc = NULL;
	}
	ReleaseSysCacheList(list);
	if (desc == NULL)
		elog(ERROR, "function %s has no rows", name);
	return desc;
}

typedef struct TableOutput
{
	AdvpgOutput output; /* must be first */
	const char *function;
} TableOutput;

/* All is computed: from here on there is one transaction, the last one. */
static void
begin_table(AdvpgOutput *output, Oid id_type)
{
	TableOutput *table = (TableOutput *) output;

	output->desc = CreateTupleDescCopy(function_rows(table->function));
	if (OidIsValid(id_type))
		TupleDescInitEntry(output->desc, 1, NameStr(TupleDescAttr(output->desc, 0)->attname), id_type, -1, 0);
	output->store = tuplestore_begin_heap(false, false, work_mem);
}

static uint64
make_table(AdvpgOutput *output, const char *table)
{
	EphemeralNamedRelation rows = palloc0(sizeof(EphemeralNamedRelationData));
	uint64 n;

	rows->md.name = RESULT;
	rows->md.reliddesc = InvalidOid;
	rows->md.tupdesc = output->desc;
	rows->md.enrtype = ENR_NAMED_TUPLESTORE;
	rows->md.enrtuples = tuplestore_tuple_count(output->store);
	rows->reldata = output->store;
	SPI_connect();
	if (SPI_register_relation(rows) != SPI_OK_REL_REGISTER ||
		SPI_execute(psprintf("CREATE TABLE %s AS SELECT * FROM " RESULT, table), false, 0) < 0)
		elog(ERROR, "could not create table %s", table);
	n = SPI_processed;
	SPI_finish();
	return n;
}

static Jsonb *
run_rows(Oid schema, const Kind *kind, Jsonb *task)
{
	TableOutput table = {{ANYELEMENTOID, begin_table}, kind->function};
	JsonbParseState *state = NULL;
	char *name = check_table(task);
	uint64 n;

	kind->produce(schema, plain_task(task), &table.output);
	n = make_table(&table.output, name);
	tuplestore_end(table.output.store);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "table", name);
	advpg_json_put_number(&state, "rows", n);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- models ---- */

/* What is said of every model; more may follow. */
static void
put_model(JsonbParseState **state, const char *model, int version, const AdvpgTrained *trained)
{
	const AdvEpoch *epoch = advpg_trained_epoch(trained);

	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(state, "model", model);
	advpg_json_put_number(state, "version", version);
	advpg_json_put_number(state, "epochs", trained->course.n_epochs);
	advpg_json_put_number(state, "loss", epoch->loss);
	advpg_json_put_number(state, "accuracy", epoch->accuracy);
	advpg_json_put_number(state, "seconds", trained->seconds);
}

static Jsonb *
run_retraining(Oid schema, Jsonb *task)
{
	JsonbParseState *state = NULL;
	AdvpgRetrainTask retrain;
	AdvpgRetrained *result;

	advpg_task_read(&advpg_retrain_kind, task, &retrain);
	result = advpg_retrain(schema, &retrain);
	put_model(&state, result->model, result->version, result->trained);
	advpg_json_string(&state, WJB_KEY, "promoted");
	advpg_json_boolean(&state, result->promoted);
	if (result->reason)
		advpg_json_put_string(&state, "reason", result->reason);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static Jsonb *
run_training(Oid schema, Jsonb *task)
{
	JsonbParseState *state = NULL;
	AdvpgTrainTask training;
	AdvpgTrained *trained;
	int version;

	advpg_train_task_read(task, true, &training);
	trained = advpg_training_run(&training, schema, true, &version);
	put_model(&state, training.model, version, trained);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
advpg_jobkind_run(Oid schema, Jsonb *task)
{
	const Kind *kind = find_kind(task);

	if (kind->task == &advpg_retrain_kind)
		return run_retraining(schema, task);
	return kind->task ? run_rows(schema, kind, task) : run_training(schema, task);
}
