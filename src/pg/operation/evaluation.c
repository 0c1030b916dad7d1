/*
 * evaluation.c
 *		A model of the registry applied to a whole data set in compute workers, once, or once for each value of an attribute, as if all
 *		rows had that value (an intervention).
 */
#include "pg/operation/evaluation.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/data/reader.h"
#include "pg/model/classes.h"
#include "pg/data/charset.h"
#include "pg/run/checkpoint.h"
#include "pg/run/run_predict.h"
#include "pg/base/operation.h"
#include "pg/model/registry.h"
#include "pg/task/task.h"

static void
read_rows(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec, const AdvpgEntry *entry)
{
	char *missing = advpg_task_text(entry->task, "missing");
	AdvpgRowsSpec rows = {0};

	rows.data = spec->data;
	rows.label = advpg_text_cstring(e->model.label);
	rows.label_required = spec->need_label;
	rows.id = spec->id ? spec->id : advpg_task_text(entry->task, "id");
	rows.id_required = spec->id != NULL;
	rows.drop_missing = missing && strcmp(missing, "drop") == 0;
	rows.quiet = spec->quiet;
	rows.attribute = spec->attribute;
	rows.want_ids = spec->want_ids;
	rows.id_type = spec->id_type;
	rows.want_order = spec->want_order;
	rows.shared_keys = true; /* they seed attacks, which must not depend on who wants an order */
	rows.encoder = &e->model.encoder;
	rows.classes = e->model.classes;
	rows.n_classes = e->model.net.classes;
	if (spec->held_out)
	{
		rows.split = true;
		rows.held_out = spec->held_out->share;
		rows.seed = spec->held_out->seed;
	}
	e->rows = advpg_rows_read(&rows);
	if (spec->held_out)
		advpg_rows_keep_held(e->rows);
	if (spec->need_label && e->rows->labels.n > e->model.net.classes)
		advpg_fail_no_class(&e->model, e->rows->labels.texts[e->model.net.classes]);
}

/* ---- may an attribute be set? ---- */

/* Number of the encoder's column that is the attribute, -1 when there is none. */
static int
attribute_column(const AdvpgEvaluation *e, const char *attribute)
{
	const AdvEncoder *encoder = &e->model.encoder;
	AdvText name = advpg_cstring_text(attribute);

	for (int i = 0; i < encoder->n_columns; i++)
		if (adv_text_compare(encoder->columns[i].name, name) == 0)
			return i;
	return -1;
}

static void
check_attribute(const AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec)
{
	int column = attribute_column(e, spec->attribute);
	int kind;

	if (column < 0)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("attribute \"%s\" is not a feature of model \"%s\", so it cannot be set", spec->attribute,
				   e->name),
			errhint("Use mode => 'subset', or a model that was trained with the attribute as a feature."));
	kind = e->model.encoder.columns[column].kind;
	if (kind != ADV_COLUMN_NUMBER && kind != ADV_COLUMN_CATEGORY)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("attribute \"%s\" is %s, but only a number or a category can be set", spec->attribute,
					   advpg_kind_name(kind)),
				errhint("Use mode => 'subset'."));
}

/* ---- the first half ---- */

AdvpgEvaluation *
advpg_evaluation_open(const AdvpgEvaluationSpec *spec)
{
	AdvpgEvaluation *e = palloc0(sizeof(AdvpgEvaluation));
	const AdvpgEntry *entry = spec->entry ? spec->entry : advpg_registry_find(spec->schema, spec->model);

	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, &e->model);
	adv_model_fold(&e->model);
	/* a version that is not stored yet has no number */
	e->name = entry->version > 0 ? psprintf("%s@%d", entry->name, entry->version) : pstrdup(entry->name);
	e->class = spec->class ? advpg_find_class(&e->model, advpg_cstring_text(spec->class)) : -1;
	e->given = spec->given ? advpg_find_class(&e->model, advpg_cstring_text(spec->given)) : -1;
	if (spec->intervene)
		check_attribute(e, spec);
	read_rows(e, spec, entry);
	return e;
}

void
advpg_evaluation_announce(const AdvpgEvaluation *e)
{
	char *digest;

	if (!advpg_checkpointing())
		return;
	digest = advpg_rows_digest(e->rows);
	advpg_checkpoint_saw(digest, strlen(digest));
	advpg_checkpoint_saw(e->model.params, sizeof(float) * e->model.net.n_params);
}

/* A row without a class is right about none, and must not count as if it had one. */
static void
check_finite(const AdvpgEvaluation *e)
{
	ADVPG_EACH (i, e->rows->n)
		if (e->prediction[i] < 0)
			ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("%s: the output of the network is not finite", advpg_rows_name(e->rows, i)),
					errhint("The row is far outside of what the model can have been trained on."));
}

void
advpg_evaluation_predict(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec)
{
	AdvpgPrediction p = {0};

	if (e->rows->n == 0)
		return;
	p.net = &e->model.net;
	p.params = e->model.params;
	p.rows = e->rows;
	p.need_proba = spec->need_proba;
	p.workers = spec->workers;
	advpg_run_predict(&p);
	if (e->prediction) /* rows have changed since */
		pfree(e->prediction);
	if (e->proba)
		pfree(e->proba);
	e->prediction = p.prediction;
	e->proba = p.proba;
	check_finite(e);
}

/* ---- an attribute set in all rows ---- */

/* The field that goes with each of the attribute's codes: 4 bytes, for a number as for a category. */
static uint32 *
fields_of_values(const AdvpgRows *rows, int column)
{
	int n = rows->attributes.n;
	uint32 *fields = palloc0(sizeof(uint32) * (n + 1));
	bool *found = palloc0(sizeof(bool) * (n + 1));

	Assert(adv_layout_row_bytes(&rows->layout.fields[column], 1) == sizeof(uint32));
	ADVPG_EACH (i, rows->n)
	{
		int code = rows->attribute[i];

		if (found[code])
			continue;
		found[code] = true;
		advpg_rows_get_field(rows, column, i, &fields[code]);
	}
	return fields;
}

/* Add the probabilities of the class in the rows that count to the mean of a value. */
static void
add_confidences(const AdvpgEvaluation *e, int value)
{
	ADVPG_EACH (i, e->rows->n)
		if (e->given < 0 || e->rows->label[i] == e->given)
			advpg_means_add(e->intervened, value, e->proba[i * e->model.net.classes + e->class]);
}

/*
 * Rows are read once. They lie encoded in shared memory, and a feature's encoded value is a field of a few bytes there: to set the
 * attribute of all rows to a value, the field of the first row that has the value is copied into all rows, and they are predicted again.
 */
static void
intervene(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec)
{
	int column = attribute_column(e, spec->attribute);
	int n = e->rows->attributes.n;
	uint32 *fields = fields_of_values(e->rows, column);

	e->intervened = advpg_means(n);
	for (int v = 0; v < n; v++)
	{
		advpg_rows_fill_field(e->rows, column, &fields[v]);
		advpg_evaluation_predict(e, spec);
		add_confidences(e, v);
	}
	advpg_means_end(e->intervened);
}

/* ---- both halves ---- */

/* What advpg_evaluate was called with, and its result. */
typedef struct Call
{
	const AdvpgEvaluationSpec *spec;
	AdvpgEvaluation *e;
} Call;

static void
evaluate(void *arg)
{
	Call *call = arg;

	call->e = advpg_evaluation_open(call->spec);
	if (call->spec->intervene)
		intervene(call->e, call->spec);
	else
		advpg_evaluation_predict(call->e, call->spec);
	advpg_rows_release(call->e->rows);
}

AdvpgEvaluation *
advpg_evaluate(const AdvpgEvaluationSpec *spec)
{
	Call call = {spec};

	advpg_operation("predict", spec->model, evaluate, &call);
	return call.e;
}

size_t
advpg_evaluation_missing(const AdvpgEvaluation *e, const char *attribute)
{
	const AdvpgRows *rows = e->rows;
	size_t n = 0;

	ADVPG_EACH (i, rows->n)
		n += rows->attribute[i] < 0 && (e->given < 0 || rows->label[i] == e->given);
	if (n > 0)
		ereport(NOTICE,
				errmsg_plural("%zu row of data \"%s\" is in no group, because attribute \"%s\" is NULL",
							  "%zu rows of data \"%s\" are in no group, because attribute \"%s\" is NULL", n,
							  n, rows->source, attribute));
	return n;
}
