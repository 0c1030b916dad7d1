/*
 * condition.h
 *		A condition on metrics: one SQL expression over names, those of a new model and, as old.name, those of the old one.
 */
#ifndef ADVPG_CONDITION_H
#define ADVPG_CONDITION_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct AdvpgCondition
{
	const char *text;
	List *names;     /* of char *: metrics of the new model it speaks of, each once */
	List *old_names; /* those of the old one */
} AdvpgCondition;

typedef enum AdvpgVerdict
{
	ADVPG_VERDICT_UNKNOWN, /* it is NULL */
	ADVPG_VERDICT_FALSE,
	ADVPG_VERDICT_TRUE
} AdvpgVerdict;

/*
 * Read a condition and find the names in it. Needs a connection to SPI. Functions, operators and types are pg_catalog's, whatever the
 * search_path is, and no function is volatile: a condition changes nothing, and runs nobody's code. Errors: what is not one expression
 * (42601), has a subquery, a parameter or a name of another form or place (22023), or is not boolean (42804).
 */
extern AdvpgCondition *advpg_condition_read(const char *text);

/*
 * Its value; new_values belong to names, old_values to old_names, NaN is NULL. Runs read-only with the caller's rights; needs a connection
 * to SPI.
 */
extern AdvpgVerdict advpg_condition_value(const AdvpgCondition *condition, const double *new_values,
										  const double *old_values);

#endif
