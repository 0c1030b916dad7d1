/*
 * defending.c
 *		What a robust training needs besides: how examples are crafted while it runs, or, for merged training, their twins.
 *
 * Merged training needs a model to craft the twins on: a source from the registry, or one trained here first, by the same plan without twins.
 */
#include "pg/operation/defending.h"

#include <math.h>

#include "common/hashfn.h"
#include "storage/shmem.h"

#include "pg/base/advpg.h"
#include "pg/base/segment.h"
#include "pg/data/charset.h"
#include "pg/model/registry.h"
#include "pg/operation/attack.h"
#include "pg/task/json.h"

void
advpg_defending_open(AdvpgPlan *t, Oid schema)
{
	AdvpgTrainTask *task = &t->task;
	AdvpgEntry *entry;

	if (task->source == NULL && task->source_id == NULL)
		return;
	entry = task->source_id ? advpg_registry_find_id(schema, task->source_id)
							: advpg_registry_find(schema, task->source);
	if (entry == NULL)
		ereport(ERROR, errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("source \"%s\" does not exist", task->source ? task->source : task->source_id),
				errdetail("It is known by its model_id, %s.", task->source_id),
				errhint("It was deleted since the task was recorded, or you may not use it."));
	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, &t->source);
	task->source = psprintf("%s@%d", entry->name, entry->version);
	task->source_id = entry->model_id;
	if ((task->encoding && task->encoding != t->source.encoder.encoding) ||
		(task->unseen && task->unseen != t->source.encoder.unseen))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("encoding or unseen differ from those of source \"%s\"", task->source),
				errdetail("Rows are encoded as the source does, with encoding \"%s\".",
						  adv_encoding_name(t->source.encoder.encoding)),
				errhint("Leave them out."));
	task->encoding = t->source.encoder.encoding;
	task->unseen = t->source.encoder.unseen;
	if (task->features || task->exclude)
		advpg_task_invalid(task->features ? "features" : "exclude",
						   "has no place beside source: features are those of the source");
	if (adv_text_compare(t->source.label, advpg_cstring_text(task->label)) != 0)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the label of source \"%s\" is \"%s\", not \"%s\"", task->source,
					   advpg_text_cstring(t->source.label), task->label));
}

/* Images have a usual eps. */
static void
resolve_eps(AdvpgPlan *t)
{
	AdvpgAttackSettings *settings = &t->task.attack;

	if (settings->eps == NULL && t->rows->layout.fields[0].kind == ADV_FIELD_IMAGE)
		settings->eps = advpg_json_number_value(8.0 / 255);
	if (settings->eps == NULL)
		advpg_task_invalid("eps", "is missing");
}

/* The clip range that a ball has, for the record. */
static void
record_range(AdvpgPlan *t, const AdvBall *ball)
{
	t->task.attack.clip_min = isfinite(ball->low) ? ball->low : NAN;
	t->task.attack.clip_max = isfinite(ball->high) ? ball->high : NAN;
}

/* What a method leaves open, and the task's record of it. */
static void
resolve_attack(AdvpgPlan *t, const AdvModel *model, AdvAttack *attack)
{
	const AdvDefence *defence = advpg_defence(&t->task);
	const AdvpgAttackPreset preset = {defence->steps, defence->alpha};
	AdvpgAttackSettings *settings = &t->task.attack;

	resolve_eps(t);
	advpg_attack_resolve(settings, model, t->rows->domain, defence->craft ? &preset : NULL,
						 advpg_plan_seed(&t->task), attack);
	settings->how.steps = attack->steps;
	if (attack->alpha > 0)
		settings->how.alpha = attack->alpha;
	settings->how.restarts = attack->restarts;
	settings->how.random_start = attack->random_start;
	record_range(t, &attack->ball);
}

/* Every example gets a twin. */
static void
double_examples(AdvpgPlan *t)
{
	size_t n = t->n_examples;

	if (n > PG_UINT32_MAX / 2 || t->rows->n > PG_UINT32_MAX / 2)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("%zu examples and as many adversarial ones are more than %u", n, PG_UINT32_MAX));
	t->example_row = repalloc_huge(t->example_row, sizeof(uint32_t) * 2 * n);
	t->example_key = repalloc_huge(t->example_key, sizeof(uint64_t) * 2 * n);
	ADVPG_EACH (i, n)
	{
		t->example_row[n + i] = t->rows->n + t->example_row[i];
		t->example_key[n + i] = hash_combine64(t->example_key[i], UINT64CONST(0x7477696e)); /* "twin" */
	}
	t->n_examples = 2 * n;
}

/* warm: from the source's weights. */
static void
start_warm(AdvpgPlan *t)
{
	char own[ADV_MAX_ARCH];
	char source[ADV_MAX_ARCH];

	adv_network_arch(&t->net, own);
	adv_network_arch(&t->source.net, source);
	if (strcmp(own, source) != 0 || t->net.scale != t->source.net.scale)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("warm training needs the network of source \"%s\"", t->task.source),
				errdetail("The source is \"%s\"%s, the new network \"%s\"%s.", source,
						  t->source.net.scale ? " with scale" : "", own, t->net.scale ? " with scale" : ""));
	advpg_segment_fill(t->params, t->source.params, sizeof(float) * t->net.n_params);
}

/* The paper's way: examples crafted once on a standard model join the others. */
static void
make_twins(AdvpgPlan *t)
{
	AdvpgAttackSpec spec = {0};
	AdvpgAttacked *attacked;
	size_t successes = 0;

	/* told now, and not when a source has been trained */
	advpg_check_memory(mul_size(t->rows->n, adv_shape_size(t->net.input) * sizeof(float)),
					   "the adversarial examples");
	t->source_spec = t->spec;
	if (t->task.source == NULL)
	{
		float *params = palloc_extended(sizeof(float) * t->net.n_params, MCXT_ALLOC_HUGE);

		pfree(advpg_plan_run(t, "training the source", params).epochs);
		t->source = advpg_plan_model(t);
		t->source.params = params;
	}
	resolve_attack(t, &t->source, &t->craft);
	t->craft.early_stop = false;
	spec.model = &t->source;
	spec.rows = t->rows;
	spec.attack = &t->craft;
	spec.want_x = true;
	spec.phase = spec.name = "crafting";
	spec.workers = t->task.workers;
	attacked = advpg_attack(&spec);
	t->twins = attacked->x;
	ADVPG_EACH (i, attacked->n)
		successes += (attacked->flags[i] & ADV_ATTACK_SUCCESS) != 0;
	t->twin_success = (double) successes / attacked->n;
	double_examples(t);
	if (t->task.warm > 0)
		start_warm(t);
}

static void
make_robust(AdvpgPlan *t)
{
	AdvModel model = advpg_plan_model(t);
	AdvAttack attack;

	t->spec.robust.method = adv_defence(advpg_defence(&t->task)->name);
	t->spec.robust.settings = t->task.defence;
	if (advpg_defence(&t->task)->noise)
	{
		t->spec.robust.ball = (AdvBall){.norm = ADV_NORM_L2,
										.unit = advpg_attack_units(&t->task.attack, &model),
										.low = -INFINITY,
										.high = INFINITY};
		return;
	}
	if (advpg_defence(&t->task)->bounds)
	{
		resolve_eps(t);
		t->spec.robust.ball = advpg_attack_ball(&t->task.attack, &model, &t->spec.robust.eps);
		record_range(t, &t->spec.robust.ball);
		return;
	}
	resolve_attack(t, &model, &attack);
	if (!adv_attack_crafts(adv_attack_methods[attack.method]))
		advpg_task_invalid("attack", "is %s, which no method but merged trains with",
						   adv_attack_methods[attack.method]->name);
	t->spec.robust.attack = attack.method;
	memcpy(t->spec.robust.own, attack.own, sizeof(attack.own));
	t->spec.robust.ball = attack.ball;
	t->spec.robust.eps = attack.eps;
	t->spec.robust.alpha = attack.alpha;
	t->spec.robust.steps = attack.steps;
	t->spec.robust.random_start = attack.random_start;
}

void
advpg_defending_make(AdvpgPlan *t)
{
	if (t->task.method == ADVPG_METHOD_MERGED)
		make_twins(t);
	else if (t->task.method != ADVPG_METHOD_NONE)
		make_robust(t);
}
