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
	char *query;     /* the text, with a short name in the place of each that is too long for an identifier */
	List *columns;   /* the names as query has them */
	List *old_columns;
	List *long_names; /* what advpg_full_name wants of the others */
} AdvpgCondition;

/*
 * Read a condition and find the names in it, of any length. Needs a connection to SPI. Functions, operators and types are pg_catalog's,
 * whatever the search_path is, and no function is volatile: a condition changes nothing, and runs nobody's code. Errors: what is not one
 * expression (42601), has a subquery, a parameter or a name of another form or place (22023), or is not boolean (42804).
 */
extern AdvpgCondition *advpg_condition_read(const char *text);

/*
 * What comes of it; new_values belong to names, old_values to old_names, NaN is NULL. The result is NULL when the condition holds, else it
 * says what it is: "is false", "is NULL", or "fails" and the error that it ends in, unless that stops the operation. Runs read-only with the
 * caller's rights; needs to be where a subtransaction can begin.
 */
extern const char *advpg_condition_outcome(const AdvpgCondition *condition, const double *new_values,
										   const double *old_values);

#endif
