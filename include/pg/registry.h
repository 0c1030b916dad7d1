/*
 * registry.h
 *		The tables advfair_model and advfair_curve: finding models, adding versions.
 */
#ifndef ADVPG_REGISTRY_H
#define ADVPG_REGISTRY_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/train.h"

typedef struct AdvpgEntry
{
	char *model_id;
	char *name;
	int version;
	Jsonb *task;
	Datum model; /* bytea, as stored (it may be a TOAST pointer) */
} AdvpgEntry;

/*
 * Find 'name' (newest version) or 'name@version' among the models the caller may see, its own first. schema is the
 * extension's; results live in the current memory context. Needs a connection to SPI. Error: 42704 when there is none.
 */
extern AdvpgEntry *advpg_registry_find(Oid schema, const char *model);

/* Find a model by its model_id, whatever its name is by now; NULL when there is none that the caller may see. */
extern AdvpgEntry *advpg_registry_find_id(Oid schema, const char *model_id);

/*
 * Add a version: the next number for the caller's models of that name. n_epochs rows go to advfair_curve. Needs a
 * connection to SPI. Returns the version.
 */
extern int advpg_registry_add(Oid schema, const char *name, Jsonb *task, const char *digest, Jsonb *metrics,
							  bytea *model, const AdvEpoch *epochs, int n_epochs);

#endif
