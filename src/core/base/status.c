/*
 * status.c
 *		Error messages of the core.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/status.h"

AdvStatus
adv_fail(AdvError *err, AdvStatus status, const char *format, ...)
{
	if (err)
	{
		va_list args;

		err->status = status;
		err->detail[0] = err->hint[0] = '\0';
		memset(err->row, 0, sizeof(err->row));
		va_start(args, format);
		(void) vsnprintf(err->message, sizeof(err->message), format, args);
		va_end(args);
	}
	return status;
}

void
adv_detail(AdvError *err, const char *format, ...)
{
	if (err)
	{
		va_list args;

		va_start(args, format);
		(void) vsnprintf(err->detail, sizeof(err->detail), format, args);
		va_end(args);
	}
}

void
adv_hint(AdvError *err, const char *format, ...)
{
	if (err)
	{
		va_list args;

		va_start(args, format);
		(void) vsnprintf(err->hint, sizeof(err->hint), format, args);
		va_end(args);
	}
}

void
adv_about_row(AdvError *err, AdvErrorRow which, size_t row)
{
	if (err)
		err->row[which] = row + 1;
}
