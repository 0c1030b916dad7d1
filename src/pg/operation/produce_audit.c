/*
 * produce_audit.c
 *		Rows of audits: all scores of some models, or those of two models and how far they differ.
 */
#include "pg/operation/produce.h"

#include <math.h>

#include "utils/builtins.h"

#include "pg/operation/audit.h"

#define MAX_VALUES 11

typedef struct Row
{
	AdvpgOutput *output;
	Datum values[MAX_VALUES];
	bool nulls[MAX_VALUES];
	int n;
} Row;

static void
put_text(Row *r, const char *text)
{
	r->nulls[r->n] = text == NULL;
	r->values[r->n++] = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_number(Row *r, double number)
{
	r->nulls[r->n] = isnan(number);
	r->values[r->n++] = Float8GetDatum(number);
}

static void
put_figure(Row *r, const AdvpgFigure *figure)
{
	put_text(r, figure->score->name);
	put_number(r, figure->eps);
	put_text(r, figure->class);
	put_text(r, figure->attribute);
	put_text(r, figure->group);
}

static void
end_row(Row *r, int64 n)
{
	r->nulls[r->n] = false;
	r->values[r->n++] = Int64GetDatum(n);
	tuplestore_putvalues(r->output->store, r->output->desc, r->values, r->nulls);
	r->n = 0;
}

void
advpg_produce_audit(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	Row r = {output};
	AdvpgAuditTask task;
	AdvpgAudit *audit;
	ListCell *cell;

	advpg_task_read(&advpg_audit_kind, json, &task);
	audit = advpg_audit(schema, &task);
	output->begin(output, InvalidOid);
	for (int m = 0; m < audit->n_models; m++)
		foreach (cell, audit->figures)
		{
			const AdvpgFigure *figure = lfirst(cell);

			put_text(&r, audit->model[m]);
			put_figure(&r, figure);
			put_number(&r, figure->value[m].value);
			put_number(&r, figure->value[m].low);
			put_number(&r, figure->value[m].high);
			end_row(&r, figure->n);
		}
}

void
advpg_produce_compare(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	Row r = {output};
	AdvpgAuditTask task;
	AdvpgAudit *audit;
	ListCell *cell;

	advpg_task_read(&advpg_compare_kind, json, &task);
	if (task.model_a == NULL || task.model_b == NULL)
		advpg_task_invalid(task.model_a ? "model_b" : "model_a", "is missing");
	task.models = list_make2(task.model_a, task.model_b);
	audit = advpg_audit(schema, &task);
	output->begin(output, InvalidOid);
	foreach (cell, audit->figures)
	{
		const AdvpgFigure *figure = lfirst(cell);

		put_figure(&r, figure);
		put_number(&r, figure->value[0].value);
		put_number(&r, figure->value[1].value);
		put_number(&r, figure->difference.value);
		put_number(&r, figure->difference.low);
		put_number(&r, figure->difference.high);
		end_row(&r, figure->n);
	}
}
