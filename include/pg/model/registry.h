/*
 * registry.h
 *		The tables advfair_model and advfair_curve: finding models, adding versions.
 */
#ifndef ADVPG_REGISTRY_H
#define ADVPG_REGISTRY_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/train/train.h"
#include "pg/task/task.h"

typedef struct AdvpgEntry
{
	char *model_id;
	char *name;
	int version;
	char *owner;
	Jsonb *task;
	Datum model; /* bytea, as stored (it may be a TOAST pointer) */
	bool promoted;
} AdvpgEntry;

/*
 * Find 'name' (the version promoted last, which is the newest one unless somebody decided otherwise) or 'name@version' among the models the caller may see, its own first. schema is the
 * extension's; results live in the current memory context. Needs a connection to SPI. Error: 42704 when there is none, or none was promoted and
 * model names no version.
 */
extern AdvpgEntry *advpg_registry_find(Oid schema, const char *model);

/* Find a model by its model_id, whatever its name is by now; NULL when there is none that the caller may see. */
extern AdvpgEntry *advpg_registry_find_id(Oid schema, const char *model_id);

/*
 * The task by which a model can be trained again, under the name it has now. Errors: 55000 when the model was not trained here, but
 * inserted; 55000 also when it was trained on temporary tables of another
 * session; 42501 when it is not the current role's own, whose data would be read with the caller's rights.
 */
extern void advpg_registry_task(const AdvpgEntry *entry, AdvpgTrainTask *task);

/* What is stored of a training. */
typedef struct AdvpgVersion
{
	const char *name;
	Jsonb *task; /* complete: what a retraining runs again */
	const char *digest;
	Jsonb *metrics;
	bytea *model;
	const AdvEpoch *epochs; /* (n_epochs) go to advfair_curve */
	int n_epochs;
} AdvpgVersion;

/*
 * Add a version: the next number for the caller's models of that name. Needs a connection to SPI. Returns the number. Unless promoted,
 * the plain name goes on to mean what it did.
 */
extern int advpg_registry_add(Oid schema, const AdvpgVersion *version, bool promoted);

/* Let the plain name mean this version from now on. Needs a connection to SPI. Error: it is not the caller's (42501). */
extern void advpg_registry_promote(Oid schema, const AdvpgEntry *entry);

/* Delete the learning curve of a model, which is a uuid. Needs a connection to SPI. */
extern void advpg_registry_forget_curve(Oid schema, Datum model_id);

#endif
