/*
 * traintask.c
 *		Tasks of training: what is checked beyond the table of keys, and the complete task, as it is stored with a model.
 */
#include "pg/task/task.h"

#include <math.h>

#include "pg/base/characters.h"
#include "pg/base/advpg.h"
#include "pg/task/json.h"
#include "pg/task/kind.h"
#include "pg/task/settings.h"

/* Which of the keys that say how inputs are perturbed a method heeds: those of tasks with this flag. */
static unsigned
heeds(const AdvDefence *defence)
{
	return defence->noise ? ADVPG_OF_NOISE : defence->bounds ? ADVPG_OF_BOUNDS : ADVPG_OF_TRAINING;
}

/* What is said of a training by settings: of its method, and of the attack that crafts, if there is one, and options of any training. */
static void
lists_of_training(const AdvpgTrainTask *task, AdvpgSettingsOf *lists)
{
	AdvpgTrainTask *written = unconstify(AdvpgTrainTask *, task);
	int n = 0;

	if (advpg_defence(task)->parameters && task->adversarial)
		lists[n++] = (AdvpgSettingsOf){advpg_defence(task)->parameters, &written->defence};
	if (task->adversarial && heeds(advpg_defence(task)) == ADVPG_OF_TRAINING)
		lists[n++] = (AdvpgSettingsOf){
			advpg_kind_settings(advpg_attack_method(&task->attack), ADVPG_OF_TRAINING), &written->attack.how};
	for (int i = 0; adv_train_options[i]; i++)
		lists[n++] = (AdvpgSettingsOf){adv_train_options[i]->parameters, written->options.of[i].own};
	lists[n] = (AdvpgSettingsOf){NULL};
}

/* Whose settings these are, for messages. */
static const char *
name_of(const AdvpgTrainTask *task)
{
	const char *method = advpg_method_name(task->method);

	if (!task->adversarial)
		return "a training";
	if (heeds(advpg_defence(task)) != ADVPG_OF_TRAINING)
		return psprintf("method %s", method);
	return psprintf("method %s with attack %s", method, advpg_attack_method(&task->attack)->name);
}

static void
check_oversample(const char *value)
{
	char *end;
	long times;

	if (value == NULL || strcmp(value, "balance") == 0)
		return;
	times = value[0] == 'x' && value[1] >= '1' && value[1] <= '9' ? strtol(value + 1, &end, 10) : 0;
	if (times < 1 || times > 1000 || *end != '\0')
		advpg_task_invalid("oversample", "is \"%s\", but must be balance, or xN with N from 1 to 1000",
						   advpg_short_text(value));
}

/* Which of the two kinds of training a task is; one without a kind is standard training. */
static const AdvpgTaskKind *
training_kind(Jsonb *task)
{
	static const AdvWord words[] = {{"train", 0}, {"adv_train", 1}, {NULL, 0}};
	static const AdvParameter key = {"kind", ADV_PARAMETER_WORD, 0, .words = words};
	JsonbValue *value = JB_ROOT_IS_OBJECT(task) ? advpg_json_member(&task->root, "kind") : NULL;

	return value && advpg_parameter_word(&key, value) == 1 ? &advpg_adv_train_kind : &advpg_train_kind;
}

/* Whether a key was said to be anything but its default. */
static bool
is_said(const AdvParameter *key, const AdvpgAttackSettings *settings)
{
	const AdvpgAttackSettings *unset = &((const AdvpgTrainTask *) advpg_adv_train_kind.defaults)->attack;

	if (key->kind == ADV_PARAMETER_WORD || key->kind == ADV_PARAMETER_BOOLEAN)
		return *(const int *) ((const char *) settings + key->offset) !=
			   *(const int *) ((const char *) unset + key->offset);
	return !advpg_parameter_absent(key, settings);
}

/* A method that attacks nothing heeds of what is said of attacks only what it has itself: units and columns, and perhaps a ball. */
static void
check_heeded(const AdvpgTrainTask *task)
{
	const AdvDefence *defence = advpg_defence(task);

	for (const AdvParameter *key = advpg_perturbation_keys; key->name; key++)
		if ((key->flags & ADVPG_OF_TRAINING) && !(key->flags & heeds(defence)) && is_said(key, &task->attack))
			ereport(
				ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("task key \"%s\" is no setting of method %s", key->name,
					   advpg_method_name(task->method)),
				defence->noise
					? errdetail("The method adds noise and attacks nothing.")
					: errdetail("The method bounds what the network gives in a ball, and attacks nothing."),
				defence->noise
					? errhint(
						  "How much noise is said by settings, in which units by eps_unit, where by mutable.")
					: errhint("The ball is said by eps, eps_unit, mutable, clip_min and clip_max."));
}

/* What belongs to one method of adversarial training and is set for another. */
static void
check_method(const AdvpgTrainTask *task)
{
	bool merged = task->method == ADVPG_METHOD_MERGED;

	if ((task->source || task->source_id) && !merged)
		advpg_task_invalid(task->source ? "source" : "source_id", "is for method merged alone");
	if (!isnan(task->defence.beta) && !advpg_settings_have(advpg_defence(task)->parameters, "beta"))
		advpg_task_invalid("beta", "is no setting of method %s", advpg_method_name(task->method));
	if (task->warm > 0 && !merged)
		advpg_task_invalid("warm", "is for method merged alone");
	if (task->attack.feasible > 0 && !merged)
		advpg_task_invalid("feasible", "is for method merged alone");
	if (task->attack.how.restarts > 1 && !merged)
		advpg_task_invalid("restarts", "is for method merged alone");
	check_heeded(task);
	if (advpg_defence(task)->most_steps == 1 && task->attack.how.steps > 1)
		advpg_task_invalid("steps", "is %g, but method %s takes one step", task->attack.how.steps,
						   advpg_defence(task)->name);
}

/* Whoever waits for validation rows to become better needs some; method fast holds some out by itself. */
static void
check_patience(const AdvpgTrainTask *task)
{
	if (adv_train_options_patience(&task->options) == 0 || task->validation != NULL ||
		advpg_defence(task)->validation > 0)
		return;
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("setting \"patience\" needs validation rows"),
			errhint("validation => '0.1' holds out a tenth of the rows."));
}

/* A name under which a version can be stored: an index holds it, so its length has a limit. */
static void
check_model_name(const char *name)
{
	if (name[0] == '\0' || strchr(name, '@'))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("\"%s\" is not a name for a model", name),
				errhint("Give model a name that is not empty and has no @ in it; versions are counted by the "
						"system."));
	if (strlen(name) > ADV_MAX_NAME)
		ereport(
			ERROR, errcode(ERRCODE_NAME_TOO_LONG),
			errmsg("name of a model has %zu bytes, but at most %d are possible", strlen(name), ADV_MAX_NAME));
}

void
advpg_train_task_read(Jsonb *task, bool need_model, AdvpgTrainTask *result)
{
	AdvpgSettingsOf lists[ADVPG_SETTINGS_LISTS];
	AdvDefenceSettings unset;
	AdvError err;

	advpg_task_read(training_kind(task), task, result);
	unset = adv_defence_unset(advpg_defence(result));
	memcpy(result->defence.own, unset.own, sizeof(unset.own));
	result->options = adv_train_options_unset();
	lists_of_training(result, lists);
	advpg_settings_read(name_of(result), "settings", result->attack.settings, lists);
	if (adv_train_options_complete(&result->options, result->epochs, &err) != ADV_OK)
		advpg_raise(&err, NULL);
	if (need_model && result->model == NULL)
		advpg_task_invalid("model", "is missing");
	if (need_model)
		check_model_name(result->model);
	if (!need_model && result->model)
		advpg_task_invalid("model", "has no place here: the model is returned, not stored");
	if (result->data == NULL)
		advpg_task_invalid("data", "is missing");
	if (result->label == NULL)
		advpg_task_invalid("label", "is missing");
	if (result->input_shape && list_length(result->input_shape) != 3)
		advpg_task_invalid("input_shape", "must be channels, height and width");
	check_oversample(result->oversample);
	check_patience(result);
	if (result->adversarial)
		check_method(result);
}
/*
 * Settings were read into the structs that they are of. What there is a key for is written as such, if the method has it; what a method alone
 * has becomes settings again, with defaults filled in.
 */
static bool
is_written(const AdvpgKeyGroup *group, const AdvParameter *key, const AdvpgTrainTask *task)
{
	if (key->kind == ADV_PARAMETER_OBJECT ||
		(group->keys == advpg_perturbation_keys && !(key->flags & heeds(advpg_defence(task)))))
		return false;
	return group->keys != advpg_perturbation_keys || !advpg_kind_is_setting(key) ||
		   advpg_settings_have(advpg_attack_method(&task->attack)->parameters, key->name);
}

static void
write_settings(JsonbParseState **state, const AdvpgTrainTask *task)
{
	AdvpgSettingsOf lists[ADVPG_SETTINGS_LISTS];

	lists_of_training(task, lists);
	if (!advpg_settings_own(lists))
		return;
	advpg_json_string(state, WJB_KEY, "settings");
	advpg_settings_write(lists, state);
}

Jsonb *
advpg_train_task_write(const AdvpgTrainTask *task)
{
	const AdvpgTaskKind *kind = task->adversarial ? &advpg_adv_train_kind : &advpg_train_kind;
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	advpg_json_put_string(&state, "kind", kind->name);
	for (int g = 0; g < ADVPG_KEY_GROUPS; g++)
		for (int i = 0; kind->groups[g].keys && kind->groups[g].keys[i].name; i++)
		{
			const AdvParameter *key = &kind->groups[g].keys[i];
			const void *base = (const char *) task + kind->groups[g].base;

			if (!advpg_kind_has(&kind->groups[g], &kind->groups[g].keys[i]) ||
				advpg_parameter_absent(key, base) || !is_written(&kind->groups[g], key, task))
				continue;
			advpg_json_string(&state, WJB_KEY, key->name);
			advpg_parameter_write(key, base, &state);
		}
	write_settings(&state, task);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
