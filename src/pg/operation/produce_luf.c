/*
 * produce_luf.c
 *		Rows of leave-one-out runs: how far each row's probabilities change at most.
 */
#include "pg/operation/produce.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/operation/leave_out.h"

void
advpg_produce_luf(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgLufTask task;
	AdvpgLeft *left;

	advpg_task_read(&advpg_luf_kind, json, &task);
	left = advpg_leave_out(schema, &task, output->id_type);
	output->begin(output, left->rows->id_type);
	ADVPG_EACH (i, left->rows->n)
	{
		const AdvpgRows *rows = left->rows;
		Datum values[6];
		bool nulls[6] = {0};

		values[0] = rows->id ? rows->id[i] : (Datum) 0;
		nulls[1] = rows->label == NULL || rows->label[i] < 0;
		if (!nulls[1])
			values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		values[2] = advpg_text_datum(left->classes[left->prediction[i]]);
		values[3] = Float8GetDatum(left->luf[i]);
		values[4] = Int64GetDatum(left->changed[i]);
		values[5] = Int64GetDatum(left->n_models);
		advpg_output_row(output, values, nulls);
	}
}
