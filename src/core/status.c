/*
 * status.c
 *		Error messages of the core.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/status.h"

/* Format into a buffer; a message that is too long is cut before the UTF-8 character that no longer fits. */
static void format_text(char *buf, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

__attribute__((format(printf, 3, 0))) static void
format_text(char *buf, size_t size, const char *format, va_list args)
{
	int len = vsnprintf(buf, size, format, args);

	if (len < 0)
		buf[0] = '\0';
	else if ((size_t) len >= size)
	{
		size_t end = size - 1;
		size_t start = end;

		while (start > 0 && end - start < 4 && ((unsigned char) buf[start - 1] & 0xc0) == 0x80)
			start--;
		if (start > 0 && (unsigned char) buf[start - 1] >= 0xc0)
		{
			unsigned char lead = (unsigned char) buf[start - 1];
			size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;

			if (end - start + 1 < needed)
				buf[start - 1] = '\0';
		}
	}
}

AdvStatus
adv_fail(AdvError *err, AdvStatus status, const char *format, ...)
{
	if (err)
	{
		va_list args;

		err->status = status;
		err->detail[0] = err->hint[0] = '\0';
		va_start(args, format);
		format_text(err->message, sizeof(err->message), format, args);
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
		format_text(err->detail, sizeof(err->detail), format, args);
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
		format_text(err->hint, sizeof(err->hint), format, args);
		va_end(args);
	}
}
