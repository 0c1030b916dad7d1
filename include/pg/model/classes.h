/*
 * classes.h
 *		Which class of a model a text means, and when two models mean the same.
 */
#ifndef ADVPG_CLASSES_H
#define ADVPG_CLASSES_H

#include "postgres.h"

#include "core/network/model.h"
#include "pg/base/compat.h"

/*
 * Number of a class that a user names: by its text, or a number by any spelling ("1.0" for class "1"). An unknown one is an error (22023)
 * that lists the classes.
 */
extern int advpg_find_class(const AdvModel *model, AdvText class);
pg_noreturn extern void advpg_fail_no_class(const AdvModel *model, AdvText class);

/* Whether two models mean the same class: its texts are equal, or the same number. */
extern bool advpg_same_class(AdvText a, AdvText b);

/* Whether models have the same classes, in the same order. */
extern bool advpg_same_classes(const AdvModel *a, const AdvModel *b);

#endif
