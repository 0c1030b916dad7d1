/*
 * segment.c
 *		Dynamic shared memory: within advfair.max_memory, and with an error message that helps.
 */
#include "pg/base/segment.h"

#include <sys/mman.h>

#include "storage/shmem.h"

#include "pg/base/advpg.h"
#include "pg/base/jobsession.h"

#define AT_ONCE ((size_t) 16 * 1024 * 1024) /* bytes between two looks at interrupts */

static size_t held = 0;   /* bytes of all segments this process has created and not let go of */
static size_t can_go = 0; /* of these, of segments that can be given up */
static void (*make_room_for)(size_t bytes) = NULL; /* who gives them up */

void
advpg_segment_map(dsm_segment *segment, bool write)
{
#if defined(MADV_POPULATE_READ) && defined(MADV_POPULATE_WRITE)
	char *address = dsm_segment_address(segment);
	size_t size = dsm_segment_map_length(segment);

	for (size_t done = 0; done < size; done += AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		(void) madvise(address + done, Min(size - done, AT_ONCE),
					   write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	}
#endif
}

void
advpg_segment_fill(void *to, const void *from, size_t bytes)
{
	for (size_t done = 0; done < bytes; done += AT_ONCE)
	{
		size_t count = Min(bytes - done, AT_ONCE);

		CHECK_FOR_INTERRUPTS();
		if (from)
			memcpy((char *) to + done, (const char *) from + done, count);
		else
			memset((char *) to + done, 0, count);
	}
}

bool
advpg_segment_fits(size_t bytes)
{
	return add_size(held, bytes) / 1024 <= (size_t) advpg_max_memory;
}

void
advpg_check_memory(size_t bytes, const char *what)
{
	size_t stays = held - can_go;
	size_t total = add_size(stays, bytes);

	if (total / 1024 > (size_t) advpg_max_memory)
		ereport(
			ERROR, errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			errmsg("%s would need %zu MB of shared memory, more than advfair.max_memory (%d MB)", what,
				   total / (1024 * 1024) + 1, advpg_max_memory / 1024),
			stays > 0 ? errdetail("This includes %zu MB that the operation holds already.",
								  stays / (1024 * 1024) + 1)
					  : 0,
			errhint(
				"Use fewer rows, features or models, or a smaller network, or increase advfair.max_memory."));
}

static void
let_go(dsm_segment *segment, Datum size)
{
	held -= DatumGetUInt64(size);
}

static void
has_gone(dsm_segment *segment, Datum size)
{
	can_go -= DatumGetUInt64(size);
}

void
advpg_segment_can_go(dsm_segment *segment, void (*make_room)(size_t bytes))
{
	size_t size = dsm_segment_map_length(segment);

	on_dsm_detach(segment, has_gone, UInt64GetDatum(size));
	can_go += size;
	make_room_for = make_room;
}

dsm_segment *
advpg_segment_create(size_t size, const char *what)
{
	MemoryContext context = CurrentMemoryContext;
	dsm_segment *volatile segment = NULL;

	advpg_check_memory(size, what);
	if (!advpg_segment_fits(size))
		make_room_for(size);
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
	on_dsm_detach(segment, let_go, UInt64GetDatum(size));
	held += size;
	if (advpg_in_job())
		dsm_pin_mapping(segment); /* it outlives the transaction that reads the rows */
	advpg_segment_map(segment, true);
	return segment;
}
