/*
 * produce_certify.c
 *		Rows of certifications: a radius for each row of a data set.
 */
#include "pg/operation/produce.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/operation/certification.h"

void
advpg_produce_certify(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgCertifyTask task;
	AdvpgCertified *certified;
	const AdvpgRows *rows;

	advpg_task_read(&advpg_certify_kind, json, &task);
	certified = advpg_certification(schema, &task, output->id_type);
	rows = certified->e->rows;
	output->begin(output, rows->id_type);
	ADVPG_EACH (i, rows->n)
	{
		const AdvCertificate *c = &certified->certificate[i];
		Datum values[5];
		bool nulls[5] = {0};

		values[0] = rows->id ? rows->id[i] : (Datum) 0;
		nulls[1] = rows->label == NULL || rows->label[i] < 0;
		if (!nulls[1])
			values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		nulls[2] = c->abstained;
		if (!nulls[2])
			values[2] = advpg_text_datum(certified->e->model.classes[c->prediction]);
		values[3] = Float8GetDatum(c->radius);
		values[4] = BoolGetDatum(c->abstained);
		advpg_output_row(output, values, nulls);
	}
}
