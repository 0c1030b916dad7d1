/*
 * longname.c
 *		Names in SQL text that are too long for identifiers. See longname.h.
 *
 * Only as much of SQL is read as tells identifiers from what may hold the same characters: strings of all kinds, and comments. Text that is
 * none of SQL comes out as some other such text; the parser finds what is wrong with it.
 */
#include "pg/base/longname.h"

#include "lib/stringinfo.h"
#include "parser/parser.h"
#include "parser/scansup.h"

#define PREFIX "advfair_long_name_"

static bool
starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || IS_HIGHBIT_SET(c);
}

static bool
continues_name(char c)
{
	return starts_name(c) || (c >= '0' && c <= '9') || c == '$';
}

/* End of what is between quotes, the second of which may be doubled, or with escapes follow a backslash. */
static const char *
skip_quoted(const char *at, bool escapes)
{
	char quote = *at++;

	for (; *at; at++)
	{
		if (*at == '\\' && escapes && at[1])
			at++;
		else if (*at == quote && at[1] == quote)
			at++;
		else if (*at == quote)
			return at + 1;
	}
	return at;
}

/* End of a string between two $tag$. A dollar that begins none ends behind itself. */
static const char *
skip_dollars(const char *at)
{
	const char *tag = at + 1;
	const char *end;

	while (starts_name(*tag) || (tag > at + 1 && *tag >= '0' && *tag <= '9'))
		tag++;
	if (*tag != '$')
		return at + 1;
	tag++;
	end = strstr(tag, pnstrdup(at, tag - at));
	return end ? end + (tag - at) : tag + strlen(tag);
}

/* End of a comment, which begins here; those in C's manner hold others. */
static const char *
skip_comment(const char *at)
{
	int depth = 0;

	if (*at == '-')
		return at + strcspn(at, "\r\n");
	do
	{
		bool begins = at[0] == '/' && at[1] == '*';
		bool ends = at[0] == '*' && at[1] == '/';

		depth += begins - ends;
		at += begins || ends ? 2 : 1;
	} while (*at && depth > 0);
	return at;
}

/* End of the token or of the space at a place; *quoted and *name say what kind of identifier it is, if it is one. */
static const char *
skip_token(const char *text, const char *at, bool *quoted, bool *name)
{
	const char *end = at;

	*quoted = *at == '"' && !(at - text >= 2 && at[-1] == '&' && (at[-2] == 'u' || at[-2] == 'U'));
	*name = starts_name(*at);
	if (*at == '"')
		return skip_quoted(at, false);
	if (*at == '\'')
		return skip_quoted(at, !standard_conforming_strings);
	if (*at == '$')
		return skip_dollars(at);
	if ((at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*'))
		return skip_comment(at);
	if (!continues_name(*at))
		return at + 1;
	while (continues_name(*end)) /* a number, too */
		end++;
	if (end - at == 1 && *end == '\'' && (*at == 'e' || *at == 'E'))
	{
		*name = false;
		return skip_quoted(end, true);
	}
	return end;
}

/* The name that an identifier is. */
static char *
identifier_name(const char *at, const char *end, bool quoted)
{
	char *name;
	char *to;

	if (!quoted)
		return downcase_identifier(at, end - at, false, false);
	name = to = palloc(end - at + 1);
	for (at++; at < end && !(*at == '"' && at[1] != '"'); at++)
	{
		*to++ = *at;
		at += *at == '"';
	}
	*to = '\0';
	return name;
}

char *
advpg_shorten_names(const char *text, List **names)
{
	StringInfoData shortened;
	const char *end;

	*names = NIL;
	initStringInfo(&shortened);
	for (const char *at = text; *at; at = end)
	{
		bool quoted;
		bool is_name;
		char *name;

		end = skip_token(text, at, &quoted, &is_name);
		if ((quoted || is_name) && end - at >= NAMEDATALEN &&
			strlen(name = identifier_name(at, end, quoted)) >= NAMEDATALEN)
		{
			*names = lappend(*names, name);
			appendStringInfo(&shortened, PREFIX "%d", list_length(*names));
		}
		else
			appendBinaryStringInfo(&shortened, at, end - at);
	}
	return shortened.data;
}

const char *
advpg_full_name(const List *names, const char *identifier)
{
	int i = strncmp(identifier, PREFIX, strlen(PREFIX)) == 0 ? atoi(identifier + strlen(PREFIX)) : 0;

	return i > 0 && i <= list_length(names) ? list_nth(names, i - 1) : identifier;
}
