/*
 * produce_attack.c
 *		Rows of attacks on data sets: an example or a least eps for each row, and what an attack means for each class.
 */
#include "pg/operation/produce.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/data/dictionary.h"
#include "pg/model/callsite.h"
#include "pg/model/classes.h"
#include "pg/operation/outcome.h"
#include "pg/operation/robustness.h"

/* ---- one row for each row ---- */

/* Whether it is the attack that has broken row i. One that was misclassified anyway, or as the target, needed none. */
static bool
is_broken(const AdvpgRobustness *robustness, const AdvpgAttackTask *task, const AdvpgAttacked *attacked,
		  size_t i)
{
	const AdvModel *model = &robustness->e->model;
	int32_t class = attacked->prediction[i];
	bool anyway = task->attack.targeted
					  ? advpg_same_class(model->classes[class], advpg_cstring_text(task->attack.targeted))
					  : class != robustness->e->rows->label[i];

	return (attacked->flags[i] & ADV_ATTACK_SUCCESS) && !(attacked->flags[i] & ADV_ATTACK_EXEMPT) && !anyway;
}

/* All columns of advfair_attack; a function with fewer has the first of them. */
static void
produce_examples(Oid schema, Jsonb *json, AdvpgOutput *output, const AdvpgTaskKind *kind)
{
	AdvpgAttackTask task;
	AdvpgRobustness *robustness;
	AdvpgAttacked *attacked;
	AdvDataset x = {0};
	AdvShape shape;
	MemoryContext row_context;

	advpg_task_read(kind, json, &task);
	robustness = advpg_robustness(schema, &task, ADVPG_ROBUSTNESS_ONE,
								  advpg_attack_method(&task.attack)->name, output->id_type);
	output->begin(output, robustness->e->rows->id_type);
	attacked = robustness->attacked[0];
	shape = robustness->e->model.net.input;
	if (attacked->x)
		x = advpg_rows_dataset(attacked->x);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	ADVPG_EACH (i, attacked->n)
	{
		const AdvpgRows *rows = robustness->e->rows;
		Datum values[12];
		bool nulls[12] = {0};
		MemoryContext old = MemoryContextSwitchTo(row_context);

		values[0] = rows->id[i];
		values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		values[2] = advpg_text_datum(robustness->e->model.classes[attacked->prediction[i]]);
		values[3] = advpg_text_datum(robustness->e->model.classes[attacked->adversarial[i]]);
		nulls[4] = (attacked->flags[i] & ADV_ATTACK_EXEMPT) != 0;
		values[4] = BoolGetDatum((attacked->flags[i] & ADV_ATTACK_SUCCESS) != 0);
		values[5] = Float8GetDatum(attacked->linf[i]);
		values[6] = Float8GetDatum(attacked->l2[i]);
		values[7] = Float8GetDatum(attacked->loss[i]);
		values[8] = advpg_input_datum(shape, (const float *) adv_dataset_row(&x, i));
		nulls[9] = !is_broken(robustness, &task, attacked, i);
		values[9] = CStringGetTextDatum(adv_attack_methods[attacked->method[i]]->name);
		values[10] = Int64GetDatum(attacked->forwards[i]);
		values[11] = Int64GetDatum(attacked->gradients[i]);
		tuplestore_putvalues(output->store, output->desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	if (attacked->x)
		advpg_rows_release(attacked->x);
}

void
advpg_produce_attack(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	produce_examples(schema, json, output, &advpg_attack_kind);
}

void
advpg_produce_fgsm(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	produce_examples(schema, json, output, &advpg_fgsm_kind);
}

void
advpg_produce_least_eps(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgAttackTask task;
	AdvpgRobustness *robustness;
	AdvpgAttacked *attacked;

	advpg_task_read(&advpg_least_eps_kind, json, &task);
	robustness = advpg_robustness(schema, &task, ADVPG_ROBUSTNESS_SEARCH, "least_eps", output->id_type);
	output->begin(output, robustness->e->rows->id_type);
	attacked = robustness->attacked[0];
	ADVPG_EACH (i, attacked->n)
	{
		const AdvpgRows *rows = robustness->e->rows;
		const AdvCertificate *certificate = robustness->certificate ? &robustness->certificate[i] : NULL;
		Datum values[5];
		bool nulls[5] = {0};

		values[0] = rows->id ? rows->id[i] : (Datum) 0;
		values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		nulls[2] = nulls[3] = (attacked->flags[i] & ADV_ATTACK_EXEMPT) != 0;
		values[2] = Float8GetDatum(attacked->eps[i]);
		values[3] = BoolGetDatum((attacked->flags[i] & ADV_ATTACK_CENSORED) != 0);
		nulls[4] = certificate == NULL;
		values[4] = Float8GetDatum(
			certificate && certificate->prediction == rows->label[i] ? certificate->radius : 0);
		advpg_output_row(output, values, nulls);
	}
}

/* ---- one row for each class ---- */

void
advpg_produce_class_robustness(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgAttackTask task;
	AdvpgRobustness *robustness;

	advpg_task_read(&advpg_class_robustness_kind, json, &task);
	robustness = advpg_robustness(schema, &task, ADVPG_ROBUSTNESS_EACH, "class_robustness", InvalidOid);
	output->begin(output, InvalidOid);
	for (int k = 0; k < robustness->n_attacked; k++)
	{
		AdvpgOutcome *outcome = advpg_outcome(robustness, robustness->attacked[k], task.denominator);

		for (int c = 0; c < robustness->e->model.net.classes; c++)
		{
			int64 n = outcome->success->n[c];
			Datum values[5];
			bool nulls[5] = {0};

			values[0] = Float8GetDatum(*(double *) list_nth(task.eps_list, k));
			values[1] = advpg_text_datum(robustness->e->model.classes[c]);
			nulls[2] = nulls[3] = n == 0;
			values[2] = Float8GetDatum(outcome->success->mean[c]);
			values[3] = Float8GetDatum(outcome->right->mean[c]);
			values[4] = Int64GetDatum(n);
			tuplestore_putvalues(output->store, output->desc, values, nulls);
		}
	}
}

void
advpg_produce_class_least_eps(Oid schema, Jsonb *json, AdvpgOutput *output)
{
	AdvpgAttackTask task;
	AdvpgRobustness *robustness;
	AdvpgOutcome *outcome;

	advpg_task_read(&advpg_class_least_eps_kind, json, &task);
	robustness = advpg_robustness(schema, &task, ADVPG_ROBUSTNESS_SEARCH, "class_least_eps", InvalidOid);
	output->begin(output, InvalidOid);
	outcome = advpg_outcome(robustness, robustness->attacked[0], ADVPG_DENOMINATOR_ALL);
	for (int c = 0; c < robustness->e->model.net.classes; c++)
	{
		int64 n = outcome->least_eps->n[c];
		Datum values[4];
		bool nulls[4] = {0};

		values[0] = advpg_text_datum(robustness->e->model.classes[c]);
		nulls[1] = n == 0;
		values[1] = Float8GetDatum(outcome->least_eps->mean[c]);
		values[2] = Int64GetDatum(outcome->censored[c]);
		values[3] = Int64GetDatum(n);
		tuplestore_putvalues(output->store, output->desc, values, nulls);
	}
}
