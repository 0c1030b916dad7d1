/*
 * charset.h
 *		Texts of models: UTF-8 in their bytes, the database's encoding everywhere else.
 *
 * A model so moves between databases of all encodings. A database with encoding SQL_ASCII does not know what its bytes mean: there,
 * texts are written as they are, and are UTF-8 only if all are ASCII; texts of any model are read as they are. Models of format 1, whose
 * encoding is not known, must be text in the database's encoding.
 */
#ifndef ADVPG_CHARSET_H
#define ADVPG_CHARSET_H

#include "postgres.h"

#include "core/network/model.h"

/*
 * Read model bytes into a context, with texts in the database's encoding. Errors name what is wrong with the bytes (22P03, 22021), or which
 * text has a character that the encoding does not have (22P05).
 */
extern void advpg_model_read(bytea *bytes, MemoryContext context, AdvModel *model);

/* The bytes of a model whose texts are in the database's encoding; too many for a value are an error (54000). */
extern bytea *advpg_model_write(const AdvModel *model);

/*
 * A text of the database's encoding as a model has it: what is hashed and ordered by bytes is so, too, so that it is the same in databases of
 * all encodings. Result lies in the current memory context, or is the text itself.
 */
extern AdvText advpg_utf8(AdvText text);

/* Bring the categories of a column into their order in models, which is the same in all encodings. */
extern void advpg_sort_categories(AdvColumn *column);

#endif
