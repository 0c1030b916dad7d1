/*
 * errors.c
 *		Core outcomes as SQL errors, and memory for the core.
 */
#include "pg/base/advpg.h"

#include "utils/guc.h"
#include "utils/memutils.h"

#include "pg/base/characters.h"

static int
status_sqlstate(AdvStatus status)
{
	switch (status)
	{
		case ADV_INVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case ADV_DATA:
			return ERRCODE_DATA_EXCEPTION;
		case ADV_CORRUPT:
			return ERRCODE_INVALID_BINARY_REPRESENTATION;
		case ADV_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case ADV_DIVERGED:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case ADV_ABORTED:
			return ERRCODE_QUERY_CANCELED;
		case ADV_OK:
			break;
	}
	return ERRCODE_INTERNAL_ERROR;
}

void
advpg_raise(const AdvError *err, const char *prefix)
{
	/* texts the core has cut, or a compute worker, which knows no encoding, has made */
	char *message = advpg_mend_text(pstrdup(err->message));
	char *detail = advpg_mend_text(pstrdup(err->detail));
	char *hint = advpg_mend_text(pstrdup(err->hint));

	ereport(ERROR, errcode(status_sqlstate(err->status)),
			errmsg_internal("%s%s", prefix ? prefix : "", message),
			detail[0] ? errdetail_internal("%s", detail) : 0, hint[0] ? errhint("%s", hint) : 0);
	pg_unreachable();
}

int
advpg_interrupted(void *arg)
{
	AdvpgInterruption *interruption = arg;

	if (interruption->error == NULL && INTERRUPTS_PENDING_CONDITION())
	{
		PG_TRY();
		{
			CHECK_FOR_INTERRUPTS();
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(interruption->context);
			interruption->error = CopyErrorData();
			FlushErrorState();
		}
		PG_END_TRY();
	}
	return interruption->error != NULL;
}

void
advpg_raise_interruption(const AdvpgInterruption *interruption)
{
	if (interruption->error)
		ReThrowError(interruption->error);
}

static void *
context_alloc(void *arg, unsigned long size)
{
	return MemoryContextAllocExtended(arg, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
}

AdvAllocator
advpg_allocator(MemoryContext context)
{
	AdvAllocator allocator = {context_alloc, context};

	return allocator;
}
