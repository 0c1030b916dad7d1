/*
 * characters.h
 *		Texts that were cut, or come from another database, as whole characters of this one's encoding.
 *
 * The core knows no encodings: it cuts names and values in its messages after some number of bytes.
 */
#ifndef ADVPG_CHARACTERS_H
#define ADVPG_CHARACTERS_H

#include "postgres.h"

/* Take out of a text, in place, what is no character of the database's encoding. Returns it. */
extern char *advpg_mend_text(char *text);

/* Copy as much of a text as has room in size bytes, and ends with a whole character. */
extern void advpg_cut_text(char *dst, const char *text, size_t size);

/* What a message repeats of a text that may be of any length: all of a short one, else its beginning and "...". */
extern const char *advpg_short_text(const char *text);

/* A text in another encoding in the database's; with question marks for what cannot be converted. */
extern char *advpg_foreign_text(const char *text, int encoding);

#endif
