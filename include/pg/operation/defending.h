/*
 * defending.h
 *		What a robust training needs besides what all trainings do.
 */
#ifndef ADVPG_DEFENDING_H
#define ADVPG_DEFENDING_H

#include "postgres.h"

#include "pg/operation/plan.h"

/* Before rows are read: find the model that crafts, if the task names one, and take over how it encodes rows. schema is the extension's. */
extern void advpg_defending_open(AdvpgPlan *plan, Oid schema);

/*
 * When the network is made: complete the task's attack and have the run craft by it, or, for merged training, craft twins of all rows, for
 * which a source may be trained first. Nothing for standard training.
 */
extern void advpg_defending_make(AdvpgPlan *plan);

#endif
