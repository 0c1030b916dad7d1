/*
 * operation.c
 *		What is around each operation. See operation.h.
 */
#include "pg/base/operation.h"

#include "executor/spi.h"
#include "utils/memutils.h"

#include "pg/base/progress.h"

/* SPI makes a context of its own current on connecting, and frees it in the end: results must not lie there. */
void
advpg_operation(const char *name, const char *model, void (*body)(void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;

	SPI_connect();
	MemoryContextSwitchTo(context);
	advpg_progress_begin(name, model);
	PG_TRY();
	{
		body(arg);
	}
	PG_FINALLY();
	{
		advpg_progress_end();
	}
	PG_END_TRY();
	SPI_finish();
	MemoryContextSwitchTo(context);
}
