/*
 * robustness.c
 *		A model of the registry under attack on a whole data set.
 */
#include "pg/operation/robustness.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "pg/base/advpg.h"
#include "pg/model/callsite.h"
#include "pg/data/charset.h"
#include "pg/run/checkpoint.h"
#include "pg/task/json.h"
#include "pg/base/operation.h"
#include "pg/model/registry.h"

#define IMAGE_EPS_MAX 0.25

static JsonbValue *
number_value(double number)
{
	JsonbValue *value = palloc0(sizeof(JsonbValue));

	value->type = jbvNumeric;
	value->val.numeric = advpg_numeric(number);
	return value;
}

/* ---- transfer ---- */

static bool
same_texts(const AdvText *a, int n_a, const AdvText *b, int n_b)
{
	for (int i = 0; i < n_a && n_a == n_b; i++)
		if (adv_text_compare(a[i], b[i]) != 0)
			return false;
	return n_a == n_b;
}

static bool
same_column(const AdvColumn *a, const AdvColumn *b)
{
	size_t n = sizeof(double) * a->length;

	if (adv_text_compare(a->name, b->name) != 0 || a->kind != b->kind || a->length != b->length)
		return false;
	if (a->kind == ADV_COLUMN_CATEGORY)
		return same_texts(a->values, a->n_values, b->values, b->n_values);
	return a->kind == ADV_COLUMN_IMAGE ||
		   (memcmp(a->shift, b->shift, n) == 0 && memcmp(a->factor, b->factor, n) == 0);
}

/* Examples crafted on one model can be shown to another only if an input means the same to both. */
static void
check_crafter(const AdvModel *model, const AdvModel *crafter, const char *name)
{
	AdvShape a = model->net.input;
	AdvShape b = crafter->net.input;

	if (a.c != b.c || a.h != b.h || a.w != b.w)
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("craft_on model \"%s\" has inputs of another shape", name),
				errdetail("Its inputs are %d x %d x %d, those of the model %d x %d x %d.", b.c, b.h, b.w, a.c,
						  a.h, a.w));
	if (!advpg_same_classes(model, crafter))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("craft_on model \"%s\" has other classes", name));
	for (int c = 0; c < model->encoder.n_columns; c++)
		if (model->encoder.n_columns != crafter->encoder.n_columns ||
			model->encoder.encoding != crafter->encoder.encoding ||
			!same_column(&model->encoder.columns[c], &crafter->encoder.columns[c]))
			ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("craft_on model \"%s\" encodes column \"%s\" differently", name,
						   advpg_text_cstring(model->encoder.columns[c].name)),
					errhint("Train both models on the same rows with the same features and encoding, or use "
							"encoding => 'ordinal', which leaves scaling to the network."));
}

static void
open_crafter(AdvpgVictim *victim, Oid schema, const char *craft_on)
{
	AdvModel *crafter;
	AdvpgEntry *entry;

	victim->crafter = &victim->e->model;
	if (craft_on == NULL)
		return;
	entry = advpg_registry_find(schema, craft_on);
	crafter = palloc(sizeof(AdvModel));
	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, crafter);
	check_crafter(&victim->e->model, crafter, craft_on);
	victim->crafter = crafter;
}

/* ---- attacks ---- */

static AdvpgAttacked *
attack(AdvpgVictim *victim, const AdvpgAttackTask *task, const AdvpgAttackSettings *settings, bool want_x)
{
	AdvpgAttackSpec spec = {0};
	AdvAttack resolved;

	advpg_attack_resolve(settings, victim->crafter, victim->e->rows->domain, NULL,
						 (uint64_t) (int64) task->seed, &resolved);
	resolved.retreats = resolved.steps > 1 ? ADVPG_ATTACK_RETREATS : 0;
	spec.model = victim->crafter;
	spec.scored = victim->crafter == &victim->e->model ? NULL : &victim->e->model;
	spec.rows = victim->e->rows;
	spec.attack = &resolved;
	spec.want_x = want_x;
	spec.phase = "attacking";
	spec.name = psprintf("attack on %s, eps %g", victim->e->name, resolved.eps);
	spec.workers = task->workers;
	return advpg_attack(&spec);
}

static AdvpgAttacked *
search(AdvpgVictim *victim, const AdvpgAttackTask *task)
{
	AdvpgAttackSettings settings = task->attack;
	AdvpgAttackSpec spec = {0};
	AdvSearch search = {0};
	AdvAttack resolved;

	if (settings.eps == NULL && victim->e->model.encoder.columns[0].kind == ADV_COLUMN_IMAGE)
		settings.eps = number_value(IMAGE_EPS_MAX);
	if (settings.eps == NULL)
		ereport(
			ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("task key \"eps_max\" is missing"),
			errhint("Only for images there is a natural one, %g. Say up to which eps rows shall be attacked.",
					IMAGE_EPS_MAX));
	settings.eps_key = "eps_max";
	advpg_attack_resolve(&settings, victim->crafter, victim->e->rows->domain, NULL,
						 (uint64_t) (int64) task->seed, &resolved);
	search.mode = task->mode;
	search.eps_max = resolved.eps;
	search.step = isnan(task->step) ? resolved.eps / 100 : task->step;
	search.tol = isnan(task->tol) ? resolved.eps / 1024 : task->tol;
	if (search.mode == ADV_SEARCH_GRID && search.step > search.eps_max)
		advpg_task_invalid("step", "is %g, but must not be greater than eps_max, %g", search.step,
						   search.eps_max);
	if (search.mode == ADV_SEARCH_BISECT && search.tol > search.eps_max)
		advpg_task_invalid("tol", "is %g, but must not be greater than eps_max, %g", search.tol,
						   search.eps_max);
	if (search.mode == ADV_SEARCH_BISECT && !isnan(task->step))
		advpg_task_invalid("step", "is for mode grid; mode bisect has tol");
	if (search.mode == ADV_SEARCH_GRID && !isnan(task->tol))
		advpg_task_invalid("tol", "is for mode bisect; mode grid has step");
	spec.model = victim->crafter;
	spec.rows = victim->e->rows;
	spec.attack = &resolved;
	spec.search = &search;
	spec.phase = "searching";
	spec.name = psprintf("least eps of %s", victim->e->name);
	spec.workers = task->workers;
	return advpg_attack(&spec);
}

static double
success_rate(const AdvpgAttacked *attacked)
{
	size_t n = 0;
	size_t successes = 0;

	ADVPG_EACH (i, attacked->n)
	{
		n += !(attacked->flags[i] & ADV_ATTACK_EXEMPT);
		successes += (attacked->flags[i] & ADV_ATTACK_SUCCESS) != 0;
	}
	return n > 0 ? (double) successes / n : 0;
}

/* A larger ball holds the smaller one: an attack that does worse there is not to be trusted. */
static void
check_order(const AdvpgVictim *victim, const AdvpgAttackTask *task)
{
	for (int i = 0; i < victim->n_attacked; i++)
		for (int j = 0; j < victim->n_attacked; j++)
		{
			double small = *(double *) list_nth(task->eps_list, i);
			double large = *(double *) list_nth(task->eps_list, j);
			double at_small = success_rate(victim->attacked[i]);
			double at_large = success_rate(victim->attacked[j]);
			double noise = 3 * sqrt(0.5 / Max(victim->attacked[i]->n, 1)) * 0.5;

			if (small < large && at_large < at_small - noise - 0.005)
			{
				ereport(WARNING,
						errmsg("the success rate falls from %.3f at eps %g to %.3f at eps %g", at_small,
							   small, at_large, large),
						errdetail(
							"Whatever succeeds in a smaller ball would succeed in the larger one: the attack "
							"does not find what is there, so robustness is overstated."),
						victim->crafter == &victim->e->model
							? errhint("Give more steps or restarts, or a smaller alpha.")
							: errhint("The examples are another model's. Attack without craft_on to see how "
									  "robust this one is."));
				return;
			}
		}
}

void
advpg_victim_attack(AdvpgVictim *victim, const AdvpgAttackTask *task, AdvpgOnslaught onslaught)
{
	AdvpgAttackSettings settings = task->attack;

	victim->n_attacked = onslaught == ADVPG_ONSLAUGHT_EACH ? list_length(task->eps_list) : 1;
	victim->attacked = palloc(sizeof(AdvpgAttacked *) * victim->n_attacked);
	switch (onslaught)
	{
		case ADVPG_ONSLAUGHT_ONE:
			victim->attacked[0] = attack(victim, task, &settings, true);
			break;
		case ADVPG_ONSLAUGHT_SEARCH:
			victim->attacked[0] = search(victim, task);
			break;
		case ADVPG_ONSLAUGHT_EACH:
			if (task->eps_list == NIL)
				advpg_task_invalid("eps", "is missing");
			for (int k = 0; k < victim->n_attacked; k++)
			{
				settings.eps = number_value(*(double *) list_nth(task->eps_list, k));
				victim->attacked[k] = attack(victim, task, &settings, false);
			}
			check_order(victim, task);
			break;
	}
}

bool
advpg_any_broken(const AdvpgVictim *victim)
{
	const AdvpgAttacked *attacked = victim->attacked[0];
	size_t n = 0;
	size_t censored = 0;

	ADVPG_EACH (i, attacked->n)
	{
		n += !(attacked->flags[i] & ADV_ATTACK_EXEMPT);
		censored += (attacked->flags[i] & ADV_ATTACK_CENSORED) != 0;
	}
	if (censored > 0)
		ereport(NOTICE,
				errmsg("model \"%s\": %zu of %zu rows withstood up to eps_max and count with it",
					   victim->e->name, censored, n),
				errhint("Classes may be further apart in least eps than it seems. Increase eps_max."));
	return censored < n;
}

/* What a checkpoint of an attack is worth nothing without. */
static void
announce(const AdvpgVictim *victim)
{
	const AdvModel *models[] = {&victim->e->model, victim->crafter};
	char *digest;

	if (!advpg_checkpointing())
		return;
	digest = advpg_rows_digest(victim->e->rows);
	advpg_checkpoint_saw(digest, strlen(digest));
	for (int i = 0; i < lengthof(models); i++)
		advpg_checkpoint_saw(models[i]->params, sizeof(float) * models[i]->net.n_params);
}

AdvpgVictim *
advpg_victim_open(const AdvpgEvaluationSpec *spec, const char *craft_on)
{
	AdvpgVictim *victim = palloc0(sizeof(AdvpgVictim));

	victim->e = advpg_evaluation_open(spec);
	open_crafter(victim, spec->schema, craft_on);
	announce(victim);
	return victim;
}

/* What advpg_victim was called with, and its result. */
typedef struct Call
{
	AdvpgEvaluationSpec spec;
	const AdvpgAttackTask *task;
	AdvpgOnslaught onslaught;
	AdvpgVictim *victim;
} Call;

static void
open_and_attack(void *arg)
{
	Call *call = arg;

	call->victim = advpg_victim_open(&call->spec, call->task->attack.craft_on);
	advpg_victim_attack(call->victim, call->task, call->onslaught);
	advpg_rows_release(call->victim->e->rows);
}

AdvpgVictim *
advpg_victim(Oid schema, const AdvpgAttackTask *task, AdvpgOnslaught onslaught, const char *what, Oid id_type)
{
	Call call = {.task = task, .onslaught = onslaught};

	if (task->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (task->data == NULL)
		advpg_task_invalid("data", "is missing");
	call.spec.schema = schema;
	call.spec.need_label = true;
	call.spec.want_order = advpg_checkpointing(); /* for a digest */
	call.spec.model = task->model;
	call.spec.data = task->data;
	call.spec.id = task->id;
	call.spec.want_ids = OidIsValid(id_type);
	call.spec.id_type = id_type;
	advpg_operation(what, task->model, open_and_attack, &call);
	return call.victim;
}
