/*
 * sql_attack.c
 *		Attacks on data sets: advfair_pgd, advfair_fgsm, advfair_least_eps, and what they mean for each class:
 *		advfair_class_robustness, advfair_class_least_eps.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "pg/call.h"
#include "pg/dictionary.h"
#include "pg/robustness.h"

PG_FUNCTION_INFO_V1(advfair_pgd);
PG_FUNCTION_INFO_V1(advfair_fgsm);
PG_FUNCTION_INFO_V1(advfair_least_eps);
PG_FUNCTION_INFO_V1(advfair_class_robustness);
PG_FUNCTION_INFO_V1(advfair_class_least_eps);

/* Attack as this call says. */
static AdvpgVictim *
run_call(FunctionCallInfo fcinfo, const AdvpgTaskKind *kind, AdvpgOnslaught onslaught, const char *what,
		 Oid id_type, AdvpgAttackTask *task)
{
	advpg_task_read(kind, advpg_call_task(fcinfo, NULL), task);
	return advpg_victim(get_func_namespace(fcinfo->flinfo->fn_oid), task, onslaught, what, id_type);
}

/* An input (channels last) as real[] in the order users see, channels first. */
static Datum
input_datum(AdvShape shape, const float *x)
{
	size_t n = adv_shape_size(shape);
	Size size = ARR_OVERHEAD_NONULLS(1) + n * sizeof(float4);
	ArrayType *array = palloc(size);

	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = FLOAT4OID;
	*ARR_DIMS(array) = n;
	*ARR_LBOUND(array) = 1;
	adv_to_channels_first(shape, x, (float *) ARR_DATA_PTR(array));
	return PointerGetDatum(array);
}

/* ---- one row for each row ---- */

static Datum
attack_rows(FunctionCallInfo fcinfo, AdvpgOnslaught onslaught, const char *what)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgAttackTask task;
	AdvpgVictim *victim;
	AdvpgAttacked *attacked;
	AdvDataset x = {0};
	AdvShape shape;
	MemoryContext row_context;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);

	victim = run_call(fcinfo, &advpg_attack_kind, onslaught, what, advpg_call_id_type(fcinfo), &task);
	attacked = victim->attacked[0];
	shape = victim->e->model.net.input;
	if (attacked->x)
		x = advpg_rows_dataset(attacked->x);
	row_context = AllocSetContextCreate(CurrentMemoryContext, "advfair row", ALLOCSET_DEFAULT_SIZES);
	for (size_t i = 0; i < attacked->n; i++)
	{
		const AdvpgRows *rows = victim->e->rows;
		Datum values[9];
		bool nulls[9] = {0};
		MemoryContext old = MemoryContextSwitchTo(row_context);

		values[0] = rows->id[i];
		values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		values[2] = advpg_text_datum(victim->e->model.classes[attacked->prediction[i]]);
		values[3] = advpg_text_datum(victim->e->model.classes[attacked->adversarial[i]]);
		nulls[4] = (attacked->flags[i] & ADV_ATTACK_EXEMPT) != 0;
		values[4] = BoolGetDatum((attacked->flags[i] & ADV_ATTACK_SUCCESS) != 0);
		values[5] = Float8GetDatum(attacked->linf[i]);
		values[6] = Float8GetDatum(attacked->l2[i]);
		values[7] = Float8GetDatum(attacked->loss[i]);
		values[8] = input_datum(shape, (const float *) adv_dataset_row(&x, i));
		tuplestore_putvalues(result, desc, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
	}
	if (attacked->x)
		advpg_rows_release(attacked->x);
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

Datum
advfair_pgd(PG_FUNCTION_ARGS)
{
	return attack_rows(fcinfo, ADVPG_ONSLAUGHT_PGD, "pgd");
}

Datum
advfair_fgsm(PG_FUNCTION_ARGS)
{
	return attack_rows(fcinfo, ADVPG_ONSLAUGHT_FGSM, "fgsm");
}

Datum
advfair_least_eps(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgAttackTask task;
	AdvpgVictim *victim;
	AdvpgAttacked *attacked;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);

	victim = run_call(fcinfo, &advpg_least_eps_kind, ADVPG_ONSLAUGHT_SEARCH, "least_eps",
					  advpg_call_id_type(fcinfo), &task);
	attacked = victim->attacked[0];
	for (size_t i = 0; i < attacked->n; i++)
	{
		const AdvpgRows *rows = victim->e->rows;
		Datum values[4];
		bool nulls[4] = {0};

		values[0] = rows->id[i];
		values[1] = advpg_text_datum(rows->labels.texts[rows->label[i]]);
		nulls[2] = nulls[3] = (attacked->flags[i] & ADV_ATTACK_EXEMPT) != 0;
		values[2] = Float8GetDatum(attacked->eps[i]);
		values[3] = BoolGetDatum((attacked->flags[i] & ADV_ATTACK_CENSORED) != 0);
		tuplestore_putvalues(result, desc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

/* ---- one row for each class ---- */

Datum
advfair_class_robustness(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgAttackTask task;
	AdvpgVictim *victim;
	AdvpgAttacked **attacked;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	int classes;

	victim = run_call(fcinfo, &advpg_class_robustness_kind, ADVPG_ONSLAUGHT_EACH, "class_robustness",
					  InvalidOid, &task);
	attacked = victim->attacked;

	classes = victim->e->model.net.classes;
	for (int k = 0; k < list_length(task.eps_list); k++)
	{
		int64 *n = palloc0(sizeof(int64) * classes);
		int64 *broken = palloc0(sizeof(int64) * classes);
		int64 *right = palloc0(sizeof(int64) * classes);

		for (size_t i = 0; i < attacked[k]->n; i++)
		{
			int32_t label = victim->e->rows->label[i];
			uint8_t flags = attacked[k]->flags[i];

			if ((flags & ADV_ATTACK_EXEMPT) ||
				(task.denominator == ADVPG_DENOMINATOR_CORRECT && attacked[k]->prediction[i] != label))
				continue;
			n[label]++;
			broken[label] += (flags & ADV_ATTACK_SUCCESS) != 0;
			right[label] += attacked[k]->adversarial[i] == label;
		}
		for (int c = 0; c < classes; c++)
		{
			Datum values[5];
			bool nulls[5] = {0};

			values[0] = Float8GetDatum(*(double *) list_nth(task.eps_list, k));
			values[1] = advpg_text_datum(victim->e->model.classes[c]);
			nulls[2] = nulls[3] = n[c] == 0;
			values[2] = Float8GetDatum(n[c] ? (double) broken[c] / n[c] : 0);
			values[3] = Float8GetDatum(n[c] ? (double) right[c] / n[c] : 0);
			values[4] = Int64GetDatum(n[c]);
			tuplestore_putvalues(result, desc, values, nulls);
		}
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

Datum
advfair_class_least_eps(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	AdvpgAttackTask task;
	AdvpgVictim *victim;
	AdvpgAttacked *attacked;
	TupleDesc desc;
	Tuplestorestate *result = advpg_call_result(fcinfo, &desc);
	int classes;
	int64 *n;
	int64 *censored;
	double *sum;

	victim =
		run_call(fcinfo, &advpg_least_eps_kind, ADVPG_ONSLAUGHT_SEARCH, "class_least_eps", InvalidOid, &task);
	attacked = victim->attacked[0];

	classes = victim->e->model.net.classes;
	n = palloc0(sizeof(int64) * classes);
	censored = palloc0(sizeof(int64) * classes);
	sum = palloc0(sizeof(double) * classes);
	for (size_t i = 0; i < attacked->n; i++)
	{
		int32_t label = victim->e->rows->label[i];

		if (attacked->flags[i] & ADV_ATTACK_EXEMPT)
			continue;
		n[label]++;
		censored[label] += (attacked->flags[i] & ADV_ATTACK_CENSORED) != 0;
		sum[label] += attacked->eps[i];
	}
	for (int c = 0; c < classes; c++)
	{
		Datum values[4];
		bool nulls[4] = {0};

		values[0] = advpg_text_datum(victim->e->model.classes[c]);
		nulls[1] = n[c] == 0;
		values[1] = Float8GetDatum(n[c] ? sum[c] / n[c] : 0);
		values[2] = Int64GetDatum(censored[c]);
		values[3] = Int64GetDatum(n[c]);
		tuplestore_putvalues(result, desc, values, nulls);
	}
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}
