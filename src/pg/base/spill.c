/*
 * spill.c
 *		A temporary file of the server, as sorts and hashes have them: in temp_tablespaces, within temp_file_limit, logged by
 *		log_temp_files, counted in pg_stat_database, removed whatever ends its process. What is in it is read by way of mappings.
 *
 * Nothing is written through a mapping: where the disk has no room, write says so, a mapping ends the process.
 */
#include "pg/base/spill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nodes/pg_list.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "pg/base/advpg.h"
#include "pg/base/jobsession.h"

#define PAGE    ((uint64) 65536)       /* parts begin at multiples of it: no system has larger pages */
#define AT_ONCE ((size_t) 1024 * 1024) /* bytes between two looks at interrupts */

typedef struct Mapping
{
	void *address;
	size_t size;
} Mapping;

struct AdvpgSpill
{
	MemoryContext context;
	MemoryContextCallback gone;
	File file;    /* -1: released */
	bool lasting; /* it outlives its transaction, and no resource owner closes it */
	uint64 size;
	List *mappings; /* of Mapping * */
};

void
advpg_spill_release(AdvpgSpill *spill)
{
	ListCell *cell;

	foreach (cell, spill->mappings)
	{
		Mapping *m = lfirst(cell);

		(void) munmap(m->address, m->size);
	}
	spill->mappings = NIL;
	if (spill->file >= 0)
		FileClose(spill->file);
	spill->file = -1;
}

/* The context is reset, after an error perhaps. A resource owner has closed the file by then, if one is to. */
static void
let_go(void *arg)
{
	AdvpgSpill *spill = arg;

	if (!spill->lasting)
		spill->file = -1;
	advpg_spill_release(spill);
}

AdvpgSpill *
advpg_spill_create(ResourceOwner owner)
{
	AdvpgSpill *spill = palloc0(sizeof(AdvpgSpill));
	ResourceOwner current = CurrentResourceOwner;

	spill->context = CurrentMemoryContext;
	spill->lasting = advpg_in_job();
	spill->gone.func = let_go;
	spill->gone.arg = spill;
	spill->file = -1;
	CurrentResourceOwner = owner;
	spill->file = OpenTemporaryFile(spill->lasting);
	CurrentResourceOwner = current;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &spill->gone);
	return spill;
}

void
advpg_spill_write(AdvpgSpill *spill, uint64 at, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;)
	{
		int count = (int) Min(n - done, AT_ONCE);
		int written;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		written =
			FileWrite(spill->file, (char *) bytes + done, count, (off_t) (at + done), PG_WAIT_EXTENSION);
		if (written != count)
		{
			errno = errno == 0 ? ENOSPC : errno;
			ereport(
				ERROR, errcode_for_file_access(),
				errmsg("could not write rows to temporary file \"%s\": %m", FilePathName(spill->file)),
				errhint(
					"Rows that advfair.max_memory has no room for are there; temp_tablespaces says where."));
		}
		done += (size_t) written;
	}
}

uint64
advpg_spill_append(AdvpgSpill *spill, const void *bytes, size_t n)
{
	uint64 at = spill->size;

	advpg_spill_write(spill, at, bytes, n);
	spill->size = TYPEALIGN64(PAGE, at + n);
	return at;
}

const char *
advpg_spill_path(const AdvpgSpill *spill)
{
	return FilePathName(spill->file);
}

const void *
advpg_spill_map_path(const char *path, uint64 at, size_t n)
{
	int file = BasicOpenFile(path, O_RDONLY | PG_BINARY);
	void *address;

	if (file < 0)
		return NULL;
	address = mmap(NULL, n, PROT_READ, MAP_SHARED, file, (off_t) at);
	(void) close(file);
	return address == MAP_FAILED ? NULL : address;
}

const void *
advpg_spill_map(AdvpgSpill *spill, uint64 at, size_t n)
{
	MemoryContext old = MemoryContextSwitchTo(spill->context);
	Mapping *m = palloc(sizeof(Mapping));

	m->address = (void *) advpg_spill_map_path(FilePathName(spill->file), at, n);
	m->size = n;
	if (m->address == NULL)
		ereport(ERROR, errcode_for_file_access(),
				errmsg("could not map temporary file \"%s\": %m", FilePathName(spill->file)));
	spill->mappings = lappend(spill->mappings, m);
	MemoryContextSwitchTo(old);
	return m->address;
}

void
advpg_spill_will_need(const void *bytes, size_t n)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t begin = (uintptr_t) bytes / page * page;

	(void) madvise((void *) begin, (uintptr_t) bytes + n - begin, MADV_WILLNEED);
}
