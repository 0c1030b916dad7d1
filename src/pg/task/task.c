/*
 * task.c
 *		Tasks from jsonb to a struct, by the table of their kind.
 */
#include "pg/task/task.h"

#include "utils/builtins.h"

#include "pg/base/characters.h"
#include "pg/base/advpg.h"
#include "pg/task/json.h"
#include "pg/task/kind.h"
#include "pg/task/settings.h"

/* The key of a name, and the struct it writes to. */
static const AdvParameter *
find_key(const AdvpgTaskKind *kind, const JsonbValue *name, void *task, void **base)
{
	StringInfoData allowed;

	initStringInfo(&allowed);
	for (int g = 0; g < ADVPG_KEY_GROUPS; g++)
		for (int i = 0; kind->groups[g].keys && kind->groups[g].keys[i].name; i++)
		{
			const char *candidate = kind->groups[g].keys[i].name;

			if (!advpg_kind_has(&kind->groups[g], &kind->groups[g].keys[i]))
				continue;
			*base = (char *) task + kind->groups[g].base;
			if (strlen(candidate) == (size_t) name->val.string.len &&
				memcmp(candidate, name->val.string.val, name->val.string.len) == 0)
				return &kind->groups[g].keys[i];
			appendStringInfo(&allowed, ", %s", candidate);
		}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown task key \"%s\"", advpg_short_text(advpg_json_cstring(name))),
			errhint("Keys of a task of kind %s are kind%s.", kind->name, allowed.data));
}

/* What was said of the method of attack, by keys or by settings, must be what the method has. */
static void
settle_attack(const AdvpgTaskKind *kind, unsigned of, AdvpgAttackSettings *settings)
{
	const AdvAttackMethod *method;
	AdvAttackSettings unset;

	if (kind->attack)
		settings->method = adv_attack_method(kind->attack) + 1;
	method = advpg_attack_method(settings);
	unset = adv_attack_unset(method);
	memcpy(settings->how.own, unset.own, sizeof(unset.own));
	for (const AdvParameter *key = advpg_perturbation_keys; key->name; key++)
		if (advpg_kind_is_setting(key) && !advpg_parameter_absent(key, settings) &&
			!advpg_settings_have(method->parameters, key->name))
			advpg_task_invalid(key->name, "is no setting of attack %s", method->name);
	if (!(of & (ADVPG_OF_TRAINING | ADVPG_OF_CERTIFY))) /* which read settings themselves */
	{
		const AdvpgSettingsOf lists[] = {{advpg_kind_settings(method, of), &settings->how}, {NULL}};

		advpg_settings_read(psprintf("attack %s", method->name), "settings", settings->settings, lists);
	}
}

size_t
advpg_task_size(const AdvpgTaskKind *kind)
{
	return kind->size;
}

void
advpg_task_read(const AdvpgTaskKind *kind, Jsonb *task, void *result)
{
	const AdvWord words[] = {{kind->name, 0}, {NULL, 0}};
	const AdvParameter kind_key = {"kind", ADV_PARAMETER_WORD, 0, .words = words};
	JsonbIterator *it;
	JsonbValue name;
	JsonbValue value;

	advpg_kind_words();
	memcpy(result, kind->defaults, kind->size);
	if (!JB_ROOT_IS_OBJECT(task))
		ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a task must be a JSON object"));
	it = JsonbIteratorInit(&task->root);
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (name.val.string.len == 4 && memcmp(name.val.string.val, "kind", 4) == 0)
			(void) advpg_parameter_word(&kind_key, &value);
		else
		{
			void *base;
			const AdvParameter *key = find_key(kind, &name, result, &base);

			if (value.type != jbvNull) /* null: the default */
				advpg_parameter_read(key, &value, base);
		}
	}
	for (int g = 0; g < ADVPG_KEY_GROUPS; g++)
		if (kind->groups[g].keys == advpg_perturbation_keys)
			settle_attack(kind, kind->groups[g].of, (void *) ((char *) result + kind->groups[g].base));
	if (kind->settle)
		kind->settle(result);
}

char *
advpg_task_text(Jsonb *task, const char *key)
{
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(task) ||
		getKeyJsonValueFromContainer(&task->root, key, strlen(key), &value) == NULL ||
		value.type != jbvString)
		return NULL;
	return advpg_json_cstring(&value);
}
