/*
 * description.h
 *		What a model is, in words: a JSON object with its architecture, classes and encoder. Weights are no part of it.
 */
#ifndef ADVPG_DESCRIPTION_H
#define ADVPG_DESCRIPTION_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/network/model.h"

/* The description of model bytes. Bytes that are no model are an error (22P03). */
extern Jsonb *advpg_description_write(bytea *bytes);

/*
 * A model, all but its weights, from its description; n_weights is how many there will be. What cannot be so is an error (22023) that names
 * the key. Results live in the current memory context.
 */
extern void advpg_description_read(JsonbContainer *object, size_t n_weights, AdvModel *model);

#endif
