/*
 * characters.c
 *		Texts as whole characters of the database's encoding. See characters.h.
 */
#include "pg/base/characters.h"

#include "catalog/namespace.h"
#include "common/string.h"
#include "mb/pg_wchar.h"

#define SHORT 400 /* bytes */

char *
advpg_mend_text(char *text)
{
	int encoding = GetDatabaseEncoding();
	size_t left = strlen(text);
	char *to = text;

	for (char *from = text; left > 0;)
	{
		int len = pg_encoding_verifymbchar(encoding, from, left);

		if (len > 0)
		{
			memmove(to, from, len);
			to += len;
		}
		len = Max(len, 1);
		from += len;
		left -= len;
	}
	*to = '\0';
	return text;
}

void
advpg_cut_text(char *dst, const char *text, size_t size)
{
	size_t len = pg_mbcliplen(text, strlen(text), size - 1);

	memcpy(dst, text, len);
	dst[len] = '\0';
}

/* All but ASCII replaced, character by character. */
static char *
to_ascii(const char *text, int encoding)
{
	char *copy = palloc(strlen(text) + 1);
	char *to = copy;

	for (const char *from = text; *from;)
	{
		int len = Max(1, pg_encoding_mblen(encoding, from));

		*to++ = IS_HIGHBIT_SET(*from) ? '?' : *from;
		while (len-- > 0 && *from)
			from++;
	}
	*to = '\0';
	return copy;
}

char *
advpg_foreign_text(const char *text, int encoding)
{
	int own = GetDatabaseEncoding();
	int len = strlen(text);
	int room = len * MAX_CONVERSION_GROWTH + 1;
	char *converted;
	Oid conversion;

	if (encoding == own || pg_is_ascii(text))
		return pstrdup(text);
	/* in SQL_ASCII bytes are just that */
	if ((encoding == PG_SQL_ASCII || own == PG_SQL_ASCII) && pg_verify_mbstr(own, text, len, true))
		return pstrdup(text);
	conversion = FindDefaultConversionProc(encoding, own);
	converted = palloc(room);
	if (OidIsValid(conversion) &&
		pg_do_encoding_conversion_buf(conversion, encoding, own, (unsigned char *) unconstify(char *, text),
									  len, (unsigned char *) converted, room, true) == len)
		return converted;
	return to_ascii(text, encoding);
}

const char *
advpg_short_text(const char *text)
{
	size_t size = strlen(text);

	return size <= SHORT ? text : psprintf("%.*s...", pg_mbcliplen(text, size, SHORT), text);
}
