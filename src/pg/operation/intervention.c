/*
 * intervention.c
 *		Predictions of rows as if all of them had the same value of an attribute.
 *
 * Rows are read once. They lie encoded in shared memory, and a feature's encoded value is a field of a few bytes there: to set the
 * attribute of all rows to a value, the field of the first row that has the value is copied into all rows.
 */
#include "pg/operation/intervention.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/data/reader.h"

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

void
advpg_intervention_check(const AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec)
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

/* Mean probability of the class over the rows that count, and how many these are. */
static double
mean_confidence(const AdvpgEvaluation *e, int64 *n)
{
	double sum = 0;

	*n = 0;
	ADVPG_EACH (i, e->rows->n)
	{
		if (e->given >= 0 && e->rows->label[i] != e->given)
			continue;
		(*n)++;
		sum += e->proba[i * e->model.net.classes + e->class];
	}
	return *n > 0 ? sum / *n : 0;
}

void
advpg_intervene(AdvpgEvaluation *e, const AdvpgEvaluationSpec *spec)
{
	int column = attribute_column(e, spec->attribute);
	int n = e->rows->attributes.n;
	uint32 *fields = fields_of_values(e->rows, column);

	e->intervened = palloc0(sizeof(double) * (n + 1));
	for (int v = 0; v < n; v++)
	{
		advpg_rows_fill_field(e->rows, column, &fields[v]);
		advpg_evaluation_predict(e, spec);
		e->intervened[v] = mean_confidence(e, &e->n_intervened);
	}
}
