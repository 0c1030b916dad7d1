/*
 * settings.c
 *		What users say of a method by an object, read into the structs that its parameters describe. See settings.h.
 *
 * Methods bring their lists, so no task, function or signature knows what there is to set.
 */
#include "pg/task/settings.h"

#include "lib/stringinfo.h"

#include "pg/base/characters.h"
#include "pg/task/json.h"
#include "pg/task/parameter.h"

bool
advpg_settings_have(const AdvParameter *parameters, const char *name)
{
	for (; parameters && parameters->name; parameters++)
		if (strcmp(parameters->name, name) == 0)
			return true;
	return false;
}

/* The parameter of a name, and the struct it writes to. */
static const AdvParameter *
find(const char *of, const char *key, const char *name, const AdvpgSettingsOf *lists, void **base)
{
	StringInfoData allowed;

	initStringInfo(&allowed);
	for (; lists->parameters; lists++)
		for (const AdvParameter *p = lists->parameters; p->name; p++)
		{
			*base = lists->base;
			if (strcmp(p->name, name) == 0)
				return p;
			appendStringInfo(&allowed, "%s%s", allowed.len ? ", " : "", p->name);
		}
	ereport(ERROR, errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown key \"%s\" in %s", advpg_short_text(name), key),
			allowed.len ? errhint("Settings of %s are %s.", of, allowed.data)
						: errhint("There are no settings of %s.", of));
}

void
advpg_settings_read(const char *of, const char *key, const JsonbValue *settings, const AdvpgSettingsOf *lists)
{
	JsonbIterator *it;
	JsonbValue name;
	JsonbValue value;

	if (settings == NULL)
		return;
	it = JsonbIteratorInit(settings->val.binary.data);
	(void) JsonbIteratorNext(&it, &name, false);
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		char *member = advpg_json_cstring(&name);
		void *base;
		AdvParameter p = *find(of, key, member, lists, &base);

		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvNull) /* the default */
			continue;
		if (p.said && !advpg_parameter_absent(&p, base))
			advpg_task_invalid(member, "is said twice, as a key of its own and in %s", key);
		p.name = psprintf("%s.%s", key, member);
		advpg_parameter_read(&p, &value, base);
	}
}

/* ---- writing ---- */

static bool
is_own(const AdvParameter *p, const AdvpgSettingsOf *list)
{
	return !p->said && !advpg_parameter_absent(p, list->base);
}

bool
advpg_settings_own(const AdvpgSettingsOf *lists)
{
	for (; lists->parameters; lists++)
		for (const AdvParameter *p = lists->parameters; p->name; p++)
			if (is_own(p, lists))
				return true;
	return false;
}

void
advpg_settings_write(const AdvpgSettingsOf *lists, JsonbParseState **state)
{
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	for (; lists->parameters; lists++)
		for (const AdvParameter *p = lists->parameters; p->name; p++)
			if (is_own(p, lists))
			{
				advpg_json_string(state, WJB_KEY, p->name);
				advpg_parameter_write(p, lists->base, state);
			}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}
