/*
 * attach.c
 *		A run's segment as those see it that attach to it. See attach.h.
 *
 * The table of contents knows numbers; names become numbers by a hash of 64 bits. A run has some dozens of names, all of them constants of
 * this library, so two of one number would be noticed by the first test that has them both (advpg_run_create looks).
 */
#include "pg/run/attach.h"

#include "common/hashfn.h"
#include "storage/dsm.h"
#include "utils/memutils.h"

#include "pg/base/advpg.h"
#include "pg/base/segment.h"
#include "pg/base/spill.h"
#include "pg/run/run.h"

uint64
advpg_attach_key(const char *name)
{
	return hash_bytes_extended((const unsigned char *) name, (int) strlen(name), 0);
}

void *
advpg_attach_optional(shm_toc *toc, const char *name)
{
	return shm_toc_lookup(toc, advpg_attach_key(name), true);
}

void *
advpg_attach(shm_toc *toc, const char *name)
{
	void *place = advpg_attach_optional(toc, name);

	if (place == NULL)
		elog(ERROR, "run has no \"%s\"", name);
	return place;
}

char *
advpg_attach_part(const char *set, const char *part)
{
	return psprintf("%s.%s", set, part);
}

/* NULL: the leader has let go of it. */
static const unsigned char *
attach_chunk(const AdvpgSharedChunk *chunk, const char *file)
{
	dsm_segment *segment;

	if (chunk->segment == DSM_HANDLE_INVALID)
		return advpg_spill_map_path(file, chunk->at, chunk->bytes);
	segment = dsm_attach(chunk->segment);
	if (segment == NULL)
		return NULL;
	advpg_segment_map(segment, false);
	return dsm_segment_address(segment);
}

bool
advpg_attach_rows(shm_toc *toc, const char *name, AdvDataset *data)
{
	const AdvpgShared *shared = advpg_attach(toc, ADVPG_TEAM);
	const AdvpgSharedSet *set = advpg_attach(toc, name);
	const AdvpgSharedChunk *shared_chunk = advpg_attach(toc, advpg_attach_part(name, ADVPG_SET_CHUNKS));
	const char *file = advpg_attach(toc, advpg_attach_part(name, ADVPG_SET_FILE));
	const unsigned char **chunks = palloc(sizeof(*chunks) * (set->n_chunks + 1));

	for (int i = 0; i < set->n_chunks; i++)
		if (atomic_load(&shared->team.abort) || (chunks[i] = attach_chunk(&shared_chunk[i], file)) == NULL)
			return false; /* or the leader is gone */
	memset(data, 0, sizeof(*data));
	data->layout.fields = advpg_attach(toc, advpg_attach_part(name, ADVPG_SET_FIELDS));
	data->layout.n_fields = set->n_fields;
	data->layout.shape = set->shape;
	data->layout.row_bytes = set->row_bytes;
	data->n_rows = set->n_rows;
	data->rows_per_chunk = set->rows_per_chunk;
	data->chunks = chunks;
	data->will_need = file[0] == '\0' ? NULL : advpg_spill_will_need;
	data->label = advpg_attach_optional(toc, advpg_attach_part(name, ADVPG_SET_LABEL));
	return true;
}

bool
advpg_attach_optional_rows(shm_toc *toc, const char *name, AdvDataset *into, const AdvDataset **data)
{
	bool there = advpg_attach_optional(toc, name) != NULL;

	*data = there ? into : NULL;
	return !there || advpg_attach_rows(toc, name, into);
}

void *
advpg_attach_memory(size_t size, AdvError *err)
{
	void *memory = palloc_extended(size + 64, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);

	if (memory == NULL)
	{
		adv_fail(err, ADV_LIMIT, "could not allocate %zu bytes in a compute worker", size);
		return NULL;
	}
	return ADVPG_ALIGN64(memory);
}
