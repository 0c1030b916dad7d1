/*
 * settings.h
 *		What users say of a method by an object: {"steps": 40, "decay": 0.9}, checked against the method's own lists of parameters.
 */
#ifndef ADVPG_SETTINGS_H
#define ADVPG_SETTINGS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/base/parameter.h"

/* A list of parameters and the struct that it describes. */
typedef struct AdvpgSettingsOf
{
	const AdvParameter *parameters;
	void *base;
} AdvpgSettingsOf;

#define ADVPG_SETTINGS_LISTS 16 /* at most, with the one without parameters that ends them */

/*
 * Read the members of an object (NULL: nothing) into the structs. For messages, of says whose settings these are, "attack pgd", and key where: "settings". Errors (22023)
 * name the member: one that no list has, with those there are; a value that it must not be; one that has been said by a key of the task, too.
 */
extern void advpg_settings_read(const char *of, const char *key, const JsonbValue *settings,
								const AdvpgSettingsOf *lists);

/* Whether there is a setting that no key of a task says, and an object of those. */
extern bool advpg_settings_own(const AdvpgSettingsOf *lists);
extern void advpg_settings_write(const AdvpgSettingsOf *lists, JsonbParseState **state);

/* Whether a list has a parameter of this name. */
extern bool advpg_settings_have(const AdvParameter *parameters, const char *name);

#endif
