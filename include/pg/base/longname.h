/*
 * longname.h
 *		Names in SQL text that are too long for identifiers: the parser would cut them.
 */
#ifndef ADVPG_LONGNAME_H
#define ADVPG_LONGNAME_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * A copy of an SQL expression with a short identifier in the place of each that is too long, quoted or not; names (of char *) receives
 * what they stand for. Strings and comments stay as they are.
 */
extern char *advpg_shorten_names(const char *text, List **names);

/* What an identifier of the shortened text stands for: itself, or a name that was too long. */
extern const char *advpg_full_name(const List *names, const char *identifier);

#endif
