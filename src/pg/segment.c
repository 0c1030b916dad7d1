/*
 * segment.c
 *		Dynamic shared memory with an error message that helps.
 */
#include "pg/segment.h"

#include <sys/mman.h>

#include "pg/job.h"

void
advpg_segment_map(dsm_segment *segment, bool write)
{
#if defined(MADV_POPULATE_READ) && defined(MADV_POPULATE_WRITE)
	(void) madvise(dsm_segment_address(segment), dsm_segment_map_length(segment),
				   write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
#endif
}

dsm_segment *
advpg_segment_create(size_t size)
{
	MemoryContext context = CurrentMemoryContext;
	dsm_segment *volatile segment = NULL;

	PG_TRY();
	{
		segment = dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		if (error->hint == NULL)
			error->hint =
				pstrdup("Enlarge /dev/shm (for a container, its shared memory size), use fewer rows, "
						"or set dynamic_shared_memory_type to mmap.");
		ReThrowError(error);
	}
	PG_END_TRY();
	if (segment == NULL)
		ereport(ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("no slot is free for %zu bytes of dynamic shared memory", size),
				errhint("Slots grow with max_connections; run fewer operations at once."));
	if (advpg_in_job())
		dsm_pin_mapping(segment); /* it outlives the transaction that reads the rows */
	advpg_segment_map(segment, true);
	return segment;
}
