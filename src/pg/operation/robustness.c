/*
 * robustness.c
 *		A model of the registry under attack on a whole data set.
 */
#include "pg/operation/robustness.h"

#include <math.h>

#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "pg/base/advpg.h"
#include "pg/model/classes.h"
#include "pg/data/charset.h"
#include "pg/run/checkpoint.h"
#include "pg/task/json.h"
#include "pg/base/operation.h"
#include "pg/operation/certification.h"
#include "pg/model/registry.h"

#define CERTIFIED_BY "crown" /* which proves most of what certifies the network itself */

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
open_crafter(AdvpgRobustness *robustness, Oid schema, const char *craft_on)
{
	AdvModel *crafter;
	AdvpgEntry *entry;

	robustness->crafter = &robustness->e->model;
	if (craft_on == NULL)
		return;
	entry = advpg_registry_find(schema, craft_on);
	crafter = palloc(sizeof(AdvModel));
	advpg_model_read(DatumGetByteaPP(entry->model), CurrentMemoryContext, crafter);
	adv_model_fold(crafter);
	check_crafter(&robustness->e->model, crafter, craft_on);
	robustness->crafter = crafter;
}

/* ---- attacks ---- */

static AdvpgAttacked *
attack(AdvpgRobustness *robustness, const AdvpgAttackTask *task, const AdvpgAttackSettings *settings,
	   bool want_x)
{
	AdvpgAttackSpec spec = {0};
	AdvAttack resolved;

	advpg_attack_resolve(settings, robustness->crafter, robustness->e->rows->domain, NULL,
						 (uint64_t) (int64) task->seed, &resolved);
	resolved.retreats = resolved.steps > 1 ? ADVPG_ATTACK_RETREATS : 0;
	spec.model = robustness->crafter;
	spec.scored = robustness->crafter == &robustness->e->model ? NULL : &robustness->e->model;
	spec.rows = robustness->e->rows;
	spec.attack = &resolved;
	spec.want_x = want_x;
	spec.phase = "attacking";
	spec.name = psprintf("attack on %s, eps %g", robustness->e->name, resolved.eps);
	spec.workers = task->workers;
	return advpg_attack(&spec);
}

static AdvpgAttacked *
search(AdvpgRobustness *robustness, const AdvpgAttackTask *task)
{
	AdvpgAttackSettings settings = advpg_attack_up_to(&task->attack, &robustness->e->model);
	AdvpgAttackSpec spec = {0};
	AdvSearch search = {0};
	AdvAttack resolved;

	advpg_attack_resolve(&settings, robustness->crafter, robustness->e->rows->domain, NULL,
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
	spec.model = robustness->crafter;
	spec.rows = robustness->e->rows;
	spec.attack = &resolved;
	spec.search = &search;
	spec.phase = "searching";
	spec.name = psprintf("least eps of %s", robustness->e->name);
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
check_order(const AdvpgRobustness *robustness, const AdvpgAttackTask *task)
{
	for (int i = 0; i < robustness->n_attacked; i++)
		for (int j = 0; j < robustness->n_attacked; j++)
		{
			double small = *(double *) list_nth(task->eps_list, i);
			double large = *(double *) list_nth(task->eps_list, j);
			double at_small = success_rate(robustness->attacked[i]);
			double at_large = success_rate(robustness->attacked[j]);
			double noise = 3 * sqrt(0.5 / Max(robustness->attacked[i]->n, 1)) * 0.5;

			if (small < large && at_large < at_small - noise - 0.005)
			{
				ereport(WARNING,
						errmsg("the success rate falls from %.3f at eps %g to %.3f at eps %g", at_small,
							   small, at_large, large),
						errdetail(
							"Whatever succeeds in a smaller ball would succeed in the larger one: the attack "
							"does not find what is there, so robustness is overstated."),
						robustness->crafter == &robustness->e->model
							? errhint("Give more steps or restarts, or a smaller alpha.")
							: errhint("The examples are another model's. Attack without craft_on to see how "
									  "robust this one is."));
				return;
			}
		}
}

void
advpg_robustness_attack(AdvpgRobustness *robustness, const AdvpgAttackTask *task, AdvpgRobustnessMode mode)
{
	AdvpgAttackSettings settings = task->attack;

	robustness->n_attacked = mode == ADVPG_ROBUSTNESS_EACH ? list_length(task->eps_list) : 1;
	robustness->attacked = palloc(sizeof(AdvpgAttacked *) * robustness->n_attacked);
	switch (mode)
	{
		case ADVPG_ROBUSTNESS_ONE:
			robustness->attacked[0] = attack(robustness, task, &settings, true);
			break;
		case ADVPG_ROBUSTNESS_SEARCH:
			robustness->attacked[0] = search(robustness, task);
			break;
		case ADVPG_ROBUSTNESS_EACH:
			if (task->eps_list == NIL)
				advpg_task_invalid("eps", "is missing");
			for (int k = 0; k < robustness->n_attacked; k++)
			{
				settings.eps = advpg_json_number_value(*(double *) list_nth(task->eps_list, k));
				robustness->attacked[k] = attack(robustness, task, &settings, false);
			}
			check_order(robustness, task);
			break;
	}
}

bool
advpg_any_broken(const AdvpgRobustness *robustness)
{
	const AdvpgAttacked *attacked = robustness->attacked[0];
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
					   robustness->e->name, censored, n),
				errhint("Classes may be further apart in least eps than it seems. Increase eps_max."));
	return censored < n;
}

AdvpgRobustness *
advpg_robustness_open(const AdvpgEvaluationSpec *spec, const char *craft_on)
{
	AdvpgRobustness *robustness = palloc0(sizeof(AdvpgRobustness));

	robustness->e = advpg_evaluation_open(spec);
	open_crafter(robustness, spec->schema, craft_on);
	advpg_evaluation_announce(robustness->e);
	if (robustness->crafter != &robustness->e->model)
		advpg_checkpoint_saw(robustness->crafter->params, sizeof(float) * robustness->crafter->net.n_params);
	return robustness;
}

/* What advpg_robustness was called with, and its result. */
typedef struct Call
{
	AdvpgEvaluationSpec spec;
	const AdvpgAttackTask *task;
	AdvpgRobustnessMode mode;
	AdvpgRobustness *robustness;
} Call;

/* The certification that goes with a search. */
static AdvpgCertifyTask
certification_of(const AdvpgAttackTask *task)
{
	AdvpgCertifyTask certify = {.method = adv_certify_method(CERTIFIED_BY), .attack = task->attack};

	if (task->attack.targeted)
		advpg_task_invalid("certified", "is not for targeted: a certificate is about all other classes");
	certify.how = adv_certify_unset(adv_certify_methods[certify.method]);
	certify.seed = task->seed;
	certify.workers = task->workers;
	return certify;
}

/* Whether rows can be certified is looked at before the search, which may take hours. */
static void
open_and_attack(void *arg)
{
	Call *call = arg;
	bool certified = call->task->certified > 0;
	AdvpgCertifyTask certify;

	if (certified)
		certify = certification_of(call->task);
	call->robustness = advpg_robustness_open(&call->spec, call->task->attack.craft_on);
	if (certified)
		(void) advpg_certification_resolve(&certify, &call->robustness->e->model);
	advpg_robustness_attack(call->robustness, call->task, call->mode);
	if (certified)
		call->robustness->certificate = advpg_certify_rows(call->robustness->e, &certify);
	advpg_rows_release(call->robustness->e->rows);
}

AdvpgRobustness *
advpg_robustness(Oid schema, const AdvpgAttackTask *task, AdvpgRobustnessMode mode, const char *what,
				 Oid id_type)
{
	Call call = {.task = task, .mode = mode};

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
	return call.robustness;
}
