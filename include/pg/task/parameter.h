/*
 * parameter.h
 *		Values of parameters (core/base/parameter.h) from jsonb to the struct that they describe, and back.
 */
#ifndef ADVPG_PARAMETER_H
#define ADVPG_PARAMETER_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/base/parameter.h"
#include "pg/base/compat.h"

/* Read a value that is not null. What it must not be is an error (22023) that names the parameter. */
extern void advpg_parameter_read(const AdvParameter *parameter, const JsonbValue *value, void *base);

/* The same of a parameter of words, which need not be kept in a struct. */
extern int advpg_parameter_word(const AdvParameter *parameter, const JsonbValue *value);

/* Whether nothing was said. */
extern bool advpg_parameter_absent(const AdvParameter *parameter, const void *base);

/* Push a value that is there. */
extern void advpg_parameter_write(const AdvParameter *parameter, const void *base, JsonbParseState **state);

/* Report a value that no range can tell (22023): task key "key" format... */
pg_noreturn extern void advpg_task_invalid(const char *key, const char *format, ...)
	pg_attribute_printf(2, 3);

#endif
